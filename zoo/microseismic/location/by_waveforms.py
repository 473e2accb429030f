"""Where did a microseismic event happen, and how certain is that? Bayesian location with an emulator.

    observation = read_traces("event.npz")
    location = locate(observation, zoo.load("cvae_emulator"))
    print(location.report())
    location.write("located")

Full-waveform location as in Spurio Mancini et al. (2021), section 3.2.2: isotropic source, Gaussian noise, uniform
prior over the emulator's training volume. The paper takes the emulator's earth for the true one; here its errors, those
of clocks and gains, the strength and the pulse of the event and its origin time are part of the likelihood
(`zoo.microseismic.location.world`), as is the emulator's own error. `World.as_simulated()` gives the paper's answer.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo import registry
from zoo.errors import UsageError, did_you_mean
from zoo.files import digest
from zoo.microseismic.location.cutting import cut
from zoo.microseismic.location.engine import Engine, self_check
from zoo.microseismic.location.explanation import EXPLAINED, explain
from zoo.microseismic.location.faults import find_faults
from zoo.microseismic.location.noise import stated_noise
from zoo.microseismic.location.observation import Observation, match
from zoo.microseismic.location.posterior import Posterior, waveform_warnings, wrong_emulator
from zoo.microseismic.location.trace_files import read_traces
from zoo.microseismic.location.trace_likelihood import noise_log_density
from zoo.microseismic.location.world import UNKNOWN_ORIGIN_TIME_S, World, within_record
from zoo.microseismic.location.world_fit import WorldFit, fit
from zoo.microseismic.location.world_likelihood import WorldLikelihood
from zoo.microseismic.location.world_sampler import WorldSampler
from zoo.sampling.cache import cached
from zoo.sampling.convergence import Convergence
from zoo.sampling.samplers import SAMPLERS, check_seed, sample
from zoo.sampling.smc import Settings
from zoo.serving import need_tensorflow

if TYPE_CHECKING:
    import keras
    from matplotlib.figure import Figure

__all__ = ["UNKNOWN_ORIGIN_TIME_S", "Location", "Observation", "World", "locate", "locate_many", "read_traces"]

# The engine of this folder, and those of `zoo.sampling`, which check it.
ENGINE = "population"
# Two independent runs of this size cost as much together as one of the sampler's default size.
SETTINGS = Settings(screen=32_768, particles=1_024, evidence_draws=2_048, batch=2_048)
_STRENGTH = (
    "The strength is m3 of injected volume; times the bulk modulus of the rock at the source (1e10 to 4e10 Pa), it is "
    "the isotropic moment in N m."
)


@dataclass(frozen=True, kw_only=True)
class Location(Posterior):
    """Posterior of the coordinates of one event, by its waveforms.

    Attributes, in addition to those of `Posterior`:
        log_evidence, log_evidence_sd: log density of the traces, averaged over the prior, and its error.
        log_bayes_factor: log evidence of an event minus that of noise alone.
        misfit: (receivers,) mean squared residual divided by its predicted variance; about 1 where emulator, errors of
            the world and noise explain the trace.
        observed, predicted, predictive_sd: (receivers, time) traces, and the mean and standard deviation of what the
            posterior predicts.
        noise_sd: (receivers,) standard deviation of the noise, white or coloured.
        receivers_km: (receivers, 3) of the receivers used.
        time_step_s, unit: of the traces.
        world: errors of the world that were allowed.
        pulse: length of the source's pulse, relative to the emulator's.
        time_terms_s, gains: (receivers,) posterior means of what each receiver is late, and of its gain.
    """

    log_evidence: float
    log_evidence_sd: float
    log_bayes_factor: float
    misfit: np.ndarray
    observed: np.ndarray
    predicted: np.ndarray
    predictive_sd: np.ndarray
    noise_sd: np.ndarray
    receivers_km: np.ndarray
    time_step_s: float
    unit: str
    world: World
    pulse: float
    time_terms_s: np.ndarray
    gains: np.ndarray

    def summary(self) -> dict[str, Any]:
        """Return what `summary.json` holds: plain numbers, by coordinate."""
        return super().summary() | {
            "log_evidence": self.log_evidence,
            "log_evidence_sd": self.log_evidence_sd,
            "log_bayes_factor_over_noise": self.log_bayes_factor,
            "misfit": self.misfit,
            "noise_sd": self.noise_sd,
            "receivers_km": self.receivers_km,
            "unit": self.unit,
            "pulse_length": self.pulse,
            "time_terms_s": self.time_terms_s,
            "gains": self.gains,
        }

    def report(self) -> str:
        """Return where the event is, how certain that is, and what casts doubt on it."""
        lines = [
            *self.parameter_lines(),
            f"log evidence {self.log_evidence:.2f} ± {self.log_evidence_sd:.2f}, over noise alone "
            f"{self.log_bayes_factor:.1f}; effective sample size {self.samples.ess:.0f}",
            "misfit at each receiver (1 is expected): " + ", ".join(f"{v:.2f}" for v in self.misfit),
            self.convergence.report(),
            *self.remark_lines(),
        ]
        return "\n".join(lines)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what `samples.npz` holds."""
        traces = {"observed": self.observed, "predicted": self.predicted, "predictive_sd": self.predictive_sd}
        return super().arrays() | traces

    def figures(self) -> dict[str, Figure]:
        """Return `corner.png` and `traces.png`."""
        from zoo.microseismic.figures.location import traces_figure

        return super().figures() | {
            "traces.png": traces_figure(
                self.observed,
                self.predicted,
                self.predictive_sd,
                self.time_step_s,
                self.receivers_km,
                self.unit,
                time_of_first_sample="origin_time_s" in self.parameters,
            )
        }


def locate(
    traces: np.ndarray | Observation,
    model: keras.Model | str | os.PathLike,
    noise_sd: np.ndarray | float | None = None,
    receivers_km: np.ndarray | None = None,
    sampling_rate_hz: float | None = None,
    seed: int = 0,
    settings: Settings = SETTINGS,
    sampler: str = ENGINE,
    world: World | None = None,
) -> Location:
    """Locate one event from its traces.

    The first call for a model and its receivers emulates a bank of sources and compiles the engine, which the model
    keeps for later events at the same receivers: for many events, load the model once, or call `locate_many`.

    Args:
        traces: (receivers, time) in the emulator's unit; or an Observation, whose fields are used where the arguments
            below are None.
        model: emulator of traces ("microseismic.traces"), or the name or folder of one.
        noise_sd: standard deviation of white noise, scalar or (receivers,). None: the covariance of the
            observation's noise before the event, if there is some; otherwise its noise_sd; otherwise an
            estimate from the samples before the arrivals.
        receivers_km: (receivers, 3); some or all of the emulator's receivers, in any order. None: all
            of them, in its order.
        sampling_rate_hz: compared with the emulator's.
        seed: the same seed gives the same answer.
        settings: `screen` is the number of sources of the bank; the rest is for samplers of `zoo.sampling`.
        sampler: "population" (`zoo.microseismic.location.engine`), or a name of `zoo.sampling.samplers`.
        world: what is not known of the world, and by how much; None: `World()`.

    Returns:
        The posterior of the location, and of what else is unknown.

    Raises:
        ZooError: the model answers something else, or the traces do not fit it or cannot be used.
        UsageError: there is no sampler of that name.

    Source: Spurio Mancini et al. (2021), section 3.2.2.
    """
    need_tensorflow("Location by waveforms")  # it follows the gradient through the emulator
    if sampler != ENGINE and sampler not in SAMPLERS:
        known = (ENGINE, *SAMPLERS)
        raise UsageError(f"There is no sampler {sampler!r}.{did_you_mean(sampler, known)}")
    check_seed(seed)
    model, _ = registry.model_for(model, "microseismic.traces")
    observation = Observation.of(traces, sampling_rate_hz, receivers_km, noise_sd)
    world = within_record(world or World(), model)
    cut_notes: tuple[str, ...] = ()
    # With a known origin time, only the first sample can be it.
    if np.ndim(observation.traces) == 2 and observation.traces.shape[1] > model.samples and world.origin_time_s:
        observation, _, cut_notes = cut(observation, model)
    matched = match(observation, model)
    noise, noise_notes = stated_noise(matched.traces, matched.noise_sd, matched.noise)
    notes = [*cut_notes, *matched.notes, *noise_notes, world.described()]

    engine = _engine(model, matched.receivers, world, settings.screen)
    likelihood = engine.likelihood
    found = fit(engine, matched.traces, noise, seed)
    if "log_strength" in likelihood.parameters and "m3" in str(getattr(model, "unit", "")):
        notes.append(_STRENGTH)
    said, suspected = wrong_emulator(found.wrong)
    notes += said
    convergence = self_check(found.samples)
    if sampler != ENGINE or not convergence.converged:
        found, convergence, said = _sampled(engine, found, settings, sampler, seed)
        notes.append(said)
    samples = found.samples
    draws = np.random.default_rng([seed, 3]).integers(len(samples.samples), size=EXPLAINED)
    heard = explain(engine, samples.samples[draws], found.data, matched.traces, noise, found.pulse, found.wrong)
    # The likelihood is relative to noise alone.
    log_bayes_factor = samples.log_evidence
    names = [str(index) for index in range(len(matched.traces))]
    edges, warnings = _doubts(engine, found, log_bayes_factor, heard.misfit)
    return Location(
        log_evidence=log_bayes_factor + noise_log_density(matched.traces, noise),
        log_evidence_sd=samples.log_evidence_sd,
        log_bayes_factor=log_bayes_factor,
        misfit=heard.misfit,
        samples=_in_units(samples, likelihood.parameters),
        convergence=convergence,
        observed=matched.traces,
        predicted=heard.predicted.mean(axis=0),
        predictive_sd=heard.sd,
        noise_sd=noise.sd,
        receivers_km=np.asarray(model.receivers_km)[list(matched.receivers)],
        time_step_s=float(model.time_step_s),
        unit=observation.unit or getattr(model, "unit", None) or "unit of the traces",
        source_km=None if observation.source_km is None else np.asarray(observation.source_km, np.float64),
        notes=(*notes, *edges, *matched.remarks(samples.mean[:3])),
        warnings=(*suspected, *warnings, *find_faults(matched.traces, heard, found.pulse, world, names)),
        seed=seed,
        parameters=tuple(_UNITS.get(name, (name, None))[0] for name in likelihood.parameters),
        world=world,
        pulse=found.pulse,
        time_terms_s=heard.late_s.mean(axis=0),
        gains=heard.gain.mean(axis=0),
    )


def locate_many(
    events: Sequence[np.ndarray | Observation],
    model: keras.Model | str | os.PathLike,
    seed: int = 0,
    **options: Any,
) -> Iterator[Location]:
    """Locate events one after the other by one model; what is compiled for the first serves them all.

    Args:
        events: as `traces` of `locate`.
        model: as in `locate`.
        seed: of the first event; the next has the next.
        **options: as in `locate`.

    Yields:
        The posterior of each event.
    """
    model, _ = registry.model_for(model, "microseismic.traces")
    for number, event in enumerate(events):
        yield locate(event, model, seed=seed + number, **options)


# What a parameter of the likelihood is called in the answer, and how it is converted.
_UNITS = {
    "log_strength": ("strength_times", np.exp),
    "slowness_change": ("travel_time_change_percent", lambda value: 100.0 * value),
}


def _in_units(samples: Any, parameters: Sequence[str]) -> Any:
    columns = [
        _UNITS[name][1](samples.samples[:, i]) if name in _UNITS else samples.samples[:, i]
        for i, name in enumerate(parameters)
    ]
    return replace(samples, samples=np.column_stack(columns))


def _engine(model: Any, receivers: tuple[int, ...], world: World, bank: int) -> Engine:
    """Return the engine of a model, whose bank and compiled functions serve all its events."""
    # The emulator's errors are constants of the compiled functions: others need other functions.
    errors = getattr(model, "emulator_error", None) or {}
    measured = digest(*(part for name in sorted(errors) for part in (name, np.asarray(errors[name]))))
    return cached(
        model,
        ("waveforms", receivers, world, bank, measured),
        lambda: Engine(WorldLikelihood(model, receivers, world, bank)),
    )


def _sampled(
    engine: Engine, found: WorldFit, settings: Settings, sampler: str, seed: int
) -> tuple[WorldFit, Convergence, str]:
    """Return the same posterior by a sampler of `zoo.sampling`, as asked for or because the engine's is not trusted."""
    name = "smc" if sampler == ENGINE else sampler
    said = f"Sampled by {name}" + (": the importance draws were too uneven." if sampler == ENGINE else ".")
    likelihood = engine.likelihood
    compiled = cached(likelihood, ("sampler", settings), lambda: WorldSampler(engine, settings))
    try:
        samples, convergence = sample(compiled, found.data, name, seed)
    except np.linalg.LinAlgError:
        # Particles that all lie in a plane, or on one point: the engine's own answer, and its problem, stand.
        if sampler != ENGINE:
            raise
        return found, self_check(found.samples), "The importance draws were too uneven, and smc did not move."
    return replace(found, samples=samples), convergence, said


def _doubts(
    engine: Engine, found: WorldFit, log_bayes_factor: float, misfit: np.ndarray
) -> tuple[list[str], list[str]]:
    """Return notes on edges of the prior that are reached, and warnings: noise alone, unexplained traces."""
    world = engine.likelihood.world
    parameters = engine.likelihood.parameters
    columns = 4 if world.origin_time_s is not None else 3
    said = waveform_warnings(parameters[:columns], found.samples, engine, log_bayes_factor, misfit)
    if world.is_as_simulated:
        return [], said
    # A wide posterior reaches an edge wherever the event is: that is no fault.
    edges = [text for text in said if "The posterior reaches" in text]
    return edges, [text for text in said if text not in edges]

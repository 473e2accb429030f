"""Where did a microseismic event happen, and how certain is that? Bayesian location with an emulator.

    observation = read_traces("event.npz")
    location = locate(observation, zoo.load("cvae_emulator"))
    print(location.report())
    location.write("located")

Full-waveform location as in Spurio Mancini et al. (2021), section 3.2.2: isotropic source, Gaussian noise, uniform
prior over the emulator's training volume; here the likelihood also includes the emulator's own error, and the
posterior is checked for the false modes that such posteriors have. The noise may be coloured, and the origin time,
which the paper assumes to be known, may be inferred.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo import registry
from zoo.errors import ZooError
from zoo.files import digest
from zoo.microseismic.location.noise import stated_noise
from zoo.microseismic.location.observation import Observation, match
from zoo.microseismic.location.origin_time import OriginTimeSampler
from zoo.microseismic.location.posterior import AXES, Posterior, waveform_warnings
from zoo.microseismic.location.trace_files import read_traces
from zoo.microseismic.location.trace_likelihood import TraceLikelihood, noise_log_density, normalisation
from zoo.sampling.cache import cached
from zoo.sampling.samplers import check_name, check_seed, sample
from zoo.sampling.smc import Sampler, Settings
from zoo.serving import need_tensorflow

if TYPE_CHECKING:
    import keras
    from matplotlib.figure import Figure

__all__ = ["UNKNOWN_ORIGIN_TIME_S", "Location", "Observation", "locate", "read_traces"]

# Two independent runs of this size cost as much together as one of the sampler's default size.
SETTINGS = Settings(screen=32_768, particles=1_024, evidence_draws=2_048, batch=2_048)
# The origin time of a detector or a catalogue is accurate to a few tenths of a second. A wider range moves more of the
# pulses out of the window: the emulated traces end 2 s after the origin.
UNKNOWN_ORIGIN_TIME_S = (-0.5, 0.5)
# Samples of the posterior whose traces make the predictive band.
_BAND_SAMPLES = 128


@dataclass(frozen=True, kw_only=True)
class Location(Posterior):
    """Posterior of the coordinates of one event, by its waveforms.

    Attributes, in addition to those of `Posterior`:
        log_evidence, log_evidence_sd: log density of the traces, averaged over the prior, and its error.
        log_bayes_factor: log evidence of an event minus that of noise alone.
        misfit: (receivers,) mean squared residual at the posterior mean divided by its predicted variance;
            about 1 where emulator and noise explain the trace.
        observed, predicted, predictive_sd: (receivers, time) traces, those of the posterior mean,
            and the standard deviation of data about them.
        noise_sd: (receivers,) standard deviation of the noise, white or coloured.
        receivers_km: (receivers, 3) of the receivers used.
        time_step_s, unit: of the traces.
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
                time_of_first_sample=len(self.parameters) > 3,
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
    sampler: str = "smc",
    origin_time_s: tuple[float, float] | None = None,
) -> Location:
    """Locate one event from its traces.

    The first call for a model compiles the sampler, which the model keeps for later events at the same receivers: for
    many events, load the model once.

    Args:
        traces: (receivers, time) from the origin time on, in the emulator's unit; or an Observation,
            whose fields are used where the arguments below are None.
        model: emulator of traces ("microseismic.traces"), or the name or folder of one.
        noise_sd: standard deviation of white noise, scalar or (receivers,). None: the covariance of the
            observation's noise before the event, if there is some; otherwise its noise_sd; otherwise an
            estimate from the samples before the arrivals.
        receivers_km: (receivers, 3); some or all of the emulator's receivers, in any order. None: all
            of them, in its order.
        sampling_rate_hz: compared with the emulator's.
        seed: the same seed gives the same answer.
        settings: size of each of the two runs of the sampler.
        sampler: name, see `zoo.sampling.samplers`.
        origin_time_s: earliest and latest origin time after the first sample, e.g.
            `UNKNOWN_ORIGIN_TIME_S`: it is inferred with the location. None: it is the first sample.

    Returns:
        The posterior of the location, and of the origin time if that is unknown.

    Raises:
        ZooError: the model answers something else, or the traces do not fit it or cannot be used.
        UsageError: there is no sampler of that name.

    Source: Spurio Mancini et al. (2021), section 3.2.2.
    """
    need_tensorflow("Location by waveforms")  # it follows the gradient through the emulator
    check_name(sampler)
    check_seed(seed)
    model, _ = registry.model_for(model, "microseismic.traces")
    observation = Observation.of(traces, sampling_rate_hz, receivers_km, noise_sd)
    matched = match(observation, model)
    noise, noise_notes = stated_noise(matched.traces, matched.noise_sd, matched.noise)
    notes = (*matched.notes, *noise_notes, *([f"Sampled by {sampler}."] if sampler != "smc" else []))

    origin_time_s = _origin_time(origin_time_s, model)
    likelihood, engine = _compiled(model, matched.receivers, settings, origin_time_s)
    data = likelihood.data(matched.traces, noise)
    samples, convergence = sample(engine, data, sampler, seed)
    draws = np.random.default_rng([seed, 3]).integers(len(samples.samples), size=_BAND_SAMPLES)
    predicted, predictive_sd, misfit = likelihood.predictive(
        samples.mean, samples.samples[draws], matched.traces, noise
    )
    log_evidence = samples.log_evidence + normalisation(*data)
    log_bayes_factor = log_evidence - noise_log_density(matched.traces, noise)
    parameters = AXES if origin_time_s is None else (*AXES, "origin_time_s")
    return Location(
        log_evidence=log_evidence,
        log_evidence_sd=samples.log_evidence_sd,
        log_bayes_factor=log_bayes_factor,
        misfit=misfit,
        samples=samples,
        convergence=convergence,
        observed=matched.traces,
        predicted=predicted,
        predictive_sd=predictive_sd,
        noise_sd=noise.sd,
        receivers_km=np.asarray(model.receivers_km)[list(matched.receivers)],
        time_step_s=float(model.time_step_s),
        unit=observation.unit or getattr(model, "unit", None) or "unit of the traces",
        source_km=None if observation.source_km is None else np.asarray(observation.source_km, np.float64),
        notes=notes,
        warnings=tuple(waveform_warnings(parameters, samples, engine, log_bayes_factor, misfit)),
        seed=seed,
        parameters=parameters,
    )


def _compiled(
    model: Any, receivers: tuple[int, ...], settings: Settings, origin_time_s: tuple[float, float] | None
) -> tuple[TraceLikelihood, Sampler]:
    """Return the likelihood and the sampler of a model, whose compiled loops serve all its events."""

    def make() -> tuple[TraceLikelihood, Sampler]:
        likelihood = TraceLikelihood(model, receivers, origin_time_s)
        if origin_time_s is None:
            return likelihood, Sampler(likelihood, model.lower_km, model.upper_km, settings)
        earliest, latest = origin_time_s
        lower, upper = np.append(model.lower_km, earliest), np.append(model.upper_km, latest)
        return likelihood, OriginTimeSampler(likelihood, lower, upper, settings)

    # The emulator's errors are constants of the compiled functions: others need other functions.
    errors = getattr(model, "emulator_error", None) or {}
    measured = digest(*(part for name in sorted(errors) for part in (name, np.asarray(errors[name]))))
    return cached(model, ("waveforms", receivers, settings, origin_time_s, measured), make)


def _origin_time(origin_time_s: tuple[float, float] | None, model: Any) -> tuple[float, float] | None:
    """Return the range of origin times as two numbers, or refuse it."""
    if origin_time_s is None:
        return None
    duration_s = (model.samples - 1) * model.time_step_s
    try:
        earliest, latest = (float(time) for time in origin_time_s)
    except (TypeError, ValueError) as error:
        raise ZooError(
            f"origin_time_s is {origin_time_s!r}; expected two numbers, earliest and latest in s."
        ) from error
    if not -duration_s < earliest < latest < duration_s:
        raise ZooError(
            f"The origin time is between {earliest:g} and {latest:g} s; expected earliest < latest, both less "
            f"than the {duration_s:g} s of the emulated traces away from the first sample."
        )
    return earliest, latest

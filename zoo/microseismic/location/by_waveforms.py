"""Where did a microseismic event happen, and how sure is that? Bayesian location with an emulator.

    observation = read_traces("event.npz")
    location = locate(observation, zoo.load("cvae_emulator"))
    print(location.report())
    location.write("located")

Full-waveform location as in Spurio Mancini et al. (2021), section 3.2.2: isotropic source, Gaussian
noise, uniform prior over the emulator's training volume; here with the emulator's own error in the
likelihood, and with a check against the false modes such posteriors have. The noise may be coloured, and
the origin time, which the paper knows, may be inferred.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import ZooError
from zoo.files import write_json, write_with
from zoo.microseismic.location.likelihood import TraceLikelihood, noise_log_density, normalisation
from zoo.microseismic.location.noise import Noise, estimate_noise_sd
from zoo.microseismic.location.observation import Matched, Observation, match, read_traces
from zoo.microseismic.location.origin_time import OriginTimeSampler
from zoo.microseismic.location.posterior import AXES, Posterior, waveform_warnings
from zoo.sampling.samplers import check_name, sample
from zoo.sampling.smc import Sampler, Settings

__all__ = ["UNKNOWN_ORIGIN_TIME_S", "Location", "Observation", "locate", "read_traces"]

# Two independent runs of this size cost as much together as one of the sampler's default.
SETTINGS = Settings(screen=32_768, particles=1_024, evidence_draws=2_048, batch=2_048)
# A detector's or a catalogue's origin time is good to some tenths of a second. A wider range moves more
# of the pulses out of the window: the emulated traces have no more than the 2 s after the origin.
UNKNOWN_ORIGIN_TIME_S = (-0.5, 0.5)
# Samples of the posterior whose traces make the predictive band.
_BAND_SAMPLES = 128


@dataclass(frozen=True, kw_only=True)
class Location(Posterior):
    """Posterior of the coordinates of one event, by its waveforms.

    Attributes beside those of `Posterior`:
        log_evidence, log_evidence_sd: log density of the traces, averaged over the prior.
        log_bayes_factor: log evidence of an event minus that of noise alone.
        misfit: (receivers,) mean squared residual at the posterior mean over its predicted variance;
            about 1 where the emulator and noise explain the trace.
        observed, predicted, predictive_sd: (receivers, time) traces, those of the posterior mean,
            and the standard deviation of data about them.
        noise_sd: (receivers,) used; of coloured noise, too.
        receivers_km: (receivers, 3) used.
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
        """Say where the event is, how sure that is, and what to doubt."""
        lines = [
            *self.parameter_lines(),
            f"log evidence {self.log_evidence:.2f} ± {self.log_evidence_sd:.2f}, over noise alone "
            f"{self.log_bayes_factor:.1f}; effective sample size {self.samples.ess:.0f}",
            "misfit at each receiver (1 is expected): " + ", ".join(f"{v:.2f}" for v in self.misfit),
            self.convergence.report(),
            *self.remark_lines(),
        ]
        return "\n".join(lines)

    def write(self, folder: str | os.PathLike) -> Path:
        """Write samples.npz, summary.json, corner.png and traces.png to a folder; return it."""
        from zoo.figures import save_figure
        from zoo.microseismic.figures.location import corner_figure, traces_figure

        folder = Path(folder)
        columns = {"samples_km": self.samples.samples[:, :3]}
        columns |= {name: self.samples.samples[:, index] for index, name in enumerate(self.parameters) if index > 2}
        write_with(
            folder / "samples.npz",
            lambda path: np.savez_compressed(
                path,
                **columns,
                log_likelihood=self.samples.log_likelihood,
                observed=self.observed,
                predicted=self.predicted,
                predictive_sd=self.predictive_sd,
            ),
        )
        save_figure(corner_figure(self.samples.samples, self.source_km), folder / "corner.png")
        save_figure(
            traces_figure(
                self.observed,
                self.predicted,
                self.predictive_sd,
                self.time_step_s,
                self.receivers_km,
                self.unit,
                time_of_first_sample=len(self.parameters) > 3,
            ),
            folder / "traces.png",
        )
        # Last: where it is, the others are.
        write_json(folder / "summary.json", self.summary())
        return folder


def locate(
    traces: np.ndarray | Observation,
    model: Any,
    noise_sd: np.ndarray | float | None = None,
    receivers_km: np.ndarray | None = None,
    sampling_rate_hz: float | None = None,
    seed: int = 0,
    settings: Settings = SETTINGS,
    sampler: str = "smc",
    origin_time_s: tuple[float, float] | None = None,
) -> Location:
    """Locate one event from its traces.

    The first call for a model compiles the sampler; later events at the same receivers reuse it.

    Args:
        traces: (receivers, time) from the origin time on, in the emulator's unit; or an Observation,
            whose fields are used where the arguments below are None.
        model: emulator of traces, e.g. `zoo.load("cvae_emulator")`.
        noise_sd: standard deviation of white noise, scalar or (receivers,). None: the covariance of the
            observation's noise before the event, if it has some; or else its noise_sd; or else an
            estimate from the samples before the arrivals.
        receivers_km: (receivers, 3); some or all of the emulator's receivers, in any order. None: all
            of them, in its order.
        sampling_rate_hz: checked against the emulator's.
        seed: the same seed gives the same answer.
        settings: size of each of the two runs of the sampler.
        sampler: name, see `zoo.sampling.samplers`.
        origin_time_s: earliest and latest origin time after the first sample, e.g.
            `UNKNOWN_ORIGIN_TIME_S`: it is inferred with the place. None: it is the first sample.

    Raises:
        ZooError: the traces do not fit the emulator or cannot be used.
        UsageError: there is no sampler of that name.
    """
    check_name(sampler)
    if seed < 0:
        raise ZooError(f"The seed is {seed}; expected a whole number from 0 on.")
    if hasattr(model, "frame_every"):
        raise ZooError(
            "This emulator gives Green's functions, not traces of explosions: infer place and mechanism with it "
            "(`zoo mechanism`), or locate with another, e.g. pca_gp_emulator."
        )
    given = traces if isinstance(traces, Observation) else Observation(traces)
    observation = replace(
        given,
        sampling_rate_hz=given.sampling_rate_hz if sampling_rate_hz is None else sampling_rate_hz,
        receivers_km=given.receivers_km if receivers_km is None else receivers_km,
        noise_sd=given.noise_sd if noise_sd is None else noise_sd,
        noise=given.noise if noise_sd is None else None,
    )
    matched = match(observation, model)
    notes = list(matched.notes)
    noise = _noise(matched, notes)
    if sampler != "smc":
        notes.append(f"Sampled by {sampler}.")

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
    source_km = None if observation.source_km is None else np.asarray(observation.source_km, np.float64)
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
        source_km=source_km,
        notes=tuple(notes),
        warnings=tuple(waveform_warnings(parameters, samples.mean, samples.sd, engine, log_bayes_factor, misfit)),
        seed=seed,
        parameters=parameters,
    )


@lru_cache(maxsize=4)
def _compiled(
    model: Any, receivers: tuple[int, ...], settings: Settings, origin_time_s: tuple[float, float] | None
) -> tuple[TraceLikelihood, Sampler]:
    """Return the likelihood and the sampler of a model, whose compiled loops serve all its events."""
    likelihood = TraceLikelihood(model, receivers, origin_time_s)
    if origin_time_s is None:
        return likelihood, Sampler(likelihood, model.lower_km, model.upper_km, settings)
    earliest, latest = origin_time_s
    lower, upper = np.append(model.lower_km, earliest), np.append(model.upper_km, latest)
    return likelihood, OriginTimeSampler(likelihood, lower, upper, settings)


def _origin_time(origin_time_s: tuple[float, float] | None, model: Any) -> tuple[float, float] | None:
    """Check the range of origin times."""
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
            f"than the {duration_s:g} s of the emulated traces from the first sample."
        )
    return earliest, latest


def _noise(matched: Matched, notes: list[str]) -> Noise:
    """Return the noise that an observation states, or an estimate."""
    if matched.noise is not None:
        noise = Noise.from_samples(matched.noise)
        listed = ", ".join(f"{value:.3g}" for value in noise.sd)
        notes.append(f"The noise is coloured as the {noise.samples} samples before the event are: sd {listed}.")
        return noise
    if matched.noise_sd is not None:
        return Noise.white(matched.noise_sd)
    noise_sd = estimate_noise_sd(matched.traces)
    notes.append("The noise was estimated from the traces: sd " + ", ".join(f"{v:.3g}" for v in noise_sd) + ".")
    return Noise.white(noise_sd)

"""Where did a microseismic event happen, and how sure is that? Bayesian location with an emulator.

    observation = read_traces("event.npz")
    location = locate(observation, zoo.load("cvae_emulator"))
    print(location.report())
    location.write("located")

Full-waveform location as in Spurio Mancini et al. (2021), section 3.2.2: known origin time, isotropic
source, Gaussian noise, uniform prior over the emulator's training volume; here with the emulator's
own error in the likelihood, and with a check against the false modes such posteriors have.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import ZooError
from zoo.files import write_json, write_with
from zoo.inference.convergence import sample_checked
from zoo.inference.likelihood import (
    TraceLikelihood,
    estimate_noise_sd,
    noise_normalisation,
    silence_log_likelihood,
)
from zoo.inference.smc import Sampler, Settings
from zoo.tasks.observation import Observation, match, read_traces
from zoo.tasks.posterior import AXES, Posterior

__all__ = ["Location", "Observation", "locate", "read_traces"]

# Two independent runs of this size cost as much together as one of the sampler's default.
SETTINGS = Settings(screen=32_768, particles=1_024, evidence_draws=2_048, batch=2_048)
# An event must be this much likelier than noise, log Bayes factor ("strong" in Jeffreys' scale).
_MIN_LOG_BAYES_FACTOR = 3.0
# Samples of the posterior whose traces make the predictive band.
_BAND_SAMPLES = 128
# Normalised misfit beyond which the emulator does not explain a trace.
_MAX_MISFIT = 1.5


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
        noise_sd: (receivers,) used.
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
        from zoo.figures.location import corner_figure, traces_figure

        folder = Path(folder)
        write_with(
            folder / "samples.npz",
            lambda path: np.savez_compressed(
                path,
                samples_km=self.samples.samples,
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
) -> Location:
    """Locate one event from its traces.

    The first call for a model compiles the sampler; later events at the same receivers reuse it.

    Args:
        traces: (receivers, time) from the origin time on, in the emulator's unit; or an Observation,
            whose fields are used where the arguments below are None.
        model: emulator of traces, e.g. `zoo.load("cvae_emulator")`.
        noise_sd: standard deviation of the noise, scalar or (receivers,); None: estimated from the
            samples before the arrivals.
        receivers_km: (receivers, 3); some or all of the emulator's receivers, in any order. None: all
            of them, in its order.
        sampling_rate_hz: checked against the emulator's.
        seed: the same seed gives the same answer.
        settings: size of each of the two runs of the sampler.

    Raises:
        ZooError: the traces do not fit the emulator or cannot be used.
    """
    if seed < 0:
        raise ZooError(f"The seed is {seed}; expected a whole number from 0 on.")
    given = traces if isinstance(traces, Observation) else Observation(traces)
    observation = Observation(
        traces=given.traces,
        sampling_rate_hz=given.sampling_rate_hz if sampling_rate_hz is None else sampling_rate_hz,
        receivers_km=given.receivers_km if receivers_km is None else receivers_km,
        noise_sd=given.noise_sd if noise_sd is None else noise_sd,
        source_km=given.source_km,
        unit=given.unit,
    )
    matched = match(observation, model)
    notes = list(matched.notes)
    noise = matched.noise_sd
    if noise is None:
        noise = estimate_noise_sd(matched.traces)
        notes.append("The noise was estimated from the traces: sd " + ", ".join(f"{v:.3g}" for v in noise) + ".")

    likelihood, sampler = _compiled(model, matched.receivers, settings)
    samples, convergence = sample_checked(sampler, (matched.traces, noise), seed)
    mean = samples.mean
    predicted, predictive_sd = _predictive(
        likelihood, samples.samples, matched.traces, noise, np.random.default_rng([seed, 3])
    )
    misfit = np.mean(((matched.traces - predicted) / predictive_sd) ** 2, axis=-1)
    log_bayes_factor = samples.log_evidence - silence_log_likelihood(matched.traces, noise)
    source_km = None if observation.source_km is None else np.asarray(observation.source_km, np.float64)
    return Location(
        log_evidence=samples.log_evidence + noise_normalisation(noise, matched.traces.shape[1]),
        log_evidence_sd=samples.log_evidence_sd,
        log_bayes_factor=log_bayes_factor,
        misfit=misfit,
        samples=samples,
        convergence=convergence,
        observed=matched.traces,
        predicted=predicted,
        predictive_sd=predictive_sd,
        noise_sd=noise,
        receivers_km=np.asarray(model.receivers_km)[list(matched.receivers)],
        time_step_s=float(model.time_step_s),
        unit=observation.unit or getattr(model, "unit", None) or "unit of the traces",
        source_km=source_km,
        notes=tuple(notes),
        warnings=tuple(_warnings(mean, samples.sd, sampler, log_bayes_factor, misfit)),
        seed=seed,
    )


@lru_cache(maxsize=4)
def _compiled(model: Any, receivers: tuple[int, ...], settings: Settings) -> tuple[TraceLikelihood, Sampler]:
    """Return the likelihood and the sampler of a model, whose compiled loops serve all its events."""
    likelihood = TraceLikelihood(model, receivers)
    return likelihood, Sampler(likelihood, model.lower_km, model.upper_km, settings)


def _predictive(
    likelihood: TraceLikelihood,
    samples_km: np.ndarray,
    traces: np.ndarray,
    noise_sd: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the traces of the posterior mean and the sd of data about them, each (receivers, time)."""
    mean = samples_km.mean(axis=0)
    chosen = samples_km[rng.integers(len(samples_km), size=_BAND_SAMPLES)]
    spread = likelihood.predict(np.concatenate([mean[np.newaxis], chosen]).astype(np.float32)).numpy()
    posterior_sd = spread[1:].std(axis=0)
    return spread[0], np.hypot(likelihood.predictive_sd(mean, traces, noise_sd), posterior_sd)


def _warnings(
    mean: np.ndarray, sd: np.ndarray, sampler: Sampler, log_bayes_factor: float, misfit: np.ndarray
) -> list[str]:
    warnings = []
    for index, axis in enumerate(AXES):
        for side, edge in (("lower", sampler.lower[index]), ("upper", sampler.upper[index])):
            if abs(mean[index] - edge) < 3.0 * sd[index]:
                warnings.append(
                    f"The posterior reaches the {side} edge of the emulator's training volume, {axis} = "
                    f"{edge:g}: the event may lie outside, where the emulator knows nothing."
                )
    if log_bayes_factor < _MIN_LOG_BAYES_FACTOR:
        warnings.append(
            f"Noise alone explains the traces about as well as an event (log Bayes factor {log_bayes_factor:.1f})."
        )
    for index, value in enumerate(misfit):
        if value > _MAX_MISFIT:
            warnings.append(
                f"The trace of receiver {index} is not explained: its residual has {value:.1f} times the "
                "expected variance. Its noise_sd, unit, origin time or the emulator's medium may be wrong."
            )
    return warnings

"""Where an event happened, and how sure that is: one form for every likelihood and every sampler."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from zoo.sampling.convergence import Convergence
from zoo.sampling.smc import Sampler, Samples

AXES = ("x_km", "y_km", "z_km")
# An event must be this much likelier than noise, log Bayes factor ("strong" in Jeffreys' scale).
_MIN_LOG_BAYES_FACTOR = 3.0
# Normalised misfit beyond which the emulator does not explain a trace.
_MAX_MISFIT = 1.5


@dataclass(frozen=True, kw_only=True)
class Posterior:
    """Posterior of the coordinates of one event, and of what else was inferred with them.

    Attributes:
        samples: of the sampler, (n, parameters).
        convergence: of its two runs.
        source_km: (3,) truth, where known.
        notes, warnings: sentences.
        seed: of the sampler.
        parameters: names of the columns of the samples; x, y, z in km (z up) come first.
    """

    samples: Samples
    convergence: Convergence
    source_km: np.ndarray | None
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    seed: int
    parameters: tuple[str, ...] = AXES

    @property
    def mean_km(self) -> np.ndarray:
        """Posterior mean (3,)."""
        return self.samples.mean[:3]

    @property
    def sd_km(self) -> np.ndarray:
        """Posterior standard deviation (3,)."""
        return self.samples.sd[:3]

    @property
    def interval_68_km(self) -> np.ndarray:
        """Central 68 % credible interval (3, 2)."""
        return self._interval(68.0)[:3]

    @property
    def interval_95_km(self) -> np.ndarray:
        """Central 95 % credible interval (3, 2)."""
        return self._interval(95.0)[:3]

    @property
    def converged(self) -> bool:
        """True when the two runs agree and no other place explains the data as well."""
        return self.convergence.converged

    def _interval(self, percent: float) -> np.ndarray:
        tail = 0.5 * (100.0 - percent)
        return np.percentile(self.samples.samples, [tail, 100.0 - tail], axis=0).T

    def summary(self) -> dict[str, Any]:
        """Return plain numbers, by parameter, and what speaks for and against them."""
        columns = zip(
            self.parameters,
            self.samples.mean,
            self.samples.sd,
            self._interval(68.0),
            self._interval(95.0),
            strict=True,
        )
        result: dict[str, Any] = {
            name: {"mean": mean, "sd": sd, "interval_68": inner, "interval_95": outer}
            for name, mean, sd, inner, outer in columns
        }
        result |= {
            "effective_sample_size": self.samples.ess,
            "acceptance": _finite(self.samples.acceptance),
            "stages": self.samples.stages,
            "likelihood_calls": self.samples.calls,
            "converged": self.converged,
            "convergence": {key: _finite(value) for key, value in asdict(self.convergence).items()},
            "seed": self.seed,
            "notes": self.notes,
            "warnings": self.warnings,
        }
        if self.source_km is not None:
            result["source_km"] = self.source_km
            result["source_offset_sd"] = (self.source_km - self.mean_km) / self.sd_km
        return result

    def parameter_lines(self) -> list[str]:
        """Return a line for each parameter: mean, sd, 68 and 95 % interval."""
        entries = self.summary()
        lines = []
        for name in self.parameters:
            entry, (symbol, unit) = entries[name], name.rsplit("_", 1)
            (low, high), (lower, upper) = entry["interval_68"], entry["interval_95"]
            lines.append(
                f"{symbol.replace('_', ' ')} = {entry['mean']:.4f} ± {entry['sd']:.4f} {unit}   "
                f"68 % [{low:.4f}, {high:.4f}]   95 % [{lower:.4f}, {upper:.4f}]"
            )
        return lines

    def remark_lines(self) -> list[str]:
        """Return the notes and warnings, a line each."""
        return [f"note: {note}" for note in self.notes] + [f"warning: {warning}" for warning in self.warnings]


def _finite(value: Any) -> Any:
    """JSON has no infinity: a comparison with nothing is null."""
    return None if isinstance(value, float) and not np.isfinite(value) else value


def waveform_warnings(
    parameters: tuple[str, ...],
    mean: np.ndarray,
    sd: np.ndarray,
    sampler: Sampler,
    log_bayes_factor: float,
    misfit: np.ndarray,
) -> list[str]:
    """Return what speaks against a location by waveforms.

    Args:
        parameters: names, as of `Posterior`.
        mean, sd: of the posterior, (parameters,).
        sampler: its box is the prior.
        log_bayes_factor: log evidence of an event minus that of noise alone.
        misfit: (receivers,) mean squared residual over its predicted variance.
    """
    warnings = []
    for index, name in enumerate(parameters):
        for side, edge in (("lower", sampler.lower[index]), ("upper", sampler.upper[index])):
            if abs(mean[index] - edge) >= 3.0 * sd[index]:
                continue
            if name in AXES:
                warnings.append(
                    f"The posterior reaches the {side} edge of the emulator's training volume, {name} = "
                    f"{edge:g}: the event may lie outside, where the emulator knows nothing."
                )
            else:
                warnings.append(
                    f"The posterior reaches the {side} end of the origin times, {edge:g} s: allow a wider "
                    "range (origin_time_s), or cut the window nearer to the event."
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

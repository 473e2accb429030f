"""Where an event happened, and how certain that is: one form for every likelihood and every sampler."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.files import write_json, write_with
from zoo.sampling.convergence import Convergence
from zoo.sampling.smc import Sampler, Samples

if TYPE_CHECKING:
    from matplotlib.figure import Figure

AXES = ("x_km", "y_km", "z_km")
# A posterior reaches an edge of the prior if its mean is closer than this: beyond lies one sample in 740 of a Gaussian.
_EDGE_SD = 3.0
# An event must be this much likelier than noise, as a log Bayes factor ("strong" on Jeffreys' scale).
_MIN_LOG_BAYES_FACTOR = 3.0
# Factors of an emulator's error that are mentioned, and that are more than a bad place explains.
_NOTABLY_WRONG, _TOO_WRONG = 1.5, 4.0
# Ratio of a trace's squared residual to its expected value beyond which the emulator does not explain the trace.
_MAX_MISFIT = 1.5


@dataclass(frozen=True, kw_only=True)
class Posterior:
    """Posterior of the coordinates of one event, and of whatever else was inferred with them.

    Attributes:
        samples: of the sampler, (n, parameters).
        convergence: whether its two runs agree.
        source_km: (3,) true location, where known.
        notes: sentences on what was done to the data.
        warnings: sentences on what speaks against the answer.
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
        """True if the two runs agree and no other location explains the data as well."""
        return self.convergence.converged

    def _interval(self, percent: float) -> np.ndarray:
        tail = 0.5 * (100.0 - percent)
        return np.percentile(self.samples.samples, [tail, 100.0 - tail], axis=0).T

    def summary(self) -> dict[str, Any]:
        """Return what `summary.json` holds: plain numbers, by parameter, and what speaks for and against them."""
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
        """Return a line for each parameter: mean, sd, and the 68 and 95 % intervals."""
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

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what `samples.npz` holds."""
        others = {name: self.samples.samples[:, index] for index, name in enumerate(self.parameters) if index > 2}
        return {
            "samples_km": self.samples.samples[:, :3],
            **others,
            "log_likelihood": self.samples.log_likelihood,
        }

    def figures(self) -> dict[str, Figure]:
        """Return the figures to write, by the names of their files."""
        from zoo.microseismic.figures.location import corner_figure

        columns = 4 if "origin_time_s" in self.parameters else 3
        return {"corner.png": corner_figure(self.samples.samples[:, :columns], self.source_km)}

    def write(self, folder: str | os.PathLike) -> Path:
        """Write `samples.npz`, the figures and, last, `summary.json` to a folder; return it.

        A folder with a summary is complete.
        """
        from zoo.figures import save_figure

        folder = Path(folder)
        write_with(folder / "samples.npz", lambda path: np.savez_compressed(path, **self.arrays()))
        for name, figure in self.figures().items():
            save_figure(figure, folder / name)
        write_json(folder / "summary.json", self.summary())
        return folder


def _finite(value: Any) -> Any:
    """Return a number for JSON, which has no infinity: a comparison with nothing becomes null."""
    return None if isinstance(value, float) and not np.isfinite(value) else value


def edges_reached(samples: Samples, sampler: Sampler) -> Iterator[tuple[int, str, float]]:
    """Yield each edge of the prior that the posterior reaches, so that the prior may cut it off.

    Args:
        samples: of the posterior.
        sampler: its box is the prior.

    Yields:
        Index of the parameter, "lower" or "upper", value of the edge.
    """
    for index, (mean, sd) in enumerate(zip(samples.mean, samples.sd, strict=True)):
        for side, edge in (("lower", sampler.lower[index]), ("upper", sampler.upper[index])):
            if abs(mean - edge) < _EDGE_SD * sd:
                yield index, side, float(edge)


def wrong_emulator(factors: np.ndarray | None) -> tuple[list[str], list[str]]:
    """Return notes and warnings on factors (receivers,) by which an emulator's errors are larger than measured."""
    if factors is None or np.max(factors) <= _NOTABLY_WRONG:
        return [], []
    said = (
        "More is left of the traces than the emulator's mean error explains; its errors are taken as larger, by "
        f"factors of {', '.join(f'{one:.1f}' for one in factors)}."
    )
    if np.max(factors) <= _TOO_WRONG:
        return [said], []
    worst = int(np.argmax(factors))
    return [], [f"{said} The earth, a clock or a gain may not be as simulated, at receiver {worst} above all."]


def waveform_warnings(
    parameters: tuple[str, ...],
    samples: Samples,
    sampler: Sampler,
    log_bayes_factor: float,
    misfit: np.ndarray,
) -> list[str]:
    """Return what speaks against a location by waveforms.

    Args:
        parameters: names, as in `Posterior`; what is sampled beyond them has no edge that matters.
        samples: of the posterior.
        sampler: its box is the prior.
        log_bayes_factor: log evidence of an event minus that of noise alone.
        misfit: (receivers,) mean squared residual divided by its predicted variance.
    """
    warnings = []
    for index, side, edge in edges_reached(samples, sampler):
        if index >= len(parameters):
            continue
        if parameters[index] in AXES:
            warnings.append(
                f"The posterior reaches the {side} edge of the emulator's training volume, {parameters[index]} = "
                f"{edge:g}: the event may lie outside, where the emulator was not trained."
            )
        else:
            warnings.append(
                f"The posterior reaches the {side} end of the origin times, {edge:g} s: allow a wider "
                "range (origin_time_s), or cut the window closer to the event."
            )
    if log_bayes_factor < _MIN_LOG_BAYES_FACTOR:
        warnings.append(
            f"Noise alone explains the traces about as well as an event (log Bayes factor {log_bayes_factor:.1f})."
        )
    for index, value in enumerate(misfit):
        if value > _MAX_MISFIT:
            warnings.append(
                f"The trace of receiver {index} is not explained: its residual has {value:.1f} times the "
                "expected variance. Its noise_sd, its unit, the origin time or the emulator's earth may be wrong."
            )
    return warnings

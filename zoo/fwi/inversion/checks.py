"""Whether an inversion can be believed, told from the data alone: nobody has the truth.

A model can explain the data better and be further from the truth: amplitudes of another physics, a wrong wavelet or
geometry, and skipped cycles are explained by velocities that are not there. What such runs leave behind is looked for
here: residuals that neighbouring traces share, first arrivals out of step, amplitudes that fall with offset otherwise
than they should. Each warning names what to change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from zoo.fwi.inversion.streaming import stretches
from zoo.fwi.inversion.survey import Survey
from zoo.fwi.inversion.windows import first_arrivals, offsets_m

# Limits of the warnings, put to the test by benchmarks/fwi_reality.py, whose counts are in zoo/fwi/README.md: of
# good cases none came near but to HELD_MOST (1.21 at noise of 0.2), and each that ended further from the truth than its
# start went beyond one. The cases share a geometry: elsewhere the limits are less sure.
SHARED_MOST = 0.25
"""Part of the data that neighbouring traces share and the model does not explain, as a norm."""
SKIPPED_MOST = 0.08
"""Share of first arrivals more than half a period out of step with the inverted model's."""
SLOPE_MOST = 0.25
"""Power of the offset with which observed over predicted amplitudes of first arrivals change."""
HELD_MOST = 1.3
"""Misfit of traces left out of the fit over that of the others."""
AT_BOUNDS_MOST = 0.03
"""Share of cells at a bound."""
NOISE_MOST = 0.5
"""Part of the data that neighbours do not share, as a norm: noise, and waves that change between them."""
_BANDS, _OFFSETS = 4, 5
_PERIODS = 1.5  # of the window around a first arrival, and of the longest lag
_LEAST_ALIKE = 0.4  # correlation from which a lag means something


@dataclass(frozen=True)
class Checks:
    """What is told of an inversion without the truth.

    Attributes:
        fitted, held_out: misfit (norm of residuals over norm of data) of traces used and left out, for start and
            inversion; None where none were left out.
        by_offset: rows of (offset in m from, to, misfit of start, of inversion).
        by_frequency: rows of (Hz from, to, misfit of start, of inversion).
        skipped: share of first arrivals more than half a period off, start and inversion.
        shared: norm of the residual that neighbouring traces share, over that of the data, start and inversion.
        noise: norm of the part of the data that neighbours do not share, over that of the data.
        slope: power of the offset by which observed over predicted amplitudes of first arrivals change, start and
            inversion.
        polarity: median correlation of first arrivals of start and data, at the best lag within half a period.
        at_bounds: share of the cells at a bound.
        warnings: sentences, each with what to change.
    """

    fitted: tuple[float, float]
    held_out: tuple[float, float] | None
    by_offset: tuple[tuple[float, ...], ...]
    by_frequency: tuple[tuple[float, ...], ...]
    skipped: tuple[float, float]
    shared: tuple[float, float]
    noise: float
    slope: tuple[float, float]
    polarity: float
    at_bounds: float
    warnings: tuple[str, ...]

    def table(self) -> dict[str, Any]:
        """Return the content as plain values, for summary.json."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "warnings"}

    def lines(self) -> list[str]:
        """Return lines for the report."""
        found = [
            f"without the truth: residuals that neighbouring traces share {self.shared[0]:.3f} of the data for the "
            f"start, {self.shared[1]:.3f} inverted ({self.noise:.3f} of the data is shared by no neighbour); first "
            f"arrivals more than half a period off {100 * self.skipped[0]:.0f} %, {100 * self.skipped[1]:.0f} %"
        ]
        if self.held_out:
            found.append(
                f"traces left out of the fit: misfit {self.held_out[0]:.3f} for the start, {self.held_out[1]:.3f} "
                f"inverted (fitted ones {self.fitted[1]:.3f})"
            )
        for name, rows, unit in (("offset", self.by_offset, "m"), ("frequency", self.by_frequency, "Hz")):
            cells = ", ".join(
                f"{low:.3g} to {high:.3g} {unit} {start:.2f} > {end:.2f}" for low, high, start, end in rows
            )
            found.append(f"misfit by {name}, start > inverted: {cells}")
        return found + [f"warning: {warning}" for warning in self.warnings]


def compared(observed: np.ndarray, predicted: np.ndarray, amplitudes: str) -> np.ndarray:
    """Return predicted traces (S, T, R) scaled to the observed ones as far as amplitudes are not trusted.

    >>> one = np.ones((1, 4, 2))
    >>> bool((compared(3 * one, one, "per-trace") == 3).all())
    True
    """
    axes = {"absolute": (0, 1, 2), "per-shot": (1, 2), "per-trace": (1,)}[amplitudes]
    cross = np.sum(observed * predicted, axis=axes, keepdims=True, dtype=np.float64)
    power = np.sum(np.square(predicted), axis=axes, keepdims=True, dtype=np.float64)
    scale = np.maximum(cross, 0) / np.where(power > 0, power, 1)
    return (predicted * scale).astype(np.float32)


def misfits(survey: Survey, predictions: Sequence[Any], amplitudes: str) -> tuple[float, ...]:
    """Return the norm of (predicted - observed) over that of observed, of several predictions of a survey's traces.

    Args:
        survey: with observed traces. Where they are read when they are needed, they are so once.
        predictions: (S, T, R) each, or what gives those of some shots.
        amplitudes: as in the settings; predictions are scaled as far as these are not trusted.
    """
    energy = np.zeros(survey.observed.shape[::2])  # (S, R)
    cross, power = (np.zeros((len(predictions), *energy.shape)) for _ in range(2))
    for shots in stretches(survey):
        made = [survey.observed[shots], *(predicted[shots] for predicted in predictions)]
        for i, shot in enumerate(range(len(energy))[shots]):
            weights = 1.0 if survey.weights is None else survey.weights[shot]
            observed, *ends = (np.asarray(traces[i], np.float64) * weights for traces in made)
            energy[shot] = np.sum(observed**2, axis=0)
            cross[:, shot] = [np.sum(observed * predicted, axis=0) for predicted in ends]
            power[:, shot] = [np.sum(predicted**2, axis=0) for predicted in ends]
    axes = {"absolute": (1, 2), "per-shot": (2,), "per-trace": ()}[amplitudes]
    top, bottom = cross.sum(axis=axes, keepdims=True), power.sum(axis=axes, keepdims=True)
    scale = np.maximum(top, 0) / np.where(bottom > 0, bottom, 1)
    left = (energy - 2 * scale * cross + scale**2 * power).sum(axis=(1, 2))
    return tuple(float(np.sqrt(max(one, 0) / energy.sum())) for one in left)


def check(
    survey: Survey,
    start_predicted: np.ndarray,
    predicted: np.ndarray,
    held_out: np.ndarray,
    spacing_m: float,
    amplitudes: str,
    velocity_m_s: np.ndarray | None = None,
    bounds: tuple[float, float] | None = None,
) -> Checks:
    """Look at an inversion without the truth.

    Args:
        survey: with observed traces, their windows and the weights of all that were recorded.
        start_predicted, predicted: (S, T, R).
        held_out: (S, R) bool.
        spacing_m: grid spacing.
        amplitudes: which were trusted, as in the settings.
        velocity_m_s, bounds: the inverted model and its bounds, where it has any.
    """
    mask = survey.mask()
    observed = survey.observed * mask
    used = survey.weights > 0 if survey.weights is not None else np.ones(held_out.shape, bool)
    order = _along(survey, used)
    if amplitudes == "per-trace":  # each trace counts alike
        size = np.sqrt(np.mean(np.square(observed), axis=1, keepdims=True))
        observed = observed / np.where(size > 0, size, 1)
    ends = [compared(observed, traces * mask, amplitudes) for traces in (start_predicted, predicted)]
    residuals = [traces - observed for traces in ends]
    energy = np.sum(np.square(observed), axis=1)  # (S, R)
    left = [np.sum(np.square(residual), axis=1) for residual in residuals]

    def misfit(part: np.ndarray) -> tuple[float, ...]:
        total = energy[part].sum()
        return tuple(float(np.sqrt(one[part].sum() / total)) if total > 0 else 0.0 for one in left)

    apart_m = offsets_m(survey, spacing_m)
    edges = np.linspace(0, apart_m[used].max() + 1e-6, _OFFSETS + 1)
    by_offset = tuple(
        (low, high, *misfit(part))
        for low, high in zip(edges[:-1], edges[1:], strict=True)
        if (part := used & (apart_m >= low) & (apart_m < high)).any()
    )
    by_frequency, peak_hz = _by_frequency(observed, residuals, survey.time_step_s)
    period = max(4, round(1 / (peak_hz * survey.time_step_s)))
    noise, data_shared = _shared(observed, used, order)
    shared = tuple(
        float(np.sqrt(max(_shared(residual, used, order)[1], 0) / max(data_shared, 1e-30))) for residual in residuals
    )
    # Not scaled: a prediction of the wrong polarity has no best scale above 0.
    steps = [_steps(observed, traces * mask, used, period) for traces in (start_predicted, predicted)]
    skipped = tuple(float(np.mean(np.abs(lag) > period / 2)) if len(lag) else 0.0 for lag, _, _ in steps)
    slope = tuple(_slope(ratio, apart_m, used) for _, _, ratio in steps)
    polarity = float(np.median(steps[0][1])) if len(steps[0][1]) else 0.0
    at_bounds = 0.0
    if bounds is not None and velocity_m_s is not None:
        at_bounds = float(np.mean((velocity_m_s <= bounds[0]) | (velocity_m_s >= bounds[1])))
    found = Checks(
        fitted=misfit(used & ~held_out),
        held_out=misfit(held_out) if held_out.any() else None,
        by_offset=by_offset,
        by_frequency=by_frequency,
        skipped=skipped,
        shared=shared,
        noise=float(np.sqrt(max(noise, 0))),
        slope=slope,
        polarity=polarity,
        at_bounds=at_bounds,
        warnings=(),
    )
    return replace(found, warnings=_warnings(found, amplitudes))


def _warnings(of: Checks, amplitudes: str) -> tuple[str, ...]:
    said = []
    if of.skipped[1] > SKIPPED_MOST:
        said.append(
            f"{100 * of.skipped[1]:.0f} % of the first arrivals are more than half a period off in the inverted model: "
            "cycles are skipped, or positions or times are wrong. Begin with lower frequencies (bands_hz), take "
            "misfit=envelope or a better start, and check geometry and the time of the first sample."
        )
    if of.polarity < 0:
        said.append(
            "the first arrivals of the start have the opposite polarity of the data. Turn the wavelet's sign over, or "
            "leave --wavelet out, so that it is solved for."
        )
    if of.shared[1] > SHARED_MOST:
        said.append(
            f"neighbouring traces share residuals of {of.shared[1]:.2f} of the data, which no velocity here explains: "
            "density, elastic or attenuating rock, a wrong wavelet or geometry would. Try amplitudes=per-trace, leave "
            "--wavelet out, mute_m, --density, or more iterations, and look at shots.png."
        )
    if amplitudes == "absolute" and abs(of.slope[1]) > SLOPE_MOST:
        said.append(
            f"observed over predicted amplitudes change as offset to the power of {of.slope[1]:.2f}. Point sources "
            "give -0.5: point_source=true corrects them; amplitudes=per-trace does not use them."
        )
    if of.held_out and of.held_out[1] > HELD_MOST * of.fitted[1]:
        said.append(
            f"traces left out are explained worse ({of.held_out[1]:.3f}) than those fitted ({of.fitted[1]:.3f}): noise "
            "is being fitted. Take fewer iterations, or total_variation=0.01."
        )
    if of.noise > NOISE_MOST:
        said.append(
            f"{of.noise:.2f} of the data is shared by no neighbour: noise. Mute it (mute_early, windows_s), low-pass "
            "the data, or take total_variation=0.01."
        )
    if of.at_bounds > AT_BOUNDS_MOST:
        said.append(
            f"{100 * of.at_bounds:.0f} % of the cells are at the bounds: lower learning_rate, or check wavelet, "
            "geometry and units before widening bounds."
        )
    return tuple(said)


def _by_frequency(observed, residuals, step_s) -> tuple[tuple[tuple[float, ...], ...], float]:
    """Return the misfit in bands that hold as much energy each, and the frequency at which the data are strongest."""
    frequency_hz = np.fft.rfftfreq(observed.shape[1], step_s)
    powers = [np.sum(np.abs(np.fft.rfft(traces, axis=1)) ** 2, axis=(0, 2)) for traces in (observed, *residuals)]
    share = powers[0].cumsum() / powers[0].sum()
    ends = [int(np.argmax(share >= part)) + 1 for part in (0.01, *(np.arange(1, _BANDS) / _BANDS), 0.99)]
    rows = []
    for low, high in zip(ends[:-1], ends[1:], strict=True):
        if high > low:
            total = powers[0][low:high].sum()
            misfits = (float(np.sqrt(power[low:high].sum() / total)) for power in powers[1:])
            rows.append((float(frequency_hz[low]), float(frequency_hz[high - 1]), *misfits))
    middle_hz = float(frequency_hz[np.argmax(share >= 0.5)])
    return tuple(rows), max(middle_hz, frequency_hz[1])


def _along(survey: Survey, used: np.ndarray) -> np.ndarray:
    """Return each shot's receivers (S, R) in the order of the line, or of a column, those not used at its end."""
    axis = 1 if np.ptp(survey.receivers[..., 1]) else 0
    place = np.broadcast_to(survey.receivers[..., axis], used.shape)
    return np.argsort(np.where(used, place, np.inf), axis=1, kind="stable")


def _shared(traces: np.ndarray, used: np.ndarray, order: np.ndarray) -> tuple[float, float]:
    """Return the share of energy that neighbours lack, and the energy (mean square) that they share.

    Neighbouring traces are moved onto each other by a few samples first: waves move out.
    """
    traces, used = np.take_along_axis(traces, order[:, None], 2), np.take_along_axis(used, order, 1)
    pairs = used[:, 1:] & used[:, :-1]
    if not pairs.any():
        return 0.0, float(np.mean(np.square(traces)))
    shot, receiver = np.nonzero(pairs)
    one, other = traces[shot, :, receiver], traces[shot, :, receiver + 1]
    size = 2 * one.shape[1]
    spectra = np.fft.rfft(one, size, axis=1) * np.conj(np.fft.rfft(other, size, axis=1))
    cross = np.fft.irfft(spectra, size, axis=1)
    reach = max(1, one.shape[1] // 16)
    best = np.maximum(cross[:, :reach].max(axis=1), cross[:, -reach:].max(axis=1))
    energy = 0.5 * (np.sum(one**2) + np.sum(other**2))
    shared = best.sum()
    return float(1 - shared / max(energy, 1e-30)), float(shared / one.size)


def _steps(observed, predicted, used, period) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return lags in samples and correlations (polarity) of first arrivals, and log ratios (S, R) of their amplitudes.

    Lags are those of traces whose first arrivals are alike enough for a lag to mean something.
    """
    arrivals = first_arrivals(predicted)
    reach = round(_PERIODS * period)
    lags, signs = [], []
    ratio = np.full(used.shape, np.nan)
    samples = observed.shape[1]
    for s, r in zip(*np.nonzero(used), strict=True):
        begin, end = max(0, arrivals[s, r] - period // 2), min(samples, arrivals[s, r] + reach)
        wanted = predicted[s, begin:end, r]
        size = np.linalg.norm(wanted)
        if end - begin < period or size == 0:
            continue
        low, high = max(0, begin - reach), min(samples, end + reach)
        there = observed[s, low:high, r]
        norms = np.sqrt(np.convolve(there**2, np.ones(len(wanted)), "valid"))
        alike = np.correlate(there, wanted, "valid") / (size * np.maximum(norms, 1e-3 * np.linalg.norm(there) + 1e-30))
        lag = np.arange(len(alike)) - (begin - low)
        near = np.abs(lag) <= period // 4
        signs.append(alike[near][np.argmax(np.abs(alike[near]))] if near.any() else 0.0)
        # The nearest of lags that are all but the best: a ringing wavelet has several.
        good = alike > 0.9 * alike.max()
        if alike.max() > _LEAST_ALIKE:
            lags.append(lag[good][np.argmin(np.abs(lag[good]))])
        near_energy = np.linalg.norm(observed[s, begin:end, r])
        if near_energy > 0:
            ratio[s, r] = np.log(near_energy / size)
    return np.array(lags), np.array(signs), ratio


def _slope(ratio: np.ndarray, apart_m: np.ndarray, used: np.ndarray) -> float:
    """Return the power of the offset with which amplitudes' ratios change, each shot with a level of its own."""
    far = used & np.isfinite(ratio) & (apart_m > 0.1 * apart_m.max())
    x, y = np.log(np.maximum(apart_m, 1e-3)), ratio
    top = bottom = 0.0
    for s in range(len(ratio)):
        if far[s].sum() > 2:
            dx, dy = x[s, far[s]] - x[s, far[s]].mean(), y[s, far[s]] - y[s, far[s]].mean()
            top, bottom = top + dx @ dy, bottom + dx @ dx
    return float(top / bottom) if bottom > 0 else 0.0

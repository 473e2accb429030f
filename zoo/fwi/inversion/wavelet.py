"""Source wavelets of an inversion: a Ricker wavelet, one from a file, or one estimated from the data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import UsageError, ZooError
from zoo.foreign import check_numbers, read_npz, reader
from zoo.fwi.inversion.survey import Survey, simulate
from zoo.fwi.physics import acoustic
from zoo.fwi.physics.velocity_models import VelocityModel

_CHUNK = 1024  # traces resampled at a time, to bound the memory
# Number of shots from which the wavelet is estimated, and with which its amplitude is checked.
_SHOTS = 4
# Part of the largest power that is added to all, so that no frequency is divided by next to nothing.
_WATER_LEVEL = 1e-3
# How much the start explains is told for the frequencies at which it has more than this part of its largest power.
_BAND = 0.01
# Traces count for a wavelet as one over their distance, and alike within this many cells, where a position that is a
# little wrong, or a clipped trace, would tell too much. What lies between source and receiver is in the wavelet of an
# imperfect start (tests/fwi/test_reality.py).
_NEAREST_CELLS = 2.0
# Traces may end amid waves: the last one in this many of their samples is faded out.
_TAIL = 10
# The spectrum of the data is smoothed over this width before its peak is sought.
_SMOOTHING_HZ = 0.5
# The estimated wavelet ends at this many of its periods (half a cosine from the first to the second).
_PERIODS = (3.0, 5.0)
# A Ricker wavelet has 99 % of its energy below this many times its peak.
_RICKER_BAND = 2.0
# Before traces are thinned, frequencies from the first of these parts of the new Nyquist frequency on are faded out,
# over the second one.
_PASSED, _FADED = 0.8, 0.2
# After its end a trace is continued by its last value, which fades out over this many samples.
_FADE_SAMPLES = 64
# A wavelet goes to any time step by straight lines between samples at least this many times as dense.
_DENSER = 8


def estimate_wavelet(
    survey: Survey, model: VelocityModel, peak_hz: float | None = None, **wave_options: Any
) -> tuple[np.ndarray, str]:
    """Estimate one wavelet for all shots by linear least squares in the frequency domain (Pratt 1999, eq. 17).

    The model answers a Ricker wavelet with traces G(f); the filter sum(conj(G) D) / (sum(|G|^2) + water level), summed
    over traces, turns them into the observed D(f), and the Ricker wavelet into that of the source. So the wavelet has
    no energy where the Ricker wavelet has none. Near traces count most (`nearness`), and each as large as the model
    predicts it (`levelled`).

    Args:
        survey: with observed traces; its wavelet is not used.
        model: in which the waves travel.
        peak_hz: peak of the Ricker wavelet; by default where the spectrum of the data is highest, as far as the grid
            carries it.
        wave_options: options of `zoo.fwi.models.wave.WaveRNN`.

    Returns:
        The wavelet (T,) float32, and a sentence on it.
    """
    order, step_s = wave_options.get("order", 4), survey.time_step_s
    shots = _some(len(survey.sources), _SHOTS)
    samples = survey.observed.shape[1]
    taken = (survey.weights * nearness(survey, model.spacing_m))[shots][:, None] * fading(samples)[:, None]
    observed = survey.observed[shots] * taken
    peak_hz = peak_hz or peak_of(survey, model, order)
    known = acoustic.ricker(peak_hz, step_s, samples)
    asked = replace(_unheard(survey).some(shots), wavelet=np.tile(known, (len(shots), 1)))
    predicted = simulate(model.velocity_m_s, model.spacing_m, asked, **wave_options) * taken
    found, explained = best_wavelet(predicted, levelled(observed, predicted), peak_hz, step_s)
    note = (
        f"The wavelet was estimated with the start from {len(shots)} shots, near traces counting most, around "
        f"{peak_hz:.3g} Hz: with it the start explains {100 * explained:.0f} % of what counts."
    )
    return found, note


def peak_of(survey: Survey, model: VelocityModel, order: int = 4) -> float:
    """Return the frequency in Hz at which the spectrum of the data is highest, as far as the grid carries a Ricker."""
    shots = _some(len(survey.sources), _SHOTS)
    observed = survey.observed[shots] * fading(survey.observed.shape[1])[:, None]
    if survey.weights is not None:
        observed = observed * survey.weights[shots][:, None]
    size = _transform_size(observed)
    carried_hz = acoustic.carried_frequency_hz(float(model.velocity_m_s.min()), model.spacing_m, order)
    data = np.fft.rfft(observed, size, axis=1)
    return min(_peak_hz(data, np.fft.rfftfreq(size, survey.time_step_s)), carried_hz / _RICKER_BAND)


def nearness(survey: Survey, spacing_m: float) -> np.ndarray:
    """Return what traces (S, R) count for a wavelet: one over the distance from the source, and 1 for the nearest.

    >>> asked = Survey(np.zeros((1, 9)), np.array([[1, 5]]), np.array([[1, 6], [1, 15]]), 0.001)
    >>> nearness(asked, 10.0)
    array([[1. , 0.2]])
    """
    apart_m = np.linalg.norm((survey.sources[:, None] - survey.receivers) * spacing_m, axis=-1)
    near = 1 / np.maximum(apart_m, _NEAREST_CELLS * spacing_m)
    return near / near.max()


def levelled(observed: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return observed traces (S, T, R), each as large as the predicted one, and all times one number, to stay in units.

    So a receiver that is louder than the others, or records noise, tells no more of the wavelet.

    >>> one = np.ones((1, 4, 3))
    >>> levelled(one * [1, 2, 50], 2 * one)[0, 0]
    array([2., 2., 2.])
    """
    sizes = [
        np.sqrt(np.sum(np.square(part, dtype=np.float64), axis=1, keepdims=True)) for part in (observed, predicted)
    ]
    alive = (sizes[0] > 0) & (sizes[1] > 0)
    ratio = np.where(alive, sizes[1] / np.where(alive, sizes[0], 1), 0)
    return observed * (ratio / np.median(ratio[alive])) if alive.any() else observed


def fading(samples: int) -> np.ndarray:
    """Return (samples,) ones that fade out over the last tenth: traces may end amid waves."""
    fade, tail = np.ones(samples), max(1, samples // _TAIL)
    fade[-tail:] = 0.5 + 0.5 * np.cos(np.pi * np.arange(1, tail + 1) / tail)
    return fade


def best_wavelet(
    predicted: np.ndarray, observed: np.ndarray, peak_hz: float, step_s: float
) -> tuple[np.ndarray, float]:
    """Return the wavelet (T,) float32 that turns a Ricker's traces into the observed ones, and the energy it explains.

    Args:
        predicted: (S, T, R) traces that a Ricker wavelet of `peak_hz` causes, weighted and faded out.
        observed: (S, T, R) likewise.
        peak_hz: peak of that wavelet; the result ends after some of its periods.
        step_s: time step.
    """
    samples = observed.shape[1]
    size = _transform_size(observed)
    data, modelled = (np.fft.rfft(traces, size, axis=1) for traces in (observed, predicted))
    power = np.sum(np.abs(modelled) ** 2, axis=(0, 2))
    cross = np.sum(np.conj(modelled) * data, axis=(0, 2))
    transfer = cross / (power + _WATER_LEVEL * power.max())
    known = acoustic.ricker(peak_hz, step_s, samples)
    found = np.fft.irfft(transfer * np.fft.rfft(known, size), size)[:samples]
    start_s, end_s = (periods / peak_hz for periods in _PERIODS)
    found *= _falling((np.arange(samples) * step_s - start_s) / (end_s - start_s))
    band = power > _BAND * power.max()
    left = np.sum(np.abs(data - transfer[:, None] * modelled)[:, band] ** 2) / np.sum(np.abs(data[:, band]) ** 2)
    return found.astype(np.float32), float(1 - left)


def _transform_size(traces: np.ndarray) -> int:
    from scipy.fft import next_fast_len

    return next_fast_len(2 * traces.shape[1], real=True)


def _peak_hz(spectra: np.ndarray, frequency_hz: np.ndarray) -> float:
    """Return where the smoothed power of spectra (S, frequency, R) is highest, frequency 0 left out."""
    power = np.sum(np.abs(spectra) ** 2, axis=(0, 2))
    width = max(1, round(_SMOOTHING_HZ / frequency_hz[1]))
    power = np.convolve(power, np.ones(width) / width, "same") * (frequency_hz > 0)
    return float(frequency_hz[np.argmax(power)])


def _falling(x: np.ndarray) -> np.ndarray:
    """Return half a cosine: 1 up to x = 0, 0 from x = 1 on."""
    return 0.5 + 0.5 * np.cos(np.pi * np.clip(x, 0, 1))


def resample(traces: np.ndarray, step_s: float, new_step_s: float, samples: int, start_s: float) -> np.ndarray:
    """Return band-limited traces at other times, without aliasing.

    Args:
        traces: (n, time), their first sample at time 0.
        step_s: time step of the traces.
        new_step_s: time step of the result, a whole multiple or fraction of it.
        samples: number of samples of the result.
        start_s: time of the result's first sample. Before 0 and after the end the traces fade out.

    Returns:
        (n, samples) float32.
    """
    from scipy.fft import irfft, next_fast_len, rfft

    thin, fine = max(1, round(new_step_s / step_s)), max(1, round(step_s / new_step_s))
    count = traces.shape[1]
    # The transform is periodic: enough zeros that neither a start before 0 nor ringing at the ends comes round.
    ahead = thin * int(np.ceil((max(0.0, -start_s) / step_s + 1) / thin))
    behind = max(_FADE_SAMPLES, count // 8)
    needed = ahead + max(count, int(np.ceil((start_s + samples * new_step_s) / step_s))) + behind
    size = thin * next_fast_len(-(-needed // thin), real=True)
    frequency_hz = np.fft.rfftfreq(size, step_s)
    nyquist_hz = 0.5 / max(step_s, new_step_s)
    keep = _falling((frequency_hz / nyquist_hz - _PASSED) / _FADED) if thin > 1 else 1.0
    turn = keep * np.exp(2j * np.pi * frequency_hz * start_s)
    end = min(_FADE_SAMPLES, size - count)
    fade = 0.5 + 0.5 * np.cos(np.pi * np.arange(1, end + 1) / end)
    out = np.zeros((len(traces), samples), np.float32)
    new_size = size * fine // thin
    for begin in range(0, len(traces), _CHUNK):
        part = traces[begin : begin + _CHUNK].astype(np.float64)
        padded = np.zeros((len(part), size))
        padded[:, :count] = part
        padded[:, count : count + len(fade)] = part[:, -1:] * fade  # no step, which would ring
        spectrum = rfft(padded, axis=1) * turn
        found = irfft(spectrum[:, : new_size // 2 + 1], new_size, axis=1) * (fine / thin)
        out[begin : begin + len(part)] = found[:, :samples]
    return out


def given_wavelet(wavelet: str | Path | np.ndarray, shots_step_s: float, step_s: float, samples: int) -> np.ndarray:
    """Return a wavelet (samples,) at the survey's time step.

    Args:
        wavelet: `ricker:HZ`, a file (see `zoo.fwi.inversion.shots_on_grid.to_survey`), or samples (T,) at the shots'
            time step.
        shots_step_s, step_s: time steps of the shots and of the survey.
        samples: number of samples of the survey.

    Raises:
        ZooError: the file is missing or unreadable, or holds no wavelet.
        UsageError: a peak frequency that is not a number or beyond what the time step carries.
    """
    if isinstance(wavelet, np.ndarray):
        given, given_step_s = wavelet, shots_step_s
    elif str(wavelet).startswith("ricker:"):
        try:
            peak_hz = float(str(wavelet).removeprefix("ricker:"))
        except ValueError as error:
            raise UsageError(f"The wavelet is {wavelet}; expected ricker:HZ, such as ricker:8.") from error
        if not 0 < peak_hz < 0.5 / step_s:
            raise UsageError(f"The wavelet is {wavelet}; expected a peak between 0 and {0.5 / step_s:.3g} Hz.")
        return acoustic.ricker(peak_hz, step_s, samples)
    else:
        given, given_step_s = _read_wavelet(Path(wavelet).expanduser(), shots_step_s)
    if np.ndim(given) != 1 or len(given) < 2 or not np.isfinite(given).all() or not np.any(given):
        raise ZooError(f"The wavelet has shape {np.shape(given)}; expected finite numbers (time,), not all of them 0.")
    if abs(given_step_s - step_s) > 1e-6 * step_s:
        # `resample` only takes whole parts of the given step: to one that is finer than both, then by straight lines.
        fine = given_step_s / max(1, int(np.ceil(_DENSER * given_step_s / step_s)))
        count = int(len(given) * given_step_s / fine)
        dense = resample(np.asarray(given)[None], given_step_s, fine, count, 0.0)[0]
        given = np.interp(np.arange(samples) * step_s, np.arange(count) * fine, dense, right=0.0)
    found = np.zeros(samples, np.float32)
    found[: len(given)] = given[:samples]
    return found


@reader("Expected CSV lines `time_s,amplitude`, or an .npz with `wavelet` and `time_step_s`.")
def _read_wavelet(path: Path, shots_step_s: float) -> tuple[np.ndarray, float]:
    """Return the samples and the time step of a wavelet file."""
    if not path.is_file():
        raise ZooError(f"There is no wavelet {path}. Give a file or ricker:HZ, such as ricker:8.")
    try:
        if path.suffix.lower() == ".npz":
            held = read_npz(path, "Expected an .npz with `wavelet` and `time_step_s`.")
            check_numbers(held, ("wavelet", "time_step_s"), path)
            return np.asarray(held["wavelet"], float), float(held["time_step_s"])
        table = np.genfromtxt(path, delimiter=",", comments="#", dtype=float, ndmin=2)
    except (OSError, ValueError, KeyError) as error:
        raise ZooError(
            f"The wavelet {path} cannot be read ({error}). Expected CSV lines `time_s,amplitude`, or an .npz with "
            "`wavelet` and `time_step_s`."
        ) from error
    table = table[1:] if len(table) and np.isnan(table[0]).all() else table  # a line of names
    if table.shape[1] == 1:
        return table[:, 0], shots_step_s
    steps = np.diff(table[:, 0])
    if table.shape[1] != 2 or not len(steps) or not np.allclose(steps, steps[0], rtol=1e-3) or steps[0] <= 0:
        raise ZooError(f"The wavelet {path}: expected lines `time_s,amplitude` with evenly spaced times from 0.")
    return table[:, 1], float(steps.mean())


def amplitude(survey: Survey, model: VelocityModel, wave_options: dict[str, Any]) -> float:
    """Return how many times larger the observed traces are than those that the wavelet causes in the model."""
    shots = _some(len(survey.sources), _SHOTS)
    asked = _unheard(survey).some(shots)
    modelled = simulate(model.velocity_m_s, model.spacing_m, asked, **wave_options) * survey.weights[shots][:, None]
    energy = np.sum(np.square(modelled, dtype=np.float64))
    data = np.sum(np.square(survey.observed[shots] * survey.weights[shots][:, None], dtype=np.float64))
    return float(np.sqrt(data / energy)) if energy > 0 else 1.0


def _unheard(survey: Survey) -> Survey:
    """Return a survey without what was recorded."""
    return replace(survey, observed=None, weights=None, windows=None)


def _some(count: int, wanted: int) -> np.ndarray:
    """Return numbers of at most `wanted` of `count` shots, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, wanted)).round().astype(int))

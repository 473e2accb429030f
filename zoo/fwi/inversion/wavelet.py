"""Source wavelets of an inversion: a Ricker wavelet, one from a file, or one estimated from the data themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import UsageError, ZooError
from zoo.fwi.inversion.fit import Survey, simulate
from zoo.fwi.physics import acoustic
from zoo.fwi.physics.velocity_models import VelocityModel

_CHUNK = 1024
# Shots by which the wavelet is estimated and its amplitude checked.
_SHOTS = 4
_WATER_LEVEL = 1e-3
# The estimated wavelet ends at this many of its periods (half a cosine from the first to the second).
_PERIODS = (3.0, 5.0)
# A Ricker wavelet has 99 % of its energy below this many times its peak.
_RICKER_BAND = 2.0


def estimate_wavelet(
    survey: Survey, model: VelocityModel, peak_hz: float | None = None, **wave_options: Any
) -> tuple[np.ndarray, str]:
    """Estimate one wavelet for all shots by linear least squares in the frequency domain (Pratt 1999, eq. 17).

    The model answers a Ricker wavelet with records G(f); the filter sum(conj(G) D) / (sum(|G|^2) + water level) over
    traces turns them into the observed D(f), and the Ricker wavelet into the source's. So the wavelet has no energy
    where the Ricker wavelet has none.

    Args:
        survey: with observed records; its wavelet is not used.
        model: in which waves travel.
        peak_hz: of the Ricker wavelet; by default where the spectrum of the data is highest, as far as the grid
            carries it.
        wave_options: of `zoo.fwi.models.wave.WaveRNN`.

    Returns:
        The wavelet (T,) float32, and a sentence on it.
    """
    from scipy.fft import next_fast_len

    order, step_s = wave_options.get("order", 4), survey.time_step_s
    shots = _some(len(survey.sources), _SHOTS)
    samples = survey.observed.shape[1]
    size = next_fast_len(2 * samples, real=True)
    fade = np.ones(samples)  # records end in the middle of waves
    tail = max(1, samples // 10)
    fade[-tail:] = 0.5 + 0.5 * np.cos(np.pi * np.arange(1, tail + 1) / tail)
    weights = survey.weights[shots][:, None]
    data = np.fft.rfft(survey.observed[shots] * weights * fade[:, None], size, axis=1)
    frequency_hz = np.fft.rfftfreq(size, step_s)
    carried_hz = float(model.velocity_m_s.min()) / (model.spacing_m * acoustic.POINTS_PER_WAVELENGTH[order])
    if peak_hz is None:
        power = np.sum(np.abs(data) ** 2, axis=(0, 2))
        width = max(1, round(0.5 / frequency_hz[1]))
        power = np.convolve(power, np.ones(width) / width, "same") * (frequency_hz > 0)
        peak_hz = min(float(frequency_hz[np.argmax(power)]), carried_hz / _RICKER_BAND)
    known = acoustic.ricker(peak_hz, step_s, samples)
    asked = Survey(np.tile(known, (len(shots), 1)), survey.sources[shots], survey.receivers, step_s)
    asked = asked.checked(model.velocity_m_s, model.spacing_m, order)
    modelled = simulate(model.velocity_m_s, model.spacing_m, asked, **wave_options)
    modelled = np.fft.rfft(modelled * weights * fade[:, None], size, axis=1)
    power = np.sum(np.abs(modelled) ** 2, axis=(0, 2))
    cross = np.sum(np.conj(modelled) * data, axis=(0, 2))
    transfer = cross / (power + _WATER_LEVEL * power.max())
    found = np.fft.irfft(transfer * np.fft.rfft(known, size), size)[:samples]
    time_s = np.arange(samples) * step_s
    start_s, end_s = (periods / peak_hz for periods in _PERIODS)
    found *= 0.5 + 0.5 * np.cos(np.pi * np.clip((time_s - start_s) / (end_s - start_s), 0, 1))
    band = power > 0.01 * power.max()
    left = np.sum(np.abs(data - transfer[:, None] * modelled)[:, band] ** 2) / np.sum(np.abs(data[:, band]) ** 2)
    note = (
        f"The wavelet was estimated with the start from {len(shots)} shots, around {peak_hz:.3g} Hz: with it the start "
        f"explains {100 * (1 - left):.0f} % of the energy of these shots."
    )
    return found.astype(np.float32), note


def resample(traces: np.ndarray, step_s: float, new_step_s: float, samples: int, start_s: float) -> np.ndarray:
    """Return band-limited traces at other times, without aliasing.

    Args:
        traces: (n, time), their first sample at 0.
        step_s: of their samples.
        new_step_s: a whole multiple or fraction of it.
        samples: of the result.
        start_s: time of the result's first sample. Before 0 and after the end the traces fade out.

    Returns:
        (n, samples) float32.
    """
    from scipy.fft import irfft, next_fast_len, rfft

    thin, fine = max(1, round(new_step_s / step_s)), max(1, round(step_s / new_step_s))
    count = traces.shape[1]
    ahead = thin * int(np.ceil((max(0.0, -start_s) / step_s + 1) / thin))
    needed = ahead + max(count, int(np.ceil((start_s + samples * new_step_s) / step_s))) + max(64, count // 8)
    size = thin * next_fast_len(-(-needed // thin), real=True)
    frequency_hz = np.fft.rfftfreq(size, step_s)
    nyquist_hz = 0.5 / max(step_s, new_step_s)
    keep = 0.5 + 0.5 * np.cos(np.pi * np.clip((frequency_hz / nyquist_hz - 0.8) / 0.2, 0, 1)) if thin > 1 else 1.0
    turn = keep * np.exp(2j * np.pi * frequency_hz * start_s)
    fade = 0.5 + 0.5 * np.cos(np.pi * np.arange(1, min(64, size - count) + 1) / min(64, size - count))
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
        wavelet: `ricker:HZ`, a file (see `zoo.fwi.inversion.data.to_survey`), or samples (T,) at the shots' time step.
        shots_step_s, step_s: time steps of the shots and of the survey.
        samples: of the survey.

    Raises:
        ZooError: the file is missing or unreadable, or holds no wavelet.
        UsageError: a peak frequency that is no number or beyond what the time step carries.
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
        # To any step: through the band-limited neighbour that is a whole part of it.
        fine = given_step_s / max(1, int(np.ceil(8 * given_step_s / step_s)))
        count = int(len(given) * given_step_s / fine)
        dense = resample(np.asarray(given)[None], given_step_s, fine, count, 0.0)[0]
        given = np.interp(np.arange(samples) * step_s, np.arange(count) * fine, dense, right=0.0)
    found = np.zeros(samples, np.float32)
    found[: len(given)] = given[:samples]
    return found


def _read_wavelet(path: Path, shots_step_s: float) -> tuple[np.ndarray, float]:
    """Return the samples and the time step of a wavelet file."""
    if not path.is_file():
        raise ZooError(f"There is no wavelet {path}. Give a file or ricker:HZ, such as ricker:8.")
    try:
        if path.suffix.lower() == ".npz":
            with np.load(path, allow_pickle=False) as file:
                return np.asarray(file["wavelet"], float), float(file["time_step_s"])
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
        raise ZooError(f"The wavelet {path}: expected lines `time_s,amplitude` with evenly growing times from 0.")
    return table[:, 1], float(steps.mean())


def amplitude(survey: Survey, model: VelocityModel, wave_options: dict[str, Any]) -> float:
    """Return how many times larger the data are than those that the wavelet makes in the model."""
    shots = _some(len(survey.sources), _SHOTS)
    asked = Survey(survey.wavelet[shots], survey.sources[shots], survey.receivers, survey.time_step_s)
    modelled = simulate(model.velocity_m_s, model.spacing_m, asked, **wave_options) * survey.weights[shots][:, None]
    energy = np.sum(np.square(modelled, dtype=np.float64))
    data = np.sum(np.square(survey.observed[shots] * survey.weights[shots][:, None], dtype=np.float64))
    return float(np.sqrt(data / energy)) if energy > 0 else 1.0


def _some(count: int, wanted: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, wanted)).round().astype(int))

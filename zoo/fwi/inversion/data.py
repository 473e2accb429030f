"""Shots put onto the grid of a velocity model: cells for metres, a stable time step, a wavelet given or estimated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import ZooError
from zoo.fwi.inversion.fit import Survey
from zoo.fwi.inversion.wavelet import amplitude, estimate_wavelet, given_wavelet, resample
from zoo.fwi.physics import acoustic
from zoo.fwi.physics.velocity_models import VelocityModel
from zoo.fwi.shots import Shots

# Velocities that an inversion may reach, over those of the start: the time step is chosen stable for them.
_HEADROOM = 1.25
# Records are thinned only to steps that are this much shorter than the longest stable one: the scheme is of second
# order in time.
_THINNED_STEP = 0.8
# A sampling interval so many times longer than the longest stable step is a mistake of units.
_MOST_COARSE = 50.0
# More than this share of energy above what the grid carries is filtered out, at this part of that frequency: what a
# grid does not carry makes noise in the gradient.
_ENERGY_BEYOND, _CORNER = 0.01, 0.7
# An amplitude that is this many times out is a matter of units.
_SAME_AMPLITUDE = 2.0


def to_survey(
    shots: Shots,
    model: VelocityModel,
    wavelet: str | Path | np.ndarray | None = None,
    *,
    velocity_max_m_s: float | None = None,
    order: int = 4,
    final_wavelet: bool = False,
    **wave_options: Any,
) -> tuple[Survey, tuple[str, ...]]:
    """Put shots onto the grid of a model.

    Sources and receivers go to the nearest cell; receivers of all shots make one set, and traces that a shot lacks, or
    that are dead, have weight 0. The time step stays, or becomes a whole fraction or multiple of it, without aliasing.

    Args:
        shots: in metres from the model's top left corner.
        model: the start.
        wavelet: `ricker:HZ`; a file (CSV with time and amplitude, or .npz with `wavelet` and `time_step_s`); samples
            (T,) at the shots' time step; None: that of the shots, else estimated with the start (see
            `estimate_wavelet`).
        velocity_max_m_s: for which the time step must be stable; by default 1.25 times the model's largest.
        order: of the differences in space.
        final_wavelet: whether the wavelet is that of an earlier call and is taken as it is. Else it is scaled if its
            records in the start are more than twice too large or too small, and filtered as the data are if they hold
            frequencies that the grid does not carry.
        wave_options: other options of `zoo.fwi.models.wave.WaveRNN`.

    Returns:
        The survey, and sentences on what was done to the data.

    Raises:
        ZooError: a source or receiver outside the grid, a shot with two sources, no live trace, or a wavelet that
            cannot be read or does not suit the grid.
    """
    notes = list(shots.notes)
    sources, receivers, shift_m = _cells(shots, model)
    if shift_m > 0.25 * model.spacing_m * (1 + 1e-6):
        notes.append(
            f"Sources and receivers were moved to the nearest of the cells of {model.spacing_m:g} m, "
            f"by {shift_m:.3g} m at most."
        )
    labels, first, shot = np.unique(shots.shot, return_index=True, return_inverse=True)
    shot = shot.ravel()
    apart = (sources != sources[first[shot]]).any(axis=1)
    if apart.any():
        row = int(np.argmax(apart))
        raise ZooError(
            f"Shot {shots.shot[row]} has sources at x {shots.source_x_m[first[shot[row]]]:g} m and "
            f"{shots.source_x_m[row]:g} m (trace {row + 1}). Number the shots of the geometry, one source each."
        )
    fastest = velocity_max_m_s or _HEADROOM * float(model.velocity_m_s.max())
    dimensions = 1 if model.shape[1] == 1 else 2
    longest_s = acoustic.longest_time_step_s(fastest, model.spacing_m, order, dimensions)
    if shots.time_step_s > _MOST_COARSE * longest_s:
        raise ZooError(
            f"The traces are sampled every {shots.time_step_s:g} s, but waves on this grid need "
            f"{1e3 * longest_s:.3g} ms. Is the sampling interval in other units? It is in seconds."
        )
    step_s = _time_step(shots.time_step_s, longest_s)
    if step_s != shots.time_step_s:
        notes.append(
            f"Resampled from {1e3 * shots.time_step_s:.4g} to {1e3 * step_s:.4g} ms (stable on this grid up to "
            f"{1e3 * longest_s:.4g} ms at {fastest:.0f} m/s)."
        )
    end_s = shots.first_sample_s + (shots.traces.shape[1] - 1) * shots.time_step_s
    samples = int(end_s / step_s + 1e-6)
    if samples < 2:
        raise ZooError(f"The traces end {1e3 * end_s:g} ms after the source's first sample. Check the time axis.")
    live = np.abs(shots.traces).max(axis=1) > 0
    if not live.any():
        raise ZooError("All traces are dead (zero). Check the file.")
    if not live.all():
        names = ", ".join(shots.name(row) for row in np.flatnonzero(~live)[:3])
        notes.append(
            f"{np.sum(~live)} dead traces (zero throughout) have weight 0: {names}{', ...'[: 5 * (np.sum(~live) > 3)]}."
        )
    traces = resample(shots.traces[live], shots.time_step_s, step_s, samples, step_s - shots.first_sample_s)
    places, receiver = np.unique(receivers, axis=0, return_inverse=True)
    cell = (shot[live], receiver.ravel()[live])
    count = np.zeros((len(labels), len(places)), np.int32)
    np.add.at(count, cell, 1)
    observed = np.zeros((len(labels), len(places), samples), np.float32)
    np.add.at(observed, cell, traces)
    observed /= np.maximum(count, 1)[..., None]
    if (count > 1).any():
        notes.append(f"{np.sum(count > 1)} pairs of shot and cell hold several traces: their mean was taken.")
    survey = Survey(
        wavelet=np.zeros((len(labels), samples), np.float32),
        sources=sources[first].astype(np.int32),
        receivers=places.astype(np.int32),
        time_step_s=step_s,
        observed=observed.transpose(0, 2, 1).copy(),
        weights=(count > 0).astype(np.float32),
    )
    options = {"order": order, **wave_options}
    wavelet = shots.wavelet if wavelet is None else wavelet
    if wavelet is not None:
        source = given_wavelet(wavelet, shots.time_step_s, step_s, samples)
        survey = replace(survey, wavelet=np.tile(source, (len(labels), 1)))
    carried_hz = float(model.velocity_m_s.min()) / (model.spacing_m * acoustic.POINTS_PER_WAVELENGTH[order])
    beyond = _energy_above(survey, carried_hz)
    if beyond > _ENERGY_BEYOND:
        filtered = survey.low_passed(_CORNER * carried_hz)
        survey = replace(filtered, wavelet=survey.wavelet) if final_wavelet else filtered
        notes.append(
            f"{100 * beyond:.0f} % of the data's energy lies above {carried_hz:.3g} Hz, the most that this grid "
            f"carries: low-passed at {_CORNER * carried_hz:.3g} Hz."
        )
    if wavelet is None:
        source, note = estimate_wavelet(survey, model, **options)
        survey = replace(survey, wavelet=np.tile(source, (len(labels), 1)))
        notes.append(note)
    survey.checked(model.velocity_m_s, model.spacing_m, order)
    if wavelet is not None and not final_wavelet:
        scale = amplitude(survey, model, options)
        if not 1 / _SAME_AMPLITUDE < scale < _SAME_AMPLITUDE:
            survey = replace(survey, wavelet=survey.wavelet * np.float32(scale))
            notes.append(f"The wavelet was multiplied by {scale:.3g}, to fit the amplitude of the data in the start.")
    return survey, tuple(notes)


def _energy_above(survey: Survey, frequency_hz: float) -> float:
    """Return the share of the observed energy above a frequency."""
    power = sum(np.sum(np.abs(np.fft.rfft(shot, axis=0)) ** 2, axis=1) for shot in survey.observed)
    above = np.fft.rfftfreq(survey.observed.shape[1], survey.time_step_s) > frequency_hz
    return float(power[above].sum() / power.sum())


def _time_step(step_s: float, longest_s: float) -> float:
    """Return the shots' time step, or the whole fraction or multiple of it that is stable."""
    if step_s <= longest_s:
        return step_s * max(1, int(_THINNED_STEP * longest_s / step_s))
    return step_s / int(np.ceil(step_s / (0.98 * longest_s)))


def _cells(shots: Shots, model: VelocityModel) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the cells (z, x) of sources and receivers, each (n, 2), and the longest way to them in m."""
    rows, columns = model.shape
    found, shift_m = [], 0.0
    for what in ("source", "receiver"):
        x_m, depth_m = (np.asarray(getattr(shots, f"{what}_{axis}_m"), float) for axis in ("x", "depth"))
        exact = np.stack([depth_m, x_m], 1) / model.spacing_m
        cells = np.rint(exact).astype(np.int64)
        outside = ((cells < 0) | (cells >= model.shape)).any(axis=1)
        if outside.any():
            row = int(np.argmax(outside))
            raise ZooError(
                f"The {what} of {shots.name(row)} is at x {x_m[row]:g} m and depth {depth_m[row]:g} m, outside the "
                f"model, which ends at x {(columns - 1) * model.spacing_m:g} m and depth "
                f"{(rows - 1) * model.spacing_m:g} m ({outside.sum()} traces in all). Give positions from the model's "
                "top left corner in metres, or a wider model."
            )
        shift_m = max(shift_m, float(np.hypot(*(exact - cells).T).max()) * model.spacing_m)
        found.append(cells)
    return found[0], found[1], shift_m

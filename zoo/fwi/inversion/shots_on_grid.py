"""Shots put onto the grid of a velocity model: positions in cells, a stable time step, a wavelet given or estimated.

`to_survey` takes one step after another; a step that changes the data says so in a sentence.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import ZooError
from zoo.fwi.inversion.gather import Cells, gathered
from zoo.fwi.inversion.streaming import Observed
from zoo.fwi.inversion.survey import Survey
from zoo.fwi.inversion.wavelet import amplitude, estimate_wavelet, given_wavelet
from zoo.fwi.physics import acoustic
from zoo.fwi.physics.acoustic_density import longest_stable_step_s
from zoo.fwi.physics.velocity_models import VelocityModel
from zoo.fwi.shots import Shots

Notes = tuple[str, ...]

# Velocities that an inversion may reach, over those of the start: the time step is chosen stable for them.
_HEADROOM = 1.25
# Traces are thinned to steps of at most this part of the longest stable one: the scheme is of second order in time.
_THINNED_STEP = 0.8
# Traces are refined to steps of at most this part of the longest stable one, so that rounding makes none unstable.
_REFINED_STEP = 0.98
# A sampling interval more than this many times the longest stable step is a mistake of units.
_MOST_COARSE = 50.0
# At a free surface the field is zero: what lies nearer to it than this part of a cell goes half a cell below it.
_AT_SURFACE, _BELOW_SURFACE = 0.01, 0.5
# Positions are told apart down to this part of a cell.
_SAME_PLACE = 1e-4
# Quotients of decimal fractions, such as 0.3 / 0.1, may fall this much short of the whole number that they should be.
_ROUNDING = 1e-6
# More than this share of energy above what the grid carries is filtered out, at this part of that frequency: what a
# grid does not carry makes noise in the gradient.
_ENERGY_BEYOND, _CORNER = 0.01, 0.7
# Shots of a survey larger than memory from which that share is taken.
_SPECTRA = 64
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
    aperture_m: float | None = None,
    **wave_options: Any,
) -> tuple[Survey, Notes]:
    """Put shots onto the grid of a model.

    Sources and receivers stay where they are, off the nodes too (`zoo.fwi.physics.acoustic_positions`); those at a free
    surface go half a cell below it. Receivers of all shots make one set, and traces that a shot lacks, or that are
    dead, have weight 0. The time step stays, or becomes a whole fraction or multiple of it, without aliasing.

    Args:
        shots: in metres from the model's top left corner.
        model: the start.
        wavelet: `ricker:HZ`; a file (CSV with time and amplitude, or .npz with `wavelet` and `time_step_s`); samples
            (T,) at the shots' time step; None: that of the shots, else estimated with the start (see
            `estimate_wavelet`).
        velocity_max_m_s: velocity for which the time step must be stable; by default 1.25 times the model's largest.
        order: order of the spatial differences.
        final_wavelet: whether the wavelet comes from an earlier call and is taken as it is. If not, it is scaled where
            the traces it causes in the start are more than twice too large or too small, and filtered like the data
            where these hold frequencies that the grid does not carry.
        aperture_m: margin around the sources and receivers of each shot, within which it is simulated; None: the whole
            model. With it, or where receivers move with the shots, every shot has receivers of its own.
        wave_options: other options of `zoo.fwi.models.wave.WaveRNN`.

    Returns:
        The survey, and sentences on what was done to the data.

    Raises:
        ZooError: a source or receiver outside the grid, a shot with two sources, no live trace, or a wavelet that
            cannot be read or does not suit the grid.
    """
    wavelet = shots.wavelet if wavelet is None else wavelet
    options = {"order": order, **wave_options}
    fastest_m_s = velocity_max_m_s or _HEADROOM * float(model.velocity_m_s.max())

    cells, moved = _cells(shots, model, bool(wave_options.get("free_surface")))
    step_s, samples, resampled = _time_axis(shots, model, fastest_m_s, order, wave_options.get("density"))
    survey, of_traces = gathered(shots, cells, step_s, samples, model, aperture_m)
    if wavelet is None:
        survey, filtered = _carried(survey, model, order)
        survey, sourced = _with_estimated_wavelet(survey, model, options)
        survey = survey.checked(model.velocity_m_s, model.spacing_m, order)
    else:
        survey = _with_wavelet(survey, given_wavelet(wavelet, shots.time_step_s, step_s, samples))
        survey, filtered = _carried(survey, model, order, keep_wavelet=final_wavelet)
        survey = survey.checked(model.velocity_m_s, model.spacing_m, order)
        survey, sourced = (survey, ()) if final_wavelet else _with_scaled_wavelet(survey, model, options)
    return survey, (*shots.notes, *moved, *resampled, *of_traces, *filtered, *sourced)


def _cells(shots: Shots, model: VelocityModel, free_surface: bool) -> tuple[Cells, Notes]:
    """Return positions in cells; refuse shots with several sources."""
    sources, sources_up = _positions("source", shots, model, free_surface)
    receivers, receivers_up = _positions("receiver", shots, model, free_surface)
    labels, first, shot = np.unique(shots.shot, return_index=True, return_inverse=True)
    shot = shot.ravel()
    apart = (sources != sources[first[shot]]).any(axis=1)
    if apart.any():
        row = int(np.argmax(apart))
        raise ZooError(
            f"Shot {shots.shot[row]} has sources at x {shots.source_x_m[first[shot[row]]]:g} m and "
            f"{shots.source_x_m[row]:g} m (trace {row + 1}). Number the shots of the geometry, one source each."
        )
    places, receiver = np.unique(receivers, axis=0, return_inverse=True)
    cells = Cells(labels, sources[first], places, shot, receiver.ravel())
    if not (sources_up or receivers_up):
        return cells, ()
    return cells, (
        f"{sources_up} traces have their source and {receivers_up} their receiver at the free surface, where the "
        f"field is zero: these were put {_BELOW_SURFACE * model.spacing_m:g} m below it. Give depths to change that.",
    )


def _positions(what: str, shots: Shots, model: VelocityModel, free_surface: bool) -> tuple[np.ndarray, int]:
    """Return positions (n, 2), (z, x) in cells, of each trace's `source` or `receiver`, and how many were at a surface.

    They are multiples of a small part of a cell, so that one place has one position.
    """
    rows, columns = model.shape
    x_m, depth_m = (np.asarray(getattr(shots, f"{what}_{axis}_m"), float) for axis in ("x", "depth"))
    exact = np.stack([depth_m, x_m], 1) / model.spacing_m
    outside = ~((exact > -0.5) & (exact < np.array(model.shape) - 0.5)).all(axis=1)
    if outside.any():
        row = int(np.argmax(outside))
        raise ZooError(
            f"The {what} of {shots.name(row)} is at x {x_m[row]:g} m and depth {depth_m[row]:g} m, outside the "
            f"model, which ends at x {(columns - 1) * model.spacing_m:g} m and depth "
            f"{(rows - 1) * model.spacing_m:g} m ({outside.sum()} traces in all). Give positions from the model's "
            "top left corner in metres, or a wider model."
        )
    up = exact[:, 0] < _AT_SURFACE if free_surface else np.zeros(len(exact), bool)
    exact[up, 0] = _BELOW_SURFACE
    return np.round(exact / _SAME_PLACE) * _SAME_PLACE, int(up.sum())


def _time_axis(
    shots: Shots, model: VelocityModel, fastest_m_s: float, order: int, density: np.ndarray | None = None
) -> tuple[float, int, Notes]:
    """Return a time step that is stable on the grid, and how many samples the traces then have."""
    dimensions = 1 if model.shape[1] == 1 else 2
    longest_s = acoustic.longest_time_step_s(fastest_m_s, model.spacing_m, order, dimensions)
    if density is not None:
        longest_s = longest_stable_step_s(density, fastest_m_s, model.spacing_m, order, dimensions)
    if shots.time_step_s > _MOST_COARSE * longest_s:
        raise ZooError(
            f"The traces are sampled every {shots.time_step_s:g} s, but waves on this grid need "
            f"{1e3 * longest_s:.3g} ms. Is the sampling interval in other units? It is in seconds."
        )
    step_s = _time_step_s(shots.time_step_s, longest_s)
    end_s = shots.first_sample_s + (shots.traces.shape[1] - 1) * shots.time_step_s
    samples = int(end_s / step_s + _ROUNDING)
    if samples < 2:
        raise ZooError(f"The traces end {1e3 * end_s:g} ms after the source's first sample. Check the time axis.")
    if step_s == shots.time_step_s:
        return step_s, samples, ()
    note = (
        f"Resampled from {1e3 * shots.time_step_s:.4g} to {1e3 * step_s:.4g} ms (stable on this grid up to "
        f"{1e3 * longest_s:.4g} ms at {fastest_m_s:.0f} m/s)."
    )
    return step_s, samples, (note,)


def _time_step_s(step_s: float, longest_s: float) -> float:
    """Return the shots' time step, or the whole fraction or multiple of it that is stable."""
    if step_s <= longest_s:
        return step_s * max(1, int(_THINNED_STEP * longest_s / step_s))
    return step_s / int(np.ceil(step_s / (_REFINED_STEP * longest_s)))


def _carried(survey: Survey, model: VelocityModel, order: int, *, keep_wavelet: bool = False) -> tuple[Survey, Notes]:
    """Low-pass data and wavelet (unless it is kept) where the data hold frequencies that the grid does not carry."""
    carried_hz = acoustic.carried_frequency_hz(float(model.velocity_m_s.min()), model.spacing_m, order)
    beyond = _energy_above(survey, carried_hz)
    if not beyond > _ENERGY_BEYOND:  # NaN too: data that resampling has made zero
        return survey, ()
    filtered = survey.low_passed(_CORNER * carried_hz)
    return replace(filtered, wavelet=survey.wavelet) if keep_wavelet else filtered, (
        f"{100 * beyond:.0f} % of the data's energy lies above {carried_hz:.3g} Hz, the most that this grid "
        f"carries: low-passed at {_CORNER * carried_hz:.3g} Hz.",
    )


def _energy_above(survey: Survey, frequency_hz: float) -> float:
    """Return the share of the observed energy above a frequency."""
    count = len(survey.observed)
    some = range(count)
    if isinstance(survey.observed, Observed):  # every shot is read and resampled for it
        some = np.unique(np.linspace(0, count - 1, _SPECTRA).astype(int))
    power = sum(np.sum(np.abs(np.fft.rfft(survey.observed[int(n)], axis=0)) ** 2, axis=1) for n in some)
    above = np.fft.rfftfreq(survey.observed.shape[1], survey.time_step_s) > frequency_hz
    return float(power[above].sum() / power.sum())


def _with_wavelet(survey: Survey, wavelet: np.ndarray) -> Survey:
    """Return the survey with one wavelet (T,) for all shots."""
    return replace(survey, wavelet=np.tile(wavelet, (len(survey.sources), 1)))


def _with_estimated_wavelet(survey: Survey, model: VelocityModel, options: dict[str, Any]) -> tuple[Survey, Notes]:
    """Return the survey with the wavelet that explains its data best in the start."""
    wavelet, note = estimate_wavelet(survey, model, **options)
    return _with_wavelet(survey, wavelet), (note,)


def _with_scaled_wavelet(survey: Survey, model: VelocityModel, options: dict[str, Any]) -> tuple[Survey, Notes]:
    """Return the survey with its wavelet scaled to the data, where their units differ."""
    scale = amplitude(survey, model, options)
    if 1 / _SAME_AMPLITUDE < scale < _SAME_AMPLITUDE:
        return survey, ()
    return replace(survey, wavelet=survey.wavelet * np.float32(scale)), (
        f"The wavelet was multiplied by {scale:.3g}, to fit the amplitude of the data in the start.",
    )

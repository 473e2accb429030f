"""A survey: shots on the grid of a velocity model, in cells and time steps. Checked, filtered, simulated.

`zoo.fwi.shots.Shots` are what was recorded, in metres; `zoo.fwi.inversion.shots_on_grid.to_survey` makes a survey of
them. Traces are (shots, time, receivers).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from zoo.errors import UsageError, ZooError
from zoo.fwi.inversion.streaming import Observed
from zoo.fwi.physics import acoustic
from zoo.fwi.physics.acoustic_positions import check_positions

_BUTTERWORTH_ORDER = 6


@dataclass(frozen=True, eq=False)
class Survey:
    """Shots on a grid, with positions in cells: which wavelet acts where, who listens, and what was recorded.

    Args:
        wavelet: (S, T) float32, what acts at each source.
        sources: (S, 2) positions (z, x) in cells.
        receivers: (R, 2) positions (z, x) in cells, the same for all shots; or (S, R, 2), each shot's own, with weight
            0 where a shot has fewer.
        time_step_s: time step of wavelet and traces; sample n of a trace is the field after n + 1 steps.
        observed: (S, T, R) float32, the recorded traces, or None where nothing is recorded yet. They may be in any
            unit; it is that of the traces that the wavelet causes.
        weights: (S, R) float32 from 0 (not recorded) to 1; None is 1.
        columns: (S, 2) first column of the grid that a shot sees, and the one after its last; None where all shots
            share their receivers and the whole grid.
        windows: (S, R, 4) float32, samples at which data begin to count, count fully, do so last, and end; None is all.
    """

    wavelet: np.ndarray
    sources: np.ndarray
    receivers: np.ndarray
    time_step_s: float
    observed: np.ndarray | None = None
    weights: np.ndarray | None = None
    columns: np.ndarray | None = None
    windows: np.ndarray | None = None

    @property
    def numbered(self) -> np.ndarray:
        """The sources as a layer takes them: (S, 2), or (S, 3) with the number of the shot for apertures."""
        if self.columns is None:
            return self.sources
        return np.concatenate([self.sources, np.arange(len(self.sources), dtype=self.sources.dtype)[:, None]], axis=1)

    @property
    def places(self) -> np.ndarray:
        """The different receivers (n, 2) of all shots."""
        return self.receivers if self.receivers.ndim == 2 else np.unique(self.receivers.reshape(-1, 2), axis=0)

    def within(self, columns: np.ndarray) -> Survey:
        """Return the survey with a part of the grid, (S, 2) columns, for each shot; its receivers are (S, R, 2)."""
        return replace(self, columns=columns)

    def some(self, shots: np.ndarray) -> Survey:
        """Return the survey of some of the shots."""
        names = ("wavelet", "sources", "observed", "weights", "columns", "windows")
        names += ("receivers",) * (self.columns is not None)
        return replace(self, **{n: getattr(self, n)[shots] for n in names if getattr(self, n) is not None})

    def checked(self, velocity_m_s: np.ndarray, spacing_m: float, order: int = 4) -> Survey:
        """Return the survey with its arrays in their types, if the grid can carry it.

        Args:
            velocity_m_s: (Z, X), in which the waves will travel.
            spacing_m: grid spacing.
            order: order of the spatial differences.

        Raises:
            ZooError: NaN, shapes that disagree, cells outside the grid (the first one is named), an unstable time
                step, or too few grid points in the shortest wavelength.
        """
        velocity = np.asarray(velocity_m_s)
        wavelet = np.asarray(self.wavelet, np.float32)
        if wavelet.ndim != 2 or not wavelet.size:
            raise ZooError(f"The wavelet must be (shots, time); received the shape {wavelet.shape}.")
        shots, samples = wavelet.shape
        cells_of = {}
        for name, least in (("sources", shots), ("receivers", None)):
            given = np.asarray(getattr(self, name))
            cells = given.reshape(-1, 2) if self.columns is not None and given.ndim == 3 else given
            if cells.ndim != 2 or cells.shape[1] != 2 or not len(cells) or (least and len(cells) != least):
                expected = f"({least or 'receivers'}, 2)"
                raise ZooError(
                    f"The {name} must be {expected}, positions (z, x) in cells; received the shape {cells.shape}."
                )
            cells_of[name] = check_positions(cells, velocity.shape, name[:-1]).astype(np.float32).reshape(given.shape)
        arrays = {"wavelet": wavelet}
        shapes = {
            "observed": (shots, samples, cells_of["receivers"].shape[-2]),
            "weights": (shots, cells_of["receivers"].shape[-2]),
        }
        for name, shape in shapes.items():
            if getattr(self, name) is not None:
                streamed = isinstance(getattr(self, name), Observed)
                arrays[name] = getattr(self, name) if streamed else np.asarray(getattr(self, name), np.float32)
                if arrays[name].shape != shape:
                    raise ZooError(
                        f"With {shots} shots, {samples} samples and {shape[-1]} receivers, {name} must have the shape "
                        f"{shape}; received {arrays[name].shape}."
                    )
        for name, array in {**arrays, "velocity": velocity}.items():
            if isinstance(array, Observed):
                continue  # its traces were looked at when they were read
            if not np.isfinite(array).all():
                first = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
                raise ZooError(
                    f"The {name} has {np.sum(~np.isfinite(array))} values that are NaN or infinite, the first at "
                    f"{first} of {array.shape}. Repair them, or give their traces weight 0 and values 0."
                )
        dimensions = 1 if velocity.shape[1] == 1 else 2
        acoustic.check_stability(float(velocity.max()), spacing_m, self.time_step_s, order, dimensions)
        highest_hz = acoustic.highest_frequency_hz(wavelet, self.time_step_s)
        acoustic.check_dispersion(float(velocity.min()), spacing_m, highest_hz, order)
        return replace(self, **cells_of, **arrays)

    def low_passed(self, corner_hz: float) -> Survey:
        """Return the survey with wavelet and observed traces low-passed (Butterworth, order 6).

        The filter is causal and begins at rest, like the field. Waves are linear in the wavelet, so the filtered
        traces are to the last sample those that the filtered wavelet causes. A zero-phase filter would not do: its
        response before the first sample is cut off.

        Raises:
            UsageError: a corner that is not between 0 and the Nyquist frequency.
        """
        from scipy.signal import butter, sosfilt

        nyquist_hz = 0.5 / self.time_step_s
        if not 0 < corner_hz < nyquist_hz:
            raise UsageError(f"A corner must lie between 0 and {nyquist_hz:.4g} Hz; received {corner_hz} Hz.")
        sections = butter(_BUTTERWORTH_ORDER, corner_hz, fs=1 / self.time_step_s, output="sos")

        def filtered(array):
            return sosfilt(sections, np.asarray(array, np.float64), axis=1).astype(np.float32)

        if isinstance(self.observed, Observed):
            observed = self.observed.then(lambda traces, _: filtered(traces))
            return replace(self, wavelet=filtered(self.wavelet), observed=observed)
        observed = None if self.observed is None else filtered(self.observed)
        return replace(self, wavelet=filtered(self.wavelet), observed=observed)

    def normalised(self) -> Survey:
        """Return the survey in units in which the rms of the observed traces (weight above 0) is 1.

        Learning rates then depend neither on the units of the data nor on the frequency band of a stage.

        Raises:
            ZooError: no trace with a weight above 0 differs from zero.
        """
        return self.divided(self.rms())

    def divided(self, rms: float) -> Survey:
        """Return the survey with wavelet and observed traces over a number, these within their windows and weights."""
        if isinstance(self.observed, Observed):
            observed = self.observed.then(lambda traces, shots: traces * (self.mask(shots) / np.float32(rms)))
        else:
            observed = self.observed * self.mask() / np.float32(rms)
        return replace(self, wavelet=self.wavelet / np.float32(rms), observed=observed)

    def rms(self) -> float:
        """Return the rms of the observed traces (weight above 0) within their windows; refuse 0 (ZooError)."""
        shots, samples, receivers = self.observed.shape
        energy = 0.0
        for shot in range(shots):  # one by one: there may be more than memory holds
            one = slice(shot, shot + 1)
            energy += float(np.sum(np.square(self.observed[one] * self.mask(one), dtype=np.float64)))
        if energy == 0:
            raise ZooError("All observed traces are zero or have weight 0: there is nothing to invert.")
        traces = shots * receivers if self.weights is None else np.count_nonzero(self.weights)
        return float(np.sqrt(energy / (traces * samples)))

    def mask(self, shots: Any = slice(None)) -> np.ndarray:
        """Return what windows and weights leave of each sample, from 0 to 1, float32; to be multiplied.

        Args:
            shots: a slice or numbers; by default all.
        """
        if self.weights is None:
            mask = np.ones((len(self.sources[shots]), 1, self.receivers.shape[-2]), np.float32)
        else:
            mask = (self.weights[shots] > 0).astype(np.float32)[:, None]
        return mask if self.windows is None else mask * window_mask(self.windows[shots], self.wavelet.shape[1])


def window_mask(windows: np.ndarray, samples: int) -> np.ndarray:
    """Return windows (S, R, 4), as in `Survey`, as factors (S, T, R) float32; half a cosine up and down."""
    time = np.arange(samples, dtype=np.float32)[None, :, None]
    zero, one, last, end = (windows[:, None, :, i] for i in range(4))
    rise = np.clip((time - zero) / (one - zero), 0, 1)
    fall = np.clip((end - time) / (end - last), 0, 1)
    return (0.25 * (1 - np.cos(np.pi * rise)) * (1 - np.cos(np.pi * fall))).astype(np.float32)


def simulate(velocity_m_s: np.ndarray, spacing_m: float, survey: Survey, **wave_options: Any) -> np.ndarray:
    """Return the traces (S, T, R) of a survey over a velocity model.

    Args:
        velocity_m_s: (Z, X).
        spacing_m: grid spacing.
        survey: its `observed` and `weights` are not used.
        **wave_options: as in `zoo.fwi.WaveRNN`: order, absorber, width, free_surface.

    Raises:
        ZooError: as in `Survey.checked`.
    """
    import keras

    from zoo.fwi.models.wave_apertures import waves_of

    survey = survey.checked(velocity_m_s, spacing_m, wave_options.get("order", 4))
    waves = waves_of(np.asarray(velocity_m_s, np.float32), spacing_m, survey, **wave_options)
    return keras.ops.convert_to_numpy(waves((survey.wavelet, survey.numbered)))


def free_cells(shape: tuple[int, int], sources: np.ndarray, taper_cells: float, water_rows=None) -> np.ndarray:
    """Return the mask (Z, X) of `WaveInversion`: 0 in the water, rising from 0 to 1 around each source.

    Near a source the gradient is many times larger than anywhere else, and tells nothing about the structure.

    Args:
        shape: (Z, X) of the grid.
        sources: (S, 2) positions (z, x) in cells.
        taper_cells: radius of the rise (half a cosine) in cells; 0 leaves it out.
        water_rows: (X,) rows of water in each column, from the top; None where there is no water.
    """
    mask = np.ones(shape, np.float32)
    if taper_cells > 0:
        z, x = np.indices(shape)
        for source in np.asarray(sources):
            distance = np.hypot(z - source[0], x - source[1]) / taper_cells
            mask = np.minimum(mask, 0.5 - 0.5 * np.cos(np.pi * np.minimum(distance, 1)))
    if water_rows is not None:
        mask = np.where(np.arange(shape[0])[:, None] < np.asarray(water_rows), 0, mask)
    return mask.astype(np.float32)

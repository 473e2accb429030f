"""Likelihood of the traces of one event when the earth, the clocks, the gains and the source are not as simulated.

The trace of receiver r, of a source at x of strength A, is modelled as

    d_r(t) = A g_r a_r(x) f_r(t - t0 - (1 + c) tau_r(x) - delta_r; x) + noise,

with the emulator's frame f, arrival time tau and amplitude a, and with errors of the world
(`zoo.microseismic.location.world.World`): c, one factor of all travel times, normal with sd v; delta_r, a time term of
the receiver, normal with variance s^2 ((v tau_r)^2 + clock^2) + timing^2, where s is 1/2, 1 or 2 for all receivers
together (the data tell which, if there are enough of them); and g_r, normal about 1. `timing` and a part of g's
variance are the emulator's own error, measured on validation events.

Channels of one station (components of a geophone) share its time term and clock, and have gains of their own; a station
of one channel is a receiver.

Given x, t0, A and c, the receivers are independent, and g_r and delta_r are integrated out for each: g_r in closed
form, for it is linear; delta_r as a sum over all lags of the data, each with a parabola around it, so that several
maxima of the correlation count and a sharp one is not missed. So there are six parameters or fewer, however many
receivers there are.

What another earth does to the waves after the first is represented by more variance where they are. Waves at a time t
after the strongest are late or early by about v t, which leaves the share exp(-(omega v t)^2) of their variance
explained. Such errors lie in the band of the pulse, where their density is `band_density` times the mean. How large
they are follows from the velocity error and is not fitted: another place explains them, so they look small in any
earth, and that place is wrong. The emulator's own shape error is white, `SHAPE_ERROR_INFLATION` times as large.

The log-likelihood is relative to noise alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq

from zoo.microseismic.location.aligned_frames import BANK, AlignedFrames, Bank
from zoo.microseismic.location.lags import HALF, at_lags, between
from zoo.microseismic.location.noise import Noise, whiten
from zoo.microseismic.location.world import World

# Of the time terms' standard deviation, for all receivers together, and the prior probability of each.
TERM_SCALES, TERM_WEIGHTS = (0.5, 1.0, 2.0), (0.25, 0.5, 0.25)
# Without any error of the clock, the emulator's timing is still no better than this.
_LEAST_TIMING_S = 5e-5
_LEAST_GAIN_ERROR = 1e-3
# The emulator's shape error is white with this many times its rms. It is none: it lies in the band of the pulse and
# after the arrival, and it resembles what another place would change, so that fewer independent samples than of noise
# tell the two apart. Chosen such that held-out events are off by no more than their standard deviations
# (`python benchmarks/emulator_calibration.py`); with 3, as white noise in the band would have it, an event below the
# seabed was 8 off.
SHAPE_ERROR_INFLATION = 10.0
# Lags reach this many standard deviations of the time terms.
_REACH_SD = 4.0
# Lags before the first and after the last sample at which a peak may lie.
_ROOM = 30
# Log strengths and slowness changes reach so far.
_LOG_STRENGTH = 14.0
CHANGE_SD = 5.0
# Shape of the first pulse in another earth: as wrong as this many times the velocity error.
SHAPE_PER_VELOCITY = 2.5
# Components of so many pulses are kept.
_FILTERED = 8
# A sharper pulse amplifies what the emulator does not know at high frequencies: at most so much.
_MOST_SHARPENED = 10.0


class WorldLikelihood:
    """log p(traces | x, y, z and what else is unknown) - log p(traces | noise): vectorised, float32, for XLA.

    Args:
        model: emulator of traces. `station_of_channel` (channels,), if it has one, are integers that tell which of its
            channels belong to one station, with one clock and one travel time; else each is a station.
        receivers: indices of the emulator's receivers (channels) that recorded the event.
        world: errors of the world.
        bank: number of sources of the bank.
    """

    def __init__(self, model: Any, receivers: Sequence[int], world: World, bank: int = BANK) -> None:
        self.model, self.world, self.receivers = model, world, tuple(receivers)
        self.frames = AlignedFrames(model, receivers)
        self.lower_km, self.upper_km = (np.asarray(edge, np.float64) for edge in (model.lower_km, model.upper_km))
        self.bank = Bank.of(self.frames, self.lower_km, self.upper_km, bank)
        self.frames.fold(self.bank.basis)
        self.step_s, self.samples = float(model.time_step_s), int(model.samples)
        self.parameters = world.parameters
        error = getattr(model, "emulator_error", None) or {}

        def of(name: str) -> np.ndarray:
            return np.asarray(error.get(name, np.zeros(len(model.receivers_km))), np.float32)[list(self.receivers)]

        stations = np.asarray(getattr(model, "station_of_channel", np.arange(len(model.receivers_km))))
        self.station_of_channel = np.unique(stations[list(self.receivers)], return_inverse=True)[1]
        self.stations = int(self.station_of_channel.max()) + 1
        # (stations, channels), each row sums up what its channels say.
        self.of_station = np.eye(self.stations, dtype=np.float32)[:, self.station_of_channel]
        self.timing_sd_s = np.maximum(of("timing_sd_s"), _LEAST_TIMING_S).astype(np.float32)
        self.own_gain_sd = np.maximum(of("log_amplitude_sd"), _LEAST_GAIN_ERROR).astype(np.float32)
        self.shape_error = np.hypot(of("shape_error"), self.bank.left_out).astype(np.float32)
        self.first_lag = -self.frames.reference - _ROOM
        self.lags = self.samples + 2 * _ROOM
        longest_s = float(np.quantile(self.bank.times_s, 0.999))
        reach_s = _REACH_SD * math.hypot(world.velocity_error * longest_s, world.clock_error_s)
        self.reach = math.ceil(reach_s / self.step_s) + 1
        scales = world.velocity_error > 0 or world.clock_error_s > 0
        self.scales, self.weights = (TERM_SCALES, TERM_WEIGHTS) if scales else ((1.0,), (1.0,))
        basis = self.bank.basis
        self._size = next_fast_len(2 * basis.shape[-1], real=True)
        self._spectrum, self._filtered = rfft(basis.astype(np.float64), self._size), {}
        power = np.einsum("rp,rpf->f", np.diagonal(self.bank.moments, axis1=1, axis2=2), np.abs(self._spectrum) ** 2)
        omega = 2 * np.pi * rfftfreq(self._size, self.step_s)
        self.omega = float(np.sqrt(np.sum(omega**2 * power) / np.sum(power)))
        self._power = power
        # An error of the pulse's band is so much denser there than on average over the Nyquist band.
        self.band_density = float(len(power) * power.max() / power.sum())
        # A derivative of a Gaussian of sigma s has the mean square frequency 1.5 / s^2.
        self.pulse_sigma_s = math.sqrt(1.5) / self.omega

    @property
    def lower(self) -> np.ndarray:
        """Lower corner (d,) of the prior's box."""
        return self._corner(0)

    @property
    def upper(self) -> np.ndarray:
        """Upper corner (d,)."""
        return self._corner(1)

    def _corner(self, side: int) -> np.ndarray:
        sign = (-1.0, 1.0)[side]
        others = {
            "origin_time_s": (self.world.origin_time_s or (0, 0))[side],
            "log_strength": sign * _LOG_STRENGTH,
            "slowness_change": sign * CHANGE_SD * self.world.velocity_error,
        }
        return np.concatenate([(self.lower_km, self.upper_km)[side], [others[name] for name in self.parameters[3:]]])

    def data(
        self,
        traces: np.ndarray,
        noise: Noise,
        pulse: float = 1.0,
        shape: float = 1.0,
        wrong: np.ndarray | None = None,
    ) -> tuple[np.ndarray, ...]:
        """Return what the likelihood takes after the points.

        Args:
            traces: (receivers, time).
            noise: at the receivers.
            pulse: length of the source's pulse, relative to the emulator's.
            shape: factor of the standard deviation of the errors that another earth makes.
            wrong: (receivers,) factor of the emulator's own errors; None: as measured on validation events.

        Returns:
            (receivers, components, lags) correlation of the data with the components; (receivers, components, time)
            components whose weighted sum's square is the energy; (receivers, lags) what a lag alone contributes; (2,
            receivers) the emulator's errors of time, in s, and of log amplitude.
        """
        wrong = np.ones(len(self.receivers)) if wrong is None else np.asarray(wrong)
        white, order, taps = self.whitened(traces, noise, wrong)
        basis = self.filtered_basis(taps, pulse)
        variance = 1.0 + self.band_density * shape**2 * self.world_variance(basis, np.abs(white).max(axis=-1))
        heard = np.pad(np.ones(self.samples - order), (order, 0))
        first, last = self.first_lag, self.first_lag + self.lags
        correlation = at_lags(white[:, np.newaxis], basis / variance[:, np.newaxis], first, last)
        alone = np.zeros((len(white), self.lags))
        if self.world.velocity_error:
            alone -= 0.5 * at_lags(white**2, 1.0 / variance - 1.0, first, last)
            alone -= 0.5 * at_lags(heard, np.log(variance), first, last)
        energetic = basis / np.sqrt(variance)[:, np.newaxis]
        own = wrong * np.stack([self.timing_sd_s, self.own_gain_sd])
        return tuple(part.astype(np.float32) for part in (correlation, energetic, alone, own))

    def whitened(
        self, traces: np.ndarray, noise: Noise, wrong: np.ndarray | float = 1.0
    ) -> tuple[np.ndarray, int, np.ndarray]:
        """Return traces (receivers, time) whitened by noise and the emulator's shape error, zero in their past.

        Returns:
            Whitened traces (receivers, time); samples of past; taps of the filter (receivers, past + 1).
        """
        traces = np.asarray(traces, np.float64)
        taps = noise.filter((wrong * SHAPE_ERROR_INFLATION * self.shape_error * np.abs(traces).max(axis=-1)) ** 2)
        order = taps.shape[-1] - 1
        return np.pad(whiten(traces, taps), ((0, 0), (order, 0))), order, taps

    def filtered_basis(self, taps: np.ndarray, pulse: float = 1.0) -> np.ndarray:
        """Return the components (receivers, components, time) of whitened frames with a pulse of another length."""
        key = (taps.tobytes(), float(pulse))
        if key not in self._filtered:
            while len(self._filtered) >= _FILTERED:
                self._filtered.pop(next(iter(self._filtered)))
            self._filtered[key] = self._of_pulse(taps, pulse)
        return self._filtered[key]

    def _of_pulse(self, taps: np.ndarray, pulse: float) -> np.ndarray:
        omega = 2 * np.pi * rfftfreq(self._size, self.step_s)
        # Where the sharpening is limited there is nothing left to sharpen.
        longer = np.exp(np.minimum(-0.5 * (omega * self.pulse_sigma_s) ** 2 * (pulse**2 - 1), np.log(_MOST_SHARPENED)))
        # As loud on average as the emulator's: then the strength does not depend on the pulse.
        longer *= np.sqrt(np.sum(self._power) / np.sum(longer**2 * self._power))
        whitening = rfft(taps, self._size)[:, np.newaxis]
        return irfft(self._spectrum * longer * whitening, self._size)[..., : self.bank.basis.shape[-1]]

    def world_variance(self, basis: np.ndarray, peaks: np.ndarray) -> np.ndarray:
        """Return (receivers, time) the variance of a sample, in a frame, of what another earth does to the waves."""
        v = self.world.velocity_error
        if not v:
            return np.zeros((len(basis), basis.shape[-1]))
        square = np.einsum("rpj,rpq,rqj->rj", basis, self.bank.moments, basis, optimize=True)
        width = max(3, round(np.pi / self.omega / self.step_s))
        smooth = np.apply_along_axis(lambda row: np.convolve(row, np.ones(width) / width, mode="same"), 1, square)
        # Relative to the largest, with which the peak of the data goes.
        envelope = smooth / smooth.max(axis=-1, keepdims=True)
        time_s = self.step_s * (np.arange(basis.shape[-1]) - self.frames.reference)
        moved = 1.0 - np.exp(-((self.omega * v * time_s) ** 2))
        share = (SHAPE_PER_VELOCITY * v) ** 2 + moved
        # The largest of a few hundred samples of noise is three standard deviations.
        peak = np.maximum(peaks**2 - 9.0, 0.0)
        return peak[:, np.newaxis] * envelope * share

    def features(self, places_km: tf.Tensor, late_s: tf.Tensor, correlation: tf.Tensor, energetic: tf.Tensor):
        """Return what the receivers hear of sources (n, 3) at an origin time (n,).

        Returns:
            Travel times in s and log amplitudes (n, receivers); correlations (n, receivers, lags); energies (n,
            receivers); weighted frames (n, receivers, time), with a unit peak but for the whitening.
        """
        coefficients, time_s, amplitude = self.frames.projected(places_km, self.bank.basis)
        coefficients = tf.transpose(coefficients, (1, 0, 2))
        along = tf.transpose(tf.matmul(coefficients, correlation), (1, 0, 2))
        shaped = tf.transpose(tf.matmul(coefficients, energetic), (1, 0, 2))
        # Only what the record holds counts.
        shift = (time_s + late_s[:, tf.newaxis]) / self.step_s - self.frames.reference
        index = np.arange(self.bank.basis.shape[-1], dtype=np.float32) + shift[..., tf.newaxis]
        heard = tf.clip_by_value(self.samples - 0.5 - index, 0.0, 1.0) * tf.clip_by_value(index + 0.5, 0.0, 1.0)
        shaped = shaped * heard
        energy = tf.reduce_sum(shaped * shaped, axis=-1)
        return time_s, tf.math.log(tf.maximum(amplitude, 1e-30)), along, energy, shaped

    def explained(
        self, points: tf.Tensor, correlation: tf.Tensor, energetic: tf.Tensor, alone: tf.Tensor, own: tf.Tensor
    ):
        """Return all that `zoo.microseismic.location.explanation` needs of points (n, d), to be compiled once.

        Returns:
            Coefficients of the frames (n, receivers, components); what `features` returns first: times, log amplitudes,
            correlations; and cells, their times, gain variances and surpluses of `_receivers`.
        """
        places, late_s, log_strength, change = self.split(points)
        # Computed again by `features`: the compiler sees that it is the same.
        coefficients, _, _ = self.frames.projected(places, self.bank.basis)
        time_s, log_amplitude, along, energy, _ = self.features(places, late_s, correlation, energetic)
        _, inner = self._receivers(time_s, log_amplitude, along, energy, alone, own, late_s, log_strength, change)
        return coefficients, time_s, log_amplitude, along, *inner

    def combine(self, time_s, log_amplitude, along, energy, alone, own, late_s, log_strength, change) -> tf.Tensor:
        """Return the log-likelihood (n,) of what `features` returned, with gains and time terms integrated out."""
        values, _ = self._receivers(time_s, log_amplitude, along, energy, alone, own, late_s, log_strength, change)
        total = tf.reduce_sum(values, axis=-1) + np.log(self.weights).astype(np.float32)[:, np.newaxis]
        return tf.reduce_logsumexp(total, axis=0) + self._log_prior(change)

    def _log_prior(self, change: tf.Tensor) -> tf.Tensor:
        v = self.world.velocity_error
        if not v:
            return tf.zeros_like(change)
        # Relative to the box, over which the evidence averages.
        return -0.5 * (change / v) ** 2 + math.log(2 * CHANGE_SD / math.sqrt(2 * math.pi))

    def _receivers(self, time_s, log_amplitude, along, energy, alone, own, late_s, log_strength, change):
        """Return the log-likelihood of each scale and station (s, n, stations), and the lags' weights with their grid.

        With one channel a station, the lags are those of the data. Otherwise its channels, which have arrival times of
        their own, are interpolated to lags that they share.
        """
        reach, step, shared = self.reach, self.step_s, self.stations < len(self.receivers)
        middle_s = time_s * (1.0 + change[:, None]) + late_s[:, None]
        position = middle_s / step - self.frames.reference - self.first_lag
        n, grid = tf.shape(time_s)[0], np.arange(-reach - 2, reach + 3, dtype=np.int32)
        room = grid[-1] + (HALF if shared else 0)
        whole = tf.floor(position) if shared else tf.round(position)
        nearest = tf.clip_by_value(tf.cast(whole, tf.int32), room, self.lags - 1 - room)
        lone = tf.tile(alone[None], (n, 1, 1))
        if shared:
            ahead = tf.clip_by_value(position - whole, 0.0, 1.0)
            c, lone = (between(values, nearest, ahead, grid) for values in (along, lone))
        else:
            window = nearest[..., None] + grid
            c, lone = (tf.gather(values, window, axis=2, batch_dims=2) for values in (along, lone))
        height = tf.exp(log_amplitude + log_strength[:, None])
        expected = height**2 * energy
        surplus = height[..., None] * c - expected[..., None]
        timing_sd_s, gain = own[0], own[1] ** 2 + np.float32(self.world.gain_error**2)
        v = gain / (1.0 + gain * expected)
        level = surplus + 0.5 * expected[..., None] + 0.5 * v[..., None] * surplus**2
        level += lone - 0.5 * tf.math.log(1.0 + gain * expected)[..., None]
        low2, low, here, high, high2 = (level[..., k : k + 2 * reach + 1] for k in range(5))
        slope = (8.0 * (high - low) - (high2 - low2)) / (12.0 * step)
        bend = (16.0 * (high + low) - 30.0 * here - (high2 + low2)) / (12.0 * step**2)
        # All scales at once, along the first axis.
        scales = np.array(self.scales, np.float32)[:, None, None, None]
        earth = self.earth_variance(time_s)[..., None]
        if shared:
            away = step * tf.constant(grid[2:-2], tf.float32)[None, None]
            here, slope, bend = self._of_stations(here, slope, bend, timing_sd_s)
            variance = (scales**2) * earth + np.float32(_LEAST_TIMING_S**2)
        else:
            away = (tf.cast(window[..., 2:-2], tf.float32) - position[..., None]) * step
            variance = (scales**2) * earth + timing_sd_s[:, None] ** 2
        precision = tf.maximum(-bend, 0.0) + 1.0 / variance
        root = tf.sqrt(precision)
        # The parabola's top, seen from the lag; where it lies far outside the lag's cell, another cell holds it.
        edge = 0.5 * step + 3.0 / root
        top = tf.clip_by_value((slope - away / variance) / precision, -edge, edge)
        upper, lower = ((0.5 * step + sign * top) * root * math.sqrt(0.5) for sign in (-1.0, 1.0))
        share = 0.5 * (tf.math.erf(upper) + tf.math.erf(lower))
        cells = here - 0.5 * away**2 / variance + 0.5 * precision * top**2
        cells += tf.math.log(tf.maximum(share, 1e-30)) - tf.math.log(root * tf.sqrt(variance))
        return tf.reduce_logsumexp(cells, axis=-1), (cells, away + top, v, surplus[..., 2:-2])

    def earth_variance(self, time_s: tf.Tensor) -> tf.Tensor:
        """Return the variance of the time terms (n, stations) of travel times (n, channels), scale 1, in s2."""
        if self.stations < len(self.receivers):
            time_s = tf.matmul(time_s, self.of_station / self.of_station.sum(axis=1, keepdims=True), transpose_b=True)
        return (self.world.velocity_error * time_s) ** 2 + self.world.clock_error_s**2

    def _of_stations(self, here, slope, bend, timing_sd_s) -> tuple[tf.Tensor, ...]:
        """Return the parabolas (n, stations, lags) of what is said by their channels, each with the emulator's timing.

        A parabola convolved with a Gaussian is one again.
        """
        variance, bend = timing_sd_s[:, None] ** 2, tf.maximum(-bend, 0.0)
        wider = 1.0 + bend * variance
        here = here + 0.5 * slope**2 * variance / wider - 0.5 * tf.math.log(wider)
        return tuple(tf.einsum("nck,sc->nsk", part, self.of_station) for part in (here, slope / wider, -bend / wider))

    def split(self, points: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Return places (n, 3), origin times, log strengths and slowness changes (n,) of points (n, d)."""
        zero = tf.zeros_like(points[:, 0])
        column = {name: points[:, i] for i, name in enumerate(self.parameters)}
        others = (column.get(name, zero) for name in ("origin_time_s", "log_strength", "slowness_change"))
        return (points[:, :3], *others)

    def __call__(
        self, points: tf.Tensor, correlation: tf.Tensor, energetic: tf.Tensor, *others: tf.Tensor
    ) -> tf.Tensor:
        places, late_s, log_strength, change = self.split(points)
        heard = self.features(places, late_s, correlation, energetic)
        return self.combine(*heard[:4], *others, late_s, log_strength, change)

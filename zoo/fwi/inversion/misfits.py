"""Misfits between observed and predicted traces, as Keras losses.

Traces are (shots, time, receivers). A misfit is computed per trace, so that Keras's `sample_weight` may be (shots,
receivers): 0 leaves a trace out. The value is the mean over shots.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from zoo.errors import UsageError, did_you_mean
from zoo.fwi.settings import MISFITS

# The envelope's square root is rounded off below this part of a trace's largest observed amplitude.
_ENVELOPE_FLOOR = 1e-3
# Squares and amplitudes of traces with an rms of 1 are far above these; they only keep dead traces from giving NaN.
_TINY_SQUARE, _TINY_AMPLITUDE = 1e-20, 1e-15


@keras.saving.register_keras_serializable(package="zoo")
class L2Misfit(keras.losses.Loss):
    """Half the squared difference summed over receivers and time, mean over shots (Sun et al., eq. 3 and A-1).

    Args:
        amplitudes: `absolute`; or `per-shot`, `per-trace`: observed and predicted shots, or traces, are each divided
            by their rms first, so that only what varies within them counts.
    """

    def __init__(self, amplitudes: str = "absolute", name: str = "l2", **kwargs):
        super().__init__(name=name, **kwargs)
        self.amplitudes = amplitudes

    def get_config(self):
        return {**super().get_config(), "amplitudes": self.amplitudes}

    def call(self, observed, predicted):
        """Return (shots, receivers): the mean over both, which Keras takes, is the sum over receivers."""
        observed, predicted = (_levelled(traces, self.amplitudes) for traces in (observed, predicted))
        return 0.5 * observed.shape[-1] * ops.sum(ops.square(predicted - observed), axis=1)


@keras.saving.register_keras_serializable(package="zoo")
class CorrelationMisfit(keras.losses.Loss):
    """One minus the normalised zero-lag correlation of each trace, mean over traces: blind to amplitudes.

    A trace that is zero throughout counts as uncorrelated.
    """

    def __init__(self, name: str = "correlation", **kwargs):
        super().__init__(name=name, **kwargs)

    def call(self, observed, predicted):
        """Return (shots, receivers), each between 0 and 2."""

        def norm(trace):
            return ops.sqrt(ops.sum(ops.square(trace), axis=1) + _TINY_SQUARE)

        return 1 - ops.sum(observed * predicted, axis=1) / (norm(observed) * norm(predicted))


@keras.saving.register_keras_serializable(package="zoo")
class EnvelopeMisfit(keras.losses.Loss):
    """`L2Misfit` of the Hilbert envelopes, which vary slowly: tolerant of starts that are half a period off."""

    def __init__(self, amplitudes: str = "absolute", name: str = "envelope", **kwargs):
        super().__init__(name=name, **kwargs)
        self.amplitudes = amplitudes

    def get_config(self):
        return {**super().get_config(), "amplitudes": self.amplitudes}

    def call(self, observed, predicted):
        """Return (shots, receivers): the mean over both, which Keras takes, is the sum over receivers."""
        observed, predicted = (_levelled(traces, self.amplitudes) for traces in (observed, predicted))
        by_trace = [ops.transpose(traces, (0, 2, 1)) for traces in (observed, predicted)]
        floor = _ENVELOPE_FLOOR * ops.max(ops.abs(by_trace[0]), axis=-1, keepdims=True) + _TINY_AMPLITUDE
        # The floor rounds off the root where an envelope vanishes: its slope there is infinite.
        before, after = (ops.sqrt(t**2 + hilbert(t) ** 2 + floor**2) for t in by_trace)
        return 0.5 * observed.shape[-1] * ops.sum(ops.square(after - before), axis=-1)


def hilbert(trace):
    """Return the Hilbert transform along the last axis, time (of the trace continued periodically)."""
    samples = trace.shape[-1]
    passed = np.ones(samples // 2 + 1, np.float32)  # all but the mean and the Nyquist frequency, which have no phase
    passed[0] = 0
    if samples % 2 == 0:
        passed[-1] = 0
    real, imaginary = ops.rfft(trace)
    return ops.irfft((imaginary * passed, -real * passed), fft_length=samples)


_LOSSES = dict(zip(MISFITS, (L2Misfit, CorrelationMisfit, EnvelopeMisfit), strict=True))


def _levelled(traces, amplitudes: str):
    """Return traces (shots, time, receivers) divided by the rms of each shot or trace; as they are if `absolute`."""
    if amplitudes == "absolute":
        return traces
    axes = (1, 2) if amplitudes == "per-shot" else 1
    # A zero trace stays one: its squares are far below those of data with an rms of 1.
    return traces / ops.sqrt(ops.mean(ops.square(traces), axis=axes, keepdims=True) + _TINY_SQUARE)


def misfit(name: str, amplitudes: str = "absolute") -> keras.losses.Loss:
    """Return the misfit `l2`, `correlation` or `envelope`; refuse other names (UsageError).

    Args:
        name: which.
        amplitudes: as in `L2Misfit`; `correlation` knows none.
    """
    if name not in _LOSSES:
        raise UsageError(f"There is no misfit {name!r}.{did_you_mean(name, MISFITS)}")
    return _LOSSES[name]() if name == "correlation" else _LOSSES[name](amplitudes)

"""The parts of a phase picker: a causal high-pass, normalisation of a window, and a U-Net along time.

After PhaseNet (Zhu & Beroza 2019, figure 3), with other numbers of channels.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import scipy.fft
import scipy.signal
from keras import ops

from zoo.serving import plain

_KERNEL, _STRIDE = 7, 4
_RESPONSE_S = 3.0  # at 1 Hz the impulse response has fallen to 1e-6 of its start


@keras.saving.register_keras_serializable(package="zoo")
class CausalHighPass(keras.layers.Layer):
    """Butterworth high-pass (two corners) of (n, samples, channels), in any unit and with any offset.

    Nothing moves ahead of an onset, as it would with a zero-phase filter. Each channel starts from zero: its first
    sample is subtracted. The recursion is computed as a product of spectra with its impulse response, which works on
    every backend; for formats that have no spectra (LiteRT), as a convolution with it.

    Args:
        corner_hz: corner frequency.
        sampling_rate_hz: sampling rate of the windows.
    """

    def __init__(self, corner_hz: float, sampling_rate_hz: float, **kwargs):
        super().__init__(**kwargs)
        self.corner_hz, self.sampling_rate_hz = corner_hz, sampling_rate_hz
        impulse = np.zeros(int(_RESPONSE_S / corner_hz * sampling_rate_hz))
        impulse[0] = 1.0
        sos = scipy.signal.butter(2, corner_hz, "highpass", fs=sampling_rate_hz, output="sos")
        self.response = scipy.signal.sosfilt(sos, impulse)

    def call(self, waveforms):
        if plain():
            return self._convolve(waveforms - waveforms[:, :1])
        traces = ops.transpose(waveforms - waveforms[:, :1], (0, 2, 1))
        samples = traces.shape[-1]
        length = scipy.fft.next_fast_len(samples + len(self.response), real=True)
        spectrum = np.fft.rfft(self.response, length).astype(np.complex64)
        real, imaginary = ops.rfft(traces, length)
        product = (
            real * spectrum.real - imaginary * spectrum.imag,
            real * spectrum.imag + imaginary * spectrum.real,
        )
        return ops.transpose(ops.irfft(product, length)[..., :samples], (0, 2, 1))

    def _convolve(self, traces):
        count = len(self.response)
        kernel = np.repeat(self.response[::-1, None, None], traces.shape[-1], axis=1).astype(np.float32)
        return ops.depthwise_conv(ops.pad(traces, ((0, 0), (count - 1, 0), (0, 0))), kernel)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "corner_hz": self.corner_hz, "sampling_rate_hz": self.sampling_rate_hz}


@keras.saving.register_keras_serializable(package="zoo")
class ChannelScaling(keras.layers.Layer):
    """Subtracts from each channel of (n, samples, channels) its mean and divides by its sd; zeros stay zeros."""

    def call(self, waveforms):
        waveforms = waveforms - ops.mean(waveforms, axis=1, keepdims=True)
        largest = ops.max(ops.abs(waveforms), axis=1, keepdims=True)  # first: squares of m/s would underflow
        waveforms = waveforms / ops.where(largest > 0, largest, 1.0)
        sd = ops.std(waveforms, axis=1, keepdims=True)
        return waveforms / ops.where(sd > 0, sd, 1.0)


class ConvolutionBlock(keras.layers.Layer):
    """Convolution, batch normalisation, ReLU. Padding is explicit, so that output k lies on input `stride` k."""

    def __init__(self, filters: int, stride: int = 1, **kwargs):
        super().__init__(**kwargs)
        self.padding = keras.layers.ZeroPadding1D(_KERNEL // 2)
        self.convolution = keras.layers.Conv1D(filters, _KERNEL, stride, use_bias=False)
        # Averages that follow within a hundred steps, the length of a fine-tuning.
        self.normalisation = keras.layers.BatchNormalization(momentum=0.95)

    def build(self, shape):
        self.convolution.build(shape)
        self.normalisation.build((*shape[:-1], self.convolution.filters))

    def call(self, x, training=False):
        return ops.relu(self.normalisation(self.convolution(self.padding(x)), training=training))


@keras.saving.register_keras_serializable(package="zoo")
class PickingNetwork(keras.Model):
    """Waveforms (n, samples, 3) to logits (n, samples, labels): high-pass, scaling, U-Net.

    Args:
        sampling_rate_hz: sampling rate of the windows.
        filters: channels of each level; a level is 4 times as coarse in time as the one above it.
        labels: how many outputs each sample has.
        corner_hz: corner of the high-pass.
        stride: samples between two outputs of the finest level, each of which answers for so many samples. The whole
            network costs a `stride`-th; the convolution that makes the step sees every sample.
    """

    parts = {"encoder": ("stem", "down", "level")}
    """What `zoo train --from ... --set frozen=encoder` keeps as it is: the attributes that hold it."""

    def __init__(
        self,
        sampling_rate_hz: float,
        filters: Sequence[int],
        labels: int = 3,
        corner_hz: float = 1.0,
        stride: int = 1,
    ):
        super().__init__()
        self.sampling_rate_hz, self.filters = sampling_rate_hz, list(filters)
        self.labels, self.corner_hz, self.stride = labels, corner_hz, stride
        self.high_pass = CausalHighPass(corner_hz, sampling_rate_hz)
        self.scaling = ChannelScaling()
        self.stem = ConvolutionBlock(self.filters[0], stride)
        self.down = [ConvolutionBlock(count, _STRIDE) for count in self.filters[1:]]
        self.level = [ConvolutionBlock(count) for count in self.filters[1:]]
        self.up = [ConvolutionBlock(count) for count in self.filters[:-1]]
        self.logits = keras.layers.Conv1D(stride * labels, 1)

    def build(self, shape):
        self.stem.build((None, None, shape[-1]))
        for number, (above, here) in enumerate(zip(self.filters[:-1], self.filters[1:], strict=True)):
            self.down[number].build((None, None, above))
            self.level[number].build((None, None, here))
            self.up[number].build((None, None, above + here))
        self.logits.build((None, None, self.filters[0]))

    def call(self, waveforms, training=False):
        x = self.stem(self.scaling(self.high_pass(waveforms)), training=training)
        finer = []
        for down, level in zip(self.down, self.level, strict=True):
            finer.append(x)
            x = level(down(x, training=training), training=training)
        for up in reversed(self.up):
            beside = finer.pop()
            x = ops.repeat(x, _STRIDE, axis=1)[:, : beside.shape[1]]
            x = up(ops.concatenate([x, beside], axis=-1), training=training)
        logits = self.logits(x)
        if self.stride == 1:
            return logits
        # The outputs of one step are the samples that it stands for, in order of time.
        return ops.reshape(logits, (-1, logits.shape[1] * self.stride, self.labels))[:, : waveforms.shape[1]]

    def compute_output_shape(self, shape):
        return (*shape[:-1], self.labels)

    def get_config(self):
        return {
            "sampling_rate_hz": self.sampling_rate_hz,
            "filters": self.filters,
            "labels": self.labels,
            "corner_hz": self.corner_hz,
            "stride": self.stride,
        }

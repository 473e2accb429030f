"""What emulators of seismic traces have in common, whatever network gives the shape of the trace.

An emulated trace is a frame with a unit peak at a fixed sample; it is shifted to the arrival time and multiplied by the
amplitude, which two Gaussian processes give (Spurio Mancini et al. 2021, section 2.1, figure 2).

Everything is written in `keras.ops`, with one exception: on TensorFlow, `Emulator.__call__` checks the coordinates of
an eager call and runs `call` as a `tf.function` that is traced once: it takes a tenth of a millisecond instead of
several. On other backends, with symbolic inputs and inside another `tf.function`, Keras's own `__call__` runs.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from zoo.errors import ZooError
from zoo.microseismic.models.gaussian_process import GaussianProcess
from zoo.microseismic.models.ray_coordinates import RayCoordinates
from zoo.microseismic.models.source_features import SourceFeatures
from zoo.serving import ServedModel

_INTERPOLATION_POINTS = 8
# Coordinates in float32 may lie outside the training volume by this much.
_ROUNDING_KM = 1e-4
_ROWS_LISTED = 10
# A component at right angles to the ray has no amplitude, and a logarithm of it all the same.
_LEAST_AMPLITUDE = 1e-25
ERROR_NAMES = ("timing_sd_s", "log_amplitude_sd", "shape_error")


@keras.saving.register_keras_serializable(package="zoo")
class ShiftAndScale(keras.layers.Layer):
    """Shifts frames (n, receivers, time) to later times by a number of samples, and multiplies them.

    The fraction of a sample is an 8-point Lagrange interpolation. The shift by whole samples is done one binary digit
    at a time, each a choice between two slices: compilers turn that into plain copies, unlike a gather, which works
    sample by sample.

    Args:
        lowest, highest: the range of the shift in samples; a shift beyond it is clipped.
    """

    def __init__(self, lowest: int, highest: int, **kwargs):
        super().__init__(**kwargs)
        self.lowest, self.highest = lowest, highest

    def build(self, frames_shape, shift_shape, amplitude_shape):
        """Nothing is to be made."""

    def call(self, frames, shift, amplitude):
        samples = frames.shape[-1]
        shift = ops.clip(shift, self.lowest, self.highest)
        whole = ops.floor(shift)
        steps = ops.cast(whole, "int32") - self.lowest
        digits = max(1, math.ceil(math.log2(self.highest - self.lowest + 1)))
        room = 2**digits - 1

        # moved[i] = frame[i - fraction], for every i that some shift by whole samples may need.
        before, after = room + self.lowest, -self.lowest
        half = _INTERPOLATION_POINTS // 2
        padded = ops.pad(frames, ((0, 0), (0, 0), (before + half, after + half)))
        moved = 0.0
        for k, weight in _lagrange_weights(whole - shift):
            moved = moved + weight[..., None] * padded[..., half + k : half + k + samples + room]

        for digit in reversed(range(digits)):
            step = 2**digit
            chosen = (steps // step) % 2 == 1
            moved = ops.where(chosen[..., None], moved[..., :-step], moved[..., step:])
        return amplitude[..., None] * moved

    def compute_output_shape(self, frames_shape, shift_shape, amplitude_shape):
        return frames_shape

    def get_config(self):
        return {**super().get_config(), "lowest": self.lowest, "highest": self.highest}


def _lagrange_weights(position):
    """Yield (node, weight) of an interpolation at `position`, in (-1, 0], from the nodes around it."""
    half = _INTERPOLATION_POINTS // 2
    nodes = range(-half, half)
    for node in nodes:
        weight = ops.ones_like(position)
        for other in nodes:
            if other != node:
                weight = weight * (position - other) / (node - other)
        yield node, weight


@keras.saving.register_keras_serializable(package="zoo")
class ReceiverPerceptrons(keras.Model):
    """One perceptron for each receiver, trained together: (n, receivers, inputs) -> (n, receivers, outputs).

    Leaky ReLU (negative slope 0.2) after each hidden layer; the output is linear (Spurio Mancini et al. 2021,
    section 2.2.1).

    Args:
        units: of the hidden layers and, last, of the output.
    """

    def __init__(self, units: Sequence[int], **kwargs):
        super().__init__(**kwargs)
        self.units = tuple(int(unit) for unit in units)

    def build(self, input_shape):
        _, receivers, inputs = input_shape
        # Keras takes the first of three axes of a kernel for a receptive field and divides by it: undo that.
        glorot = keras.initializers.VarianceScaling(receivers, mode="fan_avg", distribution="uniform")
        self.kernels, self.biases = [], []
        for number, outputs in enumerate(self.units):
            kernel = self.add_weight(
                shape=(receivers, inputs, outputs), initializer=glorot.clone(), name=f"kernel_{number}"
            )
            bias = self.add_weight(shape=(receivers, 1, outputs), initializer="zeros", name=f"bias_{number}")
            self.kernels.append(kernel)
            self.biases.append(bias)
            inputs = outputs

    def call(self, inputs):
        x = ops.transpose(inputs, (1, 0, 2))
        for number, (kernel, bias) in enumerate(zip(self.kernels, self.biases, strict=True)):
            x = ops.leaky_relu(x, 0.2) if number else x
            x = ops.matmul(x, kernel) + bias
        return ops.transpose(x, (1, 0, 2))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units[-1])

    def get_config(self):
        return {**super().get_config(), "units": list(self.units)}


class Emulator(ServedModel):
    """Turns source coordinates in km, (n, 3), into traces (n, channels, samples) in the unit of the dataset.

    x, y, z with z up; float32. A channel is a receiver of pressure, or a component of one of velocity, the components
    of a receiver one after the other. A subclass defines the network that makes the frames: `make_network` builds
    `self.network`, and `frames` asks it for frames with a unit peak (of velocity: of the motion along the ray,
    `zoo.microseismic.models.ray_coordinates`).

    Once configured, it has, one for each channel, `receivers_km` (channels, 3), `component_of_channel` (letters) and
    `station_of_channel` (integers); and for each trace that the network makes, `rays_km` (traces, 3).

    An emulator without receivers has no weights yet: `configure` gives it its geometry, once.

    Args:
        units: of the network's hidden layers.
        features: "paper" or "physics", see `SourceFeatures`, which also explains the arguments that are not
            listed here.
        inducing_points: of each Gaussian process.
        receivers_km: (receivers, 3), one row for each, whatever it records.
        samples: of a trace.
        time_step_s: between samples.
        lower_km, upper_km: (3,) the volume that the training events fill.
        reference_sample: position of the peak in a frame.
        unit: of the traces.
        recorded: "P", pressure, or "ZNE", velocity up, to the north and to the east, at each receiver.
    """

    answers = "microseismic.traces"
    layout = "source coordinates x, y, z in km, (n, 3), z up"

    def __init__(
        self,
        units: Sequence[int] = (64, 128, 256),
        features: str = "physics",
        inducing_points: int = 512,
        depth_nodes: int = 61,
        uniform_along_y: bool = False,
        periodic_spacing_km: Sequence[float] = (),
        periodic_nodes: Sequence[int] = (),
        receivers_km: Sequence[Sequence[float]] | None = None,
        samples: int = 501,
        time_step_s: float = 0.004,
        lower_km: Sequence[float] = (),
        upper_km: Sequence[float] = (),
        reference_sample: int = 40,
        unit: str = "",
        recorded: str = "P",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units = tuple(int(unit) for unit in units)
        self.feature_kind = features
        self.inducing_points = inducing_points
        self.feature_options = {
            "depth_nodes": depth_nodes,
            "uniform_along_y": uniform_along_y,
            "periodic_spacing_km": tuple(periodic_spacing_km),
            "periodic_nodes": tuple(periodic_nodes),
        }
        self._compiled = None
        self.receivers_km = np.zeros((0, 3))
        self.rays = RayCoordinates(0, recorded)
        if receivers_km is not None:
            self.configure(receivers_km, samples, time_step_s, lower_km, upper_km, reference_sample, unit, recorded)

    def configure(
        self,
        receivers_km: Sequence[Sequence[float]],
        samples: int,
        time_step_s: float,
        lower_km: Sequence[float],
        upper_km: Sequence[float],
        reference_sample: int,
        unit: str = "",
        recorded: str = "P",
    ) -> None:
        """Give the emulator its geometry and create every weight; arguments as in the class."""
        stations_km = np.asarray(receivers_km, np.float64).reshape(-1, 3)
        self.rays = RayCoordinates(len(stations_km), recorded)
        self.station_of_channel = self.rays.station_of_channel
        self.component_of_channel = self.rays.component_of_channel
        self.receivers_km = stations_km[self.station_of_channel]
        self.rays_km = stations_km[self.rays.station_of_ray]
        self.samples = int(samples)
        self.time_step_s = float(time_step_s)
        self.lower_km = np.asarray(lower_km, np.float64)
        self.upper_km = np.asarray(upper_km, np.float64)
        self.reference_sample = int(reference_sample)
        self.unit = unit
        self.source_features = SourceFeatures(
            self.rays_km.tolist(),
            self.lower_km.tolist(),
            self.upper_km.tolist(),
            self.feature_kind,
            **self.feature_options,
        )
        self.source_features.build((None, 3))
        self.make_parts()
        self.errors = self.add_weight(
            shape=(len(ERROR_NAMES), len(self.receivers_km)), initializer="zeros", trainable=False, name="errors"
        )
        self.build(self.input_shape)

    def takes(self):
        return keras.InputSpec(shape=(None, 3), dtype="float32")

    def build(self, input_shape=None):
        if not len(self.receivers_km):
            raise ZooError("This emulator has no receivers yet: train it, or call configure().")

    def make_parts(self) -> None:
        """Create the layers and weights that `call` uses besides the features."""
        receivers = self.rays.receivers
        self.processes = GaussianProcess(self.inducing_points, outputs=2)
        self.processes.build((None, receivers, self.source_features.smooth))
        self.network = self.make_network()
        lowest = -self.reference_sample
        self.shift_and_scale = ShiftAndScale(lowest, self.samples - 1 + lowest)
        self.pulse_delay_s = self.add_weight(
            shape=(receivers,), initializer="zeros", trainable=False, name="pulse_delay_s"
        )

    def make_network(self) -> keras.Model:
        """Return the built network of this method."""
        raise NotImplementedError

    def only_trains(self) -> list[keras.layers.Layer]:
        """Return the parts that answers do not need: encoders."""
        return []

    def served(self) -> Emulator:
        """Return the emulator as a checkpoint keeps it, with the same answers: without what only training needs."""
        left_out = {id(weight) for part in self.only_trains() for weight in part.weights}
        if not left_out:
            return self
        light = type(self).from_config({**self.get_config(), "encoder": False})
        kept = [weight for weight in self.weights if id(weight) not in left_out]
        for new, old in zip(light.weights, kept, strict=True):
            new.assign(old)
        return light

    def frames(self, features):
        """Return frames (n, receivers, samples) with a unit peak, from features (n, receivers, features)."""
        raise NotImplementedError

    @property
    def emulator_error(self) -> dict[str, np.ndarray]:
        """`ERROR_NAMES` as measured on validation events, each (receivers,); the shape's is relative to the peak."""
        return dict(zip(ERROR_NAMES, ops.convert_to_numpy(self.errors), strict=True))

    def arrival(self, coordinates_km, features):
        """Return arrival times in s and amplitudes of the peaks, each (n, receivers), of features (n, rays, features).

        The Gaussian processes give (time + pulse delay) / distance and log(amplitude x distance), which vary little.
        """
        outputs = self.processes(features[:, :: self.rays.rays, : self.source_features.smooth])
        distance = self.source_features.distance_km(coordinates_km)[:, :: self.rays.rays]
        return outputs[..., 0] * distance - self.pulse_delay_s, ops.exp(outputs[..., 1]) / distance

    def call(self, coordinates_km):
        frames, time_s, amplitude = self._of_channels(coordinates_km)
        return self.shift_and_scale(frames, time_s / self.time_step_s - self.reference_sample, amplitude)

    def aligned(self, coordinates_km):
        """Return frames (n, channels, samples), their times in s and amplitudes, each (n, channels) and positive."""
        frames, time_s, amplitude = self._of_channels(coordinates_km)
        if not self.rays.turns:
            return frames, time_s, amplitude
        frames = ops.where(amplitude[..., None] < 0, -frames, frames)
        return frames, time_s, ops.maximum(ops.abs(amplitude), _LEAST_AMPLITUDE)

    def to_channels(self, coordinates_km, rays):
        """Return traces (n, channels, samples) of what is emulated, (n, rays, samples)."""
        if not self.rays.turns:
            return rays
        return ops.take(rays, self.rays.ray_of_channel, axis=1) * self._factors(coordinates_km)[..., None]

    def _factors(self, coordinates_km):
        every = self.rays.rays
        offset, distance = self.source_features.offsets_km(coordinates_km)
        return self.rays.factors(offset[:, ::every], distance[:, ::every])

    def _of_channels(self, coordinates_km):
        """Return frames (n, channels, samples), and time in s and amplitude, of either sign, of each (n, channels)."""
        features = self.source_features(coordinates_km)
        time_s, amplitude = self.arrival(coordinates_km, features)
        frames = self.frames(features)
        if self.rays.turns:
            frames = ops.take(frames, self.rays.ray_of_channel, axis=1)
            time_s, amplitude = (ops.take(one, self.station_of_channel, axis=1) for one in (time_s, amplitude))
            amplitude = amplitude * self._factors(coordinates_km)
        return frames, time_s, amplitude

    def __call__(self, coordinates_km, *args, **kwargs):
        # Layer by layer, an eager call takes milliseconds; as a function that was traced once, it takes a tenth of one.
        if keras.backend.backend() == "tensorflow" and not isinstance(coordinates_km, keras.KerasTensor):
            import tensorflow as tf

            if tf.executing_eagerly():
                checked = self._check(coordinates_km)
                if self._compiled is None:
                    signature = [tf.TensorSpec((None, 3), tf.float32)]
                    self._compiled = tf.function(self.call, input_signature=signature)
                return self._compiled(tf.constant(checked))
        return super().__call__(coordinates_km, *args, **kwargs)

    def _check(self, coordinates_km) -> np.ndarray:
        """Return coordinates as float32; refuse impossible ones, and warn of those outside the training volume."""
        if not len(self.receivers_km):
            raise ZooError("This emulator has no receivers yet: train it, or call configure().")
        coordinates = np.asarray(coordinates_km, np.float32)
        if coordinates.ndim != 2 or coordinates.shape[1] != 3 or not np.isfinite(coordinates).all():
            raise ZooError(f"Source coordinates have shape {coordinates.shape}; expected finite x, y, z in km, (n, 3).")
        outside = (coordinates < self.lower_km - _ROUNDING_KM) | (coordinates > self.upper_km + _ROUNDING_KM)
        if outside.any():
            rows = np.flatnonzero(outside.any(axis=1))
            listed = ", ".join(map(str, rows[:_ROWS_LISTED])) + (", ..." if len(rows) > _ROWS_LISTED else "")
            warnings.warn(
                f"{len(rows)} of {len(coordinates)} sources lie outside the training volume "
                f"{self.lower_km.round(4).tolist()} to {self.upper_km.round(4).tolist()} km (rows {listed}); "
                "their traces are extrapolated.",
                stacklevel=3,
            )
        return coordinates

    def get_config(self):
        config = {
            "name": self.name,
            "units": list(self.units),
            "features": self.feature_kind,
            "inducing_points": self.inducing_points,
            **{key: list(value) if isinstance(value, tuple) else value for key, value in self.feature_options.items()},
        }
        if len(self.receivers_km):
            config |= {
                "receivers_km": self.receivers_km[:: self.rays.channels].tolist(),
                "samples": self.samples,
                "time_step_s": self.time_step_s,
                "lower_km": self.lower_km.tolist(),
                "upper_km": self.upper_km.tolist(),
                "reference_sample": self.reference_sample,
                "unit": self.unit,
            }
            if self.rays.turns:
                config["recorded"] = self.rays.recorded
        return config

    @classmethod
    def from_config(cls, config):
        return cls(**config)

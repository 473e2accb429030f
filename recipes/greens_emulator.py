"""Emulator of the Green's functions of microseismic events: traces of any moment tensor.

Paper   after Spurio Mancini et al. 2021, Solid Earth 12, 1683 (method B, components and a network), who take
        explosions alone; Piras et al. 2023, Geophys. J. Int. 232, 1219 add CLVD and double-couple sources
Data    microseismic/marine_mechanisms (datasets/microseismic)
Cost    53 CPU-seconds of processes, amplitudes and components, then 41 of training; 2 MB
Run     zoo train greens_emulator
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from zoo.microseismic.models import greens_training
from zoo.microseismic.models.emulator import Emulator, ReceiverPerceptrons, ShiftAndScale
from zoo.microseismic.models.gaussian_process import GaussianProcess
from zoo.microseismic.models.greens import PrincipalFrames, to_common_axes
from zoo.microseismic.physics.moment_tensor import COMPONENTS
from zoo.settings import Setting
from zoo.training.recipe import Recipe, Stage, data_settings, fit_settings, learning_rate

WAVES = ("p", "s")
ERROR_BINS = 24  # of height, in which the emulator's errors are measured
# The emulator's errors at each receiver and height: a column for each wave, or one for both.
ERRORS = {"timing_sd_s": len(WAVES), "log_amplitude_sd": len(WAVES), "shape_error": 1, "signal_error": 1}


@keras.saving.register_keras_serializable(package="zoo")
class GreensEmulator(Emulator):
    """Coordinates of sources in km, (n, 3), to Green's functions (n, receivers, 6, samples), Pa per N m.

    The trace of a moment tensor is the sum of them times its components, xx, yy, zz, xy, xz, yz (x east, y north, z
    up, N m). A perceptron gives each receiver the principal components of six frames of P and six of S, in the axes
    radial, transverse and up; they start at the arrival of P or S and have a common amplitude. The pulse is slow:
    frames keep every second sample.

    Args:
        coefficients: number of principal components of each wave.
        **emulator: see `zoo.microseismic.models.emulator.Emulator`.
    """

    answers = "microseismic.greens_functions"

    recipe_name = "greens_emulator"
    frame_every = 2  # the pulse has nothing above the Nyquist frequency of every second sample

    def __init__(self, coefficients: int = 120, **emulator):
        self.coefficients = coefficients
        super().__init__(**emulator)

    def make_parts(self) -> None:
        receivers, waves = len(self.receivers_km), len(WAVES)
        self.frame_samples = -(-self.samples // self.frame_every)
        self.processes = GaussianProcess(self.inducing_points, outputs=waves)
        self.processes.build((None, receivers, self.source_features.smooth))
        # One network for all receivers: its input is the features and which receiver they belong to.
        self.network = ReceiverPerceptrons([*self.units, waves * self.coefficients], name="network")
        self.network.build((None, 1, self.source_features.count + receivers))
        self.principal = [PrincipalFrames(len(COMPONENTS), self.frame_samples, name=f"principal_{w}") for w in WAVES]
        for layer in self.principal:
            layer.build((None, receivers, self.coefficients))
        self.shift_s = ShiftAndScale(0, self.frame_samples - 1)
        # An arrival has `reference_sample` samples before it; one more sample of a frame for what lies between.
        lowest = -(self.reference_sample // self.frame_every) - 1
        self.shift_and_scale = ShiftAndScale(lowest, self.frame_samples + lowest)

        def weight(name, shape):
            return self.add_weight(shape=shape, initializer="zeros", trainable=False, name=name)

        self.pulse_delay_s = weight("pulse_delay_s", (receivers, waves))
        self.height_errors = weight("height_errors", (sum(ERRORS.values()), receivers, ERROR_BINS))
        self.loudness = weight("loudness", (receivers, 1 + self.source_features.smooth))

    def network_inputs(self, features):
        """Return the network's inputs, features and a one-hot code of the receiver, (n * receivers, 1, inputs)."""
        receivers = len(self.receivers_km)
        which = ops.broadcast_to(ops.eye(receivers)[None], (ops.shape(features)[0], receivers, receivers))
        return ops.reshape(ops.concatenate([features, which], axis=-1), (-1, 1, features.shape[-1] + receivers))

    @property
    def emulator_error(self) -> dict[str, np.ndarray]:
        """Errors measured on validation events, rms over all heights, in the form of `errors_at`."""
        return self._by_name(np.sqrt(np.mean(ops.convert_to_numpy(self.height_errors) ** 2, axis=-1)))

    def errors_at(self, height_km: float) -> dict[str, np.ndarray]:
        """Return the errors measured on validation events at a height z, interpolated between the middles of the bins.

        Errors of time in s and log amplitude of P and S, each (receivers, 2), and the rms of the rest relative to the
        peak of the loudest receiver, (receivers,): in all, and in the directions of signals.
        """
        edges = np.linspace(self.lower_km[2], self.upper_km[2], ERROR_BINS + 1)
        middles = 0.5 * (edges[1:] + edges[:-1])
        errors = ops.convert_to_numpy(self.height_errors)
        return self._by_name(np.apply_along_axis(lambda values: np.interp(height_km, middles, values), -1, errors))

    @staticmethod
    def _by_name(errors: np.ndarray) -> dict[str, np.ndarray]:
        """Name rows (errors, receivers) after `ERRORS`."""
        parts = np.split(errors.T, np.cumsum(list(ERRORS.values()))[:-1], axis=-1)
        return {
            name: part if columns > 1 else part[:, 0]
            for (name, columns), part in zip(ERRORS.items(), parts, strict=True)
        }

    def arrival(self, coordinates_km, features=None):
        """Return when the frames of both waves begin, in s, (n, receivers, 2), and their amplitude (n, receivers)."""
        features = self.source_features(coordinates_km) if features is None else features
        smooth = features[..., : self.source_features.smooth]
        distance = self.source_features.distance_km(coordinates_km)
        time_s = self.processes(smooth) * distance[..., None] - self.pulse_delay_s
        level = self.loudness[:, 0] + ops.sum(smooth * self.loudness[:, 1:], axis=-1)
        return time_s - self.reference_sample * self.time_step_s, ops.exp(level) / distance

    def frames(self, coordinates_km):
        """Return frames (n, receivers, waves, 6, frame samples), their beginning in s and amplitude, and their axes.

        Those of P and S begin together: their sum is the frame of the Green's functions. The axes are what turns
        components into xx, yy, zz, xy, xz, yz, (n, receivers, 6, 6).
        """
        coordinates_km = ops.cast(coordinates_km, "float32")
        features = self.source_features(coordinates_km)
        onset_s, amplitude = self.arrival(coordinates_km, features)
        outputs = self.network(self.network_inputs(features))
        outputs = ops.reshape(outputs, (-1, len(self.receivers_km), len(WAVES), self.coefficients))
        p_wave, s_wave = (layer(outputs[:, :, number]) for number, layer in enumerate(self.principal))
        receivers, components, samples = p_wave.shape[1:]
        flat = ops.reshape(s_wave, (-1, receivers * components, samples))
        later = ops.repeat(onset_s[..., 1] - onset_s[..., 0], components, axis=1)
        moved = self.shift_s(flat, later / (self.frame_every * self.time_step_s), ops.ones_like(later))
        frames = ops.stack([p_wave, ops.reshape(moved, (-1, receivers, components, samples))], axis=2)
        offset = coordinates_km[:, None] - ops.cast(self.receivers_km, "float32")
        return frames, onset_s[..., 0], amplitude, to_common_axes(offset)

    def call(self, coordinates_km):
        frames, onset_s, amplitude, turn = self.frames(coordinates_km)
        return self._at_arrival(ops.matmul(turn, ops.sum(frames, axis=2)), onset_s, amplitude)

    def waves(self, coordinates_km):
        """Return P and S of the Green's functions, (n, receivers, 2, 6, samples)."""
        frames, onset_s, amplitude, turn = self.frames(coordinates_km)
        parts = [self._at_arrival(ops.matmul(turn, frames[:, :, w]), onset_s, amplitude) for w in range(len(WAVES))]
        return ops.stack(parts, axis=2)

    def _at_arrival(self, frames, onset_s, amplitude):
        """Move frames (n, receivers, components, frame samples) to their time, with all samples; scale them."""
        receivers, components, samples = frames.shape[1:]
        flat = ops.reshape(frames, (-1, receivers * components, samples))
        shift = ops.repeat(onset_s, components, axis=1) / (self.frame_every * self.time_step_s)
        amplitude = ops.repeat(amplitude, components, axis=1)
        # Samples between those of the frames: the same frames, moved by less.
        parts = [
            self.shift_and_scale(flat, shift - number / self.frame_every, amplitude)
            for number in range(self.frame_every)
        ]
        traces = ops.reshape(ops.stack(parts, axis=-1), (-1, receivers, components, samples * self.frame_every))
        return traces[..., : self.samples]

    def get_config(self):
        return {**super().get_config(), "coefficients": self.coefficients}


def build(units: Sequence[int], inducing_points: int, depth_nodes: int, coefficients: int) -> GreensEmulator:
    """Return the untrained emulator; training gives it receivers."""
    return GreensEmulator(coefficients, units=units, inducing_points=inducing_points, depth_nodes=depth_nodes)


RECIPE = Recipe(
    name="greens_emulator",
    summary="Emulates the traces of any moment tensor at fixed receivers, from the coordinates of the source.",
    settings={
        **data_settings("microseismic/marine_mechanisms"),
        "units": Setting([128, 256, 256], "units of the network's hidden layers", "ours", low=1),
        "coefficients": Setting(100, "principal components of each wave", "ours", low=1),
        "depth_nodes": Setting(61, "depths whose nearness the network is told", "ours", unit="depths", low=2),
        "inducing_points": Setting(
            512, "inducing points of each Gaussian process of time", "ours", unit="points", low=2
        ),
        **learning_rate(2e-3, "ours, falls to zero along a cosine"),
        **fit_settings(batch_size=128, epochs=250),
    },
    build=build,
    before_fit=greens_training.adapt,
    stages=[
        Stage(
            "network",
            greens_training.examples,
            greens_training.compile_network,
            trained_part=lambda model: model.network,
        )
    ],
    measure=greens_training.measure_errors,
    score=greens_training.score,
    golden=greens_training.held_out_events,
    card={
        "inputs": "(n, 3) float32: x, y, z of the source in km, z up from the model's floor",
        "outputs": "(n, receivers, 6, samples) float32: pressure in Pa per N m of Mxx, Myy, Mzz, Mxy, Mxz, Myz "
        "(x east, y north, z up), from the origin time",
        "licence": "weights: Apache-2.0",
        "citation": "Spurio Mancini et al. (2021), Solid Earth 12, 1683-1705",
    },
    tags={"marine": {}},
    smoke={"dataset": "microseismic/marine_mechanisms_small", "epochs": 3, "inducing_points": 64, "coefficients": 20},
)

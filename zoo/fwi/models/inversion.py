"""The model that full-waveform inversion trains: sources in, traces out, the earth's velocity its weights."""

from __future__ import annotations

import copy

import keras
import numpy as np
from keras import ops

from zoo.errors import ZooError
from zoo.fwi.inversion import scipy_fit as fwi_scipy
from zoo.serving import ServedModel

# Changes of velocity from cell to cell are told in the first unit; below the second part of it they cost as squares.
_VARIATION_M_S, _VARIATION_FLOOR = 100.0, 0.05
_KM = 1000.0  # a network's outputs are km/s


@keras.saving.register_keras_serializable(package="zoo")
class WaveInversion(ServedModel):
    """From (wavelet (S, T) float32, sources (S, 2) float32) to traces (S, T, R): a `WaveRNN` whose velocity is sought.

    The velocity of cell i is start_i + mask_i (w_i - start_i). The trained w is the velocity grid of the wave layer,
    or, with a network, start + 1000 network(coordinates): a neural reparametrisation, whose velocities become smooth
    first and rough later. The mask is a change of variables and not a factor on the gradient: Adam and its like would
    undo a factor, and a line search would find the gradient at odds with the misfit.

    `fit` takes the shots as examples; compiled with a `ScipyMinimizer` it takes one batch of all shots.

    Args:
        waves: a `zoo.fwi.models.wave.WaveRNN` at the start; None where `configure` gives it later.
        network: a Keras model or layer from coordinates (cells, 2) to velocity differences (cells, 1) in km/s. The
            coordinates (z, x) are 0 at the grid's middle, and -1 and 1 at the ends of its longer side.
        sources: (S, 2) positions (z, x) in cells of the shots of the survey that is inverted, kept for `traces`.
        samples: T of that survey.
    """

    answers = "fwi.velocity"
    layout = "wavelets (shots, samples) and positions (z, x) in cells of the sources (shots, 2)"
    no_litert = (
        "its loop over time steps needs lists that LiteRT lacks, and for a fixed number of shots gives other traces"
    )

    recipe_name = None

    def __init__(self, waves=None, network=None, sources=(), samples: int = 0, **kwargs):
        super().__init__(**kwargs)
        self.waves, self.network, self.samples = None, network, 0
        self.variation = 0.0  # weight of the total variation in the loss
        self.sources = np.zeros((0, 2), np.float32)
        if waves is not None:
            self._configure(waves, sources, samples)

    def _configure(self, waves, sources, samples: int) -> None:
        self.waves = waves
        sources = np.asarray(sources, np.float32)  # with apertures there is a third number, that of the shot
        self.sources = sources if sources.ndim == 2 else np.zeros((0, 2), np.float32)
        self.samples = int(samples)
        shape = tuple(waves.velocity.shape)
        self.start = self.add_weight(shape=shape, initializer="zeros", trainable=False, name="start")
        self.mask = self.add_weight(shape=shape, initializer="ones", trainable=False, name="mask")
        wavelets = (len(self.sources), self.samples)
        self.wavelet = self.add_weight(shape=wavelets, initializer="zeros", trainable=False, name="wavelet")
        if self.network is not None:
            waves.trainable = False
            half = max(max(shape) - 1, 1) / 2
            z, x = np.indices(shape, np.float32)
            centred = [(index - (size - 1) / 2) / half for index, size in zip((z, x), shape, strict=True)]
            self._coordinates = np.stack(centred, -1).reshape(-1, 2).astype(np.float32)
            self.network.build((None, 2))
        self.build(self.input_shape)

    def takes(self):
        wavelet = keras.InputSpec(shape=(None, self.samples or None), dtype="float32")
        return wavelet, keras.InputSpec(shape=(None, self.sources.shape[1]), dtype="float32")

    def configure(self, waves, wavelet, sources, mask=None, start_m_s=None) -> None:
        """Give the model its grid, its start and the survey that it inverts.

        Args:
            waves: a `WaveRNN` whose velocity is the start, clipped to the bounds if it has any.
            wavelet: (S, T), the survey's.
            sources: (S, 2) positions (z, x) in cells, the survey's.
            mask: (Z, X) from 0 (stays as it is) to 1 (free); by default all are free.
            start_m_s: (Z, X), needed where frozen cells (water) are out of bounds; by default the layer's velocity.
        """
        wavelet = np.asarray(wavelet, np.float32)
        self._configure(waves, sources, wavelet.shape[1])
        self.start.assign(waves.velocity if start_m_s is None else np.asarray(start_m_s, np.float32))
        self.wavelet.assign(wavelet)
        if mask is not None:
            self.mask.assign(np.asarray(mask, np.float32))

    def velocity(self):
        """Return the velocity (Z, X) in m/s as a tensor, to be differentiated by the weights."""
        sought = self.waves.velocity
        if self.network is not None:
            difference = self.network(self._coordinates)
            sought = self.start + _KM * ops.reshape(difference, self.start.shape)
            if self.waves.bounds is not None:
                sought = ops.clip(sought, *self.waves.bounds)
        return self.start + self.mask * (sought - self.start)

    @property
    def velocity_m_s(self) -> np.ndarray:
        """The velocity (Z, X) in m/s, float32."""
        if self.waves is None:
            raise ZooError("This inversion has no grid yet: train it, or call configure().")
        return ops.convert_to_numpy(self.velocity())

    def call(self, inputs):
        """Return traces; a third input (S, T or 1, R), 1 where data count and 0 elsewhere, multiplies."""
        traces = self.waves(inputs[:2], velocity_m_s=self.velocity())
        return traces * inputs[2] if len(inputs) > 2 else traces

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Return the misfit, and the total variation of the change where `variation` is above 0."""
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        if not self.variation:
            return loss
        change = (self.velocity() - self.start) / _VARIATION_M_S
        down, across = (
            ops.square(part) for part in (change[1:, :-1] - change[:-1, :-1], change[:-1, 1:] - change[:-1, :-1])
        )
        return loss + self.variation * ops.mean(ops.sqrt(down + across + _VARIATION_FLOOR**2) - _VARIATION_FLOOR)

    def traces(self, velocity_m_s=None, wavelet=None, shots=slice(None)) -> np.ndarray:
        """Return the traces (S, T, R) of the model's survey, for its own or another velocity (Z, X) in m/s.

        Args:
            velocity_m_s: (Z, X); None: its own.
            wavelet: (shots, T) of the whole survey; None: its own.
            shots: numbers of some of the survey's shots; by default all.
        """
        velocity = self.velocity() if velocity_m_s is None else np.asarray(velocity_m_s, np.float32)
        pulses = ops.convert_to_numpy(self.wavelet) if wavelet is None else np.asarray(wavelet, np.float32)
        return ops.convert_to_numpy(self.waves((pulses[shots], self.sources[shots]), velocity_m_s=velocity))

    def export(self, filepath, *arguments, **options) -> None:
        """Write the model for serving, as `ServedModel.export`; its waves are unrolled in the operations of Keras.

        Compiled kernels cannot be written into a SavedModel; the unrolled cell is what they are tested against.
        """
        kernels, self.waves.gradient = self.waves.gradient, "autodiff"
        self.waves.unrolled_cell()  # made here: no variable can be while the model is traced
        try:
            super().export(filepath, *arguments, **options)
        finally:
            self.waves.gradient = kernels

    def fit(self, x=None, y=None, *, steps_per_epoch=None, shuffle=True, verbose=0, **arguments):
        """Train like `keras.Model.fit`, or with a `ScipyMinimizer` like `zoo.fwi.inversion.scipy_fit.fit`."""
        if not isinstance(getattr(self, "optimizer", None), fwi_scipy.ScipyMinimizer):
            given = {"steps_per_epoch": steps_per_epoch, "shuffle": shuffle, "verbose": verbose}
            return super().fit(x, y, **given, **arguments)
        if steps_per_epoch not in (None, 1):
            raise ZooError(
                f"{self.optimizer.method} needs the gradient of all shots; received {steps_per_epoch} batches an "
                "epoch. Set batch_size to the number of shots."
            )
        batch = (x, y) if y is not None else next(iter(x))
        if keras.backend.backend() != "tensorflow":  # whose tensors another backend does not take
            batch = keras.tree.map_structure(np.asarray, batch)
        grid = self.network is None
        unit = fwi_scipy.VELOCITY_UNIT_M_S if grid else 1.0
        return fwi_scipy.fit(self, batch, unit=unit, bounds=self.waves.bounds if grid else None, **arguments)

    def get_config(self):
        network = None if self.network is None else keras.saving.serialize_keras_object(self.network)
        waves = None if self.waves is None else keras.saving.serialize_keras_object(self.waves)
        own = {"waves": waves, "network": network, "sources": self.sources.tolist(), "samples": self.samples}
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        for part in ("waves", "network"):
            if config.get(part) is not None:
                config[part] = keras.saving.deserialize_keras_object(copy.deepcopy(config[part]))
        return cls(**config)


@keras.saving.register_keras_serializable(package="zoo")
class SineDense(keras.layers.Layer):
    """A layer of a SIREN (Sitzmann et al. 2020): sin(omega (x W + b)).

    Its initial weights (their section 3.2) keep the distribution of activations from layer to layer.

    Args:
        units: width of the output.
        omega: number of radians that a unit of input spans.
        first: whether the inputs are coordinates.
    """

    def __init__(self, units: int, omega: float, first: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.units, self.omega, self.first = units, omega, first

    def build(self, input_shape):
        width = input_shape[-1]
        limit = 1 / width if self.first else np.sqrt(6 / width) / self.omega
        uniform = keras.initializers.RandomUniform(-limit, limit)
        self.kernel = self.add_weight(shape=(width, self.units), initializer=uniform, name="kernel")
        self.bias = self.add_weight(shape=(self.units,), initializer=uniform, name="bias")

    def call(self, inputs):
        return ops.sin(self.omega * (ops.matmul(inputs, self.kernel) + self.bias))

    def get_config(self):
        return {**super().get_config(), "units": self.units, "omega": self.omega, "first": self.first}


def siren(width: int = 64, layers: int = 3, omega: float = 30.0) -> keras.Model:
    """Return the default network from coordinates to velocity differences in km/s; its first output is zero.

    Args:
        width: units of a hidden layer.
        layers: number of hidden layers.
        omega: the highest wavenumber of the first layer; an earth with more detail needs more.
    """
    hidden = [SineDense(width, omega, first=i == 0) for i in range(layers)]
    return keras.Sequential([keras.Input((2,)), *hidden, keras.layers.Dense(1, kernel_initializer="zeros")])

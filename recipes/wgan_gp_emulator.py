"""Emulator of microseismic traces: a Wasserstein generative adversarial network with gradient penalty.

Paper   Spurio Mancini et al. 2021, Solid Earth 12, 1683, method G: R2D 0.9214 on its own dataset
Data    microseismic/marine (datasets/microseismic), or the paper's traces (tag kwave2021)
Cost    61 CPU-seconds of training for a receiver, 251 for five, and two Gaussian processes of 3 each
Run     zoo train wgan_gp_emulator
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.microseismic.models import emulator_training
from zoo.microseismic.models.emulator import Emulator, ReceiverPerceptrons
from zoo.settings import Setting, changed
from zoo.training.recipe import Stage
from zoo.training.schedules import cosine


@keras.saving.register_keras_serializable(package="zoo")
class Generator(keras.Model):
    """Features of sources (n, receivers, features) to unit-peak frames (n, receivers, samples).

    A perceptron per receiver takes features and a code, drawn from U(-1, 1) in training and zero, the
    mean of that prior, otherwise. It gives standardised frames (figure 6, left).

    Args:
        units: hidden layers.
        samples: of a frame.
        latent: dimension of the code.
    """

    def __init__(self, units: Sequence[int], samples: int, latent: int, **kwargs):
        super().__init__(**kwargs)
        self.units, self.samples, self.latent = tuple(units), samples, latent
        self.perceptrons = ReceiverPerceptrons([*units, samples], name="perceptrons")

    def build(self, input_shape):
        _, receivers, conditions = input_shape
        self.mean = self.add_weight(shape=(), initializer="zeros", trainable=False, name="mean")
        self.sd = self.add_weight(shape=(), initializer="ones", trainable=False, name="sd")
        self.perceptrons.build((None, receivers, conditions + self.latent))
        # In so many dimensions, zero lies far from the codes that are drawn. A generator that listens to the
        # code from the start gives worse frames for zero than for the codes that it was trained with.
        first = self.perceptrons.kernels[0]
        first.assign(ops.concatenate([first[:, :conditions], ops.zeros_like(first[:, conditions:])], axis=1))

    def standardise(self, frames: np.ndarray) -> None:
        """Take mean and sd of all samples of frames (n, receivers, samples), one number each (section 2.2.7)."""
        self.mean.assign(frames.mean())
        self.sd.assign(frames.std())

    def generate(self, conditions, code):
        """Return standardised frames (n, receivers, samples) of codes (n, receivers, latent)."""
        return self.perceptrons(ops.concatenate([conditions, code], axis=-1))

    def call(self, conditions):
        code = ops.zeros((*ops.shape(conditions)[:-1], self.latent), conditions.dtype)
        return self.mean + self.sd * self.generate(conditions, code)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.samples)


class Critic(keras.Model):
    """Standardised frames (n, receivers, samples) and features to a score of each, (n, receivers).

    The generator's layers in reverse. They see the frame next to what the generator's first layers
    would make of the features, so that they can compare the two.

    Args:
        units: hidden layers of the generator.
    """

    def __init__(self, units: Sequence[int], **kwargs):
        super().__init__(**kwargs)
        self.condition = ReceiverPerceptrons(units[:-1] or units, name="condition")
        self.perceptrons = ReceiverPerceptrons([*units[::-1], 1], name="perceptrons")

    def build(self, frames_shape, conditions_shape):
        self.condition.build(conditions_shape)
        width = frames_shape[-1] + self.condition.units[-1]
        self.perceptrons.build((*frames_shape[:-1], width))

    def call(self, frames, conditions):
        return self.perceptrons(ops.concatenate([frames, self.condition(conditions)], axis=-1))[..., 0]


def gradient_penalty(critic, frames, conditions, weights):
    """Return the weighted mean of (|gradient of the critic with respect to the frame| - 1)^2 (eq. 11).

    Args:
        critic: of (frames, conditions), gives scores (n, receivers).
        frames: (n, receivers, samples) where the gradient is taken.
        conditions: (n, receivers, features).
        weights: (n, receivers).
    """
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(frames)
        scores = critic(frames, conditions)
    norm = ops.sqrt(ops.sum(tape.gradient(scores, frames) ** 2, axis=-1) + 1e-12)
    return ops.mean(weights * (norm - 1.0) ** 2)


class ConditionalWGAN(keras.Model):
    """What trains a generator: a trained copy of it, and a critic (TensorFlow).

    `fit` takes features, unit-peak frames and weights of events, as the other emulators do. Each step
    updates the critic, each `critic_steps`-th the copy, and the generator given follows it as a moving
    average. `loss` is the mean squared error of drawn frames, `val_loss` that of the frames of a code of
    zeros; neither is what is minimised.

    Args:
        generator: built; in the end, the only part to be kept.
    """

    def __init__(self, generator: Generator, **kwargs):
        super().__init__(**kwargs)
        receivers, inputs, _ = generator.perceptrons.kernels[0].shape
        conditions_shape = (None, receivers, inputs - generator.latent)
        self.average = generator
        self.generator = Generator(generator.units, generator.samples, generator.latent, name="generator")
        self.generator.build(conditions_shape)
        self.generator.set_weights(generator.get_weights())
        self.critic = Critic(generator.units, name="critic")
        self.critic.build((None, receivers, generator.samples), conditions_shape)
        self.draws = keras.random.SeedGenerator()
        self.error = keras.metrics.Mean("loss")
        self.distance = keras.metrics.Mean("wasserstein_distance")
        self.penalty = keras.metrics.Mean("gradient_penalty")
        self.build(conditions_shape)

    def build(self, conditions_shape):
        """Both networks are made already."""

    def compile(
        self,
        optimizer: keras.optimizers.Optimizer,
        critic_optimizer: keras.optimizers.Optimizer,
        critic_steps: int,
        gradient_penalty: float,
        average_decay: float,
        **kwargs,
    ):
        """Set the optimizers and how the two networks take turns.

        Args:
            optimizer, critic_optimizer: of the generator and of the critic.
            critic_steps: updates of the critic for each of the generator.
            gradient_penalty: its coefficient.
            average_decay: of the moving average of the generator's weights, per update.
            **kwargs: as in `keras.Model.compile`.
        """
        super().compile(optimizer, **kwargs)
        self.critic_optimizer = critic_optimizer
        self.critic_steps, self.average_decay = critic_steps, average_decay
        self.penalty_coefficient = gradient_penalty
        optimizer.build(self.generator.trainable_variables)
        critic_optimizer.build(self.critic.trainable_variables)

    @property
    def variables(self):
        """All state, the critic's optimizer included: an interrupted training goes on from it."""
        optimizer = getattr(self, "critic_optimizer", None)
        return super().variables + (optimizer.variables if optimizer else [])

    def call(self, conditions):
        return self.average(conditions)

    def draw_code(self, conditions):
        """Return codes (n, receivers, latent) from the prior, U(-1, 1)."""
        shape = (*ops.shape(conditions)[:-1], self.generator.latent)
        return keras.random.uniform(shape, -1.0, 1.0, seed=self.draws)

    def train_step(self, data):
        import tensorflow as tf

        conditions, frames, weights = data
        real = (frames - self.generator.mean) / self.generator.sd
        drawn = self.generator.generate(conditions, self.draw_code(conditions))
        part = keras.random.uniform(ops.shape(weights), seed=self.draws)[..., None]
        with tf.GradientTape() as tape:
            gain = self.critic(real, conditions) - self.critic(drawn, conditions)
            distance = ops.mean(weights * gain)
            penalty = gradient_penalty(self.critic, part * real + (1.0 - part) * drawn, conditions, weights)
            loss = self.penalty_coefficient * penalty - distance
        variables = self.critic.trainable_variables
        self.critic_optimizer.apply(tape.gradient(loss, variables), variables)
        turn = ops.equal(self.critic_optimizer.iterations % self.critic_steps, 0)
        tf.cond(turn, lambda: self._update_generator(conditions, weights), lambda: ())

        self.error.update_state(self.generator.sd**2 * weights * ops.mean((drawn - real) ** 2, axis=-1))
        self.distance.update_state(distance)
        self.penalty.update_state(penalty)
        return {metric.name: metric.result() for metric in (self.error, self.distance, self.penalty)}

    def _update_generator(self, conditions, weights):
        import tensorflow as tf

        variables = self.generator.trainable_variables
        with tf.GradientTape() as tape:
            drawn = self.generator.generate(conditions, self.draw_code(conditions))
            loss = -ops.mean(weights * self.critic(drawn, conditions))
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        # At first the average follows closely, or it would long remember the initial weights.
        updates = ops.cast(self.optimizer.iterations, "float32")
        decay = ops.minimum(self.average_decay, (1.0 + updates) / (10.0 + updates))
        for average, now in zip(self.average.trainable_variables, variables, strict=True):
            average.assign(now + decay * (average - now))
        return ()

    def test_step(self, data):
        conditions, frames, weights = data
        self.error.update_state(weights * ops.mean((self.average(conditions) - frames) ** 2, axis=-1))
        return {"loss": self.error.result()}


@keras.saving.register_keras_serializable(package="zoo")
class WGANEmulator(Emulator):
    """Coordinates of sources in km, (n, 3), to traces (n, receivers, samples), unit of the dataset.

    The generator of a Wasserstein adversarial network gives the trace's shape for the mean of the
    prior, z = 0, Gaussian processes its time and amplitude (section 2.2.7, figure 3G).

    Args:
        latent: dimension of the code.
        **emulator: see `zoo.microseismic.models.emulator.Emulator`.
    """

    recipe_name = "wgan_gp_emulator"

    def __init__(self, latent: int = 64, **emulator):
        self._latent = latent
        super().__init__(**emulator)

    def make_network(self) -> keras.Model:
        network = Generator(self.units, self.samples, self._latent, name="network")
        network.build((None, len(self.rays_km), self.source_features.count))
        return network

    def frames(self, features):
        return self.network(features)

    def get_config(self):
        return {**super().get_config(), "latent": self._latent}


def adapt(
    model: WGANEmulator, records: Mapping[str, np.ndarray], settings: Mapping[str, Any], about: Mapping[str, Any]
) -> None:
    """Do what every emulator does before `fit`, and standardise the frames."""
    emulator_training.adapt(model, records, settings, about)
    _, frames, _ = emulator_training.frames(model, records, settings)
    model.network.standardise(frames)


def compile_networks(wgan: ConditionalWGAN, settings: Mapping[str, Any], steps: int) -> None:
    """Adam without momentum, two time scales, both learning rates falling to zero along a cosine."""

    def adam(learning_rate, updates):
        return keras.optimizers.Adam(cosine(learning_rate, updates), beta_1=0.0, beta_2=0.9)

    wgan.compile(
        adam(settings["learning_rate"], steps // settings["critic_steps"]),
        adam(settings["critic_learning_rate"], steps),
        settings["critic_steps"],
        settings["gradient_penalty"],
        settings["average_decay"],
        steps_per_execution=max(1, steps // max(1, settings["epochs"])),
        jit_compile=True,
    )


RECIPE = emulator_training.recipe(
    WGANEmulator,
    {
        **emulator_training.NETWORK,
        **changed(emulator_training.FIT, epochs=200),
        "learning_rate": Setting(
            1e-3, "learning rate of the generator, at its largest", "ours, falls to zero along a cosine", low=0.0
        ),
        "units": Setting([64, 128, 256], "units of the generator's hidden layers", "section 2.2.7", low=1),
        "latent": Setting(64, "dimension of the code", "section 2.2.7", low=1),
        "gradient_penalty": Setting(10.0, "coefficient of the gradient penalty", "eq. 11", low=0.0),
        "critic_steps": Setting(
            1,
            "updates of the critic for each of the generator",
            "ours: the critic's higher learning rate takes the place of the paper's 100",
            unit="updates",
            low=1,
        ),
        "critic_learning_rate": Setting(
            2e-3, "learning rate of the critic, at its largest", "ours, falls to zero along a cosine", low=0.0
        ),
        "average_decay": Setting(
            0.999, "decay per update of the moving average of the generator's weights", "ours", low=0.0, high=1.0
        ),
    },
    before_fit=adapt,
    stages=[
        Stage(
            "networks",
            emulator_training.frames,
            compile_networks,
            trained_part=lambda model: ConditionalWGAN(model.network),
        )
    ],
)

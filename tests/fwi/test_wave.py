"""The wave layer against the recurrent cell that is differentiated automatically, and in Keras' hands."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo.errors import UsageError, ZooError
from zoo.fwi.models.wave import WaveRNN
from zoo.fwi.models.wave_cell import FDRNNCell
from zoo.fwi.physics.acoustic import ricker
from zoo.training.metrics import relative_error

VELOCITY = 2000 + 800 * np.random.default_rng(0).random((16, 20))
RECEIVERS = [[3, 5], [12, 10], [3, 15]]
SOURCES = np.array([[4, 12], [10, 7]])
STEPS, SPACING_M = 112, 6.0


def layer(velocity=VELOCITY, **options):
    return WaveRNN(velocity, SPACING_M, 0.001, RECEIVERS, **{"width": 6, **options})


def wavelet(dtype="float32"):
    return np.stack([ricker(20.0, 0.001, STEPS)] * 2).astype(dtype)


def as_graph(layer, *inputs):
    """A layer's output as numpy, its loop over time as one graph: step after step takes ten times as long."""
    return np.asarray(tf.function(lambda: layer(*inputs))())


def records_and_gradients(waves):
    pulses = tf.constant(wavelet(waves.compute_dtype))

    def found():
        with tf.GradientTape() as tape:
            tape.watch(pulses)
            records = waves((pulses, SOURCES))
            loss = tf.reduce_sum(records**2)
        return records, *tape.gradient(loss, [waves.velocity.value, pulses])

    if waves.gradient == "autodiff":
        waves.unrolled_cell()  # no variable can be made in a graph
        found = tf.function(found)
    return [np.asarray(v) for v in found()]


CASES = {
    "plain": {},
    "free surface": {"free_surface": True},
    "sponge": {"absorber": "sponge"},
    "second order": {"order": 2},
    "eighth order": {"order": 8},
    "single precision": {"dtype": "float32"},
}
LONG = ("second order", "eighth order")  # in `make test-all`: they take the way of the fourth


def test_automatic_differentiation_says_first_what_memory_it_takes(capsys):
    """Once for each size: two shots, six steps, three fields of 28 x 32 float32."""
    waves, few = layer(gradient="autodiff"), (np.zeros((2, 6), "float32"), SOURCES)
    waves(few)
    expected = f"keeps about 3 fields of each step: {2 * 6 * 3 * 28 * 32 * 4 / 1e6:.3g} MB for 2 shots of 6 steps"
    assert capsys.readouterr().err.count(expected) == 1
    waves(few)
    layer()(few)
    assert "fields" not in capsys.readouterr().err


@pytest.mark.long
@pytest.mark.parametrize(
    "options",
    [pytest.param(of, id=name, marks=pytest.mark.slow if name in LONG else ()) for name, of in CASES.items()],
)
def test_the_adjoint_is_what_automatic_differentiation_gives(options):
    options = {"dtype": "float64", **options}
    found = records_and_gradients(layer(**options))
    expected = records_and_gradients(layer(gradient="autodiff", **options))
    for one, other in zip(found, expected, strict=True):
        assert relative_error(one, other) < (1e-12 if options["dtype"] == "float64" else 1e-5)


@pytest.mark.parametrize("free_surface", [False, True])
def test_a_column_too(free_surface):
    """One dimension, which the kernels lay along the other axis."""
    options = {"width": 6, "free_surface": free_surface, "dtype": "float64"}
    inputs = wavelet("float64"), SOURCES * [1, 0]
    found, expected = (
        WaveRNN(VELOCITY[:, :1], SPACING_M, 0.001, [[3, 0], [12, 0]], gradient=gradient, **options)
        for gradient in ("checkpoint", "autodiff")
    )
    expected.unrolled_cell()
    assert relative_error(np.asarray(found(inputs)), as_graph(expected, inputs)) < 1e-12


@pytest.mark.long
def test_the_cell_is_an_rnn_cell_with_one_weight():
    """The paper's network as Keras builds it: same records, velocity the only weight, and it trains."""
    cell = FDRNNCell(VELOCITY, SPACING_M, 0.001, RECEIVERS, width=6)
    network = keras.Sequential([keras.layers.RNN(cell, return_sequences=True)])
    network.build((None, STEPS, 3))
    places = np.repeat(SOURCES[:, None].astype("float32"), STEPS, axis=1)
    steps = np.concatenate([wavelet()[..., None], places], axis=-1)
    records = as_graph(network, steps)
    assert relative_error(records, np.asarray(layer()((wavelet(), SOURCES)))) < 1e-5
    assert [tuple(w.shape) for w in network.trainable_weights] == [VELOCITY.shape]
    assert not network.non_trainable_weights
    network.compile(optimizer=keras.optimizers.Adam(5.0), loss="mse", jit_compile=False)
    slower = FDRNNCell(VELOCITY * 0.97, SPACING_M, 0.001, RECEIVERS, width=6)
    observed = as_graph(keras.layers.RNN(slower, return_sequences=True), steps)
    losses = network.fit(steps, observed, batch_size=2, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_the_gate_holds_the_output_between_samples():
    places = np.repeat(SOURCES[:, None].astype("float32"), STEPS, axis=1)
    steps = np.concatenate([wavelet()[..., None], places], axis=-1)

    def record(resample):
        cell = FDRNNCell(VELOCITY, SPACING_M, 0.001, RECEIVERS, width=6, resample=resample)
        return as_graph(keras.layers.RNN(cell, return_sequences=True), steps)

    every, fourth = record(1), record(4)
    np.testing.assert_allclose(fourth[:, ::4], every[:, ::4], rtol=1e-6)
    np.testing.assert_array_equal(fourth[:, 3::4], fourth[:, ::4])


def test_it_trains_by_fit_within_bounds():
    """In a model of Keras' own, shots as the batch."""
    bounds = (2250.0, 2500.0)
    observed = np.asarray(layer()((wavelet(), SOURCES)))
    waves = layer(np.full(VELOCITY.shape, 2400.0), bounds=bounds)
    pulses, places = keras.Input((STEPS,), batch_size=2), keras.Input((2,), batch_size=2, dtype="int32")
    model = keras.Model((pulses, places), waves((pulses, places)))
    model.compile(optimizer=keras.optimizers.Adam(200.0), loss="mse")
    history = model.fit((wavelet(), SOURCES), observed, batch_size=2, epochs=12, verbose=0).history["loss"]
    found = np.asarray(waves.velocity)
    assert min(history) < 0.7 * history[0]
    assert found.min() >= bounds[0] and found.max() <= bounds[1]
    assert found.min() == bounds[0] or found.max() == bounds[1]  # such steps go that far


def test_velocities_may_come_from_elsewhere():
    """A tensor in place of the weight: the same records, and gradients for whatever made it."""
    waves = layer(np.full(VELOCITY.shape, 2400.0), reference_m_s=VELOCITY.astype("float32").max())
    factor = tf.Variable(1.0)
    given = tf.constant(VELOCITY, tf.float32)
    with tf.GradientTape() as tape:
        records = waves((wavelet(), SOURCES), velocity_m_s=factor * given)
        loss = tf.reduce_sum(records**2)
    slope = float(tape.gradient(loss, factor))
    np.testing.assert_array_equal(records, layer()((wavelet(), SOURCES)))
    sums = [
        np.sum(np.asarray(waves((wavelet(), SOURCES), velocity_m_s=f * given), "float64") ** 2) for f in (0.999, 1.001)
    ]
    assert slope == pytest.approx((sums[1] - sums[0]) / 0.002, rel=1e-3)


def test_two_simulations_before_their_gradients():
    """What is kept of a simulation belongs to it: an older one is simulated again, with the same result."""
    waves = layer()
    first, _ = records_and_gradients(waves)[1:]
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(waves((wavelet(), SOURCES)) ** 2)
        waves((0 * wavelet(), SOURCES))
    np.testing.assert_array_equal(tape.gradient(loss, waves.velocity.value), first)


def test_a_checkpoint_holds_the_velocity(tmp_path):
    waves = layer(bounds=(1500.0, 3000.0), free_surface=True, order=2)
    pulses, places = keras.Input((STEPS,), batch_size=2), keras.Input((2,), batch_size=2, dtype="int32")
    model = keras.Model((pulses, places), waves((pulses, places)))
    again = zoo.load(zoo.save(model, tmp_path / "waves.test", "Waves."))
    np.testing.assert_array_equal(model((wavelet(), SOURCES)), again((wavelet(), SOURCES)))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"velocity": VELOCITY * 3}, r"1 ms is unstable at \d+ m/s.*at most"),
        ({"bounds": (1500.0, 9000.0)}, "unstable at 9000 m/s"),
        ({"bounds": (2500.0, 4000.0)}, "not within the bounds of 2500 to 4000"),
        ({"velocity": np.where(VELOCITY > 2700, np.nan, VELOCITY)}, "not finite"),
        ({"velocity": VELOCITY[0]}, r"grid \(Z, X\)"),
        ({"gradient": "adjoint"}, "checkpoint, store, autodiff"),
        ({"absorber": "pml"}, "cpml, sponge"),
        ({"store_dtype": "int8"}, "float32, float16"),
        ({"order": 6}, "2, 4 or 8"),
    ],
)
def test_bad_input_is_refused(options, message):
    with pytest.raises((ZooError, UsageError), match=message):
        layer(**options)


def test_waves_too_short_for_the_grid_are_refused():
    with pytest.raises(
        ZooError, match=r"1\d\d Hz at 20\d\d m/s has .* grid points of 6 m in a wavelength; order 4 needs 5"
    ):
        layer()((ricker(80.0, 0.001, STEPS)[None], SOURCES[:1]))


def test_sources_outside_are_refused():
    with pytest.raises(ZooError, match=r"source 1 is at \(z, x\) = \(16, 7\), outside the grid"):
        layer()((wavelet(), np.array([[4, 12], [16, 7]])))
    with pytest.raises(ZooError, match="received 2 and 1"):
        layer()((wavelet(), SOURCES[:1]))


def test_a_receiver_outside_is_named():
    with pytest.raises(ZooError, match=r"receiver 1 is at \(z, x\) = \(3, 20\), outside the grid of 16 x 20.*1 of 2"):
        WaveRNN(VELOCITY, SPACING_M, 0.001, [[3, 5], [3, 20]])


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
def test_jax_gives_the_same():
    """Kernels, XLA and cell, compiled by JAX, in a process with that backend."""
    script = """
import jax, jax.numpy as jnp, numpy as np
from zoo.fwi.models.wave import WaveRNN
from zoo.fwi.physics.acoustic import ricker
velocity = 2000 + 800 * np.random.default_rng(0).random((16, 20))
pulses, sources = jnp.asarray(np.stack([ricker(20.0, 0.001, 110)] * 2)), np.array([[4, 12], [10, 7]])
found = []
for options in ({"engine": "kernels"}, {"engine": "xla"}, {"gradient": "autodiff"}):
    waves = WaveRNN(velocity, 6.0, 0.001, [[3, 5], [12, 10.3], [3, 15]], width=6, **options)
    loss = lambda v, w: (waves((w, sources), velocity_m_s=v) ** 2).sum()
    found.append(jax.jit(jax.grad(loss, argnums=(0, 1)))(jnp.asarray(velocity, "float32"), pulses))
for kernels, xla, other in zip(*found):
    for one in (kernels, xla):
        assert float(jnp.linalg.norm(one - other) / jnp.linalg.norm(other)) < 1e-5
"""
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

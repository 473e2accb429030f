"""How a backend calls the compiled kernels of a `WaveRNN` and obtains their gradient."""

from __future__ import annotations

import numpy as np


def tensorflow_simulator(layer):
    """Return a layer's function (velocity, wavelet, sources) -> traces (S, T, R), from and to TensorFlow tensors."""
    import tensorflow as tf

    def traces(velocity, wavelet, sources):
        @tf.custom_gradient
        def simulate(velocity, wavelet):
            kind = velocity.dtype
            found, number = tf.numpy_function(layer.simulate, [velocity, wavelet, sources], [kind, tf.int64])
            found.set_shape((*wavelet.shape, len(layer.receivers)))

            def gradient(residual):
                taken = [velocity, wavelet, sources, residual, number]
                by_velocity, by_wavelet = tf.numpy_function(layer.differentiate, taken, [kind, kind])
                by_velocity.set_shape(velocity.shape)
                by_wavelet.set_shape(wavelet.shape)
                return by_velocity, by_wavelet

            return found, gradient

        return simulate(velocity, wavelet)

    return traces


def jax_simulator(layer):
    """Return the same for JAX: its own functions, or the kernels called back, which run on a CPU."""
    import jax

    if layer.engine == "xla":
        return layer._propagator.simulator()

    def shape(like, dimensions):
        return jax.ShapeDtypeStruct(dimensions, like.dtype)

    @jax.custom_vjp
    def traces(velocity, wavelet, sources):
        size = shape(velocity, (*wavelet.shape, len(layer.receivers)))
        return jax.pure_callback(
            lambda *taken: layer.simulate(*map(np.asarray, taken))[0], size, velocity, wavelet, sources
        )

    def forward(velocity, wavelet, sources):
        return traces(velocity, wavelet, sources), (velocity, wavelet, sources)

    def backward(kept, residual):
        def differentiate(*taken):
            # Number -1 finds no checkpoints: JAX may reorder the calls, so a gradient shares nothing with a simulation.
            return layer.differentiate(*map(np.asarray, taken), number=-1)

        velocity, wavelet, sources = kept
        sizes = shape(velocity, velocity.shape), shape(velocity, wavelet.shape)
        return (*jax.pure_callback(differentiate, sizes, velocity, wavelet, sources, residual), None)

    traces.defvjp(forward, backward)
    return traces


SIMULATORS = {"tensorflow": tensorflow_simulator, "jax": jax_simulator}
"""Backend -> maker of the function that simulates for a layer; other backends unroll the cell."""


def symbolic(backend: str, *values) -> bool:
    """Return whether any value is a symbol that Keras or its backend traces, without numbers."""
    import keras

    if any(keras.utils.is_keras_tensor(value) for value in values):
        return True
    if backend == "tensorflow":
        import tensorflow as tf

        return not tf.executing_eagerly()
    if backend == "jax":
        import jax

        return any(isinstance(value, jax.core.Tracer) for value in values)
    return False

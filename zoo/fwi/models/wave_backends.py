"""How a backend calls the compiled kernels of a `WaveRNN`, and is told their gradient."""

from __future__ import annotations

import numpy as np


def tensorflow_records(layer):
    """Return the function (velocity, wavelet, sources) -> records of TensorFlow tensors."""
    import tensorflow as tf

    def records(velocity, wavelet, sources):
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

    return records


def jax_records(layer):
    """The same for JAX, on a CPU."""
    import jax

    def shape(like, dimensions):
        return jax.ShapeDtypeStruct(dimensions, like.dtype)

    @jax.custom_vjp
    def records(velocity, wavelet, sources):
        size = shape(velocity, (*wavelet.shape, len(layer.receivers)))
        return jax.pure_callback(
            lambda *taken: layer.simulate(*map(np.asarray, taken))[0], size, velocity, wavelet, sources
        )

    def forward(velocity, wavelet, sources):
        return records(velocity, wavelet, sources), (velocity, wavelet, sources)

    def backward(kept, residual):
        def differentiate(*taken):
            return layer.differentiate(*map(np.asarray, taken), number=-1)  # JAX may reorder calls: nothing is shared

        velocity, wavelet, sources = kept
        sizes = shape(velocity, velocity.shape), shape(velocity, wavelet.shape)
        return (*jax.pure_callback(differentiate, sizes, velocity, wavelet, sources, residual), None)

    records.defvjp(forward, backward)
    return records


RECORDS = {"tensorflow": tensorflow_records, "jax": jax_records}
"""Backend -> what makes the function that simulates for a layer; other backends unroll the cell."""


def traced(backend: str, *values) -> bool:
    """Return whether values are symbols that Keras or its backend traces, without numbers."""
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

"""What emulators of seismic traces are made of, and what their recipes learn and measure outside of `fit`.

Layers and models are written in `keras.ops`, with one exception: on TensorFlow, an eager call of an emulator runs a
`tf.function` (`zoo.microseismic.models.emulator`). Gaussian processes are trained with GPflow
(`zoo.microseismic.models.gp_regression`) and evaluated without it.
"""

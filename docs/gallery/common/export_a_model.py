"""
How does a program without the zoo use a model?
===============================================

A checkpoint is exported as a SavedModel, which TensorFlow alone opens; LiteRT files (``.tflite``) come by the same
call. The seismogram is **synthetic**.
"""

import tempfile

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

import zoo
from zoo.seismograms.physics.days import continuous

model = zoo.load("phase_picker")
folder = tempfile.mkdtemp()
model.export(folder, verbose=False)
served = tf.saved_model.load(folder)

record, planted = continuous(2, 1, seed=3, snr=(20, 30), p_samples=[4000])
window = record.T[None, 3000 : 3000 + model.samples].astype(np.float32)  # (1, samples, 3), Z N E
ours, theirs = np.asarray(model(window)), served.serve(window).numpy()
print("largest difference:", np.abs(ours - theirs).max())

# %%
# The probabilities of P and S, from the exported file:

time_s = np.arange(model.samples) / model.sampling_rate_hz
figure, (above, below) = plt.subplots(2, 1, sharex=True, layout="constrained")
above.plot(time_s, window[0, :, 0], "k", lw=0.6)
above.set(ylabel="vertical (counts)")
for column, label in enumerate(model.labels):
    if label in "PS":
        below.plot(time_s, theirs[0, :, column], label=label)
below.axvline((planted[0].p_sample - 3000) / 100, color="grey", ls=":")
below.axvline((planted[0].s_sample - 3000) / 100, color="grey", ls=":", label="true P, S")
below.set(xlabel="time (s)", ylabel="probability")
below.legend()
plt.show()

# %%
# Both give the same numbers: filters and scaling are part of the model, so nothing has to be rewritten elsewhere.

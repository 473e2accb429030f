"""
What does an autoencoder keep of a seismogram?
==============================================

The autoencoders of Kong et al. (2021) press three components through a bottleneck; its code gives other networks their
features. **Synthetic** earthquakes, of a kind that the training had.
"""

import matplotlib.pyplot as plt
import numpy as np

import zoo
from zoo.seismograms import SeismogramModel, resample, simulate

RATE_HZ = 100.0
names = ("waveform_autoencoder.under68", "waveform_autoencoder.over34")
models = [zoo.load(name) for name in names]
made = simulate(2, SeismogramModel(4000, RATE_HZ, kinds=("earthquake",)), seed=8)
windows = resample(made.waveform, RATE_HZ, 20.0)[:, 40:580].astype(np.float32)
seen = models[0].prepared(windows)
rebuilt = [np.asarray(model(windows)) for model in models]

# %%
# Vertical components as the network sees them, and what comes back:

figure, rows = plt.subplots(2, 2, sharex=True, sharey="row", figsize=(9, 4.4), layout="constrained")
time_s = np.arange(540) / 20
for column, (name, back) in enumerate(zip(names, rebuilt, strict=True)):
    for row in range(2):
        rows[row, column].plot(time_s, seen[row, :, 0], "k", lw=1.6)
        rows[row, column].plot(time_s, back[row, :, 0], "C1", lw=0.9)
    rows[0, column].set_title(name)
    rows[1, column].set_xlabel("time (s)")
plt.show()

# %%
# Black is what went in. The small one keeps slow motion and loses most of what is fast; the large one gives nearly all
# of it back. Features for a task need not be those that rebuild best.

"""
Noise or earthquake?
====================

A network that was trained on the features of an autoencoder (Kong et al. 2021), here on **synthetic** windows of 27 s
that it has not seen.
"""

import matplotlib.pyplot as plt
import numpy as np

import zoo
from zoo.seismograms import SeismogramModel, resample, simulate

RATE_HZ = 100.0
model = zoo.load("noise_earthquake")
made = simulate(200, SeismogramModel(4000, RATE_HZ, kinds=("noise", "earthquake")), seed=11)
windows = resample(made.waveform, RATE_HZ, model.sampling_rate_hz)[:, 60 : 60 + model.samples]
probability = model.outputs(windows.astype(np.float32))[:, model.labels.index("earthquake")]
truth = np.array(made.columns["trace_category"])

# %%
# How the probability of an earthquake is spread, by what the window holds:

figure, axes = plt.subplots(layout="constrained")
for kind in ("noise", "earthquake"):
    axes.hist(probability[truth == kind], np.linspace(0, 1, 21), alpha=0.6, label=kind)
axes.set(xlabel="probability of an earthquake", ylabel="windows")
axes.legend(title="truth")
plt.show()

# %%
# Most windows are told with certainty. Earthquakes near 0 are those whose waves lie below the noise.

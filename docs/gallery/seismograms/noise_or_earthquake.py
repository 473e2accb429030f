"""
Noise or earthquake?
====================

A network that begins with the encoder of an autoencoder (Kong et al. 2021) and was trained on synthetic and real
records; here on **synthetic** windows of 27 s that it has not seen.
"""

import matplotlib.pyplot as plt
import numpy as np

import zoo
from zoo.seismograms import SeismogramModel, resample, simulate

RATE_HZ = 100.0
model = zoo.load("noise_earthquake")
records = SeismogramModel(
    2900,
    RATE_HZ,
    kinds=("noise", "earthquake"),
    window="early",  # P in the first third
    s_minus_p_s=(0.5, 18.0),
    vertical_only_share=0.0,
)
made = simulate(200, records, seed=11)
windows = resample(made.waveform, RATE_HZ, model.sampling_rate_hz, starts=np.full(200, 100), samples=model.samples)
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
# What is called an earthquake is one; of the earthquakes some are taken for noise, those whose waves hardly rise above
# it. The network is careful since it has also learnt from real noise.

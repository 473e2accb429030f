"""
What do simulated seismograms look like?
========================================

The records that pickers learn from: **synthetic** local earthquakes, explosions and noise, with sources, paths, site
and instrument drawn at random.
"""

import matplotlib.pyplot as plt
import numpy as np

from zoo.seismograms import SeismogramModel, simulate

RATE_HZ = 100.0
kinds = ("earthquake", "explosion", "noise")
made = simulate(6, SeismogramModel(4000, RATE_HZ, kinds=kinds), seed=4)

# %%
# Vertical components, with P and S where there are such:

figure, panels = plt.subplots(3, 2, sharex=True, figsize=(9, 5), layout="constrained")
time_s = np.arange(4000) / RATE_HZ
for number, panel in enumerate(panels.T.ravel()):
    panel.plot(time_s, made.waveform[number, :, 0], "k", lw=0.5)
    for phase, colour in (("p", "C0"), ("s", "C3")):
        sample = made.columns[f"trace_{phase}_arrival_sample"][number]
        if np.isfinite(sample):
            panel.axvline(sample / RATE_HZ, color=colour, label=phase.upper())
            panel.legend(loc="upper left", ncols=2, fontsize=8)
    panel.set(title=made.columns["trace_category"][number], yticks=[])
for panel in panels[-1]:
    panel.set_xlabel("time (s)")
plt.show()

# %%
# Explosions have less S than earthquakes on average, and noise comes in many kinds; a single record may be hard to
# tell, which is why labels carry probabilities.

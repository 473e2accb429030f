"""
Where do P and S arrive in real records?
========================================

Four **real** records of the Northern California Earthquake Data Center, from PhaseNet's demonstration set (MIT), and
the analysts' picks.
"""

import csv
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from zoo.seismograms import annotate, classify, read

here = Path(__file__).parent if "__file__" in globals() else Path.cwd()
folder = here.parent / "data" / "ncedc"
analysts = {row["station"]: row for row in csv.DictReader((folder / "picks.csv").open())}
stream = read(folder / "*.mseed")
probabilities = annotate(stream, "phase_picker")
picks = classify(stream, "phase_picker")
print(picks)

# %%
# Verticals, probabilities of P and S, and dotted the analysts' picks:

figure, panels = plt.subplots(4, 1, figsize=(8, 8), sharex=True, layout="constrained")
for panel, (station, analyst) in zip(panels, analysts.items(), strict=True):
    network, code = station.split(".")
    vertical = stream.select(network=network, station=code, component="Z")[0]
    panel.plot(vertical.times(), vertical.data / np.abs(vertical.data).max(), "k", lw=0.5)
    for phase, colour in (("P", "C0"), ("S", "C3")):
        for curve in probabilities.select(network=network, station=code, channel=f"*_{phase}"):
            late_s = curve.stats.starttime - vertical.stats.starttime
            panel.plot(curve.times() + late_s, curve.data, color=colour, label=f"probability of {phase}")
        panel.axvline(float(analyst[f"{phase.lower()}_s"]), color=colour, ls=":")
    panel.set(title=station, xlim=(25, 45), ylim=(-1.05, 1.05))
panels[0].legend(loc="lower right")
panels[-1].set_xlabel("time after the first sample (s)")
plt.show()

# %%
# Probabilities rise where the analysts picked, also at BK.BRIB, where slow noise is as large as the waves: the network
# looks at what is left above that. S at BK.HUMO comes a little late. By default the threshold allows one false pick of
# each phase in an hour of noise.

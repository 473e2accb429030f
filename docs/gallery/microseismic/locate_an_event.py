"""
Where did an event happen?
==========================

Noisy pressure at four receivers, and an emulator that stands for the simulator: thousands of places are tried. The
event is **synthetic**, simulated by finite differences, and the training has not seen it.
"""

import matplotlib.pyplot as plt
import numpy as np

import zoo
from zoo import registry
from zoo.microseismic import locate
from zoo.microseismic.location.world import World

model = zoo.load("pca_gp_emulator")
held_out = np.load(registry.find("pca_gp_emulator") / "golden.npz")
event, used = 10, slice(1, 5)
truth_km, clean, noise_sd = held_out["coordinates_km"][event], held_out["traces"][event, used], held_out["noise_sd"]
traces = clean + np.random.default_rng(0).normal(scale=noise_sd, size=clean.shape)
measured = dict(noise_sd=noise_sd, receivers_km=model.receivers_km[used], sampling_rate_hz=1 / model.time_step_s)

worlds = {"earth known": World.as_simulated(), "earth, clocks, gains uncertain": World()}
found = {label: locate(traces, model, **measured, world=world) for label, world in worlds.items()}
for label, location in found.items():
    print(f"{label}: mean {location.mean_km.round(3)}, sd {location.sd_km.round(3)}, truth {truth_km.round(3)} km")

# %%
# What the posterior says about the place, map and section; depth is below the top of the model:

top_km = 3.0
figure, panels = plt.subplots(1, 2, figsize=(8, 4), layout="constrained")
for label, location in reversed(found.items()):
    x, y, z = location.samples.samples[:, :3].T
    panels[0].plot(x, y, ".", ms=2, label=label)
    panels[1].plot(x, top_km - z, ".", ms=2)
panels[0].plot(*truth_km[:2], "k+", ms=14, mew=2, label="truth")
panels[1].plot(truth_km[0], top_km - truth_km[2], "k+", ms=14, mew=2)
panels[0].set(xlabel="x, east (km)", ylabel="y, north (km)", aspect="equal", title="map")
panels[1].set(xlabel="x, east (km)", ylabel="depth (km)", aspect="equal", title="section")
panels[1].invert_yaxis()
panels[0].legend(markerscale=4)
plt.show()

# %%
# Both hold the truth. Who admits that the earth is not the simulated one pays with a wider posterior; that is the
# default of ``zoo locate``.

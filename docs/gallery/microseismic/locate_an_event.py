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

model = zoo.load("pca_gp_emulator")
held_out = np.load(registry.find("pca_gp_emulator") / "golden.npz")
event, used = 10, slice(1, 5)
truth_km, clean, noise_sd = held_out["coordinates_km"][event], held_out["traces"][event, used], held_out["noise_sd"]
location = locate(
    clean + np.random.default_rng(0).normal(scale=noise_sd, size=clean.shape),
    model,
    noise_sd=noise_sd,
    receivers_km=model.receivers_km[used],
    sampling_rate_hz=1 / model.time_step_s,
)
print(location.report())

# %%
# What the posterior says about the place, as map and section, and one trace with what was predicted:

height_km = 3.0  # of the model; depth is below its top
x, y, z = location.samples.samples[:, :3].T
figure, (above, side, trace) = plt.subplots(1, 3, figsize=(11, 3.8), layout="constrained")
above.plot(x, y, ".", ms=2, label="posterior")
above.plot(*truth_km[:2], "k+", ms=14, mew=2, label="truth")
above.set(xlabel="x, east (km)", ylabel="y, north (km)", title="map")
above.legend(markerscale=2)
side.plot(x, height_km - z, ".", ms=2)
side.plot(truth_km[0], height_km - truth_km[2], "k+", ms=14, mew=2)
side.set(xlabel="x, east (km)", ylabel="depth (km)", title="section")
side.invert_yaxis()
time_s = np.arange(clean.shape[-1]) * model.time_step_s
trace.plot(time_s, location.observed[0], "k", lw=0.8, label="observed")
trace.plot(time_s, location.predicted[0], "C1", lw=1.2, label="predicted")
trace.set(xlabel="time (s)", ylabel="pressure (Pa)", title="first receiver")
trace.legend()
plt.show()

# %%
# The cloud holds the truth. It is as wide as it is because earth, clocks, gains, strength and pulse are taken as
# uncertain, which is the default of ``zoo locate``: nobody knows the earth as exactly as the simulator does.

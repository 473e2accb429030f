"""
What does an underground source send to the sea floor?
======================================================

Elastic finite differences on the **synthetic** marine earth, on a grid that is coarse enough for seconds: water over
layers that dip and undulate.
"""

import matplotlib.pyplot as plt
import numpy as np

from zoo.microseismic import marine_model, simulate
from zoo.microseismic.physics.moment_tensor import double_couple

earth = marine_model(spacing_m=(50, 50, 30))
receivers_km = [[x, 0.5, 2.43] for x in np.arange(0.1, 0.95, 0.1)]
place_km = [0.35, 0.5, 1.56]
sources = {
    "an explosion of 1 m$^3$": simulate([place_km], earth, receivers_km, pulse_sigma_s=0.05),
    "a double couple of 10$^{12}$ N m": simulate(
        [place_km], earth, receivers_km, [1e12 * double_couple(30.0, 60.0, 40.0)], pulse_sigma_s=0.05
    ),
}

# %%
# The earth below y = 0.5 km, with source and receivers, and pressure over time:

figure, panels = plt.subplots(1, 3, figsize=(10, 4.2), layout="constrained")
section = earth.vp_m_s[:, earth.shape[1] // 2, ::-1].T  # from the top down
width_km, _, height_km = earth.extent_km
image = panels[0].imshow(section, extent=(0, width_km, height_km, 0), aspect="auto")
panels[0].plot(place_km[0], height_km - place_km[2], "r*", ms=12)
panels[0].plot([x for x, _, _ in receivers_km], [height_km - z for _, _, z in receivers_km], "wv")
panels[0].set(xlabel="x, east (km)", ylabel="depth (km)", title="Vp")
figure.colorbar(image, ax=panels[0], label="m/s")
for panel, (title, traces) in zip(panels[1:], sources.items(), strict=True):
    scale = 0.08 / np.abs(traces).max()
    time_s = np.arange(traces.shape[-1]) / 250
    for (x, _, _), trace in zip(receivers_km, traces[0], strict=True):
        panel.plot(x + scale * trace, time_s, "k", lw=0.8)
    panel.set(xlabel="x of the receiver (km)", ylabel="time (s)", ylim=(2, 0), title=title)
plt.show()

# %%
# An explosion gives every receiver the same polarity. The double couple's changes along the line, and its S waves
# arrive at the sea floor as converted pressure: that is how a mechanism is told.

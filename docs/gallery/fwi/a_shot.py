"""
What do receivers hear of a shot?
=================================

Acoustic finite differences over a **synthetic** section with folds, faults and salt: one shot in the water, and how the
wave goes on below.
"""

import matplotlib.pyplot as plt
import numpy as np

from zoo.fwi import Survey, ricker, simulate
from zoo.fwi.physics.velocity_models import folded

section = folded(rows=60, columns=160, spacing_m=15.0)
time_step_s, samples = 0.002, 600
wavelet = ricker(8.0, time_step_s, samples)[None]
surface = np.stack([np.full(160, 1), np.arange(160)], axis=1)
everywhere = np.stack(
    [part.ravel() for part in np.meshgrid(np.arange(0, 60, 2), np.arange(0, 160, 2), indexing="ij")], 1
)
source = [[1, 60]]
shot, field = (
    simulate(section.velocity_m_s, section.spacing_m, Survey(wavelet, source, receivers, time_step_s))[0]
    for receivers in (surface, everywhere)
)

# %%
# The wave field at two times over the velocities, and the shot gather:

figure, panels = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
extent_km = (0, 160 * 0.015, 60 * 0.015, 0)
for panel, step in zip(panels, (220, 340), strict=False):
    panel.imshow(section.velocity_m_s, extent=extent_km, cmap="Greys", aspect="auto")
    wave = field[step].reshape(30, 80)
    limit = np.percentile(np.abs(wave), 99)
    panel.imshow(wave, extent=extent_km, cmap="seismic", vmin=-limit, vmax=limit, alpha=0.6, aspect="auto")
    panel.set(title=f"{1000 * step * time_step_s:.0f} ms after the shot", xlabel="distance (km)")
panels[0].set_ylabel("depth (km)")
limit = np.percentile(np.abs(shot), 97)
panels[2].imshow(shot, extent=(0, 2.4, 1.2, 0), cmap="Greys", vmin=-limit, vmax=limit, aspect="auto")
panels[2].set(title="shot gather", xlabel="distance (km)", ylabel="time (s)")
plt.show()

# %%
# The wave runs ahead where rock is fast, and every layer sends something back: the curved lines that follow the first
# arrival in the gather. Inversion asks which velocities make these lines.

"""
Which velocities explain these shots?
=====================================

Five shots over a **synthetic** section, by the same finite differences that invert them and without noise; the start is
a smoothed truth. The recurrent network's only weight is the velocity, and inversion is its training.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from zoo.fwi import Survey, invert, ricker, simulate
from zoo.fwi.physics.velocity_models import folded

truth = folded(rows=40, columns=100, spacing_m=20.0)
start = truth.smoothed(160.0)
time_step_s, samples = 0.002, 600
sources = np.stack([np.full(5, 1), np.linspace(5, 94, 5).astype(int)], axis=1)
receivers = np.stack([np.full(50, 1), np.arange(0, 100, 2)], axis=1)
wavelet = np.tile(ricker(6.0, time_step_s, samples), (5, 1))
records = simulate(truth.velocity_m_s, truth.spacing_m, Survey(wavelet, sources, receivers, time_step_s))
folder = Path(tempfile.mkdtemp())
np.savez(
    folder / "shots.npz",
    observed=records,
    time_step_s=time_step_s,
    sources_m=sources * truth.spacing_m,
    receivers_m=receivers * truth.spacing_m,
)
found = invert(
    folder / "shots.npz", start, folder / "line", wavelet="ricker:6", truth=truth, settings={"iterations": 20}
)
print(found.report())

# %%
# Start, inverted model and truth:

figure, panels = plt.subplots(1, 3, sharey=True, figsize=(11, 3), layout="constrained")
models = {"start": start.velocity_m_s, "inverted": found.velocity_m_s, "truth": truth.velocity_m_s}
for panel, (title, velocity) in zip(panels, models.items(), strict=True):
    image = panel.imshow(velocity, extent=(0, 2, 0.8, 0), vmin=1500, vmax=4500, aspect="auto")
    panel.set(title=title, xlabel="distance (km)")
panels[0].set_ylabel("depth (km)")
figure.colorbar(image, ax=panels, label="velocity (m/s)")
plt.show()

# %%
# Layers come out sharper than they began, above all near the surface; what is deep needs more iterations, and below
# salt little comes back.

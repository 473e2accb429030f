"""
What would a receiver see if the source were elsewhere?
=======================================================

An emulator answers at once for any place, which is what makes sampling cheap: here the traces of 150 depths, and how
well one observed trace tells the place. **Synthetic**, and by the emulator alone.
"""

import matplotlib.pyplot as plt
import numpy as np

import zoo

model = zoo.load("nn_direct_emulator")
top_km = 3.0  # z of the model's top; depths are below it
line_depth_km = np.linspace(0.9, 2.1, 150)
line_km = np.stack([np.full(150, 0.4), np.full(150, 0.5), top_km - line_depth_km], axis=1)
traces = np.asarray(model(line_km))[:, 0]

x_km, depth_km = np.meshgrid(np.linspace(0.1, 0.9, 60), np.linspace(0.9, 2.1, 60))
grid_km = np.stack([x_km.ravel(), np.full(x_km.size, 0.5), top_km - depth_km.ravel()], axis=1)
observed = np.asarray(model(np.array([[0.4, 0.5, top_km - 1.4]])))
difference = np.asarray(model(grid_km)) - observed
sd = 0.2 * observed.std()

# %%
# Left: pressure at the first receiver over the source's depth. Right: the misfit over place, for one receiver and
# for all.

figure, panels = plt.subplots(1, 3, figsize=(10, 4), layout="constrained")
time_s = np.arange(traces.shape[1]) * model.time_step_s
limit = np.percentile(np.abs(traces), 99.5)
panels[0].pcolormesh(time_s, line_depth_km, traces, cmap="RdBu", vmin=-limit, vmax=limit, rasterized=True)
panels[0].set(xlabel="time (s)", ylabel="depth of the source (km)", title="traces")
for panel, used, title in ((panels[1], slice(0, 1), "1 receiver"), (panels[2], slice(None), "5 receivers")):
    misfit = (difference[:, used] ** 2).mean(axis=(1, 2)).reshape(x_km.shape) / sd**2
    image = panel.contourf(x_km, depth_km, np.log10(misfit + 1e-2), np.linspace(0, 2.4, 25), extend="both")
    panel.plot(0.4, 1.4, "r*", ms=12)
    panel.set(xlabel="x (km)", ylabel="depth (km)", title=title)
for panel in panels:
    panel.invert_yaxis()
figure.colorbar(image, ax=panels[1:], label="log10 of the misfit")
plt.show()

# %%
# The pulse comes later as the source goes down. One receiver leaves a shell of places that fit alike; five leave one
# valley, around the star.

"""
What does the kind of source change in the traces?
==================================================

The emulator of Green's functions gives, at any place, the traces of the six parts of a moment tensor; those of any
source are their sum. **Synthetic**: the earth is the simulated marine one. ``zoo mechanism`` asks the reverse question.
"""

import matplotlib.pyplot as plt
import numpy as np
from obspy.imaging.beachball import beach

import zoo
from zoo.microseismic.physics.moment_tensor import double_couple, spherical

model = zoo.load("greens_emulator")
greens = np.asarray(model(np.array([[0.4, 0.45, 1.6]])))[0]  # (receivers, 6, samples), Pa per N m
sources = {
    "explosion": np.array([1.0, 1, 1, 0, 0, 0]),
    "opening crack": np.array([1.0, 1, 3, 0, 0, 0]),
    "strike slip": double_couple(0.0, 90.0, 0.0),
    "thrust": double_couple(30.0, 45.0, 90.0),
}

# %%
# Four sources of the same size, and the pressure that each causes at the receivers:

figure, panels = plt.subplots(2, 4, figsize=(11, 5), height_ratios=(1, 4), layout="constrained")
time_s = np.arange(greens.shape[-1]) * model.time_step_s
for column, (title, tensor) in enumerate(sources.items()):
    tensor_n_m = 1e10 * tensor / np.linalg.norm(tensor)
    traces = np.einsum("rcs,c->rs", greens, tensor_n_m)
    panels[0, column].add_collection(beach(spherical(tensor_n_m) / 1e10, width=1.8, facecolor="C0", linewidth=0.8))
    panels[0, column].set(xlim=(-1.2, 1.2), ylim=(-1, 1), aspect="equal", title=title)
    panels[0, column].axis("off")
    for receiver, trace in enumerate(traces):
        panels[1, column].plot(time_s, receiver + 0.4 * trace / np.abs(traces).max(), "k", lw=0.8)
    panels[1, column].set(xlabel="time (s)", xlim=(0.4, 1.8), yticks=range(len(traces)))
panels[1, 0].set_ylabel("receiver")
plt.show()

# %%
# An explosion sends the same first pulse everywhere and almost nothing after it. Shear sources change sign from
# receiver to receiver, and their S waves follow: signs and ratios of the two are what tells a mechanism.

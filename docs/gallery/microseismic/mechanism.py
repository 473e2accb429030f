"""
What kind of source was it?
===========================

The traces are linear in the moment tensor, so place and tensor come out together, from an emulator of Green's
functions. The event is **synthetic**, a double couple, at four receivers.
"""

import matplotlib.pyplot as plt
import numpy as np
from obspy.imaging.beachball import beach

import zoo
from zoo import registry
from zoo.microseismic import mechanism
from zoo.microseismic.physics.moment_tensor import kagan_angle_deg, source_type

model = zoo.load("greens_emulator")
held_out = np.load(registry.find("greens_emulator") / "golden.npz")
event = int(source_type(held_out["moment_tensor_n_m"])[:, 2].argmax())  # the purest double couple
truth, noise_sd = held_out["moment_tensor_n_m"][event], held_out["noise_sd"][event]
traces = held_out["traces"][event] + np.random.default_rng(0).normal(
    scale=noise_sd, size=held_out["traces"][event].shape
)
found = mechanism(traces, model, noise_sd=noise_sd, true_tensor_n_m=truth)
print(found.report())

# %%
# The true source and twelve draws of the posterior:


def ball(tensor_n_m, at, colour):
    """Draw xx, yy, zz, xy, xz, yz (x east, y north, z up), which ObsPy wants as rr, tt, pp, rt, rp, tp."""
    xx, yy, zz, xy, xz, yz = tensor_n_m / np.abs(tensor_n_m).max()
    return beach([zz, yy, xx, -yz, xz, -xy], xy=at, width=0.85, facecolor=colour, linewidth=0.6)


figure, axes = plt.subplots(figsize=(8, 3.4), layout="constrained")
axes.add_collection(ball(truth, (0, 0.5), "C3"))
drawn = found.tensors_n_m[np.random.default_rng(1).integers(len(found.tensors_n_m), size=12)]
for number, tensor in enumerate(drawn):
    axes.add_collection(ball(tensor, (1.5 + number % 6, 1 - number // 6), "C0"))
axes.set(xlim=(-0.6, 7.1), ylim=(-0.6, 1.6), aspect="equal")
axes.axis("off")
axes.set_title("true source (red), and the posterior (blue)")
plt.show()

print(f"median rotation from the truth: {np.median(kagan_angle_deg(drawn, truth)):.1f} degrees")

# %%
# All draws show the same nodal planes, turned by a few degrees, and a small part that is no double couple, which
# four receivers cannot exclude.

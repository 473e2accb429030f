"""
What does a loaded model take and give?
=======================================

An emulator of a microseismic field: a network that stands for a simulator of elastic waves. **Synthetic** data: its
stored examples are events that its training has not seen, simulated by finite differences.
"""

import matplotlib.pyplot as plt
import numpy as np

import zoo
from zoo import registry

model = zoo.load("cvae_emulator")
card = zoo.info("cvae_emulator")
print("takes:", card["inputs"], "\ngives:", card["outputs"])

examples = np.load(registry.find("cvae_emulator") / "golden.npz")
emulated = np.asarray(model(examples["coordinates_km"]))

# %%
# The same three sources, one receiver, simulated and emulated:

time_s = np.arange(emulated.shape[-1]) * model.time_step_s
figure, rows = plt.subplots(3, 1, sharex=True, layout="constrained")
for row, event in zip(rows, (2, 9, 15), strict=True):
    row.plot(time_s, examples["traces"][event, 0], "k", lw=2.5, label="simulated")
    row.plot(time_s, emulated[event, 0], "C1", lw=1.2, label="emulated")
    x, y, z = examples["coordinates_km"][event]
    row.set(title=f"source at x {x:.2f}, y {y:.2f}, z {z:.2f} km", ylabel="pressure (Pa)")
rows[0].legend(loc="upper right")
rows[-1].set_xlabel("time since the origin (s)")
plt.show()

# %%
# Kilometres go in and pressure comes out: scaling is inside the model. What differs between the two curves is the
# emulator's own error, which location takes into account.

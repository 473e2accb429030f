"""
What is inside a trained inversion?
===================================

The checkpoint ``fdrnn_folded``: a recurrent network whose weight is the section that 100 iterations found. Its network
still shoots. **Synthetic**: the truth is known, and the prepared dataset holds it.
"""

import tempfile

import matplotlib.pyplot as plt
import numpy as np

import zoo
from zoo.data import datasets
from zoo.fwi import read_model

model = zoo.load("fdrnn_folded")
folder = tempfile.mkdtemp()
datasets.prepare("velocity_models/synthetic_folded", data_dir=folder)
truth = read_model("velocity_models/synthetic_folded", "velocity_m_s", folder)
start = read_model("velocity_models/synthetic_folded", "start_m_s", folder)
found_m_s = np.asarray(model.velocity_m_s)

# %%
# Section, and a column through it:

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), width_ratios=(2, 1), layout="constrained")
width_km, depth_km = (n * truth.spacing_m / 1000 for n in truth.shape[::-1])
image = left.imshow(found_m_s, extent=(0, width_km, depth_km, 0), aspect="auto")
figure.colorbar(image, ax=left, label="velocity (m/s)")
column = truth.shape[1] // 3
left.axvline(column * truth.spacing_m / 1000, color="w", ls=":")
left.set(xlabel="distance (km)", ylabel="depth (km)", title="found")
depths_km = np.arange(truth.shape[0]) * truth.spacing_m / 1000
for label, values, style in (
    ("start", start.velocity_m_s, "C7--"),
    ("found", found_m_s, "C0"),
    ("truth", truth.velocity_m_s, "k:"),
):
    right.plot(values[:, column], depths_km, style, label=label)
right.set(xlabel="velocity (m/s)", ylim=(depth_km, 0), title="along the dotted line")
right.legend()
plt.show()

# %%
# Interfaces are where they are to a cell or two; what the start got wrong over long stretches stays wrong, since the
# shots hold few low frequencies.

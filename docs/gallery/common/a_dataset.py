"""
How is a dataset made, read and handed on?
==========================================

**Synthetic** seismograms, prepared here in seconds; real archives (STEAD, LEN-DB, any SeisBench set) come by the same
calls.
"""

import tempfile

import matplotlib.pyplot as plt
import numpy as np

import zoo
from zoo.data import datasets
from zoo.seismograms import export

folder = tempfile.mkdtemp()
datasets.prepare("local_seismograms/mini", data_dir=folder, limit=24)  # at most 24 records a split
source = zoo.data_source("local_seismograms/mini", "train", data_dir=folder)  # random access
batches = zoo.load_dataset("local_seismograms/mini", "train", batch_size=8, data_dir=folder)  # tf.data
rate_hz = datasets.metadata("local_seismograms/mini", folder)["sampling_rate_hz"]
print(len(source), "records; a batch of waveforms:", next(iter(batches))["waveform"].shape)

# %%
# Four records, their vertical components, with P and S:

figure, rows = plt.subplots(4, 1, sharex=True, layout="constrained")
for row, record in zip(rows, (source[number] for number in range(4)), strict=True):
    row.plot(np.arange(len(record["waveform"])) / rate_hz, record["waveform"][:, 0], "k", lw=0.6)
    for phase, colour in (("p", "C0"), ("s", "C3")):
        row.axvline(record[f"trace_{phase}_arrival_sample"] / rate_hz, color=colour, label=phase.upper())
    row.set(title=record["trace_category"], yticks=[])
rows[0].legend(loc="upper left", ncols=2)
rows[-1].set_xlabel("time (s)")
plt.show()

# %%
# And in SeisBench's format, for programs that read that:

print(export("local_seismograms/mini", f"{folder}/seisbench", data_dir=folder))

# %%
# Columns have SeisBench's names, with units in them; a record without a phase has NaN there, so no line is drawn.

"""
How do I write and train a recipe of my own?
============================================

``zoo new recipe`` writes a small one that works, with its (**synthetic**) dataset: the frequency of a noisy sine. The
folder is then named in ``ZOO_RECIPES`` and ``ZOO_DATASETS``, and everything finds it by name.
"""

import csv
import os
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

import zoo
from zoo import new
from zoo.data import datasets

mine = Path(tempfile.mkdtemp())
new.write("recipe", "sine", mine)
os.environ |= {"ZOO_RECIPES": f"{mine}/recipes", "ZOO_DATASETS": f"{mine}/datasets"}
datasets.prepare("sine_records/mini", data_dir=mine / "data")

folder = zoo.recipe("sine").train(epochs=20, seed=0, out=mine / "sine.first", data_dir=mine / "data")

# %%
# The training is a checkpoint: a folder with weights, configuration, losses, and a card. It loads as any other:

model = zoo.load(folder)
test = next(iter(zoo.load_dataset("sine_records/mini", "test", batch_size=1000, data_dir=mine / "data")))
losses = [float(row["val_loss"]) for row in csv.DictReader((folder / "history.csv").open())]
print(zoo.info(folder)["scores"])

figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
left.semilogy(losses)
left.set(xlabel="epoch", ylabel="validation loss (Hz$^2$)")
right.plot(test["frequency_hz"], model(test["trace"])[:, 0], ".")
right.set(xlabel="true frequency (Hz)", ylabel="by the model (Hz)")
plt.show()

# %%
# Twenty epochs are enough for a line. ``zoo check`` holds such a recipe to what is asked of the shipped ones, and
# ``ZOO_CHECKPOINTS`` lets ``zoo list`` and every command find the checkpoint.

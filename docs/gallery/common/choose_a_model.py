"""
Which models answer a question, and how well?
=============================================

Every checkpoint has a card that says what it answers, what made it and what it scores. No model is loaded
here; the scores drawn are on **synthetic** events.
"""

import matplotlib.pyplot as plt

import zoo

for name in zoo.list_models(answering="crust"):
    print(f"{name:27} {zoo.info(name)['summary']}")

# %%
# Emulators of microseismic traces: R2D, the score of their paper (1 is perfect), on held-out events of the
# **synthetic** marine earth, over the size of the checkpoint.

cards = [zoo.info(name) for name in zoo.list_models("*_emulator.marine", answering="microseismic.traces")]
figure, axes = plt.subplots(layout="constrained")
for card in cards:
    size_mb = sum(file["bytes"] for file in card["files"].values()) / 1e6
    r2d = card["scores"]["test"]["metrics"]["r2d"]
    axes.plot(size_mb, r2d, "o")
    axes.annotate(
        card["recipe"].removesuffix("_emulator"),
        (size_mb, r2d),
        xytext=(5, 5 - 16 * (card["recipe"] == "nn_direct_emulator")),
        textcoords="offset points",
    )
axes.set(xlabel="size of the checkpoint (MB)", ylabel="R2D on test events", xlim=(0.5, 6))
plt.show()

# %%
# Components and Gaussian processes (``pca_gp``) are the best here and among the smallest: ``zoo locate`` takes them.
# Dominant samples (``d18``), the method that came before, are last.

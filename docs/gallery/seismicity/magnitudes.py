"""
From which magnitude on is a catalogue complete?
================================================

A **synthetic** catalogue from which small events are lost, as a seismic network loses them.
"""

import matplotlib.pyplot as plt
import numpy as np

from zoo.field.magnitudes import b_value, magnitude_of_completeness

rng = np.random.default_rng(0)
everything = rng.exponential(1 / np.log(10), 20_000)  # Gutenberg and Richter with b = 1
detected = everything[rng.random(len(everything)) < 1 / (1 + np.exp(-(everything - 1.0) / 0.12))]
magnitude = detected.round(1)
complete = magnitude_of_completeness(magnitude)
law = b_value(magnitude, complete)
print(f"complete from {complete:.1f} on; b = {law.b:.2f} +- {law.b_sd:.2f} of {law.events} events")

# %%
# Events of a magnitude, and of that magnitude or more:

bins = np.arange(0, 4.05, 0.1)
number = np.array([np.isclose(magnitude, m, atol=0.05).sum() for m in bins])
figure, axes = plt.subplots(layout="constrained")
axes.semilogy(bins, np.maximum(number, 0.5), "s", ms=3, label="of a magnitude")
axes.semilogy(bins, np.maximum(number[::-1].cumsum()[::-1], 0.5), "o", ms=4, label="of that or more")
above = bins[bins >= complete]
axes.semilogy(above, 10 ** (law.a - law.b * above), "k", lw=0.8, label=f"b = {law.b:.2f}")
axes.axvline(complete, color="C3", ls=":", label="complete from here on")
axes.set(xlabel="magnitude", ylabel="events", ylim=(0.8, None))
axes.legend()
plt.show()

# %%
# Completeness is the fullest bin and 0.2: to the left of it the counts bend away from the line, and b would come out
# too small.

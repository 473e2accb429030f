"""
Does the truth lie in the interval as often as it says?
=======================================================

**Synthetic** Earths whose thickness is known, their phase velocities by the solver with 1 % of noise, and the posterior
of a network that was trained on others of that kind.
"""

import matplotlib.pyplot as plt
import numpy as np

import zoo
from zoo.crust import EarthPrior
from zoo.crust.physics.prior import draw_dispersion

model = zoo.load("mdn_crust")
earths = draw_dispersion(EarthPrior.named("cheng2019"), model.frequency_hz, np.zeros(0), seed=5, first=0, count=1000)
clean, truth_km = earths["phase_velocity_km_s"], earths["moho_depth_km"]
noisy = clean * (1 + 0.01 * np.random.default_rng(0).normal(size=clean.shape))
posterior = model.posterior(noisy.astype(np.float32), 0.01 * clean)

asked = np.linspace(0.05, 0.95, 19)
inside = [
    np.mean((posterior.quantile_km(0.5 - share / 2) <= truth_km) & (truth_km <= posterior.quantile_km(0.5 + share / 2)))
    for share in asked
]

figure, (left, right) = plt.subplots(1, 2, figsize=(8, 4), layout="constrained")
left.plot(truth_km, posterior.mean_km, ".", ms=3)
left.plot([20, 100], [20, 100], "k", lw=0.8)
left.set(xlabel="true thickness (km)", ylabel="mean of the posterior (km)")
right.plot(100 * asked, 100 * np.array(inside), "o")
right.plot([0, 100], [0, 100], "k", lw=0.8)
right.set(xlabel="central interval (%)", ylabel="truth inside (%)")
plt.show()

# %%
# The points follow the diagonal on the right: intervals mean what they say, for Earths like those of the training. On
# the left, means of thick crusts are pulled inwards, since no Earth of that world has more than 100 km.

"""
Which law do the aftershocks follow?
====================================

ETAS is fitted to **synthetic** catalogues whose law is known: are the parameters found again, within their standard
deviations?
"""

import matplotlib.pyplot as plt
import numpy as np

from zoo.seismicity import Etas, fit_etas, simulate

true = Etas(productivity=0.1, alpha=0.9, p=1.2)
rng = np.random.default_rng(1)
events = simulate(np.full((64, 64), 0.0015), 300.0, rng, etas=true)
fit = fit_etas(events, 300.0)
print(fit.report())

# %%
# Each parameter over its true value, with two standard deviations:

names = ["productivity", "alpha", "c_days", "p", "d_px2", "gamma", "q"]
ratio = np.array([fit.values()[name] / getattr(true, name) for name in names])
error = np.array([2 * fit.sd[name] / getattr(true, name) for name in names])
figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
axes.errorbar(names, ratio, error, fmt="o", capsize=4)
axes.axhline(1, color="k", lw=0.8)
axes.set(ylabel="fitted over true", ylim=(0, 3))
plt.show()

print(f"background: {fit.background_per_day:.2f} events a day, true {4096 * 0.0015:.2f}")

# %%
# Exponents are known well, the shortest time ``c_days`` and the distances least: that hangs on few pairs of events.

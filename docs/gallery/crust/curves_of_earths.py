"""
What does the Moho do to surface waves?
=======================================

Phase and group velocities of PREM with crusts of 20 to 70 km, by the solver alone: a spherical, anelastic,
self-gravitating Earth. **Synthetic**: these are computed curves.
"""

import matplotlib.pyplot as plt
import numpy as np

from zoo.crust import group_velocity, phase_velocity, prem

period_s = np.geomspace(8, 150, 60)
figure, panels = plt.subplots(1, 2, sharey=True, figsize=(8, 4), layout="constrained")
for moho_km, colour in zip((20, 35, 50, 70), plt.cm.viridis(np.linspace(0, 0.9, 4)), strict=True):
    earth = prem(moho_depth_km=float(moho_km))
    panels[0].semilogx(period_s, phase_velocity(earth, 1 / period_s), color=colour, label=f"{moho_km} km")
    panels[1].semilogx(period_s, group_velocity(earth, 1 / period_s), color=colour)
for panel, title in zip(panels, ("phase velocity", "group velocity"), strict=True):
    panel.set(
        title=f"Rayleigh waves, {title}", xlabel="period (s)", xticks=[10, 20, 50, 100], xticklabels=[10, 20, 50, 100]
    )
panels[0].set_ylabel("velocity (km/s)")
panels[0].legend(title="crust")
plt.show()

# %%
# A thick crust slows waves down up to long periods. Group velocity has a minimum, the Airy phase, whose period grows
# with the thickness: that is what networks read from a curve.

"""
How thick is the crust below one dispersion curve?
==================================================

**Real** curves: Rayleigh phase and group velocities of China, from CSRM through the demonstration of DispFormer (MIT).
One network takes any periods of 4 to 150 s, and answers with a distribution.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import zoo

# Where this script lies; sphinx-gallery runs it there.
here = Path(__file__).parent if "__file__" in globals() else Path.cwd()
curves = zoo.crust.read_map(here.parent / "data" / "china" / "curves.csv")
found = zoo.crust.invert(curves)
print("\n".join(found.report().splitlines()[:3]), "...", sep="\n")

# %%
# Thickness of all curves with its standard deviation, and shear velocity below three of them with the 68 % interval:

order = np.argsort(found.thickness_km)
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 4), layout="constrained")
left.errorbar(np.arange(len(order)), found.thickness_km[order], found.sd_km[order], fmt="o")
left.set(xlabel="curve, by thickness", ylabel="crustal thickness (km)")
for curve in order[[0, len(order) // 2, -1]]:
    right.plot(found.vs_km_s[curve], found.depth_km, label=f"crust of {found.thickness_km[curve]:.0f} km")
    right.fill_betweenx(found.depth_km, found.vs_lower_68_km_s[curve], found.vs_upper_68_km_s[curve], alpha=0.2)
right.set(xlabel="Vs (km/s)", ylabel="depth (km)", ylim=(150, 0))
right.legend()
plt.show()

# %%
# The crust of China is between thin in the east and twice as thick in the west. Below the thickest one, Vs stays low to
# greater depth.

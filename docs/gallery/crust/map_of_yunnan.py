"""
How thick is the crust below Yunnan?
====================================

**Real** maps of Rayleigh phase velocity, 5 to 40 s (Liu et al. 2019, the example of DAzimSurfTomo, MIT). Every point is
inverted alone, then as a part of a smooth field.
"""

from pathlib import Path

import matplotlib.pyplot as plt

import zoo

here = Path(__file__).parent if "__file__" in globals() else Path.cwd()
velocities = zoo.crust.read_map(here.parent / "data" / "yunnan" / "velocities.csv")
maps = {
    "points alone": zoo.crust.invert(velocities),
    "smooth over 100 km": zoo.crust.invert(velocities, smoothness_km=100.0),
}
print(maps["points alone"].report())

# %%
# Thickness above, its standard deviation below:

figure, panels = plt.subplots(2, 2, sharex=True, sharey=True, figsize=(8, 7.5), layout="constrained")
for column, (title, crust) in enumerate(maps.items()):
    east, north, _ = crust.grid
    thickness = panels[0, column].pcolormesh(east, north, crust.on_grid(crust.thickness_km), vmin=25, vmax=65)
    sd = panels[1, column].pcolormesh(east, north, crust.on_grid(crust.sd_km), vmin=3, vmax=12, cmap="magma")
    panels[0, column].set_title(title)
    panels[1, column].set_xlabel("longitude (deg)")
figure.colorbar(thickness, ax=panels[0], label="crustal thickness (km)")
figure.colorbar(sd, ax=panels[1], label="standard deviation (km)")
for panel in panels[:, 0]:
    panel.set_ylabel("latitude (deg)")
plt.show()

# %%
# The crust thickens towards Tibet in the north-west. Neighbours that are told to be alike make the map smoother and
# more certain; the thickness of single points is known to several kilometres only.

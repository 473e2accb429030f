"""
Which earthquakes do these picks belong to?
===========================================

Forty minutes of **real** picks of the 2016 Central Italy sequence (REAL's demonstration data, MIT): which picks belong
together, and where the events were. Beside them the events that others relocated.
"""

import csv
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import zoo.seismograms
from zoo.seismograms import make_catalogue

sample = Path(zoo.seismograms.__path__[0]) / "samples" / "central_italy"
rows = list(csv.DictReader((sample / "picks.csv").open()))
stations = {row["station_id"] for row in rows}
print(len(rows), "picks at", len(stations), "stations;", list(rows[0]))

some = Path(tempfile.mkdtemp()) / "picks.csv"
with some.open("w", newline="") as file:
    writer = csv.DictWriter(file, rows[0])
    writer.writeheader()
    writer.writerows(row for row in rows if "T00:00" <= row["time"][10:16] < "T00:40")
made = make_catalogue(some, sample / "stations.csv", sample / "layers.csv")
print(made.report())

# %%
# Map and section:

longitude, latitude = made.degrees()
depth_km = made.located.place_km[:, 2]
others = [row for row in csv.DictReader((sample / "relocated.csv").open()) if row["time"][11:16] < "00:40"]
known = np.array([[float(row[key]) for key in ("longitude_deg", "latitude_deg", "depth_km")] for row in others]).T
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4.6), layout="constrained")
left.plot(longitude, latitude, "o", ms=4, label="events of these picks")
left.plot(known[0], known[1], "C1+", ms=9, label="relocated by others")
left.set(xlabel="longitude (deg)", ylabel="latitude (deg)", xlim=(12.9, 13.5), ylim=(42.5, 43.1))
left.legend()
right.errorbar(longitude, depth_km, made.located.sd_km[:, 2], fmt="o", ms=4, lw=0.6)
right.plot(known[0], known[2], "C1+", ms=9)
right.set(xlabel="longitude (deg)", ylabel="depth (km)", xlim=(12.9, 13.5), ylim=(18, -1))
plt.show()

# %%
# Events that others relocated have one beside them, and many more are found that they left out. Bars are standard
# deviations of the depth.

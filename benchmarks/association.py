"""From picks to a catalogue: half a day of the REAL 2016 Central Italy sequence, against two reference catalogues.

    python benchmarks/association.py [--hours 12] [--nulls 1] [--picks-from 0.3]

Picks of PhaseNet at 60 stations, 284 double-difference relocations and 360 events of the REAL associator, from REAL's
demonstration data (folder network_italy of the real data; ZOO_REAL_DATA). An event is found if one of ours lies within
1.5 s and 10 km. "Shifted": every station's times are moved by a random time, round the span; what is found then is
chance. CPU time is without compiling. PyOcto 0.2.2 on the same picks: 1,591 events, 96 % of the 284 and 95 % of the
360, 0.59 km, 93 CPU-s on such a machine (measured elsewhere; it is no dependency).
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from table import print_table

from zoo.field.layers import read_layers
from zoo.field.picks import read_picks
from zoo.field.stations import read_stations
from zoo.seismograms.association.associate import associate
from zoo.seismograms.association.locate import locate

REAL = Path(os.environ.get("ZOO_REAL_DATA", Path(__file__).parents[2] / "shared" / "data")) / "network_italy"
CATALOGUES = {"relocated": "hypodd_00_12.csv", "REAL associator": "real_associator_00_12.csv"}
NEAR_S, NEAR_KM = 1.5, 10.0
BEGINS_S = float(np.datetime64("2016-10-14T00:00:00", "s").astype(np.int64))


def reference(name: str, hours: float) -> np.ndarray:
    """Return time (s), latitude, longitude, depth (km) of the events of a catalogue."""
    with open(REAL / name, newline="") as file:
        rows = list(csv.DictReader(file))
    made = np.array(
        [
            (np.datetime64(row["time"], "ns").astype(np.int64) / 1e9, *(float(row[k]) for k in keys))
            for row in rows
            for keys in [("latitude_deg", "longitude_deg", "depth_km")]
        ]
    )
    return made[made[:, 0] < BEGINS_S + 3600 * hours - 5]


def compared(found, projection, name: str, hours: float) -> list[str]:
    """Return the share of a catalogue's events that were found, and the median differences."""
    known = reference(CATALOGUES[name], hours)
    x, y = projection.forward(known[:, 2], known[:, 1])
    across, down = [], []
    for number, event in enumerate(known):
        near = np.flatnonzero(np.abs(found.origin_s - event[0]) < NEAR_S)
        distance = np.hypot(found.place_km[near, 0] - x[number], found.place_km[near, 1] - y[number])
        if len(near) and distance.min() < NEAR_KM:
            best = near[distance.argmin()]
            across.append(distance.min())
            down.append(abs(found.place_km[best, 2] - event[3]))
    share = f"{len(across)} of {len(known)} ({len(across) / len(known):.3f})"
    return [share, f"{np.median(across):.2f}", f"{np.median(down):.2f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=12.0)
    parser.add_argument("--nulls", type=int, default=1, help="how often times are shifted")
    parser.add_argument("--picks-from", type=float, default=0.3, help="least probability of the picks")
    args = parser.parse_args()
    if not REAL.is_dir():
        raise SystemExit(f"No real data at {REAL} (set ZOO_REAL_DATA).")
    stations, layers = read_stations(REAL / "stations.csv"), read_layers(REAL / "velocity_model.csv")
    picks = read_picks(REAL / "picks_00_12.csv")
    span_s = 3600 * args.hours
    picks = picks.select((picks.time_s < BEGINS_S + span_s) & (picks.probability >= args.picks_from))
    associate(picks.select(np.arange(len(picks)) < 300), stations, layers, {})  # compiles
    began = time.process_time()
    found = associate(picks, stations, layers, {})
    associated_s = time.process_time() - began
    locate(found, {"turns": 0})
    began = time.process_time()
    located = locate(found, {})
    located_s = time.process_time() - began
    rows = [
        [step, str(len(of)), f"{cpu_s:.0f}", name, *compared(of, found.projection, name, args.hours)]
        for step, of, cpu_s in (("associated", found, associated_s), ("located", located, located_s))
        for name in CATALOGUES
    ]
    header = ("", "events", "CPU-s", "catalogue", "found", "epicentre, median km", "depth, median km")
    print_table(f"Central Italy, {args.hours:g} h, {len(picks):,} picks from {args.picks_from:g}", header, rows)
    rows = []
    for seed in range(args.nulls):
        shift = np.random.default_rng(seed).uniform(0, span_s, len(stations))[stations.index(picks.station)]
        moved = replace(picks, time_s=BEGINS_S + (picks.time_s - BEGINS_S + shift) % span_s)
        events = len(associate(moved, stations, layers, {}))
        rows.append([str(seed), str(events), f"{events / max(len(found), 1):.4f}"])
    print_table("Events where every station's times are shifted", ("seed", "events", "share of the true ones"), rows)


if __name__ == "__main__":
    main()

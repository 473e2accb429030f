"""From picks to a catalogue: half a day of the REAL 2016 Central Italy sequence, against two reference catalogues.

    python benchmarks/association.py [--hours 12] [--nulls 1] [--picks-from 0.3]

Picks of PhaseNet at 60 stations, 284 double-difference relocations and 360 events of the REAL associator, from REAL's
demonstration data (folder network_italy of the real data; ZOO_REAL_DATA). An event is found if one of ours lies within
1.5 s and 10 km. "Shifted": every station's times are moved by a random time, round the span; what is found then is
chance. CPU time is without compiling.

Peers are run on the same picks where the Python of their own environment is given (`association_peers.py` says what to
install there); they are no dependencies:

    ZOO_PEERS="pyocto=octo/bin/python gamma=gmma/bin/python" python benchmarks/association.py
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from table import print_table

from zoo.field.layers import read_layers
from zoo.field.picks import read_picks
from zoo.field.stations import read_stations
from zoo.files import write_csv
from zoo.seismograms.association.associate import associate
from zoo.seismograms.association.locate import locate
from zoo.seismograms.association.relative import relocate

REAL = Path(os.environ.get("ZOO_REAL_DATA", Path(__file__).parents[2] / "shared" / "data")) / "network_italy"
CATALOGUES = {"relocated": "hypodd_00_12.csv", "REAL associator": "real_associator_00_12.csv"}
NEAR_S, NEAR_KM = 1.5, 10.0
PEER_LIMIT_S = 300
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


def compared(origin_s, place_km, projection, name: str, hours: float) -> list[str]:
    """Return the share of a catalogue's events that were found, and the median differences."""
    known = reference(CATALOGUES[name], hours)
    x, y = projection.forward(known[:, 2], known[:, 1])
    across, down = [], []
    for number, event in enumerate(known):
        near = np.flatnonzero(np.abs(origin_s - event[0]) < NEAR_S)
        distance = np.hypot(place_km[near, 0] - x[number], place_km[near, 1] - y[number])
        if len(near) and distance.min() < NEAR_KM:
            best = near[distance.argmin()]
            across.append(distance.min())
            down.append(abs(place_km[best, 2] - event[3]))
    share = f"{len(across)} of {len(known)} ({len(across) / len(known):.3f})"
    return [share, f"{np.median(across):.2f}", f"{np.median(down):.2f}"]


def run_peer(name: str, python: str, picks, stations, layers, projection) -> tuple[np.ndarray, float]:
    """Return events (n, 4) of another associator, s and km, and the CPU seconds that it took."""
    with tempfile.TemporaryDirectory() as name_of_folder:
        folder = Path(name_of_folder)
        place = stations.place_km(projection)
        codes = [stations.codes[i] if i >= 0 else "" for i in stations.index(picks.station)]
        rows = zip(codes, picks.phase, picks.time_s, picks.probability, strict=True)
        write_csv(folder / "picks.csv", ("station", "phase", "time_s", "probability"), [row for row in rows if row[0]])
        rows = [(code, *place[i]) for i, code in enumerate(stations.codes)]
        write_csv(folder / "stations.csv", ("id", "x_km", "y_km", "z_km"), rows)
        rows = list(zip(layers.depth_km, layers.vp_km_s, layers.vs_km_s, strict=True))
        write_csv(folder / "layers.csv", ("depth_km", "vp_km_s", "vs_km_s"), rows)
        script = Path(__file__).with_name("association_peers.py")
        command = [python, str(script), name, str(folder)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=PEER_LIMIT_S)
        events = np.loadtxt(folder / "events.csv", delimiter=",", skiprows=1, ndmin=2)
        return events.reshape(-1, 4), float((folder / "cpu_s.txt").read_text())


def shifted(picks, stations, span_s: float, seed: int):
    """Return picks in which every station's times are moved by a random time, round the span."""
    shift = np.random.default_rng(seed).uniform(0, span_s, len(stations))[stations.index(picks.station)]
    return replace(picks, time_s=BEGINS_S + (picks.time_s - BEGINS_S + shift) % span_s)


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
    locate(found, {"turns": 1})  # compiles
    began = time.process_time()
    located = locate(found, {})
    located_s = time.process_time() - began
    began = time.process_time()
    moved = relocate(located)
    relative_s = time.process_time() - began
    answers = [
        ("associated", found.origin_s, found.place_km, associated_s),
        ("and located", located.origin_s, located.place_km, located_s),
        ("and relocated by double differences", moved.origin_s, moved.place_km, relative_s),
    ]
    peers = dict(text.split("=", 1) for text in os.environ.get("ZOO_PEERS", "").split())
    for name, python in peers.items():
        events, spent_s = run_peer(name, python, picks, stations, layers, found.projection)
        answers.append((name, events[:, 0], events[:, 1:], spent_s))
    rows = [
        [
            step,
            str(len(origin_s)),
            f"{cpu_s:.0f}",
            name,
            *compared(origin_s, place_km, found.projection, name, args.hours),
        ]
        for step, origin_s, place_km, cpu_s in answers
        for name in CATALOGUES
    ]
    header = ("", "events", "CPU-s", "catalogue", "found", "epicentre, median km", "depth, median km")
    print_table(f"Central Italy, {args.hours:g} h, {len(picks):,} picks from {args.picks_from:g}", header, rows)
    rows = []
    for seed in range(args.nulls):
        moved = shifted(picks, stations, span_s, seed)
        made = {"ours": len(locate(associate(moved, stations, layers, {})))}
        for name, python in peers.items():
            try:
                made[name] = len(run_peer(name, python, moved, stations, layers, found.projection)[0])
            except subprocess.TimeoutExpired:
                rows.append([name, str(seed), f"no answer in {PEER_LIMIT_S} s on the clock", ""])
        true = {"ours": len(located)} | {step: len(origin_s) for step, origin_s, _, _ in answers[3:]}
        rows += [[who, str(seed), str(n), f"{n / max(true[who], 1):.4f}"] for who, n in made.items()]
    header = "", "seed", "events", "share of the true ones"
    print_table("Events where every station's times are shifted", header, rows)


if __name__ == "__main__":
    main()

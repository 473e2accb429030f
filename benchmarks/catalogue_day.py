"""A day of a network through `zoo catalogue`: which earthquakes are found, where, and how large.

    python benchmarks/catalogue_day.py [--stations N] [--events N] [--hours H] [--seed N] [--keep FOLDER]

The day is SYNTHETIC (`zoo.seismograms.physics.networks`): three components at 100 Hz, noise of each station with people
and machines, and earthquakes of M 0.5 to 3 (uniform) that all stations have in common, in the layered earth whose table
the command is given. Found: an event within 1.5 s and 10 km of a true one, each once; false: an event that is none of
the true ones, also the small ones that no network could see. Clear: the first second of P stands 5 times or more above
the 30 s of noise before it (amplitude, Z, 1 to 20 Hz) at 5 stations or more. CPU time and largest memory are the
command's, from its start to its last figure.

Beside it, what the least probability of the picks does: the same picks associated from several on.
"""

from __future__ import annotations

import argparse
import csv
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from table import print_table

from zoo.field.layers import read_layers
from zoo.field.picks import PickTable, read_picks
from zoo.field.projection import LocalProjection
from zoo.field.stations import read_stations
from zoo.field.text_tables import parse_times
from zoo.seismograms.archives.network import write_network
from zoo.seismograms.association.associate import associate
from zoo.seismograms.association.locate import locate
from zoo.seismograms.physics.networks import NetworkModel, draw_network

NEAR_S, NEAR_KM = 1.5, 10.0
CLEAR_SNR, CLEAR_STATIONS = 5.0, 5
PROBABILITIES = (0.1, 0.2, 0.3, 0.5, 0.7)
"""From the default of `zoo catalogue` on."""


def events(path: Path) -> dict[str, np.ndarray]:
    """Return the columns of a table of events; times in s since 1970."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    found = {"time_s": parse_times([row["time"] for row in rows], path.name)[0]}
    for name in ("latitude_deg", "longitude_deg", "depth_km", "magnitude"):
        found[name] = np.array([float(row[name] or "nan") for row in rows])
    return found


def pairs(true: dict[str, np.ndarray], made: dict[str, np.ndarray]) -> np.ndarray:
    """Return which event found (true events,) is that of a true one, -1: none; each once, nearest in time first."""
    projection = LocalProjection.around(true["longitude_deg"], true["latitude_deg"])
    places = [np.stack(projection.forward(of["longitude_deg"], of["latitude_deg"]), axis=1) for of in (true, made)]
    apart_s = np.abs(true["time_s"][:, None] - made["time_s"])
    apart_km = np.hypot(*(places[0][:, None] - places[1]).transpose(2, 0, 1))
    apart_s = np.where((apart_s < NEAR_S) & (apart_km < NEAR_KM), apart_s, np.inf)
    which = np.full(len(true["time_s"]), -1)
    while np.isfinite(apart_s).any():
        e, found = np.unravel_index(np.argmin(apart_s), apart_s.shape)
        which[e] = found
        apart_s[e], apart_s[:, found] = np.inf, np.inf
    return which


def located(picks: PickTable, day: Path) -> dict[str, np.ndarray]:
    """Associate and locate picks; return the events."""
    found = locate(associate(picks, read_stations(day / "stations.xml"), read_layers(day / "layers.csv")))
    longitude, latitude = found.associated.projection.inverse(*found.place_km[:, :2].T)
    return {"time_s": found.origin_s, "latitude_deg": latitude, "longitude_deg": longitude}


def command(day: Path, out: Path) -> tuple[float, float]:
    """Run `zoo catalogue`; return its CPU-s and largest memory, GB."""
    words = [sys.executable, "-m", "zoo.cli", "catalogue", str(day / "waveforms"), "--out", str(out)]
    words += ["--stations", str(day / "stations.xml"), "--velocity-model", str(day / "layers.csv")]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"})
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    return spent, used.ru_maxrss / 1024**2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stations", type=int, default=10)
    parser.add_argument("--events", type=int, default=100)
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", help="folder for the day and the catalogue")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        day = Path(args.keep or temporary)
        model = NetworkModel(args.stations, args.hours, args.events)
        network = draw_network(model, args.seed)
        snr = np.array([arrivals.snr for arrivals in write_network(network, day)])
        cpu_s, gb = command(day, day / "made")
        true, made = events(day / "true_events.csv"), events(day / "made" / "events.csv")
        clear = (snr >= CLEAR_SNR).sum(axis=0) >= CLEAR_STATIONS
        which = pairs(true, made)
        hit = which >= 0
        false = len(made["time_s"]) - int(hit.sum())
        own = which[hit]
        projection = LocalProjection.around(true["longitude_deg"], true["latitude_deg"])
        there, here = (
            np.stack(projection.forward(of["longitude_deg"], of["latitude_deg"]), axis=1)
            for of in ({k: v[hit] for k, v in true.items()}, {k: v[own] for k, v in made.items()})
        )
        across = np.hypot(*(there - here).T)
        down = np.abs(made["depth_km"][own] - true["depth_km"][hit])
        offset = (made["magnitude"][own] - true["magnitude"][hit])[np.isfinite(made["magnitude"][own])]
        slope = np.polyfit(true["magnitude"][hit], made["magnitude"][own], 1)[0]
        rows = [
            ["found, of those with P clear at 5 stations", f"{hit[clear].sum()} of {clear.sum()}"
             f" ({hit[clear].mean():.3f})", ">= 0.9"],
            ["found, of the others", f"{hit[~clear].sum()} of {(~clear).sum()}", ""],
            ["false", f"{false} of {len(made['time_s'])} ({false / max(len(made['time_s']), 1):.3f})", "<= 0.03"],
            ["origin time, median error", f"{np.median(np.abs(made['time_s'][own] - true['time_s'][hit])):.3f} s", ""],
            ["epicentre, median and 95 %", f"{np.median(across):.2f} and {np.percentile(across, 95):.2f} km", ""],
            ["depth, median and 95 %", f"{np.median(down):.2f} and {np.percentile(down, 95):.2f} km", ""],
            ["local less moment magnitude: median, sd, slope",
             f"{np.median(offset):+.2f}, {offset.std():.2f}, {slope:.2f} ({len(offset)} events)", ""],
            ["whole command", f"{cpu_s:.0f} CPU-s, {gb:.2f} GB", ""],
        ]  # fmt: skip
        title = f"{args.hours:g} h of {args.stations} SYNTHETIC stations, {args.events} events of M 0.5 to 3"
        print_table(title, ("", "measured", "target"), rows)
        rows = []
        picks = read_picks(next((day / "made" / "picks" / "days").glob("*/picks.csv")))
        for least in PROBABILITIES:
            chosen = picks.select(picks.probability >= least)
            some = located(chosen, day)
            right = pairs(true, some) >= 0
            rows.append(
                [f"{least:g}", str(len(chosen)), f"{right[clear].sum()} of {clear.sum()}", str(right[~clear].sum()),
                 str(len(some["time_s"]) - right.sum())]
            )  # fmt: skip
        print_table("Picks from a probability on", ("", "picks", "clear ones found", "others found", "false"), rows)


if __name__ == "__main__":
    main()

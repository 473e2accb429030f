"""Association and location on SIMULATED networks whose events are known: found, false, and what the intervals hold.

    python benchmarks/simulated_network.py [--seeds 2] [--day]

A day of 300 events (b = 1) under 20 or 100 stations in a layered earth. P and S are picked with normal errors (0.08 and
0.15 s, wider far away) within a radius that grows with magnitude, nine of ten within it; 3 % of the picks are of
something else by up to 2 s, 2 % have the other phase's name; as many false picks again as half of the true ones; one
event in ten follows another within 3 s. "Found" is asked of events whose good picks alone are as many as the engine
asks for by default (8, 4 of P, 3 of S, 2 stations with both). "Wrong earth": the picks come from an earth 3 % faster or
slower than the table, or from one whose slowness changes smoothly, by 4 % over 15 km, along straight rays; station
terms, scales and errors are learnt from the day. `--day`: 1,000,000 picks at 100 stations, what it costs.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
from table import print_table

from zoo.field.layers import Layers
from zoo.field.picks import PickTable
from zoo.field.projection import LocalProjection
from zoo.field.stations import Stations
from zoo.field.travel_times import travel_times
from zoo.seismograms.association.associate import associate
from zoo.seismograms.association.locate import locate

START_S, DAY_S = 1.5e9, 86400.0
EARTH = Layers(
    np.array([-3.0, 1.0, 4.0, 12.0, 25.0]), np.array([4.2, 5.2, 5.9, 6.3, 6.9]), np.array([2.4, 3.0, 3.4, 3.65, 3.95])
)
NEAR_S, NEAR_KM = 1.5, 10.0


def network(rng, count: int, half_km: float) -> Stations:
    """Return stations on a jittered lattice, with mountains."""
    side = int(np.ceil(np.sqrt(count)))
    lattice = (np.stack(np.meshgrid(*[np.arange(side)] * 2), -1).reshape(-1, 2)[:count] + 0.5) / side * 2 - 1
    place = half_km * lattice + rng.normal(0, half_km / side / 3, (count, 2))
    longitude, latitude = LocalProjection(13.0, 42.5).inverse(*place.T)
    return Stations(tuple(f"XX.S{i:03d}" for i in range(count)), longitude, latitude, rng.uniform(0, 2200, count))


def errors_of_the_earth(rng, kind: str, places: np.ndarray, station_km: np.ndarray) -> np.ndarray:
    """Return factors of the travel times (events, stations)."""
    shape = len(places), len(station_km)
    if kind == "smooth 4 %":
        along = np.linspace(0.02, 0.98, 25)[:, None, None, None]
        rays = places[:, None] * (1 - along) + station_km[None] * along
        field = np.zeros((len(along), *shape))
        for _ in range(100):  # waves whose sum is nearly normal, alike over 15 km
            field += np.cos(rays @ rng.normal(0, 1 / 15.0, 3) + rng.uniform(0, 2 * np.pi))
        return 1 + 0.04 * np.sqrt(2 / 100) * field.mean(0)
    return np.full(shape, {"as told": 1.0, "3 % faster": 1 / 1.03, "3 % slower": 1.03}[kind])


def simulate(rng, stations: Stations, half_km: float, events: int, kind: str, false: float):
    """Return picks, places (events, 3), origin times, which events have enough good picks, and each pick's event."""
    projection = LocalProjection.around(stations.longitude_deg, stations.latitude_deg)
    tables = travel_times(EARTH, stations.place_km(projection), 4 * half_km, 32, step_km=0.25)
    place = np.column_stack([rng.uniform(-0.9 * half_km, 0.9 * half_km, (events, 2)), rng.uniform(2, 18, events)])
    clusters = rng.uniform(-0.7 * half_km, 0.7 * half_km, (4, 2))
    clustered = rng.random(events) < 0.5
    place[clustered, :2] = clusters[rng.integers(4, size=clustered.sum())] + rng.normal(0, 4, (clustered.sum(), 2))
    origin = np.sort(START_S + rng.uniform(60, DAY_S - 120, events))
    follows = np.flatnonzero(rng.random(events - 1) < 0.1) + 1
    origin[follows] = origin[follows - 1] + rng.uniform(0.5, 3.0, len(follows))
    order = np.argsort(origin)
    place, origin = place[order], origin[order]
    magnitude = rng.exponential(1 / np.log(10), events)
    spacing_km = 2 * half_km / np.sqrt(len(stations))
    radius = 2.25 * spacing_km * (1 + magnitude)  # the smallest events are seen by a dozen stations
    factor = errors_of_the_earth(rng, kind, place, tables.station_km)
    rows = []
    enough = np.zeros(events, bool)
    for e, times in enumerate(tables.times(place).astype(float)):
        away = np.linalg.norm(tables.station_km - place[e], axis=1)
        seen = (rng.random(times.shape) < 0.9) & (away < radius[e] * np.array([[1.0], [0.8]]))
        good = np.zeros_like(seen)
        for p, s in np.argwhere(seen):
            sd = (0.08, 0.15)[p] * (1 + away[s] / 100)
            other, renamed = rng.random(2) < (0.03, 0.02)
            error = rng.uniform(-2, 2) if other else sd * rng.normal()
            rows.append((s, "SP"[p] if renamed else "PS"[p], origin[e] + times[p, s] * factor[e, s] + error, e))
            good[p, s] = not (other or renamed)
        enough[e] = good.sum() >= 8 and good[0].sum() >= 4 and good[1].sum() >= 3 and good.all(0).sum() >= 2
    for _ in range(int(false * len(rows))):
        rows.append((rng.integers(len(stations)), "PS"[rng.integers(2)], rng.uniform(START_S, START_S + DAY_S), -1))
    rows.sort(key=lambda row: row[2])
    station, names, times_s, source = zip(*rows, strict=True)
    picks = PickTable(tuple(stations.codes[i] for i in station), np.array(names), np.array(times_s))
    return picks, place, origin, enough, np.array(source)


def compare(located, place, origin, enough, source) -> dict[str, float]:
    """Return shares: events found, false, and what intervals of 68 and 95 % hold.

    An event is the one that most of its picks are of, if it lies within 1.5 s and 10 km of it; else it is false.
    """
    pairs: dict[int, int] = {}
    for own in range(len(located)):
        of = source[located.associated.event == own]
        e = int(np.bincount(of[of >= 0]).argmax()) if (of >= 0).any() else 0
        near = abs(origin[e] - located.origin_s[own]) < NEAR_S
        if near and np.hypot(*(place[e] - located.place_km[own])[:2]) < NEAR_KM and (of == e).sum() >= len(of) / 2:
            pairs.setdefault(e, own)
    true, own = np.array(list(pairs)), np.array(list(pairs.values()))
    inside = (place[true][:, None] >= located.interval_km[own, :, :, 0]) & (
        place[true][:, None] <= located.interval_km[own, :, :, 1]
    )
    late = np.abs(origin[true] - located.origin_s[own]) / located.origin_sd_s[own]
    error = located.place_km[own] - place[true]
    made = {"events": len(located), "found": np.isin(np.flatnonzero(enough), true).mean()}
    made["false"] = 1 - len(true) / max(len(located), 1)
    for level, share in enumerate((68, 95)):
        made[f"epicentre {share}"] = inside[:, level, :2].mean()
        made[f"depth {share}"] = inside[:, level, 2].mean()
        made[f"time {share}"] = (late < (0.994, 1.96)[level]).mean()
    made["epicentre, km"] = np.median(np.hypot(error[:, 0], error[:, 1]))
    made["depth, km"] = np.median(np.abs(error[:, 2]))
    return made


def row(count: int, half_km: float, kind: str, seeds: int) -> list[str]:
    """Simulate and answer; return the means over seeds."""
    made = []
    for seed in range(seeds):
        rng = np.random.default_rng([seed, count])
        stations = network(rng, count, half_km)
        picks, place, origin, enough, source = simulate(rng, stations, half_km, 300, kind, 0.5)
        made.append(compare(locate(associate(picks, stations, EARTH)), place, origin, enough, source))
    mean = {key: float(np.mean([one[key] for one in made])) for key in made[0]}
    return [
        f"{count}, {kind}", f"{mean['found']:.3f}", f"{mean['false']:.3f}",
        *(f"{mean[f'{what} 68']:.2f}, {mean[f'{what} 95']:.2f}" for what in ("epicentre", "depth", "time")),
        f"{mean['epicentre, km']:.2f}, {mean['depth, km']:.2f}",
    ]  # fmt: skip


def day(picks_wanted: int = 1_000_000) -> None:
    """Print what a day of a million picks costs."""
    rng = np.random.default_rng(5)
    stations = network(rng, 100, 100.0)
    picks, place, origin, enough, source = simulate(rng, stations, 100.0, 14000, "as told", 0.0)
    missing = max(picks_wanted - len(picks), 0)
    codes = tuple(stations.codes[i] for i in rng.integers(100, size=missing))
    times_s = np.append(picks.time_s, rng.uniform(START_S, START_S + DAY_S, missing))
    names = np.append(picks.phase, rng.choice(["P", "S"], missing))
    source = np.append(source, np.full(missing, -1))[np.argsort(times_s, kind="stable")]
    picks = PickTable((*picks.station, *codes), names, times_s)
    began = time.process_time()
    found = associate(picks, stations, EARTH)
    associated_s = time.process_time() - began
    began = time.process_time()
    located = locate(found)
    located_s = time.process_time() - began
    made = compare(located, place, origin, enough, source)
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    rows = [[f"{len(picks):,}", f"{len(place):,}", f"{made['found']:.3f}", f"{made['false']:.3f}",
             f"{associated_s / 60:.1f}", f"{located_s / 60:.1f}", f"{peak_gb:.2f}"]]  # fmt: skip
    header = "picks", "events", "found", "false", "association, CPU-min", "location, CPU-min", "GB"
    print_table("A simulated day of 100 stations", header, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--day", action="store_true", help="cost of a million picks instead")
    args = parser.parse_args()
    if args.day:
        day()
        return
    kinds = "as told", "3 % faster", "3 % slower", "smooth 4 %"
    rows = [row(*net, kind, args.seeds) for net in ((20, 40.0), (100, 100.0)) for kind in kinds]
    header = (
        "stations, earth", "found", "false", "epicentre in 68, 95 %", "depth", "origin time",
        "median error, km: epicentre, depth"
    )  # fmt: skip
    print_table("Simulated networks: shares", header, rows)


if __name__ == "__main__":
    main()

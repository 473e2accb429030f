"""Anomalous seismicity in a world with aftershocks: false alarms, planted bursts, lasting changes, a real catalogue.

    python benchmarks/seismicity_etas.py [--only regions whole poisson stations swiss recovery speed] [--years Y]
                                         [--model NAME] [--data DIR]

All catalogues are SIMULATED but that of Switzerland (DIR/catalogs/switzerland_1972_1999.csv; skipped where it is not).
regions   ETAS regions of 12, 25 and 50 background events a day: the model is fitted to the first 400 days, thresholds
          are set on years simulated from the fit, false alarms counted in other years of the truth, and bursts of 10 to
          25 events within half a day, sd 0.7 to 2 pixels, planted there at any hour; beside it what is found at the
          threshold that gives four alarms in the other years; --model none: without the network
whole     the same through `find_anomalies`, bursts in the catalogue that is fitted: other alarms, bursts found
poisson   20 catalogues of 240 days, 15 events a day, nothing planted, through `find_anomalies`, windows of 4 days
stations  two years without aftershocks; from day 365 on three times as many events are seen in a quarter of the map
swiss     which ranks Annecy (July 1996) and Vaz (November 1991) have
recovery  20 simulated catalogues of random laws: parameters found within two standard deviations
speed     a fit of 10,000 and of 100,000 events
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np
from table import print_table

from zoo.seismicity import find_anomalies, fit_etas, read_catalogue, simulate
from zoo.seismicity.catalogues import from_columns
from zoo.seismicity.expectation import Expectation
from zoo.seismicity.physics.maps import rate_fields
from zoo.seismicity.physics.sequences import Etas, burst, inside, join
from zoo.seismicity.scores import NetworkScore, score_tiles
from zoo.seismicity.threshold import false_alarm_rate
from zoo.seismicity.windows import TileMaps, Windows

BEGIN = np.datetime64("2020-01-01", "ms")
FITTED_DAYS = 400.0
RATES = {10: 12.0, 11: 25.0, 12: 50.0}
"""Seed of a region -> background events a day."""
SIZES = (10, 15, 20, 25)
MODEL = "seismicity_resnet18.etas"


def uneven(per_day: float, rng: np.random.Generator) -> np.ndarray:
    """Return a background (64, 64) a day."""
    return per_day * rate_fields(1, (5.0, 20.0), (0.5, 1.5), rng)[0].astype(float)


def catalogue(events: dict[str, np.ndarray], name: str):
    """Return simulated events as a catalogue of pixels of a kilometre."""
    time_ms = np.round(events["time_days"] * 86_400_000).astype("timedelta64[ms]")
    columns = {"x_km": events["x_px"], "y_km": events["y_px"], "magnitude": events["magnitude"]}
    return from_columns({"time": BEGIN + time_ms, **columns}, name)


def scored(fit, events, days: float, seed: int, network=None):
    """Return thresholds and scores of the days after those fitted."""
    later = {**events, "time_days": events["time_days"] - FITTED_DAYS}
    windows = Windows(BEGIN, 1.0, 0.5, int(2 * days) - 2)
    row, column = (np.rint(later[key]).astype(int).clip(0, 63) for key in ("y_px", "x_px"))
    own = later["time_days"] >= 0
    maps = TileMaps(later["time_days"][own] * 86_400_000, row[own], column[own], windows)
    made = score_tiles(Expectation(fit, later, windows), [(0, 0, maps)], network, 4.0, 4.0, seed)[0]
    return made.thresholds, made.values


def regions(years: float, model: str | None) -> None:
    rows, days, network = [], 365.25 * years, NetworkScore(model) if model else None
    for seed, per_day in RATES.items():
        rate = uneven(per_day, np.random.default_rng(seed))
        truth = simulate(rate, FITTED_DAYS + days, np.random.default_rng(10 * seed + 2), etas=Etas())
        begin = time.process_time()
        fit = fit_etas(truth, FITTED_DAYS, errors=False)
        cost = time.process_time() - begin
        thresholds, quiet = scored(fit, truth, days, seed, network)
        rng = np.random.default_rng(10 * seed + 3)
        begins = np.linspace(4, days - 4, round(60 * years / 2)) + rng.random(round(60 * years / 2))
        sizes, planted = plant(rate, FITTED_DAYS + begins, rng)
        _, busy = scored(fit, inside(join(truth, *planted)), days, seed, network)
        held = [np.arange(int(2 * t) - 1, int(2 * (t + 0.5)) + 1) for t in begins]
        for name, at in thresholds.items():
            found = np.array([busy[name][own].max() > at for own in held])
            alarms = false_alarm_rate(quiet[name][None], at, 1.0, 0.5)
            four = four_a_year(quiet[name])
            equal = np.mean([busy[name][own].max() > four for own in held])
            by_size = " ".join(f"{found[sizes == n].mean():.2f}" for n in SIZES)
            rows.append([name, per_day, alarms, found.mean(), equal, by_size, f"{cost:.0f} s"])
    for name in dict.fromkeys(row[0] for row in rows):
        own = [row for row in rows if row[0] == name]
        target = "<= 5.2, >= 0.86" if name in ("etas", "both") else ""
        rows.append([name, "mean", *(float(np.mean([row[k] for row in own])) for k in (2, 3, 4)), target, ""])
    shown = [[*row[:2], f"{row[2]:.1f}", f"{row[3]:.3f}", f"{row[4]:.3f}", *row[5:]] for row in rows]
    found = "bursts found", "at 4 there", f"of {SIZES} events"
    header = ("score", "background a day", "false alarms a year, 4 asked", *found, "fit")
    print_table(f"ETAS regions, {years:g} years after {FITTED_DAYS:g} fitted days", header, shown)


def plant(rate: np.ndarray, begins: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, list]:
    """Return sizes and events of bursts that begin at times (n,)."""
    place = np.searchsorted(np.cumsum(rate.ravel()), rng.random(len(begins)) * rate.sum()).clip(0, rate.size - 1)
    sizes = rng.choice(SIZES, len(begins))
    return sizes, [
        burst(int(n), t, 0.5, p % 64, p // 64, rng.uniform(0.7, 2), 1, rng)
        for n, t, p in zip(sizes, begins, place, strict=True)
    ]


def whole(years: float, model: str | None) -> None:
    rows, days = [], 365.25 * years
    for seed, per_day in RATES.items():
        rate = uneven(per_day, np.random.default_rng(seed))
        truth = simulate(rate, days, np.random.default_rng(20 * seed + 2), etas=Etas())
        begins = np.arange(20.0, days - 20, 25.0)
        begins += np.random.default_rng(seed).random(len(begins))
        sizes, planted = plant(rate, begins, np.random.default_rng(20 * seed + 3))
        begin = time.process_time()
        events = catalogue(inside(join(truth, *planted)), f"region {seed}")
        found = find_anomalies(events, model, region=(-0.5, 63.5, -0.5, 63.5), completeness="none", window_days=1.0)
        cost = time.process_time() - begin
        start, end = (
            np.array([(getattr(i, name) - BEGIN) / np.timedelta64(1, "D") for i in found.intervals])
            for name in ("start", "end")
        )
        hits = (start[None] < begins[:, None] + 0.5) & (end[None] > begins[:, None])
        by_size = " ".join(f"{hits.any(1)[sizes == n].mean():.2f}" for n in SIZES)
        rows.append([per_day, (~hits.any(0)).sum() / years, hits.any(1).mean(), by_size, f"{cost:.0f} s"])
    rows.append(["mean", *(float(np.mean([row[k] for row in rows])) for k in (1, 2)), "", ""])
    shown = [[row[0], f"{row[1]:.1f}", f"{row[2]:.2f}", *row[3:]] for row in rows]
    header = ("background a day", "other alarms a year, 4 asked", "bursts found", f"of {SIZES} events", "CPU-s")
    print_table(f"the same regions, {years:g} years through find_anomalies, bursts not left out", header, shown)


def four_a_year(scores: np.ndarray) -> float:
    """Return the lowest threshold at which ordinary windows give no more than four alarms a year."""
    best = float(scores.max())
    for candidate in np.unique(scores)[::-1]:
        if false_alarm_rate(scores[None], candidate, 1.0, 0.5) > 4:
            break
        best = float(candidate)
    return best


def through(make, model: str | None, count: int, title: str, target: str, **settings) -> None:
    alarms, years, said = 0, 0.0, 0
    for seed in range(count):
        found = find_anomalies(catalogue(make(np.random.default_rng(seed)), f"{title} {seed}"), model, **settings)
        alarms += len(found.intervals)
        years += float((found.span[1] - found.span[0]) / np.timedelta64(1, "D")) / 365.25
        said += any("for good" in note for note in found.catalogue.notes)
    rows = [
        ["alarms a year, 4 asked", f"{alarms / years:.1f}", target],
        ["a lasting change is said", f"{said} of {count}", ""],
    ]
    print_table(f"{title}: {count} catalogues", ("", "measured", "target"), rows)


def poisson(model: str | None) -> None:
    make = lambda rng: simulate(uneven(15.0, rng), 240.0, rng)  # noqa: E731
    through(make, model, 20, "Poisson regions, 240 days of 15 events", "<= 4.8", window_days=4.0)


def stations(model: str | None) -> None:
    def make(rng):
        rate = uneven(15.0, rng)
        more = np.zeros_like(rate)
        more[:32, 32:] = 2 * rate[:32, 32:]
        added = simulate(more, 365.0, rng)
        added["time_days"] = added["time_days"] + 365.0
        return join(simulate(rate, 730.0, rng), added)

    through(make, model, 5, "stations added in a quarter of the map after a year", "<= 5.2 and said")


def swiss(folder: Path, model: str | None) -> None:
    path = folder / "catalogs" / "switzerland_1972_1999.csv"
    if not path.is_file():
        print(f"no {path.name}: skipped")
        return
    found = find_anomalies(read_catalogue(path), model)
    rows = []
    for name, month, (longitude, latitude) in (("Annecy", "1996-07", (6.1, 45.9)), ("Vaz", "1991-11", (9.5, 46.7))):
        rank = "not found"
        for i in found.intervals:
            own = [s for s in found.sequences if s.interval == i.number and str(s.start)[:7] == month]
            for s in own:
                place = found.catalogue.projection.inverse(
                    *(np.array([v[s.member].mean()]) for v in (found.catalogue.x_km, found.catalogue.y_km))
                )
                if np.hypot(place[0][0] - longitude, place[1][0] - latitude) < 0.3:
                    rank = f"{i.rank} of {len(found.intervals)}"
        rows.append([f"{name}, {month}", rank, "among the first five"])
    print_table("Switzerland 1972 to 1999 (real), as set by default", ("alarm", "rank", "target"), rows)


def recovery() -> None:
    within, every = [], 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        law = Etas(
            productivity=rng.uniform(0.08, 0.13), alpha=rng.uniform(0.7, 0.85), p=rng.uniform(1.08, 1.25),
            c_days=np.exp(rng.uniform(np.log(0.002), np.log(0.02))), q=rng.uniform(1.6, 2.1),
            d_px2=np.exp(rng.uniform(np.log(0.015), np.log(0.06))),
        )  # fmt: skip
        rate = uneven(np.exp(rng.uniform(np.log(6), np.log(20))), rng)
        fit = fit_etas(simulate(rate, 300.0, rng, etas=law), 300.0)
        away = np.array([(value - getattr(law, name)) / fit.sd[name] for name, value in fit.values().items()])
        within.append(np.abs(away) < 2)
        every += within[-1].all()
    rows = [
        ["parameters within 2 standard deviations", f"{np.mean(within):.3f}", ">= 0.95"],
        ["catalogues with all eight within", f"{every} of 20", "20 of 20"],
    ]
    print_table("laws found again, 20 catalogues of 300 days", ("", "measured", "target"), rows)


def speed() -> None:
    rows = []
    for count, target in ((10_000, "<= 30 s"), (100_000, "<= 600 s")):
        rng = np.random.default_rng(5)
        events = simulate(uneven(12.0, rng), count / 20.0, rng, etas=Etas())
        events = {key: values[:count] for key, values in events.items()}
        begin = time.process_time()
        fit_etas(events)
        rows.append([f"{len(events['time_days'])} events", f"{time.process_time() - begin:.0f} CPU-s", target])
    print_table("fit with standard deviations", ("", "measured", "target"), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    every = ("regions", "whole", "poisson", "stations", "swiss", "recovery", "speed")
    parser.add_argument("--only", nargs="+", choices=every, default=every)
    parser.add_argument("--years", type=float, default=2.0, help="of a region, after those fitted; default 2")
    parser.add_argument("--model", default=MODEL, help=f"the network, or none; default {MODEL}")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("ZOO_REAL_DATA", "data")))
    args = parser.parse_args()
    model = None if args.model == "none" else args.model
    runs = {
        "regions": lambda: regions(args.years, model),
        "whole": lambda: whole(args.years, model),
        "poisson": lambda: poisson(model),
        "stations": lambda: stations(model),
        "swiss": lambda: swiss(args.data, model),
        "recovery": recovery,
        "speed": speed,
    }
    for name in args.only:
        runs[name]()


if __name__ == "__main__":
    main()

"""What large work costs, from small work: hours, memory and bytes at full size, and how processes share it.

    python benchmarks/scaling.py                     # the cost model (some CPU-minutes), docs/scaling.md
    python benchmarks/scaling.py --only STEAD        # rows of one kind of work; those of the others stay
    python benchmarks/scaling.py --curves            # strong and weak scaling with workers of Dask, docs/scaling.png

Each kind of work is done at three sizes, each in a process of its own held to one thread; CPU time is a line in the
size, whose slope is what a further unit costs, and whose worst misfit is told. Sizes at full scale and what is assumed
beyond the measured are in `WORK`. Curves are wall clock: they mean something on an idle machine only.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from table import print_table

from zoo.training.circumstances import circumstances

DOCS = Path(__file__).parents[1] / "docs"
GRID, STEPS = (100, 200), 2000
"""Of the two-dimensional gradient."""
SURVEY = {"shots": 1e5, "cells": 300 * 300 * 150, "steps": 3000, "iterations": 50, "times as dear in 3-D": 1.6}


@dataclass(frozen=True)
class Work:
    """A kind of work: `do(size, folder)` does it and returns the bytes that it has written."""

    do: Callable[[int, Path], int]
    unit: str
    sizes: tuple[int, int, int]
    full: float
    what: str
    assumed: str


_began_s = 0.0


def begin() -> None:
    """What was done until now, such as writing the archive that is read, is no part of the work."""
    global _began_s
    _began_s = spent()


def spent() -> float:
    """Return the CPU-seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def written(folder: Path, pattern: str) -> int:
    """Return the bytes of files."""
    return sum(path.stat().st_size for path in folder.glob(pattern))


def stead(size: int, folder: Path) -> int:
    """Download a chunk of STEAD, unpack and prepare it."""
    from loopback_archives import mirror, write_stead

    from zoo.data import datasets

    write_stead(folder / "server", size)
    begin()
    with mirror(folder / "server"):
        datasets.prepare("stead/chunk2", folder / "data", workers=1)
    return written(folder, "data/stead/*/*/*tfrecord*")


def len_db(size: int, folder: Path) -> int:
    """Download LEN-DB and prepare it."""
    from loopback_archives import mirror, write_len_db

    from zoo.data import datasets

    write_len_db(folder, size)
    begin()
    with mirror(folder):
        datasets.prepare("len_db/whole", folder / "data", workers=1)
    return written(folder, "data/len_db/*/*/*tfrecord*")


def explosions(size: int, folder: Path) -> int:
    """Ask an FDSN service for records of so many events at ten stations, and prepare them."""
    from loopback_archives import explosions_service, served

    from zoo.data import datasets
    from zoo.seismograms.archives import fdsn

    fdsn._WAIT_S = 0.01  # politeness towards a service is no cost of ours
    with served(explosions_service(folder, size)) as address:
        settings = {"events": str(folder / "events.csv"), "fdsn": address, "shares": "50:25:25"}
        begin()
        datasets.prepare("explosions/mine", folder / "data", settings=settings, workers=1)
    return written(folder, "data/explosions/*/*/*tfrecord*")


def xie(size: int, folder: Path) -> int:
    """Download a file a period of a map of so many points, and prepare it."""
    from loopback_archives import files, served, write_xie

    from zoo.data import datasets
    from zoo.data.download import fetch

    (folder / "server").mkdir()
    names = write_xie(folder / "server", size)
    begin()
    with served(files(folder / "server")) as address:
        for name in names:
            fetch(f"{address}/{name}", folder / "manual" / name)
    datasets.prepare("phase_velocity_maps/xie2013", folder / "data", folder / "manual")
    return written(folder, "data/phase_velocity_maps/*/*/*tfrecord*")


def network(size: int, folder: Path) -> int:
    """Pick so many hours of one station."""
    from obspy import Stream, Trace, UTCDateTime

    from zoo.seismograms.physics.days import RATE_HZ, continuous
    from zoo.seismograms.picking.running import annotate_archive

    record, _ = continuous(60 * size, 10 * size, seed=0)
    header = {"network": "XX", "station": "DAY", "starttime": UTCDateTime("2020-01-01"), "sampling_rate": RATE_HZ}
    traces = [Trace(data, {**header, "channel": f"HH{c}"}) for c, data in zip("ZNE", record, strict=True)]
    Stream(traces).write(str(folder / "day.mseed"), format="MSEED", encoding="STEIM2")
    annotate_archive(folder / "day.mseed", "phase_picker", folder / "out", piece_hours=1)
    return written(folder, "out/**/*.*")


def earths(size: int, folder: Path) -> int:
    """Simulate dispersion curves of random Earths."""
    from zoo.data import datasets

    settings = {"models": str(size), "test_models": "10", "models_per_shard": str(size)}
    datasets.prepare("prem_dispersion/own", folder, settings=settings, workers=1)
    return written(folder, "prem_dispersion/*/*/*tfrecord*")


def receivers(size: int, folder: Path) -> int:
    """Simulate one event at so many receivers, on a coarse grid."""
    from zoo.microseismic import marine_model
    from zoo.microseismic.physics.simulation import simulate

    earth = marine_model(spacing_m=(40, 40, 40))
    draw = np.random.default_rng(0)
    places = np.column_stack([draw.uniform(0.2, 0.8, (size, 2)), np.full(size, 2.4)])
    traces = simulate(np.array([[0.5, 0.5, 1.6]]), earth, places, duration_s=0.8, pulse_sigma_s=0.03)
    np.save(folder / "traces.npy", traces)
    return written(folder, "*.npy")


def shots_problem(size: int) -> tuple:
    """Return a propagator, and velocity, wavelets, sources and residuals of so many shots."""
    from zoo.fwi.physics.acoustic_propagator import Propagator

    draw = np.random.default_rng(0)
    places = np.stack([np.full(50, 2.0), np.linspace(3, GRID[1] - 4, 50)], 1)
    waves = Propagator(GRID, 10.0, 0.001, places, 2500.0)
    sources = np.stack([np.full(size, 2.0), np.linspace(5, GRID[1] - 6, size)], 1).astype(np.float32)
    wavelet = draw.standard_normal((size, STEPS)).astype(np.float32)
    residual = draw.standard_normal((size, STEPS, 50)).astype(np.float32)
    return waves, np.full(GRID, 2000.0, np.float32), wavelet, sources, residual


def gradient(waves, velocity, wavelet, sources, residual) -> np.ndarray:
    """Simulate shots and go back through them."""
    _, kept = waves.traces(velocity, wavelet, sources, keep=True)
    return waves.gradient(velocity, wavelet, sources, residual, kept)[0]


def shots(size: int, folder: Path) -> int:
    """Take the gradient of so many shots, one after the other."""
    waves, velocity, *data = shots_problem(size)
    for number in range(size):
        gradient(waves, velocity, *(part[number : number + 1] for part in data))
    return 4 * GRID[0] * GRID[1]


WORK = {
    "STEAD, all of it": Work(
        stead, "trace", (500, 1000, 2000), 1_265_657, "zoo prepare stead/whole",
        "zips (72 kB a trace, 91 GB) from a server on this machine, unpacked and read as fast as from the page cache",
    ),
    "LEN-DB, all of it": Work(
        len_db, "trace", (1000, 2000, 4000), 1_244_942, "zoo prepare len_db/whole",
        "the file (18.2 GB) comes from a server on this machine",
    ),
    "a catalogue of 5,000 explosions and earthquakes": Work(
        explosions, "event", (20, 40, 80), 5000, "zoo prepare explosions/NAME --set fdsn=...",
        "ten stations of three components at 100 Hz an event; a service that answers at once (real ones take minutes "
        "to hours more, of waiting)",
    ),
    "a map of 1e5 points": Work(
        xie, "point", (2000, 4000, 8000), 1e5, "zoo prepare phase_velocity_maps/xie2013",
        "18 periods, a file each, from a server on this machine",
    ),
    "a year of 100 stations": Work(
        network, "station-hour", (1, 2, 4), 100 * 365.25 * 24, "zoo annotate --model phase_picker",
        "three components at 100 Hz without gaps, ten events an hour",
    ),
    "5e8 Earths": Work(
        earths, "Earth", (500, 1000, 2000), 5e8, "zoo prepare prem_dispersion",
        "the default frequencies and depths; the records, not the shards kept meanwhile (as many bytes again)",
    ),
    "an event at 1e5 receivers": Work(
        receivers, "receiver", (200, 400, 800), 1e5, "zoo.microseismic.simulate, one source",
        "a grid of 40 m, 0.8 s, a pulse of 30 ms; a finer grid costs its fourth power in the constant",
    ),
    "a 3-D survey of 1e5 shots": Work(
        shots, "shot", (4, 8, 16), SURVEY["shots"], "the gradient of zoo fwi",
        "",
    ),
}  # fmt: skip
"""What is asked for -> how it is measured small."""


def measure(name: str, size: int) -> dict[str, float]:
    """Do a piece of work in a process of its own; return CPU-seconds, peak memory (GB), bytes."""
    one = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "NUMBA_NUM_THREADS")
    command = [sys.executable, __file__, "--one", name, "--size", str(size)]
    environment = {**os.environ, **dict.fromkeys(one, "1"), "TF_CPP_MIN_LOG_LEVEL": "3", "OMP_WAIT_POLICY": "passive"}
    done = subprocess.run(command, env=environment, check=True, text=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout.splitlines()[-1])


def do_one(name: str, size: int) -> None:
    """The process of `measure`."""
    with tempfile.TemporaryDirectory() as folder:
        count = WORK[name].do(size, Path(folder))
    memory_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(json.dumps({"cpu_s": spent() - _began_s, "memory_gb": memory_gb, "bytes": count}))


def model(name: str) -> list[str]:
    """Measure one kind of work and extrapolate it; return a row of the table."""
    work = WORK[name]
    measure(name, work.sizes[0])  # kernels are compiled, files in the page cache
    found = [measure(name, size) for size in work.sizes]
    sizes = np.array(work.sizes, float)
    cpu_s, count, memory_gb = (np.array([one[key] for one in found]) for key in ("cpu_s", "bytes", "memory_gb"))
    slope, constant = np.polyfit(sizes, cpu_s, 1)
    misfit = float(np.abs(np.polyval([slope, constant], sizes) - cpu_s).max() / cpu_s.max())
    per_byte = np.polyfit(sizes, count, 1)[0]
    hours = slope * work.full / 3600
    if name.startswith("a 3-D"):
        of_cell = slope / (GRID[0] * GRID[1] * STEPS)
        hours = of_cell * np.prod(list(SURVEY.values())) / 3600
        per_byte = 0.0
    full_bytes = per_byte * work.full if per_byte else 4.0 * SURVEY["cells"]
    told = circumstances()
    return [
        name,
        ", ".join(f"{size:,}" for size in work.sizes) + f" {work.unit}s",
        f"{1e3 * slope:.3g} CPU-ms a {work.unit} + {max(constant, 0):.1f} s",
        f"{misfit:.1%}",
        f"{memory_gb.min():.2f} to {memory_gb.max():.2f} GB",
        f"{hours:,.3g} CPU-h",
        f"{full_bytes / 1e9:,.3g} GB",
        f"{told['date']}, {told['commit'][:8]}",
    ]


HEADER = (
    "work", "measured at", "cost", "worst misfit", "memory of a process", "at full size", "written", "date, commit"
)  # fmt: skip


def earlier(path: Path) -> dict[str, list[str]]:
    """Return the rows of an earlier page, by kind of work."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines if line.startswith("| ")]
    return {row[0]: row for row in rows if row[0] in WORK and len(row) == len(HEADER)}


def page(rows: list[list[str]]) -> str:
    """Return docs/scaling.md."""
    told = circumstances()
    lines = ["# What large work costs", ""]
    lines += [
        "Written by `python benchmarks/scaling.py`: three small sizes of each kind of work, a process of one thread"
    ]
    lines += [f"each; CPU time is a line in the size. {told['machine']}."]
    lines += ["Hours on a cluster are CPU-hours over cores, as long as the archive's disk keeps up.", ""]
    lines += ["| " + " | ".join(cells) + " |" for cells in (HEADER, ["---"] * len(HEADER), *rows)]
    lines += [
        "",
        "Memory is that of one process at the measured sizes: where it grows with them, the larger counts.",
        "",
    ]
    left_out = [name for name in WORK if name not in {row[0] for row in rows}]
    if left_out:
        lines += [f"Not measured yet: {', '.join(left_out)}.", ""]
    lines += ["Assumed:", ""]
    lines += [f"- {name} (`{work.what}`): {work.assumed}." for name, work in WORK.items() if work.assumed]
    said = ", ".join(f"{value:.6g} {key}" for key, value in SURVEY.items() if key != "times as dear in 3-D")
    lines += [
        f"- a 3-D survey: there is no three-dimensional inversion here. What a step of a cell costs in two dimensions "
        f"({GRID[0]} x {GRID[1]} cells, {STEPS} steps), {SURVEY['times as dear in 3-D']:g} times that for the third "
        f"axis, and {said}; cells and steps are those of a shot's aperture."
    ]
    if (DOCS / "scaling.png").is_file():
        lines += ["", "![strong and weak scaling](scaling.png)", ""]
        lines += [
            "Strong and weak scaling of a gradient of shots with workers of Dask: `--curves`. What two cores show is"
        ]
        lines += ["what handing out costs, and nothing of networks: beyond two workers they share the cores."]
    return "\n".join(lines) + "\n"


def curves() -> list[list[str]]:
    """Time gradients on 1, 2, 4 workers against one thread; draw them; return rows of a table."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from zoo.cluster import opened
    from zoo.fwi.physics.acoustic_spread import SpreadPropagator

    def seconds(count: int, wrap: Callable) -> tuple[float, np.ndarray]:
        waves, *data = shots_problem(count)
        spread = wrap(waves)
        if spread is None:
            began = time.monotonic()
            parts = [gradient(waves, data[0], *(part[i : i + 1] for part in data[1:])) for i in range(count)]
            return time.monotonic() - began, np.sum(parts, axis=0, dtype=np.float64)
        gradient(spread, data[0], *(part[:4] for part in data[1:]))  # workers have the kernels
        began = time.monotonic()
        found = gradient(spread, *data)
        return time.monotonic() - began, found

    seconds(1, lambda waves: None)
    one_s, expected = seconds(16, lambda waves: None)
    rows = [["one thread", "16", f"{one_s:.2f}", "1", "", f"{os.getloadavg()[0]:.1f}"]]
    strong, weak = {}, {}
    for workers in (1, 2, 4):
        with opened(f"local:{workers}") as client:
            strong[workers], found = seconds(16, lambda waves: SpreadPropagator(waves, client))
            weak[workers], _ = seconds(8 * workers, lambda waves: SpreadPropagator(waves, client))
        off = float(np.abs(found - expected).max() / np.abs(expected).max())
        for shots_, took_s in ((16, strong[workers]), (8 * workers, weak[workers])):
            times = one_s / 16 * shots_ / took_s
            said = f"{off:.1e}" if shots_ == 16 else ""
            rows.append(
                [f"{workers} workers", str(shots_), f"{took_s:.2f}", f"{times:.2f}", said, f"{os.getloadavg()[0]:.1f}"]
            )
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    axes.plot(list(strong), [one_s / strong[n] for n in strong], "o-", label="strong: 16 shots")
    axes.plot(list(weak), [one_s / 2 / weak[n] * n for n in weak], "s--", label="weak: 8 shots a worker")
    axes.plot([1, 4], [1, 4], color="0.7", label="ideal")
    axes.set_xlabel("workers of Dask")
    axes.set_ylabel("times one thread")
    axes.set_title(f"Gradient of shots on {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", loc="left")
    axes.set_xticks([1, 2, 4])
    axes.legend()
    DOCS.mkdir(exist_ok=True)
    figure.savefig(DOCS / "scaling.png", dpi=120)
    return rows


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--only", nargs="+", metavar="WORDS", help="kinds of work whose names hold one of these")
    parser.add_argument("--curves", action="store_true", help="strong and weak scaling instead; needs Dask")
    chosen = parser.parse_args()
    if chosen.one:
        return do_one(chosen.one, chosen.size)
    if chosen.curves:
        header = ("by", "shots", "s", "times one thread", "gradient off by", "load")
        return print_table("A gradient of shots by workers of Dask (wall clock)", header, curves())
    names = [name for name in WORK if not chosen.only or any(word in name for word in chosen.only)]
    rows = [model(name) for name in names]
    print_table("What large work costs", HEADER, rows)
    DOCS.mkdir(exist_ok=True)
    shown = earlier(DOCS / "scaling.md") | {row[0]: row for row in rows}
    text = page([shown[name] for name in WORK if name in shown])
    (DOCS / "scaling.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

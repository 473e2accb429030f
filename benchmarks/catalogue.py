"""A catalogue of a million earthquakes through `zoo seismicity`: time and memory, the network included.

    python benchmarks/catalogue.py [--events N] [--years Y] [--keep FOLDER]

The catalogue is SYNTHETIC: ComCat's columns, a background on a few faults, and bursts of 100 events in half a day whose
times are known, one a year. Its windows hold more events than the shipped network was trained on, so that the scan
would decide alone; with the method "both" the network is asked nonetheless. Time is that of a process of its own, from
its start to its last figure.
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
from pathlib import Path

import numpy as np
from table import print_table

START = np.datetime64("1990-01-01", "ms")
YEAR_DAYS = 365.25
BURST = np.timedelta64(43_200_000, "ms")


def write_catalogue(path: Path, events: int, years: float, seed: int = 0) -> np.ndarray:
    """Write a catalogue; return the times of the bursts."""
    rng = np.random.default_rng(seed)
    bursts = START + ((np.arange(int(years)) + 0.5) * YEAR_DAYS * 86_400_000).astype("timedelta64[ms]")
    background = events - 100 * len(bursts)
    along, fault = rng.random(background), rng.integers(0, 8, background)
    angle = np.linspace(0, np.pi, 8, endpoint=False)[fault]
    longitude = -118 + 1.2 * (along - 0.5) * np.cos(angle) + rng.normal(0, 0.15, background)
    latitude = 36 + 1.2 * (along - 0.5) * np.sin(angle) + rng.normal(0, 0.15, background)
    moments = START + (rng.random(background) * years * YEAR_DAYS * 86_400_000).astype("timedelta64[ms]")
    for burst in bursts:
        moments = np.append(moments, burst + (rng.random(100) * BURST.astype(int)).astype("timedelta64[ms]"))
    longitude = np.append(longitude, np.repeat(rng.uniform(-118.3, -117.7, len(bursts)), 100))
    latitude = np.append(latitude, np.repeat(rng.uniform(35.7, 36.3, len(bursts)), 100))
    spread = np.where(np.arange(events) < background, 0.0, 0.01)
    longitude, latitude = (v + rng.normal(0, 1, events) * spread for v in (longitude, latitude))
    magnitude = 0.4 + rng.exponential(1 / np.log(10), events)
    order = np.argsort(moments)
    with open(path, "w", encoding="utf-8") as file:
        file.write("time,latitude,longitude,depth,mag,magType,nst,gap,dmin,rms,net,id,updated,place,type\n")
        for n in order:
            file.write(
                f"{moments[n]}Z,{latitude[n]:.4f},{longitude[n]:.4f},{7.5},{magnitude[n]:.2f},ml,20,60,0.05,0.1,ci,"
                f'ci{n},2020-01-01T00:00:00.000Z,"5 km N of Somewhere, CA",earthquake\n'
            )
    return bursts


def child(catalogue: str, out: str) -> None:
    """Run what the command runs, with the network, and print time and memory as JSON."""
    from zoo.seismicity import find_anomalies, read_catalogue

    begin = time.process_time()
    read = read_catalogue(catalogue)
    after_reading = time.process_time()
    found = find_anomalies(read, completeness="none", method="both")
    after_finding = time.process_time()
    found.write(out)
    done = time.process_time()
    times = {"read": after_reading - begin, "find": after_finding - after_reading, "write": done - after_finding}
    periods = [[str(start), str(end)] for start, end in found.periods()]
    gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(json.dumps({"cpu_s": times, "gigabytes": gigabytes, "windows": found.windows.count, "periods": periods}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--years", type=float, default=30.0)
    parser.add_argument("--keep", help="folder for the catalogue and the output")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(*args.child)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(args.keep or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        bursts = write_catalogue(folder / "catalogue.csv", args.events, args.years)
        command = [sys.executable, __file__, "--child", str(folder / "catalogue.csv"), str(folder / "out")]
        begin = time.perf_counter()
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ})
        whole = time.perf_counter() - begin
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        measured = json.loads(done.stdout)
    periods = np.array(measured["periods"], dtype="datetime64[ms]").reshape(-1, 2)
    meets = (periods[:, 0] <= bursts[:, None] + BURST) & (periods[:, 1] >= bursts[:, None])
    hit, others = int(meets.any(1).sum()), int((~meets.any(0)).sum())
    million = args.events == 1_000_000
    rows = [
        ["whole process, CPU time", f"{used.ru_utime + used.ru_stime:.1f} s", "<= 60 s" if million else ""],
        ["whole process, on the clock", f"{whole:.1f} s", ""],
        *[[f"  {name}, CPU time", f"{seconds:.1f} s", ""] for name, seconds in measured["cpu_s"].items()],
        ["largest memory", f"{measured['gigabytes']:.2f} GB", "<= 2 GB" if million else ""],
        ["planted bursts of 100 events found", f"{hit} of {len(bursts)}", "all"],
        ["other alarms a year, 4 asked", f"{others / args.years:.1f}", "<= 5.2"],
    ]
    title = f"{args.events} SYNTHETIC events, {measured['windows']} windows, method both: scan and network"
    print_table(title, ("", "measured", "target"), rows)


if __name__ == "__main__":
    main()

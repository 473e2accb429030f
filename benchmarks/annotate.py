"""A day of one station through `zoo annotate`: time, memory, and what it finds of events whose times are known.

    python benchmarks/annotate.py [--model NAME] [--hours H] [--events N] [--keep FOLDER] [--days N]

The day is SYNTHETIC (`zoo.seismograms.physics.days`): three components at 100 Hz, noise with people and machines, and
local earthquakes at random times, scaled to signal-to-noise ratios (amplitude, P's first second on Z, 1 to 20 Hz) drawn
log-uniformly from 2 to 60. CPU time and largest memory are the command's, from its start to its last figure. A pick is
right within 0.5 s; S counts where it stands out as `zoo.seismograms.picking.picks` asks (`CLEAR_S_DB`).

Then an archive of the same day under N dates (an SDS tree, default 20; 0 leaves it out): CPU time of a further
station-day, whether memory grows with the days (2 against N), and picks per second of two workers, and of two of Dask
(where it is installed) of which one is killed ten times, against one process held to one thread, from the start of the
command to its last table. Ratios mean something on an idle machine only.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from table import print_table

from zoo.seismograms.physics.days import RATE_HZ, Planted, continuous
from zoo.seismograms.picking.picks import CLEAR_S_DB

RIGHT_S = 0.5
KILLS = 10
SNR = (2.0, 60.0)
START = "2020-01-01T00:00:00"


def write(record: np.ndarray, path: Path) -> None:
    """Write the record as miniSEED."""
    from obspy import Stream, Trace, UTCDateTime

    header = {"network": "XX", "station": "DAY", "starttime": UTCDateTime(START), "sampling_rate": RATE_HZ}
    traces = [Trace(data, {**header, "channel": f"HH{c}"}) for c, data in zip("ZNE", record, strict=True)]
    Stream(traces).write(str(path), format="MSEED", encoding="STEIM2")


def found(planted: list[Planted], picks_csv: Path, hours: float) -> list[list[str]]:
    """Compare the picks with the planted arrivals."""
    from obspy import UTCDateTime

    with open(picks_csv, newline="", encoding="utf-8") as file:
        picks = [(row["phase"], UTCDateTime(row["time"]) - UTCDateTime(START)) for row in csv.DictReader(file)]
    rows = []
    for phase in "PS":
        known = [event for event in planted if phase == "P" or event.s_snr_db >= CLEAR_S_DB]
        true_s = np.array([event.p_sample if phase == "P" else event.s_sample for event in known]) / RATE_HZ
        snr = np.array([event.snr for event in known])
        picked_s = np.sort([time_s for name, time_s in picks if name == phase])
        if not len(picked_s):
            rows.append([f"{phase} picks", "none", ""])
            continue
        residual_s = (picked_s - true_s[:, np.newaxis])[
            np.arange(len(true_s)), np.abs(picked_s - true_s[:, np.newaxis]).argmin(axis=1)
        ]
        right = np.abs(residual_s) <= RIGHT_S
        for low, high in ((SNR[0], 5.0), (5.0, 15.0), (15.0, SNR[1])):
            inside = (snr >= low) & (snr < high)
            text = f"{right[inside].mean():.2f} of {inside.sum()}"
            rows.append([f"{phase} found, SNR of P {low:g} to {high:g}", text, ""])
        near = np.abs(picked_s[:, np.newaxis] - true_s).min(axis=1) <= RIGHT_S
        rows.append([f"{phase} residual, median and 68 % half-width", _spread(residual_s[right]), ""])
        rows.append([f"{phase} picks that are none of the planted", f"{(~near).sum() / hours:.2f} per hour", ""])
    return rows


def _spread(residual_s: np.ndarray) -> str:
    low, middle, high = 1e3 * np.percentile(residual_s, [16, 50, 84])
    return f"{middle:+.0f} ms, {(high - low) / 2:.0f} ms"


def repeat(day: Path, root: Path, days: int) -> None:
    """Write an SDS tree of a day under so many dates: the day of the year in the headers of its records is changed."""
    from obspy import read

    for trace in read(str(day)):
        path = root / trace.id
        path.parent.mkdir(parents=True, exist_ok=True)
        trace.write(str(path), format="MSEED", encoding="STEIM2", reclen=4096)
        whole = np.fromfile(path, np.uint8).reshape(-1, 4096)
        path.unlink()
        stats = trace.stats
        for number in range(1, days + 1):
            whole[:, 22], whole[:, 23] = divmod(number, 256)
            name = f"{trace.id}.D.2020.{number:03d}"
            target = root / "2020" / stats.network / stats.station / f"{stats.channel}.D" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            whole.tofile(target)


def run(
    root: Path, out: Path, model: str, days: int, how: list[str], kills: int = 0
) -> tuple[float, float, float, int]:
    """Annotate the first days of an archive; return CPU-s, largest memory (GB) of a process, seconds, picks."""
    command = [sys.executable, "-m", "zoo.cli", "annotate", str(root), "--model", model, "--out", str(out)]
    command += ["--end", f"2020-01-{days + 1:02d}", *how, "--json"]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1")
    began = time.monotonic()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, env={**os.environ, **threads, "TF_CPP_MIN_LOG_LEVEL": "3"}
    ) as process:
        killer = threading.Thread(target=kill_workers, args=(process, out, kills), daemon=True)
        killer.start()
        summary = json.loads(process.stdout.read())
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    killer.join(60)
    if process.returncode or summary["units_done"] < summary["units"] or killer.is_alive():
        raise SystemExit(f"{' '.join(command)} failed, or ended before {kills} workers were killed")
    picks = sum(summary["picks"].values())
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024**2, time.monotonic() - began, picks


def kill_workers(process: subprocess.Popen, out: Path, count: int) -> None:
    """Kill a worker of a command each time that one more unit is done."""
    for done in range(1, count + 1):
        while process.poll() is None and len(list((out / "units").rglob("*.json"))) < done:
            time.sleep(0.02)
        while process.poll() is None and not (workers := spawned(process.pid)):
            time.sleep(0.02)
        if process.poll() is None:
            os.kill(workers[done % len(workers)], signal.SIGKILL)


def spawned(pid: int) -> list[int]:
    """Return the processes that Python has started below a process to work (Linux)."""
    found = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, children.read_text().split()):
            try:
                here = b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
            except OSError:  # it has ended
                continue
            found += [child] if here else spawned(child)
    return found


def tables(out: Path) -> list[bytes]:
    """Return the picks of all days, as they are written."""
    return [path.read_bytes() for path in sorted((out / "days").glob("*/picks.csv"))]


def archive(day: Path, folder: Path, model: str, days: int) -> list[list[str]]:
    """Measure an archive of so many days of one station."""
    repeat(day, folder / "sds", days)
    few_cpu_s, few_gb, _, _ = run(folder / "sds", folder / "few", model, 2, [])
    cpu_s, gb, one_s, picks = run(folder / "sds", folder / "one", model, days, [])
    _, each_gb, two_s, of_two = run(folder / "sds", folder / "two", model, days, ["--workers", "2"])
    if tables(folder / "one") != tables(folder / "two"):
        raise SystemExit(f"one process found {picks} picks, two workers {of_two}")
    rows = [
        ["a further station-day", f"{(cpu_s - few_cpu_s) / (days - 2):.1f} CPU-s", "<= 15 CPU-s"],
        [f"largest memory, 2 and {days} days", f"{few_gb:.2f} and {gb:.2f} GB", "the same, <= 1.5 GB"],
        ["largest process of two workers", f"{each_gb:.2f} GB", "<= 1.5 GB"],
        ["one process, one thread", f"{picks / one_s:.1f} picks/s", ""],
        ["two workers", f"{of_two / two_s:.1f} picks/s, {one_s / two_s:.2f} times", ">= 1.8 times"],
    ]
    if importlib.util.find_spec("distributed") is None:
        return [*rows, ["two workers of Dask", "Dask is not installed", ">= 1.8 times"]]
    for kills in (0, KILLS):
        out = folder / f"dask-{kills}"
        _, _, took_s, _ = run(folder / "sds", out, model, days, ["--cluster", "local:2"], kills)
        same = "the same picks" if tables(out) == tables(folder / "one") else "OTHER PICKS"
        killed = f", {kills} times one killed" if kills else ""
        rows.append([f"two workers of Dask{killed}", f"{one_s / took_s:.2f} times, {same}", ">= 1.8 times, the same"])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="phase_picker")
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--events", type=int, default=240)
    parser.add_argument("--days", type=int, default=20, help="of the archive, 3 to 30; 0 leaves it out")
    parser.add_argument("--keep", help="folder for the record and the command's output")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(args.keep or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        record, planted = continuous(round(60 * args.hours), args.events, seed=0, snr=SNR)
        write(record, folder / "day.mseed")
        del record
        command = [sys.executable, "-m", "zoo.cli", "annotate", str(folder / "day.mseed")]
        command += ["--model", args.model, "--out", str(folder / "out")]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"})
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        whole_day = args.hours == 24
        rows = [
            ["whole command", f"{used.ru_utime + used.ru_stime:.0f} CPU-s", "<= 60 CPU-s" if whole_day else ""],
            ["largest memory", f"{used.ru_maxrss / 1024**2:.2f} GB", "<= 1.5 GB" if whole_day else ""],
            *found(planted, folder / "out" / "picks.csv", args.hours),
        ]
        more = archive(folder / "day.mseed", folder, args.model, args.days) if args.days else []
    title = f"{args.hours:g} h of a SYNTHETIC station, 3 components, 100 Hz, {args.events} events: {args.model}"
    print_table(title, ("", "measured", "target"), rows)
    if more:
        print_table(f"{args.days} days of that station as an archive", ("", "measured", "target"), more)


if __name__ == "__main__":
    main()

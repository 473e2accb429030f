"""Preparing a waveform archive: traces per CPU-second, and memory on an archive of 20 GB.

The archive is made for this: STEAD's current layout (one uncompressed HDF5 dataset per trace, its CSV with 35 columns),
2,000 different seismograms of random numbers under as many names as are wanted (hard links), so that it is read as an
archive of 20 GB and fits on the disk (with its records 2.5 GB). It is in the page cache, as the target says.

    python benchmarks/waveforms.py [--traces 277000] [--folder DIR]
"""

from __future__ import annotations

import argparse
import csv
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
from table import print_table

from zoo.files import cores, sha256

DIFFERENT = 2000
COLUMNS = (
    "network_code receiver_code receiver_type receiver_latitude receiver_longitude receiver_elevation_m "
    "p_arrival_sample p_status p_weight p_travel_sec s_arrival_sample s_status s_weight source_id source_origin_time "
    "source_origin_uncertainty_sec source_latitude source_longitude source_error_sec source_gap_deg "
    "source_horizontal_uncertainty_km source_depth_km source_depth_uncertainty_km source_magnitude "
    "source_magnitude_type source_magnitude_author source_mechanism_strike_dip_rake source_distance_deg "
    "source_distance_km back_azimuth_deg snr_db coda_end_sample trace_start_time trace_category trace_name"
).split()


def write_archive(folder: Path, traces: int) -> None:
    """Write merge.hdf5, merge.csv and EQTransformer's kind of list of test traces."""
    rng = np.random.default_rng(0)
    stations = [f"S{i * 800 // traces:03d}" for i in range(traces)]  # STEAD's rows are sorted by station
    names = [f"{station}.XX_2015{i:012d}_EV" for i, station in enumerate(stations)]
    with (
        h5py.File(folder / "merge.hdf5", "w") as file,
        open(folder / "merge.csv", "w", newline="", encoding="utf-8") as text,
    ):
        group = file.create_group("data")
        table = csv.writer(text)
        table.writerow(COLUMNS)
        for number, name in enumerate(names):
            if number < DIFFERENT:
                group[name] = rng.normal(scale=100, size=(6000, 3)).astype(np.float32)
            else:
                group[name] = group[names[number % DIFFERENT]]
            p, s = rng.uniform(400, 1000), rng.uniform(1200, 2500)
            numbers = rng.uniform(1, 80, 12)
            table.writerow(
                ["XX", stations[number], "HH", "32.8889", "-117.1051", "150.0", f"{p:.1f}", "manual", "0.5"]
                + [f"{numbers[0]:.9f}", f"{s:.1f}", "manual", "0.5", str(number // 4), "2015-07-23 15:58:50.88"]
                + ["0.47", f"{numbers[1] - 40:.4f}", f"{numbers[2]:.4f}", f"{numbers[3]:.4f}", f"{numbers[4]:.3f}"]
                + [f"{numbers[5]:.4f}", f"{numbers[6]:.2f}", "None", "3.6", "ml", "None", "None", "0.92", "52.09"]
                + [f"{numbers[7]:.1f}", "[ 56.79999924  55.40000153  47.40000153]", "[[ 2896.]]"]
                + ["2015-07-23 15:59:00.960000", "earthquake_local", name]
            )
    np.save(folder / "test.npy", np.array(names[::10]))


def prepare(archive: Path, dataset: str, data: Path, workers: int) -> tuple[float, float, float]:
    """Run `zoo prepare`; return CPU-seconds, seconds and the largest resident memory in GB."""
    command = [
        sys.executable,
        "-m",
        "zoo.cli",
        "prepare",
        dataset,
        "--manual-dir",
        str(archive),
        "--data-dir",
        str(data),
    ]
    script = (
        "import os, resource, subprocess, sys, time; start = time.monotonic();"
        f"subprocess.run({command!r}, check=True);"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN);"
        "print(used.ru_utime + used.ru_stime, time.monotonic() - start, used.ru_maxrss / 1e6)"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, text=True, stdout=subprocess.PIPE)
    cpu_s, wall_s, memory_gb = (float(number) for number in done.stdout.split()[-3:])
    return cpu_s, wall_s, memory_gb


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--traces", type=int, default=277_000, help="of 72 kB; default 20 GB")
    parser.add_argument("--folder", help="for the archive and the datasets, default a temporary one")
    chosen = parser.parse_args()
    few = min(20_000, chosen.traces // 2)
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        archives = {number: Path(folder) / str(number) for number in (few, chosen.traces)}
        for number, archive in archives.items():
            archive.mkdir()
            write_archive(archive, number)
        data = Path(folder) / "data"
        prepare(archives[few], "stead/kong2021_picking", data, 1)  # kernels compiled, files in the page cache
        shutil.rmtree(data)
        runs, records = {}, {}
        threads = cores()
        for number, workers in ((few, 1), (chosen.traces, 1), (chosen.traces, threads)):
            runs[number, workers] = prepare(archives[number], "stead/kong2021_picking", data, workers)
            records[number, workers] = {file.name: sha256(file) for file in data.glob("stead/*/*/*tfrecord*")}
            shutil.rmtree(data)
        same = records[chosen.traces, 1] == records[chosen.traces, threads]
        rows = [
            [f"{n:,} traces ({n * 72e-6:.1f} GB), {w} thread{'s' * (w > 1)}", f"{c:.1f}", f"{s:.1f}", f"{m:.2f}"]
            for (n, w), (c, s, m) in runs.items()
        ]
        print_table(
            "zoo prepare stead/kong2021_picking: 100 Hz HDF5 to 20 Hz records of 540 x 3 with 37 columns",
            ("archive (made, not real)", "CPU-s", "s", "peak memory, GB"),
            rows,
        )
        # What starting Python and TFDS costs does not grow with the archive.
        per_trace = (runs[chosen.traces, 1][0] - runs[few, 1][0]) / (chosen.traces - few)
        print(f"{1 / per_trace:,.0f} traces per CPU-second ({per_trace * 1e6:.0f} CPU-us each); target >= 6,000")
        print(f"largest memory {max(run[2] for run in runs.values()):.2f} GB; target <= 1 GB")
        print(f"records of 1 and {threads} threads {'are equal' if same else 'DIFFER'}")


if __name__ == "__main__":
    main()

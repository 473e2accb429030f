"""Training reads of waveforms: the zoo beside stock TFDS on the same files, and SeisBench on the same traces.

    python benchmarks/reading.py [--traces N] [--rounds N]

The dataset is made here: **random numbers** in the shape of a training dataset (540 x 3 float32, a label, 30 columns of
metadata), written by `zoo prepare seisbench_format/...` and exported for SeisBench by
`zoo.seismograms.archives.export`. Reading does not depend on what the numbers are. It is larger than the 250 MB up to
which TFDS caches a dataset in memory by itself. Everybody does equal work: one epoch of batches of 256, waveforms (540,
3) float32 with int64 labels, shuffled (TFDS with the zoo's buffer; SeisBench: a permutation of all), page cache warm.
They run in turns; the median of the rounds is printed. SeisBench reads with GenericGenerator and a torch DataLoader of
2 workers, in a process without TensorFlow and as fast as it can: all traces and metadata are in its caches before the
clock starts.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

SAMPLES, BATCH, BUCKET = 540, 256, 1024
CATEGORIES = ("earthquake", "noise")
NUMBERS = (
    "trace_p_arrival_sample trace_p_weight trace_s_arrival_sample trace_s_weight trace_coda_end_sample "
    "station_latitude_deg station_longitude_deg station_elevation_m source_latitude_deg source_longitude_deg "
    "source_depth_km source_magnitude source_gap_deg path_ep_distance_km path_p_travel_sec path_azimuth_deg "
    "path_back_azimuth_deg"
).split()
TEXTS = (
    "trace_start_time trace_channel trace_p_status trace_s_status station_network_code station_code "
    "station_location_code source_id source_magnitude_type source_origin_time"
).split()
ZOO, STOCK, PARTIAL = "zoo.load_dataset", "tfds.load", "tfds.load, only the two features decoded"
SEISBENCH = "SeisBench, 2 workers, all in its cache before"


def write_folder(folder: Path, traces: int) -> None:
    """Write a SeisBench folder of random traces."""
    import h5py

    random = np.random.default_rng(0)
    with (
        h5py.File(folder / "waveforms.hdf5", "w") as file,
        open(folder / "metadata.csv", "w", newline="", encoding="utf-8") as table,
    ):
        file["data_format/component_order"], file["data_format/sampling_rate"] = "ZNE", 20.0
        writer = csv.writer(table)
        writer.writerow(["trace_name", "split", "trace_category", *NUMBERS, *TEXTS])
        for bucket in range(-(-traces // BUCKET)):
            count = min(BUCKET, traces - bucket * BUCKET)
            waveforms = random.standard_normal((count, 3, SAMPLES), dtype=np.float32)
            file.create_dataset(f"data/bucket{bucket}", data=waveforms)
            numbers = random.uniform(0, 100, (count, len(NUMBERS))).tolist()
            for i in range(count):
                place = f"bucket{bucket}${i},:3,:{SAMPLES}"
                texts = [f"{name[:6]}{bucket % 7}{i}" for name in TEXTS]
                texts[-1] = "2020-01-01T00:00:00.000000Z"  # the origin time, which SeisBench parses
                writer.writerow([place, "train", CATEGORIES[i % 2], *numbers[i], *texts])


def prepare(folder: Path, traces: int) -> tuple[str, float]:
    """Make the dataset below `folder`, and export it; return its name and the size of its records in bytes."""
    from zoo.data import datasets
    from zoo.seismograms.archives.export import export

    name = "seisbench_format/reading"
    source = folder / "source"
    source.mkdir()
    write_folder(source, traces)
    made = datasets.prepare(name, folder / "data", settings={"folder": str(source)})
    export(name, folder / "exported", data_dir=folder / "data")
    return name, sum(file.stat().st_size for file in made.glob("*.tfrecord*")) / traces


def epochs(name: str, data_dir: Path, buffer: int) -> dict[str, Callable[[int], object]]:
    """Return what makes a shuffled, batched epoch by each method, as a function of the seed."""
    import tensorflow_datasets as tfds

    from zoo.data import datasets

    wanted = ("waveform", "label")
    decoders = tfds.decode.PartialDecoding({key: True for key in wanted})

    def zoo(seed: int):
        return datasets.load_dataset(name, "train", BATCH, features=wanted, data_dir=data_dir, shuffle_seed=seed)

    def stock(seed: int, **options):
        found = tfds.load(name, split="train", data_dir=str(data_dir), shuffle_files=True, **options)
        return found.map(lambda r: {key: r[key] for key in wanted}).shuffle(buffer, seed=seed).batch(BATCH).prefetch(-1)

    return {ZOO: zoo, STOCK: stock, PARTIAL: lambda seed: stock(seed, decoders=decoders)}


def timed(epoch) -> tuple[float, float, int, int]:
    """Read an epoch; return wall s, CPU s, the number of traces, and the sum of their labels."""
    wall, cpu, count, labels = time.perf_counter(), sum(os.times()[:4]), 0, 0
    for batch in epoch:
        count += batch["waveform"].shape[0]
        labels += int(batch["label"].numpy().sum())
        assert batch["waveform"].shape[1:] == (SAMPLES, 3)
    return time.perf_counter() - wall, sum(os.times()[:4]) - cpu, count, labels


def seisbench_epoch(folder: str) -> tuple[float, float, int, int]:
    """Read an epoch by SeisBench; called in a process of its own."""
    import logging

    import torch
    from seisbench.data import WaveformDataset
    from seisbench.generate import GenericGenerator

    logging.getLogger("seisbench").setLevel(logging.ERROR)
    options = {"component_order": "ZNE", "dimension_order": "NWC", "metadata_cache": True}
    data = WaveformDataset(folder, cache="full", **options)
    data.preload_waveforms()
    generator = GenericGenerator(data)

    @generator.augmentation
    def named(state):
        waveform, metadata = state.pop("X")
        state["waveform"] = waveform.astype(np.float32, copy=False), None
        state["label"] = np.int64(CATEGORIES.index(metadata["trace_category"])), None

    return timed(torch.utils.data.DataLoader(generator, batch_size=BATCH, shuffle=True, num_workers=2))


def seisbench(folder: Path) -> tuple[float, float, int, int]:
    """Run `seisbench_epoch` in a process of its own."""
    command = [sys.executable, __file__, "--seisbench", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return tuple(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--traces", type=int, default=120 * BUCKET, help="default %(default)s, 0.9 GB")
    parser.add_argument("--rounds", type=int, default=3, help="default %(default)s")
    parser.add_argument("--seisbench", metavar="FOLDER", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.seisbench:
        print(json.dumps(seisbench_epoch(args.seisbench)))
        return
    from table import print_table

    from zoo.data import streaming

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        name, record_bytes = prepare(folder, args.traces)
        buffer = streaming.shuffle_buffer(int(record_bytes))
        methods = epochs(name, folder / "data", buffer)
        found: dict[str, list] = {method: [] for method in methods}
        for make in methods.values():  # the page cache, and whatever a first use costs
            next(iter(make(0)))
        peers = all(importlib.util.find_spec(package) for package in ("seisbench", "torch"))
        for turn in range(args.rounds):
            for method, make in methods.items():
                found[method].append(timed(make(turn)))
            if peers:
                found.setdefault(SEISBENCH, []).append(seisbench(folder / "exported"))
    assert {run[2:] for runs in found.values() for run in runs} == {(args.traces, args.traces // 2)}
    medians = {m: [statistics.median(run[column] for run in runs) for column in (0, 1)] for m, runs in found.items()}
    own_wall, own_cpu = medians[ZOO]
    targets = {ZOO: ">= 100,000 traces/s", STOCK: ">= 5", SEISBENCH: "> 1"}
    rows = []
    for method, (wall, cpu) in medians.items():
        ratios = [f"{wall / own_wall:.1f}", f"{cpu / own_cpu:.1f}"] if method != ZOO else ["", ""]
        speed = [f"{args.traces / wall:,.0f}", f"{args.traces / cpu:,.0f}"]
        rows.append([method, f"{wall:.2f}", f"{cpu:.2f}", *speed, *ratios, targets.get(method, "")])
    if not peers:
        rows.append([SEISBENCH, *["not installed"] * 6, "> 1"])
    print_table(
        f"{args.traces:,} traces of random numbers, {record_bytes:,.0f} bytes a record. One epoch of batches of "
        f"{BATCH}, ({SAMPLES}, 3) float32 and int64\nlabels, shuffled (buffer of {buffer:,}; SeisBench: all); "
        f"median of {args.rounds}, in turns, {os.cpu_count()} cores",
        ["read by", "wall s", "CPU s", "traces/s", "traces/CPU-s", "zoo faster, wall", "zoo faster, CPU", "target"],
        rows,
    )


if __name__ == "__main__":
    main()

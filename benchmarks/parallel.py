"""Two training processes against one, each held to one thread: a recipe that the processor bounds, two cores.

    python benchmarks/parallel.py

A network of convolutions learns from windows in memory; measured from the end of the first epoch (in which the step is
compiled) to the end of the last. CPU-seconds are those of the busier process: on a core of its own it takes as long,
and longer by what it waits for the other; the clock of a machine that others use says less.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import table

RECORDS, SAMPLES, BATCH = 512, 1500, 64


def train(out: Path, epochs: int, devices: str) -> None:
    """Train, and print as JSON what the epochs behind the first cost this process."""
    import keras
    import numpy as np

    from zoo.data import datasets
    from zoo.training.recipe import Recipe, Stage, data_settings, fit_settings
    from zoo.training.trainer import NamedRecipe

    x = np.random.default_rng(0).standard_normal((RECORDS, SAMPLES, 3), np.float32)
    datasets.records = lambda name, split, *_: {"waveform": x if split == "train" else x[:64]}
    datasets.metadata = lambda *_: {"version": "1", "splits": {}}

    def build():
        sizes = (32, 1), (48, 2), (64, 2), (64, 2)
        layers = [keras.layers.Conv1D(maps, 7, strides, "same", activation="relu") for maps, strides in sizes]
        return keras.Sequential([keras.Input((SAMPLES, 3)), *layers, keras.layers.Flatten(), keras.layers.Dense(1)])

    class Clock(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            now = time.process_time(), time.monotonic()
            if epoch == 0:
                self.start = now
            self.spent = [end - start for start, end in zip(self.start, now, strict=True)]

    clock = Clock()
    recipe = Recipe(
        name="windows",
        summary="A number of each window.",
        settings={**data_settings("windows"), **fit_settings(BATCH, epochs)},
        build=build,
        stages=[
            Stage(
                "network",
                lambda model, records, values: (records["waveform"], records["waveform"][:, 0, 0]),
                lambda part, values, steps: part.compile("adam", "mse", jit_compile=False),
                by_record=True,
            )
        ],
        score=lambda model, records: {},
        card={},
    )
    NamedRecipe(recipe).train(out=out, callbacks=[clock], devices=devices)
    print(json.dumps(clock.spent))


def measured(count: int, epochs: int) -> tuple[float, float]:
    """Return CPU-seconds of the busier process, and seconds by the clock, of so many processes."""
    from zoo.training.launch import environments

    held = {name: "1" for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--epochs", str(epochs), "--one", str(Path(folder) / "made")]
        started = [
            subprocess.Popen(
                [*command, "all" if count > 1 else ""],
                env={**os.environ, **(own if count > 1 else {}), **held},
                stdout=subprocess.PIPE,
                text=True,
            )
            for own in environments(count)
        ]
        said = [process.communicate()[0] for process in started]
    spent = [json.loads(text.splitlines()[-1]) for text in said]
    return max(cpu for cpu, _ in spent), max(wall for _, wall in spent)


def main() -> None:
    """Measure and print; ZOO_PUBLISH=1 keeps the figures for the pages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--one", nargs=2, metavar=("OUT", "DEVICES"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        train(Path(options.one[0]), options.epochs, options.one[1])
        return
    examples, rows, first = RECORDS * (options.epochs - 1), [], None
    for count in (1, 2):
        cpu_s, wall_s = measured(count, options.epochs)
        first = first or (cpu_s, wall_s)
        speeds = f"{examples / cpu_s:.0f}", f"{first[0] / cpu_s:.2f}", f"{examples / wall_s:.0f}"
        rows.append([str(count), *speeds, f"{first[1] / wall_s:.2f}"])
    head = ["Processes", "windows a CPU-second of each", "times", "windows a second by the clock", "times"]
    table.print_table("Training in two processes of one thread each, against one", head, rows)


if __name__ == "__main__":
    main()

"""Training from disk against training from memory: speed by CPU time, and peak memory, on 10 times the budget.

    python benchmarks/streams.py --records 14000 --budget-gb 0.1

Windows like those of a phase picker (6,000 samples, three components, float32: 72 kB each) are written once; each
training is a process of its own. The machine is shared: CPU-seconds of fit are compared, not the clock.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import table

EPOCHS, BATCH, SAMPLES = 2, 32, 6000


def write(folder: Path, count: int, files: int = 8) -> None:
    """Write windows with a number to learn from each."""
    import numpy as np
    import tensorflow as tf

    rng = np.random.default_rng(0)
    for number, rows in enumerate(np.array_split(np.arange(count), files)):
        with tf.io.TFRecordWriter(str(folder / f"{number}-{len(rows)}")) as writer:
            for _ in rows:
                window = rng.standard_normal((SAMPLES, 3), np.float32)
                lists = tf.train.BytesList(value=[window.tobytes()]), tf.train.FloatList(value=[float(window[0, 0])])
                feature = {
                    "waveform": tf.train.Feature(bytes_list=lists[0]),
                    "x": tf.train.Feature(float_list=lists[1]),
                }
                writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())


def train(folder: Path, budget_gb: float) -> None:
    """Train on the windows within a budget, and print what it cost as JSON."""
    import keras
    import numpy as np
    import tensorflow_datasets as tfds

    from zoo.data import datasets
    from zoo.data.columns import StreamedRecords
    from zoo.data.random_access import RecordSource
    from zoo.training.recipe import Recipe, Stage, data_settings, fit_settings
    from zoo.training.trainer import NamedRecipe

    names = sorted(folder.iterdir())
    pieces = [(str(name), 0, *[int(name.name.split("-")[1])] * 2) for name in names]
    waveform = tfds.features.Tensor(shape=(SAMPLES, 3), dtype=np.float32, encoding="bytes")
    features = {"waveform": waveform, "x": tfds.features.Scalar(np.float32)}

    def records(name, split, data_dir=None, wanted=(), memory_bytes=0):
        source = RecordSource(pieces if split == "train" else [(pieces[0][0], 0, 200, pieces[0][3])], features)
        count = len(source)

        def read(some):
            made = {key: np.empty((count, *features[key].shape), np.float32) for key in some}
            for first in range(0, count, 256):
                rows = range(first, min(count, first + 256))
                for key, part in source.rows(rows, some).items():
                    made[key][rows] = part
            return made

        found = StreamedRecords(f"windows, {split}", source, read, memory_bytes)
        return read(list(features)) if found.size_bytes <= memory_bytes else found

    datasets.records = records
    datasets.metadata = lambda *_: {"version": "1", "splits": {}}

    def build():
        convolution = lambda maps: keras.layers.Conv1D(maps, 7, strides=4, activation="relu", padding="same")  # noqa: E731
        layers = [
            keras.layers.Conv1D(16, 7, strides=2, activation="relu", padding="same"),
            *map(convolution, (24, 32, 48)),
        ]
        return keras.Sequential([keras.Input((SAMPLES, 3)), *layers, keras.layers.Flatten(), keras.layers.Dense(1)])

    def scaled(model, records, values):
        return records["waveform"] / np.abs(records["waveform"]).max(axis=(1, 2), keepdims=True), records["x"]

    compile = lambda part, values, steps: part.compile("adam", "mse", jit_compile=False)  # noqa: E731
    recipe = Recipe(
        name="windows",
        summary="A number of each window.",
        settings={**data_settings("windows"), **fit_settings(BATCH, EPOCHS)},
        build=build,
        stages=[Stage("network", scaled, compile, by_record=True)],
        score=lambda model, records: {},
        card={},
    )
    start = time.process_time()
    with tempfile.TemporaryDirectory() as out:
        made = NamedRecipe(recipe).train(out=Path(out) / "made", memory_gb=budget_gb)
        card = json.loads((made / "card.json").read_text())
        history = (made / "history.csv").read_text()
    fit_s = card["training_cpu_s"]  # nothing but fit
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    whole = time.process_time() - start
    print(json.dumps({"fit_cpu_s": fit_s, "cpu_s": whole, "peak_gb": peak, "history": history}))


def main() -> None:
    """Measure and print; ZOO_PUBLISH=1 keeps the figures for the pages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=14_000, help="14,000 are 1 GB")
    parser.add_argument("--budget-gb", type=float, default=0.1)
    parser.add_argument("--one", nargs=2, metavar=("FOLDER", "GB"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        train(Path(options.one[0]), float(options.one[1]))
        return
    rows, histories = [], []
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), options.records)
        for what, budget in (("memory", 1000.0), (f"disk, budget {options.budget_gb:g} GB", options.budget_gb)):
            command = [sys.executable, __file__, "--one", folder, str(budget)]
            said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            found = json.loads(said.splitlines()[-1])
            examples = EPOCHS * options.records
            rows.append(
                [what, f"{examples / found['fit_cpu_s']:.0f}", f"{found['cpu_s']:.0f}", f"{found['peak_gb']:.2f}"]
            )
            histories.append(found["history"])
    rows[1].append(f"{float(rows[1][1]) / float(rows[0][1]):.2f}")
    rows[0].append("1")
    print("history is the same" if histories[0] == histories[1] else "history DIFFERS")
    head = ["Records from", "windows a CPU-second of fit", "CPU-seconds in all", "peak memory, GB", "speed"]
    table.print_table("Training on windows of 72 kB, from memory and from disk", head, rows)


if __name__ == "__main__":
    main()

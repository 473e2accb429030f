"""A small builder of waveforms over a list of numbers, to test what all of them share."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

from zoo.seismograms.archives.preparation import Layout, Problem, Row, Skipped, Traces, WaveformBuilder, WaveformConfig

ROWS = 1000


class Toy(WaveformBuilder, skip_registration=True):
    """A trace per number: its waveform is a ramp that starts there."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [
        WaveformConfig(name="all", description="toy"),
        WaveformConfig(name="complete", description="toy", complete=True),
    ]
    ROWS_AT_ONCE = 32
    gone = frozenset((500,))  # numbers that reading does not find
    name = "toy"
    numbers = range(ROWS)
    fail_at: int | None = None  # a number at which reading breaks
    read: list[int]  # what was read

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.read, self._lock = [], threading.Lock()

    def _layout(self):
        return Layout(20, 50.0, ("trace_name", "trace_category", "source_magnitude", "trace_snr_db"), "ZNE", "counts",
                      ("even", "odd"))  # fmt: skip

    def _about(self):
        return {"origin": "numbers"}

    def _sources(self, dl_manager):
        return [Path(__file__)]

    def _rows(self, sources):
        for number in self.numbers:
            split = ("train", "train", "train", "validation", "test")[number % 5]
            yield Skipped(f"n{number}", "unlucky") if number == 13 else Row(split, f"n{number % 990}", number)

    def _read(self, sources, rows):
        if self.fail_at in rows:
            raise KeyboardInterrupt
        with self._lock:
            self.read += rows
        waves = np.arange(60, dtype=np.float32).reshape(20, 3) + np.array(rows, np.float32)[:, None, None]
        for index, number in enumerate(rows):
            if number == 100:
                waves[index, 3, 1] = np.nan
            elif number == 200:
                waves[index] = 7
            elif number == 300:
                waves[index, :, 2] = 0
            elif number == 400:
                waves[index] = waves[index, :, :1]
        keep = [index for index, number in enumerate(rows) if number not in self.gone]
        columns = {
            "trace_name": [f"n{rows[i]}" for i in keep],
            "trace_category": [("even", "odd")[rows[i] % 2] for i in keep],
            "source_magnitude": [rows[i] / 7 for i in keep],
            "trace_snr_db": [(rows[i], 2.0, np.nan) for i in keep],
        }
        problems = [Problem(f"n{number}", "lost", "skipped") for number in rows if number in self.gone]
        return Traces(waves[keep], columns, problems)


def prepare(folder: Path, config: str = "all", limit: int | None = None, workers: int = 2, **attributes) -> Toy:
    """Prepare the toy dataset in a folder."""
    made = Toy(config=config, data_dir=str(folder))
    made.workers = workers
    for key, value in attributes.items():
        setattr(made, key, value)
    options = tfds.download.DownloadConfig(max_examples_per_split=limit)
    made.download_and_prepare(download_dir=str(folder / "downloads"), download_config=options)
    return made


def files(made: Toy) -> dict[str, bytes]:
    """Return the content of the record files by name."""
    return {path.name: path.read_bytes() for path in sorted(Path(made.data_dir).glob("*tfrecord*"))}

"""A prepared dataset of waveforms as a SeisBench dataset: metadata.csv and waveforms.hdf5.

The format is that of `seisbench.data.WaveformDataWriter` (Woollam et al. 2022): traces (components, samples) in buckets
of 1024; each row of the metadata says where its trace lies, as in `bucket0$12,:3,:540`.
"""

from __future__ import annotations

import csv
import datetime
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.data import datasets
from zoo.errors import ZooError, did_you_mean
from zoo.files import write_json
from zoo.progress import bar, say
from zoo.seismograms.archives.columns import COLUMNS
from zoo.store import atomic_folder

if TYPE_CHECKING:
    import h5py
    import numpy as np
    import tensorflow_datasets as tfds

BUCKET = 1024
_ORIGIN = "source_origin_time"
_READ_TOGETHER = 128
_SEISBENCH_SPLIT = {"train": "train", "validation": "dev", "test": "test"}
# SeisBench uses trace_name for where the trace lies, and trace_component_order for the order of what is stored.
_RENAMED = {"trace_name": "trace_name_original", "trace_component_order": "trace_component_order_original"}


def export(
    name: str,
    folder: str | os.PathLike,
    splits: Sequence[str] | None = None,
    data_dir: str | os.PathLike | None = None,
) -> Path:
    """Write a prepared dataset of waveforms as a SeisBench dataset.

    >>> import tempfile
    >>> from zoo.data.datasets import prepare
    >>> with tempfile.TemporaryDirectory() as data_dir:
    ...     _ = prepare("local_seismograms/mini", data_dir, limit=16)
    ...     made = export("local_seismograms/mini", f"{data_dir}/seisbench", ["train"], data_dir)
    ...     sorted(path.name for path in made.iterdir())
    ['about.json', 'metadata.csv', 'waveforms.hdf5']

    Args:
        name: `dataset/config`.
        folder: a new or empty folder; it appears only when it is complete.
        splits: `train`, `validation`, `test`, or parts of them (`train[:10%]`); default all.
        data_dir: where prepared datasets lie.

    Returns:
        The folder, with metadata.csv (missing values empty, origin times in one form, the split `dev` for validation),
        waveforms.hdf5, and about.json with the metadata of the dataset.

    Raises:
        ZooError: if the dataset is not prepared or has no waveforms, the folder is not empty, or the disk is too full.
    """
    folder = Path(folder).expanduser()
    about = datasets.metadata(name, data_dir)
    features = waveform_features(name, data_dir)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ZooError(f"{folder} exists and is not empty: choose a new folder, or delete it.")
    info = datasets.builder(name, data_dir).info
    wanted = list(splits or [split for split in _SEISBENCH_SPLIT if split in info.splits] or info.splits)
    counts = {split: _count(info, name, split) for split in wanted}
    samples, components = features["waveform"].shape
    _check_disk(folder, 4 * samples * components * sum(counts.values()))
    with atomic_folder(folder) as temporary:
        _write(temporary, name, counts, features, about, data_dir)
        write_json(temporary / "about.json", about)
    return folder


def waveform_features(name: str, data_dir: str | os.PathLike | None = None) -> dict[str, Any]:
    """Return the TFDS features of a dataset of waveforms.

    Raises:
        ZooError: if it has no waveforms, with the names of prepared datasets that have some.
    """
    found = datasets.builder(name, data_dir)
    features = dict(found.info.features.items())
    about = datasets.metadata(name, data_dir)
    if len(getattr(features.get("waveform"), "shape", ())) == 2 and "sampling_rate_hz" in about:
        return features
    others = ", ".join(prepared_waveforms(data_dir)) or "none (zoo prepare makes one)"
    raise ZooError(f"The records of {name} are not waveforms (samples, components). Prepared here are: {others}.")


def prepared_waveforms(data_dir: str | os.PathLike | None = None) -> list[str]:
    """Return the names of prepared datasets of waveforms."""
    folders = datasets.data_folder(data_dir).glob("*/*/*/features.json")
    return sorted({f"{path.parts[-4]}/{path.parts[-3]}" for path in folders if '"waveform"' in path.read_text()})


def _count(info: tfds.core.DatasetInfo, name: str, split: str) -> int:
    """Return the number of records in a split or a part of one."""
    base = re.split(r"[\[+]", split)[0].strip()
    if base not in info.splits:
        raise ZooError(f"{name} has no split {base!r}, but {', '.join(info.splits)}.{did_you_mean(base, info.splits)}")
    return info.splits[split].num_examples


def _check_disk(folder: Path, needed: int) -> None:
    """Raise if the disk has less than `needed` bytes free."""
    there = next(parent for parent in folder.absolute().parents if parent.exists())
    free = shutil.disk_usage(there).free
    if needed > free:
        raise ZooError(
            f"The export takes {needed / 1e9:.1f} GB, and {there} has {free / 1e9:.1f} GB free: choose another disk."
        )


def _write(
    folder: Path,
    name: str,
    counts: Mapping[str, int],
    features: Mapping[str, Any],
    about: Mapping[str, Any],
    data_dir: str | os.PathLike | None,
) -> None:
    """Write metadata.csv and waveforms.hdf5, a batch at a time."""
    import h5py

    columns = _columns(features)
    writer, unread = None, 0
    with (
        h5py.File(folder / "waveforms.hdf5", "w") as file,
        open(folder / "metadata.csv", "w", newline="", encoding="utf-8") as table,
        bar(f"exporting {name}", sum(counts.values())) as advance,
    ):
        stated = {
            "dimension_order": "CW",
            "component_order": about.get("component_order", "ZNE"),
            "sampling_rate": about["sampling_rate_hz"],
            "measurement": about.get("measurement", "unknown"),
            "unit": f"{about.get('unit', 'unknown')} / trace_scale" if "trace_scale" in columns else about.get("unit"),
            "instrument_response": about.get("instrument_response", "unknown"),
        }
        for key, value in stated.items():
            file.create_dataset(f"data_format/{key}", data=value or "unknown")
        buckets = _Buckets(file)
        for split, count in counts.items():
            base = re.split(r"[\[+]", split)[0].strip()
            buckets.expect(count)
            for batch in datasets.load_dataset(name, split, _READ_TOGETHER, data_dir=data_dir).as_numpy_iterator():
                if writer is None:
                    writer = csv.writer(table, lineterminator="\n")
                    writer.writerow(["trace_name", *(_RENAMED.get(column, column) for column in columns), "split"])
                names = buckets.add(batch["waveform"])
                texts = [list(_texts(column, batch[column], features[column])) for column in columns]
                if _ORIGIN in columns:
                    pairs = zip(batch[_ORIGIN], texts[columns.index(_ORIGIN)], strict=True)
                    unread += sum(bool(value) and not text for value, text in pairs)
                end = [_SEISBENCH_SPLIT.get(base, base)] * len(names)
                writer.writerows(zip(names, *texts, end, strict=True))
                advance(len(names))
    if unread:
        say(f"{unread:,} times in {_ORIGIN} cannot be read; they are left empty in the export.")


class _Buckets:
    """Writes traces into buckets as they come."""

    def __init__(self, file: h5py.File):
        self._data = file.create_group("data")
        self._left = 0
        self._filled = 0
        self._bucket: h5py.Dataset | None = None

    def expect(self, count: int) -> None:
        """State how many traces follow, so that the last bucket is no larger than necessary."""
        self._left, self._bucket = count, None

    def add(self, waveforms: np.ndarray) -> list[str]:
        """Write traces (n, samples, components); return where each lies, as SeisBench names it."""
        names: list[str] = []
        while len(waveforms):
            if self._bucket is None or self._filled == len(self._bucket):
                shape = (min(BUCKET, self._left), waveforms.shape[2], waveforms.shape[1])
                self._bucket, self._filled = self._data.create_dataset(f"bucket{len(self._data)}", shape, "f4"), 0
            some = waveforms[: len(self._bucket) - self._filled]
            self._bucket[self._filled : self._filled + len(some)] = some.transpose(0, 2, 1)
            node = self._bucket.name.rsplit("/", 1)[1]
            size = f":{waveforms.shape[2]},:{waveforms.shape[1]}"
            names += [f"{node}${self._filled + i},{size}" for i in range(len(some))]
            self._filled += len(some)
            self._left -= len(some)
            waveforms = waveforms[len(some) :]
        return names


def _columns(features: Mapping[str, Any]) -> list[str]:
    """Return the features that become columns of the table: those of SeisBench in their order, then the others.

    The number of a category becomes one only if its name does not.
    """
    fits = [key for key, feature in features.items() if key != "waveform" and feature.shape in ((), (3,))]
    if "trace_category" in fits and "label" in fits:
        fits.remove("label")
    if set(_RENAMED.values()) & set(fits):  # a dataset that was exported before: its original names stay
        fits = [key for key in fits if _RENAMED.get(key) not in fits]
    return [key for key in COLUMNS if key in fits] + [key for key in fits if key not in COLUMNS]


def _texts(column: str, values: np.ndarray, feature: Any) -> Iterator[str]:
    """Return the values of a column as SeisBench reads them: missing ones empty, vectors in brackets."""
    if column == _ORIGIN:
        return (_one_form(value.decode()) for value in values)
    if hasattr(feature, "int2str"):
        return (feature.int2str(int(value)) for value in values)
    if values.dtype == object:
        return (value.decode() for value in values)
    if values.ndim == 2:
        return ("" if (row != row).all() else f"[{' '.join(map(repr, row.tolist()))}]" for row in values)
    return ("" if value != value else repr(value) for value in values.tolist())


def _one_form(time: str) -> str:
    """Return a time (UTC if it states no zone) with microseconds and Z; empty if it is not a time.

    SeisBench has pandas read this column, and pandas refuses a column whose times differ in form.
    """
    try:
        read = datetime.datetime.fromisoformat(time)
    except ValueError:
        return ""
    read = read.replace(tzinfo=datetime.UTC) if read.tzinfo is None else read.astimezone(datetime.UTC)
    return f"{read.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"

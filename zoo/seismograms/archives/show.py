"""A look at a dataset: a picture of some of its waveforms, drawn at random from every category."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zoo.data import datasets
from zoo.seismograms.archives.export import waveform_features

_PARTS, _EACH = 24, 50  # of a dataset of millions, only records of a few random parts are looked at


def choose(categories: Sequence[str], count: int, seed: int) -> list[int]:
    """Choose rows at random, as evenly from the categories as they permit.

    Args:
        categories: category of each row; all equal if there are none.
        count: how many rows.
        seed: seed of the random choice.

    Returns:
        At most `count` row numbers, those of one category together.
    """
    order = np.random.default_rng(seed).permutation(len(categories))
    rows = defaultdict(list)
    for row in order:
        rows[categories[row]].append(int(row))
    rounds = [(turn, category) for category in rows for turn in range(len(rows[category]))]
    taken = sorted(rounds)[:count]
    return [rows[category][turn] for turn, category in sorted(taken, key=lambda item: (item[1], item[0]))]


def show(
    name: str,
    out: str | os.PathLike,
    split: str = "train",
    count: int = 12,
    seed: int = 0,
    data_dir: str | os.PathLike | None = None,
) -> Path:
    """Draw a grid of waveforms of a prepared dataset with their picks.

    >>> import tempfile
    >>> from zoo.data.datasets import prepare
    >>> with tempfile.TemporaryDirectory() as data_dir:
    ...     _ = prepare("local_seismograms/mini", data_dir, limit=16)
    ...     show("local_seismograms/mini", f"{data_dir}/some.png", count=4, data_dir=data_dir).name
    'some.png'

    Args:
        name: `dataset/config`.
        out: picture to write; the suffix chooses the format.
        split: a split, or part of one (`train[:10%]`).
        count: how many waveforms.
        seed: seed of the random choice.
        data_dir: where prepared datasets lie.

    Returns:
        The path of the picture.

    Raises:
        ZooError: if the dataset is not prepared or has no waveforms.
    """
    from zoo.figures import save_figure
    from zoo.seismograms.figures.waveforms import waveforms_figure

    features = waveform_features(name, data_dir)
    about = datasets.metadata(name, data_dir)
    source = datasets.data_source(name, split, data_dir=data_dir)
    rows = _some_rows(len(source), seed)
    category = next((key for key in ("trace_category", "source_type", "label") if key in features), None)
    if category:
        looked_at = datasets.data_source(name, split, features=(category,), data_dir=data_dir)
        categories = [str(looked_at[row][category]) for row in rows]
    else:
        categories = [""] * len(rows)
    chosen = [source[rows[row]] for row in choose(categories, count, seed)]
    for record in chosen:
        if "label" in record and "trace_category" not in record:
            record["trace_category"] = features["label"].int2str(int(record["label"]))
    synthetic = " (SYNTHETIC)" if str(about["origin"]).lower().startswith("synthetic") else ""
    figure = waveforms_figure(
        chosen,
        about["sampling_rate_hz"],
        about.get("component_order", "ZNE"),
        about.get("unit", "unknown unit"),
        f"{name}{synthetic}, {split}: {len(chosen)} of {len(source):,}",
    )
    return save_figure(figure, out)


def _some_rows(total: int, seed: int) -> list[int]:
    """Return all rows, or those of a few random parts where there are many."""
    if total <= _PARTS * _EACH:
        return list(range(total))
    starts = np.random.default_rng(seed).integers(0, total - _EACH, _PARTS)
    return sorted({int(start) + offset for start in starts for offset in range(_EACH)})

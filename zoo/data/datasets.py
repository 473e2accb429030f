"""Datasets: dataset name -> TFDS builder -> batched tf.data.

A dataset is named as in TFDS: `microseismic/marine` is the config `marine` of `datasets/microseismic`.
Prepared datasets lie where TFDS keeps them (`TFDS_DATA_DIR`, by default `~/tensorflow_datasets`) or in
`ZOO_DATA_DIR`; `tfds.load` reads them too.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.data import prepared, shards
from zoo.data.builders import builder_class, check_name, config_names, home
from zoo.data.mending import mend
from zoo.data.streaming import stream
from zoo.errors import UsageError, ZooError, did_you_mean
from zoo.store import check_is_folder_here, explain_disk, locked, sweep

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf
    import tensorflow_datasets as tfds

    from zoo.data.random_access import RecordSource


def data_folder(data_dir: str | os.PathLike | None = None) -> Path:
    """Return the folder of prepared datasets: the argument, `ZOO_DATA_DIR`, or TFDS's own."""
    chosen = data_dir or os.environ.get("ZOO_DATA_DIR") or os.environ.get("TFDS_DATA_DIR")
    check_is_folder_here(chosen or "")
    return Path(chosen or "~/tensorflow_datasets").expanduser()


def describe(name: str, data_dir: str | os.PathLike | None = None) -> dict[str, Any]:
    """Return what is known of a dataset: its configs, its README, and what is prepared where."""
    dataset, config = check_name(name)
    here = home(dataset)
    configs = config_names(dataset)
    root = data_folder(data_dir) / dataset
    there = [path for each in root.glob("*") for path in prepared.versions(each)]
    whole = [] if configs else prepared.versions(root)  # of a builder without configs
    there = sorted(there + whole)
    if config and config not in {*configs, *(path.parent.name for path in there)}:
        raise ZooError(f"{dataset} has no config {config!r}.{did_you_mean(config, configs)}")
    return {
        "name": name,
        "kind": "dataset",
        "configs": configs,
        "prepared": {
            dataset if path in whole else f"{dataset}/{path.parent.name}": str(path) for path in whole + there
        },
        "about": _text(here / "README.md"),
        "citation": _text(here / "CITATIONS.bib"),
    }


def _text(path: Path) -> str:
    """Return a file's text; nothing where a builder of somebody's own has none."""
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def builder(
    name: str, data_dir: str | os.PathLike | None = None, settings: Mapping[str, Any] | None = None
) -> tfds.core.DatasetBuilder:
    """Return the TFDS builder of a dataset.

    A config that the code does not know (one that a user made) is read from the prepared files.

    Args:
        name: `dataset` or `dataset/config`.
        data_dir: where prepared datasets lie.
        settings: what a user's own config changes; needs a builder with `custom_config`.
    """
    import tensorflow_datasets as tfds

    dataset, config = check_name(name)
    cls = builder_class(dataset)
    where = data_folder(data_dir)
    if settings:
        if not hasattr(cls, "custom_config"):
            raise ZooError(f"{dataset} takes no --set: its configs are {', '.join(cls.builder_configs)}.")
        own = cls.custom_config(config, dict(settings))
        with _without_warnings():  # TFDS prints the whole config as one
            return cls(config=own, data_dir=str(where))
    if config and config not in cls.builder_configs:
        versions = prepared.versions(where / dataset / config)
        if not versions:
            known = did_you_mean(config, cls.builder_configs)
            own = f" One of your own: zoo prepare {name} --set ..." if hasattr(cls, "custom_config") else ""
            raise ZooError(f"{dataset} has no config {config!r} and none is prepared in {where}.{known}{own}")
        with _readable(versions):
            return tfds.builder_from_directory(str(versions[-1]))
    with _readable(prepared.versions(where / dataset / config if config else where / dataset)):
        return cls(config=config or None, data_dir=str(where))


@contextlib.contextmanager
def _readable(versions: Sequence[Path]) -> Iterator[None]:
    """Name the folder where TFDS cannot read what a prepared dataset says of itself."""
    try:
        yield
    except Exception as error:  # TFDS, protobuf and json each have their own
        if not versions or isinstance(error, ZooError):
            raise
        what = str(error).strip().splitlines()[0]
        raise ZooError(f"{versions[-1]} is damaged ({what}). {prepared.remedy(versions[-1])}") from error


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    from absl import logging

    before = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(before)


def prepare(
    name: str,
    data_dir: str | os.PathLike | None = None,
    manual_dir: str | os.PathLike | None = None,
    limit: int | None = None,
    settings: Mapping[str, Any] | None = None,
    workers: int | None = None,
    beam_options: str | None = None,
    cluster: str | None = None,
) -> Path:
    """Download or generate a dataset and write it for `load`; return its folder.

    What an interrupted run has downloaded or generated is kept, and the next run goes on from it. A generated dataset
    has the same bytes whoever computes it: `zoo.data.shards`.

    Args:
        name: `dataset/config`.
        data_dir: where prepared datasets lie.
        manual_dir: a folder with files that cannot be downloaded or are at hand.
        limit: at most this many examples per split (another folder name is best for such a trial).
        settings: what a user's own config changes.
        workers: threads that generate or read, default the number of cores.
        beam_options: options of an Apache Beam pipeline that generates instead (`--runner=... --...`).
        cluster: "local:4", or the address of a Dask scheduler, whose workers generate instead (`zoo.cluster`).

    Raises:
        ZooError: if it cannot be made, or `settings` are not those with which a config of this name is prepared.
    """
    if manual_dir and not Path(manual_dir).expanduser().is_dir():  # TFDS would go on without it, and download
        raise ZooError(f"There is no folder {manual_dir}: --manual-dir names one with files that are at hand.")
    root = data_folder(data_dir)
    folder, made_with = _place(name, root, limit, settings)

    def make(where: Path) -> tfds.core.DatasetBuilder:
        made = builder(name, where, made_with["settings"])
        _make(
            made,
            root / "downloads" / name.split("/")[0],
            manual_dir,
            made_with["limit"],
            workers,
            beam_options,
            cluster,
        )
        return made

    with contextlib.suppress(OSError):  # what cannot be written to may hold it already
        folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        for left in folder.parent.glob(f"incomplete.*_{folder.name}"):  # by a preparation that was killed
            shutil.rmtree(left, ignore_errors=True)
        sweep(folder)
        if not folder.is_dir():
            prepared.write_manifest(make(root), folder, made_with)
        else:
            if settings:
                _check_settings(name, builder(name, data_dir, settings), data_dir)
            mend(name, folder, made_with, make)
        for kept in ("shards", "blocks"):  # what the dataset was assembled from, also by older code
            pieces = root / "downloads" / name.split("/")[0] / kept
            for leftover in pieces.glob(f"{folder.parent.name}-{'[0-9a-f]' * 16}"):
                shutil.rmtree(leftover, ignore_errors=True)
    return folder


def _place(name: str, root: Path, limit: int | None, settings: Mapping[str, Any] | None) -> tuple[Path, dict[str, Any]]:
    """Return the folder of a dataset, and what it is or was made with: limit and settings of a config of one's own."""
    dataset, config = check_name(name)
    cls = builder_class(dataset)
    if config and config not in cls.builder_configs and not settings:
        there = prepared.versions(root / dataset / config)
        if not there:
            builder(name, root)  # says what there is
        folder = there[-1]
    else:
        # In an empty folder, for TFDS reads what is prepared, damaged or not.
        with _without_warnings(), tempfile.TemporaryDirectory() as empty:
            folder = root / Path(builder(name, empty, settings).data_dir).relative_to(empty)
    held = prepared.manifest(folder)
    return folder, held["made_with"] if held else {"limit": limit, "settings": dict(settings) if settings else None}


def _make(
    made: tfds.core.DatasetBuilder,
    downloads: Path,
    manual_dir: str | os.PathLike | None,
    limit: int | None,
    workers: int | None,
    beam_options: str | None,
    cluster: str | None,
) -> None:
    """Let TFDS download or generate, and write."""
    import tensorflow_datasets as tfds

    generated = shards.is_generated(made)
    if beam_options is not None and cluster is not None:
        raise UsageError("Shards are made by --beam or by --cluster; received both.")
    if generated:
        made.beam_options, made.cluster, made.limit = beam_options, cluster, limit
    elif beam_options is not None or cluster is not None:
        option = "--cluster" if beam_options is None else "--beam"
        raise UsageError(f"{made.info.full_name} is not made of shards: {option} has nothing to do.")
    if generated or hasattr(made, "blocks_folder"):
        made.workers = workers
    elif workers:
        raise UsageError(f"{made.info.full_name} is neither generated nor read in blocks: --workers has nothing to do.")
    config = tfds.download.DownloadConfig(
        manual_dir=str(Path(manual_dir).expanduser()) if manual_dir else None,
        max_examples_per_split=limit,
        force_checksums_validation=True,
        verify_ssl=True,
    )
    if not sys.stderr.isatty():
        tfds.disable_progress_bar()
    # TFDS prints that a size is unknown; what there is to say, builders say on stderr.
    with explain_disk(Path(made.data_dir)), contextlib.redirect_stdout(io.StringIO()):
        made.download_and_prepare(download_dir=str(downloads), download_config=config)


def _check_settings(name: str, made: tfds.core.DatasetBuilder, data_dir: str | os.PathLike | None) -> None:
    """Refuse a name under which something else is prepared: TFDS would silently return that."""
    there = metadata(name, data_dir).get("settings", {})
    asked = shards.fields(made.builder_config)
    other = [key for key in asked if key in there and there[key] != asked[key]]
    if other:
        raise ZooError(
            f"{name} is prepared with other settings ({', '.join(other)}). Choose another name, or delete "
            f"{made.data_dir} to make it anew."
        )


def _prepared(name: str, data_dir: str | os.PathLike | None) -> tfds.core.DatasetBuilder:
    found = builder(name, data_dir)
    if not (Path(found.data_dir) / "dataset_info.json").is_file():
        extra = f" --data-dir {data_dir}" if data_dir else ""
        raise ZooError(
            f"The dataset {name} is not prepared in {data_folder(data_dir)}. Make it: zoo prepare {name}{extra}"
        )
    prepared.check_sizes(found, Path(found.data_dir))
    return found


def verify(name: str, data_dir: str | os.PathLike | None = None) -> tuple[Path, dict[str, str]]:
    """Compare every byte of a prepared dataset with its manifest.

    Returns:
        Its folder, and file -> what is wrong with it.

    Raises:
        ZooError: if it is not prepared.
    """
    folder, _ = _place(name, data_folder(data_dir), None, None)
    if not folder.is_dir():
        _prepared(name, data_dir)  # says what to do
    return folder, prepared.damaged(folder)


def metadata(name: str, data_dir: str | os.PathLike | None = None) -> dict[str, Any]:
    """Return what a dataset says of itself: units, geometry, sampling, version, number of examples, its digest."""
    found = _prepared(name, data_dir)
    splits = {split: info.num_examples for split, info in found.info.splits.items()}
    # TFDS fills its lazy metadata on the first look-up.
    stated = found.info.metadata or {}
    stated.get("")
    content = prepared.digest(Path(found.data_dir))
    return {**dict(stated.items()), "version": str(found.version), "splits": splits, "sha256": content}


def load_dataset(
    name: str,
    split: str,
    batch_size: int | None = None,
    *,
    features: Sequence[str] | None = None,
    data_dir: str | os.PathLike | None = None,
    shuffle_seed: int | None = None,
) -> tf.data.Dataset:
    """Return a split of a prepared dataset as a tf.data.Dataset of dicts of tensors.

    The fast path for training: files are interleaved, records shuffled while still serialized, and
    whole batches parsed at once.

    Args:
        name: `dataset/config`.
        split: `train`, `validation`, `test`, or a part of one as TFDS writes it (`train[:90%]`).
        batch_size: examples per batch; None gives single examples.
        features: names of those that are wanted, default all; the others are not parsed.
        data_dir: where prepared datasets lie.
        shuffle_seed: seed of the order; None keeps the order of the files.

    Returns:
        A dataset of dicts; numbers in the unit that the dataset's README states.

    Raises:
        ZooError: if the dataset is not prepared, or has no such split or feature.
    """
    found = _prepared(name, data_dir)
    _check_split(found, name, split)
    pieces = found.info.splits[split].file_instructions
    return stream(pieces, _chosen(found, name, features), batch_size, shuffle_seed)


def data_source(
    name: str,
    split: str,
    *,
    features: Sequence[str] | None = None,
    data_dir: str | os.PathLike | None = None,
) -> RecordSource:
    """Return a split of a prepared dataset for random access: `source[17]`, `len(source)`.

    The same files as those of `load_dataset`; also what a torch DataLoader or Grain takes for a data set.

    Args:
        name, split, features, data_dir: as in `load_dataset`.

    Returns:
        A sequence of dicts of numpy arrays, numbers and texts.

    Raises:
        ZooError: as `load_dataset`.
    """
    from zoo.data.random_access import RecordSource

    found = _prepared(name, data_dir)
    _check_split(found, name, split)
    pieces = [
        (str(p.filename), p.skip, p.take, p.examples_in_shard) for p in found.info.splits[split].file_instructions
    ]
    return RecordSource(pieces, _chosen(found, name, features))


def _check_split(found: tfds.core.DatasetBuilder, name: str, split: str) -> None:
    base = re.split(r"[\[+]", split)[0].strip()
    if base not in found.info.splits and base != "all":
        raise ZooError(f"{name} has no split {base!r}.{did_you_mean(base, found.info.splits)}")


def _chosen(found: tfds.core.DatasetBuilder, name: str, wanted: Sequence[str] | None) -> dict[str, Any]:
    """Return the features of these names, default all."""
    there = dict(found.info.features.items())
    for feature in wanted or ():
        if feature not in there:
            raise ZooError(f"The records of {name} have no {feature!r}.{did_you_mean(feature, there)}")
    return {key: there[key] for key in wanted} if wanted else there


def named_part(name: str) -> tuple[str, str]:
    """Return dataset and split of NAME/CONFIG:SPLIT; without a split, all of it.

    >>> named_part("stead/sample:test"), named_part("stead/sample")
    (('stead/sample', 'test'), ('stead/sample', 'all'))
    """
    dataset, _, split = name.partition(":")
    return dataset, split or "all"


def arrays(
    name: str, split: str, data_dir: str | os.PathLike | None = None, features: Sequence[str] = ()
) -> dict[str, np.ndarray]:
    """Return a split of a prepared dataset that fits in memory, as a dict of numpy arrays.

    Args:
        name, split, data_dir: as in `load_dataset`.
        features: names of those that are wanted, where the dataset has them; default all.
    """
    import numpy as np

    found = _prepared(name, data_dir)
    wanted = [feature for feature in features if feature in found.info.features]
    made: dict[str, np.ndarray] = {}
    at = 0
    for batch in load_dataset(name, split, 1024, features=wanted, data_dir=data_dir).as_numpy_iterator():
        if not made:  # filled in place: joining the batches would hold everything twice
            count = found.info.splits[split].num_examples
            made = {key: np.empty((count, *part.shape[1:]), part.dtype) for key, part in batch.items()}
        for key, part in batch.items():
            made[key][at : at + len(part)] = part
        at += len(part)
    if not made:
        raise ZooError(f"The split {split} of {name} is empty.")
    return made


def records(
    name: str,
    split: str,
    data_dir: str | os.PathLike | None = None,
    features: Sequence[str] = (),
    memory_bytes: int | None = None,
) -> Mapping[str, Any]:
    """Return a split as `arrays` does where it fits in a budget of memory, otherwise as records that stay on disk.

    Args:
        name, split, data_dir, features: as in `arrays`.
        memory_bytes: the budget; None: everything fits.

    Returns:
        feature -> array, a dict or a `zoo.data.columns.StreamedRecords`.
    """
    if memory_bytes is None:
        return arrays(name, split, data_dir, features)
    from zoo.data.columns import StreamedRecords

    there = _prepared(name, data_dir).info.features
    wanted = [feature for feature in features if feature in there]
    source = data_source(name, split, features=wanted, data_dir=data_dir)
    if not len(source):
        raise ZooError(f"The split {split} of {name} is empty.")
    read = lambda some: arrays(name, split, data_dir, some)  # noqa: E731
    streamed = StreamedRecords(f"{name}, {split}", source, read, memory_bytes)
    return arrays(name, split, data_dir, features) if streamed.size_bytes <= memory_bytes else streamed

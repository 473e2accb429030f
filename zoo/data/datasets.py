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
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.data import shards
from zoo.data.builders import builder_class, check_name, config_names, home
from zoo.errors import UsageError, ZooError, did_you_mean
from zoo.files import cores, explain_disk

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf
    import tensorflow_datasets as tfds

    from zoo.data.random_access import RecordSource

_STREAMS, _FILES_TOGETHER = 2, 16
_PARSED_TOGETHER = 256
_SHUFFLE_BUFFER, _SHUFFLE_BUFFER_BYTES = 20_000, 64_000_000


def data_folder(data_dir: str | os.PathLike | None = None) -> Path:
    """Return the folder of prepared datasets: the argument, `ZOO_DATA_DIR`, or TFDS's own."""
    chosen = data_dir or os.environ.get("ZOO_DATA_DIR") or os.environ.get("TFDS_DATA_DIR")
    return Path(chosen or "~/tensorflow_datasets").expanduser()


def describe(name: str, data_dir: str | os.PathLike | None = None) -> dict[str, Any]:
    """Return what is known of a dataset: its configs, its README, and what is prepared where."""
    dataset, config = check_name(name)
    here = home(dataset)
    configs = config_names(dataset)
    prepared = sorted(p.parent for p in (data_folder(data_dir) / dataset).glob("*/*/dataset_info.json"))
    if config and config not in {*configs, *(p.parent.name for p in prepared)}:
        raise ZooError(f"{dataset} has no config {config!r}.{did_you_mean(config, configs)}")
    return {
        "name": name,
        "kind": "dataset",
        "configs": configs,
        "prepared": {f"{dataset}/{p.parent.name}": str(p) for p in prepared},
        "about": _text(here / "README.md"),
        "citation": _text(here / "CITATIONS.bib"),
    }


def _text(path: Path) -> str:
    """Return a file's text; nothing where a builder of somebody's own has none."""
    return path.read_text(encoding="utf-8") if path.is_file() else ""


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
        versions = sorted((where / dataset / config).glob("*/dataset_info.json"))
        if not versions:
            known = did_you_mean(config, cls.builder_configs)
            own = f" One of your own: zoo prepare {name} --set ..." if hasattr(cls, "custom_config") else ""
            raise ZooError(f"{dataset} has no config {config!r} and none is prepared in {where}.{known}{own}")
        return tfds.builder_from_directory(str(versions[-1].parent))
    return cls(config=config or None, data_dir=str(where))


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

    Raises:
        ZooError: if it cannot be made, or `settings` are not those with which a config of this name is prepared.
    """
    import tensorflow_datasets as tfds

    if manual_dir and not Path(manual_dir).expanduser().is_dir():  # TFDS would go on without it, and download
        raise ZooError(f"There is no folder {manual_dir}: --manual-dir names one with files that are at hand.")
    made = builder(name, data_dir, settings)
    if isinstance(made, tfds.core.read_only_builder.ReadOnlyBuilder):
        return Path(made.data_dir)
    generated = shards.is_generated(made)
    if generated:
        made.beam_options, made.limit = beam_options, limit
    elif beam_options is not None:
        raise UsageError(f"{name} is not made of shards: --beam has nothing to do.")
    if generated or hasattr(made, "blocks_folder"):
        made.workers = workers
    elif workers:
        raise UsageError(f"{name} is neither generated nor read in blocks: --workers has nothing to do.")
    if settings and (Path(made.data_dir) / "dataset_info.json").is_file():
        _check_settings(name, made, data_dir)
    config = tfds.download.DownloadConfig(
        manual_dir=str(Path(manual_dir).expanduser()) if manual_dir else None,
        max_examples_per_split=limit,
        force_checksums_validation=True,
        verify_ssl=True,
    )
    if not sys.stderr.isatty():
        tfds.disable_progress_bar()
    downloads = data_folder(data_dir) / "downloads" / name.split("/")[0]
    pieces = shards.shard_folder(made, downloads) if generated else None
    # TFDS prints that a size is unknown; what there is to say, builders say on stderr.
    with explain_disk(Path(made.data_dir)), contextlib.redirect_stdout(io.StringIO()):
        made.download_and_prepare(download_dir=str(downloads), download_config=config)
    for folder in filter(None, (pieces, getattr(made, "blocks_folder", None))):
        # The pieces that the dataset was assembled from, and those that older code may have left.
        for leftover in folder.parent.glob(f"{made.builder_config.name}-{'[0-9a-f]' * 16}"):
            shutil.rmtree(leftover, ignore_errors=True)
    return Path(made.data_dir)


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
    return found


def metadata(name: str, data_dir: str | os.PathLike | None = None) -> dict[str, Any]:
    """Return what a dataset says of itself: units, geometry, sampling, version, number of examples."""
    found = _prepared(name, data_dir)
    splits = {split: info.num_examples for split, info in found.info.splits.items()}
    # TFDS fills its lazy metadata on the first look-up.
    stated = found.info.metadata or {}
    stated.get("")
    return {**dict(stated.items()), "version": str(found.version), "splits": splits}


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
    import numpy as np
    import tensorflow as tf

    found = _prepared(name, data_dir)
    _check_split(found, name, split)
    specs, finish = _parser(_chosen(found, name, features))
    # (file, records to skip, records to take): how TFDS writes any part of a split.
    pieces = found.info.splits[split].file_instructions
    places = (
        np.array([str(piece.filename) for piece in pieces]),
        np.array([piece.skip for piece in pieces], np.int64),
        np.array([piece.take for piece in pieces], np.int64),
    )
    files = tf.data.Dataset.from_tensor_slices(places)
    if all(piece.take == piece.examples_in_shard for piece in pieces):  # skipping counts every record
        read = lambda file, skip, take: tf.data.TFRecordDataset(file)  # noqa: E731
    else:
        read = lambda file, skip, take: tf.data.TFRecordDataset(file).skip(skip).take(take)  # noqa: E731

    def batches(records: tf.data.Dataset) -> tf.data.Dataset:
        return records.batch(batch_size or _PARSED_TOGETHER).map(lambda r: finish(tf.io.parse_example(r, specs)))

    if shuffle_seed is None:
        examples = batches(files.flat_map(read))
    else:
        # Neighbours in an archive lie in the same file: files are mixed anew in every epoch, too. They are dealt to
        # streams that are shuffled side by side, for one alone keeps one core busy; how many does not depend on
        # the machine, so that the order does not.
        count = min(_STREAMS, len(pieces))
        record_bytes = os.path.getsize(pieces[0].filename) // pieces[0].examples_in_shard
        buffer = -(-shuffle_buffer(record_bytes) // count)
        streams = [
            batches(
                files.shuffle(len(pieces), seed=shuffle_seed)  # each its own, in the same order: parts of one mixture
                .shard(count, number)
                .interleave(read, cycle_length=_FILES_TOGETHER)
                .shuffle(buffer, seed=shuffle_seed + number)
            ).prefetch(2)
            for number in range(count)
        ]
        turns = tf.data.Dataset.range(count).repeat()
        examples = tf.data.Dataset.choose_from_datasets(streams, turns, stop_on_empty_dataset=False)
        examples = examples.rebatch(batch_size) if batch_size else examples
    examples = examples if batch_size else examples.unbatch()
    options = tf.data.Options()
    options.threading.private_threadpool_size = cores()  # TensorFlow's own has threads that wait for each other
    return examples.prefetch(tf.data.AUTOTUNE).with_options(options)


def shuffle_buffer(record_bytes: int) -> int:
    """Return how many records of a size `load_dataset` shuffles among each other (besides the files)."""
    return min(_SHUFFLE_BUFFER, max(_SHUFFLE_BUFFER_BYTES // record_bytes, 1))


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
    pieces = [(str(p.filename), p.skip, p.take) for p in found.info.splits[split].file_instructions]
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


def _parser(features: Mapping[str, tfds.features.FeatureConnector]):
    """Return the specification for `tf.io.parse_example` and what makes tensors of its result.

    Tensors stored as bytes (`Encoding.BYTES`) come back as raw strings and are reinterpreted.
    """
    import tensorflow as tf
    import tensorflow_datasets as tfds

    specs, raw = {}, {}
    for key, feature in features.items():
        shape, dtype = feature.shape, tf.as_dtype(feature.np_dtype)
        encoded = getattr(feature, "_encoding", tfds.features.Encoding.NONE)
        if encoded == tfds.features.Encoding.BYTES:
            specs[key] = tf.io.FixedLenFeature((), tf.string)
            raw[key] = (shape, dtype)
        elif dtype == tf.string:
            specs[key] = tf.io.FixedLenFeature(shape, tf.string)
        else:
            stored = tf.float32 if dtype.is_floating else tf.int64
            specs[key] = tf.io.FixedLenFeature(shape, stored)

    def finish(parsed):
        out = {}
        for key, feature in features.items():
            value = parsed[key]
            if key in raw and value.dtype == tf.string:
                shape, dtype = raw[key]
                value = tf.reshape(tf.io.decode_raw(value, dtype), (-1, *shape))
            dtype = tf.as_dtype(feature.np_dtype)
            out[key] = value if dtype == tf.string else tf.cast(value, dtype)
        return out

    return specs, finish


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

    there = _prepared(name, data_dir).info.features
    wanted = [feature for feature in features if feature in there]
    batches = list(load_dataset(name, split, 1024, features=wanted, data_dir=data_dir).as_numpy_iterator())
    if not batches:
        raise ZooError(f"The split {split} of {name} is empty.")
    return {key: np.concatenate([batch[key] for batch in batches]) for key in batches[0]}

"""Generated datasets, made of seeded shards: by threads here, or by Dask or Apache Beam on a cluster.

A shard is a piece of a dataset's generation that depends on (config, number of the shard) alone, so it does not matter
who computes it, nor when. A shard is kept as one npz file until the dataset is complete: an interrupted preparation
goes on with the shards that are missing. The TFDS files are then assembled from the shard files, in order and by one
process, hence byte for byte the same for any number of workers (of one kind of processor and one set of packages).

A TFDS builder that generates is also a `Sharded` (datasets/prem_dispersion is the example to copy). Its
`_split_generators` calls `make` and reads the files with `load`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
import os
import shlex
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from zoo.cluster import Job, run
from zoo.data.builders import builder_class
from zoo.data.code import code_hashes
from zoo.errors import UsageError, ZooError
from zoo.files import cores, sha256, write_with
from zoo.foreign import read_npz
from zoo.progress import bar, say

if TYPE_CHECKING:
    import numpy as np

_ALONE = threading.Lock()
_POLL_S = 1.0
_TFDS_FIELDS = {"version", "release_notes", "supported_versions", "description", "tags"}


class Sharded:
    """What a TFDS builder adds to generate its records in shards.

    `workers`, `beam_options` and `cluster` are set on a builder by `zoo.data.datasets.prepare`; so is `limit`, the
    number of examples wanted per split, from which a builder may conclude that it needs few shards.
    """

    GENERATED_CONFIG: ClassVar[type]
    """The dataclass (a `BuilderConfig`) of the configs that are generated; its fields have a JSON form."""
    ALONE: ClassVar[bool] = False
    """A shard uses all cores by itself (and shows its own progress): one at a time in a process."""

    workers: int | None = None
    beam_options: str | None = None
    cluster: str | None = None
    limit: int | None = None

    @classmethod
    def shard_count(cls, config: Any) -> int:
        """Return the number of shards of a config."""
        raise NotImplementedError

    @classmethod
    def make_shard(cls, config: Any, index: int) -> dict[str, np.ndarray]:
        """Compute one shard: a function of its arguments alone."""
        raise NotImplementedError

    @classmethod
    def input_files(cls, config: Any) -> list[str]:
        """Return the paths of files that a config reads; a shard made of other contents is made anew."""
        return []

    def _example_writer(self) -> Any:
        """Return what writes TFDS's records, with the features of each in the order of their names.

        TFDS serializes them in the order of a hash table, which differs from process to process.
        """
        import tensorflow as tf
        from tensorflow_datasets.core.writer import ExampleWriter

        def in_order(record: bytes) -> bytes:
            return tf.train.Example.FromString(record).SerializeToString(deterministic=True)

        class Writer(ExampleWriter):
            def write(self, path, examples):
                return super().write(path, ((key, in_order(record)) for key, record in examples))

        return Writer(self.info.file_format)


def is_generated(builder: Any) -> bool:
    """Return whether a builder's config is one that is made of shards."""
    return isinstance(builder, Sharded) and isinstance(builder.builder_config, builder.GENERATED_CONFIG)


def fields(config: Any) -> dict[str, Any]:
    """Return what a config says, in the form that JSON gives it: its name and the fields that are not TFDS's."""
    own = [field.name for field in dataclasses.fields(config) if field.name not in _TFDS_FIELDS]
    return json.loads(json.dumps({name: getattr(config, name) for name in own}))


def shard_folder(builder: Any, folder: str | os.PathLike) -> Path:
    """Return the folder of a builder's shard files; its name holds a hash of all that they depend on."""
    return Path(folder) / "shards" / f"{builder.builder_config.name}-{_key(type(builder), builder.builder_config)}"


def make(
    builder: Any,
    folder: str | os.PathLike,
    workers: int | None = None,
    beam_options: str | None = None,
    only: Iterable[int] | None = None,
) -> list[Path]:
    """Compute the shards that are not there yet, and return the files of all, in order.

    Args:
        builder: a TFDS builder that is a `Sharded`.
        folder: where downloads lie; the shards get a folder in it.
        workers: threads, default the number of cores.
        beam_options: options of an Apache Beam pipeline (`--runner=... --...`) that computes them instead.
        only: the numbers of the shards that are wanted, default all.

    Raises:
        ZooError: if a shard cannot be computed or written. What is done is kept.
    """
    cls, config = type(builder), builder.builder_config
    where = shard_folder(builder, folder)
    numbers = list(range(cls.shard_count(config)) if only is None else only)
    files = [_file(where, number) for number in numbers]
    missing = [number for number, file in zip(numbers, files, strict=True) if not _is_whole(file)]
    if len(missing) < len(numbers):
        say(f"{builder.name}/{config.name}: {len(numbers) - len(missing)} of {len(numbers)} shards are there already.")
    if not missing:
        return files
    if beam_options is not None:
        _make_with_beam(builder.name, fields(config), missing, where, beam_options)
        return files
    cluster = getattr(builder, "cluster", None)
    if cluster is not None:
        where.mkdir(parents=True, exist_ok=True)
        job = Job(_make_file, (builder.name, fields(config), str(where.resolve())))
    else:
        job = Job(_write_one, (cls, config, where))
    threads = 1 if cls.ALONE else workers or cores()
    with bar(f"{len(missing)} shards of {config.name}", len(missing)) as advance:
        for _ in run(job, missing, threads=threads, cluster=cluster):
            advance()
    if gone := [number for number in missing if not _file(where, number).is_file()]:
        raise ZooError(
            f"{len(gone)} of {len(missing)} shards are not in {where}, though workers made them. They must see this "
            "folder under the same path: choose one on a shared file system with --data-dir."
        )
    return files


def load(file: Path) -> dict[str, np.ndarray]:
    """Read a shard file whole.

    Raises:
        ZooError: if it is not there, truncated, or not what was written (its checksums do not hold).
    """
    return read_npz(file, "It is a shard; the same command again makes it anew.")


def make_file(index: int, dataset: str, config: dict[str, Any], folder: str) -> None:
    """Compute one shard into `folder`: the unit of work on a cluster, whose workers know the package only.

    Args:
        index: number of the shard.
        dataset: name of the dataset.
        config: `fields` of its config.
        folder: of the shard files; every worker and the caller must see it under this path.
    """
    cls = builder_class(dataset)
    made = cls.GENERATED_CONFIG(**{name: _tuples(value) for name, value in config.items()})
    if not folder.endswith(_key(cls, made)):
        raise ZooError(
            f"A worker has other code or other packages than the caller: its shards of {dataset} would not be the "
            "same. Install the same versions of seismic-zoo, numpy and numba on both."
        )
    _write(cls, made, index, Path(folder))


def _key(cls: type[Sharded], config: Any) -> str:
    """Return a hash of all that the shards of a config depend on.

    The code is that of the builder and of the modules that it stands on: `zoo.data.code`.
    """
    what = {
        "config": fields(config),
        "code": code_hashes([Path(sys.modules[cls.__module__].__file__)]),
        "files": [_file_hash(path) for path in cls.input_files(config)],
        "packages": [importlib.metadata.version(package) for package in ("numpy", "numba")],
    }
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]


def _file_hash(path: str | Path) -> str | None:
    """Return a file's hash; None where it is missing, which whoever reads it says better."""
    return sha256(Path(path)) if Path(path).is_file() else None


def _file(where: Path, number: int) -> Path:
    return where / f"{number:05d}.npz"


def _is_whole(file: Path) -> bool:
    """Return whether a shard file is there and readable; say so where it is damaged."""
    if not file.is_file():
        return False
    try:
        load(file)
    except ZooError:
        say(f"The shard {file} is damaged; making it anew.")
        return False
    return True


def _write(cls: type[Sharded], config: Any, number: int, where: Path) -> None:
    import numpy as np

    if cls.ALONE:
        with _ALONE:
            shard = cls.make_shard(config, number)
    else:
        shard = cls.make_shard(config, number)
    write_with(_file(where, number), lambda temporary: np.savez(temporary, **shard))


def _write_one(shared: tuple[type[Sharded], Any, Path], number: int) -> None:
    cls, config, where = shared
    _write(cls, config, number, where)


def _make_file(shared: tuple[str, dict[str, Any], str], number: int) -> None:
    make_file(number, *shared)


def _make_with_beam(dataset: str, config: dict[str, Any], missing: list[int], where: Path, options: str) -> None:
    try:
        import apache_beam as beam
        from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
    except ImportError as error:
        raise ZooError(f'--beam needs Apache Beam ({error}): pip install "seismic-zoo[beam]"') from error
    try:
        parsed = PipelineOptions(shlex.split(options))
        parsed.get_all_options(display_warnings=True)  # reads them all: what is unknown is said here
        runner = parsed.view_as(StandardOptions).runner
    except (SystemExit, ValueError) as error:  # argparse has said what is wrong with a value
        raise UsageError(f"Beam does not understand the options {options!r} ({error}).") from None
    if not runner:
        raise UsageError(f'--beam needs a runner: --beam "--runner=DirectRunner"; received {options!r}.')
    where.mkdir(parents=True, exist_ok=True)
    # Absolute and free of links: what a worker is told must not depend on where it runs.
    folder = str(where.resolve())
    failure = None
    with _watched(missing, where, f"{len(missing)} shards of {config['name']} by Beam's {runner}"):
        try:
            with beam.Pipeline(options=parsed) as pipeline:
                (
                    pipeline
                    | "Shard numbers" >> beam.Create(missing)
                    | "One bundle each" >> beam.Reshuffle()
                    | "Make shards" >> beam.Map(make_file, dataset=dataset, config=config, folder=folder)
                )
        except Exception as error:
            failure = error
    gone = [number for number in missing if not _is_whole(_file(where, number))]
    if failure is not None:
        reason = next((line for line in reversed(str(failure).splitlines()) if "Error" in line), repr(failure))
        raise ZooError(f"The Beam pipeline failed: {reason.strip()}. What is done is kept.") from failure
    if gone:
        raise ZooError(
            f"The Beam pipeline ended well, but {len(gone)} of {len(missing)} shards are not in {folder}. Workers must "
            "see this folder under the same path: choose one on a shared file system with --data-dir."
        )


@contextmanager
def _watched(missing: list[int], where: Path, description: str) -> Iterator[None]:
    """Show how many of the missing shards have appeared in the folder while others make them."""
    done = threading.Event()
    with bar(description, len(missing)) as advance:

        def watch() -> None:
            waiting = {_file(where, number) for number in missing}
            while waiting and not done.wait(_POLL_S):
                there = {file for file in waiting if file.is_file()}
                waiting -= there
                advance(len(there))

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()


def _tuples(value: Any) -> Any:
    """Return a value read from JSON with its lists as tuples, as configs have them."""
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value

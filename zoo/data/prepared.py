"""What a prepared dataset is made of: a manifest of its files, written last, and the checks against it.

`manifest.json` lies beside TFDS's `dataset_info.json` and says of every file its SHA-256, its size and how many records
it holds. Opening a dataset compares the sizes, which notices a lost file and a lost record; each record carries a
CRC-32C that both readers check; `zoo verify` and `zoo prepare` compare every byte. A dataset that has no manifest
(TFDS or an older zoo wrote it) is held to the sizes in `dataset_info.json`.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import google_crc32c

from zoo.errors import ZooError
from zoo.files import read_json, sha256, write_json
from zoo.progress import bar
from zoo.store import is_leftover

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

MANIFEST, INFO = "manifest.json", "dataset_info.json"
FORMAT = 1
_LENGTH, _CHECKSUM = struct.Struct("<QI"), struct.Struct("<I")
_MOMENT_BYTES = 300_000_000
HEADER, FOOTER = 12, 4
"""Bytes before a record, its length and that one's checksum; and behind it, its checksum."""


def versions(folder: Path) -> list[Path]:
    """Return the version folders of a config that are complete; not what a killed preparation left."""
    found = (path.parent for path in folder.glob(f"*/{INFO}"))
    return sorted(path for path in found if "incomplete" not in path.name and not is_leftover(path))


def manifest(folder: Path) -> dict[str, Any] | None:
    """Return the manifest of a prepared dataset, None where it has none."""
    path = folder / MANIFEST
    if not path.is_file():
        return None
    held = read_json(path, "The manifest of a dataset")
    files = held.get("files") if isinstance(held, dict) else None
    if not isinstance(files, dict) or not all(_is_entry(*entry) for entry in files.items()):
        raise ZooError(f"{path} does not list the dataset's files. Delete it; zoo prepare writes it anew.")
    return held


def _is_entry(name: str, stated: Any) -> bool:
    inside = not Path(name).is_absolute() and ".." not in Path(name).parts
    typed = isinstance(stated, dict) and isinstance(stated.get("bytes"), int) and isinstance(stated.get("sha256"), str)
    return inside and typed


def write_manifest(found: tfds.core.DatasetBuilder, folder: Path, made_with: dict[str, Any]) -> None:
    """Write the manifest of a dataset that was just made, or that had none.

    Args:
        found: its builder.
        folder: where it lies.
        made_with: what `zoo prepare` was given, so that it can mend the dataset.
    """
    counts = _records(found)
    files = {}
    paths = _files(folder)
    sizes = [path.stat().st_size for path in paths]
    with _long_bar(f"computing the checksums of {found.info.full_name}", sum(sizes)) as advance:
        for path, size in zip(paths, sizes, strict=True):
            stated = {"sha256": sha256(path), "bytes": size}
            if path.name in counts:
                stated["records"] = counts[path.name]
            files[path.relative_to(folder).as_posix()] = stated
            advance(size)
    write_json(folder / MANIFEST, {"format": FORMAT, "made_with": made_with, "files": files})


def _long_bar(what: str, size_bytes: int) -> AbstractContextManager[Callable[..., None]]:
    """Show progress of reading that takes more than a moment."""
    return bar(what, size_bytes) if size_bytes > _MOMENT_BYTES else nullcontext(lambda amount=1: None)


def _files(folder: Path) -> list[Path]:
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    return sorted(path for path in paths if not is_leftover(path))


def _records(found: tfds.core.DatasetBuilder) -> dict[str, int]:
    """Return how many records each file holds, as TFDS wrote it down."""
    return {
        Path(piece.filename).name: piece.examples_in_shard
        for split in found.info.splits.values()
        for piece in split.file_instructions
    }


def check_sizes(found: tfds.core.DatasetBuilder, folder: Path) -> None:
    """Refuse a dataset that has lost a file or a record: the size of each file is compared.

    Raises:
        ZooError: that names the file.
    """
    held = manifest(folder)
    if held is None:
        _check_stated_sizes(found, folder)
        return
    for name, stated in held["files"].items():
        why = _difference(folder / name, stated)
        if why:
            raise ZooError(f"{folder / name} {why}. {remedy(folder)}")


def _check_stated_sizes(found: tfds.core.DatasetBuilder, folder: Path) -> None:
    for split in found.info.splits.values():
        paths = [folder / Path(piece.filename).name for piece in split.file_instructions]
        lost = [path.name for path in paths if not path.is_file()]
        if lost:
            raise ZooError(f"{folder} lacks {', '.join(lost[:3])}. {remedy(folder)}")
        there = sum(path.stat().st_size for path in paths)
        # TFDS adds up the records, the zoo's own writer of archives the files.
        stated = {split.num_bytes, split.num_bytes + (HEADER + FOOTER) * split.num_examples}
        if paths and all(".tfrecord" in path.name for path in paths) and split.num_bytes and there not in stated:
            raise ZooError(
                f"The files of the split {split.name} in {folder} hold {there} bytes, {INFO} says {max(stated)}: "
                f"records were lost or added. {remedy(folder)}"
            )


def _difference(path: Path, stated: dict[str, Any]) -> str | None:
    """Return in what a file differs from the manifest at first sight."""
    if not path.is_file():
        return "is missing"
    size = path.stat().st_size
    return None if size == stated["bytes"] else f"has {size} bytes, the manifest says {stated['bytes']}"


def damaged(folder: Path) -> dict[str, str]:
    """Return file -> what is wrong with it, of all files that are not as the manifest says; every byte is read."""
    held = manifest(folder)
    if held is None:
        return {path.name: why for path in _files(folder) if ".tfrecord" in path.name if (why := _broken(path))}
    wrong = {}
    total = sum(stated["bytes"] for stated in held["files"].values())
    with _long_bar(f"checking {folder}", total) as advance:
        for name, stated in held["files"].items():
            why = _difference(folder / name, stated)
            if why is None and sha256(folder / name) != stated["sha256"]:
                why = "was changed: it does not have the SHA-256 of the manifest"
            if why:
                wrong[name] = why
            advance(stated["bytes"])
    return wrong


def _broken(path: Path) -> str | None:
    """Return what is wrong with a file of records, None where each has its checksum."""
    try:
        for _ in read_records(path):
            pass
    except ZooError as error:
        return str(error).removeprefix(f"{path} ")
    return None


def digest(folder: Path) -> str:
    """Return a SHA-256 of what a dataset holds: equal for two that hold the same records, in the same files.

    Where there is no manifest, of the sizes of the files.
    """
    held = manifest(folder)
    if held:
        files = held["files"].items()
        content = {name: stated["sha256"] for name, stated in files if "tfrecord" in name or "array_record" in name}
    else:
        content = {path.name: path.stat().st_size for path in _files(folder)}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def remedy(folder: Path) -> str:
    """Return what to do about a damaged dataset."""
    version = folder.name
    config, dataset = folder.parent.name, folder.parent.parent.name
    return (
        f"zoo verify {dataset}/{config} says what else is wrong with version {version}; "
        f"zoo prepare {dataset}/{config} --data-dir {folder.parent.parent.parent} mends it."
    )


def record_length(content: Any, at: int, path: str | Path, number: int) -> int:
    """Return the length of the record that begins at a place of a file; its checksum must hold.

    Raises:
        ZooError: that names the file and the record.
    """
    if at + HEADER <= len(content):
        length, crc = _LENGTH.unpack_from(content, at)
        if crc == _masked_crc(content[at : at + 8]) and at + HEADER + length + FOOTER <= len(content):
            return length
    raise _damage(path, number)


def checked_record(content: Any, at: int, length: int, path: str | Path, number: int) -> bytes:
    """Return the record of a length that begins at a place of a file; its checksum must hold.

    Raises:
        ZooError: that names the file and the record.
    """
    end = at + HEADER + length
    record = content[at + HEADER : end]
    if _CHECKSUM.unpack_from(content, end)[0] != _masked_crc(record):
        raise _damage(path, number)
    return record


def _damage(path: str | Path, number: int) -> ZooError:
    what = f"its record {number} does not have its checksum, or it was cut short"
    return ZooError(f"{path} is damaged: {what}. {remedy(Path(path).absolute().parent)}")


def _masked_crc(content: bytes) -> int:
    """Return the checksum of a TFRecord: CRC-32C, turned and shifted, so that a checksum of checksums is none."""
    crc = google_crc32c.value(content)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def read_records(path: str | Path) -> Iterator[bytes]:
    """Yield every record of a TFRecord file; the first that is damaged is refused by the file's name."""
    if not Path(path).is_file():
        raise ZooError(f"{path} is missing. {remedy(Path(path).absolute().parent)}")
    if not Path(path).stat().st_size:
        return
    with open(path, "rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        at = number = 0
        while at < len(content):
            record = checked_record(content, at, record_length(content, at, path, number), path, number)
            yield record
            at, number = at + HEADER + len(record) + FOOTER, number + 1


def explained(error: Exception, files: Iterable[str]) -> Exception:
    """Return TensorFlow's complaint about a record as an error that names its file, if one of these is damaged."""
    for file in files:
        try:
            for _ in read_records(file):
                pass
        except ZooError as found:
            return found
    return error

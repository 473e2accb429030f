"""Mending of a prepared dataset: only the files that are damaged are replaced."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.data import prepared
from zoo.errors import ZooError
from zoo.files import sha256
from zoo.progress import say
from zoo.store import exchange_folder, remove_folder, sync

if TYPE_CHECKING:
    import tensorflow_datasets as tfds


def mend(name: str, folder: Path, made_with: dict[str, Any], make: Callable[[Path], tfds.core.DatasetBuilder]) -> None:
    """Check every byte of a prepared dataset, and make anew what is damaged.

    It is made again beside, and of that the damaged files are taken. They are what the manifest says, or (other code
    or other packages make other bytes) the whole dataset is exchanged.

    Args:
        name: `dataset/config`.
        folder: where it lies; the caller holds its lock.
        made_with: for the manifest, where it has none.
        make: prepares the dataset in a data folder, and returns its builder.
    """
    held = prepared.manifest(folder)
    wrong = prepared.damaged(folder)
    if not wrong and held is None:
        wrong = _without_manifest(folder, made_with)
    beside = folder.with_name(f".{folder.name}.mending")  # on the same disk
    remove_folder(beside)
    if not wrong:
        return
    say(f"{name}: {len(wrong)} damaged ({', '.join(f'{file} {why}' for file, why in list(wrong.items())[:3])}).")
    made = make(beside)
    new = Path(made.data_dir)
    if held and all(_is(new / file, held["files"][file]["sha256"]) for file in wrong):
        for file in wrong:
            sync(new / file)
            os.replace(new / file, folder / file)
        say(f"{name}: made anew and replaced: {', '.join(wrong)}.")
    else:
        prepared.write_manifest(made, new, made_with)
        exchange_folder(new, folder)
        say(f"{name}: {'other bytes came out' if held else 'it had no manifest'}, so all its files were replaced.")
    remove_folder(beside)


def _without_manifest(folder: Path, made_with: dict[str, Any]) -> dict[str, str]:
    """Return what is wrong with a dataset of an older zoo or of TFDS; where that is nothing, write its manifest."""
    import tensorflow_datasets as tfds

    try:
        found = tfds.builder_from_directory(str(folder))
        prepared.check_sizes(found, folder)
    except ZooError as error:
        return {folder.name: str(error)}
    except Exception as error:  # TFDS, protobuf and json each have their own
        return {prepared.INFO: f"cannot be read ({error})"}
    try:
        prepared.write_manifest(found, folder, made_with)
    except ZooError as error:
        say(f"{folder} has no manifest, and none can be written: {error}")
    return {}


def _is(path: Path, digest: str) -> bool:
    return path.is_file() and sha256(path) == digest

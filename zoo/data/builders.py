"""Builders: dataset name -> the TFDS builder's class, found in `datasets/` by name."""

from __future__ import annotations

import ast
import importlib
import os
import re
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.errors import UsageError, ZooError, did_you_mean
from zoo.files import read_json, room
from zoo.settings import table

SETTINGS = "settings.json"
"""Beside the shipped recipes and builders: the settings of each, as rows of a table."""

if TYPE_CHECKING:
    import tensorflow_datasets as tfds


def list_datasets() -> list[str]:
    """Return the names of the datasets that the zoo has builders for."""
    return sorted({path.parent.name for folder in _folders() for path in folder.glob("*/*_dataset_builder.py")})


def _folders() -> list[Path]:
    own = [Path(p).expanduser() for p in os.environ.get("ZOO_DATASETS", "").split(os.pathsep) if p]
    return [*own, room("datasets")]


def home(dataset: str) -> Path:
    """Return the folder of a dataset's builder: the first of `ZOO_DATASETS`, then the shipped one."""
    builder = f"{dataset}_dataset_builder.py"
    return next(folder / dataset for folder in _folders() if (folder / dataset / builder).is_file())


def dataset_settings(dataset: str) -> list[dict[str, str]]:
    """Return a row for each setting that configs of one's own take: setting, default, unit, takes, meaning, source.

    Those of shipped builders come from a table that `make readme` wrote, without TFDS; an own builder is imported.
    """
    kept = home(dataset).with_name(SETTINGS)
    if kept.is_file():
        rows = read_json(kept, "The table of settings").get(dataset)
        if rows is not None:
            return rows
    return table(getattr(builder_class(dataset), "SETTINGS", {}))


def check_name(name: str) -> tuple[str, str]:
    """Return dataset and config of `dataset/config`; refuse a dataset that there is not."""
    dataset, _, config = name.partition("/")
    if dataset not in list_datasets():
        raise ZooError(f"There is no dataset {dataset!r}.{did_you_mean(dataset, list_datasets())}")
    return dataset, config


def builder_class(dataset: str) -> type[tfds.core.DatasetBuilder]:
    """Import the builder class of a dataset, under the module name that `tfds build` gives it."""
    dataset, _ = check_name(dataset)
    module = f"{dataset}.{dataset}_dataset_builder"
    if module not in sys.modules:
        sys.path.insert(0, str(home(dataset).parent))
        try:
            importlib.import_module(module)
        finally:
            sys.path.remove(str(home(dataset).parent))
    import tensorflow_datasets as tfds

    for value in vars(sys.modules[module]).values():
        is_builder = isinstance(value, type) and issubclass(value, tfds.core.DatasetBuilder)
        if is_builder and value.__module__ == module:
            return value
    raise ZooError(f"datasets/{dataset}/{dataset}_dataset_builder.py defines no TFDS builder.")


def config_names(dataset: str) -> list[str]:
    """Return a builder's config names from its source, without importing TensorFlow."""
    source = home(dataset) / f"{dataset}_dataset_builder.py"
    names = []
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and re.search(r"Config$", ast.unparse(node.func)):
            names += [k.value.value for k in node.keywords if k.arg == "name" and isinstance(k.value, ast.Constant)]
    return names


def manual_folder(dl_manager: tfds.download.DownloadManager) -> Path | None:
    """Return the folder that --manual-dir names, None where there is none."""
    try:
        return Path(dl_manager.manual_dir)
    except AssertionError:  # TFDS: the folder does not exist or is empty
        return None


def manual_file(
    folder: Path | None, config: str, names: Sequence[str], about: str, ends: Sequence[str] = ("",)
) -> Path:
    """Return the first file of these names in a user's folder.

    Args:
        folder: from `manual_folder`.
        config: `dataset/config`, for the error.
        names: under which the file may lie.
        about: what it is and where it comes from, for the error.
        ends: what may follow a name, like ".gz".

    Raises:
        ZooError: if none is there.
    """
    for path in (folder / f"{name}{end}" for name in names for end in ends) if folder else ():
        if path.is_file():
            return path
    where = f"{folder} holds none of" if folder else "--manual-dir names no folder with"
    readme = f"datasets/{config.split('/')[0]}/README.md"
    raise ZooError(f"{config}: {where} {', '.join(names)}. It is not redistributed here: {about}; {readme} says more.")


def check_own_name(dataset: str, name: str, shipped: Collection[str]) -> None:
    """Refuse a user's own config without a name of its own.

    Raises:
        UsageError: if the name is empty or one of the shipped configs'.
    """
    if not name or name in shipped:
        raise UsageError(f"A dataset of your own needs a name of its own: zoo prepare {dataset}/NAME --set ...")

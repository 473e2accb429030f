"""Builders: dataset name -> the TFDS builder's class, found in `datasets/` by name."""

from __future__ import annotations

import ast
import contextlib
import importlib
import re
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.errors import UsageError, ZooError, did_you_mean
from zoo.files import read_json, room
from zoo.own import note, own_folders
from zoo.settings import table

SETTINGS = "settings.json"
"""Beside the shipped recipes and builders: the settings of each, as rows of a table."""

if TYPE_CHECKING:
    import tensorflow_datasets as tfds


def list_datasets() -> list[str]:
    """Return the names of the datasets that there are builders for.

    >>> "microseismic" in list_datasets()
    True
    """
    return sorted(_homes())


def own_datasets() -> list[str]:
    """Return the names of the datasets whose builders are the user's own."""
    return sorted(name for name, folder in _homes().items() if folder.parent != room("datasets"))


def _homes() -> dict[str, Path]:
    """Return dataset -> folder of its builder, the user's own first; what of them cannot be found is named."""
    shipped = {path.parent.name: path.parent for path in room("datasets").glob("*/*_dataset_builder.py")}
    found: dict[str, Path] = {}
    for folder in own_folders("datasets"):
        for path in sorted([*folder.glob("*_dataset_builder.py"), *folder.glob("*/*_dataset_builder.py")]):
            name = path.name.removesuffix("_dataset_builder.py")
            if path.parent.name != name or path.parent.parent != folder:
                note(f"Left out: {path}. A builder lies in a folder of its name: {folder / name / path.name}.")
            elif not (name.isidentifier() and name.isascii()):
                note(f"Left out: {path}. The name of a dataset has letters, digits and _ only; rename both.")
            elif name in found or (name in shipped and shipped[name].resolve() != path.parent.resolve()):
                kept, lost = (found[name], path.parent) if name in found else (path.parent, shipped[name])
                note(f"Two datasets are called {name}: {kept} is taken, not {lost}.")
                found.setdefault(name, path.parent)
            else:
                found[name] = path.parent
    return {**shipped, **found}


def home(dataset: str) -> Path:
    """Return the folder of a dataset's builder: the first of `ZOO_DATASETS`, then the shipped one.

    >>> home("microseismic").name
    'microseismic'
    """
    return _homes()[dataset]


def dataset_settings(dataset: str) -> list[dict[str, str]]:
    """Return a row for each setting that configs of one's own take: setting, default, unit, takes, meaning, source.

    Those of shipped builders come from a table that `make readme` wrote, without TFDS; an own builder is imported.

    >>> {row["setting"] for row in dataset_settings("prem_dispersion")} >= {"models", "test_models"}
    True
    """
    kept = room("datasets") / SETTINGS
    if home(dataset).parent == room("datasets") and kept.is_file():
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
    """Import the builder class of a dataset, under the module name that `tfds build` gives it.

    Raises:
        ZooError: if there is none, or importing it fails; the message names its file.
    """
    dataset, _ = check_name(dataset)
    module, here = f"{dataset}.{dataset}_dataset_builder", home(dataset)
    file = here / f"{dataset}_dataset_builder.py"
    import tensorflow_datasets as tfds

    if not _is_from(module, file):
        for name in (module, dataset):  # another folder's, of the same name
            sys.modules.pop(name, None)
        importlib.invalidate_caches()  # the file may have been written since Python last looked into the folder
        sys.path.insert(0, str(here.parent.resolve()))
        # TFDS has one builder of a name in a process, for good; one's own may be mended, or lie in another folder.
        own = here.parent != room("datasets")
        try:
            with tfds.core.registered.skip_registration() if own else contextlib.nullcontext():
                importlib.import_module(module)
        except Exception as error:
            if not own:
                raise
            raise ZooError(
                f"The builder {file} cannot be imported ({type(error).__name__}: {_first_line(error)}). Mend it; "
                "zoo new dataset NAME writes one that works."
            ) from error
        finally:
            sys.path.remove(str(here.parent.resolve()))
    for value in vars(sys.modules[module]).values():
        is_builder = isinstance(value, type) and issubclass(value, tfds.core.DatasetBuilder)
        if is_builder and value.__module__ == module:
            return value
    raise ZooError(f"{file} defines no TFDS builder: a class Builder(tfds.core.GeneratorBasedBuilder).")


def _is_from(module: str, file: Path) -> bool:
    """Return whether a module is imported, and from this file."""
    there = getattr(sys.modules.get(module), "__file__", None)
    return there is not None and Path(there).resolve() == file.resolve()


def config_names(dataset: str) -> list[str]:
    """Return a builder's config names from its source, without importing TensorFlow.

    Raises:
        ZooError: if it is no Python.

    >>> "marine" in config_names("microseismic")
    True
    """
    source = home(dataset) / f"{dataset}_dataset_builder.py"
    try:
        tree = ast.parse(source.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError, OSError, RecursionError) as error:
        raise ZooError(f"{source} cannot be read as Python ({_first_line(error)}).") from error
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and re.search(r"Config$", ast.unparse(node.func)):
            names += [k.value.value for k in node.keywords if k.arg == "name" and isinstance(k.value, ast.Constant)]
    return names


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


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

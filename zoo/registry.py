"""Names: which models and recipes there are, where their checkpoints lie, what is near a wrong name.

A model's name is `architecture.tag` (`cvae_emulator.marine`); the bare architecture means its default
tag. Checkpoints are looked for in the folders of `ZOO_CHECKPOINTS`, then among the shipped ones, then
in the cache, into which weights too large for the wheel are downloaded and verified. Recipes are looked for in the
folders of `ZOO_RECIPES`, then among the shipped ones.

A model says which question it answers, `SYSTEM.QUESTION` ("crust.thickness"), on its class and in its card; what asks
it, such as `zoo crust`, asks for that and not for a class.
"""

from __future__ import annotations

import fnmatch
import os
import shutil
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo import checkpoint
from zoo.data.builders import dataset_settings, list_datasets
from zoo.errors import ZooError, did_you_mean
from zoo.files import cache_folder, read_json, room, write_with
from zoo.own import note, own_folders
from zoo.recipe_files import keep_recipe, list_recipes, recipe_about, recipe_module, recipe_path, recipe_settings
from zoo.store import is_leftover, recover_all

if TYPE_CHECKING:
    import keras


__all__ = [  # recipes by name are found here, too
    "card",
    "cards",
    "checkpoint_folders",
    "find",
    "folders",
    "full_name",
    "info",
    "keep_recipe",
    "list_models",
    "list_recipes",
    "load",
    "model_for",
    "recipe_about",
    "recipe_module",
    "recipe_path",
    "recipe_settings",
    "save",
    "settings_schema",
    "shipped_digest",
    "verify",
]

_SHIPPED = Path(__file__).with_name("shipped.json")
"""Name -> digest of the checkpoints that the zoo ships; `make readme` writes it."""


def checkpoint_folders() -> list[Path]:
    return [*own_folders("checkpoints"), room("checkpoints"), _downloaded()]


def folders() -> dict[str, Path]:
    """Return full name -> folder; the first folder that has a name wins."""
    found: dict[str, Path] = {}
    for folder in checkpoint_folders():
        recover_all(folder)
        for card in sorted(folder.glob(f"*/{checkpoint.CARD}")):
            if not is_leftover(card.parent):
                found.setdefault(card.parent.name, card.parent)
    return found


def cards() -> dict[str, dict[str, Any]]:
    """Return full name -> card of the checkpoints at hand; one that cannot be read is named on stderr and left out."""
    found = {}
    for name, folder in sorted(folders().items()):
        try:
            found[name] = {**checkpoint.read_card(folder), "name": name}
        except ZooError as error:
            note(f"Left out: {error}")
    return found


def list_models(pattern: str = "*", answering: str = "") -> list[str]:
    """Return the full names of the checkpoints at hand.

    Args:
        pattern: a wildcard (`*emulator*`) that the names match.
        answering: the question that they answer ("crust.thickness"), or its system ("crust").
    """
    return [
        name
        for name, about in cards().items()
        if fnmatch.fnmatch(name, pattern) and (not answering or _is_meant(about.get("answers") or "", answering))
    ]


def _is_meant(answers: str, asked: str) -> bool:
    return answers == asked or answers.split(".")[0] == asked


def full_name(name: str) -> str:
    """Return `architecture.tag` for a name whose tag may be left out.

    Raises:
        ZooError: if there is no such checkpoint; the message says what is near.
    """
    known = folders()
    if name in known:
        return name
    tags = [other for other in known if other.split(".")[0] == name]
    default = [other for other in tags if len(tags) > 1 and cards().get(other, {}).get("default")]
    if default or len(tags) == 1:
        return (default or tags)[0]
    if tags:
        raise ZooError(f"{name} has no default tag; choose one of {', '.join(tags)}.")
    if name in list_recipes():
        raise ZooError(f"There is no checkpoint of {name}. Train one: zoo train {name}")
    bare = {other.split(".")[0] for other in known}
    raise ZooError(f"There is no model {name!r}.{did_you_mean(name, {*known, *bare})}")


def card(name: str) -> dict[str, Any]:
    """Return the card of a model at hand, by its full name."""
    return checkpoint.read_card(folders()[full_name(name)])


def shipped_digest(folder: Path) -> str | None:
    """Return the digest that a checkpoint of the package, or its copy in the cache, must have; None for others."""
    if folder.resolve().parent not in {place.resolve() for place in (room("checkpoints"), _downloaded())}:
        return None
    return _shipped().get(folder.name)


@lru_cache
def _shipped() -> dict[str, str]:
    return read_json(_SHIPPED, "The digests of the shipped checkpoints")


def _downloaded() -> Path:
    return cache_folder() / "checkpoints"


def find(name_or_folder: str | os.PathLike) -> Path:
    """Return the checkpoint folder of a name, or the folder itself; downloads weights it lacks."""
    as_path = Path(name_or_folder).expanduser()
    if (as_path / checkpoint.CARD).is_file():
        return as_path
    if os.sep in str(name_or_folder) or as_path.is_dir():
        checkpoint.read_card(as_path)  # says what is wrong with it
    name = full_name(str(name_or_folder))
    folder = folders()[name]
    return _download(name, folder) if checkpoint.missing_files(folder) else folder


def _download(name: str, folder: Path) -> Path:
    """Complete a checkpoint in the cache: what is at hand is copied, the rest comes from mirrors, by its SHA-256."""
    from zoo.data.download import fetch
    from zoo.files import sha256

    card, lacking = checkpoint.read_card(folder), checkpoint.missing_files(folder)
    bases = [*(card.get("mirrors") or []), *(f"{base}/{name}" for base in mirrors())]
    if not bases:
        size = sum(card["files"][file]["bytes"] for file in lacking) / 1e6
        raise ZooError(
            f"The checkpoint {name} lacks {', '.join(lacking)} ({size:.0f} MB), and there is no mirror: its card names "
            f"no mirror, nor does ZOO_MIRRORS. Name one there (https://..., file://..., a folder that `make release` "
            f"wrote), or put the files into a folder {name} and name its parent in ZOO_CHECKPOINTS."
        )
    target = _downloaded() / name
    for file, expected in card["files"].items():
        if (folder / file).is_file() and not (target / file).is_file():
            write_with(target / file, lambda path, file=file: shutil.copyfile(folder / file, path))
        if not (target / file).is_file() or sha256(target / file) != expected["sha256"]:
            urls = [f"{base.rstrip('/')}/{file}" for base in bases]
            fetch(urls, target / file, sha256=expected["sha256"], size_bytes=expected["bytes"])
    # The card at hand, byte by byte: a mirror gives only files that it lists, and its digest stays.
    write_with(target / checkpoint.CARD, lambda path: shutil.copyfile(folder / checkpoint.CARD, path))
    return target


def mirrors() -> list[str]:
    """Return the addresses of `ZOO_MIRRORS`, with blanks between them: each has a folder for each checkpoint.

    >>> import os
    >>> os.environ["ZOO_MIRRORS"] = "https://example.org/zoo/ /data/zoo"
    >>> mirrors()
    ['https://example.org/zoo', 'file:///data/zoo']
    >>> del os.environ["ZOO_MIRRORS"]
    """
    stated = os.environ.get("ZOO_MIRRORS", "").split()
    whole = [base if "://" in base else Path(base).expanduser().resolve().as_uri() for base in stated]
    return [base.rstrip("/") for base in whole]


def load(
    name_or_folder: str | os.PathLike, answering: str | Sequence[str] = "", *, sha256: str | None = None
) -> keras.Model:
    """Return a pretrained model that takes and gives physical units (`zoo.info` says which).

    Args:
        name_or_folder: `architecture.tag`, `architecture` (its default tag), or a checkpoint folder.
        answering: the question that the model must answer ("crust.thickness"), or several; empty: any.
        sha256: the digest that the checkpoint must have, as `zoo.info(name)["sha256"]` said it where it was made; for
            checkpoints that come from somebody else. One that the zoo ships is always held to its own.

    Returns:
        A keras.Model.

    Raises:
        ZooError: if there is no such model, a file of it is missing or was changed, it answers something else, or it
            is not the one that was meant.
    """
    folder = find(name_or_folder)
    shipped = shipped_digest(folder)
    if shipped and checkpoint.digest(folder) != shipped:
        raise ZooError(
            f"{folder} is not the checkpoint that was shipped under this name: its card was changed. Install "
            "seismic-zoo again; if you trained it, keep it in a folder of ZOO_CHECKPOINTS (in a checkout: make readme)."
        )
    wanted = [answering] if isinstance(answering, str) else list(answering)
    stated = checkpoint.read_card(folder).get("answers", "") if any(wanted) else ""
    if any(wanted) and stated:  # a card without the word: the class is asked, once it is there
        _check_answer(stated, wanted, str(name_or_folder))
    model = checkpoint.load(folder, recipe_module, sha256)
    if any(wanted) and not stated:
        _check_answer(getattr(model, "answers", ""), wanted, str(name_or_folder))
    return model


def verify(name_or_folder: str | os.PathLike) -> tuple[Path, dict[str, str]]:
    """Compare every byte of a checkpoint with its card.

    Returns:
        Its folder, and file -> what is wrong with it.
    """
    folder = find(name_or_folder)
    wrong = checkpoint.changed(folder)
    if (shipped := shipped_digest(folder)) and checkpoint.digest(folder) != shipped:
        wrong[checkpoint.CARD] = "is not the one that was shipped"
    return folder, wrong


def model_for(model: keras.Model | str | os.PathLike, answering: str | Sequence[str]) -> tuple[keras.Model, str]:
    """Return a model that answers a question, and what to call it: a task's one way to take a model.

    Args:
        model: a model, or the name or folder of a checkpoint.
        answering: the question ("crust.thickness"), or several.

    Raises:
        ZooError: as `load`.
    """
    if isinstance(model, (str, os.PathLike)):
        return load(model, answering), find(model).name
    wanted = [answering] if isinstance(answering, str) else list(answering)
    name = getattr(model, "name", "") or type(model).__name__
    _check_answer(getattr(model, "answers", ""), wanted, f"The model {name} ({type(model).__name__})")
    return model, name


def _check_answer(answers: str, wanted: Sequence[str], what: str) -> None:
    if any(_is_meant(answers, question) for question in wanted):
        return
    able = sorted({name for question in wanted for name in list_models(answering=question)})
    raise ZooError(
        f"{what} answers {answers or 'no question that the zoo knows (its class has no `answers`)'}; expected "
        f"{' or '.join(wanted)}. Models that answer it: {', '.join(able) or 'none'}."
    )


def save(model: keras.Model, folder: str | os.PathLike, card: Mapping[str, Any] | str, **extras: Any) -> Path:
    """Save your own model as a checkpoint that `zoo.load(folder)` reads.

    Args:
        model: a built keras.Model.
        folder: where to. Named `architecture.tag` inside a folder of `ZOO_CHECKPOINTS`, it is also
            found by name.
        card: a dict with at least "summary" (`zoo.checkpoint.CARD_FIELDS` lists the rest), or just
            that sentence.
        **extras: see `zoo.checkpoint.save`.

    Returns:
        The folder.
    """
    card = {"summary": card} if isinstance(card, str) else card
    extras.setdefault("recipe", getattr(type(model), "recipe_name", None))
    return checkpoint.save(model, folder, card, **extras)


def info(name: str) -> dict[str, Any]:
    """Return what is known of a model (its card), a dataset or a recipe.

    Raises:
        ZooError: if nothing has that name.
    """
    from zoo.data import datasets

    path = Path(name).expanduser()
    if (path / checkpoint.CARD).is_file():
        return {**checkpoint.read_card(path), "sha256": checkpoint.digest(path)}
    if name.split("/")[0] in list_datasets():
        return {**datasets.describe(name), "settings_table": dataset_settings(name.split("/")[0])}
    recipe = name.split(".")[0]
    try:
        full = full_name(name)
    except ZooError:
        if recipe in list_recipes():
            about = recipe_about(recipe)
            return {"name": name, "kind": "recipe", "about": about, "settings_table": recipe_settings(recipe)}
        everything = {*folders(), *list_recipes(), *list_datasets()}
        raise ZooError(f"Nothing is called {name!r}.{did_you_mean(name, everything)}") from None
    found = card(full)
    stated = recipe_settings(found["recipe"]) if found.get("recipe") in list_recipes() else []
    return {**found, "kind": "model", "sha256": checkpoint.digest(folders()[full]), "settings_table": stated}


def settings_schema(name: str) -> dict[str, Any]:
    """Return the JSON schema of the settings of a recipe or a dataset; imports it."""
    from zoo.data.builders import builder_class
    from zoo.settings import schema

    dataset, recipe = name.split("/")[0], name.split(".")[0]
    if dataset in list_datasets():
        return schema(dataset, getattr(builder_class(dataset), "SETTINGS", {}))
    return schema(recipe, recipe_module(recipe).RECIPE.settings)

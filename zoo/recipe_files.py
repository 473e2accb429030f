"""Recipes by name: files in the folders of `ZOO_RECIPES`, then the shipped ones.

A file counts as a recipe if it assigns `RECIPE`; other modules beside it are its helpers, which it may import by name.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from functools import lru_cache
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from zoo.data.builders import SETTINGS
from zoo.errors import ZooError, did_you_mean
from zoo.files import read_json, room
from zoo.own import note, own_folders
from zoo.settings import table

_IN_HAND: dict[str, Any] = {}
"""Recipes that a program has trained without a file in `ZOO_RECIPES`: their checkpoints load in this process, too."""


def list_recipes() -> list[str]:
    """Return the names of the recipes.

    >>> "mdn_crust" in list_recipes()
    True
    """
    return sorted(_files())


def own_recipes() -> list[str]:
    """Return the names of the recipes that are the user's own."""
    return sorted(name for name, path in _files().items() if path.parent != room("recipes"))


def _files() -> dict[str, Path]:
    """Return name -> file; the first folder that has a name wins, and says so where it hides another."""
    found: dict[str, Path] = {}
    shipped = {path.stem: path for path in room("recipes").glob("*.py")}
    for folder in own_folders("recipes"):
        for path in sorted(folder.glob("*.py")):
            if path.stem.startswith(("_", "test_")) or not _is_recipe(path):
                continue
            if path.stem in found or path.stem in shipped:
                hidden = found.get(path.stem) or shipped[path.stem]
                if path.stem in found or path.resolve() != hidden.resolve():
                    kept, lost = (hidden, path) if path.stem in found else (path, hidden)
                    note(f"Two recipes are called {path.stem}: {kept} is taken, not {lost}.")
            found.setdefault(path.stem, path)
    return {**shipped, **found}


def _is_recipe(path: Path) -> bool:
    """Return whether a file assigns RECIPE; one that is no Python, or whose name Python cannot import, is named."""
    try:
        tree = _parsed(path)
    except ZooError as error:
        note(f"Left out: {error}")
        return False
    targets = [t for node in tree.body if isinstance(node, ast.Assign) for t in node.targets]
    targets += [node.target for node in tree.body if isinstance(node, ast.AnnAssign)]
    if not any(isinstance(target, ast.Name) and target.id == "RECIPE" for target in targets):
        return False
    if not (path.stem.isidentifier() and path.stem.isascii()):
        note(f"Left out: {path}. The name of a recipe has letters, digits and _ only; rename the file.")
        return False
    return True


def _parsed(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError, OSError, RecursionError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        raise ZooError(f"{path}{line} cannot be read as Python ({_first_line(error)}).") from error


def recipe_path(name: str) -> Path:
    """Return the file of a recipe.

    Raises:
        ZooError: if there is none of that name.

    >>> recipe_path("mdn_crust").name
    'mdn_crust.py'
    """
    files = _files()
    if name not in files:
        own = "" if own_folders("recipes") else " Your own: name its folder in ZOO_RECIPES (zoo new recipe NAME)."
        raise ZooError(f"There is no recipe {name!r}.{did_you_mean(name, files)}{own}")
    return files[name]


def recipe_about(name: str) -> str:
    """Return what a recipe's file says of itself, without importing it."""
    return ast.get_docstring(_parsed(recipe_path(name))) or ""


def recipe_settings(name: str) -> list[dict[str, str]]:
    """Return a row for each setting of a recipe: setting, default, unit, takes, meaning, source.

    Those of shipped recipes come from a table that `make readme` wrote, without Keras; an own recipe is imported.

    >>> [row["default"] for row in recipe_settings("cvae_emulator") if row["setting"] == "latent"]
    ['5']
    """
    path = recipe_path(name)
    kept = room("recipes") / SETTINGS
    if path.parent == room("recipes") and kept.is_file():
        rows = read_json(kept, "The table of settings").get(name)
        if rows is not None:
            return rows
    return table(recipe_module(name).RECIPE.settings)


def keep_recipe(recipe: Any) -> None:
    """Remember a recipe that a program brought, so that its checkpoints are scored and go on in this process."""
    _IN_HAND[recipe.name] = recipe


def recipe_module(name: str) -> Any:
    """Import a recipe's file; its classes get registered with Keras.

    Raises:
        ZooError: if there is none of that name, or importing it fails; the message names its file.
    """
    if name in _IN_HAND and name not in _files():
        return SimpleNamespace(RECIPE=_IN_HAND[name])
    return _import(name, recipe_path(name))


@lru_cache
def _import(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"zoo_recipes_{name}", path)
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(spec.name)
    sys.modules[spec.name] = module
    own = path.parent != room("recipes")
    if own:  # a recipe of one's own may import what lies beside it
        sys.path.insert(0, str(path.parent.resolve()))
    try:
        spec.loader.exec_module(module)
        if own:
            _check_recipe(name, module)
    except BaseException as error:
        sys.modules.pop(spec.name, None)
        if before is not None:
            sys.modules[spec.name] = before
        if not own or not isinstance(error, Exception):
            raise
        if isinstance(error, ZooError):
            raise ZooError(f"The recipe {path} cannot be used: {error}") from error
        raise ZooError(
            f"The recipe {path} cannot be imported ({type(error).__name__}: {_first_line(error)}). Mend it; "
            "zoo new recipe NAME writes one that works, zoo check FILE says what is asked."
        ) from error
    finally:
        if own:
            sys.path.remove(str(path.parent.resolve()))
    return module


def _check_recipe(name: str, module: ModuleType) -> None:
    if not all(hasattr(module.RECIPE, part) for part in ("name", "settings", "stages", "build")):
        raise ZooError(f"RECIPE is a {type(module.RECIPE).__name__}, expected a zoo.training.Recipe.")
    if module.RECIPE.name != name:
        raise ZooError(
            f"its RECIPE is called {module.RECIPE.name!r}, the file {name}.py. Give both one name: checkpoints find "
            "their recipe by it."
        )


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]

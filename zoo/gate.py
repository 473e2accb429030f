"""The gate for checkpoints from outside: what card, configuration and weights may say, before any of it is used.

A name in a card becomes a path, a class in a configuration is built, a size in a weights file is allocated. So each is
checked first: types, plain relative names, bounded sizes and counts, and no storage of an HDF5 file outside of it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from zoo.errors import ZooError
from zoo.foreign import check_stored, reading

_JSON_BYTES, _DEPTH, _FILES, _FILE_BYTES, _MIRRORS = 64_000_000, 100, 1000, 1 << 40, 20
_SHA256 = re.compile(r"[0-9a-f]{64}")
_WORD = re.compile(r"[A-Za-z0-9_]+")
_MIRROR = re.compile(r"(https?|file|hf)://[^\s\x00-\x1f]+")
# What of a card the zoo itself reads, and its type.
_CARD = {
    **dict.fromkeys(("name", "summary", "answers", "recipe", "command", "cost", "supersedes", "device"), str),
    **dict.fromkeys(("settings", "scores", "files", "splits"), dict),
    "default": bool,
    "revision": int,
    "mirrors": list,
}
# Sizes of layers: none has more of them than the file has weights.
_SIZES = ("units", "filters", "output_dim", "input_dim", "num_heads", "key_dim", "embed_dim")


def read_plain_json(path: Path, what: str) -> dict[str, Any]:
    """Read a JSON object in which no key stands twice.

    Args:
        path: of the file.
        what: it is, for the error.

    Raises:
        ZooError: if it is something else, too large or too deep.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} stands in it twice")
        return found

    try:
        if path.stat().st_size > _JSON_BYTES:
            raise ValueError(f"it has more than {_JSON_BYTES / 1e6:.0f} MB")
        value = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=once)
        if not isinstance(value, dict):
            raise ValueError(f"it is a {type(value).__name__}, expected an object")
        _check_depth(value)
    except (OSError, ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise ZooError(f"{what}: {path} is not valid JSON ({why}). Restore it or train again.") from error
    return value


def _check_depth(value: Any, depth: int = 0) -> None:
    if depth > _DEPTH:
        raise RecursionError
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_depth(item, depth + 1)


def check_card(card: Mapping[str, Any], where: Path) -> None:
    """Refuse a card whose entries are not what they must be, before a name or a size in it is used.

    Args:
        card: what was read.
        where: its path, for the error.

    Raises:
        ZooError: that names the entry.
    """

    def refuse(what: str) -> None:
        raise ZooError(f"{where}: {what}. Restore the card or train again; nothing of it was used.")

    if not isinstance(card.get("files"), dict):
        refuse("it does not list its files")
    for key, kind in _CARD.items():
        if card.get(key) is not None and not isinstance(card[key], kind):
            refuse(f"{key} is a {type(card[key]).__name__}, expected {kind.__name__}")
    if card.get("recipe") and not _WORD.fullmatch(card["recipe"]):
        refuse(f"recipe is {card['recipe'][:80]!r}, expected the name of a recipe")
    if len(card["files"]) > _FILES:
        refuse(f"it lists {len(card['files'])} files, expected at most {_FILES}")
    for name, stated in card["files"].items():
        if not is_plain_name(name):
            refuse(f"it names a file outside the checkpoint, or the card itself: {name[:200]!r}")
        digest, size = (stated.get("sha256"), stated.get("bytes")) if isinstance(stated, dict) else (None, None)
        if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
            refuse(f"{name} has no SHA-256 of 64 hexadecimal digits")
        if type(size) is not int or not 0 <= size <= _FILE_BYTES:
            refuse(f"{name} has {str(size)[:40]} bytes, expected a number from 0 to {_FILE_BYTES}")
    mirrors = card.get("mirrors") or []
    if len(mirrors) > _MIRRORS or not all(isinstance(mirror, str) and _MIRROR.fullmatch(mirror) for mirror in mirrors):
        refuse(f"mirrors is not a list of at most {_MIRRORS} addresses (https://..., file://..., hf://...)")
    for split, score in (card.get("scores") or {}).items():
        metrics = score.get("metrics") if isinstance(score, dict) else None
        if not isinstance(metrics, dict) or not isinstance(score.get("command", ""), str):
            refuse(f"scores of {split[:80]} are not {{metrics: {{name: value}}, command: text}}")


def is_plain_name(name: str) -> bool:
    """Return whether a name of a card means a file inside its folder, other than the card, on every system.

    >>> [is_plain_name(name) for name in ("golden.npz", "a/b.txt", "../x", "/x", "C:x", "card.json", ".hidden")]
    [True, True, False, False, False, False, False]
    """
    parts = name.split("/")
    odd = any(character in "\\:" or not character.isprintable() for character in name)
    plain = all(part and not part.startswith((".", "~")) and len(part) <= 200 for part in parts) and len(parts) <= 8
    return plain and not odd and PurePosixPath(name).parts[0].lower() != "card.json"


def check_config(config: Mapping[str, Any], where: Path, weights: int) -> None:
    """Refuse a configuration of another shape, or one whose layers are larger than the weights that there are.

    Args:
        config: what was read.
        where: its path, for the error.
        weights: numbers in the file of weights.

    Raises:
        ZooError: that says what is wrong.
    """
    recipe, model = config.get("recipe"), config.get("model")
    if recipe is not None and not (isinstance(recipe, str) and _WORD.fullmatch(recipe)):
        raise ZooError(f"{where}: recipe is {str(recipe)[:80]!r}, expected the name of a recipe. It was not loaded.")
    if not isinstance(model, dict) or not isinstance(model.get("class_name"), str):
        raise ZooError(f"{where} describes no Keras model (model: {{class_name: ...}}). It was not loaded.")
    _check_layers(model, where, weights)


def _check_layers(described: Any, where: Path, weights: int) -> None:
    if isinstance(described, dict):
        for key, value in described.items():
            sizes = value if isinstance(value, list) else [value]
            if key in _SIZES and any(isinstance(size, int) and size > max(weights, 1) for size in sizes):
                raise ZooError(
                    f"{where} states {key} {str(value)[:40]}, more than the {weights} weights of model.weights.h5."
                )
            _check_layers(value, where, weights)
    elif isinstance(described, list):
        for value in described:
            _check_layers(value, where, weights)


def check_weights(path: Path) -> int:
    """Walk over a file of weights, which Keras opens only after that; return how many numbers it holds.

    Raises:
        ZooError: if it holds anything but groups and plain arrays of numbers, stored in the file itself.
    """
    import h5py
    from h5py import h5d, h5l, h5o, h5t

    kinds = (h5t.FLOAT, h5t.INTEGER, h5t.ENUM)  # the last: booleans
    with reading(path, "Copy it again or train again; it was not loaded."), h5py.File(path, "r") as file:
        links: list[bytes] = []
        things: dict[bytes, int] = {}
        # HDF5 itself walks, over each group once, however they lie in each other.
        file.id.links.visit(lambda name, info: links.append(name) if info.type != h5l.TYPE_HARD else None, info=True)
        if links:
            raise ValueError(f"{links[0].decode(errors='replace')} is a link, expected an array or a group")
        h5o.visit(file.id, lambda name, info: things.__setitem__(name, info.type), info=True)
        total = 0
        for name, kind in things.items():
            if kind == h5o.TYPE_GROUP:
                continue
            item = h5d.open(file.id, name) if kind == h5o.TYPE_DATASET else None
            if item is None or item.get_type().get_class() not in kinds:
                raise ValueError(f"{name.decode(errors='replace')} is no array of numbers")
            check_stored(item, name.decode(errors="replace"))
            total += math.prod(item.shape)
        return total

"""A checkpoint is a folder: config.json + model.weights.h5 + card.json.

`config.json` holds the Keras configuration and the recipe whose file defines the model's classes;
`model.weights.h5` the weights; `card.json` says what the model does, with units, how it was made, how
well it scores by which command, and the SHA-256 of every other file. What the zoo ships, what
`zoo train` writes and what a user saves with `zoo.save` have the same form.

Nothing in a checkpoint is executed: no pickle, no Lambda, and only registered classes are built. What it says is
checked before it is used: `zoo.gate`. The digest of a checkpoint is the SHA-256 of its card, which holds those of its
files: `sha256sum card.json` gives it, too.
"""

from __future__ import annotations

import contextlib
import copy
import importlib
import os
import re
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.errors import ZooError
from zoo.files import sha256, write_json
from zoo.foreign import read_npz
from zoo.gate import check_card, check_config, check_weights, read_plain_json
from zoo.store import atomic_folder, identity, recover

if TYPE_CHECKING:
    import keras
    import numpy as np

FORMAT = 1
_TRIES = 20
CONFIG, WEIGHTS, CARD = "config.json", "model.weights.h5", "card.json"
GOLDEN = "golden.npz"
"""Inputs with the model's answers, which every later version must repeat."""

INPUTS = (
    ("inputs",),
    ("waveform",),
    ("coordinates_km",),
    ("phase_velocity_km_s",),
    ("node_velocity_km_s",),
    ("wavelet", "sources"),
    ("seismicity_map",),
    ("station_measures",),
)
"""What models take, under its name in golden.npz; several are taken as a tuple."""

# What the card of a shipped checkpoint must say; `save` fills what it knows itself.
CARD_FIELDS = {
    "name": "architecture.tag",
    "summary": "what the model does, in a sentence",
    "answers": "SYSTEM.QUESTION, what a task may ask of it: zoo.load(name, answering=...)",
    "inputs": "shape, unit and meaning of what the model takes",
    "outputs": "shape, unit and meaning of what the model gives",
    "dataset": "name and version of the dataset it was trained on, and whether it is synthetic",
    "command": "the command that trained it",
    "seed": "the seed of that command",
    "versions": "versions of the libraries that trained it",
    "cost": "what training cost",
    "scores": "metric -> {value, command}: figures and the command that measures each",
    "licence": "licence of the weights and of the data behind them",
    "citation": "what to cite",
    "files": "sha256 and size of every file of the folder",
}

# What it may say beside that; `save` fills the first two, training the third. A card without a revision is the first.
MORE_FIELDS = {
    "revision": "1 for the first checkpoint of its name in its folder, one more for each that replaces it",
    "supersedes": "digest of the checkpoint that it replaced",
    "device": "processor and accelerators that trained it",
}

_LIBRARIES = ("seismic-zoo", "tensorflow", "keras", "numpy", "numba", "scipy", "gpflow", "tensorflow-datasets")


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that decide what a training gives."""
    versions = {}
    for library in _LIBRARIES:
        for distribution in (library, f"{library}-cpu"):
            try:
                versions[library] = metadata.version(distribution)
                break
            except metadata.PackageNotFoundError:
                continue
    return versions


def save(
    model: keras.Model,
    folder: str | os.PathLike,
    card: Mapping[str, Any],
    *,
    recipe: str | None = None,
    extras: Mapping[str, Callable[[Path], Any]] | None = None,
) -> Path:
    """Write `model` as a checkpoint folder that `zoo.load` reads.

    The folder is replaced as a whole: after an error or a full disk the old one is untouched.

    Args:
        model: a built Keras model whose classes are Keras's, the zoo's, or registered by you with
            `keras.saving.register_keras_serializable`.
        folder: where to; an existing checkpoint there is replaced, any other folder is refused.
        card: at least {"summary": ...}; `CARD_FIELDS` lists what a shipped card says. Versions, checksums and, where
            one is replaced, revision and digest of that are added here.
        recipe: the recipe whose file defines the model's classes.
        extras: file name -> function that writes that file, for what else the folder carries.

    Returns:
        The folder.

    Raises:
        ZooError: if the model is not built, the card has no summary, or the folder is not a
            checkpoint's.
    """
    import keras

    folder = Path(folder)
    if not isinstance(model, keras.Model):
        raise ZooError(f"zoo.save takes a keras.Model, this is a {type(model).__name__}.")
    if not model.built:
        raise ZooError("The model has no weights yet: call it on an example or build it, then save.")
    if not str(card.get("summary", "")).strip():
        raise ZooError('The card needs at least {"summary": "what the model does"}.')
    if folder.exists() and any(folder.iterdir()) and not (folder / CARD).is_file():
        raise ZooError(f"{folder} exists and holds no checkpoint; choose another folder.")
    described = keras.saving.serialize_keras_object(model)
    described.pop("compile_config", None)
    # A copy made as loading makes it: it shows that loading will work, and has no optimizer to store.
    bare = _build(copy.deepcopy(described), "The model")  # Keras takes configurations apart as it reads them
    bare.set_weights(model.get_weights())
    with atomic_folder(folder) as temporary:
        write_json(temporary / CONFIG, {"format": FORMAT, "recipe": recipe, "model": described})
        bare.save_weights(temporary / WEIGHTS)
        _halve(temporary / WEIGHTS)
        for name, writer in (extras or {}).items():
            writer(temporary / name)
        files = {
            path.relative_to(temporary).as_posix(): {
                "sha256": sha256(path),
                "bytes": path.stat().st_size,
            }
            for path in sorted(temporary.rglob("*"))
            if path.is_file()
        }
        whole = {"name": folder.name, "format": FORMAT, "recipe": recipe, **card}
        whole.setdefault("answers", getattr(model, "answers", ""))
        whole.setdefault("versions", library_versions())
        whole.pop("supersedes", None)  # of a card that was copied
        whole |= _succession(folder)
        whole["files"] = files
        write_json(temporary / CARD, whole)
    return folder


def _succession(folder: Path) -> dict[str, Any]:
    """Return the revision of a checkpoint that is about to be written, and the digest of the one it replaces."""
    if not (folder / CARD).is_file():
        return {"revision": 1}
    try:
        before = read_card(folder).get("revision", 1)
    except ZooError:  # a card that cannot be read is replaced as any other
        before = 1
    return {"revision": before + 1, "supersedes": digest(folder)}


def read_card(folder: str | os.PathLike) -> dict[str, Any]:
    """Return the card of a checkpoint folder."""
    folder = Path(folder)
    recover(folder)
    if not (folder / CARD).is_file():
        raise ZooError(
            f"{folder} is not a checkpoint: it has no {CARD}. "
            "A checkpoint is a folder that zoo.save or `zoo train` wrote."
        )
    card = read_plain_json(folder / CARD, "Checkpoint card")
    check_card(card, folder / CARD)
    return card


def digest(folder: str | os.PathLike) -> str:
    """Return the SHA-256 of a checkpoint: of its card, which holds those of its files."""
    return sha256(Path(folder) / CARD)


def missing_files(folder: str | os.PathLike) -> list[str]:
    """Return the files that the card names and the folder lacks."""
    return [name for name in read_card(folder)["files"] if not (Path(folder) / name).is_file()]


def changed(folder: str | os.PathLike) -> dict[str, str]:
    """Return file -> what is wrong with it, of all files that are not as the card says."""
    folder = Path(folder)
    wrong = {}
    for name, expected in read_card(folder)["files"].items():
        path = folder / name
        if folder.resolve() not in path.resolve().parents:
            wrong[name] = "is a link out of the checkpoint"
        elif not path.is_file():
            wrong[name] = "is missing"
        elif (found := sha256(path)) != expected["sha256"]:
            wrong[name] = f"was changed: its SHA-256 is {found[:16]}..., the card says {expected['sha256'][:16]}..."
    return wrong


def read_golden(folder: str | os.PathLike) -> tuple[Any, np.ndarray, dict[str, np.ndarray]]:
    """Return the inputs of a checkpoint's golden.npz, the answers that its model must give, and what else is there.

    Raises:
        ZooError: if there is none, or it holds no `predicted` or no inputs under a name of `INPUTS`.
    """
    path = Path(folder) / GOLDEN
    if not path.is_file():
        raise ZooError(f"{folder} has no {GOLDEN}: give its RECIPE a `golden`, and train again.")
    held = dict(read_npz(path, "Copy it again or train again."))
    names = next((names for names in INPUTS if set(names) <= set(held)), None)
    if names is None or "predicted" not in held:
        known = ", ".join(" and ".join(names) for names in INPUTS)
        raise ZooError(f"{path} holds {', '.join(held)}; expected `predicted`, and the inputs as one of: {known}.")
    inputs = tuple(held.pop(name) for name in names)
    return inputs if len(inputs) > 1 else inputs[0], held.pop("predicted"), held


def verify(folder: str | os.PathLike) -> dict[str, Any]:
    """Check every file against the card and return the card; a changed byte is refused by name."""
    folder = Path(folder)
    card = read_card(folder)
    for name in (CONFIG, WEIGHTS):
        if name not in card["files"]:
            raise ZooError(f"{folder / CARD} does not vouch for {name}; restore it or train again.")
    for name, why in changed(folder).items():
        raise ZooError(f"{folder / name} {why}. Nothing was loaded; copy the file again or train again.")
    return card


def load(
    folder: str | os.PathLike, import_recipe: Callable[[str], Any] | None = None, expected: str | None = None
) -> keras.Model:
    """Verify a checkpoint folder and return its model.

    Args:
        folder: the checkpoint.
        import_recipe: called with the recipe's name, so that the model's classes get registered.
        expected: the digest that the checkpoint must have.

    Raises:
        ZooError: if a file is missing or changed, its digest is another one, or the model's classes are not registered.
    """
    folder = Path(folder)
    for _ in range(_TRIES):
        recover(folder)
        before = identity(folder) if (folder / CARD).is_file() else read_card(folder)  # says that there is none
        try:
            model = _load(folder, import_recipe, expected)
        except ZooError:
            if identity(folder) == before:
                raise
        else:
            if identity(folder) == before:
                return model
        # Another process saved this checkpoint meanwhile: half of what was read is the old one's.
    raise ZooError(f"{folder} is being written again and again; load it when that has ended.")


def _load(folder: Path, import_recipe: Callable[[str], Any] | None, expected: str | None) -> keras.Model:
    if expected is not None and (found := digest(folder)) != expected.lower():
        raise ZooError(
            f"{folder} has the digest {found}, expected {expected}: it is not the checkpoint that was meant. Ask for "
            "the right one, or for its digest (zoo info says it)."
        )
    verify(folder)
    config = read_plain_json(folder / CONFIG, "Checkpoint configuration")
    check_config(config, folder / CONFIG, check_weights(folder / WEIGHTS))
    if config.get("format") != FORMAT:
        raise ZooError(f"{folder} has format {config.get('format')}, this zoo reads {FORMAT}; update seismic-zoo.")
    unknown = ""
    if config.get("recipe") and import_recipe:
        try:
            import_recipe(config["recipe"])
        except ZooError as error:  # a model of Keras's layers, or of classes that are registered, needs no recipe
            unknown = f" {error}"
    _import_own_classes(config["model"])
    model = _build(config["model"], str(folder), unknown)
    try:
        model.load_weights(folder / WEIGHTS)
    except Exception as error:  # Keras and h5py raise what they please
        raise ZooError(
            f"{folder / WEIGHTS} does not fit the model that {CONFIG} describes ({_first_line(error)})."
        ) from error
    return model


def _import_own_classes(described: Any) -> None:
    """Import the zoo's modules that a configuration names, so that their classes are registered; no others."""
    if isinstance(described, Mapping):
        module = described.get("module")
        if isinstance(module, str) and re.fullmatch(r"zoo(\.[a-z_]+)+", module):
            with contextlib.suppress(ModuleNotFoundError):  # an older place: the recipe registers the class
                importlib.import_module(module)
        for value in described.values():
            _import_own_classes(value)
    elif isinstance(described, list):
        for value in described:
            _import_own_classes(value)


def _halve(weights: Path) -> None:
    """Store as float16 what a weights file holds that float16 holds exactly; Keras gives it its own type as it loads.

    A recipe that rounds its weights to float16 so gets a file of half the size, and nothing else changes.
    """
    import h5py
    import numpy as np

    whole = weights.with_name("whole.h5")
    weights.rename(whole)
    with h5py.File(whole) as source, h5py.File(weights, "w") as target:
        target.attrs.update(source.attrs)

        def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Group):
                made = target.require_group(name)
            else:
                values = item[()]
                with np.errstate(over="ignore"):
                    half = np.asarray(values, np.float16) if item.dtype == np.float32 else values
                made = target.create_dataset(name, data=half if np.array_equal(half, values) else values)
            made.attrs.update(item.attrs)

        source.visititems(copy)
    whole.unlink()


def _build(described: Mapping[str, Any], what: str, unknown: str = "") -> keras.Model:
    """Build a model from its Keras configuration; nothing but registered classes is touched."""
    import keras

    from zoo.serving import full_precision

    try:
        with full_precision():
            return keras.saving.deserialize_keras_object(described, safe_mode=True)
    except Exception as error:  # whatever a class makes of a configuration that is not its own
        raise ZooError(
            f"{what} cannot be built from its configuration ({_first_line(error)}). A checkpoint holds no "
            "code: no Lambda, and classes of your own need a complete get_config, "
            f"@keras.saving.register_keras_serializable, and an import before zoo.load.{unknown}"
        ) from error


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__

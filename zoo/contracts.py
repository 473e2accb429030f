"""What is asked of a checkpoint, a recipe and a dataset: for `zoo check FOLDER`, and for the tests of what is shipped.

Each function returns sentences, one for each thing that is wrong; none means that the contract is kept.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from zoo import checkpoint, registry
from zoo.data import builders, datasets
from zoo.errors import UsageError, ZooError
from zoo.own import VARIABLES
from zoo.progress import say

HEAD = ("Paper", "Data", "Cost", "Run")
"""Lines that the docstring of a recipe has, each with its word first."""
OF_CARD = ("inputs", "outputs", "licence", "citation")
"""What the `card` of a recipe says."""


def card_problems(folder: str | os.PathLike) -> list[str]:
    """Return what a card lacks: fields, finite scores with their commands."""
    import math

    card = checkpoint.read_card(folder)
    wrong = [
        f"the card does not say {key}: {says}" for key, says in checkpoint.CARD_FIELDS.items() if not _said(card, key)
    ]
    for split, score in (card.get("scores") or {}).items():
        if not str(score.get("command", "")).startswith("zoo "):
            wrong.append(f"the score on {split} names no command that measures it")
        for metric, value in score["metrics"].items():
            if not isinstance(value, (int, float)) or not math.isfinite(value):
                wrong.append(f"{metric} on {split} is {value}, expected a finite number")
    return wrong


def _said(card: dict[str, Any], key: str) -> bool:
    return card.get(key) not in (None, "", {})


def golden_problems(folder: str | os.PathLike) -> list[str]:
    """Return in what a model no longer gives its stored answers, beyond what it says in `ServedModel.repeats_to`."""
    import numpy as np

    from zoo.serving import ServedModel

    inputs, stored, _ = checkpoint.read_golden(folder)
    model = registry.load(folder)
    share, error = getattr(model, "repeats_to", ServedModel.repeats_to)
    found = np.asarray(model(inputs))
    if found.shape != stored.shape or found.dtype != np.float32:
        return [f"the model gives {found.dtype} {found.shape}, {checkpoint.GOLDEN} holds float32 {stored.shape}"]
    moved = np.abs(found - stored) >= 0.01 * np.abs(stored).max(-1, keepdims=True)
    away = np.linalg.norm(found - stored) / max(np.linalg.norm(stored), 1e-30)
    if not np.isfinite(found).all() or moved.mean() > share or away >= error:
        return [f"the model gives other answers than {checkpoint.GOLDEN} holds: {away:.2g} of them away"]
    return []


def saving_problems(folder: str | os.PathLike) -> list[str]:
    """Return in what a loaded model that is saved and loaded again differs from itself."""
    import numpy as np

    model = registry.load(folder)
    inputs = checkpoint.read_golden(folder)[0]
    with tempfile.TemporaryDirectory() as where:
        again = registry.load(registry.save(model, Path(where) / "copy.of", "A copy."))
    same = np.array_equal(np.asarray(model(inputs)), np.asarray(again(inputs)))
    return [] if same else ["saved and loaded again it gives other answers: is get_config complete?"]


def export_problems(folder: str | os.PathLike, format: str = "", error: float = 1e-5) -> list[str]:
    """Return in what an exported model answers otherwise than itself.

    Args:
        folder: of a checkpoint with golden.npz.
        format: "" for a SavedModel, ".tflite" for LiteRT.
        error: how large a difference may be, as a part of the largest answer.
    """
    import keras
    import numpy as np

    from zoo import serving

    model = registry.load(folder)
    inputs = keras.tree.map_structure(lambda array: array[:8], checkpoint.read_golden(folder)[0])
    expected = np.asarray(model(inputs))
    with tempfile.TemporaryDirectory() as where:
        out = serving.export(model, Path(where) / f"model{format}")
        found = (_ask_litert if format else _ask_saved_model)(out, model, inputs)
    if found.shape != expected.shape:
        return [f"exported it gives {found.shape}, expected {expected.shape}"]
    away = np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-30)
    return [] if away <= error else [f"exported it gives other answers: {away:.2g} of the largest away"]


def _ask_saved_model(folder: Path, model: Any, inputs: Any) -> Any:
    import keras
    import numpy as np
    import tensorflow as tf

    served = tf.saved_model.load(str(folder))
    # What it takes stands in the signature: shots take cells as int32 beside float32.
    given = keras.tree.flatten(inputs)
    specs = keras.tree.flatten(model.takes()) if hasattr(model, "takes") else [tf.TensorSpec(None)] * len(given)
    tensors = [tf.constant(array, spec.dtype) for array, spec in zip(given, specs, strict=True)]
    return np.asarray(served.serve(keras.tree.pack_sequence_as(inputs, tensors)))


def _ask_litert(file: Path, model: Any, inputs: Any) -> Any:
    import keras

    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:  # TensorFlow has had one, too, and announces that it will leave
        import tensorflow as tf

        Interpreter = tf.lite.Interpreter
    run = Interpreter(str(file)).get_signature_runner("serving_default")
    names = sorted(run.get_input_details())
    return run(**dict(zip(names, keras.tree.flatten(inputs), strict=True)))["output_0"]


def checkpoint_problems(folder: str | os.PathLike) -> list[str]:
    """Return what is wrong with a checkpoint: bytes, card, answers, saving."""
    wrong = [f"{file} {why}" for file, why in checkpoint.changed(folder).items()] or card_problems(folder)
    if checkpoint.GOLDEN not in checkpoint.read_card(folder)["files"]:
        return [*wrong, f"it has no {checkpoint.GOLDEN}: give its RECIPE a `golden`"]
    return (
        wrong
        if any("changed" in one for one in wrong)
        else [*wrong, *golden_problems(folder), *saving_problems(folder), *export_problems(folder)]
    )


def recipe_problems(name: str) -> list[str]:
    """Return what is wrong with a recipe: what its file says, its settings, its dataset, its model."""
    head = registry.recipe_about(name)
    wrong = [f"its docstring has no line `{word}   ...`" for word in HEAD if not re.search(rf"^{word} +\S", head, re.M)]
    if not (head.splitlines() or [""])[0].rstrip().endswith((".", ")")):
        wrong.append("its docstring does not begin with a sentence")
    recipe = registry.recipe_module(name).RECIPE
    wrong += [f"its card does not say {key}" for key in OF_CARD if not recipe.card.get(key)]
    if not recipe.golden:
        wrong.append("it has no `golden`: nothing holds later versions to what its models gave")
    if not recipe.smoke and recipe.stages:
        wrong.append("it has no `smoke`: settings of a run of seconds")
    values = recipe.choose()
    try:
        builders.check_name(values["dataset"])
    except ZooError as error:
        wrong.append(str(error))
    model = recipe.create(values)
    if getattr(type(model), "recipe_name", name) not in (name, None):
        wrong.append(f"its model has the recipe_name {type(model).recipe_name!r}, expected {name!r}")
    if model.built:
        with tempfile.TemporaryDirectory() as where:
            saved = checkpoint.save(model, Path(where) / "untrained", {"summary": "Untrained."}, recipe=name)
            again = registry.load(saved)
        shapes = [[tuple(weight.shape) for weight in one.weights] for one in (model, again)]
        if shapes[0] != shapes[1]:
            wrong.append("its model has other weights after it was saved and loaded: is get_config complete?")
    return wrong


def training_problems(name: str, data_dir: str | os.PathLike | None = None) -> list[str] | None:
    """Train a recipe with its smoke settings and return what is wrong with the checkpoint.

    Returns:
        None if its dataset is not prepared.
    """
    from zoo.training import trainer

    recipe = trainer.recipe(name)
    values = recipe.recipe.choose("", recipe.recipe.smoke)
    try:
        datasets.metadata(values["dataset"], data_dir)
    except ZooError:
        return None
    with tempfile.TemporaryDirectory() as where:
        folder = recipe.train(out=Path(where) / recipe.name, data_dir=data_dir, smoke=bool(recipe.recipe.smoke))
        return checkpoint_problems(folder)


def dataset_problems(name: str) -> list[str]:
    """Return what is wrong with a dataset's folder: builder, README, citation, tags, checksums."""
    here, wrong = builders.home(name), []
    cls = builders.builder_class(name)
    texts = {}
    for file in ("README.md", "CITATIONS.bib", "TAGS.txt", "checksums.tsv"):
        if not (here / file).is_file():
            wrong.append(f"it has no {file}")
        texts[file] = (here / file).read_text(encoding="utf-8") if (here / file).is_file() else ""
    readme = texts["README.md"]
    if readme and not readme.startswith(f"# {name}"):
        wrong.append(f"README.md does not begin with `# {name}`")
    if texts["CITATIONS.bib"] and "@" not in texts["CITATIONS.bib"]:
        wrong.append("CITATIONS.bib cites nothing")
    tags = texts["TAGS.txt"].splitlines()
    wrong += [
        f"TAGS.txt: {tag!r} is no `tag # what it means`" for tag in tags if not re.match(r"[a-z-]+\.[\w.-]+ # ", tag)
    ]
    # `zoo datasets` reads the names from the source, without TensorFlow.
    if sorted(builders.config_names(name)) != sorted(cls.builder_configs):
        wrong.append('its config names are not all written as ...Config(name="..."), so `zoo datasets` misses some')
    with tempfile.TemporaryDirectory() as empty:
        for config in cls.builder_configs or ([] if hasattr(cls, "custom_config") else [""]):
            whole = f"{name}/{config}" if config else name
            named = f"`{config}`" in readme or config and re.search(rf"`{config[:-1]}\d` to|to `{config}`", readme)
            if config and not named:
                wrong.append(f"README.md does not name the config `{config}`")
            made = datasets.builder(whole, empty)
            if not made.info.features:
                wrong.append(f"{whole} states no features")
            if not (made.info.metadata or {}).get("origin"):
                wrong.append(f"{whole} does not say its origin: metadata=tfds.core.MetadataDict(origin=...)")
    return wrong


def check(folder: str | os.PathLike, data_dir: str | os.PathLike | None = None) -> dict[str, list[str]]:
    """Hold everything in a folder to its contract: checkpoints, recipes, datasets.

    Args:
        folder: a checkpoint, the file of a recipe, the folder of a dataset, a folder of them, or one with `recipes`,
            `datasets` and `checkpoints` inside.
        data_dir: where prepared datasets lie, with which recipes are trained for seconds.

    Returns:
        "recipe my_recipe" -> what is wrong with it, nothing where all is well.

    Raises:
        UsageError: if there is nothing of that kind.
    """
    place = Path(folder).expanduser().resolve()
    if not place.exists():
        raise UsageError(f"There is no {folder}.")
    top = place if place.is_dir() else place.parent
    rooms = [top, *(top / room for room in (*VARIABLES, "runs")), *([top.parent] if top.name in VARIABLES else [])]
    checkpoints = sorted(
        {card.parent for room in rooms[:5] for card in (*room.glob("*/card.json"), *room.glob("card.json"))}
    )
    files = sorted(
        {
            path
            for room in rooms[:5]
            for path in (*room.glob("*/*_dataset_builder.py"), *room.glob("*_dataset_builder.py"))
        }
    )
    scripts = sorted({path for room in rooms[:5] for path in room.glob("*.py")} - set(files))
    if place.is_file():
        scripts, files, checkpoints = [s for s in scripts if s == place], [f for f in files if f == place], []
    beside = [folder / "datasets" for folder in (top, top.parent)]
    found: dict[str, list[str]] = {}
    jobs: dict[str, Callable[[], list[str]]] = {}
    with (
        _visible("recipes", [s.parent for s in scripts]),
        _visible("datasets", [f.parent.parent for f in files] + beside),
    ):
        for path in files:
            name = path.name.removesuffix("_dataset_builder.py")
            jobs[f"dataset {name}"] = lambda name=name: dataset_problems(name)
        for path in scripts:
            name = path.stem
            if name in registry.list_recipes() and registry.recipe_path(name).resolve() == path:
                jobs[f"recipe {name}"] = lambda name=name: (
                    recipe_problems(name) or training_problems(name, data_dir) or []
                )
            elif re.search(r"^RECIPE\b", path.read_text(encoding="utf-8", errors="replace"), re.M):
                jobs[f"recipe {name}"] = lambda path=path: [f"{path} cannot be used; the lines above say why"]
        for path in checkpoints:
            jobs[f"checkpoint {path.name}"] = lambda path=path: checkpoint_problems(path)
        for number, (what, job) in enumerate(jobs.items(), 1):
            say(f"{number} of {len(jobs)}: {what}")
            found[what] = _tried(job)
    if not found:
        raise UsageError(f"{folder} holds no recipe, dataset or checkpoint. zoo new recipe NAME writes an example.")
    return found


def _tried(check: Callable[[], list[str]]) -> list[str]:
    """Return what a check finds; an error that it meets is one of the things that are wrong."""
    try:
        return check()
    except ZooError as error:
        return [str(error)]
    except Exception as error:  # whatever a recipe or builder of somebody's own raises
        return [f"{type(error).__name__}: {error}"]


@contextlib.contextmanager
def _visible(room: str, folders: list[Path]) -> Iterator[None]:
    """Let the folders of a room come first while the block runs."""
    variable = VARIABLES[room]
    before = os.environ.get(variable)
    own = [str(folder) for folder in dict.fromkeys(folders) if folder.is_dir()]
    os.environ[variable] = os.pathsep.join([*own, *([before] if before else [])])
    try:
        yield
    finally:
        if before is None:
            del os.environ[variable]
        else:
            os.environ[variable] = before

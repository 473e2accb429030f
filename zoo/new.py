"""`zoo new recipe NAME`, `zoo new dataset NAME`: a small working example with its test, to start from."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from zoo.data.builders import list_datasets
from zoo.errors import UsageError
from zoo.files import write_with
from zoo.recipe_files import list_recipes

KINDS = ("recipe", "dataset")
_TEMPLATES = Path(__file__).with_name("templates")
# Template -> where it goes, from the folder of one's own.
_FILES = {
    "recipe": {"recipe.py.txt": "recipes/@NAME@.py", "recipe_test.py.txt": "tests/test_@NAME@.py"},
    "dataset": {
        "builder.py.txt": "datasets/@NAME@/@NAME@_dataset_builder.py",
        "README.md.txt": "datasets/@NAME@/README.md",
        "CITATIONS.bib.txt": "datasets/@NAME@/CITATIONS.bib",
        "TAGS.txt.txt": "datasets/@NAME@/TAGS.txt",
        "checksums.tsv.txt": "datasets/@NAME@/checksums.tsv",
        "dataset_test.py.txt": "tests/test_@NAME@.py",
    },
}


def write(kind: str, name: str, folder: Path, dataset: str | None = None) -> list[Path]:
    """Write an example into a folder of one's own: recipes/, datasets/, tests/ inside of it.

    Args:
        kind: "recipe" or "dataset".
        name: of what is new: letters, digits and _.
        folder: where to; what is there already is not touched.
        dataset: of a recipe, NAME/CONFIG with the features `trace` and `frequency_hz`; by default it gets an example of
            its own, NAME_records/mini.

    Returns:
        The files.

    Raises:
        UsageError: if the name is no name, is taken, or a file of it is there already.
    """
    taken = list_recipes() if kind == "recipe" else list_datasets()
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise UsageError(f"The name of a {kind} has small letters, digits and _ only, as my_{kind}; received {name!r}.")
    if name in taken:
        raise UsageError(f"There is a {kind} {name} already; choose another name.")
    files: list[Path] = []
    if kind == "recipe" and not dataset:
        dataset = f"{name}_records/mini"
        if not (folder / "datasets" / f"{name}_records").is_dir():
            files += write("dataset", f"{name}_records", folder)
    places = {template: folder / place.replace("@NAME@", name) for template, place in _FILES[kind].items()}
    for path in places.values():
        if path.exists():
            raise UsageError(f"{path} is there already; choose another name, or --out another folder.")
    words = {
        "@NAME@": name,
        "@CLASS@": "".join(part.capitalize() for part in name.split("_")),
        "@DATASET@": dataset or "",
        "@TEST@": f"tests/test_{name}.py",
    }
    for template, path in places.items():
        text = (_TEMPLATES / template).read_text(encoding="utf-8")
        for word, value in words.items():
            text = text.replace(word, value)
        write_with(path, lambda temporary, text=text: temporary.write_text(text, encoding="utf-8"))
        files.append(path)
    return files


def next_steps(kind: str, name: str, folder: Path, dataset: str | None = None) -> str:
    """Return the commands that come next, for a shell."""
    here = shlex.quote(str(folder.resolve()))
    made = dataset or (f"{name}_records/mini" if kind == "recipe" else f"{name}/mini")
    lines = [
        f"export ZOO_RECIPES={here}/recipes ZOO_DATASETS={here}/datasets ZOO_CHECKPOINTS={here}/checkpoints",
        f"zoo prepare {made}",
        *([f"zoo train {name} --out {here}/checkpoints/{name}.first"] if kind == "recipe" else []),
        f"zoo check {here}",
        f"python -m pytest {here}/tests/test_{name}.py",
    ]
    return "\n".join(lines)

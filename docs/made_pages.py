"""Pages that are made, not written: READMEs, cards of models and datasets, recipes, commands, the API.

What they say stands elsewhere, once: in the README of a system or dataset, on the card of a checkpoint, in the settings
of a recipe, in `--help`, in docstrings. Here it gets pages and links.
"""

from __future__ import annotations

import json
import os
import posixpath
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from zoo import SYSTEMS, registry
from zoo.data.builders import list_datasets
from zoo.files import write_with

ROOT = Path(__file__).resolve().parents[1]

FACES = (
    "zoo",
    *(f"zoo.{system}" for system in SYSTEMS),
    "zoo.training.recipe",
    "zoo.settings",
    "zoo.data.datasets",
    "zoo.checkpoint",
    "zoo.serving",
    "zoo.errors",
    "zoo.field.magnitudes",
    "zoo.field.picks",
    "zoo.field.stations",
    "zoo.sampling.convergence",
    "zoo.sampling.samplers",
)
"""Modules whose public names the API reference shows."""


def readmes() -> dict[str, str]:
    """Return README of the repository -> page, without suffix, relative to the folder of made pages."""
    return {
        **{f"zoo/{system}/README.md": f"systems/{system}" for system in SYSTEMS},
        **{f"datasets/{name}/README.md": f"datasets/{name}" for name in shipped_datasets()},
        "recipes/README.md": "recipes/index",
        "checkpoints/README.md": "checkpoints",
        "CONTRIBUTING.md": "contributing",
        "CHANGELOG.md": "changelog",
        "README.md": "../index",
    }


def shipped_datasets() -> list[str]:
    """Return the datasets of the repository; a user's own are not documented here."""
    return [name for name in list_datasets() if (ROOT / "datasets" / name / "README.md").is_file()]


def moved(text: str, source: str, target: str, pictures: dict[str, str]) -> str:
    """Return a README's text with its links as they are from the page that it becomes.

    Args:
        text: Markdown.
        source: the README, relative to the repository.
        target: the page without suffix, relative to the folder of made pages.
        pictures: gets picture of the repository -> copy, relative to the folder of made pages.

    Raises:
        ValueError: a link leads to a file that no page shows.

    >>> moved("[a](../../datasets/stead/README.md#x)", "zoo/fwi/README.md", "systems/fwi", {})
    '[a](../datasets/stead.md#x)'
    """
    pages = readmes() | {f"docs/{page.name}": f"../{page.stem}" for page in (ROOT / "docs").glob("*.md")}

    def change(match: re.Match) -> str:
        link, _, anchor = match[1].partition("#")
        if "://" in link or not link:
            return match[0]
        file = posixpath.normpath(posixpath.join(posixpath.dirname(source), link))
        if file in pages:
            there = pages[file] + ".md"
        elif file.endswith(".png") and (ROOT / file).is_file():
            there = pictures[file] = "pictures/" + file.replace("/", "-")
        else:
            raise ValueError(f"{source} links to {link}, which is no page: add it to made_pages.readmes")
        there = posixpath.relpath(there, posixpath.dirname(target) or ".")
        return f"]({there}{'#' + anchor if anchor else ''})"

    return re.sub(r"\]\(([^)\s]+)\)", change, text)


def table(header: tuple[str, ...], rows: list[tuple]) -> str:
    """Return a Markdown table."""
    lines = [header, ("---",) * len(header), *rows]
    return "".join(
        "| " + " | ".join(str(c).replace("|", "\\|").replace("\n", " ") for c in line) + " |\n" for line in lines
    )


def settings(rows: list[dict[str, str]]) -> str:
    """Return settings as `zoo info` lists them."""
    keys = ("setting", "default", "unit", "takes", "meaning", "source")
    wanted = [(f"`{row['setting']}`", *(row[key] for key in keys[1:])) for row in rows]
    return table(keys, wanted) if rows else ""


def toctree(entries: list[str], hidden: bool = False) -> str:
    """Return a list of pages."""
    return "\n```{toctree}\n:maxdepth: 1\n" + (":hidden:\n" if hidden else "") + "\n" + "\n".join(entries) + "\n```\n"


def model_cards() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield page, text, pictures: the cards of the shipped checkpoints, a page a system."""
    cards = {name: card for name, card in registry.cards().items() if (ROOT / "checkpoints" / name).is_dir()}
    for system in SYSTEMS:
        own = {name: card for name, card in cards.items() if card["answers"].split(".")[0] == system}
        text, pictures = f"# Models: {system}\n\n", {}
        for name, card in own.items():
            text += f"## {name}\n\n{card['summary']}\n\n"
            facts = {
                "answers": f"`{card['answers']}`",
                "takes": card["inputs"],
                "gives": card["outputs"],
                "recipe": f"[{card['recipe']}](../recipes/{card['recipe']}.md)",
                "trained on": card["dataset"],
                "made by": f"`{card['command']}`",
                "seed": card["seed"],
                "cost": card["cost"],
                "device": card.get("device", "see cost"),
                "size": f"{sum(file['bytes'] for file in card['files'].values()) / 1e6:.1f} MB",
                "revision": card.get("revision", 1),
                "versions": ", ".join(f"{key} {value}" for key, value in card["versions"].items()),
                "licence": card["licence"],
                "cite": card["citation"],
                "digest": f"`{registry.info(name)['sha256']}`",
            }
            text += table(("", "as its card says"), list(facts.items())) + "\n"
            rows = [
                (where, score.get("examples", ""), metric, f"{value:.4g}")
                for where, score in card["scores"].items()
                for metric, value in score["metrics"].items()
            ]
            text += table(("scored on", "examples", "score", "value"), rows) + "\n" if rows else ""
            text += "".join(f"- {where}: `{score['command']}`\n" for where, score in card["scores"].items()) + "\n"
            file = f"checkpoints/{name}/history.png"
            if (ROOT / file).is_file():
                pictures[file] = f"pictures/{name}.png"
                text += f"![Losses of {name} over the epochs of its training](../pictures/{name}.png)\n\n"
        yield f"models/{system}", text, pictures


def dataset_pages() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield page, text, pictures of each dataset: README, settings, whom to cite."""
    stated = json.loads((ROOT / "datasets" / "settings.json").read_text(encoding="utf-8"))
    for name in shipped_datasets():
        file, pictures = f"datasets/{name}/README.md", {}
        text = moved((ROOT / file).read_text(encoding="utf-8"), file, f"datasets/{name}", pictures).rstrip() + "\n"
        if stated.get(name):
            text += f"\n## Settings of a config of your own\n\n{settings(stated[name])}"
        bib = (ROOT / "datasets" / name / "CITATIONS.bib").read_text(encoding="utf-8").strip()
        yield f"datasets/{name}", text + f"\n## Cite\n\n```bibtex\n{bib}\n```\n", pictures


def recipe_pages() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield page, text, pictures of each recipe: what its file says first, and every setting."""
    stated = json.loads((ROOT / "recipes" / "settings.json").read_text(encoding="utf-8"))
    for name in sorted(stated):
        about = registry.recipe_about(name).strip()
        text = f"# {name}\n\n```text\n{about}\n```\n\nRun `zoo train {name}`; its file is `recipes/{name}.py`.\n"
        yield f"recipes/{name}", text + f"\n## Settings\n\n{settings(stated[name])}", {}


def command_page() -> str:
    """Return what `--help` says of each command."""
    from zoo import cli

    os.environ["COLUMNS"] = "100"
    parser = cli.command_parser()
    choices = next(action for action in parser._actions if action.choices and hasattr(action, "add_parser")).choices
    parts = [f"## zoo {name}\n\n```text\n{one.format_help().strip()}\n```\n" for name, one in choices.items()]
    return "# Commands\n\nAs `zoo COMMAND --help` prints them.\n\n" + "\n".join(parts)


def api_pages() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield page, text, pictures: the public names of each face, from their docstrings."""
    import importlib
    import inspect

    for face in FACES:
        module = importlib.import_module(face)
        names = [n for n in getattr(module, "__all__", None) or _own(module) if n not in (*SYSTEMS, "__version__")]
        text = f"# {face}\n\n```{{eval-rst}}\n.. automodule:: {face}\n"
        for name in names:
            found = getattr(module, name)
            if face == "zoo" and name == "ZooError":
                continue  # with the others, in zoo.errors
            if inspect.isclass(found):
                kind = "autoexception" if issubclass(found, Exception) else "autoclass"
                text += f"\n.. {kind}:: {face}.{name}\n   :members:\n"
            elif callable(found):
                text += f"\n.. autofunction:: {face}.{name}\n"
            else:  # the docstring of a value stands where it is defined
                text += f"\n.. autodata:: {getattr(module, '_FACE', {}).get(name, face)}.{name}\n   :no-value:\n"
        yield f"api/{face}", text + "```\n", {}


def _own(module) -> list[str]:
    """Return the public functions and classes that a module defines, in their order."""
    import inspect

    own = [
        (inspect.getsourcelines(value)[1], name)
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isfunction(value) or inspect.isclass(value))
        and value.__module__ == module.__name__
        and value.__doc__
    ]
    return [name for _, name in sorted(own)]


def pages() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield every made page: its name without suffix, its text, and the pictures that it needs."""
    for source, target in readmes().items():
        if not source.startswith(("datasets/", "README")):
            pictures: dict[str, str] = {}
            text = moved((ROOT / source).read_text(encoding="utf-8"), source, target, pictures)
            if target == "recipes/index":
                text += toctree(sorted(json.loads((ROOT / "recipes" / "settings.json").read_text())), hidden=True)
            yield target, text, pictures
    yield from model_cards()
    yield from dataset_pages()
    yield from recipe_pages()
    yield "commands", command_page(), {}
    yield from api_pages()
    for folder, title, entries in (
        ("systems", "Five systems", list(SYSTEMS)),
        ("models", "Model cards", list(SYSTEMS)),
        ("datasets", "Dataset cards", shipped_datasets()),
        ("api", "API", list(FACES)),
    ):
        yield f"{folder}/index", f"# {title}\n{toctree(entries)}", {}


def write_all(folder: Path) -> list[Path]:
    """Write all pages and copy their pictures; return the pages. What has not changed keeps its time.

    Pages of an earlier build that are no longer made are deleted, the gallery's excepted.
    """
    made, wanted = [], set()
    for name, text, pictures in pages():
        path = folder / f"{name}.md"
        made.append(path)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            write_with(path, lambda part, text=text: part.write_text(text, encoding="utf-8"))
        for source, copy in pictures.items():
            wanted.add(folder / copy)
            if not (folder / copy).is_file() or (folder / copy).stat().st_mtime < (ROOT / source).stat().st_mtime:
                write_with(folder / copy, lambda part, source=source: shutil.copyfile(ROOT / source, part))
    for path in folder.rglob("*"):
        kept = path in wanted or path in made or "gallery" in path.relative_to(folder).parts
        if path.is_file() and not kept:
            path.unlink()
    return made

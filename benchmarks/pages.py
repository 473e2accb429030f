"""Write the tables of the pages and of `zoo info` from docstrings, cards, settings and measured figures: `make readme`.

    python benchmarks/pages.py [--check]

A page (README.md, zoo/SYSTEM/README.md, recipes/README.md, checkpoints/README.md) holds blocks

    <!-- measured: crust 0 2 -->
    ... (written by this script)
    <!-- end -->

where `measured: NAME [NUMBERS]` quotes tables of benchmarks/measured/NAME.json, `scores: PATTERN` the scores on the
cards of checkpoints, `checkpoints: PATTERN`, `recipes: SYSTEM`, `datasets: SYSTEM` and `experiments: SYSTEM` list what
there is. recipes/settings.json and datasets/settings.json hold the settings of each recipe and builder, as rows of a
table; zoo/shipped.json the digest of each checkpoint; RESULTS.md and results.json all that is published. With --check
nothing is written; the exit code says whether all is as it should be.
"""

from __future__ import annotations

import argparse
import ast
import fnmatch
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))  # a test loads this file by its path
import run
from table import markdown

from zoo import checkpoint, registry
from zoo import reproduce as experiments_of_papers
from zoo.data import builders
from zoo.settings import table

ROOT = Path(__file__).resolve().parents[1]
MEASURED = ROOT / "benchmarks" / "measured"
PAGES = ("README.md", "zoo/*/README.md", "recipes/README.md", "checkpoints/README.md", "docs/*.md")
_BLOCK = re.compile(r"(<!-- ([a-z]+)(?:: ([^>]*?))? -->\n)(.*?)(<!-- end -->)", re.S)

# The systems of the datasets; that of a recipe is the one that it imports.
DATASETS = {
    "microseismic": ("microseismic",),
    "crust": ("prem_dispersion", "phase_velocity_maps", "crust_models"),
    "fwi": ("velocity_models",),
    "seismograms": ("stead", "len_db", "explosions", "ncedc_picks", "local_seismograms", "seisbench_format"),
    "seismicity": ("seismicity_maps",),
}


def measured(arguments: str) -> str:
    """Quote tables of a benchmark: all, or those of some numbers."""
    name, *numbers = arguments.split()
    kept = json.loads((MEASURED / f"{name}.json").read_text(encoding="utf-8"))
    chosen = [kept["tables"][int(number)] for number in numbers] if numbers else kept["tables"]
    parts = [f"**{one['title']}**\n\n{markdown(one['header'], one['rows'])}\n" for one in chosen]
    note = kept.get("note", "")
    return (
        "".join(parts)
        + f"Measured by `{kept['command']}`, {kept['date']}, commit {kept['commit']}, {kept['machine']}{note}\n"
    )


def cards(pattern: str) -> list[dict[str, Any]]:
    """Return the cards of shipped checkpoints, in the order of their names."""
    folders = sorted((ROOT / "checkpoints").glob("*/"))
    return [checkpoint.read_card(f) for f in folders if any(fnmatch.fnmatch(f.name, p) for p in pattern.split())]


def scores(pattern: str) -> str:
    """Quote the scores on cards: a row for each checkpoint and what it was scored on."""
    rows = []
    for card in cards(pattern):
        for where, score in card["scores"].items():
            figures = ", ".join(f"{metric} {value:.4g}" for metric, value in score["metrics"].items())
            rows.append((f"`{card['name']}`", where, score.get("examples", ""), figures, f"`{score['command']}`"))
    return markdown(("checkpoint", "scored on", "examples", "figures", "command"), rows)


def checkpoints(pattern: str) -> str:
    """List checkpoints: name, what it answers, what it was trained on, cost, size."""
    rows = []
    for card in cards(pattern):
        size = sum(file["bytes"] for file in card["files"].values()) / 1e6
        name = f"`{card['name']}`" + (" (default)" if card.get("default") else "")
        rows.append((name, card["answers"], card["dataset"], f"{card.get('training_cpu_s', 0):.0f}", f"{size:.1f}"))
    return markdown(("checkpoint", "answers", "trained on", "CPU-s", "MB"), rows)


def head(path: Path) -> tuple[str, dict[str, str]]:
    """Return the first line of a file's docstring, and its lines `Paper ...`, `Data ...`, `Cost ...`, `Run ...`."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    stated = re.findall(r"^(Paper|Data|Cost|Run) +(.*(?:\n {8}.*)*)", text, re.M)
    return text.splitlines()[0], {key: re.sub(r"\s+", " ", value) for key, value in stated}


def recipes(system: str) -> str:
    """List the recipes of a system: what it is, which part of which paper, cost."""
    rows = []
    for name in registry.list_recipes():
        if f"from zoo.{system}" not in registry.recipe_path(name).read_text(encoding="utf-8"):
            continue
        summary, lines = head(registry.recipe_path(name))
        rows.append((f"`{name}`", summary, lines.get("Paper", ""), lines.get("Cost", "")))
    return markdown(("recipe", "what", "paper", "cost"), rows)


def datasets(system: str) -> str:
    """List the datasets of a system: what it is, and its configs."""
    rows = []
    for name in DATASETS[system]:
        summary, _ = head(builders.home(name) / f"{name}_dataset_builder.py")
        configs = ", ".join(f"`{config}`" for config in builders.config_names(name))
        rows.append((f"[`{name}`](../../datasets/{name}/README.md)", summary, configs))
    return markdown(("dataset", "what", "configs"), rows)


def experiments(system: str) -> str:
    """List the experiments of a system's paper."""
    rows = [
        (f"`zoo reproduce {name}`", made.title, made.paper, made.cost)
        for name, made in experiments_of_papers.experiments().items()
        if made.function.startswith(f"zoo.{system}.")
    ]
    return markdown(("command", "what is repeated", "paper", "cost"), rows)


def quoted(name: str, begins: str, column: str) -> str:
    """Return one cell of a measured table: of the row that begins with some words."""
    for one in json.loads((MEASURED / f"{name}.json").read_text(encoding="utf-8"))["tables"]:
        for row in one["rows"]:
            if row[0].startswith(begins):
                return row[one["header"].index(column)]
    raise KeyError(f"{name}.json has no row {begins!r}.")


def systems(_: str) -> str:
    """List the five systems: question, command, answer, score, page."""
    r2d = [c["scores"]["validation"]["metrics"]["r2d"] for c in cards("*_emulator.kwave2021") if "d18" not in c["name"]]
    (picker,) = cards("phase_picker.synthetic")
    stead = picker["scores"]["stead/sample"]
    p = stead["metrics"]["p_within_0.5_s"]
    found, away = (quoted("association", "and located", name) for name in ("found", "epicentre, median km"))
    rows = (
        (
            "microseismic",
            "Where did an event happen, and what kind of source was it?",
            "`zoo locate`, `zoo mechanism`",
            "posterior of location, origin time, moment tensor",
            f"emulators: R2D {min(r2d):.3f} to {max(r2d):.3f} on held-out published k-Wave traces; field data: none",
        ),
        (
            "crust",
            "How thick is the crust?",
            "`zoo crust`",
            "maps of thickness with their probability distribution",
            "real maps of Yunnan against CRUST1.0: " + quoted("crust-carried", "**real** maps of Yunnan", "measured"),
        ),
        (
            "fwi",
            "Which velocities explain these shots?",
            "`zoo fwi`",
            "velocity model, wavelet, misfits",
            "synthetic only",
        ),
        (
            "seismograms",
            "Where do P and S arrive? Earthquake, explosion or noise? Which events were there?",
            "`zoo annotate`, `zoo catalogue`",
            "picks with probabilities; events with place, magnitude and their errors",
            f"P within 0.5 s in {100 * p:.0f} % of {stead['examples']} real STEAD traces; half a day of "
            f"Central Italy: {found} relocated events found, {away} km from there (median)",
        ),
        (
            "seismicity",
            "When and where was seismicity anomalous?",
            "`zoo seismicity`",
            "intervals, sequences, maps",
            "synthetic only",
        ),
    )
    cells = [(question, *rest, f"[zoo.{name}](zoo/{name}/README.md)") for name, question, *rest in rows]
    return markdown(("question", "command", "answer", "score", "page"), cells)


def all_settings() -> dict[Path, str]:
    """Return the tables of settings: file -> JSON."""
    of_recipes = {n: table(registry.recipe_module(n).RECIPE.settings) for n in registry.list_recipes()}
    names = builders.list_datasets()
    of_datasets = {n: table(getattr(builders.builder_class(n), "SETTINGS", {})) for n in names}
    return {
        ROOT / folder / builders.SETTINGS: json.dumps(rows, indent=1, ensure_ascii=False) + "\n"
        for folder, rows in (("recipes", of_recipes), ("datasets", of_datasets))
    }


def digests() -> str:
    """Return the digests of the shipped checkpoints: a card that was changed afterwards is refused."""
    cards = sorted((ROOT / "checkpoints").glob(f"*/{checkpoint.CARD}"))
    return json.dumps({card.parent.name: checkpoint.digest(card.parent) for card in cards}, indent=1) + "\n"


BLOCKS: dict[str, Callable[[str], str]] = {
    "measured": measured,
    "scores": scores,
    "checkpoints": checkpoints,
    "recipes": recipes,
    "datasets": datasets,
    "experiments": experiments,
    "systems": systems,
}


def page(text: str) -> str:
    """Return a page with its blocks written anew."""

    def block(match: re.Match) -> str:
        kind, arguments = match[2], (match[3] or "").strip()
        return match[0] if kind not in BLOCKS else f"{match[1]}{BLOCKS[kind](arguments)}{match[5]}"

    return _BLOCK.sub(block, text)


def everything() -> dict[Path, str]:
    """Return what every written file should hold."""
    pages = {path: page(path.read_text(encoding="utf-8")) for pattern in PAGES for path in sorted(ROOT.glob(pattern))}
    written = {run.RESULTS: run.results(), run.RESULTS_JSON: run.results_json()}
    return {**pages, **all_settings(), **written, ROOT / "zoo" / "shipped.json": digests()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, say what differs")
    check = parser.parse_args().check
    wanted = everything()
    stale = [p for p, text in wanted.items() if not p.is_file() or p.read_text(encoding="utf-8") != text]
    for path in stale:
        print(f"{'differs' if check else 'written'}: {path.relative_to(ROOT)}")
        if not check:
            path.write_text(wanted[path], encoding="utf-8")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())

"""Experiments of the papers, repeated: `zoo reproduce NAME`.

Each trains or loads what it needs, measures, and leaves NAME.csv, NAME.json, NAME.md and a figure. What it has trained
stays in the folder as checkpoints: the same command goes on after an interruption, and is quick when all is there.
"""

from __future__ import annotations

import csv
import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoo import SYSTEMS
from zoo.errors import UsageError, did_you_mean
from zoo.files import write_json, write_with
from zoo.progress import say
from zoo.training.experiment import Experiment, Workshop


def experiments() -> dict[str, Experiment]:
    """Return the experiments of all systems by name."""
    tables = (importlib.import_module(f"zoo.{system}.experiments").EXPERIMENTS for system in SYSTEMS)
    return {name: made for table in tables for name, made in table.items()}


def run(
    name: str,
    out: str | os.PathLike | None = None,
    *,
    quick: bool = False,
    data_dir: str | os.PathLike | None = None,
    settings: Mapping[str, Any] | None = None,
    train: bool = False,
    cluster: str | None = None,
) -> list[dict[str, Any]]:
    """Repeat an experiment and return its table, a dict for each row; goes on with an interrupted run.

    Args:
        name: one of `experiments`.
        out: folder, by default `runs/NAME`.
        quick: about a minute on a small dataset, to see that all works. Its figures say nothing.
        data_dir: where prepared datasets lie.
        settings: the experiment's own (`zoo info NAME`), and, where it trains, changes to every training.
        train: train anew where shipped checkpoints would do.
        cluster: where its trainings run side by side (`zoo.cluster`), if it has several.

    Raises:
        UsageError: if there is no such experiment.
    """
    known = experiments()
    if name not in known:
        raise UsageError(f"There is nothing to reproduce called {name!r}.{did_you_mean(name, known)}")
    made = known[name]
    own, changes = made.choose(name, settings or {}, quick)
    folder = Path(out) if out else Path("runs") / name
    say(f"{made.title} ({made.paper})")
    say("quick: about a minute, on a small dataset" if quick else f"Cost: {made.cost}")
    module, function = made.function.split(":")
    workshop = Workshop(folder, quick, data_dir, own, changes, train, cluster)
    rows = getattr(importlib.import_module(module), function)(workshop)
    # By name: experiments with the same trainings may share a folder.
    write_with(folder / f"{name}.csv", lambda path: _write_csv(path, rows))
    write_with(folder / f"{name}.md", lambda path: path.write_text(_markdown(rows), encoding="utf-8"))
    write_json(folder / f"{name}.json", {"name": name, "paper": made.paper, "quick": quick, "rows": rows})
    say(f"The table is in {folder / f'{name}.csv'}")
    return rows


def _write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _markdown(rows: list[dict[str, Any]]) -> str:
    lines = [list(rows[0]), ["---"] * len(rows[0])]
    lines += [["" if value is None else str(value) for value in row.values()] for row in rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)

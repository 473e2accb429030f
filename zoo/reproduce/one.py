"""One experiment of a paper, repeated: `zoo reproduce NAME`.

It trains or loads what it needs, measures, and leaves NAME.csv, NAME.json, NAME.md and a figure. What it has trained
stays in the folder as checkpoints: the same command goes on after an interruption, and is quick when all is there.
NAME.json also says with which settings, on which commit and kind of machine, and at what cost.
"""

from __future__ import annotations

import csv
import importlib
import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zoo import SYSTEMS
from zoo.errors import UsageError, did_you_mean
from zoo.files import read_json, write_json, write_with
from zoo.progress import say
from zoo.training.circumstances import circumstances, spent_cpu_s
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
    with _cost(folder / f"{name}.spent.json") as spent:
        rows = getattr(importlib.import_module(module), function)(workshop)
    # By name: experiments with the same trainings may share a folder.
    write_with(folder / f"{name}.csv", lambda path: _write_csv(path, rows))
    write_with(folder / f"{name}.md", lambda path: path.write_text(_markdown(rows), encoding="utf-8"))
    from zoo import checkpoint

    result = {
        "name": name,
        "paper": made.paper,
        "command": _command(name, made, own, changes, train),
        "quick": quick,
        "settings": {**own, **changes},
        "train": train,
        "cost_cpu_s": round(spent[0], 1),
        **circumstances(),
        "versions": checkpoint.library_versions(),
        "rows": rows,
    }
    write_json(folder / f"{name}.json", result)
    (folder / f"{name}.spent.json").unlink(missing_ok=True)
    say(f"The table is in {folder / f'{name}.csv'}")
    return rows


@contextmanager
def _cost(path: Path) -> Iterator[list[float]]:
    """Yield a list that ends as [CPU-seconds], those of interrupted runs of the same experiment included."""
    start, earlier = spent_cpu_s(), read_json(path, "What was spent so far")["cpu_s"] if path.is_file() else 0.0
    spent = [0.0]
    try:
        yield spent
    finally:
        spent[0] = earlier + spent_cpu_s() - start
        write_json(path, {"cpu_s": spent[0]})


def _command(name: str, made: Experiment, own: Mapping[str, Any], changes: Mapping[str, Any], train: bool) -> str:
    """Return the command that repeats it, with the settings that are not the defaults."""
    given = {key: value for key, value in own.items() if value != made.settings[key].default} | dict(changes)
    texts = [f"{key}={_text(value)}" for key, value in given.items()]
    return shlex.join(
        ["zoo", "reproduce", name, *(["--train"] if train else []), *(["--set", *texts] if texts else [])]
    )


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _markdown(rows: list[dict[str, Any]]) -> str:
    lines = [list(rows[0]), ["---"] * len(rows[0])]
    lines += [["" if value is None else str(value) for value in row.values()] for row in rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)

"""Experiments of the papers, repeated: `zoo reproduce NAME`.

Each trains or loads what it needs, measures, and leaves NAME.csv, NAME.json, NAME.md and a figure. What it has trained
stays in the folder as checkpoints: the same command goes on after an interruption, and is quick when all is there.
"""

from __future__ import annotations

import csv
import importlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo.errors import UsageError, ZooError, did_you_mean
from zoo.files import write_json, write_with
from zoo.progress import say


@dataclass(frozen=True)
class Reproduction:
    """One experiment: what it is, where in which paper, what it costs, and the function that does it."""

    title: str
    paper: str
    cost: str
    function: str
    """`module:function` below zoo.reproduce; function(workshop) -> rows, dicts of equal keys."""


REPRODUCTIONS = {
    "microseismic-table-1": Reproduction(
        "Accuracy, training, evaluation and size of the eight emulators",
        "Spurio Mancini et al. 2021, table 1 and figure 8",
        "a minute with the shipped checkpoints; with --train, 24 trainings of one to three CPU-minutes",
        "microseismic.reproduce:table_1",
    ),
    "microseismic-table-2": Reproduction(
        "Location of 20 held-out events by waveforms (best emulator, D18) and by arrival times (EDT, Gaussian)",
        "Spurio Mancini et al. 2021, table 2 and figures 10 and 11",
        "some CPU-minutes; fewer by --set events=5",
        "microseismic.reproduce_location:table_2",
    ),
    "crust-table-1": Reproduction(
        "Test error of the twelve structures of stacked sparse autoencoders, in km",
        "Cheng et al. 2019, table 1",
        "twelve trainings by the paper's schedule (or --set schedule=stable), about an hour for each deep one",
        "crust.reproduce:table_1",
    ),
    "crust-noise": Reproduction(
        "Error of the networks against the noise of the phase velocities, 0 to 2 %",
        "Cheng et al. 2019, section 3.2 (trained with noise)",
        "a minute with the shipped checkpoints, and the dataset cheng2019",
        "crust.reproduce:noise",
    ),
    "crust-split": Reproduction(
        "Test error against the proportion of training to test data",
        "Cheng et al. 2019, figure 5",
        "six trainings of the starred structure, a few CPU-minutes each",
        "crust.reproduce:split",
    ),
    "crust-depth": Reproduction(
        "Deep against shallow network at equal epochs, three seeds",
        "Cheng et al. 2019, figure 10 and section 4",
        "six trainings, a few CPU-minutes each",
        "crust.reproduce:depth",
    ),
    "crust-monte-carlo": Reproduction(
        "One curve inverted by Monte Carlo with the same solver and prior, beside the network",
        "Cheng et al. 2019, section 3.3 (three weeks against seconds)",
        "about seven CPU-minutes of chains, and the dataset cheng2019",
        "crust.reproduce:monte_carlo",
    ),
    "fwi-learning-rates": Reproduction(
        "Five optimizers of full-waveform inversion with four or five learning rates each, on four layers",
        "Sun et al., figures 6 to 11",
        "21 inversions of 1000 iterations, about 10 CPU-seconds each",
        "fwi.reproduce.fwi:learning_rates",
    ),
    "fwi-1d": Reproduction(
        "CG, L-BFGS-B and TNC beside gradient descent and Adam on four layers, with equal gradients",
        "Sun et al., figures 12 to 15",
        "five inversions of up to 1000 gradients, about 10 CPU-seconds each",
        "fwi.reproduce.fwi:one_dimension",
    ),
    "fwi-marmousi": Reproduction(
        "Adam, CG and L-BFGS-B with 100 gradients of 12 shots on Marmousi-II, or on a synthetic section without it",
        "Sun et al., figures 16 to 22",
        "four inversions, about 100 CPU-seconds each; Marmousi-II where velocity_models/marmousi2_fwi is prepared",
        "fwi.reproduce.fwi:marmousi",
    ),
    "kong-figure-3": Reproduction(
        "Reconstruction error of autoencoders over bottleneck and feature maps",
        "Kong et al. 2021, figure 3",
        "nine trainings on 8,000 windows (--set windows=N), half a CPU-minute to a minute each",
        "seismograms.reproduce:figure_3",
    ),
    "kong-figures-5-6-7": Reproduction(
        "Noise or earthquake, explosion or earthquake, P arrival: scores over the number of labels, three schemas",
        "Kong et al. 2021, figures 5 to 7",
        "135 trainings of 10 to 20 CPU-seconds; fewer by --set sizes=100,500 repeats=2 tasks=noise_earthquake",
        "seismograms.reproduce:figures_5_6_7",
    ),
    "kong-figure-9": Reproduction(
        "Errors of P arrivals over the number of labels, three schemas",
        "Kong et al. 2021, figure 9",
        "nine trainings of 10 to 20 CPU-seconds (none in the folder of kong-figures-5-6-7)",
        "seismograms.reproduce:figure_9",
    ),
    "kong-figure-10": Reproduction(
        "CPU time to convergence over the number of labels, three schemas",
        "Kong et al. 2021, figure 10",
        "135 trainings of 5 to 60 CPU-seconds; fewer by --set sizes=100,500 repeats=2 tasks=p_picker",
        "seismograms.reproduce:figure_10",
    ),
    "seismicity-grid": Reproduction(
        "Validation loss over weight decay and learning rate, ResNet-18, -34 and -101 on seismicity maps",
        "Zhang & Yang, tables S1 to S6",
        "37 trainings of width 16 on 64,000 maps, minutes each; fewer by --set networks=18 maps=32000",
        "seismicity.reproduce:grid",
    ),
    "seismicity-calibration": Reproduction(
        "False alarms a year and bursts found, networks beside scan, boosting, largest pixel and event count",
        "ours: simulated regions of 50 to 400 events a day",
        "CPU-minutes for each network and for the baselines together; fewer by --set regions=2 bursts=50",
        "seismicity.reproduce_calibration:calibration",
    ),
}


@dataclass(frozen=True)
class Workshop:
    """Where an experiment works: its folder, its datasets, what the user changes; and trainings that are kept.

    Attributes:
        folder: for everything that the experiment leaves.
        quick: on the small dataset, few epochs.
        data_dir: where prepared datasets lie.
        settings: of every training, beside the experiment's own.
        train: train anew where shipped checkpoints would do.
    """

    folder: Path
    quick: bool = False
    data_dir: str | os.PathLike | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    train: bool = False

    def trained(self, name: str, key: str, settings: Mapping[str, Any], seed: int = 0) -> Path:
        """Train a recipe, or find what an earlier run has trained; return the checkpoint's folder.

        Args:
            name: of the recipe, with tag.
            key: of the checkpoint inside the folder.
            settings: changes to the recipe; the user's own win.
            seed: of the training.

        Raises:
            ZooError: if there is a checkpoint of that key that was trained otherwise.
        """
        from zoo import checkpoint
        from zoo.training import trainer

        recipe = trainer.recipe(name)
        changes = {**settings, **self.settings}
        where = self.folder / ("checkpoints-quick" if self.quick else "checkpoints") / key
        if not (where / checkpoint.CARD).is_file():
            made = recipe.train(settings=changes, seed=seed, out=where, data_dir=self.data_dir)
            forget()
            return made
        wanted = recipe.recipe.choose(recipe.tag, changes)
        found = checkpoint.read_card(where)["settings"]
        if {k: _plain(v) for k, v in found.items()} != {k: _plain(v) for k, v in wanted.items()}:
            raise ZooError(f"{where} was trained with other settings. Choose another --out, or delete that folder.")
        say(f"{key}: trained already")
        return where


def run(
    name: str,
    out: str | os.PathLike | None = None,
    *,
    quick: bool = False,
    data_dir: str | os.PathLike | None = None,
    settings: Mapping[str, Any] | None = None,
    train: bool = False,
) -> list[dict[str, Any]]:
    """Repeat an experiment and return its table, a dict for each row; goes on with an interrupted run.

    Args:
        name: one of `REPRODUCTIONS`.
        out: folder, by default `runs/NAME`.
        quick: about a minute on a small dataset, to see that all works. Its figures say nothing.
        data_dir: where prepared datasets lie.
        settings: changes to every training, such as {"schedule": "stable"}.
        train: train anew where shipped checkpoints would do.

    Raises:
        UsageError: if there is no such experiment.
    """
    if name not in REPRODUCTIONS:
        raise UsageError(f"There is nothing to reproduce called {name!r}.{did_you_mean(name, REPRODUCTIONS)}")
    made = REPRODUCTIONS[name]
    folder = Path(out) if out else Path("runs") / name
    say(f"{made.title} ({made.paper})")
    say("quick: about a minute, on a small dataset" if quick else f"Cost: {made.cost}")
    module, function = made.function.split(":")
    workshop = Workshop(folder, quick, data_dir, dict(settings or {}), train)
    rows = getattr(importlib.import_module(f"zoo.{module}"), function)(workshop)
    # By name: experiments with the same trainings may share a folder.
    write_with(folder / f"{name}.csv", lambda path: _write_csv(path, rows))
    write_with(folder / f"{name}.md", lambda path: path.write_text(_markdown(rows), encoding="utf-8"))
    write_json(folder / f"{name}.json", {"name": name, "paper": made.paper, "quick": quick, "rows": rows})
    say(f"The table is in {folder / f'{name}.csv'}")
    return rows


def forget() -> None:
    """Free what a training leaves behind: compiled functions hold its data, some hundred megabytes each time."""
    import gc

    import keras

    keras.utils.clear_session(free_memory=True)
    gc.collect()


def _write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _markdown(rows: list[dict[str, Any]]) -> str:
    lines = [list(rows[0]), ["---"] * len(rows[0])]
    lines += [["" if value is None else str(value) for value in row.values()] for row in rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, (list, tuple)) else value

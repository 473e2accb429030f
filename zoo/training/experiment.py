"""An experiment of a paper, as a value, and where it works: what `zoo reproduce` runs."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo.cluster import Job, run
from zoo.errors import UsageError, ZooError, did_you_mean
from zoo.progress import say
from zoo.settings import Setting, defaults, read


@dataclass(frozen=True)
class Experiment:
    """One experiment: what it is, where in which paper, what it costs, and the function that does it."""

    title: str
    paper: str
    cost: str
    function: str
    """`module:function`; function(workshop) -> rows, dicts of equal keys."""
    settings: Mapping[str, Setting] = field(default_factory=dict)
    """Its own settings."""
    quick: Mapping[str, Any] = field(default_factory=dict)
    """Values of its own settings in a quick run."""
    trains: bool = False
    """Whether it trains recipes: then other settings are changes to theirs."""
    cpu_s: float = 0.0
    """About how many CPU-seconds it costs: `zoo reproduce all` runs the cheapest first."""
    data: str = ""
    """What it runs on, unless its rows have a column `dataset`."""
    claims: str = ""
    """`module:NAME` of what the paper states there, a tuple of `zoo.training.claims.Claim`."""
    no_claims: str = ""
    """Why the paper states nothing there."""
    beside: str = ""
    """The experiment in whose folder it finds trainings that both need."""
    figures: tuple[str, ...] = ()
    """Pictures in its folder that the report shows."""

    def choose(self, name: str, given: Mapping[str, Any], quick: bool = False) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the values of the experiment's own settings, and the changes to those of its trainings.

        Args:
            name: of the experiment, for errors.
            given: values or texts by key.
            quick: whether it is a quick run.

        Raises:
            UsageError: if there is no such setting, or a value is not meant.
        """
        rest = {key: value for key, value in given.items() if key not in self.settings}
        if rest and not self.trains:
            key = next(iter(rest))
            raise UsageError(f"{name} has no setting {key!r}.{did_you_mean(key, self.settings)}")
        own = {key: value for key, value in given.items() if key in self.settings}
        values = {**defaults(self.settings), **(self.quick if quick else {}), **read(name, self.settings, own)}
        return values, rest


@dataclass(frozen=True)
class Workshop:
    """Where an experiment works: its folder, its datasets, what the user changes; and trainings that are kept.

    Attributes:
        folder: for everything that the experiment leaves.
        quick: on the small dataset, few epochs.
        data_dir: where prepared datasets lie.
        own: the values of the experiment's own settings.
        settings: changes to those of every training.
        train: train anew where shipped checkpoints would do.
        cluster: where trainings run side by side (`zoo.cluster`); None: here, one after the other.
    """

    folder: Path
    quick: bool = False
    data_dir: str | os.PathLike | None = None
    own: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    train: bool = False
    cluster: str | None = None

    def train_ahead(self, trainings: Sequence[tuple[str, str, Mapping[str, Any], int]]) -> None:
        """Let a cluster, if there is one, make trainings that are independent; `trained` finds them then.

        Args:
            trainings: of each, what `trained` takes: name, key, settings, seed.
        """
        if self.cluster is None:
            return
        here = dataclasses.replace(self, folder=self.folder.resolve(), cluster=None)
        if here.data_dir is not None:
            here = dataclasses.replace(here, data_dir=Path(here.data_dir).resolve())
        for training, _ in run(Job(_train, here), list(trainings), cluster=self.cluster):
            say(f"{training[1]}: trained")

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


def _train(workshop: Workshop, training: tuple[str, str, Mapping[str, Any], int]) -> None:
    workshop.trained(*training)
    forget()


def forget() -> None:
    """Free what a training leaves behind: compiled functions hold its data, some hundred megabytes each time."""
    import gc

    import keras

    keras.utils.clear_session(free_memory=True)
    gc.collect()


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, (list, tuple)) else value

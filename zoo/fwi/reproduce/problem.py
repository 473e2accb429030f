"""Inversions whose answer is known, and runs of them that are kept: shared by all experiments of this package."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import ZooError
from zoo.files import digest, write_with
from zoo.foreign import read_npz
from zoo.fwi.inversion.fit import Settings, fingerprint, fit_velocity
from zoo.fwi.inversion.state import LAST_GOOD
from zoo.fwi.inversion.survey import Survey
from zoo.fwi.physics.velocity_models import VelocityModel
from zoo.progress import say
from zoo.training.experiment import Workshop, forget

_KEPT = "run.npz"
# A rise of the loss by this part of the first loss shows in the paper's figures.
_OSCILLATED = 0.05
# How far from the true one a step of a layered column is looked for, and over what depth it must rise (ours).
_WITHIN_M, _RISE_M = 250, 50


@dataclass(frozen=True, eq=False)
class Problem:
    """Truth, start, a survey with the traces of the truth, and the settings of the recipe that it comes from."""

    truth: VelocityModel
    start: VelocityModel
    survey: Survey
    settings: Settings


@dataclass
class Run:
    """What an inversion did.

    Args:
        velocity_m_s: (Z, X), the last model; in a run that diverged, the last one with a finite loss.
        history: a row per iteration, as in `zoo.fwi.inversion.fit.Result`.
        snapshots: iteration -> (Z, X); 0 is the start.
        diverged: whether a loss was not finite, which ended the run.
    """

    velocity_m_s: np.ndarray
    history: list[dict[str, float]]
    snapshots: dict[int, np.ndarray] = field(repr=False)
    diverged: bool = False

    @property
    def loss(self) -> np.ndarray:
        """The loss of each iteration, (iterations,)."""
        return np.array([row["loss"] for row in self.history])

    @property
    def relative_loss(self) -> np.ndarray:
        """The loss of each iteration in units of the first one, (iterations,)."""
        return self.loss / self.loss[0]

    @property
    def overshoot(self) -> float:
        """The largest rise of the loss above what was reached before, in units of the first loss."""
        return float(np.max(self.relative_loss - np.minimum.accumulate(self.relative_loss)))

    @property
    def oscillated(self) -> str:
        """`no`, `yes`, `diverged`, or `first N iterations` where the loss rose only in the first tenth.

        A rise of 5 % of the first loss above the lowest so far counts: one that shows in the paper's figures.
        """
        rises = self.relative_loss - np.minimum.accumulate(self.relative_loss) > _OSCILLATED
        if self.diverged:
            return "diverged"
        if not rises.any():
            return "no"
        last = int(np.flatnonzero(rises)[-1]) + 1
        return f"first {last} iterations" if last <= len(rises) / 10 else "yes"

    @property
    def not_lower(self) -> float:
        """The share of iterations whose loss was not below every one before it.

        For scipy's methods these are the trials that failed, which their history does not show otherwise.
        """
        losses = self.relative_loss
        return float(np.mean(losses[1:] >= np.minimum.accumulate(losses)[:-1])) if len(losses) > 1 else 0.0

    def iterations_to(self, loss: float) -> int | str:
        """Return the first iteration whose loss was at most `loss` times the first one, or `never`."""
        below = np.flatnonzero(self.relative_loss <= loss)
        return int(below[0]) + 1 if len(below) else "never"


def interfaces(found: np.ndarray, true: np.ndarray, spacing_m: float) -> tuple[int, float]:
    """Return how many steps of a layered column a model shows, and how much too deep they lie on average, in m.

    A step shows if, within 250 m of the true one, the velocity rises over 50 m by at least half of the true rise.
    Where none shows, the depth is 0.

    Args:
        found, true: (Z,) m/s.
        spacing_m: of both.
    """
    within, rise = round(_WITHIN_M / spacing_m), max(round(_RISE_M / spacing_m), 1)
    shifts = []
    for at in np.flatnonzero(np.diff(true)):
        tops = np.arange(max(at - within, 0), min(at + within, len(true) - rise - 1))
        # The middle of the rise from `top` to `top + rise` lies where the true one does for top = at + (1 - rise) / 2.
        steps = found[tops + rise] - found[tops]
        if steps.max() >= (true[at + 1] - true[at]) / 2:
            shifts.append(tops[steps == steps.max()].mean() - at - (1 - rise) / 2)
    return len(shifts), float(np.mean(shifts)) * spacing_m if shifts else 0.0


def prepared(name: str, workshop: Workshop) -> str:
    """Return the name of a synthetic dataset of velocity_models, after preparing it if it is not there yet."""
    from zoo.data import datasets

    if name not in datasets.describe("velocity_models", workshop.data_dir)["prepared"]:
        datasets.prepare(name, workshop.data_dir)
    return name


def problem(recipe: str, tag: str, workshop: Workshop, **changes: Any) -> Problem:
    """Return the inversion that a recipe describes: its dataset, acquisition and settings.

    Args:
        recipe: `fdrnn_1d`, `fdrnn_marmousi` or `fdrnn_folded`.
        tag: of the recipe.
        workshop: says where datasets lie.
        **changes: to the recipe's settings.
    """
    import keras

    from zoo.data import datasets
    from zoo.training import trainer

    made = trainer.recipe(recipe).recipe
    settings = made.choose(tag, changes)
    records = datasets.arrays(settings["dataset"], settings["train_split"], workshop.data_dir)
    about = datasets.metadata(settings["dataset"], workshop.data_dir)
    model = made.create(settings)
    made.before_fit(model, records, settings, about)
    true, start = (
        VelocityModel(records[key][0], about["spacing_m"], title, about["origin"], records["water_rows"][0])
        for key, title in (("velocity_m_s", "true"), ("start_m_s", "start"))
    )
    wavelet = keras.ops.convert_to_numpy(model.wavelet)
    observed = model.traces(true.velocity_m_s)
    survey = Survey(wavelet, model.sources, model.waves.receivers, model.waves.time_step_s, observed)
    shared = {one.name: settings[one.name] for one in fields(Settings) if one.name in settings}
    shared |= {"iterations": settings["epochs"], "bounds": tuple(settings["bounds"] or ()) or None}
    shared |= {"batch_size": min(settings["batch_size"], len(model.sources))}
    shared |= {"wavelet_every": 0, "damping": 0.0}  # the paper knows the wavelet, and takes Adam as it is
    return Problem(true, start, survey, Settings(**shared))


def kept_run(workshop: Workshop, key: str, given: Problem, settings: Settings) -> Run:
    """Invert, or find what an earlier call has found; goes on with an interrupted one.

    Args:
        workshop: its folder keeps the run.
        key: of the run inside the folder.
        given: what is inverted.
        settings: how.

    Raises:
        ZooError: if there is a run of that key with other settings or data.
    """
    folder = workshop.folder / ("runs-quick" if workshop.quick else "runs") / key
    data = digest(given.truth.velocity_m_s, *fingerprint(given.start, given.survey))
    plan = json.dumps({"settings": asdict(settings), "data": data}, sort_keys=True)
    if (folder / _KEPT).is_file():
        run = _read(folder / _KEPT, plan)
        say(f"{key}: done already")
        return run
    say(f"{key}:")
    rows: list[dict[str, float]] = []
    snapshots: dict[int, np.ndarray] = {0: given.start.velocity_m_s}
    try:
        found = fit_velocity(
            given.start,
            given.survey,
            settings,
            folder=folder,
            truth=given.truth,
            callback=lambda iteration, row, velocity: rows.append(dict(row)),
        )
        run = Run(found.velocity_m_s, found.history, found.snapshots)
    except ZooError as error:
        if not (folder / LAST_GOOD).is_file():
            raise
        if rows and rows[0]["iteration"] > 1:  # it went on from a state, which is gone: from the start
            (folder / LAST_GOOD).unlink()
            return kept_run(workshop, key, given, settings)
        say(str(error))
        with np.load(folder / LAST_GOOD, allow_pickle=False) as stored:
            run = Run(stored["velocity_m_s"], rows, snapshots, diverged=True)
    _write(folder / _KEPT, plan, run)
    forget()
    return run


def _write(path: Path, plan: str, run: Run) -> None:
    note = {"plan": plan, "history": run.history, "snapshots": sorted(run.snapshots), "diverged": run.diverged}
    arrays = {f"snapshot_{iteration}": velocity for iteration, velocity in run.snapshots.items()}
    write_with(path, lambda file: np.savez(file, note=json.dumps(note), velocity_m_s=run.velocity_m_s, **arrays))


def _read(path: Path, plan: str) -> Run:
    stored = read_npz(path, "Delete it to begin anew.")
    note = json.loads(str(stored["note"]))
    if note["plan"] != plan:
        raise ZooError(f"{path} was made with other settings or data. Choose another --out, or delete that folder.")
    snapshots = {iteration: stored[f"snapshot_{iteration}"] for iteration in note["snapshots"]}
    return Run(stored["velocity_m_s"], note["history"], snapshots, note["diverged"])

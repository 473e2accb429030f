"""What an inversion remembers: its history, its snapshots, and the state from which the same call continues."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from zoo.errors import ZooError
from zoo.files import write_with
from zoo.foreign import read_npz
from zoo.fwi.settings import SCIPY_OPTIMIZERS
from zoo.progress import bar, say
from zoo.training.metrics import rms_difference

STATE, LAST_GOOD = "state.npz", "last_good.npz"
_SAVE_EVERY_S = 3.0
_SAY_EVERY_S = 10.0
_SNAPSHOTS = 20  # in the whole run


class InversionState(keras.callbacks.Callback):
    """Keeps a row per iteration and, every few seconds, the state; stops if the misfit is not finite.

    Args:
        inversion: the `WaveInversion`, configured.
        plan: settings and data of the call as plain values: the state of another plan is refused.
        spacing_m: grid spacing.
        settings: `zoo.fwi.inversion.fit.Settings`.
        gradients: number of single shots' gradients in an iteration.
        folder: where the state is kept (written atomically), or None to keep none.
        true_m_s: (Z, X), the true velocities, or None where they are not known.
        report: report(iteration, row, velocity (Z, X)), called after every iteration, or None.
    """

    def __init__(
        self,
        inversion: keras.Model,
        plan: Mapping[str, Any],
        spacing_m: float,
        settings: Any,
        gradients: int,
        folder: str | Path | None,
        true_m_s: np.ndarray | None,
        report: Callable[[int, Mapping[str, float], np.ndarray], None] | None,
    ):
        super().__init__()
        self.inversion, self.plan, self.spacing_m = inversion, json.loads(json.dumps(plan)), spacing_m
        self.settings, self.gradients, self.report = settings, gradients, report
        self.folder = None if folder is None else Path(folder)
        self.true_m_s = true_m_s
        self.rows: list[dict[str, float]] = []
        self.stage, self._cpu_before_s = 1, 0.0
        self._now = self._good = inversion.velocity_m_s
        self.snapshots = {0: self._now}
        self._optimizer_values: list[np.ndarray] | None = None

    def open(self) -> None:
        """Load the state of an interrupted call, if there is one."""
        if self.folder is None or not (path := self.folder / STATE).is_file():
            return
        stored = read_npz(path, "Delete it to start again.")
        note = json.loads(str(stored["note"]))
        if note["plan"] != self.plan:
            raise ZooError(
                f"{path} is the state of an inversion with other settings or data. Repeat its call to continue it, "
                "choose another folder, or delete the file."
            )
        for i, weight in enumerate(self.inversion.weights):
            weight.assign(stored[f"weight_{i}"])
        count = sum(name.startswith("optimizer_") for name in stored)
        self._optimizer_values = [stored[f"optimizer_{i}"] for i in range(count)]
        snapshots = {int(i): stored[f"snapshot_{i}"] for i in note["snapshots"]}
        self.rows, self.stage, self._cpu_before_s = note["rows"], note["stage"], note["cpu_s"]
        self.snapshots, self._now = snapshots, self.inversion.velocity_m_s
        self._good = self._now
        memory = ", without its memory of earlier gradients" if self.settings.optimizer in SCIPY_OPTIMIZERS else ""
        say(f"Resuming after iteration {len(self.rows)} of {self.settings.iterations}{memory}.")

    def begin_stage(self, number: int) -> int:
        """Prepare a stage whose optimizer is compiled; return the iteration of that stage to start with."""
        self.optimizer = self.inversion.optimizer
        self.optimizer.build(self.inversion.trainable_variables)
        if self._optimizer_values is not None:
            for variable, value in zip(self.optimizer.variables, self._optimizer_values, strict=True):
                variable.assign(value)
        self._optimizer_values, self.stage = None, number
        stages = self.settings.stages()
        self._first = sum(iterations for _, iterations in stages[: number - 1])
        self._title = f"Inversion, {self.settings.optimizer}, {stages[number - 1][1]} iterations"
        if len(stages) > 1:
            corner_hz = stages[number - 1][0]
            band = f"below {corner_hz:g} Hz" if corner_hz else "all frequencies"
            self._title += f" of {self.settings.iterations}, {band}"
        self._cpu_start_s = time.process_time()
        self._saved_at = self._said_at = time.monotonic()
        done = len(self.rows) - self._first
        self._bar = bar(self._title, self.settings.stages()[self.stage - 1][1])
        self._advance = self._bar.__enter__()
        self._advance(done)
        return done

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        loss = float(logs["loss"])
        if not np.isfinite(loss):
            self._fail(loss)
        # The misfit is that of the model with which the iteration began.
        self._good, self._now = self._now, self.inversion.velocity_m_s
        iteration = len(self.rows) + 1
        row = {"iteration": iteration, "stage": self.stage, "loss": loss, "gradients": iteration * self.gradients}
        row["cpu_s"] = self._cpu_s()
        if self.true_m_s is not None:
            row["model_rmse_m_s"] = rms_difference(self._now, self.true_m_s)
        self.rows.append(row)
        if iteration % max(1, self.settings.iterations // _SNAPSHOTS) == 0 or iteration == self.settings.iterations:
            self.snapshots[iteration] = self._now
        if self.report:
            self.report(iteration, row, self._now)
        self._advance(1)
        if time.monotonic() - self._said_at > _SAY_EVERY_S:
            first = next(r["loss"] for r in self.rows if r["stage"] == self.stage)
            part = f" ({100 * loss / first:.0f} % of the first)" if first > 0 else ""
            say(f"iteration {iteration} of {self.settings.iterations}: misfit {loss:.4g}{part}")
            self._said_at = time.monotonic()
        if time.monotonic() - self._saved_at > _SAVE_EVERY_S:
            self._save()

    def end_stage(self) -> None:
        """Keep the state at the end of a stage."""
        self._save()
        self._cpu_before_s = self._cpu_s()
        self._bar.__exit__(None, None, None)

    def _cpu_s(self) -> float:
        return self._cpu_before_s + time.process_time() - self._cpu_start_s

    def _save(self) -> None:
        if self.folder is None:
            return
        note = {"plan": self.plan, "rows": self.rows, "stage": self.stage, "cpu_s": self._cpu_s()}
        note["snapshots"] = sorted(self.snapshots)
        arrays = {f"weight_{i}": np.array(w) for i, w in enumerate(self.inversion.weights)}
        arrays |= {f"optimizer_{i}": np.array(v) for i, v in enumerate(self.optimizer.variables)}
        arrays |= {f"snapshot_{i}": velocity for i, velocity in self.snapshots.items()}
        write_with(self.folder / STATE, lambda path: np.savez(path, note=json.dumps(note), **arrays))
        self._saved_at = time.monotonic()

    def _fail(self, loss: float) -> None:
        """Stop with the last good model kept, and remove the state, which would lead here again."""
        kept = ""
        if self.folder is not None:
            arrays = {"velocity_m_s": self._good, "spacing_m": self.spacing_m}
            path = write_with(self.folder / LAST_GOOD, lambda path: np.savez(path, **arrays))
            (self.folder / STATE).unlink(missing_ok=True)
            kept = f" The last model with a finite misfit is {path}."
        raise ZooError(
            f"The misfit is {loss} in iteration {len(self.rows) + 1}, with velocities of {self._now.min():.0f} to "
            f"{self._now.max():.0f} m/s. Lower learning_rate, or set bounds.{kept}"
        )

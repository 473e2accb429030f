"""What an inversion of shots found, and the files that it writes."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from zoo.files import write_json, write_with
from zoo.fwi.inversion.checks import Checks, check, misfits
from zoo.fwi.inversion.fit import Settings
from zoo.fwi.inversion.streaming import spread_shots, streams
from zoo.fwi.inversion.survey import Survey
from zoo.fwi.line import Line
from zoo.fwi.physics.velocity_models import VelocityModel, write_velocity_model
from zoo.training.metrics import rms_difference

_SHOTS_DRAWN = 4
# Factors by which small differences may be multiplied, so that they can be seen.
_FACTORS = (2, 5, 10, 20, 50, 100)


@dataclass(frozen=True, eq=False)
class Inversion:
    """A full-waveform inversion of shots.

    Attributes:
        start: the model it began with.
        velocity_m_s: (Z, X), the inverted velocities, on the grid of the start.
        truth: the true model on that grid, where it is known.
        survey: sources, receivers, wavelet and observed traces on the grid.
        held_out: (S, R) bool, which traces were left out of the fit.
        start_predicted, predicted: (S, T, R) traces that the start and the inverted model predict.
        shot_labels: (S,) numbers of the shots.
        settings: settings of the inversion.
        history: a row per iteration (see `zoo.fwi.inversion.fit.Result`).
        snapshots: iteration -> (Z, X) m/s.
        source: name of the data.
        notes: sentences on what was done to the data.
        line: where the model's columns are on the map; None where that is not known.
        sd_m_s: (Z, X), how far the model depends on which shots were taken (`zoo.fwi.inversion.uncertainty`), or None.
        density_kg_m3: (Z, X) that was assumed; None: constant.
    """

    start: VelocityModel
    velocity_m_s: np.ndarray
    truth: VelocityModel | None
    survey: Survey
    held_out: np.ndarray
    start_predicted: np.ndarray
    predicted: np.ndarray
    shot_labels: np.ndarray
    settings: Settings
    history: tuple[Mapping[str, float], ...]
    snapshots: Mapping[int, np.ndarray]
    source: str
    notes: tuple[str, ...]
    line: Line | None = None
    sd_m_s: np.ndarray | None = None
    density_kg_m3: np.ndarray | None = None

    @property
    def model(self) -> VelocityModel:
        """The inverted model."""
        title = f"{self.settings.optimizer}, {len(self.history)} iterations, from {self.start.title}"
        return replace(self.start, velocity_m_s=self.velocity_m_s, title=title, source=f"zoo fwi of {self.source}")

    @cached_property
    def checks(self) -> Checks:
        """What is told without the truth: traces left out, shared residuals, skipped cycles, amplitudes.

        Where traces are read when they are needed, it is told of as many shots as are held together.
        """
        survey, ends, held_out = self.survey, (self.start_predicted, self.predicted), self.held_out
        if streams(survey):
            some = spread_shots(survey)
            survey, ends, held_out = survey.some(some), [traces[some] for traces in ends], held_out[some]
        return check(
            survey,
            *ends,
            held_out,
            self.start.spacing_m,
            self.settings.amplitudes or "absolute",
            self.velocity_m_s,
            self.settings.bounds,
        )

    @cached_property
    def misfits(self) -> tuple[float, float]:
        """Norm of (predicted - observed) over the norm of observed, for the start and for the inverted model.

        Predicted amplitudes are scaled as far as they are not trusted (`Settings.amplitudes`).
        """
        return misfits(self.survey, (self.start_predicted, self.predicted), self.settings.amplitudes or "absolute")

    @property
    def rmse_m_s(self) -> tuple[float, float] | None:
        """RMSE of the start and of the inverted model, in m/s; None where the truth is not known."""
        if self.truth is None:
            return None
        true = self.truth.velocity_m_s
        return rms_difference(self.start.velocity_m_s, true), rms_difference(self.velocity_m_s, true)

    def summary(self) -> dict[str, Any]:
        """Return the content of `summary.json`."""
        survey, (first, last) = self.survey, self.misfits
        result: dict[str, Any] = {
            "source": self.source,
            "shots": len(survey.sources),
            "receivers": len(survey.places),
            "traces": int(np.count_nonzero(survey.weights)) if survey.weights is not None else None,
            "samples": survey.wavelet.shape[1],
            "time_step_s": survey.time_step_s,
            "grid": self.start.shape,
            "spacing_m": self.start.spacing_m,
            "settings": asdict(self.settings),
            "iterations": len(self.history),
            "cpu_s": self.history[-1]["cpu_s"],
            "relative_misfit": {"start": first, "inverted": last},
            "velocity_m_s": {"min": self.velocity_m_s.min(), "max": self.velocity_m_s.max()},
            "notes": self.notes,
            "checks": self.checks.table(),
            "warnings": self.checks.warnings,
        }
        result["density_kg_m3"] = "constant"
        if self.density_kg_m3 is not None:
            result["density_kg_m3"] = {"min": self.density_kg_m3.min(), "max": self.density_kg_m3.max()}
        if self.sd_m_s is not None:
            result["sd_m_s"] = {"median": float(np.median(self.sd_m_s)), "max": float(self.sd_m_s.max())}
        if self.rmse_m_s:
            result["model_rmse_m_s"] = dict(zip(("start", "inverted"), self.rmse_m_s, strict=True))
        return result

    def report(self) -> str:
        """Return lines on what was inverted, how well it explains the data, and how far from a known truth it is."""
        survey, (first, last), (rows, columns) = self.survey, self.misfits, self.start.shape
        lines = [
            f"{len(survey.sources)} shots, {len(survey.places)} receivers, {survey.wavelet.shape[1]} samples of "
            f"{1e3 * survey.time_step_s:.4g} ms; {rows} x {columns} cells of {self.start.spacing_m:g} m",
            f"{self.settings.optimizer}, {len(self.history)} iterations, {self.history[-1]['cpu_s']:.0f} CPU-s",
            f"misfit, norm of residuals over norm of data: {first:.3f} for the start, {last:.3f} for the inversion",
            f"velocities {self.velocity_m_s.min():.0f} to {self.velocity_m_s.max():.0f} m/s; changed by "
            f"{rms_difference(self.velocity_m_s, self.start.velocity_m_s):.0f} m/s rms",
        ]
        if self.sd_m_s is not None:
            row, column = np.unravel_index(np.argmax(self.sd_m_s), self.sd_m_s.shape)
            lines.append(
                f"standard deviation from halves of the shots: {np.median(self.sd_m_s):.0f} m/s in the median, most at "
                f"(z, x) = ({row * self.start.spacing_m:g}, {column * self.start.spacing_m:g}) m, "
                f"{self.sd_m_s.max():.0f} m/s; it leaves out what all shots share: wavelet, density, start, and what "
                "waves do not resolve"
            )
        lines += self.checks.lines()
        if self.rmse_m_s:
            start, end = self.rmse_m_s
            lines.append(f"model RMSE: {start:.1f} m/s for the start, {end:.1f} m/s inverted ({end / start:.2f} of it)")
            if end > start:
                lines.append("warning: the model that explains the data better is further from the truth.")
        if last > first:
            lines.append("warning: the inverted model explains the data worse than the start. Lower learning_rate.")
        return "\n".join(lines + [f"note: {note}" for note in self.notes])

    def write(self, folder: str | os.PathLike) -> Path:
        """Write models, tables and figures to a folder, summary.json last; return the folder."""
        folder = Path(folder)
        columns_m = np.arange(self.start.shape[1]) * self.start.spacing_m
        places_m, datum_m = (None, 0.0) if self.line is None else (self.line.at(columns_m), self.line.datum_m)
        for suffix in (".npz", ".segy", ".nc"):
            write_velocity_model(self.model, folder / f"model{suffix}", places_m, datum_m)
        write_with(folder / "history.csv", self._write_history)
        if self.sd_m_s is not None:
            kept = {"sd_m_s": self.sd_m_s, "spacing_m": self.start.spacing_m}
            write_with(folder / "uncertainty.npz", lambda path: _write_npz(path, kept))
        self._draw(folder)
        write_json(folder / "summary.json", self.summary())
        return folder

    def _write_history(self, path: Path) -> None:
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(self.history[0]))
            writer.writeheader()
            writer.writerows(self.history)

    def _draw(self, folder: Path) -> None:
        from zoo.fwi.figures.models import draw_models, draw_shots
        from zoo.fwi.figures.runs import draw_history, draw_profiles

        spacing_m, survey = self.start.spacing_m, self.survey
        models = {"start": self.start.velocity_m_s, "inverted": self.velocity_m_s}
        known = {} if self.truth is None else {"true": self.truth.velocity_m_s}
        against = "start" if self.truth is None else "true"
        difference = {f"inverted minus {against}": self.velocity_m_s - {**models, **known}[against]}
        marked = {"sources": survey.sources, "receivers": survey.places}
        if self.start.shape[1] > 1:
            spread = {} if self.sd_m_s is None else {"standard deviation": self.sd_m_s}
            models_drawn = {**models, **known}
            draw_models(
                models_drawn, spacing_m, folder / "overview.png", differences=difference, deviations=spread, **marked
            )
            steps = {f"iteration {i}": self.snapshots[i] for i in self._quarters()}
            draw_models({**(known or {"start": models["start"]}), **steps}, spacing_m, folder / "iterations.png")
        x_m = (0.0,) if self.start.shape[1] == 1 else None
        draw_profiles({**known, **models}, spacing_m, folder / "profiles.png", x_m=x_m)
        draw_history({self.settings.optimizer: self.history}, folder / "history.png")
        some = np.unique(np.linspace(0, len(survey.sources) - 1, _SHOTS_DRAWN).round().astype(int))
        traces = {"observed": survey.observed[some], "predicted": self.predicted[some]}
        receivers, weights = survey.receivers, None if survey.weights is None else survey.weights[some]
        if survey.columns is not None:  # receivers of their own are drawn along one line
            receivers, traces, weights = _along(receivers[some], traces, weights)
        difference = traces["predicted"] - traces["observed"]
        factor = max(
            (f for f in _FACTORS if 2 * f * np.linalg.norm(difference) < np.linalg.norm(traces["observed"])), default=1
        )
        traces["difference" + (f" × {factor}" if factor > 1 else "")] = factor * difference
        axis = int(np.ptp(receivers[:, 1]) >= np.ptp(receivers[:, 0]))
        draw_shots(
            traces,
            survey.time_step_s,
            receivers[:, axis] * spacing_m,
            survey.sources[some, axis] * spacing_m,
            folder / "shots.png",
            weights=weights,
            names=[f"shot {label}" for label in self.shot_labels[some]],
            along=("depth", "x")[axis],
        )

    def _quarters(self) -> list[int]:
        """Return the iterations of the snapshots nearest to a quarter, half and the end of the run."""
        there, last = [i for i in self.snapshots if i > 0], len(self.history)
        return sorted({min(there, key=lambda i, part=part: abs(i - part * last)) for part in (0.25, 0.5, 1.0)})


def _write_npz(path: Path, arrays: Mapping[str, Any]) -> None:
    with open(path, "wb") as file:  # a name would be given another ending
        np.savez(file, **arrays)


def _along(
    receivers: np.ndarray, traces: Mapping[str, np.ndarray], weights: np.ndarray
) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """Return receivers of several shots (S, R, 2) as one set, and traces (S, T, R) and weights (S, R) on it."""
    places, slot = np.unique(receivers.reshape(-1, 2), axis=0, return_inverse=True)
    shot, receiver = np.nonzero(weights)
    slot = slot.reshape(weights.shape)[shot, receiver]
    there = np.zeros((len(weights), len(places)), np.float32)
    there[shot, slot] = weights[shot, receiver]
    spread = {name: np.zeros((*values.shape[:2], len(places)), np.float32) for name, values in traces.items()}
    for name, values in traces.items():
        spread[name][shot, :, slot] = values[shot, :, receiver]
    return places, spread, there

"""The experiments of Sun et al. with optimizers for full-waveform inversion, and whether what they found holds here.

The observed shots are simulated by the layer that inverts them (an "inverse crime"), without noise. A loss can fall
while the model gets worse, so every table has both, the model's error as RMSE against the truth. What a table calls
the last loss is that before the last step; of scipy's methods, which evaluate trial models, the lowest so far.

A column `paper` says in our words what the paper claims of a run; `loss_agrees` and `model_agrees` whether our numbers
bear it out, `agrees` whether all does (`zoo.fwi.reproduce.claims` says how this is judged).

On the four layers the start of the dataset is linear in depth. From it every optimizer that fits the trace ends further
from the truth than the start: the first layer is too fast on average, the interfaces 140 m too deep. Reflections
recorded at the surface do not hold the trend of the velocity. `--set smooth_m=100` starts from the smoothed truth
instead, and from there the interfaces are found where they are; the paper does not say how its start was made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from zoo.fwi.reproduce.claims import COMPARED, LEARNING_RATES, ONE_DIMENSION, SECTION, judged
from zoo.fwi.reproduce.problem import Problem, Run, interfaces, kept_run, prepared, problem
from zoo.progress import say
from zoo.training.experiment import Workshop
from zoo.training.metrics import rms_difference

FITTED = 0.01
MARMOUSI, FOLDED = "velocity_models/marmousi2_fwi", "velocity_models/synthetic_folded"
_LAYERED = "velocity_models/layered_1d"
_QUICK_1D = {"time_samples": 600}
_QUICK_2D = {"time_samples": 200, "shots": 2}


def learning_rates(workshop: Workshop) -> list[dict[str, Any]]:
    """Invert four layers by five optimizers with the paper's learning rates (figures 6 to 11).

    Its settings are in `zoo.fwi.experiments`; `amplitude` matters to gd and momentum alone.
    """
    from zoo.fwi.figures.runs import draw_runs_1d

    settings = workshop.own
    given = _layers(workshop, settings["smooth_m"])
    runs = {}
    for optimizer, rate in COMPARED if workshop.quick else LEARNING_RATES:
        runs[optimizer, rate] = _run_1d(workshop, given, optimizer, rate, settings)
    rows = []
    for (optimizer, rate), run in runs.items():
        numbers = {"optimizer": optimizer, "learning_rate": rate, "amplitude": settings["amplitude"]}
        if optimizer not in _PROPORTIONAL:
            numbers["amplitude"] = "any"
        rows.append({**numbers, **_numbers(run, given)})
    judged(dict(zip(runs, rows, strict=True)), LEARNING_RATES, not workshop.quick)
    true, start = given.truth.velocity_m_s[:, 0], given.start.velocity_m_s[:, 0]
    groups = {
        optimizer: {_title(name, rate): run for (name, rate), run in runs.items() if name == optimizer}
        for optimizer in dict.fromkeys(name for name, _ in runs)
    }
    groups["comparison"] = {_title(*key): runs[key] for key in COMPARED}
    for name, group in groups.items():
        draw_runs_1d(
            {key: run.velocity_m_s[:, 0] for key, run in group.items()},
            {key: run.loss for key, run in group.items()},
            true,
            start,
            given.truth.spacing_m,
            workshop.folder / f"{name}.png",
        )
    return rows


def one_dimension(workshop: Workshop) -> list[dict[str, Any]]:
    """Invert four layers by CG, L-BFGS-B and TNC beside GD 0.4 and Adam 40, with equal gradients (figures 12 to 15).

    Its settings are those of `learning_rates`.
    """
    from zoo.fwi.figures.runs import draw_runs_1d

    settings = workshop.own
    given = _layers(workshop, settings["smooth_m"])
    runs = {(optimizer, rate): _run_1d(workshop, given, optimizer, rate, settings) for optimizer, rate in ONE_DIMENSION}
    rows = [
        {"optimizer": optimizer, "learning_rate": rate or "", **_numbers(run, given)}
        for (optimizer, rate), run in runs.items()
    ]
    judged(dict(zip(runs, rows, strict=True)), ONE_DIMENSION, not workshop.quick)
    for shown in [[key] for key in runs if not key[1]] + [list(runs)]:
        name = shown[0][0] if len(shown) == 1 else "comparison"
        draw_runs_1d(
            {_title(*key): runs[key].velocity_m_s[:, 0] for key in shown},
            {_title(*key): runs[key].loss for key in shown},
            given.truth.velocity_m_s[:, 0],
            given.start.velocity_m_s[:, 0],
            given.truth.spacing_m,
            workshop.folder / f"{name}.png",
        )
    return rows


def marmousi(workshop: Workshop) -> list[dict[str, Any]]:
    """Invert a section by Adam, CG and L-BFGS-B with equal gradients (figures 16 to 22), and by Adam as in practice.

    The paper gives CG 1420 and L-BFGS 1000 gradients beside Adam's 100. "practice" is the recipe's tag practice100: the
    same gradients in batches of 3 shots, four updates from each, and bounds; on Marmousi-II also a longer record.

    Its settings are in `zoo.fwi.experiments`.
    """
    settings = workshop.own
    dataset, recipe = _section(workshop)
    changes = {"dataset": dataset, **(_QUICK_2D if workshop.quick else {})}
    plain = problem(recipe, "", workshop, **changes)
    practice = problem(recipe, "practice100", workshop, **changes, **({"batch_size": 1} if workshop.quick else {}))
    runs, rows = {}, []
    for name in SECTION:
        if name == "tnc" and not settings["tnc"]:
            continue
        given = practice if name == "practice" else plain
        how = replace(given.settings, iterations=settings["iterations"])
        if name != "practice":
            how = replace(how, optimizer=name)
        run = runs[name] = kept_run(workshop, name, given, how)
        rows.append({**_section_row(name, run, given), "dataset": dataset})
        say(f"{name}: loss {rows[-1]['loss_ratio']} of the first, model RMSE {rows[-1]['rmse_ratio']} of the start's")
    judged(dict(zip(runs, rows, strict=True)), SECTION, not workshop.quick)
    _draw_section(workshop, plain, runs)
    return rows


COUNTS = {"adam": (100,), "l-bfgs-b": (200, 600, 1000), "cg": (400, 800, 1420)}
"""The paper's gradients of each optimizer, figures 18 to 22."""


def marmousi_counts(workshop: Workshop) -> list[dict[str, Any]]:
    """Invert a section by Adam, L-BFGS-B and CG with the paper's own numbers of gradients (figures 19, 20 and 22).

    A row for each number that the paper shows, all of an optimizer from one run.
    """
    from zoo.fwi.figures.runs import draw_history

    dataset, recipe = _section(workshop)
    given = problem(recipe, "", workshop, dataset=dataset, **(_QUICK_2D if workshop.quick else {}))
    start_m_s = rms_difference(given.start.velocity_m_s, given.truth.velocity_m_s)
    runs, rows = {}, []
    for optimizer, counts in COUNTS.items():
        counts = tuple(2 + i for i in range(len(counts))) if workshop.quick else counts
        how = replace(given.settings, optimizer=optimizer, iterations=counts[-1])
        run = runs[optimizer] = kept_run(workshop, f"{optimizer}-{counts[-1]}", given, how)
        for count in counts:
            at = min(count, len(run.history)) - 1  # scipy's methods may end before
            row = run.history[at]
            rows.append(
                {
                    "optimizer": optimizer,
                    "gradients": count,
                    "done": at + 1,
                    "loss_ratio": _round(run.relative_loss[at]),
                    "rmse_m_s": round(row["model_rmse_m_s"], 1),
                    "rmse_ratio": _round(row["model_rmse_m_s"] / start_m_s),
                    "cpu_s": round(row["cpu_s"], 1),
                    "dataset": dataset,
                }
            )
            said = f"loss {rows[-1]['loss_ratio']} of the first, model RMSE {rows[-1]['rmse_ratio']} of the start's"
            say(f"{optimizer}, {count}: {said}")
    draw_history({_TITLES[name]: run.history for name, run in runs.items()}, workshop.folder / "loss-counts.png")
    return rows


def _section(workshop: Workshop) -> tuple[str, str]:
    """Return the dataset of a section, prepared where it is synthetic, and the recipe that inverts it."""
    from zoo.data import datasets

    dataset = workshop.own["dataset"]
    if not dataset:
        there = MARMOUSI in datasets.describe(MARMOUSI.split("/")[0], workshop.data_dir)["prepared"]
        dataset = MARMOUSI if there else FOLDED
        say(f"On {dataset}" + ("" if there else f": {MARMOUSI} is not prepared (zoo prepare, --manual-dir)"))
    if dataset == FOLDED:
        prepared(dataset, workshop)
    return dataset, "fdrnn_marmousi" if dataset == MARMOUSI else "fdrnn_folded"


_PROPORTIONAL = ("gd", "momentum")
_TITLES = {"gd": "GD", "momentum": "Momentum", "adagrad": "Adagrad", "rmsprop": "RMSprop", "adam": "Adam"}
_TITLES |= {"cg": "CG", "l-bfgs-b": "L-BFGS-B", "tnc": "TNC", "practice": "Adam, practice"}


def _layers(workshop: Workshop, smooth_m: float) -> Problem:
    changes = _QUICK_1D if workshop.quick else {}
    given = problem("fdrnn_1d", "", workshop, dataset=prepared(_LAYERED, workshop), **changes)
    return replace(given, start=given.truth.smoothed(smooth_m)) if smooth_m else given


def _run_1d(workshop: Workshop, given: Problem, optimizer: str, rate: float, settings: Mapping[str, Any]) -> Run:
    # `fit_velocity` scales data to an rms of 1.
    unit = settings["amplitude"] ** 2 if optimizer in _PROPORTIONAL else 1.0
    how = replace(given.settings, optimizer=optimizer, iterations=settings["iterations"])
    if rate:
        how = replace(how, learning_rate=rate * unit)
    run = kept_run(workshop, f"{optimizer}_{rate:g}" if rate else optimizer, given, how)
    ends = run.relative_loss[-1], rms_difference(run.velocity_m_s, given.truth.velocity_m_s)
    say(f"{_title(optimizer, rate)}: loss {ends[0]:.3g} of the first, model RMSE {ends[1]:.0f} m/s")
    return run


def _title(optimizer: str, rate: float = 0.0) -> str:
    return f"{_TITLES[optimizer]} {rate:g}" if rate else _TITLES[optimizer]


def _numbers(run: Run, given: Problem) -> dict[str, Any]:
    """Return the columns that every run of one dimension has."""
    first, last = (run.history[i]["loss"] for i in (0, -1))
    before, after = (rms_difference(v, given.truth.velocity_m_s) for v in (given.start.velocity_m_s, run.velocity_m_s))
    columns = (run.velocity_m_s[:, 0], given.truth.velocity_m_s[:, 0])
    count, too_deep_m = interfaces(*columns, given.truth.spacing_m)
    return {
        "iterations": len(run.history),
        "first_loss": _round(first),
        "last_loss": _round(last),
        "loss_ratio": _round(last / first),
        "start_rmse_m_s": round(before, 1),
        "last_rmse_m_s": round(after, 1),
        "rmse_ratio": _round(after / before),
        "interfaces": count,
        "interfaces_too_deep_m": round(too_deep_m, 1),
        "iterations_to_1_percent": run.iterations_to(FITTED),
        "not_lower_percent": round(100 * run.not_lower, 1),
        "oscillated": run.oscillated,
        "cpu_s": round(run.history[-1]["cpu_s"], 1),
    }


def _section_row(name: str, run: Run, given: Problem) -> dict[str, Any]:
    true, start = given.truth.velocity_m_s, given.start.velocity_m_s
    half = len(true) // 2
    row: dict[str, Any] = {
        "optimizer": name,
        "gradients": len(run.history),
        "cpu_s": round(run.history[-1]["cpu_s"], 1),
        "loss_ratio": _round(run.relative_loss[-1]),
        "start_rmse_m_s": round(rms_difference(start, true), 1),
        "last_rmse_m_s": round(rms_difference(run.velocity_m_s, true), 1),
        "rmse_ratio": _round(rms_difference(run.velocity_m_s, true) / rms_difference(start, true)),
    }
    for part, where in (("shallow", slice(half)), ("deep", slice(half, None))):
        for end, velocity in (("start", start), ("last", run.velocity_m_s)):
            row[f"{part}_{end}_rmse_m_s"] = round(rms_difference(velocity[where], true[where]), 1)
    return row


def _draw_section(workshop: Workshop, given: Problem, runs: Mapping[str, Run]) -> None:
    from zoo.fwi.figures.models import draw_models, draw_shots
    from zoo.fwi.figures.runs import draw_history, draw_profiles

    folder, spacing_m, survey = workshop.folder, given.truth.spacing_m, given.survey
    ends = {"true": given.truth.velocity_m_s, "start": given.start.velocity_m_s}
    draw_models(ends, spacing_m, folder / "models.png", sources=survey.sources, receivers=survey.receivers)
    draw_shots(
        {"observed": survey.observed[:10]},
        survey.time_step_s,
        survey.receivers[:, 1] * spacing_m,
        survey.sources[:10, 1] * spacing_m,
        folder / "shots.png",
    )
    for name, run in runs.items():
        # A quarter, half and all of the iterations, as the paper shows Adam's 100.
        wanted = np.array([0.25, 0.5, 1.0]) * len(run.history)
        shown = sorted({min(run.snapshots, key=lambda one, at=at: abs(one - at)) for at in wanted} - {0})
        steps = {f"{_title(name)}, after {iteration}": run.snapshots[iteration] for iteration in shown}
        draw_models({"true": ends["true"], **steps}, spacing_m, folder / f"{name}.png")
    last = {_title(name): run.velocity_m_s for name, run in runs.items()}
    draw_models({**ends, **last}, spacing_m, folder / "comparison.png")
    draw_history({_title(name): run.history for name, run in runs.items()}, folder / "loss.png")
    draw_profiles({**ends, **last}, spacing_m, folder / "profiles.png")


def _round(value: float) -> float:
    return float(f"{value:.3g}")

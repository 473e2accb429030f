"""False alarms a year and bursts found, by networks and baselines on simulated regions of different rates.

For each region a past is simulated, the background estimated from it as from a catalogue, and each score's threshold
set on simulated years of that estimate. False alarms are then counted in other years, of the true background, and
bursts are added to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from zoo.errors import ZooError
from zoo.files import digest, read_json, write_json
from zoo.progress import bar, say
from zoo.training.experiment import Workshop

ASKED = (1.0, 2.0, 4.0, 8.0, 12.0)
"""False alarms a year for which thresholds are set; bursts are sought at `DEFAULT`."""
DEFAULT = 4.0
WINDOW_DAYS, STRIDE_DAYS = 1.0, 0.5
SIZES, SPREADS_PX = (5, 8, 10, 12, 15, 20, 25), (1.0, 2.0)
MIXED_EVENTS, MIXED_PX = 15, (0.7, 2.0)
"""The bursts of the table: as narrow and as wide as those of the task medium."""
BASELINES = ("Poisson scan", "Poisson scan, past rate", "Poisson scan, true rate", "largest pixel", "event count")
BOOSTING = ("gradient boosting", "gradient boosting, past rate")
_VERSION = 2  # of what a cell holds


def calibration(workshop: Workshop) -> list[dict[str, Any]]:
    """Measure false alarms and bursts found, as the settings of `zoo.seismicity.experiments` say.

    Each score in each region is a cell that is kept in the folder `cells`, and measured once.

    Raises:
        ZooError: if a model is not there, or answers something else than seismicity.anomaly.
    """
    from zoo.seismicity.figures.calibration import draw_calibration

    own = workshop.own
    scores = _scores(own)
    rates = np.geomspace(50, 400, own["regions"])
    cells: dict[str, list[dict[str, Any]]] = {}
    folder = workshop.folder / ("cells-quick" if workshop.quick else "cells")
    sizes = SIZES[::3] if workshop.quick else SIZES
    for name, (identity, score) in scores.items():
        for number, rate in enumerate(rates):
            settings = {key: value for key, value in own.items() if key != "models"}
            settings |= {"version": _VERSION, "score": identity, "region": number, "sizes": list(sizes)}
            file = folder / f"{digest(str(settings))[:16]}.json"
            if file.is_file():
                cell = read_json(file, f"A cell of {name}")
            else:
                cell = {"name": name, "settings": settings, **_measure(name, score, own, number, float(rate), sizes)}
                write_json(file, cell)
            cells.setdefault(name, []).append(cell)
    subtitle = (
        f"SIMULATED: mean of {own['regions']} regions of 50 to 400 events a window, windows of a day every half day;\n"
        f"years of background: {own['years']:g} to set a threshold, {own['years']:g} others to measure"
    )
    draw_calibration(cells, workshop.folder / "calibration.png", DEFAULT, subtitle)
    return [row for name, found in cells.items() for row in _rows(name, found)]


def _measure(name: str, score: Any, own: Mapping[str, Any], number: int, rate: float, sizes: Sequence[int]) -> dict:
    """Return thresholds, false alarms and bursts found of one score in one region."""
    from zoo.seismicity import threshold
    from zoo.seismicity.physics.maps import TASKS, rate_fields, smooth_past

    # Regions, years and bursts are the same for all scores.
    rng = np.random.default_rng([own["seed"], number])
    medium = TASKS["medium"]
    truth = rate * rate_fields(1, medium.smoothing_px, medium.log_sd, rng)[0].astype(float)
    windows = own["past_windows"]
    past = smooth_past(rng.poisson(truth * windows), windows).astype(float)
    if name.endswith("true rate"):
        past = truth
    steps = WINDOW_DAYS, STRIDE_DAYS
    per_year = round(threshold.YEAR_DAYS / STRIDE_DAYS)
    with bar(f"{name}, {rate:.0f} events a window", 2 * own["years"] * per_year) as advance:
        drawn = None if name.endswith("true rate") else windows
        set_on = threshold.background_scores(
            score, past, *steps, own["years"], np.random.default_rng([own["seed"], number, 1]),
            past_windows=drawn, advance=advance,
        )  # fmt: skip
        others = threshold.background_scores(
            score, truth, *steps, own["years"], np.random.default_rng([own["seed"], number, 2]),
            past=past, advance=advance,
        )  # fmt: skip
        thresholds = {f"{asked:g}": threshold.threshold_for(set_on, *steps, asked) for asked in ASKED}
        at = thresholds[f"{DEFAULT:g}"]

        def found(events: int, sd_px: float | tuple[float, float], *seed: int) -> np.ndarray:
            rng = np.random.default_rng([own["seed"], number, 3, events, *seed])
            return threshold.burst_scores(score, truth, events, sd_px, own["bursts"], *steps, rng, past=past)

        mixed = found(MIXED_EVENTS, MIXED_PX, 0)
        by_size = {
            f"{sd_px:g}": {str(size): threshold.detected(found(size, sd_px, i), at) for size in sizes}
            for i, sd_px in enumerate(SPREADS_PX, 1)
        }
    return {
        "events_per_window": rate,
        "thresholds": thresholds,
        "measured": {key: threshold.false_alarm_rate(others, value, *steps) for key, value in thresholds.items()},
        "curve": _curve(others, steps),
        "mixed": {key: threshold.detected(mixed, value) for key, value in thresholds.items()},
        "found": by_size,
    }


def _curve(scores: np.ndarray, steps: tuple[float, float]) -> list[tuple[float, float]]:
    """Return (threshold, false alarms a year) from 24 a year to the highest score."""
    from zoo.seismicity.threshold import false_alarm_rate, threshold_for

    grid = np.linspace(threshold_for(scores, *steps, 24.0), scores.max(), 60)[:-1]
    return [(float(at), false_alarm_rate(scores, at, *steps)) for at in grid]


def _scores(own: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    """Return name -> (what the score is, for the keys of its cells; the score)."""
    from zoo import checkpoint, registry
    from zoo.seismicity.models.boosting import boosted_score
    from zoo.seismicity.physics.maps import TASKS
    from zoo.seismicity.scan import event_count, largest_pixel, poisson_scan
    from zoo.seismicity.scores import NetworkScore

    scores: dict[str, tuple[str, Any]] = {}
    for model in own["models"]:
        score = NetworkScore(model)
        files = checkpoint.read_card(registry.find(model))["files"]
        name = str(model).rsplit("/", 1)[-1].removeprefix("seismicity_")
        name = name.removesuffix(".single").removesuffix(".history") + (", past rate" if score.history else "")
        scores[name] = files[checkpoint.WEIGHTS]["sha256"], score
    try:
        for name in BOOSTING:
            scores[name] = name, boosted_score(TASKS["medium"], name.endswith("past rate"), seed=own["seed"])
    except ZooError as error:
        say(f"Without gradient boosting: {error}")
    with_past = lambda counts, past: poisson_scan(counts, past)[0]  # noqa: E731
    functions = (
        lambda counts, past: poisson_scan(counts)[0],
        with_past,
        with_past,  # the past that it is told is the truth
        lambda counts, past: largest_pixel(counts),
        lambda counts, past: event_count(counts),
    )
    return {**scores, **{name: (name, function) for name, function in zip(BASELINES, functions, strict=True)}}


def _rows(name: str, found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each region, and one for the mean of all."""
    rows = []
    for cell in found:
        row: dict[str, Any] = {"score": name, "events_per_window": round(cell["events_per_window"], 1)}
        row["threshold"] = round(cell["thresholds"][f"{DEFAULT:g}"], 3)
        row["false_alarms_a_year"] = round(cell["measured"][f"{DEFAULT:g}"], 2)
        for asked in (1.0, 4.0, 12.0):
            row[f"found_{MIXED_EVENTS}_at_{asked:g}"] = round(cell["mixed"][f"{asked:g}"], 3)
        for sd_px, by_size in cell["found"].items():
            row |= {f"found_{size}_sd_{sd_px}px": round(share, 3) for size, share in by_size.items()}
        rows.append(row)
    mean = {key: round(float(np.mean([row[key] for row in rows])), 3) for key in rows[0] if key != "score"}
    return [*rows, {"score": name, **mean, "events_per_window": "mean", "threshold": ""}]

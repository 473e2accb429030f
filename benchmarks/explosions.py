"""Explosion or earthquake by event, on real events that were left out: a small network against P/S ratios alone.

    python benchmarks/explosions.py [--seed N]

Needs `zoo prepare explosions/pnw_events --manual-dir FOLDER`. Each row trains `explosion_earthquake` with other
settings and scores every event by the copy that had not seen it: one event left out at a time, or one place (events
within 10 km of each other: shots of one quarry are alike). A CPU-minute a row.
"""

from __future__ import annotations

import argparse
import tempfile

import numpy as np
import table

import zoo
from zoo import registry
from zoo.data import datasets

DATASET = "explosions/pnw_events"
ROWS = (
    ("P/S ratios, network-averaged, logistic regression", {"head": "ratios"}),
    ("the default: ratios and coda of each station, small network", {}),
)
DRAWS = 2000


def difference(first: np.ndarray, second: np.ndarray, explosion: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of how much larger the first area is, events drawn anew for both alike."""
    from zoo.seismograms.models.event_scores import area_under_curve

    rng, rows, found = np.random.default_rng(0), [np.flatnonzero(explosion), np.flatnonzero(~explosion)], []
    for _ in range(DRAWS):
        drawn = np.concatenate([rng.choice(some, len(some)) for some in rows])
        areas = [area_under_curve(odds[drawn], explosion[drawn]) for odds in (first, second)]
        found.append(areas[0] - areas[1])
    low, high = np.quantile(found, (0.025, 0.975))
    return float(low), float(high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    recipe = registry.recipe_module("explosion_earthquake")
    records = datasets.arrays(DATASET, "all", features=recipe.FEATURES)
    rows, odds = [], {}
    for leave_out in ("event", "place"):
        for name, settings in ROWS:
            with tempfile.TemporaryDirectory() as folder:
                changes = {**settings, "leave_out": leave_out, "scored_on": []}
                where = zoo.recipe("explosion_earthquake").train(settings=changes, seed=args.seed, out=f"{folder}/run")
                model = zoo.load(where)
            events = recipe.measured(records, model.picker)
            scores = recipe.score(model, records)
            odds[leave_out, name] = model.log_odds(events.measures, events.names)
            area = f"{scores['auc']:.2f} ({scores['auc_low']:.2f} to {scores['auc_high']:.2f})"
            decided = f"{scores['accuracy_decided']:.2f} of the {scores['decided']:.0%} decided"
            figures = area, f"{scores['balanced_accuracy']:.2f}", decided, f"{scores['cross_entropy']:.2f}"
            rows.append([name, f"one {leave_out}", *figures])
    count = f"{len(events.names)} events, {int(events.explosion.sum())} explosions"
    heading = [
        "trained on",
        "left out",
        "AUC (95 %)",
        "balanced accuracy",
        "right",
        "cross entropy (0.69: nothing known)",
    ]
    used = f"{int(events.stations.sum())} of {len(records['waveform'])} traces count"
    table.print_table(f"Explosion or earthquake, {count} of the Pacific Northwest, {used}", heading, rows)
    rows = []
    for leave_out in ("event", "place"):
        low, high = difference(*(odds[leave_out, ROWS[row][0]] for row in (1, 0)), events.explosion)
        rows.append([f"one {leave_out}", f"{low:+.2f} to {high:+.2f}"])
    table.print_table("AUC of the default less that of the ratios", ["left out", "95 % interval"], rows)


if __name__ == "__main__":
    main()

"""Accuracy, speed and size of the microseismic emulators, beside the paper's table 1.

    python benchmarks/emulators.py [--data-dir DIR] [--models PATTERN]

Accuracy is scored on the corpus where it is prepared; where it is not, the figure of the card is printed
and marked so. Times are CPU-seconds of this machine, the best of several repeats.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from table import print_table

PAPER = {"nn_direct_emulator": (0.9500, 9.9, 2.32), "cvae_emulator": (0.9477, 9.3, 4.37)}


def milliseconds(model, count: int, repeats: int) -> float:
    """Return CPU-milliseconds per source and receiver of `model(coordinates_km)`, best of `repeats`."""
    rng = np.random.default_rng(0)
    points = rng.uniform(model.lower_km, model.upper_km, (count, 3)).astype(np.float32)
    model(points)
    best = np.inf
    for _ in range(repeats):
        start = time.process_time()
        np.asarray(model(points))
        best = min(best, time.process_time() - start)
    return best * 1e3 / count / len(model.receivers_km)


def main() -> None:
    from zoo import checkpoint, registry, training
    from zoo.errors import ZooError

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir")
    parser.add_argument("--models", default="*_emulator.*")
    args = parser.parse_args()
    rows = []
    for name in registry.list_models(args.models):
        folder = registry.find(name)
        card = checkpoint.read_card(folder)
        split = "test" if "test" in card["scores"] else "validation"
        try:
            scores, origin = training.evaluate(name, split, args.data_dir), "measured"
        except ZooError:
            scores, origin = card["scores"][split]["metrics"], "card"
        model = registry.load(name)
        paper = PAPER.get(name.split(".")[0], (np.nan,) * 3)
        size_mb = sum(file["bytes"] for file in card["files"].values()) / 1e6
        rows.append(
            [
                name,
                f"{split} ({origin})",
                f"{scores['r2d']:.4f}",
                f"{scores.get('r2d_without_faces', scores['r2d']):.4f}",
                f"{scores['median_trace_correlation']:.4f}",
                f"{paper[0]:.4f}",
                f"{milliseconds(model, 1, 200) * len(model.receivers_km):.2f}",
                f"{milliseconds(model, 1000, 5):.4f}",
                f"{paper[1]:.1f}",
                f"{size_mb / len(model.receivers_km):.2f}",
                f"{paper[2]:.2f}",
                card["cost"],
            ]
        )
    header = [
        "model",
        "split",
        "R2D",
        "R2D no faces",
        "median corr.",
        "paper R2D",
        "ms, 1 source",
        "ms a source and receiver, 1000",
        "paper ms",
        "MB a receiver",
        "paper MB",
        "training",
    ]
    print_table("Emulators (Spurio Mancini et al. 2021, table 1)", header, rows)


if __name__ == "__main__":
    main()

"""Accuracy, speed and size of the microseismic emulators, beside the paper's table 1.

    python benchmarks/emulators.py [--data-dir DIR] [--models PATTERN]

Accuracy is scored on the dataset where it is prepared; where it is not, the figure of the card is printed
and marked so. Times are CPU-milliseconds of this machine, the best of several repeats; sizes and those of batches
are for one receiver.
"""

from __future__ import annotations

import argparse

from table import print_table


def main() -> None:
    from zoo import registry
    from zoo.microseismic.reproduce import PAPER, describe

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir")
    parser.add_argument("--models", default="*_emulator.*")
    args = parser.parse_args()
    rows = []
    for name in registry.list_models(args.models):
        paper = PAPER.get(name.split(".")[0])
        if paper is None:
            continue
        found = describe(name, args.data_dir)
        rows.append(
            [
                name,
                found["scored_on"],
                f"{found['r2d']:.4f}",
                f"{found['r2d_without_faces']:.4f}",
                f"{found['median_trace_correlation']:.4f}",
                f"{paper.r2d:.4f}",
                f"{found['one_source_cpu_ms']:.2f}",
                f"{found['of_1000_sources_cpu_ms']:.4f}",
                f"{paper.evaluation_ms:.1f}",
                f"{found['size_mb']:.2f}",
                f"{paper.size_mb:.2f}",
                f"{found['training_cpu_s']:.0f}",
                f"{paper.training_s:.0f}",
            ]
        )
    header = ["model", "split", "R2D", "no faces", "median corr.", "paper R2D", "ms, 1 source", "ms of 1000"]
    header += ["paper ms", "MB", "paper MB", "training CPU-s", "paper s"]
    print_table("Emulators (Spurio Mancini et al. 2021, table 1)", header, rows)


if __name__ == "__main__":
    main()

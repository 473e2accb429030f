"""Fine-tuning the picker on 40 records by the commands of recipes/README.md: what it costs, what it changes.

    python benchmarks/fine_tuning.py [--picks FOLDER]

FOLDER: traces in PhaseNet's layout (datasets/ncedc_picks), at least 60, by default PhaseNet's demo set. The first 40
train, the others score the checkpoint and what was made of it. CPU-seconds are of the whole command, processes and
imports included.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from table import print_table

REAL = Path(os.environ.get("ZOO_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))
START, DATASET, OTHERS = "phase_picker.synthetic", "ncedc_picks/mine", "test[40:]"
SETTINGS = [
    *("frozen=encoder", f"dataset={DATASET}", "train_split=test[:40]", f"validation_split={OTHERS}"),
    *("scored_on=validation", "learning_rate=3e-4", "epochs=4", "steps_per_epoch=15"),
]
METRICS = ("p_found", "p_within_0.2_s", "s_within_0.2_s", "false_per_minute")


def zoo(*arguments: str) -> tuple[str, float]:
    """Run a command of the zoo; return what it prints and the CPU-seconds that it takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = [sys.executable, "-c", "import sys; from zoo.cli import main; sys.exit(main())", *arguments]
    done = subprocess.run(run, stdout=subprocess.PIPE, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--picks", default=REAL / "picks", metavar="FOLDER", help="traces in PhaseNet's layout")
    folder = parser.parse_args().picks
    with tempfile.TemporaryDirectory() as where:
        data, out = f"--data-dir={where}", f"{where}/mine/phase_picker.mine"
        zoo("prepare", DATASET, data, "--set", f"folder={folder}")
        _, cpu_s = zoo("train", START, data, "--from", START, "--out", out, "--set", *SETTINGS)
        scored = (data, "--dataset", DATASET, "--split", OTHERS, "--json")
        before, after = (json.loads(zoo("evaluate", name, *scored)[0]) for name in (START, out))
    rows = [(metric, f"{before[metric]:.3f}", f"{after[metric]:.3f}") for metric in METRICS if metric in before]
    rows = [*rows, ("CPU-seconds of zoo train --from", "", f"{cpu_s:.0f}")]
    print_table("Fine-tuning on 40 NCEDC traces, scored on the others", ("", START, "after it"), rows)


if __name__ == "__main__":
    main()

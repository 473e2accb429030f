"""What checking costs: the gate's share of `zoo.load`, `zoo list`, checksums of records that are read.

    python benchmarks/store.py

CPU seconds, the least of several repetitions, in one process and with one thread of numpy's; each share is of the same
work without the checks.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("OMP_NUM_THREADS", "1")

MODELS = ("phase_picker.synthetic", "cvae_emulator.marine", "seismicity_resnet18.single")
REPEATS = 9


def cpu_s(work: Callable[[], object]) -> float:
    """Return the least CPU time of several repetitions."""
    work()
    spent = []
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return min(spent)


def row(what: str, whole_s: float, checks_s: float) -> list[str]:
    """Return a row: what was done, its CPU time without and with checks, and what they add."""
    plain_s = whole_s - checks_s
    return [what, f"{plain_s * 1e3:.1f}", f"{whole_s * 1e3:.1f}", f"{100 * checks_s / plain_s:.1f} %"]


def loading(name: str) -> list[str]:
    from zoo import checkpoint, gate, registry

    folder = registry.find(name)
    weights = gate.check_weights(folder / checkpoint.WEIGHTS)

    def checks() -> None:
        gate.check_weights(folder / checkpoint.WEIGHTS)
        config = gate.read_plain_json(folder / checkpoint.CONFIG, "")
        gate.check_config(config, folder / checkpoint.CONFIG, weights)
        gate.check_card(gate.read_plain_json(folder / checkpoint.CARD, ""), folder / checkpoint.CARD)
        registry.shipped_digest(folder), checkpoint.digest(folder)

    return row(f"zoo.load({name!r})", cpu_s(lambda: registry.load(name)), cpu_s(checks))


def listing() -> list[str]:
    from zoo import checkpoint, gate, registry

    held = [(gate.read_plain_json(folder / checkpoint.CARD, ""), folder) for folder in registry.folders().values()]
    checks = lambda: [gate.check_card(card, folder) for card, folder in held]  # noqa: E731
    spent = []
    for _ in range(REPEATS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "zoo.cli", "list"], stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return row(f"zoo list, {len(held)} models", min(spent), cpu_s(checks))


def reading(folder: Path) -> list[list[str]]:
    from zoo.data import datasets, prepared

    name = "prem_dispersion/mini"
    made = datasets.prepare(name, folder)
    found = datasets.builder(name, folder)
    source = datasets.data_source(name, "train", data_dir=folder)
    source[0]  # opens the file
    ((path, (content, *places)),) = source._open.items()
    places = [(int(at), int(length)) for at, length in zip(*places, strict=True)]
    stream = lambda: sum(1 for _ in datasets.load_dataset(name, "train", 256, data_dir=folder))  # noqa: E731
    number = lambda: [source[index] for index in range(len(source))]  # noqa: E731
    crcs = lambda: [prepared.checked_record(content, at, length, path, 0) for at, length in places]  # noqa: E731
    plain = lambda: [content[at + 12 : at + 12 + length] for at, length in places]  # noqa: E731
    sizes = lambda: prepared.check_sizes(found, made)  # noqa: E731
    return [
        row(f"load_dataset, {len(source):,} records", cpu_s(stream), cpu_s(sizes)),
        row(f"data_source, {len(source):,} records", cpu_s(number), cpu_s(crcs) - cpu_s(plain)),
    ]


def main() -> None:
    from table import print_table

    rows = [*(loading(name) for name in MODELS), listing()]
    with tempfile.TemporaryDirectory() as folder:
        rows += reading(Path(folder))
    print_table(
        "What checking costs (target: at most 5 %)", ["work", "without, CPU ms", "with, CPU ms", "checks add"], rows
    )


if __name__ == "__main__":
    main()

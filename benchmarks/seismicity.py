"""Seismicity maps: the networks beside the largest pixel, event count, Poisson scan and gradient boosting.

    python benchmarks/seismicity.py [--models NAME ...] [--tasks NAME ...] [--maps N] [--data-dir DIR]

Datasets: zoo prepare seismicity_maps/NAME for each of --tasks and for figure_s1; what is not prepared is left out. Each
score has the threshold of the highest accuracy on the task's validation split; the figures are of the test split.
"past rate" and "true rate" are told the background, as the region's past or as it was drawn; the others see one map.
Gradient boosting (needs scikit-learn) is trained on 20,000 maps of each task, the networks on those that their cards
name. The last table is figure S1 taken literally, a map with more than five events in a pixel: a threshold solves it,
and a ResNet-18 of width 16 is trained for it here, in a CPU-minute or two.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from table import print_table

import zoo
from zoo import checkpoint, registry
from zoo.data import datasets
from zoo.errors import ZooError
from zoo.progress import say
from zoo.seismicity.models.boosting import boosted_score
from zoo.seismicity.models.residual import ResidualNetwork, trainable_parameters
from zoo.seismicity.models.training import area_under_curve, inputs
from zoo.seismicity.physics.maps import TASKS
from zoo.seismicity.scan import event_count, largest_pixel, poisson_scan

Maps = Mapping[str, np.ndarray]
Score = Callable[[Maps], np.ndarray]

LITERAL = "figure_s1"
DATASETS = ("medium", "medium_uniform", "hard")
FEATURES = ("counts", "past", "expected", "label")
BASELINES: dict[str, Score] = {
    "largest pixel": lambda maps: largest_pixel(maps["counts"]),
    "event count": lambda maps: event_count(maps["counts"]),
    "Poisson scan": lambda maps: poisson_scan(maps["counts"])[0],
    "Poisson scan, past rate": lambda maps: poisson_scan(maps["counts"], maps["past"])[0],
    "Poisson scan, true rate": lambda maps: poisson_scan(maps["counts"], maps["expected"])[0],
}
_BATCH = 64
# The literal task's training: enough for the network to count to five.
_LITERAL_SETTINGS = {"width": 16, "steps_per_epoch": 500, "epochs": 4, "scored_on": []}


def network(model) -> Score:
    """Return a network's probability that a map is anomalous."""
    return lambda maps: model.predict(inputs(model, maps), batch_size=_BATCH, verbose=0)[:, 1]


def boosting(task: str) -> dict[str, Score]:
    """Return gradient boosting trained for a task, without and with the past; nothing without scikit-learn."""
    try:
        alone, told = (boosted_score(TASKS.get(task, task), history) for history in (False, True))
    except ZooError as error:
        say(str(error))
        return {}
    return {
        "gradient boosting": lambda maps: alone(maps["counts"], None),
        "gradient boosting, past rate": lambda maps: told(maps["counts"], maps["past"]),
    }


def read(dataset: str, maps: int, data_dir: str | None) -> tuple[Maps, Maps] | None:
    """Return the validation and test maps of a dataset, at most so many; None where it is not prepared."""
    try:
        parts = [datasets.arrays(dataset, split, data_dir, FEATURES) for split in ("validation", "test")]
    except ZooError as error:
        say(str(error))
        return None
    return tuple({k: v[:maps].astype(np.int64 if k == "label" else np.float32) for k, v in p.items()} for p in parts)


def measured(score: Score, validation: Maps, test: Maps) -> tuple[float, float, float]:
    """Return accuracy at validation's best threshold, the area under the ROC curve, and maps a CPU-second."""
    threshold = best_threshold(validation["label"], score(validation))
    start = time.process_time()
    values = score(test)
    speed = len(values) / (time.process_time() - start)
    accuracy = np.mean((values > threshold) == test["label"])
    return float(accuracy), area_under_curve(test["label"], values), speed


def best_threshold(label: np.ndarray, values: np.ndarray) -> float:
    """Return above which score maps are to be called anomalous for the highest accuracy."""
    order = np.argsort(values, kind="stable")
    ordered, labels = values[order], label[order]
    right = np.concatenate([[labels.sum()], labels.sum() + np.cumsum(1 - 2 * labels)])
    between = np.concatenate([[-np.inf], (ordered[1:] + ordered[:-1]) / 2, [np.inf]])
    cut = np.concatenate([[True], ordered[1:] > ordered[:-1], [True]])  # ties cannot be told apart
    return float(between[np.argmax(np.where(cut, right, -1))])


def sizes(models: list[str]) -> None:
    """Print numbers of parameters, of the reference's form and as shipped, and the size of the weights."""
    rows = []
    for name in models:
        model = registry.load(name)
        reference = ResidualNetwork(model.depth, 1000)
        reference.build((None, 64, 64, 3))
        stored = checkpoint.read_card(registry.find(name))["files"][checkpoint.WEIGHTS]["bytes"]
        shipped = trainable_parameters(model)
        rows.append((name, f"{trainable_parameters(reference):,}", f"{shipped:,}", f"{stored / 1e6:.1f}"))
    print_table("Parameters", ("", "1000 classes, 3 channels", "as shipped", "weights, MB"), rows)


def compare(models: list[str], tasks: list[str], maps: int, data_dir: str | None) -> None:
    """Print accuracy and area under the curve of every score on every task."""
    networks = {name: network(registry.load(name)) for name in models}
    cells: dict[str, list[str]] = {}
    speeds, done = {}, []
    for task in tasks:
        parts = read(f"seismicity_maps/{task}", maps, data_dir)
        if parts is None:
            continue
        done.append(task)
        for name, score in {**networks, **boosting(task), **BASELINES}.items():
            accuracy, area, speed = measured(score, *parts)
            cells.setdefault(name, []).append(f"{accuracy:.4f} / {area:.4f}")
            speeds.setdefault(name, speed)
            say(f"{task}: {name} {cells[name][-1]}")
    rows = [(name, *found, f"{speeds[name]:,.0f}") for name, found in cells.items()]
    if rows:
        print_table(f"Accuracy / AUC, up to {maps:,} test maps", ("", *done, "maps a CPU-second"), rows)


def literal(maps: int, data_dir: str | None) -> None:
    """Print how well more than five events in a pixel are told by a threshold, and by a network trained to."""
    dataset = f"seismicity_maps/{LITERAL}"
    parts = read(dataset, maps, data_dir)
    if parts is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        settings = {**_LITERAL_SETTINGS, "dataset": dataset, "tasks": [LITERAL]}
        out = Path(folder) / "literal.single"
        zoo.recipe("seismicity_resnet18").train(out=out, settings=settings, data_dir=data_dir)
        cost_s = checkpoint.read_card(out)["training_cpu_s"]
        scores = {f"ResNet-18 of width 16, {cost_s:.0f} CPU-s": network(registry.load(out)), **BASELINES}
        rows = [(name, *(f"{value:.4f}" for value in measured(score, *parts)[:2])) for name, score in scores.items()]
    print_table("Figure S1 taken literally: more than five events in a pixel", ("", "accuracy", "AUC"), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=registry.list_models("seismicity_resnet*"))
    parser.add_argument("--tasks", nargs="+", default=list(DATASETS), help="datasets below seismicity_maps")
    parser.add_argument("--maps", type=int, default=10_000, help="of a split, at most")
    parser.add_argument("--data-dir", help="folder of prepared datasets")
    arguments = parser.parse_args()
    sizes(arguments.models)
    compare(arguments.models, arguments.tasks, arguments.maps, arguments.data_dir)
    literal(arguments.maps, arguments.data_dir)


if __name__ == "__main__":
    main()

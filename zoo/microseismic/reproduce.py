"""The tables of Spurio Mancini et al. (2021): how well, how fast and how small eight emulators are; what they locate.

Their traces come without a licence and their test traces are not in every copy: what is not prepared here is quoted
from the card of the checkpoint and marked so.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zoo import checkpoint, registry
from zoo.data import datasets
from zoo.errors import ZooError
from zoo.progress import say
from zoo.training import trainer
from zoo.training.experiment import Workshop

DATASET, TAG = "microseismic/spurio_mancini_2021", "kwave2021"


@dataclasses.dataclass(frozen=True)
class Published:
    """A row of the paper's table 1: R2D on 1000 test traces, training in s, evaluation in ms, size in MB."""

    method: str
    r2d: float
    training_s: float
    evaluation_ms: float
    size_mb: float


PAPER = {
    "nn_direct_emulator": Published("NN direct (A)", 0.9500, 270, 9.9, 2.32),
    "pca_nn_emulator": Published("PCA + NN (B)", 0.9443, 180, 8.6, 0.71),
    "pca_gp_emulator": Published("PCA + GP (C)", 0.9433, 1463, 97.9, 1.52),
    "ae_nn_emulator": Published("AE + NN (D)", 0.9496, 228, 9.3, 4.46),
    "ae_gp_emulator": Published("AE + GP (E)", 0.9472, 488, 25.4, 4.59),
    "cvae_emulator": Published("CVAE (F)", 0.9477, 302, 9.3, 4.37),
    "wgan_gp_emulator": Published("WGAN-GP (G)", 0.9214, 1069, 9.9, 4.07),
    "d18_emulator": Published("D18", 0.89, 29232, 621.0, 5.12),
}
_DRAWN = ("d18_emulator", "wgan_gp_emulator", "nn_direct_emulator")  # those of figure 8


def table_1(workshop: Workshop) -> list[dict[str, Any]]:
    """Score, time and weigh the emulators; shipped ones, or (`workshop.train`) trained anew.

    `--set methods=pca_nn_emulator,d18_emulator seeds=1` takes some of them; other settings go to the trainings, such
    as features=paper.
    """
    from zoo.microseismic.figures.emulators import draw_comparison

    own = workshop.own
    rows = [_row(name, _checkpoints(workshop, name, own["seeds"]), workshop) for name in own["methods"]]
    models, true, places = _examples(workshop)
    draw_comparison(
        true,
        {PAPER[name].method: np.asarray(model(places))[:, 0] for name, model in models.items()},
        places,
        next(iter(models.values())).time_step_s,
        workshop.folder / "microseismic-table-1.png",
    )
    return rows


def _checkpoints(workshop: Workshop, name: str, seeds: int) -> list[Path]:
    """Return the folders of the shipped checkpoint, or of trainings with so many seeds."""
    if not workshop.train:
        return [registry.find(f"{name}.{TAG}")]
    if workshop.quick:
        return [workshop.trained(f"{name}.marine", name, trainer.recipe(name).recipe.smoke)]
    trainings = [(f"{name}.{TAG}", f"{name}-{seed}", {}, seed) for seed in range(seeds)]
    workshop.train_ahead(trainings)
    return [workshop.trained(*training) for training in trainings]


def _row(name: str, folders: list[Path], workshop: Workshop) -> dict[str, Any]:
    say(f"{PAPER[name].method}: {', '.join(folder.name for folder in folders)}")
    found = [describe(folder, workshop.data_dir, quick=workshop.quick) for folder in folders]
    paper = PAPER[name]
    r2d = [one["r2d"] for one in found]
    return {
        "method": paper.method,
        "r2d": round(float(np.mean(r2d)), 4),
        "r2d_sd": round(float(np.std(r2d, ddof=1)), 4) if len(r2d) > 1 else None,
        "r2d_paper": paper.r2d,
        **{key: round(_mean(found, key), 4) for key in ("r2d_without_faces", "median_trace_correlation")},
        "scored_on": found[0]["scored_on"],
        "training_cpu_s": round(_mean(found, "training_cpu_s"), 1),
        "training_s_paper": paper.training_s,
        "one_source_cpu_ms": round(_mean(found, "one_source_cpu_ms"), 3),
        "of_1000_sources_cpu_ms": round(_mean(found, "of_1000_sources_cpu_ms"), 4),
        "evaluation_ms_paper": paper.evaluation_ms,
        "size_mb": round(_mean(found, "size_mb"), 2),
        "size_mb_paper": paper.size_mb,
    }


def _mean(found: list[Mapping[str, Any]], key: str) -> float:
    return float(np.mean([one[key] for one in found]))


def describe(name_or_folder: str | Path, data_dir: str | Path | None = None, quick: bool = False) -> dict[str, Any]:
    """Return what an emulator scores, costs and weighs.

    Args:
        name_or_folder: of the checkpoint.
        data_dir: where prepared datasets lie.
        quick: time it less carefully.

    Returns:
        r2d, r2d_without_faces, median_trace_correlation on the test split of its dataset, or on the validation split
        where there is no other; from its card where the dataset is not prepared (`scored_on` says which).
        training_cpu_s, Gaussian processes included. CPU-milliseconds of one source (all receivers), and of one of 1000
        sources for a receiver. Size in MB for a receiver.
    """
    folder = registry.find(name_or_folder)
    card = checkpoint.read_card(folder)
    split = "test" if "test" in card["scores"] else "validation"
    try:
        if "test" in datasets.metadata(card["settings"]["dataset"], data_dir)["splits"]:
            split = "test"
        scores, origin = trainer.evaluate(folder, split, data_dir), split
    except ZooError:
        scores, origin = card["scores"][split]["metrics"], f"{split} (card)"
    model = registry.load(folder)
    receivers = len(model.receivers_km)
    repeats = 3 if quick else 200
    return {
        "r2d": scores["r2d"],
        "r2d_without_faces": scores.get("r2d_without_faces", scores["r2d"]),
        "median_trace_correlation": scores["median_trace_correlation"],
        "scored_on": origin,
        "training_cpu_s": card["training_cpu_s"],
        "one_source_cpu_ms": evaluation_cpu_ms(model, 1, repeats),
        "of_1000_sources_cpu_ms": evaluation_cpu_ms(model, 1000, max(2, repeats // 40)) / receivers,
        "size_mb": sum(file["bytes"] for file in card["files"].values()) / 1e6 / receivers,
    }


def evaluation_cpu_ms(model: Any, sources: int, repeats: int) -> float:
    """Return CPU-milliseconds a source of `model(coordinates_km)` for so many sources at once, best of `repeats`."""
    rng = np.random.default_rng(0)
    points = rng.uniform(model.lower_km, model.upper_km, (sources, 3)).astype(np.float32)
    model(points)
    best = np.inf
    for _ in range(repeats):
        start = time.process_time()
        np.asarray(model(points))
        best = min(best, time.process_time() - start)
    return best * 1e3 / sources


def _examples(workshop: Workshop) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """Return emulators of figure 8, and traces (3, time) and places (3, 3) of held-out events for it.

    Published events where they are prepared; else those of our own marine earth that travel with its emulators.
    """
    tag, places = TAG, None
    try:
        about = datasets.metadata(DATASET, workshop.data_dir)
        split = "test" if "test" in about["splits"] else "train[90%:]"
        records = datasets.arrays(DATASET, split, workshop.data_dir)
        inside = np.flatnonzero(~records["on_boundary_face"])
        chosen = np.random.default_rng(8).choice(inside, 3, replace=False)
        true, places = records["traces"][chosen, 0], records["coordinates_km"][chosen]
    except ZooError:
        say(f"The figure shows our marine earth: {DATASET} is not prepared.")
        tag = "marine"
    models = {name: registry.load(f"{name}.{tag}") for name in _DRAWN}
    if places is None:
        sample = held_out(f"{_DRAWN[-1]}.marine")
        true, places = sample["traces"][:3, 0], sample["coordinates_km"][:3]
    return models, true, places


def held_out(name: str) -> dict[str, np.ndarray]:
    """Return the held-out events that travel with an emulator: coordinates_km, traces, noise_sd."""
    with np.load(registry.find(name) / "golden.npz", allow_pickle=False) as file:
        return {key: file[key] for key in file.files}

"""What the recipes of seismicity maps share: fresh maps in every step, the paper's training, scores, calibration.

Text S1 and tables S1 to S6 of Zhang & Yang give the weight decays and learning rates, and say that training stops
early. Optimizer, batch and patience are ours: gradient descent with momentum 0.9, 32 maps, 10 epochs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.seismicity.models.residual import ResidualNetwork, SeismicityClassifier
from zoo.seismicity.physics.maps import TASKS, draw_maps
from zoo.settings import Setting, changed
from zoo.training.recipe import Recipe, Records, Stage, data_settings, fit_settings, learning_rate
from zoo.training.schedules import cosine
from zoo.training.temperature import best_temperature

SCHEDULES = ("constant", "cosine")
STORED = "stored"
"""In `tasks`: maps that cost too much to be drawn anew in every step."""
PRECISIONS = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
PAPER_DECAY = 0.005
PAPER_RATES = {18: 0.005, 34: 0.003, 101: 0.0007}
"""What tables S1 to S6 led the paper to; the rate by depth."""
MOMENTUM = 0.9
_WARM_UP = 1 / 20  # share of the updates in which the rate of the schedule cosine rises
_STEPS_TOGETHER = 25  # updates between two returns to Python, at most: fewer returns train faster
SETTINGS = {
    **data_settings("seismicity_maps/medium", "train[:1]"),  # one map, as maps are drawn anew
    "tasks": Setting(
        ["medium"],
        f"kinds of maps that are drawn; a batch holds equally many of each. {STORED}: those of the training split, "
        "turned and mirrored at random",
        "ours: the maps of figure S1 are told apart by a threshold",
        choices=[*TASKS, STORED],
    ),
    "scored_on": Setting(
        ["validation", "test", "seismicity_maps/medium_uniform:test", "seismicity_maps/hard:test"],
        "splits, and other datasets where they are prepared, that the card's scores are measured on",
        "ours: bursts as in training, anywhere, and wider than in training",
    ),
    "width": Setting(64, "channels of the first stage", "He et al. 2016, table 1", unit="channels", low=1),
    "channels": Setting(
        1,
        "1: the map alone; 2: beside it the events that the region's past leads one to expect",
        "1: text S1; 2: ours",
        unit="channels",
        low=1,
        high=2,
    ),
    "at_events": Setting(
        False,
        "whether the second channel is the intensity of the region's ETAS model when the events of a pixel happened",
        "ours",
    ),
    "grown_from": Setting(
        "",
        "name or folder of a shallower model whose weights training starts from; empty: random weights",
        "ours: it saves most of a deeper network's training",
    ),
    "schedule": Setting(
        "constant",
        "constant: one learning rate; cosine: it rises for a twentieth of the updates, then falls to zero",
        "constant: tables S1 to S6; cosine: ours",
        choices=SCHEDULES,
    ),
    **learning_rate(PAPER_RATES[18], "tables S2, S4 and S6"),
    "weight_decay": Setting(PAPER_DECAY, "factor of the L2 penalty's gradient", "tables S1, S3 and S5", low=0.0),
    "precision": Setting(
        "float32",
        "precision of the convolutions in training",
        "float32: the usual one; bfloat16: ours, for speed",
        choices=list(PRECISIONS),
    ),
    **fit_settings(
        batch_size=32, epochs=1000, patience=10, source="text S1 says that training stops early; the number is ours"
    ),
    "steps_per_epoch": Setting(
        1000, "updates that count as an epoch", "ours: maps are drawn without end", unit="updates", low=1
    ),
}
"""Settings of the recipes; the learning rate is that of ResNet-18."""
TUNED = {"schedule": "cosine", "learning_rate": 0.05, "weight_decay": 5e-4, "precision": "bfloat16", "patience": 0}
"""Training in an hour of a CPU: a rate that rises, then falls to zero along a cosine, at half the precision."""

WITH_AFTERSHOCKS = {
    "dataset": "seismicity_maps/aftershocks",
    "train_split": "train",
    "tasks": [STORED],
    "channels": 2,
    "at_events": True,
    "precision": "float32",
    "scored_on": ["validation", "test"],
}
"""Maps of ETAS regions, beside each what the fitted model expects."""


class DecayedSGD(keras.optimizers.SGD):
    """Gradient descent with momentum and the decay of an L2 penalty, decay * weight added to the gradient.

    Keras's `weight_decay` leaves out the momentum, which makes it weaker; a penalty would be in the logged loss.
    """

    def __init__(self, learning_rate: Any, decay: float, **kwargs):
        super().__init__(learning_rate, momentum=MOMENTUM, **kwargs)
        self.decay = decay

    def update_step(self, gradient, variable, learning_rate):
        decayed = gradient + ops.cast(self.decay * variable, gradient.dtype)
        super().update_step(decayed, variable, learning_rate)


def builder(model_class: type[SeismicityClassifier]) -> Callable[..., SeismicityClassifier]:
    """Return the `build` of a recipe: a function of the settings that returns the model that training begins with.

    Its weights are those of the checkpoint `grown_from` (`ResidualNetwork.grow`), or random where that is empty.
    """

    def build(width: int, channels: int, at_events: bool, grown_from: str) -> SeismicityClassifier:
        model = model_class(width=width, channels=channels, at_events=at_events)
        model.build(model.input_shape)
        if grown_from:
            from zoo import registry

            source = registry.load(grown_from, answering="seismicity.anomaly")
            model.network.grow(source.network)
        return model

    return build


def inputs(model: SeismicityClassifier, records: Records) -> np.ndarray:
    """Return what the model takes, (n, 64, 64, channels) float32, from maps (`counts`, and `past` for 2 channels)."""
    channels = [records["counts"], records["past"]] if model.channels == 2 else [records["counts"]]
    return np.stack(channels, axis=-1).astype(np.float32)


def examples(model: SeismicityClassifier, records: Records, settings: Mapping[str, Any]) -> tuple:
    """Return maps as the network takes them, and their labels."""
    return ops.convert_to_numpy(model.prepare(inputs(model, records))), np.asarray(records["label"])


def draws(model: SeismicityClassifier, records: Records, settings: Mapping[str, Any]) -> Callable:
    """Return a function that draws a batch with equally many maps of each task, by the generator it is given."""
    sizes = [len(part) for part in np.array_split(np.arange(settings["batch_size"]), len(settings["tasks"]))]

    def drawn(name: str, size: int, rng: np.random.Generator) -> Records:
        return _some(records, size, rng) if name == STORED else draw_maps(TASKS[name], size, rng, model.channels == 2)

    def draw(rng: np.random.Generator) -> tuple:
        parts = [drawn(name, size, rng) for name, size in zip(settings["tasks"], sizes, strict=True)]
        maps = {name: np.concatenate([part[name] for part in parts]) for name in parts[-1]}
        return examples(model, maps, settings)

    return draw


def _some(records: Records, count: int, rng: np.random.Generator) -> Records:
    """Return so many of the maps of records, each in one of the eight positions that a square has."""
    chosen = rng.integers(0, len(records["label"]), count)
    turns, mirrored = rng.integers(0, 4, count), rng.integers(0, 2, count)

    def placed(maps: np.ndarray) -> np.ndarray:
        turned = (np.rot90(one, turn) for one, turn in zip(maps, turns, strict=True))
        return np.stack([one.T if mirror else one for one, mirror in zip(turned, mirrored, strict=True)])

    maps = {name: placed(records[name][chosen]) for name in ("counts", "past")}
    return {**maps, "label": records["label"][chosen]}


def compile_network(network: ResidualNetwork, settings: Mapping[str, Any], steps: int) -> None:
    """Compile with cross entropy, logged without the penalty, and gradient descent by one of two schedules.

    `constant`: the paper's. `cosine`: the rate rises for a twentieth of the steps, then falls to zero.
    """
    rate = settings["learning_rate"]
    if settings["schedule"] == "cosine":
        rate = cosine(rate, steps, warm_up=int(steps * _WARM_UP))
    network.compute_in(PRECISIONS[settings["precision"]])
    network.compile(
        DecayedSGD(rate, settings["weight_decay"]),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        steps_per_execution=min(settings["steps_per_epoch"], _STEPS_TOGETHER),
        jit_compile=False,  # XLA's convolutions on a CPU are several times slower than oneDNN's
    )


def round_weights(model: SeismicityClassifier, records: Records, settings: Mapping[str, Any]) -> None:
    """Round the weights to float16, in which they are stored."""
    model.network.compute_in("float32")
    model.network.set_weights([weight.astype(np.float16).astype(np.float32) for weight in model.network.get_weights()])


def calibrate(model: SeismicityClassifier, records: Records, settings: Mapping[str, Any]) -> None:
    """Choose the temperature on held-out maps."""
    model.temperature.assign(1.0)
    probability = model.probabilities(inputs(model, records))
    model.temperature.assign(best_temperature(probability, np.asarray(records["label"])))


def area_under_curve(label: np.ndarray, score: np.ndarray) -> float:
    """Return the area under the ROC curve: how often an anomalous map (n,) scores above another, ties for a half."""
    from scipy.stats import rankdata

    label = np.asarray(label, bool)
    above = rankdata(score)[label].sum() - label.sum() * (label.sum() + 1) / 2
    return float(above / (label.sum() * (~label).sum()))


def score(model: SeismicityClassifier, records: Records) -> dict[str, float]:
    """Return how well maps are told apart.

    `accuracy` at a probability of 0.5; `auc`: area under the ROC curve; `cross_entropy` in nats; `calibration_error`:
    mean difference of stated probability and frequency in ten bins.
    """
    anomalous = model.probabilities(inputs(model, records))[:, 1].astype(np.float64)
    label = np.asarray(records["label"])
    stated = np.clip(np.where(label == 1, anomalous, 1 - anomalous), 1e-30, 1)
    bins = np.minimum((10 * anomalous).astype(int), 9)
    error = sum(abs(np.sum(label[bins == number] - anomalous[bins == number])) for number in range(10))
    return {
        "accuracy": float(np.mean((anomalous > 0.5) == label)),
        "auc": area_under_curve(label, anomalous),
        "cross_entropy": float(-np.log(stated).mean()),
        "calibration_error": float(error / len(label)),
    }


def held_out_maps(model: SeismicityClassifier, records: Records, settings: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return eight held-out maps, the model's probabilities and the labels."""
    some = {name: values[:8] for name, values in records.items()}
    maps = inputs(model, some)
    return {"seismicity_map": maps, "predicted": model.probabilities(maps), "label": np.asarray(some["label"])}


def recipe(
    model_class: type[SeismicityClassifier], depth: int, single: Mapping[str, Any], history: Mapping[str, Any],
    etas: Mapping[str, Any],
) -> Recipe:  # fmt: skip
    """Return the recipe of a depth.

    Its tags: `single`, the map alone; `history`, beside it the region's past; `etas`, beside it what an ETAS model
    expects, on backgrounds with aftershocks; `paper`, the map alone, trained at the paper's decay and rate.

    Args:
        model_class: of the model.
        depth: of the network.
        single, history, etas: what these tags set beside `TUNED`.
    """
    return Recipe(
        name=model_class.recipe_name,
        summary=f"Says of a map of the epicentres of one time window whether events gather in it beyond what the "
        f"background does by itself: ResNet-{depth}. Trained on SYNTHETIC maps.",
        settings=changed(SETTINGS, learning_rate=PAPER_RATES[depth]),
        build=builder(model_class),
        stages=[Stage("network", examples, compile_network, trained_part=lambda model: model.network, draws=draws)],
        after_fit=round_weights,
        measure=calibrate,
        score=score,
        golden=held_out_maps,
        features=("counts", "past", "label"),
        card={
            "inputs": "(n, 64, 64, 1) float: events of a time window in each pixel, row 0 the south, column 0 the "
            "west; with two channels also the events that the region's past leads one to expect in a window "
            "(.history), or those of half a window at the intensity of the region's ETAS model when the pixel's events "
            "happened (.etas)",
            "outputs": "(n, 2) float32: probability of background, of anomalous; calibrated on the validation split, "
            "where half the maps are anomalous",
            "licence": "weights: Apache-2.0; the dataset is synthetic",
            "citation": "Zhang & Yang, An automated, deep-learning-based method for investigating spatial-temporal "
            "evolution of seismicity; He et al. (2016), Deep Residual Learning for Image Recognition",
        },
        tags={
            "single": {**TUNED, **single},
            "history": {**TUNED, "channels": 2, **history},
            "etas": {**TUNED, **WITH_AFTERSHOCKS, **etas},
            "paper": {},
        },
        smoke={
            "width": 4,
            "grown_from": "",
            "steps_per_epoch": 4,
            "epochs": 2,
            "validation_split": "validation[:64]",
            "scored_on": [],
        },
    )

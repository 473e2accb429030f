"""What the recipes on windows of seismograms share: settings, schedules, stages, calibration, refusal of collapses.

After Kong et al. (2021), section 2.5 and table 1. Two values in the paper fail when taken literally. Both versions are
here, as `schedule=literal` and `schedule=tuned`: see `literal_settings`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from zoo.errors import ZooError
from zoo.seismograms.models.autoencoder import HEADS, EncoderAndHead, WaveformClassifier, WaveformModel
from zoo.seismograms.models.scores import COLLAPSED, FEATURES, class_score, classes, reconstruction_score
from zoo.settings import Setting
from zoo.training.recipe import POSITION, Recipe, Records, Stage, draw_seed, fit_settings, learning_rate, seeds
from zoo.training.schedules import cosine
from zoo.training.temperature import best_temperature

SCHEDULES = ("tuned", "literal")
SCHEMAS = ("baseline", "frozen", "finetune")
SCHEDULE = {
    "schedule": Setting(
        "tuned",
        "literal: a constant learning rate, and the rest of table 1; tuned: a rate that rises, then falls to zero",
        "literal: table 1; tuned: ours",
        choices=SCHEDULES,
    ),
}
APPLICATION = {
    "encoder": Setting(
        "waveform_autoencoder.over68", "the autoencoder whose encoder is taken, by name or folder", "section 2.3"
    ),
    "head": Setting(
        "cnn",
        "layers on top of the encoder: cnn, a convolution and a fully connected layer; dense, the latter alone",
        "section 2.3",
        choices=HEADS,
    ),
    "schema": Setting(
        "finetune",
        "baseline: all layers from scratch; frozen: the head alone; finetune: the head, then all layers",
        "baseline: section 2.4; frozen, finetune: section 2.5, schemas 1 and 2",
        choices=SCHEMAS,
    ),
    "labels": Setting(
        10_000,
        "labelled records to take at random, a fifth of them for validation; 0 takes all",
        "the fifth: table 1; the number: ours, within those of figures 5 to 7",
        unit="records",
        low=0,
    ),
    "high_pass_hz": Setting(
        2.0,
        "corner of the high-pass inside the model; 0 for none",
        "ours: without it microseisms fill many real windows and few synthetic ones; the paper has none",
        unit="Hz",
        low=0.0,
    ),
    **SCHEDULE,
    **learning_rate(1e-3, "ours; 0.01 in table 1"),
    "finetune_rate": Setting(
        2e-4, "learning rate of all layers with schema=finetune", "ours; 5e-5 in table 1", low=0.0
    ),
    **fit_settings(
        batch_size=64, epochs=8, source="ours: minutes on a CPU; table 1 has n/100 examples and a patience of 20"
    ),
}
"""Settings of the recipes that put application layers on an encoder; sections and tables are those of Kong et al."""
SCORED_ON = Setting(
    ["validation", "test", "ncedc_picks/at_20hz", "stead/sample_20hz"],
    "splits, and datasets where they are prepared, on which the card's scores are measured",
    "ours: the synthetic splits, and real traces",
)
VERTICAL_ONLY = {
    "vertical_only": Setting(
        0.15,
        "share of the training windows whose horizontal components are set to zero",
        "ours: many stations have none",
        low=0.0,
        high=1.0,
    ),
}
CITATION = "Kong et al. (2021), Deep Convolutional Autoencoders as Generic Feature Extractors in Seismological "
CITATION += "Applications"
INPUTS = (
    "(n, 540, 3) float: windows of 27 s at 20 Hz, components Z, N, E, any unit and offset (mean removed and divided "
    "by the largest absolute value inside); zeros where a component was not recorded"
)
CROSS_ENTROPY = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
LICENCE = "weights: Apache-2.0; data: that of the dataset (local_seismograms is synthetic)"


class CollapsedRun(ZooError):
    """A training that ended no better than a constant answer."""


def literal_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of table 1 and section 2.2: rate 0.01, 20 epochs of patience, L1 "10e-5", batches of n/100.

    Keras sums an activity penalty over all features of a window, 8,704 in the overcomplete code: with 1e-4 a code of
    zeros has the lowest loss. At a rate of 0.01 many classifiers end where they began. "tuned" has 1e-5, and a rate of
    1e-3 to 3e-3 that falls to zero. Early stopping watches the validation loss here, although for classifiers the paper
    watches validation accuracy.
    """
    examples = training_labels(settings) or 40_000  # the training records of the synthetic datasets
    made = {"learning_rate": 0.01, "patience": 20, "batch_size": max(1, examples // 100), "epochs": 500}
    made |= {"sparsity_weight": 1e-4, "finetune_rate": 5e-5}
    return {key: value for key, value in made.items() if key in settings}


@dataclass(frozen=True)
class WaveformRecipe(Recipe):
    """A recipe whose setting `schedule=literal` gives other defaults to those that `literal_settings` names."""

    def choose(self, tag: str = "", changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
        chosen = super().choose(tag, changes)
        if chosen["schedule"] == "literal":
            chosen |= {k: v for k, v in literal_settings(chosen).items() if k not in (changes or {})}
        return chosen


def compile_part(network: keras.Model, settings: Mapping[str, Any], steps: int, loss: Any, rate: float) -> None:
    """Compile with Adam at a constant rate (literal), or at one that rises for a twentieth of the steps, then falls."""
    clip = None
    if settings["schedule"] == "tuned":
        rate, clip = cosine(rate, steps, warm_up=steps // 20), 1.0
    epoch = max(1, steps // settings["epochs"])
    network.compile(keras.optimizers.Adam(rate, clipnorm=clip), loss=loss, steps_per_execution=min(epoch, 50))


def training_labels(settings: Mapping[str, Any]) -> int:
    """Return how many of the labels are for training, 0 for all: a fifth is for validation (table 1)."""
    return settings.get("labels", 0) * 4 // 5


def training_rows(there: np.ndarray, settings: Mapping[str, Any]) -> np.ndarray:
    """Return as many of the records of these numbers as there are labels for training, drawn with the seed."""
    return there[_drawn(len(there), training_labels(settings), np.random.default_rng(draw_seed(seeds(settings))))]


def labelled_rows(model: WaveformModel, records: Records, settings: Mapping[str, Any]) -> np.ndarray:
    """Return the numbers of the labelled training records."""
    return training_rows(np.arange(len(records["waveform"])), settings)


def validation_subset(records: Records, settings: Mapping[str, Any]) -> Records:
    """Return the fifth of the labels that is for validation, always the same records."""
    return _subset(records, settings["labels"] - training_labels(settings), np.random.default_rng(0))


def _subset(records: Records, count: int, generator: np.random.Generator) -> Records:
    chosen = _drawn(len(records["waveform"]), count, generator)
    return {key: values[chosen] for key, values in records.items()}


def _drawn(there: int, count: int, generator: np.random.Generator) -> np.ndarray | slice:
    """Return the numbers of so many records, ascending; all of them, where the count is 0 or exceeds them."""
    if not count or count >= there:
        return slice(None)
    return np.sort(generator.permutation(there)[:count])


def refuse_collapse(model: WaveformModel, records: Records, settings: Mapping[str, Any]) -> None:
    """Refuse an autoencoder that gives hardly more than zeros.

    Raises:
        CollapsedRun: if its error exceeds 0.9 times that of zeros.
    """
    scores = reconstruction_score(model, records)
    if scores["mae"] > COLLAPSED * scores["mae_of_zero"]:
        raise CollapsedRun(
            f"The autoencoder has collapsed: mean absolute error {scores['mae']:.4f}, that of zeros is "
            f"{scores['mae_of_zero']:.4f}. The penalty sparsity_weight={settings['sparsity_weight']:g} is summed over "
            "all features of the code; lower it (1e-5 works), or learning_rate, or take another seed."
        )


def on_encoder(
    model_class: type[WaveformModel], encoder: str, head: str, schema: str, high_pass_hz: float, **config: Any
) -> WaveformModel:
    """Return a model whose network begins with an autoencoder's encoder, or with one of its structure (baseline).

    Args:
        model_class: `WaveformClassifier` or a class that takes the same arguments.
        encoder: name or folder of the autoencoder's checkpoint.
        head: see `zoo.seismograms.models.autoencoder.EncoderAndHead`.
        schema: "baseline", "frozen" or "finetune".
        high_pass_hz: corner of the high-pass, 0 for none.
        **config: further arguments of the class.

    Raises:
        ZooError: if that checkpoint is not an autoencoder.
    """
    from zoo import registry

    source = registry.load(encoder, answering="seismograms.features")
    window = {"samples": source.samples, "sampling_rate_hz": source.sampling_rate_hz}
    window["high_pass_hz"] = high_pass_hz
    model = model_class(source.network.encoder.get_config(), head, **window, **config)
    model.build(model.input_shape)
    if schema != "baseline":
        model.network.encoder.set_weights(source.network.encoder.get_weights())
    return model


def application_stages(
    examples: Callable,
    validation_examples: Callable,
    loss: Any,
    rows: Callable = labelled_rows,
    beside: Callable | None = None,
) -> Callable:
    """Return a recipe's `stages`: one, of all layers or of the head; with schema=finetune first the head, then all.

    Args:
        examples, validation_examples, rows, beside: as in `Stage`, by record.
        loss: of Keras.
    """

    def stage(name: str, schema: str) -> Stage:
        def compile(network, settings, steps):
            compile_application(network, {**settings, "schema": schema}, steps, loss)

        return Stage(
            name,
            examples,
            compile,
            lambda model: model.network,
            validation_examples,
            by_record=True,
            rows=rows,
            beside=beside,
        )

    def stages(settings: Mapping[str, Any]) -> list[Stage]:
        if settings["schema"] == "finetune":
            return [stage("head", "frozen"), stage("network", "finetune")]
        return [stage("network", settings["schema"])]

    return stages


def compile_application(network: EncoderAndHead, settings: Mapping[str, Any], steps: int, loss: Any) -> None:
    """Compile for all layers (baseline), for the head alone (frozen), or for all at a low rate (finetune): table 1."""
    network.encoder.trainable = settings["schema"] != "frozen"
    rate = settings["finetune_rate" if settings["schema"] == "finetune" else "learning_rate"]
    compile_part(network, settings, steps, loss, rate)


def class_examples(model: WaveformClassifier, records: Records, settings: Mapping[str, Any]) -> tuple:
    """Return normalised windows of the labelled training records, some of them vertical alone, and their classes."""
    waveform = records["waveform"].copy()
    waveform[_draws(records[POSITION]) < settings["vertical_only"], :, 1:] = 0
    return model.prepared(waveform), classes(records, model.labels)


def _draws(numbers: np.ndarray) -> np.ndarray:
    """Return the draw, 0 to 1, at each of these places of a sequence of draws that is always the same."""
    low, high = int(numbers.min()), int(numbers.max()) + 1
    if high - low > 4 * len(numbers):  # a batch out of many
        return np.array([np.random.Generator(np.random.PCG64(0).advance(int(number))).random() for number in numbers])
    return np.random.Generator(np.random.PCG64(0).advance(low)).random(high - low)[numbers - low]


def class_validation_examples(model: WaveformClassifier, records: Records, settings: Mapping[str, Any]) -> tuple:
    """Return normalised windows of the labelled validation records, and their classes."""
    some = validation_subset(records, settings)
    return model.prepared(some["waveform"]), classes(some, model.labels)


def calibrate(model: WaveformClassifier, records: Records, settings: Mapping[str, Any]) -> None:
    """Choose the temperature with the lowest cross entropy on the labelled validation records (Guo et al. 2017)."""
    model.network.encoder.trainable = True
    some = validation_subset(records, settings)
    model.temperature.assign(1.0)
    model.temperature.assign(best_temperature(model.outputs(some["waveform"]), classes(some, model.labels)))


def class_windows(model: WaveformClassifier, records: Records, settings: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return eight held-out windows, the model's probabilities and the classes."""
    some = {key: values[:8] for key, values in records.items()}
    waveform = some["waveform"]
    return {"waveform": waveform, "predicted": model.outputs(waveform), "class": classes(some, model.labels)}


CLASSIFIER = {
    "features": FEATURES,
    "stages": application_stages(class_examples, class_validation_examples, CROSS_ENTROPY),
    "measure": calibrate,
    "score": class_score,
    "golden": class_windows,
    "tags": {"synthetic": {}},
    "smoke": {"labels": 100, "epochs": 2, "batch_size": 16},
}
"""Fields that the recipes of both classifiers share."""

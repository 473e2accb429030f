"""The waveform autoencoder: sizes, Conv1D against the paper's (3, 1), reconstruction of real traces, collapses, labels.

Real traces, where ZOO_REAL_DATA (default ../shared/data) has them: 40 of NCEDC and 50 of STEAD; nothing was trained on
them. The parts that train take minutes and read prepared synthetic datasets (`--data-dir`).

    python benchmarks/autoencoder.py                       # sizes, speed, reconstruction
    python benchmarks/autoencoder.py --collapses --labels  # and 10 + 10 trainings
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from table import print_table

import zoo
from zoo import registry
from zoo.data import datasets
from zoo.seismograms.models.autoencoder import two_dimensional
from zoo.seismograms.models.scores import class_score, reconstruction_score
from zoo.seismograms.models.training import CollapsedRun
from zoo.training.experiment import forget

REAL = Path(os.environ.get("ZOO_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))
SEEDS = range(5)
STATED = {(68, 128): 28_163, (68, 8): 5_003, (34, 128): 126_723, (17, 128): 225_283}


def sizes() -> None:
    """Print numbers of parameters beside those that are known, and the length of the output."""
    build = registry.recipe_module("waveform_autoencoder").build
    rows = []
    for (bottleneck, maps), stated in STATED.items():
        model = build(bottleneck, maps, [16, 32], 0.0)
        output = model(np.zeros((1, 540, 3), np.float32))
        counts = model.network.count_params(), model.network.encoder.count_params()
        rows.append([bottleneck, maps, f"{counts[0]:,}", f"{stated:,}", f"{counts[1]:,}", output.shape[1]])
    print_table("Parameters", ("bottleneck", "maps", "parameters", "stated", "of the encoder", "output"), rows)


def speed(batches: int = 10) -> None:
    """Print CPU time of training steps and of answers, one- and two-dimensional, with equal weights."""
    import keras
    import tensorflow as tf

    network = registry.recipe_module("waveform_autoencoder").build(68, 128, [16, 32], 0.0).network
    forms = {"Conv1D": (network.encoder, network.decoder)}
    forms["(3, 1)"] = tuple(two_dimensional(layer) for layer in forms["Conv1D"])
    x = tf.constant(np.random.default_rng(0).normal(size=(256, 540, 3)).astype(np.float32))
    rows, outputs, costs = [], [], []
    for name, (encoder, decoder) in forms.items():
        weights = encoder.trainable_variables + decoder.trainable_variables
        weights = [weight.value for weight in weights]
        optimizer = keras.optimizers.Adam(0.0)  # moves nothing: the outputs are compared
        optimizer.build(encoder.trainable_variables + decoder.trainable_variables)

        @tf.function
        def answer(encoder=encoder, decoder=decoder):
            return decoder(encoder(x))

        @tf.function
        def gradients(answer=answer, weights=weights):
            with tf.GradientTape() as tape:
                tape.watch(weights)
                loss = tf.reduce_mean(tf.abs(answer() - x))
            return tape.gradient(loss, weights)

        outputs.append(answer().numpy())
        each = []
        for work in (gradients, answer):
            work()
            start = time.process_time()
            for _ in range(batches):
                work()
            each.append((time.process_time() - start) / (batches * len(x)))
        costs.append(each)
        rows.append([name, *(f"{1e6 * cost:.0f}" for cost in each)])
    rows.append(["ratio", *(f"{two / one:.1f}" for one, two in zip(*costs, strict=True))])
    print_table("CPU time of a window in us, over68", ("convolutions", "gradient", "answer"), rows)
    print(f"largest difference of the outputs {np.abs(outputs[0] - outputs[1]).max():.1e}; targets 1e-5 and ratio >= 3")


def real_datasets(folder: Path) -> list[str]:
    """Prepare the real traces at 20 Hz; return the names of the datasets."""
    made = []
    for name, where, settings in (
        ("ncedc_picks/at_20hz", "picks", {}),
        ("stead/sample_20hz", "stead", {"split": "event"}),
    ):
        if (REAL / where).is_dir():
            datasets.prepare(name, folder, REAL / where, settings={"sampling_rate_hz": "20", **settings})
            made.append(name)
    return made


def reconstruction(names: list[str], folder: Path) -> None:
    """Print how well the shipped autoencoders reconstruct real traces."""
    rows = []
    for model_name in zoo.list_models("waveform_autoencoder.*"):
        card = zoo.info(model_name)["scores"]
        rows.append([model_name, "synthetic test (card)", *_shown(card["test"]["metrics"])])
        model = zoo.load(model_name)
        for name in names:
            rows.append([model_name, name, *_shown(reconstruction_score(model, datasets.arrays(name, "all", folder)))])
    header = ("model", "windows", "mean r", "a tenth has less than", "mean absolute error", "of zeros")
    print_table("Reconstruction; target of over68: r >= 0.97 synthetic, >= 0.94 real", header, rows)


def _shown(scores) -> list[str]:
    return [f"{scores[key]:.4f}" for key in ("correlation", "correlation_p10", "mae", "mae_of_zero")]


def collapses(data_dir: str | None) -> None:
    """Train five seeds by either schedule on 2,000 windows, a few epochs, and print how many collapse."""
    short = {"train_split": "train[:2000]", "validation_split": "validation[:500]", "epochs": 4}
    rows = []
    for schedule in ("tuned", "literal"):
        own = {**short, "schedule": schedule, "scored_on": ["validation"]}
        own["batch_size"] = 20  # n/100
        errors = []
        for seed in SEEDS:
            with tempfile.TemporaryDirectory() as folder:
                out = Path(folder) / "run"
                try:
                    zoo.recipe("waveform_autoencoder").train(settings=own, seed=seed, out=out, data_dir=data_dir)
                    scores = zoo.info(str(out))["scores"]["validation"]["metrics"]
                    errors.append(f"{scores['mae'] / scores['mae_of_zero']:.2f}")
                except CollapsedRun:
                    errors.append("collapsed")
            forget()
        rows.append([schedule, errors.count("collapsed"), ", ".join(errors)])
    title = "Five seeds, 2,000 windows, 4 epochs: error over that of zeros"
    print_table(title, ("schedule", "collapsed", "each"), rows)


def labels(names: list[str], folder: Path, data_dir: str | None, count: int = 500) -> None:
    """Train noise or earthquake with few labels, frozen encoder and from scratch; print scores on real traces."""
    rows = []
    for schema in ("frozen", "baseline"):
        found = []
        for seed in SEEDS:
            own = {"labels": count, "schema": schema, "epochs": 20, "batch_size": 32, "scored_on": ["test"]}
            with tempfile.TemporaryDirectory() as where:
                out = zoo.recipe("noise_earthquake").train(
                    settings=own, seed=seed, out=Path(where) / "run", data_dir=data_dir
                )
                model, right, total, each = zoo.load(out), 0.0, 0, []
                each.append(zoo.info(str(out))["scores"]["test"]["metrics"]["accuracy"])
            for name in names:
                records = datasets.arrays(name, "all", folder)
                scores = class_score(model, records)
                each.append(scores["accuracy"])
                right, total = right + scores["accuracy"] * scores["windows"], total + scores["windows"]
            found.append([*each, right / total])
            forget()
        mean, sd = np.mean(found, axis=0), np.std(found, axis=0)
        rows.append([schema, *(f"{m:.3f} +- {s:.3f}" for m, s in zip(mean, sd, strict=True))])
    header = ("schema", "synthetic test", *names, "all real windows")
    print_table(f"Noise or earthquake, {count} labels, mean and sd of five seeds; target 0.95 frozen", header, rows)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--collapses", action="store_true", help="train ten autoencoders, about 3 CPU-minutes")
    parser.add_argument("--labels", action="store_true", help="train ten classifiers, about 3 CPU-minutes")
    parser.add_argument("--data-dir", help="where prepared synthetic datasets lie")
    chosen = parser.parse_args()
    sizes()
    speed()
    with tempfile.TemporaryDirectory() as folder:
        names = real_datasets(Path(folder))
        reconstruction(names, Path(folder))
        if chosen.labels:
            labels(names, Path(folder), chosen.data_dir)
    if chosen.collapses:
        collapses(chosen.data_dir)


if __name__ == "__main__":
    main()

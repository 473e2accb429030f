"""One test per claim, for every shipped checkpoint: it loads, gives what it gave, and its card is whole."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import zoo
from zoo import checkpoint, registry

NAMES = registry.list_models()
# What models take, under the names in golden.npz; several are taken as a tuple.
INPUTS = (
    ("waveform",),
    ("coordinates_km",),
    ("phase_velocity_km_s",),
    ("node_velocity_km_s",),
    ("wavelet", "sources"),
    ("seismicity_map",),
    ("station_measures",),
)
# D18's processes give the positions of samples in float32, and where two of them meet, their mean counts: on another
# processor 0.2 % of the samples jump, and the traces differ by 0.6 %.
LOOSE = {"d18_emulator": (0.01, 1e-2)}


def sample_of(name):
    """Return the stored input, the stored output, and everything else that a checkpoint brings."""
    with np.load(registry.find(name) / "golden.npz", allow_pickle=False) as stored:
        sample = dict(stored)
    (names,) = (names for names in INPUTS if set(names) <= set(sample))
    inputs = tuple(sample.pop(name) for name in names)
    return inputs if len(inputs) > 1 else inputs[0], sample.pop("predicted"), sample


def test_there_are_models():
    assert NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_card_says_everything(name):
    card = zoo.info(name)
    for field in checkpoint.CARD_FIELDS:
        assert card.get(field) not in (None, ""), field
    assert card["command"].startswith(f"zoo train {name}")
    for split, score in card["scores"].items():
        assert score["command"].startswith("zoo "), split
        assert all(np.isfinite(value) for value in score["metrics"].values())
    assert name in registry.list_models(name.split(".")[0] + ".*")


@pytest.mark.parametrize("architecture", sorted({name.split(".")[0] for name in NAMES}))
def test_the_bare_name_means_one_default(architecture):
    cards = [zoo.info(name) for name in NAMES if name.split(".")[0] == architecture]
    assert sum(bool(card.get("default")) for card in cards) == 1
    assert registry.full_name(architecture).startswith(architecture + ".")


@pytest.mark.parametrize("name", NAMES)
def test_golden_output(name):
    """Stored input -> stored output: a change of code or of a library that moves it is seen here."""
    model = zoo.load(name)
    x, stored, _ = sample_of(name)
    found = np.asarray(model(x))
    # Builds of TensorFlow round differently, by 5 microseconds of arrival time: 0.3 % of a peak on a steep flank.
    moved = np.abs(found - stored) >= 0.01 * np.abs(stored).max(-1, keepdims=True)
    share, error = LOOSE.get(name.split(".")[0], (0.0, 2e-3))
    assert moved.mean() <= share
    assert np.linalg.norm(found - stored) < error * np.linalg.norm(stored)
    assert found.dtype == np.float32


@pytest.mark.parametrize("name", NAMES)
def test_saving_a_loaded_model_changes_nothing(name, tmp_path):
    model = zoo.load(name)
    again = zoo.load(zoo.save(model, tmp_path / "copy.of", "A copy."))
    x, _, _ = sample_of(name)
    np.testing.assert_array_equal(model(x), again(x))


@pytest.mark.parametrize("name", [name for name in NAMES if "_crust." in name])
def test_a_crust_model_knows_its_sample(name):
    """Held-out curves are familiar; the truth lies where the stated probability says; no period is vital."""
    model = zoo.load(name)
    curves, _, rest = sample_of(name)
    posterior = model.posterior(curves)
    assert (model.unfamiliarity(curves) < 1).mean() > 0.9
    z = (rest["moho_depth_km"] - posterior.mean_km) / posterior.sd_km
    assert 0.5 < np.sqrt(np.mean(z**2)) < 1.6
    assert (np.abs(model.posterior(curves).cdf(rest["moho_depth_km"]) - 0.5) < 0.475).sum() >= 16
    if model.uses_error_bars:
        curves[:, 1] = np.nan
        without = model.posterior(curves)
        assert np.abs(without.mean_km - posterior.mean_km).max() < 3 * posterior.sd_km.max()
        assert without.sd_km.mean() > 0.95 * posterior.sd_km.mean()


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
def test_every_model_runs_on_jax():
    """The golden outputs again, in a process whose Keras has another backend."""
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-m", "pytest", "-q", "-k", "golden", str(Path(__file__))]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert f"{len(NAMES)} passed" in done.stdout

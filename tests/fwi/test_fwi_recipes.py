"""Every inversion recipe through the trainer: what comes out is a checkpoint that models waves in what was found."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

import zoo
from zoo import registry
from zoo.data import datasets
from zoo.errors import ZooError
from zoo.fwi.models.training import shot_cells

DATASETS = {"fdrnn_1d": "velocity_models/layered_1d", "fdrnn_folded": "velocity_models/synthetic_folded"}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("velocities")
    for name in DATASETS.values():
        datasets.prepare(name, folder)
    return folder


@pytest.mark.parametrize("name", DATASETS)
def test_a_trained_inversion_is_a_checkpoint(name, prepared, tmp_path):
    folder = zoo.recipe(name).train(out=tmp_path / f"{name}.smoke", data_dir=prepared, smoke=True)
    model = zoo.load(folder)
    (true,) = datasets.arrays(DATASETS[name], "model", prepared)["velocity_m_s"]
    assert model.velocity_m_s.shape == true.shape
    with np.load(folder / "golden.npz") as sample:
        found = model((sample["wavelet"], sample["sources"]))
        np.testing.assert_allclose(found, sample["predicted"], rtol=1e-5, atol=1e-6 * np.abs(found).max())
        np.testing.assert_array_equal(sample["velocity_m_s"], model.velocity_m_s)
        assert np.abs(sample["velocity_m_s"] - sample["start_m_s"]).max() > 4
    card = zoo.info(str(folder))
    metrics = card["scores"]["validation"]["metrics"]
    assert metrics["loss_over_start"] < 1 and metrics["model_rmse_over_start"] > 0
    with open(folder / "history.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"]) and np.isfinite(float(rows[-1]["val_loss"]))
    # The card's figure is what the command on it gives.
    again = zoo.recipe(name).evaluate(model, "validation", prepared)
    assert again["model_rmse_m_s"] == pytest.approx(metrics["model_rmse_m_s"], rel=1e-3)


@pytest.mark.parametrize("tag", ("cg300", "lbfgs300"))
def test_scipy_through_the_trainer(tag, prepared, tmp_path):
    recipe = zoo.recipe(f"fdrnn_1d.{tag}")
    settings = {"epochs": 8, "time_samples": 400, "bounds": (1500.0, 6000.0)}
    folder = recipe.train(out=tmp_path / "run", data_dir=prepared, settings=settings)
    with open(folder / "history.csv", encoding="utf-8") as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    assert len(losses) == 8 and losses == sorted(losses, reverse=True) and losses[-1] < 0.8 * losses[0]
    metrics = zoo.info(str(folder))["scores"]["validation"]["metrics"]
    # The best model was kept; a trial after the last row may be a little better still.
    assert 0.99 * losses[-1] < metrics["loss"] < 1.001 * losses[-1]


@pytest.mark.long
def test_every_extra_is_a_setting(prepared, tmp_path):
    smoke = registry.recipe_module("fdrnn_folded").RECIPE.smoke
    settings = {**smoke, "bands_hz": (6.0,), "band_epochs": 2, "bounds": (1400.0, 5000.0), "taper_m": 50.0}
    settings |= {"batch_size": 1, "misfit": "envelope", "network": True, "learning_rate": 1e-3}
    folder = zoo.recipe("fdrnn_folded").train(out=tmp_path / "run", data_dir=prepared, settings=settings)
    model = zoo.load(folder)
    assert model.network is not None and model.mask.shape == (70, 200)
    water = datasets.arrays(DATASETS["fdrnn_folded"], "model", prepared)["water_rows"][0]
    assert (np.array(model.mask)[0] == 0).all() == bool(water.any())
    assert json.loads((folder / "card.json").read_text())["settings"]["bands_hz"] == [6.0]


def test_wrong_settings_are_refused(prepared, tmp_path):
    def refused(message, recipe="fdrnn_folded", **settings):
        with pytest.raises(ZooError, match=message):
            zoo.recipe(recipe).train(out=tmp_path / "run", data_dir=prepared, settings=settings)
        assert not (tmp_path / "run").exists()

    refused("batch_size=12", optimizer="cg", batch_size=4)
    for folder in tmp_path.glob("run.training"):
        folder.rename(tmp_path / "old")
    refused("grid points", peak_hz=30.0, epochs=1)


def test_shots_lie_evenly_and_validation_between_them():
    cells = shot_cells(200, 4, 1)
    np.testing.assert_array_equal(cells, [[1, 24], [1, 74], [1, 124], [1, 174]])
    np.testing.assert_array_equal(shot_cells(200, 4, 1, between=True)[:, 1], [50, 100, 150])
    np.testing.assert_array_equal(shot_cells(1, 1, 1), [[1, 0]])
    assert shot_cells(1, 1, 1, between=True).shape == (0, 2)


def test_marmousi(real_data, tmp_path):
    if not (real_data / "marmousi").is_dir():
        pytest.skip("no Marmousi-II there")
    datasets.prepare("velocity_models/marmousi2_fwi", tmp_path, manual_dir=real_data / "marmousi")
    folder = zoo.recipe("fdrnn_marmousi").train(out=tmp_path / "run", data_dir=tmp_path, smoke=True)
    assert zoo.info(str(folder))["scores"]["validation"]["metrics"]["loss_over_start"] < 1

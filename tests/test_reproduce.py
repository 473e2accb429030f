"""Experiments of the papers on a small dataset: they run, resume, and leave a table that says what was measured."""

from __future__ import annotations

import csv
import importlib

import numpy as np
import pytest

from zoo import reproduce
from zoo.errors import UsageError, ZooError
from zoo.files import read_json


@pytest.fixture(scope="module")
def mini(dispersion_dataset):
    return dispersion_dataset


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """One folder for experiments that share a model."""
    return tmp_path_factory.mktemp("crust")


def quick(name, out, mini, **settings):
    return reproduce.run(name, out, quick=True, data_dir=mini, settings=settings)


@pytest.mark.slow
def test_noise_makes_the_networks_worse_and_a_finished_training_is_kept(out, mini, capsys):
    rows = quick("crust-noise", out, mini)
    assert [row["noise_percent"] for row in rows] == [0.0, 0.25, 0.5, 1.0, 1.5, 2.0]
    found = [row["rms_km_mdn_crust"] for row in rows]
    assert found[0] < found[-1] < rows[0]["prior_sd_km"] == pytest.approx(22, abs=1.5)
    card = out / "checkpoints-quick" / "mdn_crust" / "card.json"
    written = card.stat().st_mtime_ns
    capsys.readouterr()
    assert quick("crust-noise", out, mini) == rows
    assert "mdn_crust: trained already" in capsys.readouterr().err and card.stat().st_mtime_ns == written
    with open(out / "crust-noise.csv", newline="") as file:
        assert [float(row["rms_km_mdn_crust"]) for row in csv.DictReader(file)] == found
    assert read_json(out / "crust-noise.json", "summary")["quick"] is True
    assert (out / "noise.png").stat().st_size > 10_000
    with pytest.raises(ZooError, match="trained with other settings"):
        quick("crust-noise", out, mini, epochs=7)


@pytest.mark.slow
def test_monte_carlo_stands_beside_the_network(out, mini):
    network, chains, weighted = quick("crust-monte-carlo", out, mini)
    assert network["true_km"] == chains["true_km"] == weighted["true_km"] == pytest.approx(60, abs=1)
    for row in (network, chains, weighted):
        assert 20 < row["lower_68_km"] <= row["mean_km"] <= row["upper_68_km"] < 100
    assert chains["models"] > 1000 and chains["seconds"] > 10 * network["seconds"]
    assert chains["r_hat"] > 0.9 and chains["effective_samples"] >= 1 and weighted["models"] == 3000
    assert (out / "posterior.png").stat().st_size > 10_000


@pytest.mark.slow
def test_the_split_is_of_the_whole_dataset(tmp_path, mini):
    rows = quick("crust-split", tmp_path, mini, epochs=1, units=[8])
    for row, proportion in zip(rows, (3, 4), strict=True):
        assert row["training_to_test"] == f"{proportion}:1"
        assert row["training"] + row["test"] == 4000
        assert row["training"] == pytest.approx(proportion * row["test"], rel=1e-3)
        assert np.isfinite(row["rms_km_noise_0.5"])
    assert (tmp_path / "split.png").is_file()


@pytest.mark.slow
def test_deep_and_shallow_have_equal_epochs(tmp_path, mini):
    rows = quick("crust-depth", tmp_path, mini, epochs=1)
    assert [row["network"].split(",")[0] for row in rows] == ["deep", "shallow"]
    assert {row["epochs"] for row in rows} == {1}


@pytest.mark.slow
def test_table_1_has_the_structures_and_the_paper_s_errors(tmp_path, mini):
    rows = quick("crust-table-1", tmp_path, mini, epochs=1)
    assert [row["structure"] for row in rows[::3]] == ["21-50-10-1", "21-200-100-50-20-10-5-1 *"]
    assert [row["paper_error_1e-6_no_unit"] for row in rows] == [262, 28.83, 15.73, 7.22]
    assert {row["schedule"] for row in rows} == {"literal"}


def test_an_unknown_experiment_is_named(tmp_path):
    with pytest.raises(UsageError, match="Did you mean crust-noise"):
        reproduce.run("crust-nois", tmp_path)


def test_every_experiment_has_its_function():
    for made in reproduce.experiments().values():
        module, function = made.function.split(":")
        assert callable(getattr(importlib.import_module(module), function))
        assert made.cost and made.paper and made.title

"""The experiments of Sun et al. in small: complete tables, figures, kept runs, and claims judged by the numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zoo import reproduce
from zoo.errors import UsageError, ZooError
from zoo.fwi.experiments import EXPERIMENTS
from zoo.fwi.reproduce import claims as fwi_claims
from zoo.fwi.reproduce import problem as fwi_problem
from zoo.fwi.reproduce.problem import Run
from zoo.training.experiment import Workshop


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


def check(rows, folder, figures):
    """Every row has all columns, finite numbers and no verdict on a few iterations; every figure is drawn."""
    assert len({tuple(row) for row in rows}) == 1
    for row in rows:
        numbers = [value for value in row.values() if not isinstance(value, str)]
        assert len(numbers) >= 7 and np.isfinite(numbers).all()
        assert row["agrees"] == "" and row["cpu_s"] > 0
    assert {path.stem for path in folder.glob("*.png")} == set(figures)
    assert all(path.stat().st_size > 10_000 for path in folder.glob("*.png"))


@pytest.mark.slow
def test_learning_rates(tmp_path, data, capsys):
    rows = reproduce.run("fwi-learning-rates", tmp_path, quick=True, data_dir=data)
    optimizers = ["gd", "momentum", "adagrad", "rmsprop", "adam"]
    assert [row["optimizer"] for row in rows] == optimizers
    assert {row["iterations"] for row in rows} == {3}
    check(rows, tmp_path, [*optimizers, "comparison"])
    written = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs-quick/*/*.npz")}
    capsys.readouterr()
    assert reproduce.run("fwi-learning-rates", tmp_path, quick=True, data_dir=data) == rows
    assert capsys.readouterr().err.count("done already") == 5
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs-quick/*/*.npz")} == written
    with pytest.raises(ZooError, match="other settings"):
        reproduce.run("fwi-learning-rates", tmp_path, quick=True, data_dir=data, settings={"iterations": 2})


@pytest.mark.slow
def test_one_dimension_gives_every_method_the_same_gradients(tmp_path, data):
    rows = reproduce.run("fwi-1d", tmp_path, quick=True, data_dir=data, settings={"iterations": "5"})
    assert [row["optimizer"] for row in rows] == ["gd", "adam", "cg", "l-bfgs-b", "tnc"]
    assert {row["iterations"] for row in rows} == {5}
    check(rows, tmp_path, ["cg", "l-bfgs-b", "tnc", "comparison"])


@pytest.mark.long
def test_a_section(tmp_path, data):
    rows = reproduce.run("fwi-marmousi", tmp_path, quick=True, data_dir=data)
    names = ["adam", "cg", "l-bfgs-b", "practice"]
    assert [row["optimizer"] for row in rows] == names
    for row in rows:
        assert row["gradients"] == 4 and row["loss_ratio"] < 0.9
        halves = [row[f"{half}_last_rmse_m_s"] for half in ("shallow", "deep")]
        assert np.sqrt(np.mean(np.square(halves))) == pytest.approx(row["last_rmse_m_s"], abs=0.2)
    check(rows, tmp_path, [*names, "models", "shots", "comparison", "loss", "profiles"])


@pytest.mark.long
def test_a_row_for_each_number_of_gradients(tmp_path, data):
    rows = reproduce.run("fwi-marmousi-counts", tmp_path, quick=True, data_dir=data)
    assert [(row["optimizer"], row["gradients"]) for row in rows[1:]] == [
        (name, count) for name in ("l-bfgs-b", "cg") for count in (2, 3, 4)
    ]
    for row, later in zip(rows[1:], rows[2:], strict=False):
        if row["optimizer"] == later["optimizer"] and row["done"] < later["done"]:
            assert later["loss_ratio"] <= row["loss_ratio"] and later["cpu_s"] > row["cpu_s"]
    assert (tmp_path / "loss-counts.png").stat().st_size > 10_000


def test_settings_are_checked(tmp_path, data):
    for settings, message in (
        ({"iteration": 3}, "Did you mean iterations"),
        ({"iterations": "many"}, "iterations takes a whole number in gradients from 1; received 'many'"),
    ):
        with pytest.raises(UsageError, match=message):
            reproduce.run("fwi-1d", tmp_path, quick=True, data_dir=data, settings=settings)


def test_settings_take_the_type_of_their_default():
    given = {"tnc": "true", "iterations": "7"}
    own, rest = EXPERIMENTS["fwi-marmousi"].choose("fwi-marmousi", given, quick=True)
    assert own == {"tnc": True, "iterations": 7, "dataset": "velocity_models/synthetic_folded"} and not rest


def run(*losses, **more):
    return Run(np.zeros((2, 2)), [{"loss": loss} for loss in losses], {}, **more)


def test_oscillation_is_a_rise_above_what_was_reached():
    assert run(1.0, 0.5, 0.52, 0.1).oscillated == "no"
    assert run(1.0, 0.5, 0.7, 0.1).oscillated == "yes"
    early = run(1.0, 2.0, *np.geomspace(0.5, 0.1, 40))
    assert early.oscillated == "first 2 iterations" and early.not_lower == pytest.approx(1 / 41)
    assert run(1.0, 3.0, diverged=True).oscillated == "diverged"
    assert run(2.0, 0.1, 0.01, 0.1).iterations_to(0.01) == 3
    assert run(1.0, 0.5).iterations_to(0.01) == "never" and run(1.0, 0.5).not_lower == 0


def test_interfaces_are_found_where_they_are():
    true = np.repeat([2000.0, 3000.0, 4000.0], 50)
    assert fwi_problem.interfaces(true, true, 10.0) == (2, 0.0)
    deeper = np.repeat([2000.0, 2700.0, 3000.0], [60, 50, 40])  # the second rise is less than half of the true one
    assert fwi_problem.interfaces(deeper, true, 10.0) == (1, 100.0)
    assert fwi_problem.interfaces(np.linspace(2000, 4000, 150), true, 10.0) == (0, 0.0)


def test_claims_are_judged_by_numbers():
    def row(oscillated, needed, rate=0.4, **model):
        numbers = {"loss_ratio": 0.1, "not_lower_percent": 1.0, "learning_rate": rate}
        found = {"rmse_ratio": 0.4, "interfaces": 3, "interfaces_too_deep_m": 20.0, **model}
        return {"oscillated": oscillated, "iterations_to_1_percent": needed, **numbers, **found}

    rows = {key: row("no", 100, key[1]) for key in fwi_claims.LEARNING_RATES}
    rows["gd", 0.4] = row("no", 900, interfaces=1)
    rows["gd", 0.2] = row("no", "never", interfaces=1)
    rows["adam", 40.0] = row("first 5 iterations", 40, interfaces_too_deep_m=140.0)
    rows["rmsprop", 40.0] = row("diverged", "never", rmse_ratio=3.0)
    rows["adagrad", 0.4] = row("no", "never", rmse_ratio=1.5)
    fwi_claims.judged(rows, fwi_claims.LEARNING_RATES)
    agreed = {key for key, one in rows.items() if one["agrees"] == "yes"}
    assert agreed >= {("gd", 0.2), ("gd", 0.4), ("momentum", 0.4), ("rmsprop", 40.0), ("adagrad", 4.0)}
    assert not agreed & {("gd", 0.6), ("adam", 100.0), ("momentum", 1.0), ("rmsprop", 0.4)}
    for key in (("adam", 40.0), ("adagrad", 0.4)):  # the data are fitted as claimed, the model is not as claimed
        assert [rows[key][name] for name in ("loss_agrees", "model_agrees", "agrees")] == ["yes", "no", "no"]


def test_a_run_that_diverges_is_kept_as_such(tmp_path, data):
    workshop = Workshop(tmp_path, data_dir=data)
    dataset = fwi_problem.prepared("velocity_models/layered_1d", workshop)
    given = fwi_problem.problem("fdrnn_1d", "", workshop, dataset=dataset, time_samples=300)
    settings = replace(given.settings, optimizer="gd", learning_rate=1e8, iterations=30)
    first = fwi_problem.kept_run(workshop, "gd", given, settings)
    assert first.diverged and 0 < len(first.history) < 30 and np.isfinite(first.loss).all()
    again = fwi_problem.kept_run(workshop, "gd", given, settings)
    assert again.diverged and again.history == first.history
    np.testing.assert_array_equal(again.velocity_m_s, first.velocity_m_s)

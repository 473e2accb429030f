"""The transfer study on small datasets: it runs, resumes cell by cell, and says what failed."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

from zoo import registry, reproduce
from zoo.data import datasets
from zoo.errors import UsageError, ZooError
from zoo.seismograms import reproduce_picking, study
from zoo.training.experiment import Workshop


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("windows")
    for name, kinds in (("both", "noise,earthquake"), ("quakes", "earthquake")):
        settings = {"kinds": kinds, "train": "240", "validation": "60", "test": "60", "window": "anywhere"}
        settings |= {"sampling_rate_hz": "20", "samples": "540", "normalise": "true", "complete": "true"}
        datasets.prepare(f"local_seismograms/{name}", folder, settings={**settings, "s_minus_p_s": "0.5:10"})
    return folder


@pytest.fixture(scope="module")
def encoder(folder, tmp_path_factory):
    """The folder of an autoencoder: that of the smallest cell of figure 3."""
    out = tmp_path_factory.mktemp("figure_3")
    settings = {"dataset": "local_seismograms/quakes", "batch_size": 4}  # so that something is learnt in 2 epochs
    rows = reproduce.run("kong-figure-3", out, quick=True, data_dir=folder, settings=settings)
    assert [(row["bottleneck"], row["layers"]) for row in rows] == [(68, 3)]
    for row in rows:
        assert row["collapsed"] or row["mae"] < 0.9 * row["mae_of_zero"]
    assert not rows[0]["collapsed"] and (out / "figure_3.png").stat().st_size > 10_000
    return out / "checkpoints-quick" / "bottleneck_68_maps_8"


@pytest.mark.slow
def test_scores_over_labels_are_kept_cell_by_cell(folder, encoder, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(study.TASKS, "noise_earthquake", ("len_db/none", "local_seismograms/both"))
    settings = {"encoder": str(encoder), "tasks": "noise_earthquake"}
    run = lambda **more: reproduce.run(
        "kong-figures-5-6-7", tmp_path / "out", quick=True, data_dir=folder, settings={**settings, **more}
    )
    rows = run()
    assert {(row["encoder"], row["head"]) for row in rows} == {(encoder.name, "cnn")}
    assert [row["schema"] for row in rows] == ["baseline", "frozen", "finetune"]
    for row in rows:
        assert row["dataset"] == "local_seismograms/both" and row["labels"] == 100 and row["failed"] <= row["repeats"]
        assert row["measure"] == "accuracy" and 0.3 < row["mean"] <= 1
    assert (tmp_path / "out" / "figures_5_6_7.png").stat().st_size > 10_000
    capsys.readouterr()
    assert run() == rows
    assert capsys.readouterr().err.count("trained already") == 3
    with pytest.raises(UsageError, match="tasks knows no 'picker'. Did you mean p_picker"):
        run(tasks="picker")


@pytest.mark.slow
def test_errors_and_costs_of_trainings(folder, encoder, tmp_path, monkeypatch):
    monkeypatch.setitem(study.TASKS, "p_picker", ("stead/none", "local_seismograms/quakes"))
    run = lambda name, **more: reproduce.run(  # noqa: E731
        name, tmp_path, quick=True, data_dir=folder, settings={"encoder": str(encoder), **more}
    )
    rows = run("kong-figure-9")
    assert [(row["labels"], row["schema"]) for row in rows] == [(100, s) for s in ("baseline", "frozen", "finetune")]
    for row in rows:
        assert row["p16_s"] < row["median_s"] < row["p84_s"] and 0 <= row["within_0.5_s"] <= row["within_1_s"] <= 1
        assert row["windows"] > 30 and row["dataset"] == "local_seismograms/quakes"
    rows = run("kong-figure-10", tasks="p_picker")
    assert all(row["mean_cpu_s"] > 0.1 and row["mean_epochs"] == 2 for row in rows) and len(rows) == 3
    assert all((tmp_path / f"figure_{number}.png").stat().st_size > 10_000 for number in (9, 10))


@pytest.mark.slow
def test_many_labels_and_errors_against_snr(folder, encoder, tmp_path, monkeypatch):
    """On a dataset that the user names; figure S27 goes on with the trainings of figure 8."""
    run = lambda name, **more: reproduce.run(  # noqa: E731
        name,
        tmp_path,
        quick=True,
        data_dir=folder,
        settings={"encoder": str(encoder), "picking_dataset": "local_seismograms/quakes", **more},
    )
    rows = run("kong-figure-8")
    assert [row["labels"] for row in rows] == [100, 200] * 3 and all(row["mean"] > 0 for row in rows)
    for number in (26, 27):
        rows = run(f"kong-figure-s{number}")
        assert {row["schema"] for row in rows} == {"baseline", "finetune"}
        for row in rows:
            assert row["snr_to_db"] == row["snr_from_db"] + 5 and row["windows"] >= 3
            assert row["dataset"] == "local_seismograms/quakes" and row["sd_of_absolute_s"] > 0
    assert all((tmp_path / f"figure_{name}.png").stat().st_size > 10_000 for name in ("8", "s26", "s27"))


def workshop(tmp_path, settings=(), **own):
    return Workshop(tmp_path, data_dir=tmp_path, own=own, settings=dict(settings))


def test_encoders_and_heads_of_the_study(tmp_path):
    both = study.variants(workshop(tmp_path, encoders=["under68", "over34"], heads=["cnn", "dense"]))
    assert [name for name, _ in both] == ["under68_cnn", "under68_dense", "over34_cnn", "over34_dense"]
    assert both[2][1] == {"encoder": "waveform_autoencoder.over34", "head": "cnn"}
    mine = study.variants(
        workshop(tmp_path, {"encoder": "runs/mine", "head": "dense"}, encoders=["under68"], heads=["cnn"])
    )
    assert mine == [("mine_dense", {"encoder": "runs/mine", "head": "dense"})]
    for name in study.ENCODERS:
        assert registry.card(f"waveform_autoencoder.{name}")["answers"] == "seismograms.features"


def test_the_datasets_of_the_study(folder, tmp_path, capsys):
    shop = Workshop(tmp_path, data_dir=folder, own={"picking_dataset": "local_seismograms/quakes", "sizes": [500]})
    assert study.dataset_of(shop, "p_picker", ("stead/none",)) == "local_seismograms/quakes"
    assert "240 training records: labels beyond 300 change nothing" in capsys.readouterr().err
    with pytest.raises(ZooError, match="stead/mine is not prepared"):
        study.dataset_of(workshop(tmp_path, picking_dataset="stead/mine"), "p_picker", ())


def test_examples_of_the_study_run():
    found = doctest.testmod(reproduce_picking)
    assert found.attempted and not found.failed
    late = reproduce_picking.snr_db(np.ones((2, 540, 3)), np.array([5.0, 530.0]), 20.0)
    assert np.isnan(late).all()  # nothing before P, nothing after it


def test_a_run_fails_that_is_no_better_than_a_constant():
    assert study.failed({"accuracy": 0.54, "of_commonest": 0.5})
    assert not study.failed({"accuracy": 0.56, "of_commonest": 0.5})
    assert study.failed({"mae_s": 6.2, "mae_of_median_s": 6.75}) and not study.failed(
        {"mae_s": 6, "mae_of_median_s": 7}
    )


def test_datasets_that_are_not_there_are_named(tmp_path):
    with pytest.raises(ZooError, match="zoo prepare local_seismograms/kong2021_picking"):
        reproduce.run("kong-figures-5-6-7", tmp_path / "out", data_dir=tmp_path, settings={"tasks": "p_picker"})

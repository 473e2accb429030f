"""The transfer study on small datasets: it runs, resumes cell by cell, and says what failed."""

from __future__ import annotations

import pytest

from zoo import reproduce
from zoo.data import datasets
from zoo.errors import UsageError, ZooError
from zoo.seismograms import reproduce as kong


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
    monkeypatch.setitem(kong.TASKS, "noise_earthquake", ("len_db/none", "local_seismograms/both"))
    settings = {"encoder": str(encoder), "tasks": "noise_earthquake"}
    run = lambda **more: reproduce.run(
        "kong-figures-5-6-7", tmp_path / "out", quick=True, data_dir=folder, settings={**settings, **more}
    )
    rows = run()
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
    monkeypatch.setitem(kong.TASKS, "p_picker", ("stead/none", "local_seismograms/quakes"))
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


def test_a_run_fails_that_is_no_better_than_a_constant():
    assert kong._failed({"accuracy": 0.54, "of_commonest": 0.5})
    assert not kong._failed({"accuracy": 0.56, "of_commonest": 0.5})
    assert kong._failed({"mae_s": 6.2, "mae_of_median_s": 6.75}) and not kong._failed(
        {"mae_s": 6, "mae_of_median_s": 7}
    )


def test_datasets_that_are_not_there_are_named(tmp_path):
    with pytest.raises(ZooError, match="zoo prepare local_seismograms/kong2021_picking"):
        reproduce.run("kong-figures-5-6-7", tmp_path / "out", data_dir=tmp_path, settings={"tasks": "p_picker"})

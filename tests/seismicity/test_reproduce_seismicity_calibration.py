"""The calibration runs, keeps its cells, and takes networks beside the baselines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from zoo import checkpoint, registry
from zoo.errors import UsageError, ZooError
from zoo.seismicity import scan as seismicity_scan
from zoo.seismicity.experiments import EXPERIMENTS
from zoo.seismicity.models import boosting as seismicity_boosting
from zoo.seismicity.reproduce_calibration import BASELINES, BOOSTING, calibration
from zoo.seismicity.scan import largest_pixel, poisson_scan
from zoo.training.experiment import Workshop


class Network:
    """The scan with the past rate, as a network gives its answers."""

    name, answers, channels = "seismicity_resnet18", "seismicity.anomaly", 2

    def predict(self, maps, **options):
        log_odds = poisson_scan(maps[..., 0], maps[..., 1])[0] - 10
        anomalous = 1 / (1 + np.exp(-log_odds))
        return np.stack([1 - anomalous, anomalous], 1)


@pytest.fixture
def models(monkeypatch):
    monkeypatch.setattr(registry, "load", lambda name, answering: Network())
    monkeypatch.setattr(registry, "find", Path)
    card = lambda folder: {"files": {checkpoint.WEIGHTS: {"sha256": folder.name}}}  # noqa: E731
    monkeypatch.setattr(checkpoint, "read_card", card)


def quick(folder, **settings):
    """Run the experiment as `zoo reproduce --quick --set ...` does."""
    own, _ = EXPERIMENTS["seismicity-calibration"].choose("seismicity-calibration", settings, quick=True)
    return calibration(Workshop(folder, quick=True, own=own))


def _without_boosting(*arguments, **options):
    raise ZooError("Gradient boosting needs scikit-learn")


def test_cells_are_measured_once(tmp_path, models, monkeypatch, capsys):
    monkeypatch.setattr(seismicity_boosting, "boosted_score", _without_boosting)
    run = lambda **settings: quick(tmp_path, regions="1", **settings)  # noqa: E731
    rows = run(models="seismicity_resnet18.history")
    said = capsys.readouterr().err
    assert "Without gradient boosting" in said and said.count("50 events a window: done") == 6
    assert (tmp_path / "calibration.png").stat().st_size > 30_000
    names = ["resnet18, past rate", *BASELINES]
    assert list(dict.fromkeys(row["score"] for row in rows)) == names
    assert [row["events_per_window"] for row in rows[:2]] == [50.0, "mean"]
    mean = {row["score"]: row for row in rows if row["events_per_window"] == "mean"}
    for row in mean.values():
        assert row["false_alarms_a_year"] < 16 and row["found_15_at_1"] <= row["found_15_at_12"]
    assert mean["event count"]["found_12_sd_1px"] < mean["Poisson scan, past rate"]["found_12_sd_1px"] - 0.2
    # In the quiet region, whose maps are not thinned, this network tells what the scan tells.
    quiet = {row["score"]: row for row in rows if row["events_per_window"] == 50}
    for key in ("found_15_at_4", "found_12_sd_2px", "false_alarms_a_year"):
        assert quiet["resnet18, past rate"][key] == pytest.approx(quiet["Poisson scan, past rate"][key])
    assert run(models="seismicity_resnet18.history") == rows
    assert "done" not in capsys.readouterr().err
    run(models="")
    assert "done" not in capsys.readouterr().err
    assert len(list((tmp_path / "cells-quick").iterdir())) == 6


def test_boosting_stands_beside_and_regions_differ(tmp_path, monkeypatch):
    kinds = []
    fake = lambda task, history, seed: (kinds.append(history), lambda counts, past: largest_pixel(counts))[1]  # noqa: E731
    monkeypatch.setattr(seismicity_boosting, "boosted_score", fake)
    scan = lambda counts, expected=None: (largest_pixel(counts),)  # noqa: E731
    monkeypatch.setattr(seismicity_scan, "poisson_scan", scan)
    rows = quick(tmp_path, models="")
    assert list(dict.fromkeys(row["score"] for row in rows)) == [*BOOSTING, *BASELINES] and kinds == [False, True]
    assert [row["events_per_window"] for row in rows[:3]] == [50.0, 400.0, "mean"]
    assert rows[0]["threshold"] < rows[1]["threshold"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": "x"}, "no setting 'model'"),
        ({"regions": "0"}, "regions takes a whole number in regions from 1; received '0'"),
        ({"years": "ten"}, "years takes a number in years from 1; received 'ten'"),
    ],
)
def test_wrong_settings(tmp_path, settings, message):
    with pytest.raises(UsageError, match=message):
        quick(tmp_path, **settings)


def test_other_models_are_refused(tmp_path):
    with pytest.raises(ZooError, match="noise_earthquake answers seismograms.class; expected seismicity.anomaly"):
        quick(tmp_path, models="noise_earthquake")

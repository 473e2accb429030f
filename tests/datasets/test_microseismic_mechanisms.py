"""Datasets of mechanisms: what is written is what the simulator gives, and settings that make no sense are refused."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.data import datasets
from zoo.errors import UsageError
from zoo.microseismic.physics import elastic, moment_tensor
from zoo.microseismic.physics.elastic import ElasticModel, write_model
from zoo.training.metrics import relative_error


@pytest.mark.long
def test_a_dataset_of_mechanisms_of_ones_own(tmp_path):
    vp = np.full((15, 15, 21), 2500, np.float32)
    vs, density = vp / 1.8, np.full_like(vp, 2200)
    vp[:, :, 17:], vs[:, :, 17:], density[:, :, 17:] = 1500, 0, 1000
    model = ElasticModel(vp, vs, density, (20.0, 20.0, 20.0))
    write_model(model, tmp_path / "model.npz")
    (tmp_path / "receivers.csv").write_text("x_km,y_km,z_km\n0.14,0.14,0.34\n")
    settings = {
        "velocity_model": str(tmp_path / "model.npz"),
        "receivers": str(tmp_path / "receivers.csv"),
        "sources": "8",
        "duration_s": "0.3",
        "pulse_sigma_s": "0.028",
        "mechanisms": "true",
    }
    datasets.prepare("microseismic/field", tmp_path / "data", settings=settings)
    records = datasets.arrays("microseismic/field", "train", tmp_path / "data")
    assert records["greens"].shape == (4, 1, 6, 76) and "traces" not in records
    about = datasets.metadata("microseismic/field", tmp_path / "data")
    assert about["components"] == list(moment_tensor.COMPONENTS) and about["unit"] == "Pa per N m"
    source = np.rint(records["coordinates_km"][0] / 0.02).astype(int)
    tensor = moment_tensor.double_couple(20.0, 50.0, 70.0)
    step_s = 0.004 / 5
    assert elastic.largest_time_step_s(model) > step_s
    direct = elastic.shot_gather(
        model, source, [[7, 7, 17]], duration_s=0.3, time_step_s=step_s, sigma_s=0.028, moment_tensor_n_m=1e10 * tensor
    )
    assert relative_error(1e10 * tensor @ records["greens"][0, 0], direct[0]) < 1e-4


def test_mechanisms_are_on_or_off(tmp_path):
    with pytest.raises(UsageError, match="true or false; received 'maybe'"):
        datasets.prepare("microseismic/own", tmp_path, settings={"mechanisms": "maybe"})

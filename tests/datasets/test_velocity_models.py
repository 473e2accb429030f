"""The velocity_models builder: models made here, published files, a user's own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from zoo.data import datasets
from zoo.errors import UsageError, ZooError
from zoo.fwi.physics.velocity_models import folded, write_velocity_model

FOLDED, OWN = "velocity_models/synthetic_folded", "velocity_models/mine"


def record(name, folder):
    records = datasets.arrays(name, "model", folder)
    assert {len(values) for values in records.values()} == {1}
    return {key: values[0] for key, values in records.items()}


def test_the_folded_model(tmp_path):
    datasets.prepare(FOLDED, tmp_path)
    found, model = record(FOLDED, tmp_path), folded(0)
    np.testing.assert_array_equal(found["velocity_m_s"], model.velocity_m_s)
    np.testing.assert_array_equal(found["start_m_s"], model.smoothed(100).velocity_m_s)
    np.testing.assert_array_equal(found["water_rows"], model.water_rows)
    about = datasets.metadata(FOLDED, tmp_path)
    assert about["spacing_m"] == 12.5 and about["shape"] == [70, 200] and about["splits"] == {"model": 1}
    assert "synthetic" in about["origin"] and "100 m; water kept" in about["start"]
    assert about["highest_hz"] == 24 and about["ricker_peak_hz"] == pytest.approx(12.3, abs=0.1)


@pytest.mark.long
def test_the_same_bytes_in_every_process(tmp_path):
    datasets.prepare(FOLDED, tmp_path / "one")
    code = f"from zoo.data import datasets; datasets.prepare({FOLDED!r}, {str(tmp_path / 'two')!r})"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, capture_output=True)
    one, two = ({path.name: path.read_bytes() for path in (tmp_path / n).glob("*/*/*/*")} for n in ("one", "two"))
    assert one == two and any("tfrecord" in name for name in one)


def test_layers(tmp_path):
    datasets.prepare("velocity_models/layered_1d", tmp_path)
    found = record("velocity_models/layered_1d", tmp_path)
    assert found["velocity_m_s"].shape == (200, 1) and set(found["velocity_m_s"].ravel()) == {2000, 3000, 4000, 5000}
    np.testing.assert_allclose(found["start_m_s"][:, 0], np.linspace(2000, 5000, 200), rtol=1e-6)
    assert not found["water_rows"].any()


def test_marmousi_2(real_data, tmp_path):
    folder = real_data / "marmousi"
    for name in ("marmousi2", "marmousi2_start_1d", "marmousi2_fwi"):
        datasets.prepare(f"velocity_models/{name}", tmp_path, folder)
    read = lambda name: np.fromfile(folder / f"marmousi_II_{name}.vp", "<f4").reshape(500, 174).T
    found = record("velocity_models/marmousi2", tmp_path)
    np.testing.assert_array_equal(found["velocity_m_s"], read("marine"))
    np.testing.assert_array_equal(found["start_m_s"], read("smooth2"))
    assert set(found["water_rows"]) == {22}
    flat = record("velocity_models/marmousi2_start_1d", tmp_path)
    np.testing.assert_array_equal(flat["start_m_s"], read("start_1D"))
    coarse, about = (
        record("velocity_models/marmousi2_fwi", tmp_path),
        datasets.metadata("velocity_models/marmousi2_fwi", tmp_path),
    )
    assert coarse["velocity_m_s"].shape == (70, 200) and about["spacing_m"] == 50 and about["ricker_peak_hz"] >= 3
    assert set(coarse["water_rows"]) == {9} and np.all(coarse["velocity_m_s"][:9] == 1500)
    assert coarse["velocity_m_s"][9].min() > 1600 and np.all(coarse["start_m_s"][:9] == 1500)
    assert 200 < np.sqrt(np.mean((coarse["velocity_m_s"] - coarse["start_m_s"]) ** 2)) < 350


def test_marmousi_of_1994(tmp_path):
    depth = np.arange(751, dtype="<f4")
    column = np.where(depth < 8, 1500, 1600 + 4 * depth).astype("<f4")
    np.tile(column, 2301).tofile(tmp_path / "marmousi_vp.bin")
    datasets.prepare("velocity_models/marmousi", tmp_path / "data", tmp_path)
    found = record("velocity_models/marmousi", tmp_path / "data")
    assert found["velocity_m_s"].shape == (751, 2301) and set(found["water_rows"]) == {8}
    np.testing.assert_array_equal(found["velocity_m_s"][:, 7], column)


def test_without_the_files(tmp_path):
    with pytest.raises(ZooError, match="names no folder with marmousi_II_marine.vp.*synthetic_folded"):
        datasets.prepare("velocity_models/marmousi2", tmp_path / "data")
    (tmp_path / "marmousi.bin").write_bytes(bytes(100))
    with pytest.raises(ZooError, match="holds none of marmousi_II_marine.vp"):
        datasets.prepare("velocity_models/marmousi2_fwi", tmp_path / "data", tmp_path)
    with pytest.raises(ZooError, match="marmousi.bin has 100 bytes; 751 x 2301 cells of float32 are 6912204 bytes"):
        datasets.prepare("velocity_models/marmousi", tmp_path / "data", tmp_path)


def test_a_model_of_ones_own(tmp_path):
    model = folded(3, rows=40, columns=60)
    path = write_velocity_model(model, tmp_path / "model.segy")
    settings = {"file": str(path), "spacing_m": "12.5", "smooth_m": "80", "water_m_s": "1500"}
    datasets.prepare(OWN, tmp_path / "data", settings=settings)
    found, about = record(OWN, tmp_path / "data"), datasets.metadata(OWN, tmp_path / "data")
    np.testing.assert_array_equal(found["velocity_m_s"], model.velocity_m_s)
    np.testing.assert_array_equal(found["start_m_s"], model.smoothed(80).velocity_m_s)
    np.testing.assert_array_equal(found["water_rows"], model.water_rows)
    assert about["source"] == "model.segy" and about["spacing_m"] == 12.5
    write_velocity_model(folded(4, rows=40, columns=60), path)  # TFDS alone would silently keep the old record
    with pytest.raises(ZooError, match="prepared with other settings .sha256"):
        datasets.prepare(OWN, tmp_path / "data", settings=settings)


def test_a_part_of_a_raw_file_on_another_grid(tmp_path):
    model = folded(3, rows=41, columns=61, spacing_m=10, water_m=40)
    path = write_velocity_model(model, tmp_path / "model.bin")
    settings = {"file": str(path), "spacing_m": "10", "shape": "41x61", "smooth_m": "0", "water_m_s": "1510"}
    datasets.prepare(OWN, tmp_path / "data", settings={**settings, "window_m": "0:300:100:500", "resample_m": "20"})
    found = record(OWN, tmp_path / "data")
    part = model.window((0, 300), (100, 500)).resampled(20)
    assert part.shape == (16, 21) and part.water_rows is not None
    np.testing.assert_array_equal(found["velocity_m_s"], part.velocity_m_s)
    np.testing.assert_array_equal(found["start_m_s"], part.linear().velocity_m_s)


def test_wrong_settings(tmp_path):
    path = write_velocity_model(folded(3, rows=12, columns=12, water_m=0), tmp_path / "model.npz")
    prepare = lambda name=OWN, **settings: datasets.prepare(name, tmp_path / "data", settings=settings)
    for settings, message in (
        ({"fil": "x"}, "no setting 'fil'.*Did you mean file"),
        ({"smooth_m": "100"}, "made of a file"),
        ({"file": str(path), "smooth_m": "wide"}, "smooth_m takes a number in m from 0; received 'wide'"),
        (
            {"file": str(path), "shape": "12x0"},
            "shape takes 2 whole numbers, with 'x' between them in cells from 1",
        ),
        (
            {"file": str(path), "window_m": "0:100"},
            "window_m takes 4 numbers, with ':' between them in m from 0; received",
        ),
        ({"file": str(path), "window_m": "0:100:0:9000"}, "distance of 0 to 137.5 m"),
    ):
        with pytest.raises(UsageError, match=message):
            prepare(**settings)
    with pytest.raises(UsageError, match="name of its own"):
        prepare(FOLDED, file=str(path))
    with pytest.raises(ZooError, match="there is no such file"):
        prepare(file=str(Path(tmp_path) / "gone.npz"))

"""Velocity models: what is made, averaged, read and written."""

from __future__ import annotations

import re

import numpy as np
import pytest

from zoo.errors import UsageError, ZooError
from zoo.fwi.physics.velocity_models import VelocityModel, folded, layered_1d, read_velocity_model, write_velocity_model


def small(spacing_m=12.5, water=True):
    rng = np.random.default_rng(0)
    velocity = rng.uniform(1600, 4500, (6, 9)).astype(np.float32)
    rows = np.array([1, 1, 2, 2, 2, 1, 0, 0, 0]) if water else None
    if water:
        velocity[np.arange(6)[:, None] < rows] = 1500
    return VelocityModel(velocity, spacing_m, "a small model", "made for a test", rows)


@pytest.mark.parametrize("suffix", [".npz", ".nc", ".segy", ".sgy", ".vp", ".bin", ".raw"])
@pytest.mark.parametrize("spacing_m", [12.5, 50.0, 3.3333])
def test_files_come_back_as_they_went(tmp_path, suffix, spacing_m):
    model, path = small(spacing_m), tmp_path / f"model{suffix}"
    write_velocity_model(model, path)
    raw = suffix in (".vp", ".bin", ".raw")
    back = read_velocity_model(path, spacing_m if raw else None, (6, 9) if raw else None)
    np.testing.assert_array_equal(back.velocity_m_s, model.velocity_m_s)
    assert back.velocity_m_s.dtype == np.float32 and back.spacing_m == spacing_m
    if suffix in (".npz", ".nc"):
        np.testing.assert_array_equal(back.water_rows, model.water_rows)
        assert (back.title, back.source) == (model.title, model.source)
    else:
        assert back.source == path.name and back.water_rows is None
    assert list(tmp_path.iterdir()) == [path]


def test_raw_files_are_column_after_column(tmp_path):
    np.arange(1001, 1007, dtype="<f4").tofile(tmp_path / "m.vp")
    model = read_velocity_model(tmp_path / "m.vp", 20, (3, 2))
    np.testing.assert_array_equal(model.velocity_m_s, [[1001, 1004], [1002, 1005], [1003, 1006]])


def test_seg_y_of_others(tmp_path):
    """Without our line in the textual header, the sample interval in mm and the coordinates tell the spacing."""
    path = tmp_path / "m.segy"
    write_velocity_model(small(), path)
    content = bytearray(path.read_bytes())
    assert int.from_bytes(content[3216:3218], "big") == 12_500 and len(content) == 3600 + 9 * (240 + 4 * 6)
    content[:3040] = b" " * 3040
    path.write_bytes(content)
    assert read_velocity_model(path).spacing_m == 12.5
    content[3216:3218] = (4000).to_bytes(2, "big")
    path.write_bytes(content)
    with pytest.raises(ZooError, match="samples every 4 m .* traces every 12.5 m .*square.*spacing_m"):
        read_velocity_model(path)
    assert read_velocity_model(path, spacing_m=4).spacing_m == 4
    path.write_bytes(content[:-10])
    with pytest.raises(ZooError, match="cut short"):
        read_velocity_model(path)


@pytest.mark.parametrize("suffix", [".npz", ".nc", ".segy", ".vp"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.95])
def test_files_cut_short(tmp_path, suffix, share):
    path = tmp_path / f"model{suffix}"
    write_velocity_model(small(), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ZooError, match=re.escape(path.name) + r".* cut short"):
        read_velocity_model(path, 12.5, (6, 9))


def test_seg_y_that_lacks_whole_traces(tmp_path):
    path = tmp_path / "model.segy"
    write_velocity_model(small(), path)
    path.write_bytes(path.read_bytes()[: 3600 + 4 * (240 + 4 * 6)])
    with pytest.raises(ZooError, match="cut short: 4 whole traces"):
        read_velocity_model(path)


def test_wrong_files_are_named(tmp_path):
    path = write_velocity_model(small(), tmp_path / "m.vp")
    with pytest.raises(ZooError, match=r"has 216 bytes; 6 x 10 cells of float32 are 240 bytes: that is 9 columns of 6"):
        read_velocity_model(path, 12.5, (6, 10))
    with pytest.raises(ZooError, match=r"give shape=\(cells down"):
        read_velocity_model(path, 12.5)
    with pytest.raises(ZooError, match="does not state the spacing"):
        read_velocity_model(path, shape=(6, 9))
    with pytest.raises(UsageError, match=r"m.txt: .* is read as .npz, .segy.*'.txt'"):
        read_velocity_model(tmp_path / "m.txt")
    with pytest.raises(UsageError, match="is written as"):
        write_velocity_model(small(), tmp_path / "m.csv")
    with pytest.raises(ZooError, match="There is no velocity model"):
        read_velocity_model(tmp_path / "gone.npz")
    np.savez(tmp_path / "other.npz", vp=np.ones(3))
    with pytest.raises(ZooError, match="has no velocity_m_s .* it has vp"):
        read_velocity_model(tmp_path / "other.npz")
    np.savez(tmp_path / "m.npz", velocity_m_s=np.full((3, 4), 2.5), spacing_m=10)
    with pytest.raises(ZooError, match=r"m.npz: .*looks like km/s; expected m/s"):
        read_velocity_model(tmp_path / "m.npz")
    with pytest.raises(ZooError, match=r"has \(3, 4\) cells \(depth, width\); expected \(4, 3\)"):
        read_velocity_model(tmp_path / "m.npz", shape=(4, 3))
    small().velocity_m_s.T.astype(">f4").tofile(tmp_path / "big.bin")
    with pytest.raises(ZooError, match="big.bin: "):
        read_velocity_model(tmp_path / "big.bin", 12.5, (6, 9))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.nan, "1 of 12 velocities are NaN or infinite, the first at row 1, column 2"),
        (0, "must be positive; received 0 m/s, the first such at row 1, column 2"),
        (-5, "must be positive"),
        (1e6, "no rock is faster"),
    ],
)
def test_impossible_velocities(value, message):
    velocity = np.full((3, 4), 2000.0)
    velocity[1, 2] = value
    with pytest.raises(ZooError, match=message):
        VelocityModel(velocity, 10)


def test_impossible_models():
    with pytest.raises(ZooError, match="spacing_m must be positive"):
        VelocityModel(np.full((3, 4), 2000.0), 0)
    with pytest.raises(ZooError, match=r"\(depth, width\); received the shape \(4,\)"):
        VelocityModel(np.full(4, 2000.0), 10)
    with pytest.raises(ZooError, match="water_rows must be 4 whole numbers from 0 to 3"):
        VelocityModel(np.full((3, 4), 2000.0), 10, water_rows=np.array([1, 1, 4, 1]))


def test_layers_and_their_linear_start():
    model = layered_1d()
    assert model.shape == (200, 1) and model.spacing_m == 10
    np.testing.assert_array_equal(
        model.velocity_m_s[[0, 49, 50, 100, 150, 199], 0], [2000, 2000, 3000, 4000, 5000, 5000]
    )
    start = model.linear()
    np.testing.assert_allclose(start.velocity_m_s[:, 0], np.linspace(2000, 5000, 200), rtol=1e-6)
    assert layered_1d(columns=5).shape == (200, 5)
    with pytest.raises(UsageError, match="4 layers need as many rows"):
        layered_1d(rows=3)


def test_smoothing_keeps_the_water_and_the_vertical_time():
    model = folded(1, rows=30, columns=40)
    smooth = model.smoothed(50)
    np.testing.assert_array_equal(smooth.velocity_m_s[model.water], model.velocity_m_s[model.water])
    rock = ~model.water
    assert smooth.velocity_m_s[rock].min() >= model.velocity_m_s[rock].min() - 1e-3  # nothing of the water in it
    assert smooth.velocity_m_s[rock].std() < model.velocity_m_s[rock].std()
    assert model.smoothed(50, keep_water=False).velocity_m_s[model.water].max() > 1501
    np.testing.assert_allclose(model.smoothed(0).velocity_m_s, model.velocity_m_s, rtol=1e-6)
    # A spike in slowness becomes a Gaussian of that standard deviation.
    velocity = np.full((41, 41), 2000.0)
    velocity[20, 20] = 1000
    spread = 1 / VelocityModel(velocity, 10).smoothed(40).velocity_m_s.astype(float) - 1 / 2000
    offset_m = (np.arange(41) - 20) * 10
    assert np.sqrt((spread.sum(0) * offset_m**2).sum() / spread.sum()) == pytest.approx(40, rel=0.02)
    with pytest.raises(UsageError, match="0 m or more"):
        model.smoothed(-1)


def test_resampling():
    depth_m = np.arange(41) * 20.0
    slowness = 1 / 2000 - depth_m[:, None] * 2e-7 + np.zeros(31)
    model = VelocityModel(1 / slowness, 20)
    for spacing_m, shape in ((50, (17, 13)), (10, (81, 61)), (20, (41, 31))):
        other = model.resampled(spacing_m)
        assert other.shape == shape and other.spacing_m == spacing_m
        inside = slice(int(60 / spacing_m), -int(60 / spacing_m) - 1)
        exact = 1 / 2000 - np.arange(shape[0]) * spacing_m * 2e-7  # linear slowness stays linear
        np.testing.assert_allclose(1 / other.velocity_m_s[inside, 5], exact[inside], rtol=2e-6)
    # Layers thinner than the new cells leave nothing of their alternation.
    thin = 1 / np.where(np.arange(41) % 2, 1 / 2000, 1 / 3000)
    coarse = VelocityModel(np.repeat(thin[:, None], 5, 1), 10).resampled(40).velocity_m_s[2:-2]
    np.testing.assert_allclose(coarse, 2400, rtol=0.01)
    with pytest.raises(UsageError, match="must be positive"):
        model.resampled(0)


def test_resampling_keeps_water_and_rock_apart():
    velocity = np.full((41, 5), 2500.0)
    velocity[:9] = 1500
    model = VelocityModel(velocity, 20).with_water()
    coarse = model.resampled(50)  # rock begins at 170 m: nodes at 0, 50, 100, 150 m are water
    assert set(coarse.water_rows) == {4}
    np.testing.assert_allclose(coarse.velocity_m_s[:4], 1500, rtol=1e-6)
    np.testing.assert_allclose(coarse.velocity_m_s[4:], 2500, rtol=1e-6)


def test_windows():
    model = small(10)
    part = model.window((10, 40), (20, 60))
    np.testing.assert_array_equal(part.velocity_m_s, model.velocity_m_s[1:5, 2:7])
    np.testing.assert_array_equal(part.water_rows, [1, 1, 1, 0, 0])
    with pytest.raises(UsageError, match="distance of 0 to 80 m; received 20 to 90 m"):
        model.window((10, 40), (20, 90))


@pytest.mark.parametrize("seed", range(4))
def test_folded_models(seed):
    model = folded(seed)
    assert model.shape == (70, 200) and model.spacing_m == 12.5 and model.source == f"synthetic: folded, seed {seed}"
    np.testing.assert_array_equal(folded(seed).velocity_m_s, model.velocity_m_s)
    assert np.abs(folded(seed + 10).velocity_m_s - model.velocity_m_s).mean() > 50
    assert np.all(model.velocity_m_s[model.water] == 1500) and 4 <= model.water_rows.min()
    rock = model.velocity_m_s[~model.water]
    assert 1540 < rock.min() and rock.max() == 4500
    salt = model.velocity_m_s == 4500
    assert 0.03 < salt.mean() < 0.15
    # Velocity grows downwards, and changes sideways too.
    sediment = np.where(salt, np.nan, model.velocity_m_s)
    assert np.nanmean(sediment[60:]) > np.nanmean(sediment[25:35]) + 500 > np.nanmean(sediment[10:16]) + 900
    assert np.nanstd(sediment[35]) > 80


def test_the_folded_model_stays_what_it_is():
    """Checkpoints were inverted for it: a change of what is drawn needs a new version of the dataset."""
    values = folded(0).velocity_m_s[[0, 10, 20, 40, 50, 68], [50, 100, 50, 150, 110, 20]]
    np.testing.assert_allclose(values, [1500, 1937.9, 2121.3, 3207.6, 4500, 3635.8], atol=0.1)


def test_folded_models_without_salt_and_water():
    model = folded(0, water_m=0, salt=False, faults=0)
    assert model.water_rows is None and 1540 < model.velocity_m_s.min() and model.velocity_m_s.max() < 4250
    # The same section without its faults has fewer breaks along a row.
    breaks = lambda m: np.mean(np.abs(np.diff(m.velocity_m_s[25:45], axis=1)) > 100)
    assert breaks(folded(0, water_m=0, salt=False)) > 1.5 * breaks(model)
    with pytest.raises(UsageError, match="water down to half its depth"):
        folded(0, water_m=600)


def test_the_marmousi_files(real_data):
    path = real_data / "marmousi" / "marmousi_II_marine.vp"
    model = read_velocity_model(path, 20, (174, 500)).with_water()
    assert set(model.water_rows) == {22} and model.velocity_m_s.max() == pytest.approx(4766.6, abs=0.1)
    with pytest.raises(ZooError, match="348000 bytes; 500 x 175 "):
        read_velocity_model(path, 20, (500, 175))

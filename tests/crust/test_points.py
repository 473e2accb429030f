"""Known points as data of a smooth thickness: files, the field, what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.crust.points import read_points
from zoo.crust.wave_inversion import smooth
from zoo.errors import ZooError


def write(path, text):
    path.write_text(text)
    return path


def test_points_of_every_form(tmp_path):
    plain = read_points(write(tmp_path / "rf.txt", "100.0 25.0 42 1.5\n101.0 26.0 50 0\n102.0 27.0 -99 1\n"))
    np.testing.assert_allclose(plain.thickness_km, [42, 50])
    np.testing.assert_allclose(plain.sd_km, [1.5, 0.5])
    named = read_points(write(tmp_path / "rf.csv", "sd_km,moho_depth_km,lat,lon\n2,40,25,100\n"))
    assert (named.longitude_deg[0], named.thickness_km[0], named.sd_km[0]) == (100, 40, 2)
    rows = [f"100,25,{h},{k},{np.exp(-0.5 * ((h - 41) / 2) ** 2)}" for h in np.arange(30, 52, 0.5) for k in (1.7, 1.8)]
    rows += ["101,25,36,1.75,-0.1", "101,25,37,1.75,0.4"]
    grid = read_points(write(tmp_path / "hk.csv", "lon,lat,thickness,kappa,weight\n" + "\n".join(rows) + "\n"))
    np.testing.assert_allclose(grid.thickness_km, [41, 37], atol=0.01)
    np.testing.assert_allclose(grid.sd_km, [2, 0.5], atol=0.02)


@pytest.mark.parametrize(
    "text, message",
    [
        ("100 25 42\n", "expected lon lat thickness sd"),
        ("lon,lat,thickness,vp\n100,25,42,6\n", "expected sd_km, or weight"),
        ("100 25 42 1\n100 25 43 1\n", "there already"),
        ("100 25 42000 1\n", "divide by 1000"),
        ("lon,lat,thickness,weight\n100,25,42,-1\n", "no weight"),
    ],
)
def test_what_is_no_list_of_points_is_refused(tmp_path, text, message):
    with pytest.raises(ZooError, match=message):
        read_points(write(tmp_path / "points.csv", text))


def test_a_point_pulls_its_surroundings(tmp_path):
    """A field of known statistics: with points, the map comes nearer to the truth, most beside them, as its sd says."""
    random = np.random.default_rng(0)
    lon, lat = (part.ravel() for part in np.meshgrid(100 + np.arange(12) / 2, 25 + np.arange(12) / 2))
    apart = 111 * np.hypot((lon[:, None] - lon) * 0.9, lat[:, None] - lat)
    factor = np.linalg.cholesky(np.exp(-apart / 150) + 1e-9 * np.eye(144))
    stations = random.choice(144, 12, replace=False)
    near = apart[:, stations].min(axis=1) < 50
    errors, z = [], []
    for _ in range(20):
        true = 45 + 6 * factor @ random.standard_normal(144)
        sd = np.full(144, 5.0)
        shared, alone = factor @ random.standard_normal(144), random.standard_normal(144)
        mean = true + 5 * (shared + alone) / np.sqrt(2)
        rows = [f"{lon[i]} {lat[i]} {true[i] + random.standard_normal()} 1" for i in stations]
        points = read_points(write(tmp_path / "rf.txt", "\n".join(rows) + "\n"))
        without, known = smooth(mean, sd, lon, lat, 150.0), smooth(mean, sd, lon, lat, 150.0, points)
        assert (known[1] <= without[1] + 1e-9).all() and known[1][stations].max() < 1.1
        errors.append([np.sqrt(np.mean((found[0] - true)[near] ** 2)) for found in (without, known)])
        z.append((known[0] - true) / known[1])
    without, known = np.mean(errors, axis=0)
    assert known < 0.7 * without
    assert 0.8 < np.sqrt(np.mean(np.square(z))) < 1.3
    with pytest.raises(ZooError, match="km from the map"):
        smooth(mean, sd, lat, lon, 150.0, points)

"""The phase_velocity_maps builder: the authors' files, the published file, a user's own table."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.data import datasets
from zoo.errors import UsageError, ZooError

XIE, YUNNAN, OWN = (f"phase_velocity_maps/{name}" for name in ("xie2013", "yunnan_liu2019", "mymap"))


def test_files_of_the_authors_with_whatever_periods(tmp_path):
    folder = tmp_path / "xie"
    folder.mkdir()
    (folder / "R_20s.txt").write_text("100 30 3.3 0.02\n101 30 3.4 0.03\n")
    (folder / "R_10s.txt").write_text("100 30 3.1 0.01\n")
    (folder / "R_50mHz_readme.pdf").write_bytes(b"%PDF")
    datasets.prepare(XIE, tmp_path / "data", folder)
    records = datasets.arrays(XIE, "all", tmp_path / "data")
    np.testing.assert_allclose(records["phase_velocity_km_s"], [[3.1, 3.3], [np.nan, 3.4]])
    np.testing.assert_allclose(records["sd_km_s"], [[0.01, 0.02], [np.nan, 0.03]])
    np.testing.assert_allclose(records["longitude_deg"], [100, 101])
    about = datasets.metadata(XIE, tmp_path / "data")
    assert about["period_s"] == [10, 20] and about["unit"] == "km/s" and "Xie" in about["origin"]
    assert about["source"] == "xie (2 files, R_10s.txt to R_20s.txt)" and about["splits"] == {"map": 2}


def test_without_the_files_of_the_authors(tmp_path):
    with pytest.raises(ZooError, match="ask the authors.*--manual-dir"):
        datasets.prepare(XIE, tmp_path / "data")


def test_a_table_of_ones_own(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("lon,lat,c_25mHz,c_12.5mHz\n100,30,3.5,\n101,30,3.6,3.9\n101,31,3.7,4.0\n")
    datasets.prepare(OWN, tmp_path / "data", settings={"file": str(table)})
    records = datasets.arrays(OWN, "all", tmp_path / "data")
    np.testing.assert_allclose(records["phase_velocity_km_s"], [[3.5, np.nan], [3.6, 3.9], [3.7, 4.0]])
    assert np.isnan(records["sd_km_s"]).all() and records["sd_km_s"].shape == (3, 2)
    about = datasets.metadata(OWN, tmp_path / "data")
    assert about["period_s"] == [40, 80] and about["source"] == "table.csv"
    assert len(about["settings"]["sha256"]) == 64
    table.write_text("lon,lat,c_25mHz\n100,30,3.5\n")  # TFDS alone would silently keep the old records
    with pytest.raises(ZooError, match="prepared with other settings .sha256"):
        datasets.prepare(OWN, tmp_path / "data", settings={"file": str(table)})
    parts = datasets.arrays(OWN, "map[:1]", tmp_path / "data")
    assert len(parts["sd_km_s"]) == 1


def test_wrong_settings(tmp_path):
    prepare = lambda name=OWN, **settings: datasets.prepare(name, tmp_path, settings=settings)
    with pytest.raises(UsageError, match="no setting 'fil'.*Did you mean file"):
        prepare(fil="x")
    with pytest.raises(ZooError, match="There is no"):
        prepare(file=str(tmp_path / "gone.csv"))
    (tmp_path / "t.csv").write_text("lon,lat,10s\n100,30,3100\n")
    with pytest.raises(UsageError, match="name of its own"):
        prepare(XIE, file=str(tmp_path / "t.csv"))
    with pytest.raises(ZooError, match="looks like m/s"):
        prepare(file=str(tmp_path / "t.csv"))


def test_yunnan_refuses_other_files(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(ZooError, match="none of yunnan_liu2019_rayleigh.csv"):
        datasets.prepare(YUNNAN, tmp_path / "data", tmp_path)
    (tmp_path / "Period_Azm_reSmp.inv").write_text("98 29 5 2.3 3.1 0 0 0 0 0\n" * 10)
    with pytest.raises(ZooError, match=r"published file has \(12960, 10\)"):
        datasets.prepare(YUNNAN, tmp_path / "data", tmp_path)


def test_the_published_map_is_downloaded(real_data, tmp_path, server, monkeypatch):
    server.content = (real_data / "phase_velocity" / "yunnan_liu2019_period_azimuthal.inv").read_bytes()
    monkeypatch.setenv("ZOO_MIRROR", server.url)
    datasets.prepare(YUNNAN, tmp_path / "data")
    assert datasets.metadata(YUNNAN, tmp_path / "data")["source"] == "Period_Azm_reSmp.inv"
    assert server.requests


@pytest.mark.parametrize("name", ["yunnan_liu2019_rayleigh.csv", "yunnan_liu2019_period_azimuthal.inv"])
def test_the_real_map_of_yunnan_in_both_forms(real_data, tmp_path, name):
    (tmp_path / name).symlink_to(real_data / "phase_velocity" / name)
    datasets.prepare(YUNNAN, tmp_path / "data", tmp_path)
    records = datasets.arrays(YUNNAN, "all", tmp_path / "data")
    assert records["phase_velocity_km_s"].shape == (360, 36) and np.isnan(records["sd_km_s"]).all()
    assert datasets.metadata(YUNNAN, tmp_path / "data")["period_s"] == list(range(5, 41))
    table = np.loadtxt(real_data / "phase_velocity" / "yunnan_liu2019_rayleigh.csv", delimiter=",", skiprows=1)
    table = table.reshape(36, 360, 4)
    np.testing.assert_allclose(records["phase_velocity_km_s"], table[:, :, 3].T, atol=6e-5)
    np.testing.assert_allclose(records["latitude_deg"], table[0, :, 1])

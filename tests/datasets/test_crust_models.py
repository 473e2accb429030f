"""The crust_models builder: CRUST1.0's and CRUST2.0's own forms, tables, and what is missing."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.crust.maps import ThicknessMap
from zoo.data import datasets
from zoo.errors import ZooError

KEY = """CRUST 2.0 types
header
header
header

D0    Platform 2 km seds.
3.81  1.5   2.5   4     6.2   6.6   7.3   8.2
1.94  0.0   1.2   2.1   3.6   3.7   4.0   4.7
0.92  1.02  2.1   2.4   2.8   2.9   3.1   3.4
0     0     1     1     12    13    9     inf.    36
A1    ocean, 5 km of water
3.81  1.5   2.5   4     6.2   6.6   7.3   8.2
1.94  0.0   1.2   2.1   3.6   3.7   4.0   4.7
0.92  1.02  2.1   2.4   2.8   2.9   3.1   3.4
0     5     0.5   0     1.5   2     3     inf.    12
"""


def types(header=True):
    lines = ["      " + "  ".join(f"{lon:4d}" for lon in range(-180, 180, 2))] if header else []
    for latitude in range(90, -90, -2):
        codes = ["D0" if latitude > 0 and i >= 90 else "A1" for i in range(180)]  # north-east is platform
        lines.append(f"{latitude:4d} " + "".join(f"  {code} " for code in codes))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("header", [True, False])
def test_crust2_as_distributed(tmp_path, header):
    (tmp_path / "CNtype2.txt").write_text(types(header))
    (tmp_path / "CNtype2_key.txt").write_text(KEY)
    datasets.prepare("crust_models/crust2", tmp_path / "data", tmp_path)
    records = datasets.arrays("crust_models/crust2", "all", tmp_path / "data")
    assert len(records["thickness_km"]) == 16_200
    crust = ThicknessMap(records["longitude_deg"], records["latitude_deg"], records["thickness_km"], "crust2")
    np.testing.assert_allclose(crust.at([101, 101, -101, 359], [31, -31, 31, 31]), [36, 7, 7, 7])
    land = records["thickness_km"] == 36
    assert records["latitude_deg"][land].min() == 1 and records["longitude_deg"][land].min() == 1
    np.testing.assert_allclose(np.unique(records["sediment_thickness_km"]), [0.5, 2])
    assert "Bassin" in datasets.metadata("crust_models/crust2", tmp_path / "data")["origin"]


@pytest.mark.parametrize(
    ("grid", "key", "message"),
    [
        (types()[:-2000], KEY, "expected 90"),
        (types().replace("A1", "ZZ", 1), KEY, "line 2: CNtype2_key.txt does not explain the type 'ZZ'"),
        (types(), KEY.replace("inf.    36", "inf.    38"), "line 10: the layers sum to 36 km, stated is 38"),
        (types(), "nothing", "no type of five lines"),
        (types(), None, "Cannot read .*CNtype2_key.txt"),
    ],
)
def test_crust2_damaged(tmp_path, grid, key, message):
    (tmp_path / "CNtype2.txt").write_text(grid)
    if key:
        (tmp_path / "CNtype2_key.txt").write_text(key)
    with pytest.raises(ZooError, match=message):
        datasets.prepare("crust_models/crust2", tmp_path / "data", tmp_path)


@pytest.mark.parametrize("name", ["cub2", "zjs"])
def test_tables_of_other_models(tmp_path, name):
    (tmp_path / f"{name}.txt").write_text("# lon lat thickness sd\n100 30 60.5 3\n102 30 -999 3\n104 30 45.5 2\n")
    datasets.prepare(f"crust_models/{name}", tmp_path / "data", tmp_path)
    records = datasets.arrays(f"crust_models/{name}", "all", tmp_path / "data")
    np.testing.assert_allclose(records["thickness_km"], [60.5, np.nan, 45.5])
    assert np.isnan(records["sediment_thickness_km"]).all()
    assert datasets.metadata(f"crust_models/{name}", tmp_path / "data")["source"] == f"{name}.txt"


def test_missing_and_incomplete_files_are_named(tmp_path):
    with pytest.raises(ZooError, match="names no folder with crsthk.xyz.*igppweb"):
        datasets.prepare("crust_models/crust1", tmp_path / "data")
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(ZooError, match="holds none of zjs.xyz, zjs.txt, zjs.csv.*authors"):
        datasets.prepare("crust_models/zjs", tmp_path / "data", tmp_path)
    (tmp_path / "crsthk.xyz").write_text(" long lat thk\n-179.5 89.5 8.06\n-178.5 89.5 8.08\n")
    with pytest.raises(ZooError, match="has 2 cells, crust1 has 64800"):
        datasets.prepare("crust_models/crust1", tmp_path / "data", tmp_path)


def test_sediments_must_be_of_the_same_cells(tmp_path):
    (tmp_path / "crsthk.xyz").write_text("98 25 35\n99 25 36\n")
    (tmp_path / "sedthk.xyz").write_text("99 25 0\n98 25 2\n")
    with pytest.raises(ZooError, match="sedthk.xyz does not have the cells of crsthk.xyz"):
        datasets.prepare("crust_models/crust1", tmp_path / "data", tmp_path)


def test_the_real_crust1(real_data, tmp_path):
    datasets.prepare("crust_models/crust1", tmp_path / "data", real_data / "crust1")
    records = datasets.arrays("crust_models/crust1", "all", tmp_path / "data")
    assert len(records["thickness_km"]) == 64_800 and np.isfinite(records["sediment_thickness_km"]).all()
    assert records["sediment_thickness_km"].min() == 0 and records["sediment_thickness_km"].max() == 21
    crust = ThicknessMap(records["longitude_deg"], records["latitude_deg"], records["thickness_km"], "crust1")
    np.testing.assert_allclose(crust.at([90.5, 103.5, -179.5], [30.5, 30.5, 0.5]), [71.4, 47.72, 6.85], rtol=1e-6)

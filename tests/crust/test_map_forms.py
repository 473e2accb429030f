"""What files say of themselves: kinds, periods, order and units in names, dimensions, comments; single curves."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from zoo.crust.inversion import read_map
from zoo.crust.maps import read_dispersion_map
from zoo.errors import ZooError

LON, LAT = (part.ravel() for part in np.meshgrid(98 + 0.5 * np.arange(3), 25 + 0.5 * np.arange(3)))
PERIODS = (10.0, 20.0, 40.0)


def velocity(period_s):
    return 2.8 + 0.02 * period_s + 0.01 * (LON - 98) - 0.02 * (LAT - 25)


def folder(tmp_path, names, order="lon", rounded=()):
    for number, (name, period) in enumerate(zip(names, PERIODS, strict=True)):
        digits = 2 if number in rounded else 6
        rows = []
        for x, y, c in zip(LON + 1 / 3, LAT, velocity(period), strict=True):
            pair = (f"{x:.{digits}f}", f"{y:.{digits}f}")
            rows.append(" ".join([*(pair if order == "lon" else pair[::-1]), f"{c:.4f}"]))
        (tmp_path / name).write_text("\n".join(rows) + "\n")
    return tmp_path


@pytest.mark.parametrize(
    "names, kind",
    [
        (["L_10s.txt", "L_20s.txt", "L_40s.txt"], "love_phase"),
        (["RG_10", "RG_20", "RG_40"], "rayleigh_group"),
        (["LG_10.xyz", "LG_20.xyz", "LG_40.xyz"], "love_group"),
        (["R_10s.txt", "R_20s.txt", "R_40s.txt"], "rayleigh_phase"),
        (["10.1", "20.1", "40.1"], "rayleigh_phase"),
        (["map_010_001.xyz", "map_020_001.xyz", "map_040_001.xyz"], "rayleigh_phase"),
    ],
)
def test_names_say_kind_and_period(tmp_path, names, kind):
    found = read_dispersion_map(folder(tmp_path, names))
    assert list(found.curves()) == [kind]
    period_s, values, _ = found.curves()[kind]
    np.testing.assert_allclose(period_s, PERIODS)
    assert np.isfinite(values).all() and len(values) == 9
    other = read_dispersion_map(tmp_path, kind="love_group")
    assert list(other.curves()) == ["love_group"]


def test_two_kinds_in_a_folder_are_two_layers(tmp_path):
    folder(tmp_path, ["R_10s.txt", "R_20s.txt", "R_40s.txt"])
    found = read_dispersion_map(folder(tmp_path, ["RG_10s.txt", "RG_20s.txt", "RG_40s.txt"]))
    assert sorted(found.curves()) == ["rayleigh_group", "rayleigh_phase"] and len(found.longitude_deg) == 9


def test_aswms_writes_latitude_first(tmp_path):
    names = [f"helmholtz_stack_LHZ_{t:.0f}.xyz" for t in PERIODS]
    found = read_dispersion_map(folder(tmp_path, names, order="lat"))
    assert found.longitude_deg.min() > 90 > found.latitude_deg.max()


def test_an_order_that_could_be_either_is_asked_for(tmp_path):
    rows = "".join(f"{x} {y} 3.4\n" for x, y in ((10, 45), (10, 46), (11, 45), (11, 46)))
    (tmp_path / "R_20s.txt").write_text(rows)
    with pytest.raises(ZooError, match="--order lon-lat"):
        read_dispersion_map(tmp_path / "R_20s.txt")
    assert read_dispersion_map(tmp_path / "R_20s.txt", order="lat-lon").latitude_deg.max() == 11
    # GMT's order: the first column runs fastest.
    rows = "".join(f"{x} {y} 3.4\n" for y in (45, 46, 47) for x in (10, 11, 12, 13))
    (tmp_path / "R_20s.txt").write_text(rows)
    assert read_dispersion_map(tmp_path / "R_20s.txt").latitude_deg.max() == 47


def test_per_cent_of_a_reference_in_a_comment(tmp_path):
    for period in PERIODS:
        c, reference = velocity(period), 3.2
        head = f"#PERIOD: {period:.0f}\n#PVELREF: {reference}\n#latitude, longitude, pixel size, per cent\n"
        rows = "".join(f"{y} {x} 0.5 {100 * (v / reference - 1):.5f}\n" for x, y, v in zip(LON, LAT, c, strict=True))
        (tmp_path / f"R{period:.0f}_MODEL15.pix").write_text(head + rows)
    found = read_dispersion_map(tmp_path)
    np.testing.assert_allclose(found.phase_velocity_km_s[:, 1], velocity(20.0), atol=1e-5)
    (tmp_path / "R10_MODEL15.pix").write_text(
        "#PERIOD: 10\n#latitude, longitude, pixel size, per cent\n25 98 0.5 1.0\n"
    )
    with pytest.raises(ZooError, match="no comment states one"):
        read_dispersion_map(tmp_path)


def test_points_that_files_round_differently_are_the_same(tmp_path):
    found = read_dispersion_map(folder(tmp_path, ["R_10s.txt", "R_20s.txt", "R_40s.txt"], rounded=(1,)))
    assert found.phase_velocity_km_s.shape == (9, 3) and np.isfinite(found.phase_velocity_km_s).all()
    assert "round differently" in found.notes[0]


def test_a_table_that_may_be_a_model_of_vs_is_asked_about(tmp_path):
    rows = "".join(f"{x} {y} {z:g} {v:.3f}\n" for z in PERIODS for x, y, v in zip(LON, LAT, velocity(z), strict=True))
    path = tmp_path / "china.txt"
    path.write_text(rows)
    with pytest.raises(ZooError, match="may be a period .* or a depth"):
        read_dispersion_map(path)
    assert read_dispersion_map(path, kind="rayleigh_phase").phase_velocity_km_s.shape == (9, 3)


def grid(path, names=True, unit="km/s", axis="period", classic=False, square=True):
    lon, lat = np.unique(LON), np.unique(LAT) if square else np.unique(LAT)[:2]
    values = np.array(
        [[[2.8 + 0.02 * t + 0.01 * (x - 98) - 0.02 * (y - 25) for y in lat] for x in lon] for t in PERIODS]
    )
    steps = np.array(PERIODS) if axis == "period" else 1 / np.array(PERIODS)
    if unit == "m/s":
        values = values * 1000
    with h5py.File(path, "w") as file:
        for name, data in ((axis, steps), ("lon", lon), ("lat", lat), ("phase_velocity", values)):
            file[name] = data
        file["phase_velocity"].attrs["units"] = unit
        file[axis].attrs["units"] = "s" if axis == "period" else "Hz"
        if names:
            for i, name in enumerate((axis, "lon", "lat")):
                file[name].make_scale(name)
                file["phase_velocity"].dims[i].attach_scale(file[name])
    return path


@pytest.mark.parametrize("unit", ["km/s", "m/s"])
@pytest.mark.parametrize("axis", ["period", "frequency"])
def test_named_dimensions_and_units_of_netcdf(tmp_path, unit, axis):
    found = read_dispersion_map(grid(tmp_path / "map.nc", unit=unit, axis=axis))
    np.testing.assert_allclose(found.period_s, PERIODS)
    at = np.lexsort((found.longitude_deg, found.latitude_deg))
    np.testing.assert_allclose(found.phase_velocity_km_s[at, 1], velocity(20.0), rtol=1e-6)


def test_a_square_grid_without_names_is_refused_and_another_is_turned(tmp_path):
    with pytest.raises(ZooError, match="nothing says which dimension is which"):
        read_dispersion_map(grid(tmp_path / "map.nc", names=False))


def test_classic_netcdf_of_gmt(tmp_path):
    from scipy.io import netcdf_file

    for period in PERIODS:
        with netcdf_file(tmp_path / f"R_{period:.0f}s.grd", "w") as file:
            for name, values in (("x", np.unique(LON)), ("y", np.unique(LAT))):
                file.createDimension(name, len(values))
                file.createVariable(name, "d", (name,))[:] = values
            file.createVariable("z", "f", ("y", "x"))[:] = velocity(period).reshape(3, 3)
    found = read_dispersion_map(tmp_path)
    np.testing.assert_allclose(found.phase_velocity_km_s[:, 2], velocity(40.0), rtol=1e-6)


def test_minus_one_is_missing(tmp_path):
    (tmp_path / "R_20s.txt").write_text("98 25 3.3\n98.5 25 -1\n99 25 3.4\n")
    found = read_dispersion_map(tmp_path / "R_20s.txt").phase_velocity_km_s
    np.testing.assert_array_equal(found[:, 0], [3.3, np.nan, 3.4])


@pytest.mark.parametrize(
    "text, kinds",
    [
        ("8 3.09 0.03\n20 3.35 0.03\n40 3.76 0.03\n", ["rayleigh_phase"]),
        ("8 3.09\n20 3.35\n40 3.76\n", ["rayleigh_phase"]),
        ("period_s,group_velocity\n8,2.9\n20,3.0\n40,3.4\n", ["rayleigh_group"]),
        (
            "period_s,phase_velocity,group_velocity\n8,3.1,2.9\n20,3.3,3.0\n40,3.7,3.4\n",
            ["rayleigh_group", "rayleigh_phase"],
        ),
        (
            "SURF96 R C X 0 8 3.09 0.03\nSURF96 R U X 0 20 3.0 0.05\nSURF96 L C X 0 20 3.9 0.03\n"
            "SURF96 R C X 1 8 4.4 0.1\n",
            ["love_phase", "rayleigh_group", "rayleigh_phase"],
        ),
        (
            " RMODE NFREQ    PERIOD(S) FREQUENCY(Hz)  C(KM/S)    U(KM/S)\n 0 1 20.0 0.05 3.35 3.0\n"
            " 0 2 40.0 0.025 3.76 3.4\n 1 1 20.0 0.05 4.4 4.0\n",
            ["rayleigh_group", "rayleigh_phase"],
        ),
    ],
    ids=["with sd", "two columns", "header", "both", "surf96", "sdpegn96"],
)
def test_single_curves(tmp_path, text, kinds):
    path = tmp_path / "curve.txt"
    path.write_text(text)
    found = read_map(path)
    assert np.isnan(found.longitude_deg).all() and sorted(found.curves()) == kinds
    for _, values, _ in found.curves().values():
        assert np.isfinite(values).any() and len(values) == 1


def test_the_real_cases(real_cases):
    cases = real_cases / "crust"
    for name in ("pix_percent", "aswms_names", "rounded_differently"):
        found = read_map(cases / name)
        assert found.phase_velocity_km_s.shape == (36, 7) and np.isfinite(found.phase_velocity_km_s).all()
        assert found.longitude_deg.min() > 97 and found.latitude_deg.max() < 30
    assert list(read_map(cases / "only_L_files").curves()) == ["love_phase"]
    assert np.isnan(read_map(cases / "one_curve.txt").longitude_deg).all()
    for name in ("vs_model_depths.txt", "transposed_period_lon_lat.nc"):
        with pytest.raises(ZooError):
            read_map(cases / name)


def test_a_curve_keeps_its_number_in_rows_with_an_empty_field(tmp_path):
    rows = ["curve,period_s,phase_velocity_km_s,group_velocity_km_s"]
    rows += ["7,10,3.1,2.9", "7,20,3.4,", "8,10,3.0,2.8", "8,20,,2.9"]
    (tmp_path / "curves.csv").write_text("\r\n".join(rows) + "\r\n")
    found = read_map(tmp_path / "curves.csv")
    np.testing.assert_array_equal(found.phase_velocity_km_s, [[3.1, 3.4], [3.0, np.nan]])
    np.testing.assert_array_equal(found.others["rayleigh_group"][0], [[2.9, np.nan], [2.8, 2.9]])

"""Maps as seismologists have them: every form that is read, and what is refused with which words."""

from __future__ import annotations

import gzip
import time

import numpy as np
import pytest

from zoo.crust.maps import ThicknessMap, read_dispersion_map, read_thickness_map
from zoo.errors import ZooError

LON = np.array([98.0, 98.5, 99.0, 98.0, 98.5, 99.0])
LAT = np.array([25.0, 25.0, 25.0, 24.5, 24.5, 24.5])
PERIOD = np.array([10.0, 20.0, 40.0])
C = np.array(
    [[2.9, 3.3, 3.7], [2.91, 3.31, 3.71], [2.92, 3.32, 3.72], [3.0, 3.4, 3.8], [3.01, 3.41, 3.81], [3.1, 3.5, 3.9]]
)
SD = np.full((6, 3), 0.02) + np.arange(3) / 100


def long_rows(separator=" ", axis=PERIOD, sd=True):
    for p in (2, 0, 1):  # periods need not be in order
        for i in range(6):
            fields = [LON[i], LAT[i], axis[p], C[i, p], *([SD[i, p]] if sd else [])]
            yield separator.join(f"{v:.6g}" for v in fields)


def text(header="", separator=" ", **kwargs):
    return "\n".join([*([header] if header else []), *long_rows(separator, **kwargs)]) + "\n"


def single(p, sd=True):
    return "".join(f"{LON[i]} {LAT[i]} {C[i, p]}" + (f" {SD[i, p]:.3f}\n" if sd else "\n") for i in range(6))


def wide(names, sd_names=(), separator=","):
    lines = [separator.join(["lon", "lat", *names, *sd_names])]
    for i in range(6):
        values = [LON[i], LAT[i], *C[i], *(SD[i] if sd_names else [])]
        lines.append(separator.join(f"{v:.6g}" for v in values))
    return "\n".join(lines) + "\n"


def write(tmp_path, content, name="map.csv"):
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def check(found, sd=True):
    np.testing.assert_allclose(found.longitude_deg, LON)
    np.testing.assert_allclose(found.latitude_deg, LAT)
    np.testing.assert_allclose(found.period_s, PERIOD, rtol=1e-6)
    np.testing.assert_allclose(found.phase_velocity_km_s, C)
    if sd:
        np.testing.assert_allclose(found.sd_km_s, SD, atol=1e-9)
    else:
        assert found.sd_km_s is None


TABLES = {
    "header": text("lon,lat,period_s,phase_velocity_km_s,sd", ","),
    "units in brackets": text("Longitude (deg);Latitude (deg);Period [s];Phase velocity (km/s);Sigma (km/s)", ";"),
    "mHz": text("LON LAT frequency_mHz c sigma", axis=1000 / PERIOD),
    "Hz": text("long\tlat\tfreq_hz\tc\tstd", "\t", axis=1 / PERIOD),
    "no header": text(),
    "header in a comment": text("% Rayleigh, isotropic\n# lon lat period c sigma"),
    "commented header, columns turned": "# c lat lon T\n"
    + "\n".join(" ".join(np.array(row.split())[[3, 1, 0, 2]]) for row in long_rows(sd=False)),
    "byte order mark and CRLF": b"\xef\xbb\xbf" + text("lon,lat,period,c,sd", ",").replace("\n", "\r\n").encode(),
    "UTF-16 of a spreadsheet": text("lon\tlat\tperiod_s\tc\tsd", "\t").encode("utf-16"),
    "comma as decimal point": text("lon;lat;period;c;sd", ";").replace(".", ","),
    "gzip": gzip.compress(text("lon,lat,period_s,c,sd", ",").encode()),
    "comments and blank lines": "# made in Yunnan\n\n" + text().replace("\n", "   # fine\n", 3) + "\n\n",
    "quotes, index and separator at the end": '"","lon","lat","period_s","c","sd",\n'
    + "".join(f'"{i}",{row},\n' for i, row in enumerate(long_rows(","))),
    "Fortran exponents": text().replace("98.5", "9.85D+01"),
    "GMT segments": "> Z10\n" + text(),
    "wide": wide(["10s", "20s", "40s"], ["sd_10s", "sd_20s", "sd_40s"]),
    "wide mHz": wide(["c_100mHz", "c_50.0mHz", "c_25mHz"], ["sigma_100mHz", "sigma_50mHz", "sigma_25mHz"], "\t"),
    "wide Hz": wide(["0.1Hz", "0.05Hz", "0.025Hz"], ["0.1Hz_err", "0.05Hz_err", "0.025Hz_err"], " "),
    "wide T": wide(["T10", "T20", "T40"], ["std_T10", "std_T20", "std_T40"], ";"),
}


@pytest.mark.parametrize("form", TABLES)
def test_tables(tmp_path, form):
    found = read_dispersion_map(write(tmp_path, TABLES[form]), kind="rayleigh_phase")
    check(found, sd="turned" not in form)
    assert found.source == "map.csv"


@pytest.mark.parametrize(
    "names",
    [
        ["R_10s.txt", "R_20s.txt", "R_40s.txt"],
        ["c_100mHz.xyz", "c_50.00mHz.xyz", "c_25mHz.xyz"],
        ["0.1Hz.dat", "0.05Hz.dat", "0.025Hz.dat"],
        ["ph_T010.xyz", "ph_T020.xyz", "ph_T040.xyz"],
        ["xie2013_10_sec", "xie2013_20_sec", "xie2013_40_sec"],
        ["map10p0s.txt", "map20p0s.txt", "map40p0s.txt"],
    ],
)
def test_a_file_per_period(tmp_path, names):
    folder = tmp_path / "xie"
    folder.mkdir()
    for p, name in enumerate(names):
        (folder / name).write_text(single(p))
    (folder / "README.md").write_text("from the authors")
    (folder / ".DS_Store").write_bytes(b"\0\1")
    found = read_dispersion_map(folder)
    check(found)
    assert found.source.startswith("xie (3 files, ") and names[0] in found.source
    alone = read_dispersion_map(folder / names[1])
    np.testing.assert_allclose(alone.period_s, [20])
    np.testing.assert_allclose(alone.phase_velocity_km_s[:, 0], C[:, 1])


def test_one_period_in_a_column(tmp_path):
    """A constant third column is the period where velocities follow it, a uniform map where errors do."""
    rows = "".join(f"{LON[i]} {LAT[i]} 5 {C[i, 0]} 0.02\n" for i in range(6))
    found = read_dispersion_map(write(tmp_path, rows, "anything.xyz"), kind="rayleigh_phase")
    assert found.period_s.tolist() == [5] and found.phase_velocity_km_s[:, 0].tolist() == C[:, 0].tolist()
    rows = "".join(f"{LON[i]} {LAT[i]} 3.5 0.02\n" for i in range(6))
    found = read_dispersion_map(write(tmp_path, rows, "R_20s.xyz"))
    assert found.period_s.tolist() == [20] and (found.sd_km_s == 0.02).all()


def test_points_that_a_period_lacks(tmp_path):
    (tmp_path / "R_10s.txt").write_text(single(0, sd=False))
    (tmp_path / "R_20s.txt.gz").write_bytes(gzip.compress("".join(single(1).splitlines(True)[2:4]).encode()))
    found = read_dispersion_map(tmp_path)
    assert found.phase_velocity_km_s.shape == (6, 2)
    assert np.isnan(found.phase_velocity_km_s[:, 1]).tolist() == [True, True, False, False, True, True]
    assert np.isnan(found.sd_km_s[:, 0]).all() and np.isfinite(found.sd_km_s[2:4, 1]).all()


def test_missing_values_in_all_their_forms(tmp_path):
    marks = [
        "NaN",
        "",
        "0",
        "-999",
        "9999",
        "999.99",
        "-9999.0",
        "99999.9",
        "-99",
        "NA",
        "1e30",
        "*****",
        "-",
        "inf",
        "999.0",
    ]
    rows = [f"{90 + i},25,{mark},3.5,{mark}" for i, mark in enumerate(marks)]
    found = read_dispersion_map(write(tmp_path, "\n".join(["lon,lat,c_10s,c_20s,sd_20s", *rows])))
    assert np.isnan(found.phase_velocity_km_s[:, 0]).all()
    assert (found.phase_velocity_km_s[:, 1] == 3.5).all() and found.sd_km_s is None


def test_columns_of_other_programs_are_no_errors(tmp_path):
    """The raw `period_Azm_tomo.inv` of DAzimSurfTomo: lon lat period c angle amplitude ..."""
    rows = [f"{row} 120.5 0.004 0.01 0.2" for row in long_rows(sd=False)]
    check(read_dispersion_map(write(tmp_path, "\n".join(rows), "period_Azm_tomo.inv")), sd=False)
    rows = [f"{row} 7 8" for row in single(1).splitlines()]
    assert read_dispersion_map(write(tmp_path, "\n".join(rows), "R_20s.xyz")).sd_km_s is None


def test_npz_and_netcdf(tmp_path):
    import h5py

    np.savez(
        tmp_path / "m.npz", longitude_deg=LON, latitude_deg=LAT, period_s=PERIOD, phase_velocity_km_s=C, sd_km_s=SD
    )
    check(read_dispersion_map(tmp_path / "m.npz"))
    with h5py.File(tmp_path / "m.nc", "w") as file:
        file["longitude"], file["latitude"] = LON[:3], LAT[[0, 3]]
        file["frequency_mhz"] = 1000 / PERIOD
        packed = np.rint(C.T.reshape(3, 2, 3) * 100).astype(np.int16)
        packed[1, 1, 2] = -32768
        file["phase_velocity"] = packed
        for axis, name in enumerate(("frequency_mhz", "latitude", "longitude")):
            file[name].make_scale(name)
            file["phase_velocity"].dims[axis].attach_scale(file[name])
        file["phase_velocity"].attrs.update({"scale_factor": 0.01, "_FillValue": np.array([-32768], np.int16)})
    found = read_dispersion_map(tmp_path / "m.nc")
    expected = C.copy()
    expected[5, 1] = np.nan
    np.testing.assert_allclose(found.phase_velocity_km_s, expected)
    np.testing.assert_allclose(found.longitude_deg, LON)
    np.savez(tmp_path / "n.npz", lon=LON, lat=LAT, phase_velocity=C)
    with pytest.raises(ZooError, match="expected period_s, frequency_hz"):
        read_dispersion_map(tmp_path / "n.npz")
    np.savez(tmp_path / "n.npz", lon=LON, lat=LAT, period_s=PERIOD, phase_velocity=C.T)  # as many points as rows
    np.testing.assert_allclose(read_dispersion_map(tmp_path / "n.npz").phase_velocity_km_s, C)
    np.savez(tmp_path / "n.npz", lon=LON, lat=LAT, period_s=PERIOD, phase_velocity=C[:, :2])
    with pytest.raises(ZooError, match=r"shape \(6, 2\), expected \(6, 3\)"):
        read_dispersion_map(tmp_path / "n.npz")
    (tmp_path / "n.npz").write_bytes((tmp_path / "m.npz").read_bytes()[:300])
    with pytest.raises(ZooError, match="cut short"):
        read_dispersion_map(tmp_path / "n.npz")
    with pytest.raises(ZooError, match="old.nc"):
        read_dispersion_map(write(tmp_path, b"CDF\x01" + bytes(40), "old.nc"))


def test_latitude_first_is_seen_by_its_range(tmp_path):
    turned = "".join(" ".join(np.array(row.split())[[1, 0, 2, 3]]) + "\n" for row in long_rows())
    check(read_dispersion_map(write(tmp_path, turned), kind="rayleigh_phase"), sd=False)


REFUSED = {
    "metres per second": (text().replace(" 3.4 ", " 3400 "), "line 16: velocity 3400; expected 0.5 to 8 km/s"),
    "all in m/s": (wide(["10s", "20s", "40s"]).replace("2.", "2900.").replace("3.", "3400."), "looks like m/s"),
    "per cent": (text().replace(" 2.9 ", " -1.2 "), "deviation from a reference"),
    "sd in m/s": (text().replace(" 0.02\n", " 20\n"), "not in m/s or per cent"),
    "longitude": (text().replace("98.5", "398.5"), "line 2: a longitude is outside"),
    "no coordinate": (text("lon,lat,period_s,c,sd", ",").replace("\n98,", "\n,", 1), "line 2: a coordinate is missing"),
    "duplicate": (text() + "98 25 20 3.3 0.02\n", "line 19: the point 98 25 at 20 s is there already .*line 13"),
    "ragged": (text().replace("98.5 25 10", "98.5 25 10 1"), "line 8: 6 columns, expected 5"),
    "cut line": (text()[:-8], "line 18: 4 columns, expected 5.*cut short"),
    "a word": (text().replace("99 25 10", "99 25 ten"), "line 9, column 3: 'ten' is not a number"),
    "a word at first": (text().replace("98 25 40", "98 25 4O", 1), "line 1, column 3: '4O' is not a number"),
    "empty": ("# nothing\n", "holds no line of numbers"),
    "header alone": ("lon,lat,period,c\n", "nothing below"),
    "nothing but missing": ("lon,lat,10s\n98,25,NaN\n98,26,-999\n", "every value is missing"),
    "no latitude": ("lon,period,c\n98,20,3.4\n", "a latitude .*missing"),
    "comment about other columns": ("# lat lon c (km/s)\n30 40 3.1\n", "names 4 columns, 3 follow"),
    "two columns": ("98 25\n98 26\n", "2 columns, expected at least 3"),
    "two velocities": ("lon,lat,period,c,vel\n98,25,20,3.4,3.4\n", "more than one column for the velocity"),
    "no velocity": ("lon,lat,period,elevation\n98,25,20,3.4\n", "expected a phase_velocity"),
    "frequency without unit": (text("lon,lat,frequency,c,sd", ","), "frequency_hz or frequency_mhz"),
    "wide, bare numbers": (wide(["10", "20", "40"]), "column '10' states no period with its unit"),
    "wide, twice": (wide(["10s", "20s", "c_100mHz"]), "'10s' and 'c_100mhz' are for the same period"),
    "period missing": (text("lon,lat,period_s,c,sd", ",").replace(",40,", ",,", 1), "line 2: the period is missing"),
    "impossible period": (text("lon,lat,period_s,c,sd", ",", axis=PERIOD * 1000), "line 2: a period of 40000 s"),
    "zero frequency": (text("lon,lat,frequency_hz,c,sd", ",", axis=PERIOD * 0), "a period of inf s"),
    "binary": (b"\x00\x01\x02" * 50, "neither text"),
    "damaged gzip": (gzip.compress(text().encode())[:60], "cut short or damaged"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_what_is_refused(tmp_path, fault):
    content, message = REFUSED[fault]
    with pytest.raises(ZooError, match=message) as refusal:
        read_dispersion_map(write(tmp_path, content), kind="rayleigh_phase")
    assert "map.csv" in str(refusal.value)


@pytest.mark.parametrize("name", ["R20.txt", "20.xyz", "c_12.5.txt", "map.txt", "R_10s_and_20s.txt", "R_5-40s.txt"])
@pytest.mark.parametrize("sd", [False, True])
def test_a_name_without_a_clear_period_says_how_to_rename_it(tmp_path, name, sd):
    with pytest.raises(ZooError, match=f"{name}: the name states .* period.*R_20s or c_12.5mHz"):
        read_dispersion_map(write(tmp_path, single(1, sd), name))


def test_folders_that_are_no_map(tmp_path):
    with pytest.raises(ZooError, match="holds no files"):
        read_dispersion_map(tmp_path)
    write(tmp_path, single(1), "R_20s.txt")
    write(tmp_path, single(1), "copy_20s.txt")
    with pytest.raises(
        ZooError, match=r"copy_20s.txt, line 1: the point 98 25 at 20 s .*R_20s.txt, line 1.*one kind of wave"
    ):
        read_dispersion_map(tmp_path)
    with pytest.raises(ZooError, match="Cannot read .*gone"):
        read_dispersion_map(tmp_path / "gone.csv")
    with pytest.raises(ZooError, match="is a folder"):
        read_thickness_map(tmp_path)


def globe(step=1.0):
    """A smooth thickness at the cell centres of the whole Earth."""
    lon, lat = np.meshgrid(np.arange(-180 + step / 2, 180, step), np.arange(90 - step / 2, -90, -step))
    return lon.ravel(), lat.ravel(), smooth(lon.ravel(), lat.ravel())


def smooth(lon, lat):
    return 35 + 10 * np.cos(np.radians(lon - 90)) * np.cos(np.radians(lat)) + lat / 20


def test_a_global_grid_is_interpolated_across_every_meridian():
    crust = ThicknessMap(*(v.astype(np.float32) for v in globe()), "made here")
    rng = np.random.default_rng(0)
    lon, lat = rng.uniform(-180, 360, 10_000), rng.uniform(-89.5, 89.5, 10_000)
    crust.at(0, 0)
    start = time.thread_time()  # its own work, whatever else the machine does
    found = crust.at(lon, lat)
    assert time.thread_time() - start < 0.1
    np.testing.assert_allclose(found, smooth(lon, lat), atol=2e-3)
    np.testing.assert_allclose(crust.at([-180, 180, -0.25], 10), crust.at([180, -180, 359.75], 10))
    assert crust.at(0, 90) == crust.at(0, 89.5) and np.isfinite(crust.at(0, -90))
    assert crust.at(np.zeros((2, 3)), 5.0).shape == (2, 3)
    assert np.isnan(crust.at([np.nan, 3, 3], [0, np.nan, 95])).all()


def test_a_regional_grid_across_the_date_line_with_a_hole():
    lon, lat = np.meshgrid([178, 179, 180, -179, -178], [10.0, 11, 12])
    values = np.arange(15.0).reshape(3, 5) + 20
    keep = np.ones((3, 5), bool)
    keep[1, 3] = False
    crust = ThicknessMap(lon[keep], lat[keep], values[keep], "made here")
    assert crust.at(178.5, 10) == 20.5 and crust.at(-178.5, 10) == crust.at(181.5, 10) == 23.5
    assert crust.at(180, 10.5) == 24.5
    assert crust.at(177.6, 9.6) == 20 and crust.at(-177.6, 12.4) == 34  # the outer half of the outermost cells
    assert np.isnan(crust.at([177.4, -177.4, 179, 179, 0], [11, 11, 9.4, 12.6, 11])).all()
    assert np.isnan(crust.at(-179, 11)) and np.isnan(crust.at(-179.2, 11.3))
    assert crust.at(-179.8, 11.0) == 27  # beside the hole: the nearest cell
    assert crust.at(-179, 10) == 23  # on a line of the grid the hole takes no part


def test_scattered_stations():
    rng = np.random.default_rng(1)
    lon, lat = rng.uniform(95, 110, 300), rng.uniform(20, 35, 300)
    crust = ThicknessMap(lon, lat, smooth(lon, lat), "stations")
    np.testing.assert_array_equal(crust.at(lon - 360, lat), smooth(lon, lat))
    np.testing.assert_array_equal(crust.at(lon + 1e-3, lat), smooth(lon, lat))
    assert np.isnan(crust.at([120, 90, np.nan], [25, 25, 25])).all()
    assert np.isnan(ThicknessMap(lon, lat, lon * np.nan, "nothing known").at(lon, lat)).all()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (" long   lat     thk\n{}", "crsthk.xyz"),
        ("{}", "cub2.xyz"),
        ("# lat lon moho\n{turned}", "zjs.txt"),
        ("longitude,latitude,crustal_thickness_km,sd_km\n{comma}", "crust.csv"),
        ("lon lat depth\n{}", "any.txt"),
        ("longitude_deg,latitude_deg,crustal_thickness_km,lower_68_km,flag\n{flagged}", "thickness.csv"),
    ],
)
def test_thickness_tables(tmp_path, content, name):
    lon, lat, km = globe(10.0)
    rows = [f"{a} {b} {c:.4f}" for a, b, c in zip(lon, lat, km, strict=True)]
    rows[7] = rows[7].rsplit(" ", 1)[0] + " -999"
    forms = {
        "comma": "\n".join(row.replace(" ", ",") + ",1.5" for row in rows),
        "flagged": "\n".join(row.replace(" ", ",") + ",," + "unfamiliar" * (i > 5) for i, row in enumerate(rows)),
        "turned": "\n".join(" ".join(np.array(row.split())[[1, 0, 2]]) for row in rows),
    }
    found = read_thickness_map(write(tmp_path, content.format("\n".join(rows), **forms), name))
    km[7] = np.nan
    np.testing.assert_allclose(found.thickness_km, km, atol=1e-4)
    np.testing.assert_allclose(found.longitude_deg, lon)
    assert found.source == name and found.at(5.0, 5.0) == pytest.approx(smooth(5, 5), abs=1e-4)


def test_one_station_counts_for_its_own_place(tmp_path):
    found = read_thickness_map(write(tmp_path, "station,lon,lat,moho\nAB1,98,29,35\n", "zjs.csv"))
    np.testing.assert_array_equal(found.at([98, 98.01, 10], [29, 29, 29]), [35, np.nan, np.nan])


def test_thickness_in_netcdf(tmp_path):
    import h5py

    lon, lat, km = globe(10.0)
    with h5py.File(tmp_path / "crust.nc", "w") as file:
        file["longitude"], file["latitude"], file["crustal_thickness_km"] = lon, lat, km
        file["thickness_sd_km"] = km / 20
        file.attrs["title"] = "points"
    np.testing.assert_allclose(read_thickness_map(tmp_path / "crust.nc").thickness_km, km)
    with h5py.File(tmp_path / "grid.nc", "w") as file:
        file["longitude"], file["latitude"] = lon[:36], lat[::36]
        file["crustal_thickness_km"] = km.reshape(18, 36)
    found = read_thickness_map(tmp_path / "grid.nc")
    np.testing.assert_allclose(found.thickness_km, km)
    np.testing.assert_allclose(found.latitude_deg, lat)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("98 25 35000\n98 26 36000\n", "line 1: thickness 35000; expected 0.5 to 150 km. It looks like m:"),
        ("98 25 -35\n98 26 -36\n", "looks like an elevation"),
        ("98 25 35\n98 26 36\n98 25 35\n", "line 3: the point 98 25 is there already .line 1"),
        ("lon,lat,a,b\n98,25,35,1\n", "name the thickness"),
        ("98 25 35\n98 26\n", "line 2: 2 columns, expected 3.*cut short"),
        ("25 98 35\n26 98 35\n", "swapped"),
        ("98 25 -999\n98 26 NaN\n", "every value is missing"),
        ("lon lat depth\n98 25 35\n98 26 3S\n", "line 3, column 3: '3S' is not a number"),
        ("station,lon,lat,moho\nAB1,98,25,35\nAB2,98,26,3S\n", "line 3, column 4: '3S' is not a number"),
    ],
)
def test_thickness_that_is_refused(tmp_path, content, message):
    with pytest.raises(ZooError, match=message):
        read_thickness_map(write(tmp_path, content, "crust.xyz"))


def test_sediments_may_be_zero(tmp_path):
    path = write(tmp_path, "long lat sed_thick\n98 25 0.00\n99 25 1.5\n", "sedthk.xyz")
    assert read_thickness_map(path, minimum_km=0).thickness_km.tolist() == [0, 1.5]
    assert np.isnan(read_thickness_map(path).thickness_km[0])


def test_the_real_map_of_yunnan(real_data):
    found = read_dispersion_map(real_data / "phase_velocity" / "yunnan_liu2019_rayleigh.csv")
    assert found.phase_velocity_km_s.shape == (360, 36) and found.sd_km_s is None
    assert found.period_s.tolist() == list(range(5, 41))
    assert np.isfinite(found.phase_velocity_km_s).all()
    assert found.phase_velocity_km_s[0, 0] == 3.1567 and found.phase_velocity_km_s[-1, -1] == 3.8993
    # Its source has per cent of a mean in the place of the velocity.
    with pytest.raises(ZooError, match="deviation from a reference"):
        read_dispersion_map(real_data / "phase_velocity" / "yunnan_liu2019_period_azimuthal.inv")


def test_the_real_crust1(real_data):
    crust = read_thickness_map(real_data / "crust1" / "crsthk.xyz")
    assert len(crust.thickness_km) == 64_800
    np.testing.assert_array_equal(crust.at(crust.longitude_deg, crust.latitude_deg), crust.thickness_km)
    assert crust.at(90.5, 30.5) == 71.4 and crust.at(103.5 - 360, 30.5) == pytest.approx(47.72)  # Tibet, Sichuan
    assert crust.at(180, 0.5) == pytest.approx((6.79 + 6.85) / 2)  # the Pacific, between the file's ends

"""From a map of phase velocities to a map of crustal thickness, with a small network trained here on real curves."""

from __future__ import annotations

import csv
import re
import shlex

import h5py
import numpy as np
import pytest

import zoo
from zoo import registry
from zoo.crust.crust_map import FLAGS
from zoo.crust.inversion import invert, read_map, read_reference
from zoo.crust.maps import DispersionMap, ThicknessMap, read_thickness_map, regular_grid
from zoo.crust.periods import match_periods
from zoo.crust.physics.earth import prem
from zoo.crust.physics.prior import EarthPrior, draw_dispersion
from zoo.crust.physics.rayleigh import phase_velocity
from zoo.data import builders, datasets
from zoo.errors import ZooError

DATASET = "prem_dispersion/mini"
FREQUENCY_HZ = np.arange(10, 35.01, 1.25) / 1e3


@pytest.fixture(scope="module")
def mini(dispersion_dataset):
    return dispersion_dataset


@pytest.fixture(scope="module")
def model(mini, tmp_path_factory, without_xla):
    out = tmp_path_factory.mktemp("runs") / "mdn_crust.small"
    return zoo.load(zoo.recipe("mdn_crust").train(out=out, data_dir=mini, smoke=True, settings={"epochs": 15}))


@pytest.fixture(scope="module")
def untrained(mini):
    """Recipe name -> its model with frequencies, scaling and error bars of the dataset, before `fit`."""

    def make(name):
        recipe = registry.recipe_module(name).RECIPE
        settings = recipe.choose("", recipe.smoke)
        made = recipe.create(settings)
        records = datasets.arrays(DATASET, "train", mini)
        recipe.before_fit(made, records, settings, datasets.metadata(DATASET, mini))
        if recipe.measure:
            recipe.measure(made, records, settings)
        return made

    return make


@pytest.fixture(scope="module")
def truth(mini):
    """Curves (n, F) ascending in period, and their thickness."""
    records = datasets.arrays(DATASET, "test", mini)
    return records["phase_velocity_km_s"][:, ::-1].astype(np.float64), records["moho_depth_km"].astype(np.float64)


def velocity_map(curves, sd=None, period_s=None, shape=None):
    """A map of 0.5 degrees: `shape` (lat, lon) points, by default one row of longitudes on two latitudes."""
    rows, columns = shape or (2, len(curves) // 2)
    latitude, longitude = (v.ravel() for v in np.mgrid[0:rows, 0:columns] * 0.5)
    period_s = 1 / FREQUENCY_HZ[::-1] if period_s is None else np.asarray(period_s, float)
    return DispersionMap(longitude + 100, latitude + 30, period_s, np.asarray(curves), sd, "test.csv")


def test_thickness_follows_the_truth_with_its_uncertainty(model, truth):
    curves, moho_km = (part[:600] for part in truth)
    noisy = curves * (1 + 0.005 * np.random.default_rng(0).standard_normal(curves.shape))
    crust = invert(velocity_map(noisy, shape=(20, 30)), model)
    error = crust.thickness_km - moho_km
    assert np.corrcoef(crust.thickness_km, moho_km)[0, 1] > 0.85
    assert np.sqrt(np.mean(error**2)) < 0.55 * moho_km.std()
    assert 0.6 < np.std(error / crust.sd_km) < 1.5
    assert np.mean((crust.lower_95_km < moho_km) & (moho_km < crust.upper_95_km)) > 0.85
    order = [crust.lower_95_km, crust.lower_68_km, crust.upper_68_km, crust.upper_95_km]
    assert (np.diff(order, axis=0) > 0).all()
    assert crust.counts()["no_data"] == crust.counts()["missing_periods"] == 0
    assert "600 points (grid 20 x 30)" in crust.report() and "0.5 %" in crust.report()


def test_points_do_not_depend_on_their_order_nor_on_their_neighbours(model, truth):
    curves = truth[0][:40]
    whole = invert(velocity_map(curves), model)
    order = np.random.default_rng(1).permutation(40)[:20]
    part = velocity_map(curves)
    some = DispersionMap(
        part.longitude_deg[order], part.latitude_deg[order], part.period_s, curves[order], None, "part"
    )
    again = invert(some, model)
    np.testing.assert_allclose(again.thickness_km, whole.thickness_km[order], atol=0.01)
    np.testing.assert_allclose(again.longitude_deg, whole.longitude_deg[order])


def test_doubtful_points_are_flagged(model, truth):
    curves, moho_km = truth
    middle = curves[np.argsort(np.abs(moho_km - 55))[:20]].copy()
    middle[0, :3] = np.nan
    middle[1, ::2] = np.nan  # 11 of 21 are missing
    middle[2] = np.nan
    middle[3] += 0.6 * np.cos(np.arange(21))
    middle[4] = curves[np.argmin(moho_km)]
    crust = invert(velocity_map(middle), model)
    named = {name: (crust.flag & bit > 0) for name, bit in FLAGS.items()}
    np.testing.assert_array_equal(np.flatnonzero(named["missing_periods"]), [0, 1])
    np.testing.assert_array_equal(crust.missing_periods[:4], [3, 11, 21, 0])
    np.testing.assert_array_equal(np.flatnonzero(named["no_data"]), [1, 2])
    assert np.isnan(crust.thickness_km[1:3]).all() and np.isnan(crust.sd_km[1:3]).all()
    assert named["out_of_distribution"][3] and crust.unfamiliarity[3] > 1 and not named["out_of_distribution"][5:].any()
    assert named["at_prior_edge"][4] and not named["at_prior_edge"][5:].any()
    counts = crust.counts()
    assert counts["ok"] == 15 == np.sum(crust.flag == 0) and counts["no_data"] == 2
    assert "15 ok, 2 missing_periods" in crust.report() and "2 no_data" in crust.report()


def test_error_bars_of_the_map_decide_and_missing_ones_are_filled(model, truth):
    curves = truth[0][:20]
    sharp, blurred = (invert(velocity_map(curves, sd=part * curves), model) for part in (0.002, 0.03))
    assert (blurred.sd_km > sharp.sd_km).mean() > 0.9
    default = invert(velocity_map(curves), model)
    same = invert(velocity_map(curves, sd=0.005 * curves), model)
    np.testing.assert_allclose(same.sd_km, default.sd_km, rtol=1e-3)
    asked = invert(velocity_map(curves), model, noise_relative=0.03)
    np.testing.assert_allclose(asked.sd_km, blurred.sd_km, rtol=1e-3)
    holes = np.where(np.arange(21) == 4, np.nan, 0.005 * curves)
    np.testing.assert_allclose(invert(velocity_map(curves, sd=holes), model).sd_km, default.sd_km, rtol=1e-3)
    with pytest.raises(ZooError, match="like 0.01"):
        invert(velocity_map(curves), model, noise_relative=1.0)


def test_near_periods_are_taken_and_others_interpolated_between_neighbours_only():
    exact = phase_velocity(prem(), FREQUENCY_HZ)
    coarse = FREQUENCY_HZ[::2]
    given = phase_velocity(prem(), coarse)[::-1]
    velocities = velocity_map(np.tile(given, (4, 1)), sd=np.full((4, 11), 0.02), period_s=1 / coarse[::-1] * 1.004)
    found, sd, interpolated = match_periods(velocities, FREQUENCY_HZ)
    np.testing.assert_array_equal(found[0, ::2], given[::-1].astype(np.float32))
    np.testing.assert_array_equal(np.flatnonzero(interpolated), np.arange(1, 20, 2))
    np.testing.assert_allclose(found[0], exact, rtol=2e-3)
    np.testing.assert_allclose(sd, 0.02, rtol=1e-6)


def test_nothing_is_extrapolated_nor_drawn_across_wide_gaps():
    every_third = FREQUENCY_HZ[3:-2:3]  # 13.75 to 32.5 mHz
    curves = np.full((4, len(every_third)), 3.8)
    found, _, interpolated = match_periods(velocity_map(curves, period_s=1 / every_third[::-1]), FREQUENCY_HZ)
    assert not interpolated[FREQUENCY_HZ > 0.0326].any() and not interpolated[FREQUENCY_HZ < 0.0137].any()
    assert np.isnan(found[:, [0, 1, 2, -1, -2]]).all()
    # In log period every third of the low frequencies is too far; where the steps are finer, still near enough.
    assert np.isnan(found[:, 4]).all()


def test_a_hole_in_the_data_of_a_point_stays_one():
    curves = np.full((4, 21), 3.8)
    curves[0, 10] = curves[1, 3] = np.nan
    found, _, _ = match_periods(velocity_map(curves), FREQUENCY_HZ)
    assert np.isnan(found[0, 10]) and np.isnan(found[1, 17]) and np.isnan(found).sum() == 2
    # Between the map's own periods, a point that lacks one of the two neighbours has no value either.
    shifted = match_periods(velocity_map(curves, period_s=1 / (FREQUENCY_HZ[::-1] * 1.025)), FREQUENCY_HZ)[0]
    assert np.isnan(shifted[0]).sum() == np.isnan(shifted[2]).sum() + 2


def test_periods_that_do_not_fit_say_which_commands_make_a_model_that_does(model, truth, tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_CHECKPOINTS", str(tmp_path))
    short = velocity_map(np.full((4, 36), 3.4), period_s=np.arange(5, 41))
    with pytest.raises(ZooError, match="no point has data at half") as caught:
        invert(short, model)
    text = str(caught.value)
    prepare, train = re.search("zoo (prepare .*?) and then zoo (train .*)$", text).groups()
    words = shlex.split(prepare)
    assert words[:3] == ["prepare", "prem_dispersion/NAME", "--set"] and "minutes" in text
    config = builders.builder_class("prem_dispersion").custom_config("own", dict(w.split("=") for w in words[3:]))
    np.testing.assert_allclose(1 / np.array(config.frequency_hz), np.arange(40, 4, -1))
    assert config.models == 300_000 and config.earth_prior().moho_km == tuple(model.moho_range_km)
    recipe = zoo.recipe("mdn_crust").recipe
    assert train.startswith("train mdn_crust --set dataset=prem_dispersion/NAME --out checkpoints/mdn_crust.NAME")
    assert recipe.choose("", {"dataset": "prem_dispersion/NAME"})["dataset"] == "prem_dispersion/NAME"

    fitting = registry.recipe_module("mdn_crust").MDNCrust(8, 1, 2)
    fitting.configure(1 / np.arange(40, 4, -1.0), (15, 80))
    zoo.save(fitting, tmp_path / "mdn_crust.fits", "A model of short periods.")
    with pytest.raises(ZooError, match="Use --model mdn_crust.fits"):
        invert(short, model)


def test_the_relative_error_is_that_of_prem_with_the_inverted_crust(model, truth):
    curves = truth[0][:20].copy()
    curves[2, 4:9] = np.nan
    crust = invert(velocity_map(curves), model)
    for point in (0, 2):
        f, c = crust.frequency_hz, crust.phase_velocity_km_s[point]
        present = np.isfinite(c)
        calculated = phase_velocity(prem(moho_depth_km=crust.thickness_km[point]), f[present]).mean()
        expected = abs(calculated - c[present].mean()) / c[present].mean()
        assert crust.relative_error[point] == pytest.approx(expected, abs=2e-5)
    assert crust.mean_relative_error["inverted"] == pytest.approx(crust.relative_error.mean())
    constant = np.mean(crust.thickness_km)
    whole = np.isfinite(crust.phase_velocity_km_s).all(axis=1)
    calculated = phase_velocity(prem(moho_depth_km=constant), f).mean()
    observed = crust.phase_velocity_km_s[whole].mean(axis=1)
    assert crust.mean_relative_error["constant"] == pytest.approx(
        np.mean(np.abs(calculated - observed) / observed), rel=0.05
    )


def test_eq_4_finds_no_error_where_the_earth_is_prem(model):
    curve = phase_velocity(prem(moho_depth_km=45.0), FREQUENCY_HZ)[::-1]
    here = velocity_map(np.tile(curve, (4, 1)))
    reference = ThicknessMap(here.longitude_deg, here.latitude_deg, np.full(4, 45.0) + [0, 0, 0, 1e-9], "made")
    crust = invert(here, model, reference=reference, reference_name="made")
    assert crust.mean_relative_error["made"] < 1e-5 < crust.mean_relative_error["inverted"]
    assert crust.comparison.scores["correlation"] is None  # no variation, no correlation


def test_comparison_with_a_reference(model, truth):
    curves, moho_km = (part[:40] for part in truth)
    here = velocity_map(curves)
    reference = ThicknessMap(here.longitude_deg[:30], here.latitude_deg[:30], moho_km[:30], "true")
    crust = invert(here, model, reference=reference, reference_name="true")
    scores = crust.comparison.scores
    difference = crust.thickness_km[:30] - moho_km[:30]
    assert scores["points"] == 30
    assert scores["rms_km"] == pytest.approx(np.sqrt(np.mean(difference**2)))
    assert scores["bias_km"] == pytest.approx(difference.mean())
    assert scores["correlation"] == pytest.approx(np.corrcoef(crust.thickness_km[:30], moho_km[:30])[0, 1])
    inside = (crust.lower_68_km[:30] <= moho_km[:30]) & (moho_km[:30] <= crust.upper_68_km[:30])
    assert scores["inside_68"] == pytest.approx(inside.mean()) and scores["inside_95"] >= scores["inside_68"]
    assert scores["z_sd"] == pytest.approx(np.std(difference / crust.sd_km[:30]))
    assert "against true, 30 points" in crust.report() and "true" in crust.mean_relative_error
    far = ThicknessMap(here.longitude_deg + 100, here.latitude_deg, moho_km, "far")
    with pytest.raises(ZooError, match="covers 0 of the map's points"):
        invert(here, model, reference=far, reference_name="far")


def test_files_of_a_grid_hold_the_map_with_units(model, truth, tmp_path):
    curves, moho_km = (part[:24].copy() for part in truth)
    curves[5] = np.nan
    here = velocity_map(curves, shape=(4, 6))
    reference = ThicknessMap(here.longitude_deg, here.latitude_deg, moho_km, "true")
    crust = invert(here, model, reference=reference, reference_name="true")
    folder = crust.write(tmp_path / "out")
    with h5py.File(folder / "thickness.nc") as file:
        thickness = file["crustal_thickness_km"]
        assert thickness.shape == (4, 6) and thickness.attrs["units"] == b"km"
        assert [dimension[0].name for dimension in thickness.dims] == ["/latitude", "/longitude"]
        np.testing.assert_allclose(thickness[:].ravel(), crust.thickness_km, rtol=1e-6)
        assert np.isnan(thickness[0, 5]) and file["flag"][0, 5] == FLAGS["no_data"]
        masks, meanings = file["flag"].attrs["flag_masks"], file["flag"].attrs["flag_meanings"].decode().split()
        assert dict(zip(meanings, masks.tolist(), strict=True)) == FLAGS
        expected = {"standard_deviation_km", "lower_68_km", "upper_68_km", "relative_error", "unfamiliarity", "flag"}
        assert expected <= set(file) and file["longitude"].attrs["units"] == b"degrees_east"
        assert file.attrs["Conventions"].startswith(b"CF-")
    again = read_thickness_map(folder / "thickness.nc")
    near = again.at(here.longitude_deg, here.latitude_deg)
    np.testing.assert_allclose(np.delete(near, 5), np.delete(crust.thickness_km, 5), rtol=1e-5)
    with open(folder / "thickness.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 24 and rows[5]["flag"] == "no_data" and rows[5]["crustal_thickness_km"] == ""
    assert float(rows[6]["crustal_thickness_km"]) == pytest.approx(crust.thickness_km[6], rel=1e-4)
    names = "overview phase_velocity dispersion thickness uncertainty relative_error comparison".split()
    for name in names:
        assert (folder / f"{name}.png").stat().st_size > 10_000
    assert zoo.files.read_json(folder / "summary.json", "summary")["comparison"]["points"] == 23


def test_netcdf_is_netcdf_to_the_netcdf_library(model, truth, tmp_path):
    netcdf = pytest.importorskip("netCDF4")
    invert(velocity_map(truth[0][:24], shape=(4, 6)), model)._write_netcdf(tmp_path / "map.nc")
    with netcdf.Dataset(tmp_path / "map.nc") as file:
        assert file["crustal_thickness_km"].dimensions == ("latitude", "longitude")
        assert file["flag"].flag_meanings.split() == list(FLAGS)
        assert 20 < file["crustal_thickness_km"][:].mean() < 100


def test_scattered_points_and_jumps_at_the_date_line(model, truth, tmp_path):
    rng = np.random.default_rng(2)
    longitude = np.where(rng.random(20) < 0.5, 180 - 5 * rng.random(20), -180 + 5 * rng.random(20))
    latitude = 10 * rng.random(20)
    period_s = 1 / FREQUENCY_HZ[::-1]
    crust = invert(DispersionMap(longitude, latitude, period_s, truth[0][:20], None, "scattered"), model)
    assert crust.grid is None and np.ptp(crust.longitude_deg) < 10
    np.testing.assert_allclose((crust.longitude_deg - longitude) % 360 % 360, 0, atol=1e-9)
    folder = crust.write(tmp_path)
    with h5py.File(folder / "thickness.nc") as file:
        assert file["crustal_thickness_km"].dims[0][0].name == "/point"
        assert file["crustal_thickness_km"].attrs["coordinates"] == b"latitude longitude"
        np.testing.assert_allclose(file["latitude"][:], latitude)
    assert (folder / "overview.png").stat().st_size > 10_000


def test_regular_grids_are_recognised():
    latitude, longitude = (v.ravel() for v in np.mgrid[20:30:0.25, 100:104:0.25])
    kept = np.random.default_rng(0).random(len(latitude)) < 0.6
    lines = regular_grid(longitude[kept], latitude[kept])
    np.testing.assert_allclose(lines[0], np.arange(100, 104, 0.25))
    np.testing.assert_allclose(lines[1][lines[2] // len(lines[0])], latitude[kept])
    np.testing.assert_allclose(lines[0][lines[2] % len(lines[0])], longitude[kept])
    assert regular_grid(longitude + 0.3 * latitude, latitude) is None
    assert regular_grid(np.tile(longitude, 2), np.tile(latitude, 2)) is None  # each cell twice
    assert regular_grid(longitude[:10], np.full(10, 30.0)) is None


@pytest.mark.parametrize("name", ["ssae_crust", "joint_crust"])
def test_other_crust_models_answer_too(name, untrained, truth, tmp_path):
    model = untrained(name)
    curves = truth[0][:24].copy()
    curves[3, 5] = np.nan
    crust = invert(velocity_map(curves, sd=0.01 * curves, shape=(4, 6)), model)
    if name == "ssae_crust":  # takes no curve with a hole, and no error bars
        assert crust.flag[3] == FLAGS["missing_periods"] | FLAGS["no_data"]
        assert "takes no error bars" in crust.report()
        with pytest.raises(ZooError, match="Use mdn_crust"):
            invert(velocity_map(np.where(np.arange(21) == 2, np.nan, curves)), model)
    else:
        assert crust.vs_km_s.shape == (24, len(crust.depth_km)) and np.isfinite(crust.vs_km_s).all()
        crust._write_netcdf(tmp_path / "map.nc")
        with h5py.File(tmp_path / "map.nc") as file:
            vs = file["vs_mean_km_s"]
            assert [d[0].name for d in vs.dims] == ["/depth", "/latitude", "/longitude"]
            np.testing.assert_allclose(vs[:, 1, 2], crust.vs_km_s[8], rtol=1e-6)


def test_wrong_units_and_wrong_models_are_refused(model, truth):
    with pytest.raises(ZooError, match="divide by 1000"):
        invert(velocity_map(1000 * truth[0][:20]), model)
    with pytest.raises(ZooError, match="answers microseismic.traces; expected crust.thickness"):
        invert(velocity_map(truth[0][:20]), "cvae_emulator.marine")
    group = invert(velocity_map(0.65 * truth[0][:20]), model)
    assert any("group" in warning for warning in group.warnings)


def test_maps_and_references_by_the_name_of_a_dataset(truth, tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_DATA_DIR", str(tmp_path / "datasets"))
    here = velocity_map(truth[0][:20])
    table = tmp_path / "map.csv"
    rows = [
        f"{x},{y},{p:.4f},{c:.4f}"
        for x, y, curve in zip(here.longitude_deg, here.latitude_deg, here.phase_velocity_km_s, strict=True)
        for p, c in zip(here.period_s, curve, strict=True)
    ]
    table.write_text("lon,lat,period_s,phase_velocity_km_s\n" + "\n".join(rows) + "\n")
    datasets.prepare("phase_velocity_maps/mine", settings={"file": str(table)})
    found, direct = read_map("phase_velocity_maps/mine"), read_map(table)
    np.testing.assert_allclose(found.phase_velocity_km_s, direct.phase_velocity_km_s, rtol=1e-6)
    np.testing.assert_allclose(found.longitude_deg, here.longitude_deg)
    assert found.sd_km_s is None and list(found.period_s) == list(direct.period_s)
    with pytest.raises(ZooError, match="Did you mean yunnan_liu2019"):
        read_map("phase_velocity_maps/yunnan_liu2018")
    with pytest.raises(ZooError, match="not prepared"):
        read_reference("crust1")
    (tmp_path / "known.xyz").write_text("100 30 40\n100.5 30 41\n100 30.5 42\n100.5 30.5 43\n")
    assert read_reference(tmp_path / "known.xyz").at(100.5, 30.5) == 43


def test_yunnan_against_crust1(real_data):
    if "mdn_crust.short_period" not in registry.list_models():
        pytest.skip("no checkpoint mdn_crust.short_period")
    velocities = read_map(real_data / "phase_velocity" / "yunnan_liu2019_rayleigh.csv")
    reference = read_reference(real_data / "crust1" / "crsthk.xyz")
    crust = invert(velocities, "mdn_crust.short_period", reference=reference, reference_name="crust1")
    assert crust.comparison.scores["points"] == 360
    assert crust.comparison.scores["correlation"] > 0.6 and crust.comparison.scores["rms_km"] < 9


def test_a_synthetic_map_of_a_known_moho_is_found_again(model):
    import dataclasses

    moho_km = np.linspace(35, 70, 24)
    curves = [
        draw_dispersion(dataclasses.replace(EarthPrior(), moho_km=(m, m)), FREQUENCY_HZ, np.zeros(0), 5, i, 1)
        for i, m in enumerate(moho_km)
    ]
    curves = np.concatenate([drawn["phase_velocity_km_s"] for drawn in curves])[:, ::-1]
    here = velocity_map(curves, shape=(4, 6))
    reference = ThicknessMap(here.longitude_deg, here.latitude_deg, moho_km, "truth")
    crust = invert(here, model, reference=reference, reference_name="truth")
    assert crust.comparison.scores["correlation"] > 0.6 and abs(crust.comparison.scores["bias_km"]) < 8

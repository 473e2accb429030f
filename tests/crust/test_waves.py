"""The shipped model of surface waves: any periods, kinds and gaps; calibration; wrong kinds; single curves and maps."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

import zoo
from zoo.crust.familiar import familiarity
from zoo.crust.inversion import invert, read_map
from zoo.crust.maps import DispersionMap, ThicknessMap
from zoo.crust.nodes import Nodes
from zoo.crust.physics.prior import EarthPrior, draw_dispersion
from zoo.crust.profile_fit import fit_profiles
from zoo.crust.profiles import earth_of, predicted
from zoo.crust.wave_scores import BOTH, PERIOD_SETS_S, PHASE, measured
from zoo.crust.waves import observe, wave_posterior
from zoo.errors import ZooError

EARTHS = 300


@pytest.fixture(scope="module")
def model():
    return zoo.load("surface_waves")


@pytest.fixture(scope="module")
def nodes(model):
    return Nodes(model)


@pytest.fixture(scope="module")
def earths(model):
    """Earths of a seed of which nothing was trained: records, and their logs at the nodes (n, 4, F)."""
    prior = EarthPrior.named("continental")
    records = draw_dispersion(prior, model.frequency_hz, model.depth_km, 9, 0, EARTHS, all_waves=True)
    names = ("phase_velocity_km_s", "group_velocity_km_s", "love_phase_velocity_km_s", "love_group_velocity_km_s")
    return records, np.log(np.stack([records[name] for name in names], axis=1))


@pytest.mark.parametrize("name", ["usant15", "aswms", "three"])
@pytest.mark.parametrize("kinds", [PHASE, BOTH])
def test_any_periods_are_answered_and_calibrated(model, nodes, earths, name, kinds):
    records, logs = earths
    posterior = wave_posterior(model, measured(nodes, logs, PERIOD_SETS_S[name], kinds, 0.01), nodes=nodes)
    error = posterior.mean_km - records["moho_depth_km"]
    assert np.sqrt(np.mean(error**2)) < 11.5
    z = error / posterior.sd_km
    assert 0.8 < np.sqrt(np.mean(z**2)) < 1.25
    inside = np.abs(posterior.vs_cdf(records["vs_km_s"]) - 0.5) < 0.34
    assert 0.60 < inside.mean() < 0.77


def test_more_data_say_more_and_less_error_says_more(model, nodes, earths):
    _, logs = earths

    def sd(name, kinds, noise):
        return wave_posterior(model, measured(nodes, logs, PERIOD_SETS_S[name], kinds, noise), nodes=nodes).sd_km.mean()

    assert sd("csrm", BOTH, 0.01) < sd("csrm", PHASE, 0.01) < sd("csrm", PHASE, 0.03)
    assert sd("short_period", PHASE, 0.01) < sd("three", PHASE, 0.01)


def test_draws_have_the_moments_of_the_posterior_and_are_correlated(model, nodes, earths):
    _, logs = earths
    posterior = wave_posterior(model, measured(nodes, logs[:3], PERIOD_SETS_S["csrm"], BOTH, 0.01), nodes=nodes)
    drawn = posterior.draw(400, seed=1)
    error = posterior.sd_km / 20
    assert (np.abs(drawn["moho_km"].mean(0) - posterior.mean_km) < 5 * error).all()
    assert (np.abs(drawn["vs_km_s"].mean(0) - posterior.vs_mean_km_s) < 0.25 * posterior.vs_sd_km_s + 0.01).all()
    np.testing.assert_allclose(drawn["vs_km_s"].std(0), posterior.vs_sd_km_s, rtol=0.35)
    low, high = posterior.vs_quantile_km_s(0.16), posterior.vs_quantile_km_s(0.84)
    assert ((low < high) & (np.abs(posterior.vs_cdf(high) - 0.84) < 0.01)).all()


def test_the_kind_is_known(model, nodes, earths):
    _, logs = earths
    flagged = {}
    for kind in ("rayleigh_phase", "rayleigh_group", "love_phase"):
        given = measured(nodes, logs[:120], PERIOD_SETS_S["short_period"], (kind,), 0.01)[kind]
        known = familiarity(nodes, observe(model, {"rayleigh_phase": given}, nodes=nodes))
        flagged[kind] = np.mean(known.unfamiliarity > 1)
        assert (known.likelier("rayleigh_phase") is None) == (kind == "rayleigh_phase")
    assert flagged["rayleigh_phase"] < 0.06 and flagged["rayleigh_group"] > 0.5 and flagged["love_phase"] > 0.5


@pytest.mark.long
def test_a_map_of_group_velocities_given_as_phase_is_warned_of(tmp_path, nodes, earths):
    _, logs = earths
    period_s, velocity, _ = measured(nodes, logs[:36], PERIOD_SETS_S["short_period"], ("rayleigh_group",), 0.01)[
        "rayleigh_group"
    ]
    places = 100 + np.arange(36) % 6 / 2, 25 + np.arange(36) // 6 / 2
    crust = invert(DispersionMap(*places, period_s, velocity, None, "u"))
    assert any("--kind rayleigh_group" in warning for warning in crust.warnings)
    right = invert(
        DispersionMap(
            *places, period_s, np.full_like(velocity, np.nan), None, "u", {"rayleigh_group": (velocity, None)}
        )
    )
    assert not any("do not look like" in warning for warning in right.warnings)
    # Without phase velocities of Rayleigh waves there is no equation 4, and no figure of it.
    drawn = right.write(tmp_path / "drawn")
    assert (drawn / "overview.png").is_file() and not (drawn / "relative_error.png").exists()


def test_one_curve_to_a_profile(tmp_path, model):
    curve = "8 3.09 0.03\n10 3.10 0.03\n12 3.14 0.03\n16 3.24 0.03\n20 3.35 0.03\n30 3.62 0.03\n40 3.76 0.03\n"
    (tmp_path / "curve.txt").write_text(curve)
    answer = invert(read_map(tmp_path / "curve.txt"), model)
    assert 25 < answer.thickness_km[0] < 50 and 1 < answer.sd_km[0] < 12
    assert answer.misfit_km_s["rayleigh_phase"][0] < 0.06
    folder = answer.write(tmp_path / "out")
    assert (folder / "profile.png").stat().st_size > 5000
    rows = (folder / "profile.csv").read_text().splitlines()
    assert len(rows) == 1 + len(answer.depth_km)
    assert f"{answer.thickness_km[0]:.1f} +-" in answer.report()
    with pytest.raises(ZooError, match="no coordinates"):
        invert(read_map(tmp_path / "curve.txt"), "mdn_crust.short_period")


def test_a_map_is_written_with_depth(tmp_path, nodes, earths, model):
    _, logs = earths
    curves = measured(nodes, logs[:12], PERIOD_SETS_S["usant15"], BOTH, 0.01)
    period_s, phase, sd = curves["rayleigh_phase"]
    lon, lat = 100 + np.arange(12) % 4, 25.0 + np.arange(12) // 4
    phase[3, :9] = np.nan
    velocities = DispersionMap(lon, lat, period_s, phase, sd, "map", {"rayleigh_group": curves["rayleigh_group"][1:]})
    crust = invert(velocities, model)
    assert np.isfinite(crust.thickness_km).all() and crust.flag[3] & 1
    folder = crust.write(tmp_path / "map")
    with h5py.File(folder / "thickness.nc") as file:
        assert file["vs_lower_68_km_s"].shape == file["vs_mean_km_s"].shape == (len(crust.depth_km), 3, 4)
        assert (file["vs_lower_68_km_s"][:] < file["vs_upper_68_km_s"][:]).all()
    # Another prior pulls towards it, smoothness takes differences of neighbours away.
    around = np.meshgrid(np.arange(90, 115.0), np.arange(15, 40.0))
    thin = ThicknessMap(around[0].ravel(), around[1].ravel(), 25 + 5 * np.random.default_rng(0).random(625), "thin")
    pulled = invert(velocities, model, prior=thin)
    assert pulled.thickness_km.mean() < crust.thickness_km.mean()
    smooth = invert(velocities, model, smoothness_km=500.0)
    assert smooth.thickness_km.std() < crust.thickness_km.std()


def test_the_fitted_profile_has_the_measured_curve(model):
    """Of an Earth that is given by its Vs at depths: the fit finds its curve, and comes nearer to it than the mean."""
    depth = np.asarray(model.depth_km)
    vs = np.where(depth < 38, 3.2 + 0.015 * depth, 4.35 + 0.001 * depth)
    period_s = np.geomspace(8, 100, 14)
    curves = {}
    for kind in ("rayleigh_phase", "rayleigh_group"):
        velocity = predicted(earth_of(38.0, depth, vs), kind, period_s)[np.newaxis]
        curves[kind] = period_s, velocity, 0.004 * velocity
    curves["rayleigh_group"][1][0, 3] = np.nan
    posterior = wave_posterior(model, curves)
    found = fit_profiles(posterior, curves, 0.01)
    assert all(found.misfit_km_s[kind][0] < 0.015 for kind in curves)
    assert np.isnan(found.predicted_km_s["rayleigh_group"][0]).tolist() == [i == 3 for i in range(14)]
    inside = (depth > 10) & (depth < 100)
    off = [np.sqrt(np.mean((one[0] - vs)[inside] ** 2)) for one in (found.vs_km_s, posterior.vs_mean_km_s)]
    assert off[0] < max(off[1], 0.1)


def test_an_earth_of_depths_has_the_curve_of_its_layers():
    depth = np.array([5.0, 20.0, 34.0, 36.0, 80.0, 150.0])
    earth = earth_of(35.0, depth, np.array([3.5, 3.5, 3.5, 4.5, 4.5, 4.5]))
    layers = zoo.crust.layered([35, 0], [3.5 * 1.76, 4.5 * 1.79], [3.5, 4.5], [2.72, 3.37])
    for kind in ("rayleigh_phase", "rayleigh_group", "love_phase"):
        np.testing.assert_allclose(
            predicted(earth, kind, [10.0, 20.0]), predicted(layers, kind, [10.0, 20.0]), rtol=0.025
        )


def test_what_cannot_be_used_is_refused(model):
    with pytest.raises(ZooError, match="no kind of wave"):
        wave_posterior(model, {"rayleigh": ([10.0], [[3.0]], None)})
    with pytest.raises(ZooError, match="expected km/s"):
        wave_posterior(model, {"rayleigh_phase": ([10.0, 20.0, 30.0], [[3000.0, 3300.0, 3500.0]], None)})
    with pytest.raises(ZooError, match="No period lies"):
        wave_posterior(model, {"rayleigh_phase": ([200.0], [[4.4]], None)})
    place = np.array([100.0]), np.array([25.0])
    with pytest.raises(ZooError, match="3 periods"):
        invert(DispersionMap(*place, np.array([10.0, 20.0]), np.array([[3.1, 3.3]]), None, "two"), model)

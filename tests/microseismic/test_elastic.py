"""The elastic simulation against closed forms, against itself with source and receiver exchanged, and bad input."""

from __future__ import annotations

import math

import numba
import numpy as np
import pytest

from zoo.errors import ZooError
from zoo.microseismic.physics import elastic, elastic_checks, elastic_grid
from zoo.microseismic.physics.elastic import ElasticModel
from zoo.training.metrics import relative_error

SPACING_M = (12.5, 12.5, 10.0)


def homogeneous(shape=(30, 30, 30), vp=2500.0, vs=1300.0, density=2200.0, spacing_m=SPACING_M) -> ElasticModel:
    return ElasticModel(*(np.full(shape, value) for value in (vp, vs, density)), spacing_m)


@pytest.fixture(scope="module")
def sea_and_rock() -> ElasticModel:
    """A sea over rock whose speed grows downwards and varies sideways, 18 x 16 x 22 nodes."""
    x, y, z = np.meshgrid(*(np.arange(n) * d for n, d in zip((18, 16, 22), SPACING_M, strict=True)), indexing="ij")
    vp = 2000 + 4 * (150 - z) + 150 * np.sin(x / 40) * np.cos(y / 30)
    vs, density = vp / 1.9, 310 * vp**0.25
    sea = z >= 170
    vp[sea], vs[sea], density[sea] = 1500, 0, 1020
    return ElasticModel(vp, vs, density, SPACING_M)


def explosion(model: ElasticModel, distance_m: float, time_s: np.ndarray, sigma_s=0.014) -> np.ndarray:
    """Pressure of 1 m^3 injected in a homogeneous medium: K^2 V''(t - r / vp) / (4 pi density vp^4 r)."""
    vp, density = float(model.vp_m_s.max()), float(model.density_kg_m3.max())
    bulk = model.bulk_modulus_pa[0, 0, 0]
    steepest = math.exp(-0.5) / (sigma_s**2 * math.sqrt(2 * math.pi))
    volume_acceleration = steepest * elastic.gaussian_derivative(time_s - distance_m / vp, sigma_s)
    return bulk**2 * volume_acceleration / (4 * math.pi * density * vp**4 * distance_m)


@pytest.mark.slow
def test_homogeneous_medium_matches_the_analytic_explosion_up_to_the_faces():
    model = homogeneous()
    source = np.array([5, 8, 7])
    receivers = np.array([[22, 22, 22], [5, 25, 7], [28, 8, 16], [5, 8, 28], [29, 29, 29]])
    pressure = elastic.shot_gather(model, source, receivers, duration_s=0.4)
    time_s = np.arange(101) * 0.004
    assert pressure.shape == (5, 101) and pressure.dtype == np.float32
    for trace, receiver in zip(pressure, receivers, strict=True):
        distance_m = np.linalg.norm((receiver - source) * SPACING_M)
        expected = explosion(model, distance_m, time_s)
        assert relative_error(trace, expected) < 0.015
        after = time_s > distance_m / 2500 + 0.07 + 6 * 0.014
        assert np.abs(trace[after]).max() < 0.002 * np.abs(expected).max()  # nothing comes back from the faces


@pytest.mark.long
def test_error_falls_fourfold_when_grid_and_step_are_halved():
    errors = []
    for cells, step_s in ((16, 1.6e-3), (32, 0.8e-3)):
        n = cells + 1
        model = homogeneous((n, n, n), vp=2500, vs=0, density=1000, spacing_m=(320 / cells,) * 3)
        ends = np.array([[cells // 8] * 3, [cells - cells // 8] * 3])
        trace = elastic.shot_gather(
            model, ends[0], ends[1:], duration_s=0.336, time_step_s=step_s, output_every=round(4.8e-3 / step_s)
        )[0]
        distance_m = np.linalg.norm((ends[1] - ends[0]) * model.spacing_m)
        errors.append(relative_error(trace, explosion(model, distance_m, np.arange(trace.size) * 4.8e-3)))
    assert errors[0] / errors[1] > 3.5


@pytest.mark.slow
def test_reciprocity_of_six_pairs(sea_and_rock):
    sources = np.array([[3, 13, 2], [15, 4, 9], [9, 10, 14]])
    receivers = np.array([[4, 4, 17], [13, 10, 6]])  # at the seabed in the water, and in the rock
    options = {"duration_s": 0.2, "time_step_s": 1e-3, "output_every": 4}
    bulk = sea_and_rock.bulk_modulus_pa
    direct = {
        strength: np.stack(
            [elastic.shot_gather(sea_and_rock, s, receivers, source_strength=strength, **options) for s in sources]
        )
        for strength in ("volume", "moment")
    }
    by_volume = [elastic.receiver_gathers(sea_and_rock, r, sources, **options) for r in receivers]
    by_moment = [
        elastic.receiver_gathers(sea_and_rock, r, sources, source_strength="moment", **options) for r in receivers
    ]
    lam_2mu = sea_and_rock.density_kg_m3 * sea_and_rock.vp_m_s**2
    lam = lam_2mu - 2 * sea_and_rock.density_kg_m3 * sea_and_rock.vs_m_s**2
    for i, source in enumerate(map(tuple, sources)):
        # a moment is a volume M / K
        scale = elastic.MOMENT_N_M / bulk[source]
        assert relative_error(direct["moment"][i], direct["volume"][i] * scale) < 1e-5
        for j, receiver in enumerate(map(tuple, receivers)):
            assert np.abs(direct["volume"][i, j]).max() > 1
            assert relative_error(by_volume[j][i], direct["volume"][i, j]) < 1e-5
            assert relative_error(by_moment[j][i], direct["moment"][i, j]) < 1e-5
            if j == 0:  # between rock and sea, this test tells K from other moduli
                for modulus in (lam, lam_2mu):
                    wrong = by_volume[j][i] * elastic.MOMENT_N_M / bulk[receiver] * modulus[receiver] / modulus[source]
                    assert relative_error(wrong, direct["moment"][i, j]) > 0.1


def test_result_does_not_depend_on_the_number_of_threads(sea_and_rock):
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("one core")
    before = numba.get_num_threads()
    results = []
    try:
        for threads in (1, 2):
            numba.set_num_threads(threads)
            results.append(elastic.shot_gather(sea_and_rock, [10, 10, 5], np.array([[3, 3, 18]]), duration_s=0.16))
    finally:
        numba.set_num_threads(before)
    assert np.abs(results[0]).max() > 1
    np.testing.assert_array_equal(results[0], results[1])


def test_shear_modulus_is_zero_next_to_the_sea_and_harmonic_in_the_rock(sea_and_rock):
    _, _, (mu_xy, mu_xz, mu_yz), _ = elastic_grid.step_coefficients(sea_and_rock, 0, 1.0)
    assert (mu_xz[:, :, 16:] == 0).all() and (mu_yz[:, :, 16:] == 0).all()  # 17 is the lowest plane in the sea
    assert (mu_xy[:, :, 17:] == 0).all()
    assert (mu_xz[:, :, :16] > 0).all() and (mu_yz[:, :, :16] > 0).all() and (mu_xy[:, :, :17] > 0).all()
    mu = (sea_and_rock.density_kg_m3 * sea_and_rock.vs_m_s**2)[4:6, 7, 3:5]
    assert mu_xz[4, 7, 3] == pytest.approx(4 / (1 / mu).sum(), rel=1e-5)
    # the sea's rows are left out of the shear stresses
    assert elastic_grid.rows_with_shear(elastic_grid.step_coefficients(sea_and_rock, 4, 1.0)[2]) == (4, 4 + 17)


def test_largest_time_step_is_stable_and_a_larger_one_is_refused(sea_and_rock):
    step_s = elastic.largest_time_step_s(sea_and_rock)
    trace = elastic.shot_gather(
        sea_and_rock, [10, 10, 5], np.array([[4, 13, 17]]), duration_s=500 * step_s, time_step_s=step_s, output_every=1
    )[0]
    assert np.abs(trace).max() > 1
    assert np.abs(trace[-100:]).max() < 0.01 * np.abs(trace).max()
    with pytest.raises(ZooError, match=rf"at most {step_s * 1e3:.4g} ms"):
        elastic.check_simulation(sea_and_rock, 1.01 * step_s, 0.014)


def test_coarse_grid_is_refused_with_the_numbers():
    slow_shear = homogeneous((8, 8, 8), vp=1600, vs=400, spacing_m=(12.5, 12.5, 12.5))
    assert elastic.cells_per_wavelength(slow_shear)["dominant"] == pytest.approx(2 * np.pi * 0.014 * 400 / 12.5)
    with pytest.raises(ZooError, match=r"2\.81 cells per wavelength of the slowest wave.*sigma_s of at least 0\.0149"):
        elastic.check_simulation(slow_shear, 1e-3, 0.014)
    elastic.check_simulation(slow_shear, 1e-3, 0.01493)
    coarse_sea = homogeneous((8, 8, 8), vp=1500, vs=0, density=1000, spacing_m=(25, 25, 25))
    with pytest.raises(ZooError, match=r"slowest P wave at the highest frequency \(34\.1 Hz\)"):
        elastic.check_simulation(coarse_sea, 1e-3, 0.014)


def test_too_little_memory_is_refused_before_it_is_taken(sea_and_rock, monkeypatch):
    need = elastic.memory_bytes(sea_and_rock.shape)
    fields = 4 * np.prod(np.array(sea_and_rock.shape) + 28)
    assert 17 * fields < need < 35 * fields
    monkeypatch.setattr(elastic_checks, "_available_bytes", lambda: need - 1)
    with pytest.raises(ZooError, match="GB of memory"):
        elastic.shot_gather(sea_and_rock, [1, 1, 1], np.array([[2, 2, 2]]))


@pytest.mark.parametrize(
    ("source", "receivers", "message"),
    [
        ([1, 1, 1], [[2, 2, 2], [2, 2, 22]], r"receiver number 1, node \[2, 2, 22\], is outside .*18, 16, 22"),
        ([-1, 1, 1], [[2, 2, 2]], r"source number 0, node \[-1, 1, 1\]"),
        ([1, 1, 1], [[2, 2, np.nan]], "outside the model"),
        ([1, 1, 1], [2, 2], "three numbers"),
    ],
)
def test_points_outside_the_model_are_named(sea_and_rock, source, receivers, message):
    with pytest.raises(ZooError, match=message):
        elastic.shot_gather(sea_and_rock, source, np.array(receivers))


def test_gather_names_its_own_points_and_strength_is_checked(sea_and_rock):
    with pytest.raises(ZooError, match="receiver number 0"):
        elastic.receiver_gathers(sea_and_rock, [40, 1, 1], np.array([[2, 2, 2]]))
    with pytest.raises(ZooError, match="source number 0"):
        elastic.receiver_gathers(sea_and_rock, [1, 1, 1], np.array([[2, 2, 40]]))
    with pytest.raises(ZooError, match='"volume" or "moment"; received \'force\''):
        elastic.shot_gather(sea_and_rock, [1, 1, 1], np.array([[2, 2, 2]]), source_strength="force")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vp_m_s": np.nan}, r"vp_m_s\[1, 2, 3\] = nan is not a finite number"),
        ({"density_kg_m3": 0}, r"density_kg_m3\[1, 2, 3\] = 0 must be positive"),
        ({"vs_m_s": 2200}, r"vs_m_s\[1, 2, 3\] = 2200 must be below 0.866"),
        ({"vs_m_s": -1}, "must be 0"),
    ],
)
def test_impossible_models_are_refused_at_the_node(change, message):
    arrays = {"vp_m_s": np.full((4, 4, 4), 2500.0), "vs_m_s": np.full((4, 4, 4), 1300.0)}
    arrays["density_kg_m3"] = np.full((4, 4, 4), 2200.0)
    for name, value in change.items():
        arrays[name][1, 2, 3] = value
    with pytest.raises(ZooError, match=message):
        ElasticModel(**arrays, spacing_m=SPACING_M)


def test_shapes_and_spacing_are_checked():
    full = np.full((4, 4, 4), 2000.0)
    with pytest.raises(ZooError, match=r"vs_m_s \(4, 4, 3\)"):
        ElasticModel(full, full[:, :, :3], full, SPACING_M)
    with pytest.raises(ZooError, match="three positive distances"):
        ElasticModel(full, full / 2, full, (10, 10))


def test_model_file_returns_the_model_or_says_what_is_wrong(sea_and_rock, tmp_path):
    path = tmp_path / "model.npz"
    elastic.write_model(sea_and_rock, path)
    assert [f.name for f in tmp_path.iterdir()] == ["model.npz"]
    again = elastic.read_model(path)
    np.testing.assert_array_equal(again.vs_m_s, sea_and_rock.vs_m_s)
    assert again.spacing_m == SPACING_M

    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ZooError, match="not a complete npz"):
        elastic.read_model(path)
    np.savez(path, vp_m_s=sea_and_rock.vp_m_s, spacing_m=SPACING_M)
    with pytest.raises(ZooError, match="lacks vs_m_s, density_kg_m3"):
        elastic.read_model(path)
    with pytest.raises(ZooError, match="No earth model"):
        elastic.read_model(tmp_path / "none.npz")


def test_pulse_is_the_derivative_of_a_gaussian():
    time_s = np.arange(0, 0.2, 1e-4)
    pulse = elastic.gaussian_derivative(time_s)
    assert pulse.max() == pytest.approx(1, abs=1e-4) and time_s[pulse.argmax()] == pytest.approx(0.07 - 0.014, abs=1e-4)
    gaussian = np.cumsum(pulse)
    expected = np.exp(-0.5 * ((time_s - 0.07) / 0.014) ** 2)
    np.testing.assert_allclose(gaussian / gaussian.max(), expected, atol=0.005)
    np.testing.assert_allclose(elastic.gaussian_derivative(time_s + 0.03, delay_s=0.1), pulse, atol=1e-9)


@pytest.mark.long
@pytest.mark.parametrize(("source", "receiver"), [((8.35, 9.0, 10.5), (22, 20, 19)), ((8, 9, 10), (21.6, 20.6, 19.55))])
def test_between_the_nodes_it_is_the_analytic_explosion(source, receiver):
    model = homogeneous()
    trace = elastic.shot_gather(model, source, np.array([receiver]), duration_s=0.4)[0]
    distance_m = np.linalg.norm(np.subtract(receiver, source) * SPACING_M)
    expected = explosion(model, distance_m, np.arange(101) * 0.004)
    assert relative_error(trace, expected) < 0.015
    moved = elastic.shot_gather(model, np.rint(source), np.rint([receiver]), duration_s=0.4)[0]
    assert relative_error(moved, expected) > 0.05


@pytest.mark.long
def test_reciprocity_between_the_nodes(sea_and_rock):
    one, other = np.array([9.4, 10.0, 10.3]), np.array([4.0, 4.6, 17.0])
    options = {"duration_s": 0.2, "time_step_s": 1e-3, "output_every": 4}
    there = elastic.shot_gather(sea_and_rock, one, other[None], **options)[0]
    back = elastic.receiver_gathers(sea_and_rock, other, one[None], **options)[0]
    direct = elastic.shot_gather(sea_and_rock, other, one[None], **options)[0]
    np.testing.assert_array_equal(back, direct)
    assert np.abs(there - back).max() < 1e-4 * np.abs(there).max()

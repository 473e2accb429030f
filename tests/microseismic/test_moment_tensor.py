"""Moment tensors against closed forms, ObsPy and direct simulation."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.errors import ZooError
from zoo.microseismic.physics import elastic, moment_tensor
from zoo.microseismic.physics.elastic import ElasticModel
from zoo.training.metrics import relative_error

SPACING_M = (12.5, 12.5, 10.0)
OPTIONS = {"duration_s": 0.24, "time_step_s": 1e-3, "output_every": 4}


@pytest.fixture(scope="module")
def sea_and_rock() -> ElasticModel:
    """A sea over rock whose speed grows downwards and varies sideways, 18 x 16 x 22 nodes."""
    x, y, z = np.meshgrid(*(np.arange(n) * d for n, d in zip((18, 16, 22), SPACING_M, strict=True)), indexing="ij")
    vp = 2000 + 4 * (150 - z) + 150 * np.sin(x / 40) * np.cos(y / 30)
    vs, density = vp / 1.9, 310 * vp**0.25
    sea = z >= 170
    vp[sea], vs[sea], density[sea] = 1500, 0, 1020
    return ElasticModel(vp, vs, density, SPACING_M)


@pytest.mark.slow
def test_greens_functions_by_reciprocity_are_those_of_a_moment_tensor_source(sea_and_rock):
    rng = np.random.default_rng(0)
    tensors = 1e10 * np.concatenate([moment_tensor.draw(kind, 1, rng) for kind in ("double couple", "clvd", "general")])
    sources = np.array([[3, 13, 2], [15, 4, 9], [9, 10, 13]])
    receivers = np.array([[4, 4, 17], [13, 10, 6]])  # at the seabed in the water, and in the rock
    greens = np.stack([elastic.greens_functions(sea_and_rock, r, sources, **OPTIONS) for r in receivers], axis=1)
    assert greens.shape == (3, 2, 6, 61) and greens.dtype == np.float32
    for source, functions in zip(sources, greens, strict=True):
        for tensor in tensors:
            direct = elastic.shot_gather(sea_and_rock, source, receivers, moment_tensor_n_m=tensor, **OPTIONS)
            for expected, found in zip(direct, tensor @ functions, strict=True):
                assert np.abs(expected).max() > 100
                assert relative_error(found, expected) < 1e-5
                # a shear component counted once, or of the wrong sign, is far off
                assert relative_error((tensor * [1, 1, 1, 0.5, 0.5, 0.5]) @ functions[0], direct[0]) > 0.02


@pytest.mark.long
def test_isotropic_part_is_the_explosion_of_receiver_gathers(sea_and_rock):
    sources = np.array([[3, 13, 2], [15, 4, 9]])
    greens = elastic.greens_functions(sea_and_rock, [4, 4, 17], sources, **OPTIONS)
    explosion = elastic.receiver_gathers(sea_and_rock, [4, 4, 17], sources, source_strength="moment", **OPTIONS)
    assert relative_error(elastic.MOMENT_N_M * greens[:, :3].sum(axis=1), explosion) < 1e-5


def test_a_moment_tensor_next_to_the_sea_is_refused(sea_and_rock):
    with pytest.raises(ZooError, match=r"source number 1, node \[5, 5, 16\], has a fluid"):
        elastic.greens_functions(sea_and_rock, [4, 4, 17], np.array([[5, 5, 15], [5, 5, 16]]), **OPTIONS)
    with pytest.raises(ZooError, match="deeper source"):
        elastic.shot_gather(sea_and_rock, [5, 5, 18], np.array([[4, 4, 17]]), moment_tensor_n_m=np.ones(6), **OPTIONS)


def test_double_couples_are_those_of_obspy():
    from obspy.imaging.beachball import MomentTensor, aux_plane, mt2plane

    for angles in ([30.0, 60.0, 40.0], [200.0, 25.0, -100.0], [310.0, 80.0, 170.0]):
        moment = moment_tensor.double_couple(*angles)
        plane = mt2plane(MomentTensor(*moment_tensor.spherical(moment), 0))
        planes = [(plane.strike, plane.dip, plane.rake), aux_plane(plane.strike, plane.dip, plane.rake)]
        turned = [(np.subtract(p, angles) + 180) % 360 - 180 for p in planes]
        assert min(np.abs(turn).max() for turn in turned) < 1e-3
        assert moment_tensor.scalar_moment(moment) == pytest.approx(1)


@pytest.mark.parametrize(
    ("kind", "percent", "place"),
    [
        ("isotropic", (100, 0, 0), (None, 90)),
        ("double couple", (0, 0, 100), (0, 0)),
        ("clvd", (0, 100, 0), (-30, 0)),
    ],
)
def test_types_of_source(kind, percent, place):
    moment = moment_tensor.draw(kind, 20, np.random.default_rng(1))
    np.testing.assert_allclose(moment_tensor.scalar_moment(moment), 1)
    found = moment_tensor.source_type(moment)
    np.testing.assert_allclose(np.abs(found), np.tile(percent, (20, 1)), atol=1e-6)
    longitude, latitude = moment_tensor.lune(moment)
    np.testing.assert_allclose(latitude, place[1], atol=1e-4)
    if kind == "clvd":
        assert set(np.sign(found[:, 1])) == {-1, 1}
        np.testing.assert_allclose(longitude, np.sign(found[:, 1]) * place[0], atol=1e-6)


def test_source_type_of_a_mixture_is_that_of_its_eigenvalues():
    # Eigenvalues 4, 1, -2: isotropic 1, deviatoric 3, 0, -3
    axes, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))
    moment = moment_tensor.from_matrix(axes @ np.diag([4.0, 1, -2]) @ axes.T)
    np.testing.assert_allclose(moment_tensor.source_type(moment), [25, 0, 75], atol=1e-9)
    assert moment_tensor.moment_magnitude(1.0) == pytest.approx(-6.0667, abs=1e-4)


def test_orientations_are_even_and_the_draws_repeat():
    drawn = moment_tensor.draw("double couple", 20000, np.random.default_rng(3))
    np.testing.assert_array_equal(drawn, moment_tensor.draw("double couple", 20000, np.random.default_rng(3)))
    np.testing.assert_allclose(drawn.mean(axis=0), 0, atol=0.02)
    # Uniformly distributed double couples share M : M equally between the five deviatoric directions
    covariance = np.cov(drawn * np.sqrt(moment_tensor.MULTIPLICITY), rowvar=False)
    np.testing.assert_allclose(np.linalg.eigvalsh(covariance), [0, 0.4, 0.4, 0.4, 0.4, 0.4], atol=0.02)
    with pytest.raises(ZooError, match="double couple"):
        moment_tensor.draw("quake", 1, np.random.default_rng(0))


def test_kagan_angle_is_the_rotation_between_double_couples():
    first = moment_tensor.double_couple(40.0, 70.0, 20.0)
    for angle in (0.0, 10.0, 45.0):
        other = moment_tensor.double_couple(40.0 + angle, 70.0, 20.0)
        assert moment_tensor.kagan_angle_deg(first, other) == pytest.approx(angle, abs=1e-4)
    drawn = moment_tensor.draw("double couple", 5000, np.random.default_rng(4))
    angles = moment_tensor.kagan_angle_deg(drawn[::2], drawn[1::2])
    assert angles.max() <= 120 + 1e-6 and angles.mean() == pytest.approx(75.2, abs=1)  # Kagan (1991)

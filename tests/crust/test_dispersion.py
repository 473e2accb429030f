"""Noise, features and networks of dispersion curves against what their definitions say."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from zoo.crust.models.crust import MixtureCrustModel
from zoo.crust.models.dispersion import CurveFeatures, CurvePerceptron, MeasurementNoise, MixtureNetwork, correlate
from zoo.errors import ZooError

FREQUENCY_HZ = np.arange(10, 35.01, 1.25) / 1e3
COUNT = len(FREQUENCY_HZ)


def curves(count, seed=0):
    """Smooth random curves of about 3 to 4.5 km/s."""
    rng = np.random.default_rng(seed)
    x = np.linspace(0, np.pi, COUNT)
    basis = np.cos(np.outer(np.arange(6), x)) / (1 + np.arange(6))[:, None] ** 1.5
    return (4.0 - 0.15 * x + 0.12 * rng.standard_normal((count, 6)) @ basis).astype(np.float32)


def drawn(count=20_000, **options):
    layer = MeasurementNoise(FREQUENCY_HZ, **options)
    clean = np.full((count, COUNT), 4.0, np.float32)
    observed = np.asarray(layer(clean, training=True))
    return observed[:, :COUNT] / 4.0 - 1.0, observed[:, COUNT:-1], observed[:, -1]


def test_white_noise_has_the_stated_sd():
    noise, sd, correlation = drawn()
    assert (sd == np.float32(0.005)).all() and (correlation == 0).all()
    assert noise.std() == pytest.approx(0.005, rel=0.01)
    between = np.corrcoef(noise.T) - np.eye(COUNT)
    assert np.abs(between).max() < 0.04


def test_levels_are_log_uniform_and_told():
    noise, sd, _ = drawn(lowest=0.001, highest=0.02)
    assert np.ptp(sd, axis=1).max() == 0
    levels = np.log(sd[:, 0])
    assert levels.mean() == pytest.approx(np.log(0.001 * 0.02) / 2, abs=0.03)
    assert levels.min() >= np.log(0.001) - 1e-5 and levels.max() <= np.log(0.02) + 1e-5
    assert (noise / sd).std() == pytest.approx(1.0, rel=0.01)
    uneven = drawn(lowest=0.001, highest=0.02, uneven=0.5)
    differing = np.ptp(uneven[1], axis=1) > 0
    assert differing.mean() == pytest.approx(0.5, abs=0.02)
    assert (uneven[0] / uneven[1])[differing].std() == pytest.approx(1.0, rel=0.01)


def test_correlated_noise_has_the_told_correlation():
    noise, _, correlation = drawn(correlated=0.6)
    assert (correlation > 0).mean() == pytest.approx(0.6, abs=0.02)
    # 0.1 in ln f apart, the product of two errors is the correlation on average.
    white = np.random.default_rng(0).standard_normal((50_000, COUNT)).astype(np.float32)
    made = np.asarray(correlate(white, np.full((50_000, 1), 0.7, np.float32), FREQUENCY_HZ))
    for first, second in ((0, 1), (0, 5), (10, 20)):
        expected = 0.7 ** (np.log(FREQUENCY_HZ[second] / FREQUENCY_HZ[first]) / 0.1)
        assert (made[:, first] * made[:, second]).mean() == pytest.approx(expected, abs=0.015)
    assert made.std(axis=0) == pytest.approx(np.ones(COUNT), rel=0.02)
    np.testing.assert_array_equal(correlate(white, np.zeros((50_000, 1), np.float32), FREQUENCY_HZ), white)


def test_incomplete_curves_lack_ends_and_single_periods():
    noise, *_ = drawn(incomplete=0.4)
    missing = np.isnan(noise)
    assert missing.any(axis=1).mean() == pytest.approx(0.4, abs=0.03)
    assert (~missing).sum(axis=1).min() >= 1 and not missing[:, COUNT // 2].any()
    ends = missing[:, 0] & missing[:, 1] & missing[:, 2]
    assert 0.03 < ends.mean() < 0.3 and (missing[:, 0] & ~missing[:, 1]).any()


def test_noise_is_for_training_only():
    layer = MeasurementNoise(FREQUENCY_HZ, 0.001, 0.03, 0.005, 0.5, 0.5, 0.5)
    clean = curves(7)
    observed = np.asarray(layer(clean))
    np.testing.assert_array_equal(observed[:, :COUNT], clean)
    assert (observed[:, COUNT:-1] == np.float32(0.005)).all() and (observed[:, -1] == 0).all()
    np.testing.assert_array_equal(layer(observed), observed)
    again = MeasurementNoise.from_config(layer.get_config())
    np.testing.assert_array_equal(again(clean, training=True), layer(clean, training=True))


def features_of(clean):
    layer = CurveFeatures()
    layer.build((None, 2 * COUNT + 1))
    layer.adapt(clean)
    return layer


def test_features_are_of_order_one_at_any_noise():
    clean = curves(20_000)
    layer = features_of(clean)
    for level in (0.0005, 0.005, 0.03):
        noise = MeasurementNoise(FREQUENCY_HZ, level, level)
        found = np.asarray(layer(noise(clean, training=True)))
        assert found.shape == (20_000, 4 * COUNT + 1)
        along = found[:, COUNT : 2 * COUNT]
        assert 0.5 < along.std(axis=0).min() and along.std(axis=0).max() < 1.5
        np.testing.assert_allclose(found[:, 2 * COUNT : 3 * COUNT], np.log(level / 0.005), atol=1e-5)


def test_a_missing_velocity_has_no_influence_and_all_missing_is_nan():
    clean = curves(2000)
    layer = features_of(clean)
    observed = np.asarray(MeasurementNoise(FREQUENCY_HZ)(clean[:5])).copy()
    observed[0, 3] = np.nan
    observed[1, :COUNT] = np.nan
    found = np.asarray(layer(observed))
    assert found[0, 3] == 0 and found[0, 3 * COUNT + 3] == 0 and np.isfinite(found[0]).all()
    # Neighbours stand in: the curve along the axes hardly changes.
    whole = np.asarray(layer(np.asarray(MeasurementNoise(FREQUENCY_HZ)(clean[:5]))))
    assert np.abs(found[0] - whole[0])[COUNT : 2 * COUNT].max() < 1.0
    assert np.isnan(found[1, COUNT : 2 * COUNT]).all() and np.isfinite(found[2:]).all()


def network(dimensions, components=3):
    made = MixtureNetwork({"frequency_hz": FREQUENCY_HZ.tolist()}, 16, 1, components, dimensions)
    made.build((None, COUNT))
    made.features.adapt(curves(1000))
    return made


def test_the_mixture_density_is_that_of_scipy():
    from scipy.stats import multivariate_normal

    keras.utils.set_random_seed(1)
    made = network(3)
    outputs = np.random.default_rng(0).normal(size=(4, 3 * 13)).astype(np.float32)
    log_weight, location, factor = (np.asarray(part, np.float64) for part in made.parameters(outputs))
    np.testing.assert_allclose(np.exp(log_weight).sum(axis=1), 1, rtol=1e-5)
    assert (np.triu(factor, 1) == 0).all()
    true = np.random.default_rng(1).normal(size=(4, 3)).astype(np.float32)
    found = np.asarray(made.negative_log_likelihood(true, outputs))
    for row in range(4):
        density = 0.0
        for k in range(3):
            covariance = np.linalg.inv(factor[row, k].T @ factor[row, k])
            density += np.exp(log_weight[row, k]) * multivariate_normal(location[row, k], covariance).pdf(true[row])
            # The first coordinate's sd is what posteriors take it for.
            assert covariance[0, 0] ** 0.5 == pytest.approx(1 / factor[row, k, 0, 0])
        assert found[row] == pytest.approx(-np.log(density), rel=1e-4)


@pytest.mark.parametrize("make", [lambda: network(1), lambda: CurvePerceptron([8, 4], FREQUENCY_HZ.tolist(), 0.005)])
def test_networks_come_back_from_their_configuration(make):
    made = make()
    if not made.built:
        made.build((None, COUNT))
    again = type(made).from_config(made.get_config())
    again.build((None, COUNT))
    again.set_weights(made.get_weights())
    np.testing.assert_array_equal(again(curves(3)), made(curves(3)))
    assert again.get_config() == made.get_config()
    noisy = np.asarray(made(curves(3), training=True))
    assert np.abs(noisy - np.asarray(made(curves(3)))).max() > 0


@pytest.fixture(scope="module")
def crust():
    class Crust(MixtureCrustModel):
        pass

    model = Crust(16, 1, 2, {"lowest": 0.001, "highest": 0.02}, frequency_hz=FREQUENCY_HZ, moho_range_km=(20, 100))
    clean = curves(20_000)
    model.network.features.adapt(clean)
    noise = np.random.default_rng(5).standard_normal(clean.shape)
    relative_sd = np.full(clean.shape, 0.005)
    model.familiar_distance.assign(np.quantile(model.distance(clean * (1 + 0.005 * noise), relative_sd), 0.999))
    return model


def test_wrong_input_is_refused_with_a_remedy(crust):
    clean = curves(3)
    with pytest.raises(ZooError, match=r"take.*\(n, 21\).*Interpolate"):
        crust.unfamiliarity(clean[:, :9])
    with pytest.raises(ZooError, match="divide by 1000"):
        crust.unfamiliarity(1000 * clean)
    with pytest.raises(ZooError, match="NaN"):
        crust.unfamiliarity(np.where(np.arange(COUNT) == 2, 0.0, clean))
    with pytest.raises(ZooError, match="shape"):
        crust.unfamiliarity(clean, np.ones((3, 4)))
    with pytest.raises(ZooError, match="no standard deviation"):
        crust.unfamiliarity(clean, np.full(clean.shape, np.nan))
    with pytest.raises(ZooError, match="expected km/s"):
        crust.unfamiliarity(clean, 20.0)
    with pytest.raises(ZooError, match="no frequencies yet"):
        MixtureCrustModel().check(clean)


def test_unfamiliarity(crust):
    clean = curves(5000, seed=9)
    noise = np.random.default_rng(6).standard_normal(clean.shape)
    found = crust.unfamiliarity(clean * (1 + 0.005 * noise))
    assert 0 < (found > 1).mean() < 0.005
    bumpy = clean[:50].copy()
    bumpy[:, ::2] += 0.3
    assert (crust.unfamiliarity(bumpy) > 1).all()
    # With error bars as large as the bumps nothing is strange; a bump that is missing is no bump.
    assert (crust.unfamiliarity(bumpy, 0.4) < 1).all()
    bumpy[:, ::2] = np.nan
    assert (crust.unfamiliarity(bumpy) < 1).mean() > 0.9
    assert np.isnan(crust.unfamiliarity(np.full((1, COUNT), np.nan))).all()


def test_the_mahalanobis_distance_of_a_part_is_that_of_the_submatrix(crust):
    clean = curves(1, seed=3).astype(np.float64)
    clean[0, [0, 4, 5]] = np.nan
    kept = np.isfinite(clean[0])
    mean, covariance = np.asarray(crust.network.features.mean), np.asarray(crust.network.features.covariance)
    part = covariance[np.ix_(kept, kept)] + np.diag((0.01 * mean[kept]) ** 2)
    residual = clean[0, kept] - mean[kept]
    from scipy.stats import chi2

    expected = residual @ np.linalg.solve(part, residual) * chi2.ppf(0.999, COUNT) / chi2.ppf(0.999, kept.sum())
    found = crust.distance(clean, np.full(clean.shape, 0.01))[0]
    assert found**2 == pytest.approx(expected, rel=1e-6)


def test_the_logit_and_its_mean_are_in_km(crust):
    logit = np.asarray(crust.logit(np.array([20.0, 60.0, 100.0], np.float32)))
    assert logit[1] == pytest.approx(0, abs=1e-5) and logit[0] == pytest.approx(-logit[2], rel=1e-3)
    location, sd = np.array([[0.3]], np.float32), np.array([[1.2]], np.float32)
    draws = 0.3 + 1.2 * np.random.default_rng(0).standard_normal(400_000)
    expected = 20 + 80 * (1 / (1 + np.exp(-draws))).mean()
    assert float(ops.squeeze(crust.expected_km(ops.zeros((1, 1)), location, sd))) == pytest.approx(expected, abs=0.1)

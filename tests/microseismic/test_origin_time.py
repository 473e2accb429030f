"""The scan of origin times against the likelihood that it stands for."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from analytic_medium import HomogeneousMedium
from scipy.special import logsumexp

from zoo import registry
from zoo.microseismic.location.noise import Noise
from zoo.microseismic.location.origin_time import OriginTimeSampler
from zoo.microseismic.location.trace_likelihood import TraceLikelihood
from zoo.sampling.smc import Settings

SOURCE_KM = np.array([0.375, 0.3, 1.57])
RANGE_S = (-0.2, 0.2)
ERROR = {"timing_sd_s": np.full(4, 0.001), "log_amplitude_sd": np.full(4, 0.05), "shape_error": np.full(4, 0.01)}


@pytest.mark.parametrize("colour", [1, 3])
def test_scan_is_the_likelihood_averaged_over_the_lags(colour):
    medium = HomogeneousMedium(emulator_error=ERROR)
    likelihood = TraceLikelihood(medium, origin_time_s=RANGE_S)
    lower, upper = (np.append(c, t) for c, t in zip((medium.lower_km, medium.upper_km), RANGE_S, strict=True))
    sampler = OriginTimeSampler(likelihood, lower, upper, Settings(screen=64, batch=64))
    assert len(sampler._lags) == 101
    delay = 20
    traces = np.pad(medium(SOURCE_KM[None])[0].numpy(), ((0, 0), (delay, 0)))[:, :501]
    noise = Noise(np.tile(np.array([1.0, 0.6, 0.2])[:colour] * 200.0**2, (4, 1)))
    data = likelihood.data(traces, noise)

    points, averages = sampler.screen(data, seed=0)
    lags_s = sampler._lags * medium.time_step_s
    # Where no pulse leaves the window, the scan's shifted traces are those of the likelihood.
    distance_km = np.linalg.norm(points[:, np.newaxis, :3] - medium.receivers_km, axis=-1)
    inside = np.flatnonzero((distance_km.max(axis=1) < 2.6) & (distance_km.min(axis=1) > 0.8))
    assert len(inside) > 20
    for index in inside:
        grid = np.column_stack([np.tile(points[index, :3], (len(lags_s), 1)), lags_s])
        exact = sampler.evaluate(grid, data)
        assert averages[index] == pytest.approx(logsumexp(exact) - np.log(len(lags_s)), abs=0.05)
        assert exact[np.abs(lags_s - points[index, 3]).argmin()] == pytest.approx(exact.max(), abs=0.05)


def test_an_emulator_is_moved_with_its_frames():
    model = registry.load("nn_direct_emulator")
    likelihood = TraceLikelihood(model, (1, 2, 4), RANGE_S)
    source_km = 0.5 * (model.lower_km + model.upper_km)
    emulated = likelihood.emulate(tf.constant(source_km[None], tf.float32)).numpy()[0]
    points = tf.constant([[*source_km, 0.0], [*source_km, 0.1], [*source_km, -0.1]], tf.float32)
    same, later, earlier = likelihood.predict(points).numpy()
    tolerance = 2e-4 * np.abs(emulated).max()
    np.testing.assert_allclose(same, emulated, atol=tolerance)
    np.testing.assert_allclose(later[:, 25:], emulated[:, :-25], atol=tolerance)
    np.testing.assert_allclose(earlier[:, :-26], emulated[:, 25:-1], atol=tolerance)
    # What has not begun is silence.
    np.testing.assert_allclose(later[:, :25], 0.0, atol=tolerance)

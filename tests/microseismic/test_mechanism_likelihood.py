"""Location and moment tensor together: the closed forms against dense Gaussians, and coverage of known truths."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from greens_medium import HomogeneousGreens
from scipy.linalg import solve_triangular

from zoo.microseismic.location.mechanism_likelihood import MechanismLikelihood, draw_tensors, solve_posterior
from zoo.microseismic.models.greens import to_common_axes
from zoo.microseismic.physics import moment_tensor
from zoo.sampling.smc import Sampler, Settings

SOURCE_KM = np.array([[0.42, 0.61, 1.5]], np.float32)
MOMENT = 2e12


def event(model, kind="double couple", seed=0, noise_to_peak=0.08):
    rng = np.random.default_rng(seed)
    tensor = MOMENT * moment_tensor.draw(kind, 1, rng)[0]
    clean = np.einsum("c,rct->rt", tensor, model(SOURCE_KM).numpy()[0])
    noise_sd = np.full(len(clean), noise_to_peak * np.abs(clean).max())
    return tensor, (clean + rng.normal(size=clean.shape) * noise_sd[:, None]).astype(np.float32), noise_sd


def dense(model, source_km, traces, noise_sd, scale, mean=None):
    """log N(d; 0, S^2 G G^T + C) - log N(d; 0, white errors) on all samples, in float64, C at the tensor `mean`."""
    greens = model(source_km).numpy()[0].astype(np.float64)
    even = scale / np.sqrt(moment_tensor.MULTIPLICITY)
    error = {name: values[0] for name, values in model.emulator_error.items()}
    white = noise_sd**2 + (error["signal_error"] * np.abs(traces).max()) ** 2
    samples = traces.shape[1]
    columns = (even[:, None] * greens.transpose(1, 0, 2).reshape(6, -1)).T
    covariance = columns @ columns.T + np.diag(np.repeat(white, samples))
    if mean is not None:
        waves = model.waves(source_km).numpy()[0].astype(np.float64)
        for receiver, traces_of_waves in enumerate(np.einsum("c,rwct->rwt", mean, waves)):
            part = slice(receiver * samples, (receiver + 1) * samples)
            for wave, trace in enumerate(traces_of_waves):
                # As from the frames' samples, every second one
                late = np.zeros(samples)
                late[2:-2] = error["timing_sd_s"][wave] * (trace[4:] - trace[:-4]) / (4 * model.time_step_s)
                loud = error["log_amplitude_sd"][wave] * trace
                covariance[part, part] += np.outer(late, late) + np.outer(loud, loud)
    factor = np.linalg.cholesky(covariance)
    whitened = solve_triangular(factor, traces.astype(np.float64).ravel(), lower=True)
    density = -0.5 * whitened @ whitened - np.log(np.diag(factor)).sum()
    silence = -0.5 * np.sum(traces.astype(np.float64) ** 2 / white[:, None] + np.log(white[:, None]))
    return density - silence


@pytest.mark.long
def test_integrating_the_tensor_out_gives_the_dense_gaussian():
    model = HomogeneousGreens()
    likelihood = MechanismLikelihood(model)
    _, traces, noise_sd = event(model)
    arguments = likelihood.prepare(traces, noise_sd)
    assert 0.5 * MOMENT < arguments[2] < 100 * MOMENT
    sources_km = np.concatenate([SOURCE_KM, SOURCE_KM + [[0.004, -0.003, 0.002]], [[0.2, 0.3, 0.9]]]).astype(np.float32)
    found = likelihood(tf.constant(sources_km), *map(tf.constant, arguments)).numpy()
    expected = [dense(model, source_km[None], traces, noise_sd, arguments[2]) for source_km in sources_km]
    assert expected[0] > expected[2] + 100
    np.testing.assert_allclose(found, expected, atol=0.3, rtol=1e-3)
    compiled = tf.function(likelihood, jit_compile=True)(tf.constant(sources_km), *map(tf.constant, arguments))
    np.testing.assert_allclose(compiled, found, atol=0.05)


def draw(likelihood, points, arguments, seed, times=1):
    """Return tensors at points (n, d), several at each, and their means."""
    equations = likelihood.normal_equations(tf.constant(points, tf.float32), *map(tf.constant, arguments))
    repeated = (np.repeat(np.asarray(part, np.float64), times, axis=0) for part in equations[:2])
    return draw_tensors(*repeated, float(arguments[2]), np.random.default_rng(seed))


def test_errors_of_time_and_amplitude_are_those_of_the_dense_gaussian():
    model = HomogeneousGreens(error=(1e-3, 0.05, 0.03))
    likelihood = MechanismLikelihood(model)
    _, traces, noise_sd = event(model)
    arguments = likelihood.prepare(traces, noise_sd)
    # C is taken at the mean of M under white errors
    white = HomogeneousGreens(error=(0.0, 0.0, 0.03))
    plain = MechanismLikelihood(white)
    sources_km = np.concatenate([SOURCE_KM, SOURCE_KM + [[0.004, -0.003, 0.002]]]).astype(np.float32)
    found, found_white = (
        part(tf.constant(sources_km), *map(tf.constant, part.prepare(traces, noise_sd))).numpy()
        for part in (likelihood, plain)
    )
    for source_km, value, value_white in zip(sources_km, found, found_white, strict=True):
        _, mean = draw(plain, source_km[None], plain.prepare(traces, noise_sd), 0)
        expected = dense(model, source_km[None], traces, noise_sd, arguments[2], mean[0])
        expected_white = dense(white, source_km[None], traces, noise_sd, arguments[2])
        assert value == pytest.approx(expected, rel=1e-3)
        assert value - value_white == pytest.approx(expected - expected_white, abs=0.2)
        assert abs(expected - expected_white) > 2


def test_tensors_are_drawn_from_their_posterior():
    model = HomogeneousGreens(error=(1e-3, 0.05, 0.03))
    likelihood = MechanismLikelihood(model)
    offsets = []
    for seed in range(40):
        tensor, traces, noise_sd = event(model, "general", seed)
        arguments = likelihood.prepare(traces, noise_sd)
        drawn, mean = draw(likelihood, SOURCE_KM, arguments, seed, times=400)
        np.testing.assert_allclose(drawn.mean(axis=0), mean[0], atol=0.2 * drawn.std(axis=0).max())
        offsets.append(np.linalg.solve(np.linalg.cholesky(np.cov(drawn, rowvar=False)), tensor - mean[0]))
    # The emulator is exact here, so errors that are assumed make the offsets smaller than 1, never larger
    assert 0.4 < np.sqrt(np.mean(np.square(offsets))) < 1.1


@pytest.mark.slow
def test_location_and_tensor_of_an_event_are_found():
    model = HomogeneousGreens()
    likelihood = MechanismLikelihood(model)
    tensor, traces, noise_sd = event(model)
    arguments = likelihood.prepare(traces, noise_sd)
    settings = Settings(screen=16_384, particles=512, evidence_draws=1_024, batch=1_024)
    samples = Sampler(likelihood, model.lower_km, model.upper_km, settings).run(arguments, seed=1)
    assert np.abs((samples.mean - SOURCE_KM[0]) / samples.sd).max() < 4
    assert samples.sd.max() < 0.01
    drawn, _ = draw(likelihood, samples.samples, arguments, 2)
    assert np.abs((drawn.mean(axis=0) - tensor) / drawn.std(axis=0)).max() < 4
    angles = moment_tensor.kagan_angle_deg(drawn, tensor)
    assert np.median(angles) < 25


def test_some_receivers_are_the_likelihood_of_those():
    model = HomogeneousGreens()
    _, traces, noise_sd = event(model)
    few = MechanismLikelihood(model, (1, 3))
    arguments = few.prepare(traces[[1, 3]], noise_sd[[1, 3]])
    arguments = (*arguments[:2], np.float32(5 * MOMENT), *arguments[3:])
    value = few(tf.constant(SOURCE_KM), *map(tf.constant, arguments)).numpy()[0]
    model.receivers_km = model.receivers_km[[1, 3]]
    assert value == pytest.approx(dense(model, SOURCE_KM, traces[[1, 3]], noise_sd[[1, 3]], 5 * MOMENT), abs=0.2)


def test_small_systems_are_solved_as_by_lapack():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(50, 6, 9)) * np.array([100, 30, 3, 1, 0.1, 0.01])[:, None]
    gram, b = root @ np.swapaxes(root, 1, 2), rng.normal(size=(50, 6))
    quadratic, log_determinant, u = solve_posterior(tf.constant(gram, tf.float32), tf.constant(b, tf.float32))
    matrix = np.eye(6) + gram
    expected = np.linalg.solve(matrix, b[..., None])[..., 0]
    np.testing.assert_allclose(u, expected, atol=2e-3)
    np.testing.assert_allclose(quadratic, (b * expected).sum(1), rtol=5e-3)
    np.testing.assert_allclose(log_determinant, np.linalg.slogdet(matrix)[1], atol=1e-2)


def test_axes_of_a_pair_turn_tensors_as_matrices():
    rng = np.random.default_rng(0)
    offset, moment, radial_greens = rng.normal(size=3), rng.normal(size=6), rng.normal(size=6)
    radial = np.array([offset[0], offset[1], 0]) / np.hypot(*offset[:2])
    turn = np.stack([radial, [-radial[1], radial[0], 0], [0, 0, 1]])
    in_pair = moment_tensor.from_matrix(turn @ moment_tensor.as_matrix(moment) @ turn.T)
    common = np.asarray(to_common_axes(tf.constant(offset[None], tf.float32)))[0] @ radial_greens
    assert moment @ common == pytest.approx(in_pair @ radial_greens, rel=1e-5)
    above = np.asarray(to_common_axes(tf.zeros((1, 3))))[0]
    np.testing.assert_array_equal(above, np.eye(6))

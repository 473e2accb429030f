"""The likelihood with errors of the world: in the emulator's own world it is the old one; its integrals are right."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from analytic_medium import RECEIVERS_KM, HomogeneousMedium
from scipy.special import logsumexp
from scipy.stats import norm

import zoo
from zoo.errors import ZooError
from zoo.microseismic.location.aligned_frames import AlignedFrames
from zoo.microseismic.location.importance import Mixture, population, systematic
from zoo.microseismic.location.lags import at_lags
from zoo.microseismic.location.noise import Noise
from zoo.microseismic.location.trace_likelihood import SHAPE_ERROR_DENSITY, TraceLikelihood
from zoo.microseismic.location.world import World
from zoo.microseismic.location.world_likelihood import SHAPE_ERROR_INFLATION, WorldLikelihood

ERROR = {"timing_sd_s": np.full(4, 0.0008), "log_amplitude_sd": np.full(4, 0.03), "shape_error": np.full(4, 0.005)}
USED = (0, 1, 2, 3)
SOURCE_KM = np.array([0.375, 0.3, 1.57])


@pytest.fixture(scope="module")
def medium():
    return HomogeneousMedium(emulator_error=ERROR)


def recorded(medium, noise_sd=40.0, seed=0):
    traces = medium(SOURCE_KM[None])[0].numpy()
    return traces + noise_sd * np.random.default_rng(seed).normal(size=traces.shape)


def test_in_the_emulators_own_world_it_is_the_old_likelihood(medium):
    """First order in the emulator's errors there, exact here: equal to a few tenths where the posterior is."""
    noise, traces = Noise.white(np.full(4, 40.0)), recorded(medium)
    old = TraceLikelihood(medium, USED)
    new = WorldLikelihood(medium, USED, World.as_simulated(), 1024)
    # The shape error is white in both, with other factors.
    new.shape_error *= SHAPE_ERROR_DENSITY / SHAPE_ERROR_INFLATION
    points = SOURCE_KM + 0.002 * np.random.default_rng(1).normal(size=(200, 3))
    data = old.data(traces, noise)
    before = old(tf.constant(points, tf.float32), *(tf.constant(part, tf.float32) for part in data)).numpy()
    after = new(tf.constant(points, tf.float32), *map(tf.constant, new.data(traces, noise))).numpy()
    # One is relative to noise alone.
    gap = after - (before + 0.5 * np.sum(data[0] ** 2))
    near = before > before.max() - 5
    assert near.sum() > 50
    assert np.ptp(before[near]) > 4
    assert np.std(gap[near]) < 0.3 and abs(np.mean(gap[near])) < 0.5


def test_time_terms_and_gains_are_integrated_out(medium):
    """One receiver, by sums over many time terms and gains of the plain likelihood of white noise."""
    world = World(0.02, 0.001, 0.1, True, True, None)
    likelihood = WorldLikelihood(HomogeneousMedium(), (0,), world, 1024)
    likelihood.scales, likelihood.weights = (1.0,), (1.0,)
    sd = 300.0
    trace = recorded(medium, sd)[:1]
    # Without the variance that another earth's later waves have.
    data = likelihood.data(trace, Noise.white(np.array([sd])), shape=0.0)
    point = np.append(SOURCE_KM, 0.0)
    found = float(likelihood(tf.constant(point[None], tf.float32), *map(tf.constant, data))[0])
    found -= float(likelihood._log_prior(tf.constant([0.0]))[0])

    offset = np.linalg.norm(SOURCE_KM - likelihood.model.receivers_km[0])
    frames, time_s, amplitude = (
        part.numpy()[0, 0] for part in likelihood.frames(tf.constant(SOURCE_KM[None], "float32"))
    )
    assert abs(time_s - offset / 2.0) < 0.06  # the pulse's first lobe
    lags = np.linspace(-0.08, 0.08, 2001)
    time = np.arange(501) * 0.004
    frame = np.interp(time[None] - time_s - lags[:, None], (np.arange(501) - 40) * 0.004, frames, 0, 0) * amplitude
    energy, fit = np.sum(frame**2, axis=1) / sd**2, frame @ trace[0] / sd**2
    gains = np.linspace(0.4, 1.6, 241)
    terms = gains * fit[:, None] - 0.5 * gains**2 * energy[:, None] + norm.logpdf(gains, 1, 0.1)
    terms = terms + norm.logpdf(lags, 0, np.hypot(0.02 * time_s, 0.001))[:, None]
    expected = logsumexp(terms) + np.log((lags[1] - lags[0]) * (gains[1] - gains[0]))
    assert abs(found - expected) < 0.1
    assert expected > 20


def test_correlations_at_all_lags_are_plain_sums():
    rng = np.random.default_rng(0)
    data, frames = rng.normal(size=(2, 60)), rng.normal(size=(2, 21))
    found = at_lags(data, frames, -30, 75)
    padded = np.pad(data, ((0, 0), (30, 60)))
    expected = np.stack([np.sum(padded[:, k : k + 21] * frames, axis=1) for k in range(105)], axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_a_linear_last_layer_is_projected_onto_the_components_at_once():
    model = zoo.load("nn_direct_emulator.kwave2021")
    frames = AlignedFrames(model, (0,))
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(model.samples, 16)))[0].T[None].astype(np.float32)
    places = tf.constant(model.lower_km + rng.uniform(size=(5, 3)) * (model.upper_km - model.lower_km), tf.float32)
    slowly = [part.numpy() for part in frames.projected(places, basis)]
    frames.fold(basis)
    quickly = [part.numpy() for part in frames.projected(places, basis)]
    assert frames._layers
    for one, other in zip(slowly, quickly, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


class TwoChannels(HomogeneousMedium):
    """A station with two channels: the second hears a wave that is slower and weaker."""

    station_of_channel = np.array([7, 7])
    share = np.array([1.0, 0.6], np.float32)

    def __call__(self, coordinates_km):
        offset = tf.convert_to_tensor(coordinates_km, tf.float32) - self.receivers_km[0].astype(np.float32)
        distance_km = tf.norm(offset, axis=-1)[:, None, None]
        slowness = np.array([0.5, 0.57], np.float32)[:, None]
        time_s = np.arange(self.samples, dtype=np.float32) * np.float32(self.time_step_s)
        phase = (time_s - distance_km * slowness) / self.pulse_sd_s - 4
        return -1000.0 * self.share[:, None] / distance_km * phase * tf.exp(0.5 - 0.5 * phase**2)


def test_channels_of_a_station_share_its_time_term_and_have_gains_of_their_own():
    """By sums over many time terms and gains of the plain likelihood of white noise."""
    model = TwoChannels(np.stack([RECEIVERS_KM[0]] * 2))
    likelihood = WorldLikelihood(model, (0, 1), World(0.02, 0.001, 0.1, True, True, None), 1024)
    likelihood.scales, likelihood.weights = (1.0,), (1.0,)
    sd = np.array([250.0, 200.0])
    traces = model(SOURCE_KM[None])[0].numpy()
    # Both channels are 9 ms late: between samples.
    late = np.array([np.interp(np.arange(501) - 2.25, np.arange(501), row) for row in traces])
    late += sd[:, None] * np.random.default_rng(3).normal(size=late.shape)
    data = likelihood.data(late, Noise.white(sd), shape=0.0)
    found, inner = likelihood._receivers(
        *(likelihood.features(tf.constant(SOURCE_KM[None], tf.float32), tf.zeros(1), *map(tf.constant, data[:2])))[:4],
        tf.constant(data[2]), tf.constant(data[3]), tf.zeros(1), tf.zeros(1), tf.zeros(1),
    )  # fmt: skip
    assert found.shape == (1, 1, 1) and inner[2].shape == (1, 2)

    frames, time_s, amplitude = (
        part.numpy()[0] for part in likelihood.frames(tf.constant(SOURCE_KM[None], tf.float32))
    )
    lags, gains = np.linspace(-0.08, 0.08, 2001), np.linspace(0.4, 1.6, 241)
    term_sd = np.hypot(0.02 * time_s.mean(), 0.001)
    each = []
    for c in range(2):
        time = np.arange(501) * 0.004 - time_s[c] - lags[:, None]
        frame = np.interp(time, (np.arange(501) - 40) * 0.004, frames[c], 0, 0) * amplitude[c]
        energy, fit = np.sum(frame**2, axis=1) / sd[c] ** 2, frame @ late[c] / sd[c] ** 2
        terms = gains * fit[:, None] - 0.5 * gains**2 * energy[:, None] + norm.logpdf(gains, 1, 0.1)
        each.append(logsumexp(terms, axis=1) + np.log(gains[1] - gains[0]))
    together = each[0] + each[1] + norm.logpdf(lags, 0, term_sd)
    expected = logsumexp(together) + np.log(lags[1] - lags[0])
    assert abs(float(found[0, 0, 0]) - expected) < 0.1
    # Two stations with a term each are another answer.
    apart = sum(logsumexp(one + norm.logpdf(lags, 0, term_sd)) + np.log(lags[1] - lags[0]) for one in each)
    assert expected > apart + 0.3


def test_importance_sampling_finds_both_hills_of_a_known_density():
    def log_density(points):
        hills = [norm.logpdf(points, centre, 0.1).sum(axis=1) for centre in (-1.0, 1.0)]
        return np.logaddexp(np.log(0.3) + hills[0], np.log(0.7) + hills[1])

    places = np.array([[-1.1, -0.9, -1.0], [0.8, 1.1, 1.0]])
    mixture = Mixture.of_modes(places, np.stack([0.05**2 * np.eye(3)] * 2), np.zeros(2), most=4)
    found = population(log_density, mixture, rounds=5, draws=800, rng=np.random.default_rng(0))
    assert abs(logsumexp(found.log_weights) - np.log(len(found.points))) < 0.05  # the integral is 1
    right = found.weights[found.points[:, 0] > 0].sum()
    assert abs(right - 0.7) < 0.04
    assert found.effective > 0.5 * len(found.points)
    chosen = systematic(found.weights, 1000, np.random.default_rng(1))
    assert abs(np.mean(found.points[chosen, 0] > 0) - right) < 0.01


@pytest.mark.parametrize(
    ("errors", "message"),
    [
        ({"velocity_error": -0.1}, "velocity_error is -0.1; expected a number from 0 to 0.2"),
        ({"clock_error_s": 2.0}, "clock_error_s is 2.0"),
        ({"gain_error": "much"}, "gain_error is 'much'"),
    ],
)
def test_a_world_that_cannot_be_is_refused(errors, message):
    with pytest.raises(ZooError, match=message):
        World(**errors)

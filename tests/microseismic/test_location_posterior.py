"""What every location says in the same way: which edges it reaches, what noise it took, what it overrides."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from zoo.microseismic.location.noise import Noise, stated_noise
from zoo.microseismic.location.observation import Observation
from zoo.microseismic.location.posterior import AXES, edges_reached, waveform_warnings, wrong_emulator

BOX = SimpleNamespace(lower=np.zeros(4), upper=np.array([1.0, 1.0, 2.0, 0.5]))
SD = np.array([0.01, 0.01, 0.02, 0.1])


def posterior(*mean):
    return SimpleNamespace(mean=np.array(mean), sd=SD)


def test_an_edge_is_reached_that_is_nearer_than_three_sd():
    assert list(edges_reached(posterior(0.5, 0.5, 1.0, 0.25), BOX)) == [(3, "lower", 0.0), (3, "upper", 0.5)]
    found = list(edges_reached(posterior(0.031, 0.029, 1.939, 0.25), BOX))
    assert found[:1] == [(1, "lower", 0.0)] and (2, "upper", 2.0) not in found
    assert (2, "upper", 2.0) in list(edges_reached(posterior(0.5, 0.5, 1.941, 0.25), BOX))


def test_edges_of_the_volume_and_ends_of_the_origin_times_are_told_apart():
    found = waveform_warnings((*AXES, "origin_time_s"), posterior(0.99, 0.5, 1.0, 0.05), BOX, 100.0, np.ones(2))
    assert len(found) == 2
    assert "upper edge" in found[0] and "x_km = 1" in found[0]
    assert "lower end of the origin times, 0 s" in found[1]


def test_recorded_noise_counts_for_more_than_a_stated_sd_and_that_for_more_than_an_estimate():
    rng = np.random.default_rng(0)
    traces, samples = rng.normal(size=(2, 400)), 3.0 * rng.normal(size=(2, 500))
    sd = np.array([1.5, 2.5])
    recorded, (note,) = stated_noise(traces, sd, samples)
    np.testing.assert_array_equal(recorded.autocovariance, Noise.from_samples(samples).autocovariance)
    assert "500 samples before the event" in note
    white, (note,) = stated_noise(traces, sd, samples, coloured=False)
    np.testing.assert_allclose(white.sd, recorded.sd)
    assert white.autocovariance.shape == (2, 1) and "treated as white" in note
    stated, notes = stated_noise(traces, sd, None)
    np.testing.assert_allclose(stated.sd, sd)
    assert notes == ()
    estimated, (note,) = stated_noise(traces, None, None)
    np.testing.assert_allclose(estimated.sd, 1.0, rtol=0.15)
    assert "estimated from the traces" in note


def test_what_is_given_counts_for_more_than_what_the_observation_states():
    own = Observation(np.ones((2, 9)), 250.0, np.zeros((2, 3)), 1.0, noise=np.ones((2, 9)), unit="Pa")
    same = Observation.of(own)
    assert (same.sampling_rate_hz, same.noise_sd, same.unit) == (250.0, 1.0, "Pa") and same.noise is own.noise
    changed = Observation.of(own, sampling_rate_hz=500.0, noise_sd=2.0)
    assert (changed.sampling_rate_hz, changed.noise_sd, changed.noise) == (500.0, 2.0, None)
    assert changed.receivers_km is own.receivers_km
    assert Observation.of(np.ones((2, 9)), noise_sd=2.0).sampling_rate_hz is None


@pytest.mark.parametrize(("value", "warned"), [(1.4, False), (1.6, True)])
def test_a_trace_that_is_not_explained_is_named(value, warned):
    found = waveform_warnings(
        (*AXES, "origin_time_s"), posterior(0.5, 0.5, 1.0, 0.25), BOX, 100.0, np.array([1.0, value])
    )
    assert any("receiver 1 is not explained" in warning for warning in found) == warned


def test_an_emulator_that_is_more_wrong_than_measured_is_noted_and_far_more_wrong_is_warned_of():
    assert wrong_emulator(None) == ([], []) and wrong_emulator(np.array([1.0, 1.4])) == ([], [])
    notes, warnings = wrong_emulator(np.array([1.0, 2.5]))
    assert "by factors of 1.0, 2.5." in notes[0] and not warnings
    notes, warnings = wrong_emulator(np.array([6.0, 2.5]))
    assert "at receiver 0 above all" in warnings[0] and not notes

"""Misfits against their formulas, what they are blind to, and that their gradients stay finite."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from zoo.errors import UsageError
from zoo.fwi.inversion.misfits import hilbert, misfit
from zoo.fwi.settings import MISFITS

RNG = np.random.default_rng(0)
OBSERVED, PREDICTED = RNG.normal(size=(2, 3, 50, 4)).astype(np.float32)  # 3 shots, 50 samples, 4 receivers


def pulse(time_s, frequency_hz, shift_s=0.0, phase=0.0):
    """A Gaussian in 1 s around 0.5 s, modulated: its envelope is the Gaussian. (1 shot, time, 1 receiver)."""
    t = time_s - 0.5 - shift_s
    return (np.exp(-((t / 0.1) ** 2)) * np.cos(2 * np.pi * frequency_hz * t + phase)).astype(np.float32)[None, :, None]


def gradient(loss, observed, predicted):
    predicted = tf.Variable(predicted)
    with tf.GradientTape() as tape:
        value = loss(observed, predicted)
    return tape.gradient(value, predicted).numpy()


def test_l2_is_equation_3_and_weights_take_traces_out():
    loss = misfit("l2")
    expected = 0.5 * ((OBSERVED - PREDICTED) ** 2).sum() / 3
    np.testing.assert_allclose(loss(OBSERVED, PREDICTED), expected, rtol=1e-6)
    weights = np.ones((3, 4), np.float32)
    weights[1, 2] = 0
    spoilt = OBSERVED.copy()
    spoilt[1, :, 2] = 1e3
    dropped = expected - 0.5 * ((OBSERVED - PREDICTED)[1, :, 2] ** 2).sum() / 3
    np.testing.assert_allclose(loss(spoilt, PREDICTED, sample_weight=weights), dropped, rtol=1e-6)
    # One receiver: a weight is not broadcast over anything else.
    one = misfit("l2")(OBSERVED[..., :1], PREDICTED[..., :1], sample_weight=weights[:, 2:3])
    np.testing.assert_allclose(one, 0.5 * ((OBSERVED - PREDICTED)[[0, 2], :, 0] ** 2).sum() / 3, rtol=1e-6)
    np.testing.assert_allclose(gradient(loss, OBSERVED, PREDICTED), (PREDICTED - OBSERVED) / 3, rtol=1e-5)


def test_correlation_sees_shape_and_not_amplitude():
    loss = misfit("correlation")
    np.testing.assert_allclose(loss(OBSERVED, 5 * OBSERVED), 0, atol=1e-6)
    np.testing.assert_allclose(loss(OBSERVED, -1e-4 * OBSERVED), 2, atol=1e-6)
    np.testing.assert_allclose(loss(OBSERVED, 0 * OBSERVED), 1)
    assert np.isfinite(gradient(loss, OBSERVED, 0 * OBSERVED)).all()


@pytest.mark.parametrize("samples", (200, 201))
def test_hilbert_turns_the_phase_by_a_quarter(samples):
    phase = 2 * np.pi * 7 * np.arange(samples) / samples
    np.testing.assert_allclose(hilbert(np.cos(phase).astype(np.float32)[None]), np.sin(phase)[None], atol=2e-6)


def test_envelopes_do_not_see_phase_and_lead_to_pulses_a_period_off():
    loss = misfit("envelope")
    time_s = np.linspace(0, 1, 400, endpoint=False)
    observed = pulse(time_s, 20)
    assert loss(observed, -observed) < 1e-9
    assert loss(observed, pulse(time_s, 20, phase=1.0)) < 1e-4 * loss(observed, 0 * observed)
    # By L2 a shift of half a period is the worst and three quarters are better; envelopes grow ever more apart.
    shifts_s = (0.0, 0.0125, 0.025, 0.0375, 0.05)
    envelope = [float(loss(observed, pulse(time_s, 20, shift))) for shift in shifts_s]
    l2 = [float(misfit("l2")(observed, pulse(time_s, 20, shift))) for shift in shifts_s]
    assert envelope == sorted(envelope) and l2 != sorted(l2)
    for predicted in (0 * observed, observed):
        assert np.isfinite(gradient(loss, observed, predicted)).all()
    assert np.isfinite(gradient(loss, 0 * observed, 0 * observed)).all()


def test_a_misspelt_misfit_is_answered_with_the_right_one():
    assert {misfit(name).name for name in MISFITS} == {"l2", "correlation", "envelope"}
    with pytest.raises(UsageError, match="Did you mean envelope"):
        misfit("envelop")

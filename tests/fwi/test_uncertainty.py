"""How far a model depends on which shots were taken: halves of the shots are inverted, and their spread is drawn."""

from __future__ import annotations

import json

import numpy as np
import pytest

from zoo.errors import UsageError
from zoo.fwi.inversion.from_shots import invert
from zoo.fwi.inversion.survey import Survey, simulate
from zoo.fwi.physics.acoustic import ricker
from zoo.fwi.physics.velocity_models import VelocityModel
from zoo.fwi.shots import read_shots

SPACING_M, STEP_S, SAMPLES = 10.0, 0.0015, 160
SETTINGS = {"iterations": 3, "width": 6, "learning_rate": 10.0, "uncertainty": "halves", "hold_out": 0}


def shots(folder, count, noise=0.0):
    """Shots over a fast block, written as a file, and the start without it."""
    velocity = np.full((14, 24), 1900.0)
    start = VelocityModel(velocity.copy(), SPACING_M, "start")
    velocity[6:9, 14:20] += 200
    sources = np.stack([np.full(count, 1.0), np.linspace(2, 21, count)], 1)
    receivers = np.array([[1.0, column] for column in range(0, 24, 2)])
    pulse = ricker(14.0, STEP_S, SAMPLES)
    observed = simulate(velocity, SPACING_M, Survey(np.tile(pulse, (count, 1)), sources, receivers, STEP_S), width=6)
    observed = observed + noise * observed.std() * np.random.default_rng(0).normal(size=observed.shape)
    arrays = {"observed": observed.astype(np.float32), "time_step_s": STEP_S, "wavelet": pulse}
    np.savez(folder / "shots.npz", sources_m=sources * SPACING_M, receivers_m=receivers * SPACING_M, **arrays)
    return read_shots(folder / "shots.npz"), start


@pytest.mark.long
def test_the_spread_of_halves_is_written_and_grows_with_noise(tmp_path):
    found = []
    for name, noise in (("clean", 0.0), ("noisy", 1.0)):
        (tmp_path / name).mkdir()
        data, start = shots(tmp_path / name, 4, noise)
        out = tmp_path / name / "out"
        inverted = invert(data, start, out, settings=SETTINGS)
        assert inverted.sd_m_s.shape == start.shape and inverted.sd_m_s.min() >= 0
        with np.load(out / "uncertainty.npz") as kept:
            np.testing.assert_array_equal(kept["sd_m_s"], inverted.sd_m_s)
        told = json.loads((out / "summary.json").read_text())["sd_m_s"]
        assert told["max"] == pytest.approx(inverted.sd_m_s.max()) and "from halves of the shots" in inverted.report()
        found.append(float(np.median(inverted.sd_m_s)))
        again = invert(data, start, out, settings=SETTINGS)  # goes on at its end
        np.testing.assert_array_equal(again.sd_m_s, inverted.sd_m_s)
    assert 0 < found[0] < found[1]


def test_too_few_shots_are_refused_before_anything_runs(tmp_path):
    data, start = shots(tmp_path, 3)
    with pytest.raises(UsageError, match="needs 4 shots or more; received 3"):
        invert(data, start, tmp_path / "out", settings=SETTINGS)
    assert not (tmp_path / "out").exists()

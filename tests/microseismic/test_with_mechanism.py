"""Location and mechanism together, as a user asks for them: answer, files, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from analytic_medium import HomogeneousMedium
from greens_medium import HomogeneousGreens

from zoo.errors import UsageError, ZooError
from zoo.microseismic.location.by_waveforms import locate
from zoo.microseismic.location.observation import Observation
from zoo.microseismic.location.with_mechanism import mechanism
from zoo.microseismic.location.world import World
from zoo.microseismic.physics import moment_tensor
from zoo.sampling.smc import Settings

SETTINGS = Settings(screen=2_048, particles=512, evidence_draws=512, batch=256)
SOURCE_KM = np.array([0.42, 0.61, 1.5])
TENSOR = 2e12 * moment_tensor.double_couple(30.0, 60.0, 40.0)


@pytest.fixture(scope="module")
def medium() -> HomogeneousGreens:
    return HomogeneousGreens(error=(2e-4, 0.01, 0.006))


@pytest.fixture(scope="module")
def observation(medium) -> Observation:
    clean = np.einsum("c,rct->rt", TENSOR, medium(SOURCE_KM[None]).numpy()[0])
    noise_sd = 0.03 * np.abs(clean).max()
    traces = clean + np.random.default_rng(0).normal(scale=noise_sd, size=clean.shape)
    return Observation(traces, 250.0, medium.receivers_km, noise_sd, SOURCE_KM, "Pa")


@pytest.fixture(scope="module")
def found(medium, observation):
    return mechanism(observation, medium, true_tensor_n_m=TENSOR, settings=SETTINGS, world=World.as_simulated())


def test_location_and_mechanism_are_those_of_the_event(found):
    assert np.abs((found.mean_km - SOURCE_KM) / found.sd_km).max() < 4
    assert np.abs((found.mean_tensor_n_m - TENSOR) / found.sd_tensor_n_m).max() < 4
    entries = found.summary()
    assert entries["rotation_from_truth_deg"] < 20
    assert entries["moment_magnitude"]["mean"] == pytest.approx(moment_tensor.moment_magnitude(2e12), abs=0.1)
    planes = [[p["strike_deg"], p["dip_deg"], p["rake_deg"]] for p in found.nodal_planes()]
    turned = [(np.subtract(p, [30, 60, 40]) + 180) % 360 - 180 for p in planes]
    assert min(np.abs(turn).max() for turn in turned) < 25
    assert (found.misfit < 1.3).all() and (found.misfit > 0.7).all()
    assert found.log_bayes_factor > 100
    assert "strike/dip/rake" in found.report() and "Mw = 2.1" in found.report()


def test_files_are_written(found, tmp_path):
    folder = found.write(tmp_path / "inverted")
    assert {path.name for path in folder.iterdir()} == {
        "corner.png", "mechanism.png", "traces.png", "samples.npz", "summary.json"
    }  # fmt: skip
    assert all(path.stat().st_size > 10_000 for path in folder.glob("*.png"))
    written = json.loads((folder / "summary.json").read_text())
    assert written["moment_tensor_n_m"]["zz"]["mean"] == pytest.approx(found.mean_tensor_n_m[2])
    with np.load(folder / "samples.npz", allow_pickle=False) as samples:
        assert samples["tensors_n_m"].shape == (len(samples["samples_km"]), 6)


def test_what_does_not_fit_is_refused(medium, observation):
    with pytest.raises(ZooError, match="Convert them to Pa"):
        mechanism(Observation(observation.traces, unit="Pa per m3 of injected volume"), medium)
    with pytest.raises(ZooError, match=r"object\) answers no question"):
        mechanism(observation, object())
    with pytest.raises(ZooError, match="answers microseismic.traces; expected .*: greens_emulator.marine"):
        mechanism(observation, HomogeneousMedium())
    with pytest.raises(ZooError, match="answers microseismic.greens_functions; expected .*: ae_gp_emulator.kwave2021"):
        locate(observation, medium)
    with pytest.raises(ZooError, match="seed"):
        mechanism(observation, medium, seed=-1)
    with pytest.raises(UsageError, match="no constraint 'double'. Did you mean double_couple"):
        mechanism(observation, medium, constraint="double")


@pytest.fixture(scope="module")
def elsewhere(medium) -> Observation:
    """The event in an earth 3 % faster, 0.1 s late, each clock and gain a little wrong, with coloured noise."""
    faster = HomogeneousGreens()
    faster.p_km_s, faster.s_km_s = 1.03 * faster.p_km_s, 1.03 * faster.s_km_s
    clean = np.einsum("c,rct->rt", TENSOR, faster(SOURCE_KM[None]).numpy()[0])
    random = np.random.default_rng(3)
    late = 25 + random.normal(0, 0.5, len(clean))
    index = np.arange(clean.shape[1])
    clean = np.stack([np.interp(index - shift, index, row, 0, 0) for row, shift in zip(clean, late, strict=True)])
    clean *= 1 + 0.05 * random.normal(size=(len(clean), 1))
    noise = np.lib.stride_tricks.sliding_window_view(random.normal(size=(5, 1204)), 4, axis=1).sum(axis=-1)
    noise *= 0.015 * np.abs(clean).max()
    return Observation(clean + noise[:, -501:], 250.0, medium.receivers_km, None, SOURCE_KM, "Pa", noise[:, :700])


@pytest.fixture(scope="module")
def honest(medium, elsewhere):
    return mechanism(elsewhere, medium, true_tensor_n_m=TENSOR, settings=SETTINGS, world=World())


@pytest.mark.slow
def test_errors_of_the_world_cover_what_the_emulator_does_not_know(medium, elsewhere, honest):
    assert honest.parameters == ("x_km", "y_km", "z_km", "origin_time_s", "travel_time_change_percent")
    assert np.abs((honest.mean_km - SOURCE_KM) / honest.sd_km).max() < 3, honest.report()
    assert np.abs((honest.mean_tensor_n_m - TENSOR) / honest.sd_tensor_n_m).max() < 3, honest.report()
    assert abs(honest.samples.mean[3] - 0.1) < 3 * honest.samples.sd[3]
    assert any("colour of the 700 samples" in note for note in honest.notes)
    known = World.as_simulated((-0.5, 0.5))
    sure = mechanism(elsewhere, medium, settings=SETTINGS, world=known)
    assert np.abs((sure.mean_km - SOURCE_KM) / sure.sd_km).max() > 5


@pytest.mark.slow
def test_a_double_couple_and_an_explosion_are_told_apart(medium, found):
    assert found.log_evidence_of["double_couple"] > 1 and found.log_evidence_of["deviatoric"] > 0
    explosion = np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0]) * 2e12
    clean = np.einsum("c,rct->rt", explosion, medium(SOURCE_KM[None]).numpy()[0])
    traces = clean + 0.03 * np.abs(clean).max() * np.random.default_rng(1).normal(size=clean.shape)
    observation = Observation(traces, 250.0, medium.receivers_km, 0.03 * np.abs(clean).max(), SOURCE_KM, "Pa")
    other = mechanism(observation, medium, settings=SETTINGS, world=World.as_simulated())
    assert other.log_evidence_of["double_couple"] < -20 and other.log_evidence_of["deviatoric"] < -10


@pytest.mark.slow
def test_a_constraint_is_kept(medium, observation, found):
    couple = mechanism(
        observation, medium, settings=SETTINGS, world=World.as_simulated(), constraint="double_couple"
    )  # fmt: skip
    np.testing.assert_allclose(moment_tensor.source_type(couple.tensors_n_m)[:, 2], 100.0, atol=1e-6)
    assert couple.summary()["constraint"] == "double_couple"
    assert couple.log_bayes_factor == pytest.approx(found.log_bayes_factor + found.log_evidence_of["double_couple"])
    assert np.abs((couple.mean_km - SOURCE_KM) / couple.sd_km).max() < 4
    assert moment_tensor.kagan_angle_deg(couple.mean_tensor_n_m, TENSOR) < 15

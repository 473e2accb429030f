"""Location and mechanism together, as a user asks for them: answer, files, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from analytic_medium import HomogeneousMedium
from greens_medium import HomogeneousGreens

from zoo.errors import ZooError
from zoo.microseismic.location.by_waveforms import locate
from zoo.microseismic.location.observation import Observation
from zoo.microseismic.location.with_mechanism import mechanism
from zoo.microseismic.physics import moment_tensor
from zoo.sampling.smc import Settings

SETTINGS = Settings(screen=4_096, particles=512, evidence_draws=512, batch=1_024)
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
    return mechanism(observation, medium, true_tensor_n_m=TENSOR, settings=SETTINGS)


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

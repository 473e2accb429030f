"""The dataset of dispersion curves: any band, the same bytes whoever makes it, nothing silent."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from zoo.data import builders, datasets, shards
from zoo.errors import UsageError, ZooError

SMALL = {"models": "60", "models_per_shard": "10", "frequencies_mhz": "20:40:10", "depths_km": "10,50"}
OWN = "prem_dispersion/own"
BEAM = "--runner=DirectRunner --direct_running_mode=multi_processing --direct_num_workers=2"


def _hashes(folder: Path) -> dict[str, str]:
    files = sorted(folder.glob("prem_dispersion/*/*/*.tfrecord*"))
    assert files
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    """A folder with a small dataset of one's own, made by the default number of threads."""
    folder = tmp_path_factory.mktemp("small")
    datasets.prepare(OWN, folder, settings=SMALL)
    return folder


def test_mini(dispersion_dataset):
    about = datasets.metadata("prem_dispersion/mini", dispersion_dataset)
    assert about["splits"] == {"train": 3000, "test": 1000}
    np.testing.assert_allclose(about["frequency_hz"], np.arange(21) * 1.25e-3 + 0.010)
    assert tuple(about["prior"]["moho_km"]) == (20, 100)
    train, test = (datasets.arrays("prem_dispersion/mini", split, dispersion_dataset) for split in ("train", "test"))
    assert train["phase_velocity_km_s"].shape == (3000, 21)
    assert train["vs_km_s"].shape == train["vp_km_s"].shape == (3000, len(about["depth_km"]))
    np.testing.assert_array_equal(np.concatenate([train["example"], test["example"]]), np.arange(4000))
    assert all(np.isfinite(values).all() for values in train.values())
    # The Earth's mass prefers a somewhat thin crust (mean 57.8 km); a thick one is slow.
    moho_km = train["moho_depth_km"]
    assert 20 <= moho_km.min() < 21 and 98 < moho_km.max() <= 100 and 55 < moho_km.mean() < 60
    assert np.corrcoef(moho_km, train["phase_velocity_km_s"][:, -1])[0, 1] < -0.8
    assert (train["vp_km_s"] > 1.4 * train["vs_km_s"]).all()
    # What was needed to make it is gone.
    assert not list((dispersion_dataset / "downloads").rglob("*.npz"))


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_the_same_bytes_for_any_number_of_workers(small, tmp_path, workers):
    datasets.prepare(OWN, tmp_path, settings=SMALL, workers=workers)
    assert _hashes(tmp_path) == _hashes(small)


def test_the_same_bytes_from_beam_in_another_process(small, tmp_path):
    if importlib.util.find_spec("apache_beam") is None:
        pytest.skip("Apache Beam is not installed (pip install seismic-zoo[beam])")
    paths = os.pathsep.join([str(Path(shards.__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "zoo.cli", "prepare", OWN, "--data-dir", str(tmp_path), "--beam", BEAM, "--set"]
    command += [f"{key}={value}" for key, value in SMALL.items()]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "6 shards of own by Beam's DirectRunner: done" in done.stderr
    assert _hashes(tmp_path) == _hashes(small)


def test_an_example_depends_on_seed_and_number_alone(small, tmp_path):
    datasets.prepare(OWN, tmp_path, settings={**SMALL, "models": "8", "test_models": "3", "models_per_shard": "4"})
    few = {s: datasets.arrays(OWN, s, tmp_path) for s in ("train", "test")}
    many = datasets.arrays(OWN, "train", small)
    for key, values in many.items():
        np.testing.assert_array_equal(np.concatenate([few["train"][key], few["test"][key]]), values[:8])
    datasets.prepare("prem_dispersion/other", tmp_path, settings={**SMALL, "models": "8", "seed": "9"})
    other = datasets.arrays("prem_dispersion/other", "train", tmp_path)["moho_depth_km"]
    assert not np.isin(other, many["moho_depth_km"]).any()


def test_a_limit_makes_few_shards(tmp_path, capsys):
    datasets.prepare("prem_dispersion/mini", tmp_path, limit=5)
    assert "2 shards of mini" in capsys.readouterr().err
    assert datasets.metadata("prem_dispersion/mini", tmp_path)["splits"] == {"train": 5, "test": 5}
    assert datasets.arrays("prem_dispersion/mini", "test", tmp_path)["example"].tolist() == list(range(3000, 3005))


def test_bands_and_priors_of_ones_own():
    builder = builders.builder_class("prem_dispersion")
    config = lambda **settings: builder.custom_config("own", settings)
    np.testing.assert_allclose(config(frequencies_mhz="25:200:5").frequency_hz, np.arange(25, 201, 5) / 1e3)
    by_period = config(periods_s="5:40:1", prior="continental")
    np.testing.assert_allclose(by_period.frequency_hz, 1 / np.arange(40, 4, -1.0))
    assert by_period.frequency_hz == builder.builder_configs["short_period"].frequency_hz
    assert config(periods_s="40,5,10").frequency_hz == (1 / 40, 1 / 10, 1 / 5)
    assert tuple(config(moho_km="20:80").earth_prior().moho_km) == (20, 80)
    assert config(flat_moho="true").earth_prior().flat_moho and not config().earth_prior().flat_moho
    assert config(models="600").test_models == 120 and config(models="600", test_models="7").test_models == 7
    # What a worker gets is JSON and makes the same config.
    made = config(moho_km="20:80", depths_km="0:30:10")
    again = {name: shards._tuples(value) for name, value in shards.fields(made).items()}
    assert dataclasses.replace(type(made)(**again), description=made.description) == made


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"moho": "20:80"}, "Did you mean moho_km"),
        ({"frequency_mhz": "10:20:1"}, "Did you mean frequencies_mhz"),
        ({"moho_km": "80:20"}, "low:high"),
        ({"moho_km": "20"}, "2 numbers, with ':' between them in km"),
        ({"moho_km": "1:20"}, "5 km or deeper"),
        ({"flat_moho": "yes"}, "true or false"),
        ({"layers": "1:2"}, "no setting 'layers'"),
        ({"frequencies_mhz": "10:20"}, "start:stop:step"),
        ({"frequencies_mhz": "ten"}, "start:stop:step"),
        ({"frequencies_mhz": "20:10:1"}, "stop"),
        ({"frequencies_mhz": "10:20:-1"}, "step"),
        ({"frequencies_mhz": "10,20,10"}, "twice"),
        ({"frequencies_mhz": "4:20:1"}, "5 to 250 mHz; received 4 to"),
        ({"periods_s": "3:40:1"}, "5 to 250 mHz"),
        ({"periods_s": "0:40:1"}, "positive"),
        ({"periods_s": "5:40:1", "frequencies_mhz": "10:20:1"}, "not both"),
        ({"models": "0"}, "whole number"),
        ({"models": "10", "test_models": "10"}, "none of 10"),
        ({"prior": "cheng2018"}, "Did you mean cheng2019"),
    ],
)
def test_wrong_settings(tmp_path, settings, message):
    with pytest.raises(ZooError, match=message):
        datasets.prepare(OWN, tmp_path, settings=settings)
    assert not list(tmp_path.rglob("*.npz"))


def test_names_are_not_taken_twice(small):
    with pytest.raises(UsageError, match="name of its own"):
        datasets.prepare("prem_dispersion/mini", small, settings=SMALL)
    with pytest.raises(ZooError, match=r"prepared with other settings \(models, test_models\)"):
        datasets.prepare(OWN, small, settings={**SMALL, "models": "50"})
    assert datasets.prepare(OWN, small, settings=SMALL).is_dir()  # the same again is no work
    with pytest.raises(UsageError, match="is neither generated nor read in blocks"):
        datasets.prepare("microseismic/spurio_mancini_2021", small, workers=2)


def test_no_two_configs_share_their_models():
    seeds = [config.seed for config in builders.builder_class("prem_dispersion").BUILDER_CONFIGS]
    assert len({*seeds, builders.builder_class("prem_dispersion").custom_config("own", {}).seed}) == len(seeds) + 1


def test_failed_draws_are_counted_and_said(tmp_path, monkeypatch, capsys):
    builders.builder_class("prem_dispersion")
    module = sys.modules["prem_dispersion.prem_dispersion_dataset_builder"]
    real = module.draw_dispersion

    def draw(*arguments, first, **options):
        made = real(*arguments, first=first, **options)
        return {**made, "failed": np.where(np.arange(len(made["failed"])) == 3, first, 0).astype(np.int32)}

    monkeypatch.setattr(module, "draw_dispersion", draw)
    datasets.prepare("prem_dispersion/own", tmp_path, settings={**SMALL, "models": "30"})
    assert datasets.metadata("prem_dispersion/own", tmp_path)["failed_draws"] == 30
    assert "30 draws had no root and were drawn again; 30 models are kept" in capsys.readouterr().err


def test_a_worker_with_other_code_is_refused(tmp_path):
    config = builders.builder_class("prem_dispersion").custom_config("own", SMALL)
    with pytest.raises(ZooError, match="other code"):
        shards.make_file(0, "prem_dispersion", shards.fields(config), str(tmp_path / "own-0000000000000000"))
    assert not list(tmp_path.iterdir())

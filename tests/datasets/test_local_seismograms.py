"""The local_seismograms builder: shapes, labels, splits, seeds, settings; everything says that it is synthetic."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from zoo.data import datasets
from zoo.data.builders import builder_class
from zoo.errors import UsageError, ZooError
from zoo.seismograms.physics.seismograms import seismograms

OWN = "local_seismograms/own"
SMALL = {"train": "96", "validation": "10", "test": "40"}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    settings = {**SMALL, "kinds": "earthquake,explosion,noise", "samples": "3000", "seed": "9"}
    datasets.prepare(OWN, folder, settings=settings, workers=2)
    return folder


def test_records(small):
    about = datasets.metadata(OWN, small)
    assert about["splits"] == {"train": 96, "validation": 10, "test": 40}
    assert about["origin"].startswith("SYNTHETIC") and about["component_order"] == "ZNE"
    records = datasets.arrays(OWN, "train", small)
    assert records["waveform"].shape == (96, 3000, 3) and np.isfinite(records["waveform"]).all()
    assert set(records["provenance"]) == {b"synthetic"}
    assert set(records["trace_p_status"][records["label"] < 2]) <= {b"synthetic", b""}
    assert np.bincount(records["label"]).tolist() == [32, 32, 32]
    names = dict(enumerate((b"earthquake", b"explosion", b"noise")))
    assert all(names[label] == kind for label, kind in zip(records["label"], records["trace_category"], strict=True))
    noise = records["label"] == 2
    assert np.isnan(records["trace_p_arrival_sample"][noise]).all() and (records["source_type"][noise] == b"").all()
    p, s = (records[f"trace_{wave}_arrival_sample"][~noise] for wave in "ps")
    assert (p > 100).all() and (p < 2900).all() and np.nanmin(s - p) > 10
    assert records["trace_snr_db"].shape == (96, 3)


def test_records_are_those_of_the_generator_and_splits_share_none(small):
    config = builder_class("local_seismograms").custom_config(
        "own", {**SMALL, "kinds": "earthquake,explosion,noise", "samples": "3000", "seed": "9"}
    )
    parts = config.parts()
    assert parts == {"train": range(96), "validation": range(96, 106), "test": range(128, 168)}
    expected = seismograms(config.model(), seed=9, first=128, count=40)
    test = datasets.arrays(OWN, "test", small)
    order = np.argsort(test["trace_name"])
    np.testing.assert_array_equal(test["waveform"][order], expected.waveform)
    np.testing.assert_array_equal(test["source_magnitude"][order], expected.columns["source_magnitude"])


def test_the_same_for_any_number_of_workers_and_limit(small, tmp_path):
    settings = {**SMALL, "kinds": "earthquake,explosion,noise", "samples": "3000", "seed": "9"}
    datasets.prepare(OWN, tmp_path, settings=settings, workers=1, limit=20)
    few, all_ = datasets.arrays(OWN, "train", tmp_path), datasets.arrays(OWN, "train", small)
    assert len(few["label"]) == 20
    np.testing.assert_array_equal(few["waveform"], all_["waveform"][:20])


def test_20_hz_keeps_arrivals_where_they_are(tmp_path):
    settings = {"sampling_rate_hz": "20", "samples": "540", "normalise": "true", "complete": "true", "train": "128"}
    settings |= {"validation": "0", "test": "0", "snr_floor": "30", "s_minus_p_s": "2:8"}
    datasets.prepare(OWN, tmp_path, settings=settings)
    records = datasets.arrays(OWN, "train", tmp_path)
    waveform = records["waveform"]
    assert waveform.shape[1:] == (540, 3)
    np.testing.assert_allclose(np.abs(waveform).max(axis=(1, 2)), 1, rtol=1e-6)
    assert (records["trace_scale"] > 0).all() and not (waveform == waveform[:, :1]).all(axis=1).any()
    late = []
    for trace, p in zip(waveform[:, :, 0], records["trace_p_arrival_sample"], strict=True):
        step = np.abs(np.diff(trace[int(p) - 10 : int(p) + 20].astype(float)))
        late.append(np.argmax(step > 0.2 * step.max()) - 9 + int(p) - p)
    assert -0.5 < np.median(late) < 1.5  # samples of 50 ms


def test_configs_have_seeds_of_their_own():
    builder = builder_class("local_seismograms")
    configs = builder.builder_configs.values()
    seeds = [config.seed for config in configs]
    assert len(set(seeds)) == len(seeds) and builder.custom_config("own", {}).seed not in seeds
    assert all("SYNTHETIC" in config.description for config in configs)
    for config in configs:
        assert config.name.startswith(("mini", "local", "regional")) or (config.samples, config.sampling_rate_hz) == (
            540,
            20.0,
        )
        config.model()
    about = datasets.describe("local_seismograms")["about"]
    assert about.splitlines()[0].startswith("# local_seismograms: SYNTHETIC")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sample": "3"}, "no setting 'sample'.*Did you mean samples"),
        ({"kinds": "quake"}, "kinds knows no 'quake'"),
        ({"s_minus_p_s": "5"}, "2 numbers, with ':' between them in s"),
        ({"s_minus_p_s": "5:2"}, "low and high"),
        ({"train": "0", "validation": "0", "test": "0"}, "all 0"),
        ({"window": "s"}, "window knows no 's'"),
    ],
)
def test_wrong_settings(settings, message):
    with pytest.raises((UsageError, ZooError), match=message):
        builder_class("local_seismograms").custom_config("own", settings)


def test_preparing_looking_and_reading_need_no_tensorflow(tmp_path):
    program = (
        "import sys; from zoo.data import datasets; from zoo.seismograms.archives.show import show; "
        f"datasets.prepare('local_seismograms/mini', {str(tmp_path)!r}, limit=5); "
        f"show('local_seismograms/mini', {str(tmp_path / 'some.png')!r}, data_dir={str(tmp_path)!r}); "
        "sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
    assert (tmp_path / "some.png").stat().st_size > 10_000

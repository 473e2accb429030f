"""The dataset of seismicity maps: the tasks as they are drawn, the same bytes whoever makes it, nothing silent."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from zoo.data import builders, datasets, shards
from zoo.errors import UsageError, ZooError
from zoo.seismicity.physics.maps import TASKS, draw_maps
from zoo.seismicity.physics.sequences import KINDS

SMALL = {"train": "6", "validation": "4", "test": "510", "seed": "7"}
OWN = "seismicity_maps/own"


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    datasets.prepare(OWN, folder, settings=SMALL)
    return folder


def _hashes(folder: Path) -> list[str]:
    files = sorted(folder.glob("seismicity_maps/*/*/*.tfrecord*"))
    assert files
    return [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]


def test_the_same_bytes_for_any_number_of_workers(small, tmp_path):
    datasets.prepare(OWN, tmp_path, settings=SMALL, workers=1)
    assert _hashes(tmp_path) == _hashes(small)


def test_records_are_the_maps_of_the_task(small):
    about = datasets.metadata(OWN, small)
    assert about["splits"] == {"train": 6, "validation": 4, "test": 510}
    assert about["summary"] == TASKS["medium"].summary and "synthetic" in about["origin"]
    found = datasets.arrays(OWN, "test", small)
    assert set(found) == set(about["units"])
    # The second shard of the test split, whose seed is (seed, split, number).
    drawn = draw_maps(TASKS["medium"], 500, np.random.default_rng([7, 2, 1]))
    for key, values in found.items():
        np.testing.assert_array_equal(values[500:], drawn[key][:10].astype(values.dtype), err_msg=key)
    assert found["counts"].dtype == np.uint8 and found["past"].dtype == np.float16
    np.testing.assert_allclose(found["expected"][500:].astype(float), drawn["expected"][:10], rtol=2e-3, atol=1e-6)
    train = datasets.arrays(OWN, "train", small)["counts"]
    assert not any((train[0] == other).all() for other in found["counts"])


def test_the_first_maps_do_not_depend_on_the_size_of_a_split(small, tmp_path):
    datasets.prepare(OWN, tmp_path, settings={**SMALL, "train": "600", "test": "3"})
    for split in ("train", "test"):
        few, many = (datasets.arrays(OWN, split, folder)["counts"] for folder in (small, tmp_path))
        shared = min(len(few), len(many))
        np.testing.assert_array_equal(few[:shared], many[:shared])


def test_a_limit_makes_few_shards(tmp_path, capsys):
    datasets.prepare("seismicity_maps/medium", tmp_path, limit=5)
    assert "3 shards of medium" in capsys.readouterr().err
    assert datasets.metadata("seismicity_maps/medium", tmp_path)["splits"] == dict.fromkeys(
        ("train", "validation", "test"), 5
    )


def test_tasks_of_ones_own(tmp_path):
    builder = builders.builder_class("seismicity_maps")
    config = builder.custom_config("own", {"events": "200:2000", "burst_events": "20:60", "centre": "uniform"})
    task = config.map_task()
    assert (task.events, task.burst_events, task.centre, task.burst_sd_px) == (
        (200.0, 2000.0),
        (20, 60),
        "uniform",
        (0.7, 2.0),
    )
    assert all(isinstance(number, int) for number in task.burst_events)
    assert builder.custom_config("own", {"task": "figure_s1", "above": "8"}).map_task().above == 8
    again = {name: shards._tuples(value) for name, value in shards.fields(config).items()}
    assert builder.GENERATED_CONFIG(**again).map_task() == task
    # Every task and kind has a config of its name, of its own seed.
    assert {c.task for c in builder.BUILDER_CONFIGS} == {*TASKS, *KINDS, "aftershocks"}
    assert all(c.name == c.task for c in builder.BUILDER_CONFIGS)
    seeds = [c.seed for c in builder.BUILDER_CONFIGS]
    assert len({*seeds, config.seed}) == len(seeds) + 1
    datasets.prepare(OWN, tmp_path, settings={**SMALL, "task": "swarms", "test": "20"})
    found = datasets.arrays(OWN, "test", tmp_path)
    assert datasets.metadata(OWN, tmp_path)["summary"] == KINDS["swarms"]
    assert set(found["label"]) == {0, 1} and (found["burst_events"][found["label"] == 1] >= 5).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"burst_event": "10:25"}, "Did you mean burst_events"),
        ({"events": "400:50"}, r"events is a range, lowest and highest, .*; received \(400.0, 50.0\)"),
        ({"events": "400"}, "events takes 2 numbers.* in events.*; received '400'"),
        ({"burst_events": "1.5:3"}, "burst_events takes 2 whole numbers.*; received '1.5:3'"),
        ({"burst_events": "0:3"}, "burst_events takes 2 whole numbers.* from 1.*; received '0:3'"),
        ({"log_sd": "0.5:inf"}, "log_sd takes 2 numbers.*; received .0.5:inf."),
        ({"smoothing_px": "0:5"}, "smoothing_px begins above 0"),
        ({"centre": "middle"}, "centre knows no 'middle'"),
        ({"task": "mediun"}, "Did you mean medium"),
        ({"task": "etas", "events": "50:100"}, "train, validation, test and seed only"),
        ({"test": "0"}, "whole number"),
        ({"events": "20000:20000", "smoothing_px": "5:5", "log_sd": "3:3", **SMALL}, "up to 255. Lower events"),
    ],
)
def test_wrong_settings(tmp_path, settings, message):
    with pytest.raises(ZooError, match=message):
        datasets.prepare(OWN, tmp_path, settings=settings)
    assert not list(tmp_path.rglob("*.tfrecord*"))


def test_names_are_not_taken_twice(small):
    with pytest.raises(UsageError, match="name of its own"):
        datasets.prepare("seismicity_maps/medium", small, settings=SMALL)
    with pytest.raises(ZooError, match=r"prepared with other settings \(seed\)"):
        datasets.prepare(OWN, small, settings={**SMALL, "seed": "8"})

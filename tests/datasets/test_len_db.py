"""The len_db builder, on a file made in LEN-DB's layout (no real waveform of LEN-DB was in reach)."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from waveform_files import len_db_trace, write_len_db

from zoo.data import datasets
from zoo.data.builders import builder_class
from zoo.errors import UsageError, ZooError

DAY_S = 86_400.0
TRAIN, VALIDATION, TEST = 1_431_223_231.095, 1_490_000_000.0, 1_515_527_757.97  # 2015, March 2017, January 2018


def names(count: int, epoch: float, network: str = "IV") -> list[str]:
    return [f"{network}_ST{number:02d}_{epoch + 3600 * number:.3f}" for number in range(count)]


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "manual"
    made.mkdir()
    earthquakes = names(12, TRAIN) + names(2, VALIDATION) + names(3, TEST)
    write_len_db(made / "LEN-DB.hdf5", earthquakes, names(9, TRAIN, "XV") + names(1, TEST, "XV"))
    return made


def by_name(name, split, data) -> dict[str, dict]:
    records = datasets.arrays(name, split, data)
    return {
        text.decode(): {key: records[key][row] for key in records} for row, text in enumerate(records["trace_name"])
    }


def problems(name, data) -> dict[str, str]:
    with open(data / name / "1.0.0" / "problems.csv", newline="") as file:
        return {row["name"]: row["problem"] for row in csv.DictReader(file)}


def test_whole_records_are_the_files(folder, tmp_path):
    datasets.prepare("len_db/whole", tmp_path, folder)
    about = datasets.metadata("len_db/whole", tmp_path)
    assert about["splits"] == {"train": 21, "validation": 2, "test": 4}
    assert about["sampling_rate_hz"] == 20 and "unsettled" in about["unit"] and "2017-01-16" in about["split"]
    records = by_name("len_db/whole", "train", tmp_path)
    earthquake = records[names(12, TRAIN)[3]]
    np.testing.assert_array_equal(earthquake["waveform"], len_db_trace(7, True).T.astype(np.float32))
    expected = {
        "trace_category": b"earthquake",
        "trace_start_time": b"2015-05-10T05:00:31.095000Z",
        "trace_p_arrival_sample": 80.0,
        "trace_p_status": b"estimated",
        "station_network_code": b"IV",
        "station_code": b"ST03",
        "station_latitude_deg": 42.5,
        "station_longitude_deg": 13.25,
        "station_elevation_m": 640.0,
        "source_origin_time": b"2015-05-10T05:00:32.595000Z",
        "source_magnitude": 2.7,
        "source_latitude_deg": 42.75,
        "source_longitude_deg": 13.125,
        "source_depth_km": 8.3,
        "path_ep_distance_km": 29.6,
        "path_azimuth_deg": 159.75,
        "path_back_azimuth_deg": 339.875,
        "label": 1,
    }
    assert {key: earthquake[key] for key in expected} == expected
    noise = records[names(9, TRAIN, "XV")[0]]
    assert noise["label"] == 0 and noise["source_origin_time"] == b"" and noise["trace_p_status"] == b""
    assert np.isnan([noise["trace_p_arrival_sample"], noise["source_magnitude"], noise["path_back_azimuth_deg"]]).all()


def test_shifted_windows_tell_nothing_by_position_or_filling(folder, tmp_path):
    name = "len_db/kong2021_noise_earthquake"
    datasets.prepare(name, tmp_path, folder)
    datasets.prepare("len_db/whole", tmp_path, folder)
    shifts = {b"noise": [], b"earthquake": []}
    whole = by_name("len_db/whole", "train", tmp_path)
    for key, record in by_name(name, "train", tmp_path).items():
        trace = whole[key]["waveform"].astype(np.float64)
        moved = np.datetime64(record["trace_start_time"].decode()[:-1]) - np.datetime64(
            whole[key]["trace_start_time"].decode()[:-1]
        )
        shift = round(-20 * moved / np.timedelta64(1, "s"))
        shifts[record["trace_category"]].append(shift)
        # numpy's own reflection, of more than is needed on both sides
        wide = np.pad(trace, ((200, 200), (0, 0)), mode="reflect")[200 - shift : 740 - shift]
        wide -= wide.mean(axis=0)
        np.testing.assert_allclose(record["waveform"] * record["trace_scale"], wide, atol=2e-6 * abs(wide).max())
        assert abs(record["waveform"]).max() == 1
        if record["label"]:
            assert record["trace_p_arrival_sample"] == 80 + shift
    drawn = np.concatenate(list(shifts.values()))
    assert drawn.min() >= -60 and drawn.max() <= 79 and len(set(drawn.tolist())) > 12
    assert len(shifts[b"noise"]) == 9 and len(set(shifts[b"noise"])) > 5


def test_shifts_cover_their_range_evenly_and_never_mirror_p():
    import sys

    builder_class("len_db")
    module = sys.modules["len_db.len_db_dataset_builder"]
    from zoo.seismograms.signals import draws

    drawn = module.EARLIEST + np.floor(
        draws([f"A_B_{n}" for n in range(20_000)], 0)[:, 0] * (module.LATEST - module.EARLIEST + 1)
    )
    assert drawn.min() == -60 and drawn.max() == 79
    assert abs(drawn.mean() - 9.5) < 1
    trace = np.zeros((1, 540, 1), np.float32)
    trace[0, 80:] = 1  # P and what follows it
    for shift in (-60, 0, 79):
        moved = module.shifted(trace, np.array([shift]))[0, :, 0]
        assert moved[: 80 + shift].max() == 0 and moved[80 + shift :].min() == 1


def test_without_shift_and_other_settings(folder, tmp_path):
    datasets.prepare("len_db/still", tmp_path, folder, settings={"shift": "false", "categories": "earthquake"})
    records = datasets.arrays("len_db/still", "train", tmp_path)
    assert set(records["trace_p_arrival_sample"]) == {80} and set(records["trace_category"]) == {b"earthquake"}
    assert set(records["label"]) == {0} and abs(records["waveform"]).max() == 1


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"shfit": "false"}, "no setting 'shfit'.*Did you mean shift"),
        ({"categories": "earthquakes"}, "Did you mean earthquake"),
        ({"shift": "maybe"}, "shift takes true or false; received 'maybe'"),
        ({"seed": "-1"}, "whole number from 0"),
    ],
)
def test_wrong_settings(tmp_path, settings, message):
    with pytest.raises(UsageError, match=message):
        datasets.prepare("len_db/mine", tmp_path, settings=settings)


def test_same_bytes_for_any_number_of_workers_and_same_shift_in_any_selection(folder, tmp_path):
    name = "len_db/kong2021_noise_earthquake"
    contents = []
    for workers in (1, 3):
        made = datasets.prepare(name, tmp_path / str(workers), folder, workers=workers)
        contents.append({path.name: path.read_bytes() for path in made.glob("*tfrecord*")})
    assert contents[0] == contents[1] and len(contents[0]) == 3
    datasets.prepare("len_db/quakes", tmp_path / "1", folder, settings={"categories": "earthquake"})
    every, some = (by_name(config, "train", tmp_path / "1") for config in (name, "len_db/quakes"))
    for key, record in some.items():
        np.testing.assert_array_equal(record["waveform"], every[key]["waveform"])
    datasets.prepare("len_db/seeded", tmp_path / "1", folder, settings={"seed": "1"})
    seeded = by_name("len_db/seeded", "train", tmp_path / "1")
    assert any((seeded[key]["waveform"] != every[key]["waveform"]).any() for key in every)


def test_mini_spreads_over_the_archive(tmp_path, monkeypatch):
    import dataclasses

    cls = builder_class("len_db")
    small = dataclasses.replace(cls.builder_configs["mini"], most=20)
    monkeypatch.setitem(cls.builder_configs, "mini", small)
    write_len_db(tmp_path / "LEN-DB.hdf5", names(150, TRAIN), names(50, TRAIN, "XV"))
    datasets.prepare("len_db/mini", tmp_path / "data", tmp_path)
    stations = [text.split("_") for text in by_name("len_db/mini", "train", tmp_path / "data")]
    assert 18 <= len(stations) <= 22
    assert 3 <= sum(network == "XV" for network, *_ in stations) <= 7


def test_bad_traces_are_named_and_skipped(tmp_path):
    good, bad = names(3, TRAIN), names(11, TRAIN, "BD")
    # Around the border of 2017-01-16 the attribute counts, not the name.
    near = "NR_A_1484524000.0"
    nan, part, flat = (len_db_trace(1, True) for _ in range(3))
    nan[1, 7], part[2], flat[:] = np.nan, 0, 3
    write_len_db(
        tmp_path / "LEN-DB.hdf5",
        [*good, *bad[:9], near],
        bad[9:],
        traces={bad[0]: len_db_trace(0, True)[:, :539], bad[1]: nan, bad[2]: flat, bad[3]: part, bad[9]: np.float64(3)},
        attributes={
            bad[4]: {"evla": None},
            bad[5]: {"mag": "strong"},
            bad[6]: {"starttime": TEST},
            bad[7]: {"mag": "None"},
            bad[8]: {"starttime": "2015-05-10T12:00:31.095000Z", "otime": "2015-05-10T12:00:00Z", "stla": [42.5]},
            bad[10]: {"starttime": np.nan},
            near: {"starttime": 1_484_524_800.0 + 10},
        },
    )
    datasets.prepare("len_db/whole", tmp_path / "data", tmp_path)
    assert problems("len_db/whole", tmp_path / "data") == {
        bad[0]: "shape (3, 539) instead of (3, 540)",
        bad[1]: "values that are not finite",
        bad[2]: "every component flat",
        bad[3]: "flat component E",
        bad[4]: "no attribute evla",
        bad[5]: "attribute mag is not a number",
        bad[6]: "its name and its start time are of different splits",
        bad[9]: "shape () instead of (3, 540)",
        bad[10]: "its name and its start time are of different splits",
    }
    train = by_name("len_db/whole", "train", tmp_path / "data")
    assert set(train) == {*good, bad[3], bad[7], bad[8]}
    assert np.isnan(train[bad[7]]["source_magnitude"])
    assert train[bad[8]]["trace_start_time"] == b"2015-05-10T12:00:31.095000Z"
    assert train[bad[8]]["source_origin_time"] == b"2015-05-10T12:00:00.000000Z"
    assert set(by_name("len_db/whole", "validation", tmp_path / "data")) == {near}
    datasets.prepare("len_db/kong2021_noise_earthquake", tmp_path / "data", tmp_path)
    assert bad[3] not in by_name("len_db/kong2021_noise_earthquake", "train", tmp_path / "data")


def test_missing_truncated_and_foreign_files(folder, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "waveforms.hdf5").write_bytes(b"x")
    with pytest.raises(ZooError, match="holds no LEN-DB.hdf5.*zenodo.org/record/3648232"):
        datasets.prepare("len_db/whole", tmp_path, tmp_path / "other")
    path = folder / "LEN-DB.hdf5"
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(ZooError, match="cut short.*download or copy it again"):
        datasets.prepare("len_db/whole", tmp_path, folder)
    import h5py

    with h5py.File(path, "w") as file:
        file.create_group("data")
    with pytest.raises(ZooError, match="not LEN-DB.hdf5: it has no group EQ and no group AN"):
        datasets.prepare("len_db/whole", tmp_path, folder)


def test_download(folder, tmp_path, server, monkeypatch):
    server.content = (folder / "LEN-DB.hdf5").read_bytes()
    server.drop_after = 20_000
    monkeypatch.setenv("ZOO_MIRROR", server.url)
    datasets.prepare("len_db/whole", tmp_path, limit=2)
    assert datasets.metadata("len_db/whole", tmp_path)["splits"] == {"train": 2, "validation": 2, "test": 2}
    assert server.requests[:2] == ["", "bytes=20000-"]

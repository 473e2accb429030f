"""The ncedc_picks builder: the real traces equal their files; folders made in the layout, with what goes wrong."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from zoo.data import datasets
from zoo.errors import UsageError, ZooError

DEMO = "ncedc_picks/phasenet_demo"


def write(folder, name, samples=9001, **picks):
    rng = np.random.default_rng(len(name))
    picks = {key: np.asarray(value) for key, value in picks.items()}
    np.savez(folder / f"{name}.npz", data=rng.normal(size=(samples, 3)), channels="HHE_HHN_HHZ", **picks)


@pytest.fixture
def folder(tmp_path):
    """Ten stations with three traces each, made."""
    made = tmp_path / "manual"
    made.mkdir()
    for station in range(10):
        for number in range(3):
            write(made, f"XX_S{station}_{2000 + number}", itp=3000 + number, its=3400.5)
    return made


def test_real_traces_equal_their_files(real_data, tmp_path):
    datasets.prepare(DEMO, tmp_path, real_data / "picks")
    records = datasets.arrays(DEMO, "test", tmp_path)
    files = list((real_data / "picks").glob("*.npz"))
    assert len(records["waveform"]) == len(files) >= 40 and set(datasets.metadata(DEMO, tmp_path)["splits"]) == {"test"}
    for row, name in enumerate(records["trace_name"]):
        with np.load(real_data / "picks" / f"{name.decode()}.npz") as file:
            np.testing.assert_array_equal(records["waveform"][row], file["data"][:, ::-1].astype(np.float32))
            assert records["trace_p_arrival_sample"][row] == file["itp"] == 3000
            assert records["trace_s_arrival_sample"][row] == file["its"]
        network, station, *_ = name.decode().split("_")
        assert records["station_network_code"][row].decode() == network
        assert records["station_code"][row].decode() == station
    assert (records["trace_category"] == b"earthquake").all()
    assert np.isnan(records["trace_p2_arrival_sample"]).all()
    flat = sum((np.ptp(waveform, axis=0) == 0).any() for waveform in records["waveform"])
    problems = datasets.metadata(DEMO, tmp_path)["problems"]
    assert set(problems) <= {"flat component NE: kept", "flat component N: kept", "flat component E: kept"}
    assert sum(problems.values()) == flat >= 5


def test_stations_are_dealt_into_folds(folder, tmp_path):
    tests = []
    for fold in (1, 2, 3):
        name = f"ncedc_picks/fold{fold}"
        datasets.prepare(name, tmp_path, folder, settings={"folds": "3", "fold": str(fold)})
        stations = {split: set(datasets.arrays(name, split, tmp_path)["station_code"]) for split in ("train", "test")}
        assert not stations["train"] & stations["test"] and len(stations["train"] | stations["test"]) == 10
        tests.append(stations["test"])
    assert sorted(map(len, tests)) == [3, 3, 4] and len(set.union(*tests)) == 10


def test_a_folder_of_ones_own_with_what_goes_wrong(folder, tmp_path):
    write(folder, "XX_NOISE_1")
    write(folder, "XX_TWO_1", itp=[1000, 5000], its=[[1500], [5600]])
    write(folder, "XX_SHORT_1", samples=3000, itp=100, its=200)
    write(folder, "XX_MANY_1", itp=[1, 2, 3], its=[2, 3, 4])
    (folder / "XX_TORN_1.npz").write_bytes((folder / "XX_S1_2000.npz").read_bytes()[:1000])
    name = "ncedc_picks/own"
    datasets.prepare(name, tmp_path, settings={"folder": str(folder), "sampling_rate_hz": "50"})
    records = datasets.arrays(name, "test", tmp_path)
    assert records["waveform"].shape == (33, 4501, 3)
    row = {text.decode(): number for number, text in enumerate(records["trace_name"])}
    value = lambda trace, column: records[f"trace_{column}_arrival_sample"][row[trace]]  # noqa: E731
    assert value("XX_S1_2002", "p") == 1501 and value("XX_S1_2002", "s") == 1700.25
    assert [value("XX_TWO_1", column) for column in ("p", "p2", "s", "s2")] == [500, 2500, 750, 2800]
    assert np.isnan(value("XX_NOISE_1", "p")) and records["trace_category"][row["XX_NOISE_1"]] == b"noise"
    assert records["trace_p_status"][row["XX_NOISE_1"]] == b"" and records["trace_channel"][0] == b"HH"
    with open(tmp_path / name / "1.0.0" / "problems.csv", newline="") as file:
        found = {line["name"]: line["problem"] for line in csv.DictReader(file)}
    assert found["XX_SHORT_1"] == "not (9001, 3)" and found["XX_TORN_1"].startswith("unreadable")
    assert found["XX_MANY_1"] == "more than two picks of a phase" and len(found) == 3
    about = datasets.metadata(name, tmp_path)
    assert about["sampling_rate_hz"] == 50 and "user" in about["origin"]


def test_resampled_picks_stay_where_they_were(tmp_path):
    made = tmp_path / "manual"
    made.mkdir()
    time = np.arange(9001) / 100
    data = np.repeat(np.where(time >= 30, np.sin(2 * np.pi * 3 * (time - 30)) * np.exp(30 - time), 0)[:, None], 3, 1)
    np.savez(made / "XX_A_1.npz", data=data, itp=3000, its=3300)
    datasets.prepare("ncedc_picks/slow", tmp_path, made, settings={"sampling_rate_hz": "50"})
    record = datasets.arrays("ncedc_picks/slow", "test", tmp_path)
    assert record["trace_p_arrival_sample"][0] == 1500
    peak = 30 + np.arctan(2 * np.pi * 3) / (2 * np.pi * 3)
    assert abs(record["waveform"][0, :, 0].argmax() / 50 - peak) < 0.02


def test_wrong_requests_are_refused(folder, tmp_path):
    with pytest.raises(ZooError, match="no .npz"):
        datasets.prepare(DEMO, tmp_path)
    for settings in ({"fold": "3", "folds": "2"}, {"folds": "2"}, {"fold": "1"}):
        with pytest.raises(UsageError, match="fold counts"):
            datasets.prepare("ncedc_picks/x", tmp_path, folder, settings=settings)
    with pytest.raises(UsageError, match="name of its own"):
        datasets.prepare(DEMO, tmp_path, folder, settings={"folds": "2", "fold": "1"})

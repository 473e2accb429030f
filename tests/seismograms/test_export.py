"""The export to SeisBench's format: opened by hand, by our own builder, and by SeisBench."""

from __future__ import annotations

import csv

import h5py
import numpy as np
import pytest

from zoo.cli import main
from zoo.data import datasets
from zoo.errors import ZooError
from zoo.seismograms.archives import export as exporting
from zoo.seismograms.archives.export import export

NAME = "seisbench_format/made"
COUNTS = {"train": 70, "dev": 5, "test": 1}
TIMES = ("2020-01-02 03:04:05.5", "2020-01-02T03:04:05Z", "2020-01-02T05:04:05.123456+02:00", "winter")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A small dataset with every kind of column and of missing value; its folder and its waveforms by name."""
    root = tmp_path_factory.mktemp("made")
    (root / "set").mkdir()
    waveforms = np.random.default_rng(0).standard_normal((76, 3, 40)).astype(np.float32)
    splits = [split for split, count in COUNTS.items() for _ in range(count)]
    with open(root / "set" / "metadata.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["trace_name", "split", "trace_category", "trace_p_arrival_sample", "trace_snr_db", "source_magnitude"]
            + ["source_id", "trace_component_order", "own_text", "own_number", "source_origin_time"]
        )
        for i, split in enumerate(splits):
            missing = i % 3 == 0
            row = [f"b${i}", split, ("noise", "earthquake")[i % 2], i / 7, "[1.5 nan 3.]", 0.1 * i]
            row = row[:3] + ["", "", ""] if missing else row
            writer.writerow([*row, f"{i:05d}", "ENZ", f'a "{i}", ü', i * np.pi, TIMES[i % 4]])
    with h5py.File(root / "set" / "waveforms.hdf5", "w") as file:
        file["data/b"] = waveforms[:, ::-1]
        stated = {"sampling_rate": 50.0, "unit": "m/s", "measurement": "velocity", "component_order": "ENZ"}
        for key, value in stated.items():
            file[f"data_format/{key}"] = value
    datasets.prepare(NAME, root / "data", settings={"folder": str(root / "set")})
    return root / "data", waveforms


def read_table(folder):
    with open(folder / "metadata.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_files_buckets_and_columns(made, tmp_path, monkeypatch, capsys):
    data, waveforms = made
    monkeypatch.setattr(exporting, "BUCKET", 32)
    monkeypatch.setattr(exporting, "_READ_TOGETHER", 20)
    folder = export(NAME, tmp_path / "out", data_dir=data)
    assert "19 times in source_origin_time cannot be read" in capsys.readouterr().err
    rows = read_table(folder)
    assert [row["split"] for row in rows] == [split for split, count in COUNTS.items() for _ in range(count)]
    with h5py.File(folder / "waveforms.hdf5") as file:
        assert [file["data"][name].shape for name in sorted(file["data"])] == [
            (size, 3, 40) for size in (32, 32, 6, 5, 1)
        ]
        stated = {key: value[()] for key, value in file["data_format"].items()}
        for i, row in enumerate(rows):
            node, _, index = row["trace_name"].partition("$")
            at, components, samples = index.split(",")
            assert (components, samples) == (":3", ":40")
            np.testing.assert_array_equal(file["data"][node][int(at)], waveforms[i])
    assert stated["sampling_rate"] == 50 and stated["component_order"] == b"ZNE" and stated["dimension_order"] == b"CW"
    assert stated["unit"] == b"m/s" and stated["measurement"] == b"velocity"
    for i, row in enumerate(rows):
        missing = i % 3 == 0
        assert row["trace_name_original"] == f"b${i}" and row["own_text"] == f'a "{i}", ü'
        assert row["trace_p_arrival_sample"] == ("" if missing else repr(i / 7))
        assert row["trace_snr_db"] == ("" if missing else "[1.5 nan 3.0]") and row["source_id"] == f"{i:05d}"
        assert float(row["own_number"]) == i * np.pi
        fraction = ("500000", "000000", "123456", "")[i % 4]
        assert row["source_origin_time"] == (fraction and f"2020-01-02T03:04:05.{fraction}Z")
        # What is stored is ZNE; SeisBench would take this column for it.
        assert "trace_component_order" not in row and row["trace_component_order_original"] == "ENZ"
        assert "label" not in row


def test_the_export_opens_here_as_what_it_was(made, tmp_path):
    data, _ = made
    folder = export(NAME, tmp_path / "out", data_dir=data)
    datasets.prepare("seisbench_format/again", tmp_path / "data", settings={"folder": str(folder)})
    for split in ("train", "validation", "test"):
        before, after = (
            datasets.arrays(NAME, split, data),
            datasets.arrays("seisbench_format/again", split, tmp_path / "data"),
        )
        for key in set(before) - {"trace_name", "trace_component_order", "source_origin_time"}:
            np.testing.assert_array_equal(before[key], after[key], err_msg=key)
        np.testing.assert_array_equal(before["trace_name"], after["trace_name_original"])
        assert set(after["trace_component_order"]) == {b"ZNE"}
    # A second time: the first names stay.
    second = export("seisbench_format/again", tmp_path / "second", data_dir=tmp_path / "data")
    assert read_table(second)[3]["trace_name_original"] == "b$3"
    assert set(read_table(second)[0]) == set(read_table(folder)[0])


def test_seisbench_opens_the_export(made, tmp_path):
    pytest.importorskip("seisbench")
    from seisbench.data import WaveformDataset

    data, waveforms = made
    theirs = WaveformDataset(export(NAME, tmp_path / "out", data_dir=data), component_order="ZNE")
    assert len(theirs) == 76 and len(theirs.dev()) == 5 and theirs.data_format["unit"] == "m/s"
    np.testing.assert_array_equal(theirs.get_waveforms(list(range(76))), waveforms)
    table = theirs.metadata
    assert (table["trace_sampling_rate_hz"] == 50).all() and (table["own_number"] == np.arange(76) * np.pi).all()
    assert (table["source_origin_time"].dt.second[0::4] == 5).all() and table["source_origin_time"].isna().sum() == 19
    expected = [np.nan if i % 3 == 0 else 0.1 * i for i in range(76)]
    np.testing.assert_array_equal(table["source_magnitude"], expected)


def test_parts_of_a_dataset(made, tmp_path):
    data, waveforms = made
    assert (
        main(["export", NAME, "--data-dir", str(data), "--out", str(tmp_path / "part"), "--split", "train[:10]"]) == 0
    )
    rows = read_table(tmp_path / "part")
    assert len(rows) == 10 and {row["split"] for row in rows} == {"train"}
    with h5py.File(tmp_path / "part" / "waveforms.hdf5") as file:
        np.testing.assert_array_equal(file["data/bucket0"][()], waveforms[:10])
    with pytest.raises(ZooError, match="no split 'dev'"):
        export(NAME, tmp_path / "dev", ["dev"], data)


def test_the_folder_appears_whole_and_replaces_nothing(made, tmp_path, monkeypatch):
    data, _ = made
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("...")
    with pytest.raises(ZooError, match="not empty: choose a new folder"):
        export(NAME, tmp_path / "out", data_dir=data)
    assert (tmp_path / "out" / "thesis.tex").exists()

    def fails(self, waveforms):
        raise KeyboardInterrupt

    monkeypatch.setattr(exporting._Buckets, "add", fails)
    with pytest.raises(KeyboardInterrupt):
        export(NAME, tmp_path / "new", data_dir=data)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
    monkeypatch.setattr(exporting.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1000}))
    with pytest.raises(ZooError, match="takes 0.0 GB, and .* has 0.0 GB free"):
        export(NAME, tmp_path / "new", data_dir=data)


def test_a_dataset_without_waveforms(made, tmp_path):
    data, _ = made
    (tmp_path / "t.csv").write_text("lon,lat,10s\n100,30,3.1\n")
    datasets.prepare("phase_velocity_maps/own", data, settings={"file": str(tmp_path / "t.csv")})
    with pytest.raises(ZooError, match=f"are not waveforms .* Prepared here are: {NAME}"):
        export("phase_velocity_maps/own", tmp_path / "out", data_dir=data)
    assert not (tmp_path / "out").exists()

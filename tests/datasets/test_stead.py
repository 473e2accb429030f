"""The stead builder: the 50 real earthquakes, and files made in STEAD's layouts with everything that goes wrong."""

from __future__ import annotations

import csv
import dataclasses
import io
import sys
import zipfile

import h5py
import numpy as np
import pytest
import scipy.signal
from waveform_files import STEAD_COLUMNS, stead_row, stead_trace, write_stead, write_stead_csv

from zoo.data import datasets
from zoo.data.builders import builder_class
from zoo.errors import UsageError, ZooError
from zoo.seismograms.signals import polyphase_filter

KONG = "stead/kong2021_autoencoder"
TEXTS = {"p_status", "s_status", "source_id", "source_magnitude_type", "source_magnitude_author"}
TEXTS |= {"network_code", "receiver_code", "receiver_type", "source_origin_time", "source_mechanism_strike_dip_rake"}
TEXTS |= {"trace_start_time", "trace_category", "trace_name"}


def module(name: str):
    """Return a module of the builder's folder."""
    builder_class("stead")
    return sys.modules[f"stead.{name}"]


def by_name(name, data, splits=("train", "validation", "test")) -> dict[str, dict]:
    found = {}
    for split in splits:
        if split in datasets.metadata(name, data)["splits"]:
            records = datasets.arrays(name, split, data)
            for row, text in enumerate(records["trace_name"]):
                found[text.decode()] = {key: records[key][row] for key in records}
    return found


def problems(name, data) -> dict[str, tuple[str, str]]:
    with open(data / name / "1.0.0" / "problems.csv", newline="") as file:
        return {row["name"]: (row["problem"], row["consequence"]) for row in csv.DictReader(file)}


def no_test_list(folder, names=("nobody",)) -> None:
    np.save(folder / "test.npy", np.array(names))


@pytest.fixture
def folder(tmp_path):
    """Forty earthquakes and twenty noise traces, made."""
    made = tmp_path / "manual"
    made.mkdir()
    write_stead(made / "merged", [stead_row(n, noise=n % 3 == 2) for n in range(60)])
    no_test_list(made, ["S00003.XX_20110203040506_EV", "S00005.XX_20110203040506_NO", "elsewhere"])
    return made


@pytest.fixture
def real(real_data, tmp_path):
    """The 50 real earthquakes beside two CSVs, of which one is theirs."""
    made = tmp_path / "manual"
    made.mkdir()
    for path in (real_data / "stead").iterdir():
        (made / path.name).symlink_to(path)
    no_test_list(made)
    return made


def test_real_earthquakes_equal_the_file(real, tmp_path):
    datasets.prepare("stead/whole", tmp_path, real)
    records = by_name("stead/whole", tmp_path)
    names = module("table").FILE_COLUMNS
    reversed_paths = 0
    with h5py.File(real / "waveforms_2019_layout.hdf5") as file:
        nodes = file["earthquake/local"]
        assert set(nodes) == set(records) and len(records) == 50
        for name, record in records.items():
            np.testing.assert_array_equal(record["waveform"], nodes[name][()][:, ::-1])  # E, N, Z on the disk
            theirs = nodes[name].attrs
            assert len(theirs) == 35
            for key, value in theirs.items():
                ours = record[names[key]]
                if key in TEXTS:
                    assert ours.decode() == ("" if value == "None" else str(value))
                elif isinstance(value, str):
                    assert value == "None" and np.isnan(ours)
                elif key == "snr_db":  # the CSV has eight decimals of it
                    np.testing.assert_allclose(ours, value, atol=5.1e-9, rtol=0)
                else:  # the HDF5 has float32 of some
                    assert np.asarray(ours, np.asarray(value).dtype) == value or np.isnan([ours, value]).all()
            off = (record["path_back_azimuth_deg"] - record["path_back_azimuth_archive_deg"] + 180) % 360 - 180
            assert min(abs(off), 180 - abs(off)) < 1
            reversed_paths += abs(off) > 90
    assert reversed_paths == 28  # of 50: what the file states is the azimuth at the source
    with open(real / "metadata_2019_layout.csv", newline="") as table:
        for row in csv.DictReader(table):
            record = records[row["trace_name"]]
            for key in set(row) - TEXTS - {"snr_db"}:
                text = row[key]
                assert (
                    record[names[key]] == float(text) if text not in ("None", "nan") else np.isnan(record[names[key]])
                )
            assert record["trace_snr_db"].tolist() == [float(part) for part in row["snr_db"].strip("[]").split()]
    assert datasets.metadata("stead/whole", tmp_path)["problems"] == {}


def test_real_rows_of_the_current_csv(real_data):
    table, azimuth = module("table"), module("azimuth")
    path = real_data / "stead" / "metadata_current_layout.csv"
    columns, unread = table.columns([fields for _, fields in table.rows(path)])
    assert not unread
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 100
    for theirs, ours in table.FILE_COLUMNS.items():
        texts = [row[theirs].strip("[] ") for row in rows]
        if theirs in TEXTS:
            assert columns[ours] == ["" if text == "None" else text for text in texts]
        else:
            numbers = [[np.nan if part == "None" else float(part) for part in text.split()] for text in texts]
            np.testing.assert_array_equal(columns[ours], np.squeeze(numbers))
    ends = (columns[f"{end}_{name}_deg"] for end in ("source", "station") for name in ("latitude", "longitude"))
    off = (azimuth.back_azimuth_deg(*ends) - columns["path_back_azimuth_archive_deg"] + 180) % 360 - 180
    assert (abs(off) > 90).sum() == 38 and (abs(off) < 1).sum() == 62


def test_real_windows_have_p_where_the_resampled_trace_has_it(real, tmp_path):
    datasets.prepare(KONG, tmp_path, real)
    records = by_name(KONG, tmp_path)
    up, down, taps = polyphase_filter(100, 20)
    assert len(records) == 50 and len({record["trace_p_arrival_sample"] for record in records.values()}) > 40
    with (
        h5py.File(real / "waveforms_2019_layout.hdf5") as file,
        open(real / "metadata_2019_layout.csv", newline="") as table,
    ):
        for row in csv.DictReader(table):
            record = records[row["trace_name"]]
            p = float(row["p_arrival_sample"])
            begin = round(p - 5 * record["trace_p_arrival_sample"])
            trace = file[f"earthquake/local/{row['trace_name']}"][()][:, ::-1].astype(np.float64)
            # The full trace, moved so that a sample of 20 Hz falls on the window's first.
            full = scipy.signal.resample_poly(trace[begin % 5 :], up, down, window=taps, axis=0)
            first = begin // 5
            window = full[first : first + 540] - full[first : first + 540].mean(axis=0)
            largest = abs(window).max()
            assert abs(record["waveform"] * record["trace_scale"] - window).max() < 1e-6 * largest
            assert 0 <= begin <= min(p, 3300) and abs(record["waveform"]).max() == 1
            assert record["trace_s_arrival_sample"] == (float(row["s_arrival_sample"]) - begin) / 5
            moved = np.datetime64(record["trace_start_time"].decode()) - np.datetime64(row["trace_start_time"])
            assert moved == np.timedelta64(10 * begin, "ms")


@pytest.mark.long
def test_both_layouts_and_file_names_give_the_same_records(folder, tmp_path):
    rows = [stead_row(n, noise=n % 3 == 2) for n in range(60)]
    datasets.prepare("stead/whole", tmp_path / "current", folder)
    expected = by_name("stead/whole", tmp_path / "current")
    assert len(expected) == 60
    trace = expected[rows[7]["trace_name"]]["waveform"]
    np.testing.assert_array_equal(trace, stead_trace(7, rows[7])[:, ::-1])
    for stem, old in (("merge", True), ("any_name", False), ("chunks", False)):
        other = tmp_path / stem
        other.mkdir()
        if stem == "chunks":
            write_stead(other / "chunk1", rows[:20])
            with h5py.File(folder / "merged.hdf5") as file:
                traces = {row["trace_name"]: file["data"][row["trace_name"]][()] for row in rows}
            write_stead(other / "chunk4", rows[20:], traces)
        else:
            write_stead(other / stem, rows, layout_2019=old)
            write_stead_csv(other / "other.csv", [stead_row(500)])
        (other / "test.npy").symlink_to(folder / "test.npy")
        datasets.prepare("stead/whole", tmp_path / f"{stem}_data", other)
        found = by_name("stead/whole", tmp_path / f"{stem}_data")
        assert list(found) == list(expected)  # the split, too
        for name, record in expected.items():
            np.testing.assert_array_equal(found[name]["waveform"], record["waveform"])
    datasets.prepare("stead/chunk4", tmp_path / "chunk_data", tmp_path / "chunks")
    assert len(by_name("stead/chunk4", tmp_path / "chunk_data")) == 40


def test_which_files(tmp_path):
    manual = tmp_path / "manual"
    manual.mkdir()
    no_test_list(manual)
    rows = [stead_row(n) for n in range(3)]
    write_stead(manual / "some", rows)
    with pytest.raises(ZooError, match="expected chunk2.hdf5 and chunk2.csv .* found other.hdf5"):
        (manual / "other.hdf5").write_bytes(b"")
        datasets.prepare("stead/chunk2", tmp_path, manual)
    (manual / "other.hdf5").unlink()
    (manual / "some.csv").rename(manual / "a.csv")
    write_stead_csv(manual / "b.csv", rows)
    with pytest.raises(ZooError, match="Which of a.csv, b.csv belongs to some.hdf5.*several are"):
        datasets.prepare("stead/whole", tmp_path, manual)
    with h5py.File(manual / "some.hdf5", "w") as file:
        file.create_group("EQ")
    with pytest.raises(ZooError, match="is not STEAD's"):
        datasets.prepare("stead/whole", tmp_path, manual)


def test_split_is_seisbenchs(folder, tmp_path):
    datasets.prepare("stead/whole", tmp_path, folder)
    assert datasets.metadata("stead/whole", tmp_path)["splits"] == {"train": 54, "validation": 4, "test": 2}
    rows = [stead_row(n, noise=n % 3 == 2)["trace_name"] for n in range(60)]
    test = set(np.load(folder / "test.npy"))
    others = [name for name in rows if name not in test]
    assert set(by_name("stead/whole", tmp_path, ["test"])) == test - {"elsewhere"}
    assert set(by_name("stead/whole", tmp_path, ["validation"])) == set(others[::18])  # seisbench/data/stead.py
    datasets.prepare("stead/noise", tmp_path, folder, settings={"categories": "noise"})
    assert set(by_name("stead/noise", tmp_path, ["validation"])) == {n for n in others[::18] if n.endswith("NO")}


def test_split_by_event_needs_no_list(folder, tmp_path, monkeypatch):
    (folder / "test.npy").unlink()
    monkeypatch.setenv("ZOO_MIRROR", "http://127.0.0.1:9")
    monkeypatch.setattr(module("files"), "TEST_LIST_URL", "http://127.0.0.1:9/test.npy")
    with pytest.raises(ZooError, match="EQTransformer's list.*split=event"):
        datasets.prepare("stead/whole", tmp_path, folder)
    (folder / "test.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(ZooError, match="not the list of test traces"):
        datasets.prepare("stead/whole", tmp_path, folder)
    (folder / "test.npy").unlink()
    datasets.prepare("stead/events", tmp_path, folder, settings={"split": "event"})
    events = {}
    for split in datasets.metadata("stead/events", tmp_path)["splits"]:
        for record in by_name("stead/events", tmp_path, [split]).values():
            event = record["source_id"] or record["station_code"]
            assert events.setdefault(event, split) == split
    by_event, place = module("splits").by_event, module("table").PLACE
    row = list(stead_row(0).values())
    drawn = []
    for number in range(20_000):
        row[place["source_id"]] = f"ci{number}"
        drawn.append(by_event(row))
    assert abs(drawn.count("test") - 2000) < 150 and abs(drawn.count("validation") - 1000) < 110


def test_selection(folder, tmp_path):
    rows = [stead_row(n, noise=n % 3 == 2) for n in range(60)]
    for config, magnitude, distance in (("picking", 2.0, 100.0), ("picking_200km", 1.5, 200.0)):
        datasets.prepare(f"stead/kong2021_{config}", tmp_path, folder)
        wanted = {
            row["trace_name"]
            for row in rows
            if row["trace_category"] == "earthquake_local"
            and float(row["source_magnitude"]) >= magnitude
            and float(row["source_distance_km"]) <= distance
        }
        assert 0 < len(wanted) < 40
        assert set(by_name(f"stead/kong2021_{config}", tmp_path)) == wanted
    settings = {"min_magnitude": "2", "sampling_rate_hz": "50", "samples": "1000"}
    datasets.prepare("stead/mine", tmp_path, folder, settings=settings)
    about = datasets.metadata("stead/mine", tmp_path)
    assert about["sampling_rate_hz"] == 50 and about["samples"] == 1000
    found = by_name("stead/mine", tmp_path)
    assert sum(record["label"] == 0 for record in found.values()) == 20  # noise has no magnitude to be selected by
    name = next(name for name in found if name.endswith("EV"))
    row = next(row for row in rows if row["trace_name"] == name)
    assert found[name]["waveform"].shape == (1000, 3)
    assert found[name]["trace_p_arrival_sample"] == float(row["p_arrival_sample"]) / 2
    assert found[name]["trace_start_time"].decode() == row["trace_start_time"]


def test_a_config_like_a_shipped_one(folder, tmp_path):
    made = datasets.builder("stead/mine", tmp_path, {"like": "kong2021_picking", "split": "event"}).builder_config
    kong = datasets.builder("stead/kong2021_picking", tmp_path).builder_config
    assert made == dataclasses.replace(kong, name="mine", description=made.description, split="event")
    whole = datasets.builder("stead/mine", tmp_path, {"sampling_rate_hz": "50"}).builder_config
    assert whole.samples == 3000 and not whole.normalise


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"like": "kong"}, "Did you mean kong2021"),
        ({"min_magntude": "2"}, "no setting 'min_magntude'.*Did you mean min_magnitude"),
        ({"categories": "earthquake"}, "Did you mean earthquake_local"),
        ({"sampling_rate_hz": "200"}, "number in Hz from 0.1 to 100; received '200'"),
        ({"sampling_rate_hz": "20", "samples": "1201"}, "has 1200 samples at 20 Hz; received samples=1201"),
        ({"window": "after_p"}, "Did you mean before_p"),
        ({"max_distance_km": "near"}, "received 'near'"),
        ({"samples": "many"}, "whole number in samples from 1"),
    ],
)
def test_wrong_settings(tmp_path, settings, message):
    with pytest.raises(UsageError, match=message):
        datasets.prepare("stead/mine", tmp_path, settings=settings)


def test_windows_reach_every_start_that_holds_p_and_no_other():
    starts = module("windows").starts
    count = 4000
    for p, low, high in ((800.0, 0, 800), (599.7, 0, 599), (4000.0, 1305, 3300), (0.0, 0, 0)):
        columns = {"trace_name": [f"T{n}" for n in range(count)], "trace_p_arrival_sample": np.full(count, p)}
        found, fits = starts(columns, np.zeros(count, bool), 20.0, 540, 0)
        assert fits.all() and found.min() >= low and found.max() <= high
        width = high - low + 1
        assert found.min() <= low + 0.01 * width and found.max() >= high - 0.01 * width
        assert abs(found.mean() - (low + high) / 2) < 0.03 * width
        assert (0 <= p - found).all() and ((p - found) / 5 <= 539).all()
    columns["trace_p_arrival_sample"][:] = (np.nan, 5996.0, -1.0, 5995.0) * (count // 4)
    assert starts(columns, np.zeros(count, bool), 20.0, 540, 0)[1].reshape(-1, 4).all(axis=0).tolist() == [
        False,
        False,
        False,
        True,
    ]
    found, fits = starts(columns, np.ones(count, bool), 20.0, 540, 0)  # noise
    assert fits.all() and found.min() < 50 and 3250 < found.max() <= 3300


@pytest.mark.long
def test_windows_depend_on_seed_and_name_alone(folder, tmp_path):
    contents = []
    for workers in (1, 3):
        made = datasets.prepare(KONG, tmp_path / str(workers), folder, workers=workers)
        contents.append({path.name: path.read_bytes() for path in made.glob("*tfrecord*")})
    assert contents[0] == contents[1] and contents[0]
    every = by_name(KONG, tmp_path / "1")
    datasets.prepare("stead/kong2021_picking", tmp_path / "1", folder)
    for name, record in by_name("stead/kong2021_picking", tmp_path / "1").items():
        np.testing.assert_array_equal(record["waveform"], every[name]["waveform"])
    same = {"categories": "earthquake_local", "sampling_rate_hz": "20", "samples": "540", "window": "before_p"}
    datasets.prepare("stead/seeded", tmp_path / "1", folder, settings={**same, "seed": "1"})
    p = [
        [records[name]["trace_p_arrival_sample"] for name in every]
        for records in (every, by_name("stead/seeded", tmp_path / "1"))
    ]
    assert np.mean(np.array(p[0]) != p[1]) > 0.9


@pytest.mark.long
def test_limit_and_mini(folder, tmp_path, monkeypatch):
    datasets.prepare("stead/whole", tmp_path / "limited", folder, limit=2)
    assert datasets.metadata("stead/whole", tmp_path / "limited")["splits"] == {"train": 2, "validation": 2, "test": 2}
    cls = builder_class("stead")
    monkeypatch.setitem(cls.builder_configs, "mini", dataclasses.replace(cls.builder_configs["mini"], most=12))
    datasets.prepare("stead/mini", tmp_path, folder)
    numbers = sorted(int(name[1:6]) for name in by_name("stead/mini", tmp_path))
    assert 10 <= len(numbers) <= 14 and max(np.diff([0, *numbers, 60])) < 15
    datasets.prepare("stead/whole", tmp_path, folder)
    for split in datasets.metadata("stead/mini", tmp_path)["splits"]:  # nothing that trains in one tests in the other
        assert set(by_name("stead/mini", tmp_path, [split])) <= set(by_name("stead/whole", tmp_path, [split]))


def test_bad_rows_and_traces_are_named(tmp_path):
    rows = [stead_row(n) for n in range(18)]
    names = [row["trace_name"] for row in rows]
    nan, flat, dead, equal = (stead_trace(n, rows[n]) for n in range(2, 6))
    nan[100, 1], flat[:, 0], dead[:] = np.inf, 17, 0
    equal[:] = equal[:, :1]
    rows[6] |= {"trace_category": "quarry_blast"}
    rows[7] |= {"source_magnitude": "[2.5]", "source_depth_km": "[[ 7.25]]", "snr_db": "None", "coda_end_sample": "nan"}
    rows[8] |= {"p_arrival_sample": "612.4375", "snr_db": "[1.5, 2.5, nan]", "source_gap_deg": ""}
    rows[9] |= {"p_arrival_sample": "None", "s_arrival_sample": "early"}
    rows[10] |= {"source_magnitude": "big"}
    rows[11] |= {"trace_name": names[0]}
    rows[12] |= {"trace_name": ""}
    rows[13] |= {"trace_start_time": "yesterday"}
    rows[14] |= {"snr_db": "[ 1. 2.]"}
    rows[15] |= {"source_latitude": "None"}
    traces = {names[1]: stead_trace(1)[:5999], names[2]: nan, names[3]: flat, names[4]: dead, names[5]: equal}
    write_stead(tmp_path / "merge", rows, {**traces, names[16]: None})
    with open(tmp_path / "merge.csv", "a") as file:
        file.write("TA,109C,BH,32.8")  # cut
    no_test_list(tmp_path)
    datasets.prepare("stead/whole", tmp_path / "data", tmp_path)
    skipped, kept = "skipped", "kept"
    expected = {
        names[1]: ("shape (5999, 3) instead of (6000, 3)", skipped),
        names[2]: ("values that are not finite", skipped),
        names[3]: ("flat component E", kept),
        names[4]: ("every component flat", skipped),
        names[5]: ("equal components", kept),
        names[6]: ("unknown category 'quarry_blast'", skipped),
        names[9]: ("s_arrival_sample is not a number", kept),
        names[10]: ("source_magnitude is not a number", kept),
        names[0]: ("duplicate name", skipped),
        "merge.csv, line 14": ("no trace_name", skipped),
        names[14]: ("snr_db is not three numbers", kept),
        names[16]: ("not in the HDF5 file", skipped),
        "merge.csv, line 20": ("a row with too few or too many fields", skipped),
    }
    assert problems("stead/whole", tmp_path / "data") == expected
    assert sum(datasets.metadata("stead/whole", tmp_path / "data")["problems"].values()) == len(expected)
    found = by_name("stead/whole", tmp_path / "data")
    assert set(found) == {names[n] for n in (0, 3, 5, 7, 8, 9, 10, 13, 14, 15, 17)}
    seven, eight, nine = (found[names[n]] for n in (7, 8, 9))
    assert seven["source_magnitude"] == 2.5 and seven["source_depth_km"] == 7.25
    assert np.isnan([*seven["trace_snr_db"], seven["trace_coda_end_sample"], eight["source_gap_deg"]]).all()
    assert eight["trace_p_arrival_sample"] == 612.4375  # exact
    np.testing.assert_array_equal(eight["trace_snr_db"], [1.5, 2.5, np.nan])
    assert np.isnan([nine["trace_p_arrival_sample"], nine["trace_s_arrival_sample"]]).all()
    assert np.isnan(found[names[15]]["path_back_azimuth_deg"]) and found[names[0]]["trace_coda_end_sample"] == 2501
    datasets.prepare(KONG, tmp_path / "data", tmp_path)
    cut = problems(KONG, tmp_path / "data")
    assert cut[names[9]] == ("no window with its P", skipped)
    assert cut[names[3]] == ("flat component E", skipped) and cut[names[5]] == ("equal components", skipped)
    assert by_name(KONG, tmp_path / "data")[names[13]]["trace_start_time"] == b"yesterday"


def test_files_that_cannot_be_read(folder, tmp_path):
    with pytest.raises(ZooError, match="lacks the columns p_status, snr_db.*the 35 columns"):
        without = [name for name in STEAD_COLUMNS if name not in ("snr_db", "p_status")]
        write_stead_csv(folder / "merged.csv", [stead_row(0)], without)
        datasets.prepare("stead/whole", tmp_path, folder)
    shuffled = [*STEAD_COLUMNS[::-1], "another"]  # any order, and more
    write_stead_csv(folder / "merged.csv", [{**stead_row(0), "another": "x"}], shuffled)
    datasets.prepare("stead/whole", tmp_path, folder)
    record = by_name("stead/whole", tmp_path)[stead_row(0)["trace_name"]]
    assert record["station_code"] == b"S00" and record["trace_p_weight"] == 0.64
    content = (folder / "merged.hdf5").read_bytes()
    (folder / "chunk3.hdf5").write_bytes(content[: len(content) // 2])
    write_stead_csv(folder / "chunk3.csv", [stead_row(0)])
    with pytest.raises(ZooError, match="cut short.*download or copy it again"):
        datasets.prepare("stead/chunk3", tmp_path, folder)


@pytest.mark.long
def test_an_interrupted_preparation_goes_on(folder, tmp_path, monkeypatch, capsys):
    import zoo.seismograms.archives.preparation as preparation

    monkeypatch.setattr(preparation, "_BLOCK_BYTES", 1)
    monkeypatch.setattr(builder_class("stead"), "ROWS_AT_ONCE", 8)
    whole = datasets.prepare(KONG, tmp_path / "one", folder, workers=1)
    cls = builder_class("stead")
    read, calls = cls._read, []

    def failing(self, sources, rows):
        calls.append(len(rows))
        if len(calls) == 4:
            raise KeyboardInterrupt
        return read(self, sources, rows)

    with monkeypatch.context() as patch:
        patch.setattr(cls, "_read", failing)
        with pytest.raises(KeyboardInterrupt):
            datasets.prepare(KONG, tmp_path / "two", folder, workers=1)
    again = datasets.prepare(KONG, tmp_path / "two", folder, workers=1)
    assert "blocks were there already" in capsys.readouterr().err
    for path in whole.glob("*tfrecord*"):
        assert (again / path.name).read_bytes() == path.read_bytes()
    assert len(by_name(KONG, tmp_path / "two")) == 40


def test_downloaded_and_unpacked(folder, tmp_path, server, monkeypatch):
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as made:
        for end in ("csv", "hdf5"):
            made.write(folder / f"merged.{end}", f"chunk2/chunk2.{end}")
    only_list = tmp_path / "list"
    only_list.mkdir()
    (folder / "test.npy").rename(only_list / "test.npy")
    server.content = b"<html>Sign in</html>"
    monkeypatch.setenv("ZOO_MIRROR", server.url)
    files = module("files")
    monkeypatch.setitem(files._SIZE_GB, 2, 1e-3)
    with pytest.raises(ZooError, match="not a zip .it begins with b'<htm'.*--manual-dir"):
        datasets.prepare("stead/chunk2", tmp_path, only_list)
    server.content, server.drop_after = zipped.getvalue(), 100_000
    datasets.prepare("stead/chunk2", tmp_path, only_list)
    assert datasets.metadata("stead/chunk2", tmp_path)["splits"] == {"train": 54, "validation": 4, "test": 2}
    assert "bytes=100000-" in server.requests
    here = tmp_path / "downloads" / "stead" / "chunk2"
    assert {"chunk2.csv", "chunk2.hdf5"} <= {path.name for path in here.iterdir()}
    assert not (here / "chunk2.zip").exists()
    with pytest.raises(ZooError, match="stead/mini reads STEAD files that you have"):
        datasets.prepare("stead/mini", tmp_path, only_list)
    monkeypatch.setitem(files._SIZE_GB, 0, 1e9)
    with pytest.raises(ZooError, match="needs about 2e.09 GB, packed and unpacked.*--data-dir"):
        datasets.prepare("stead/whole", tmp_path, only_list)


def test_back_azimuths_equal_obspys():
    from obspy.geodetics import gps2dist_azimuth

    rng = np.random.default_rng(0)
    source = rng.uniform(-89, 89, 300), rng.uniform(-180, 180, 300)
    near = rng.random(300) < 0.7
    station = tuple(np.where(near, degrees + rng.uniform(-1, 1, 300), rng.uniform(-80, 80, 300)) for degrees in source)
    ours = module("azimuth").back_azimuth_deg(*source, *station)
    theirs = [gps2dist_azimuth(*places)[2] for places in zip(*source, *station, strict=True)]
    off = (ours - theirs + 180) % 360 - 180
    assert np.abs(off).max() < 1e-4
    missing = module("azimuth").back_azimuth_deg(*(np.array([10.0, np.nan]) for _ in range(4)))
    assert np.isnan(missing).all()  # at one place, and nowhere

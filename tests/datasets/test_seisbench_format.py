"""The seisbench_format builder: folders as SeisBench writes them, odd ones, and damaged ones."""

from __future__ import annotations

import csv

import h5py
import numpy as np
import pytest

from zoo.data import datasets
from zoo.errors import UsageError, ZooError

NAME = "seisbench_format/mine"
RATE = 100


def write_folder(folder, rows, nodes, data_format=None, chunk="", **options):
    """Write metadata (list of dicts) and HDF5 nodes (name -> array) as a SeisBench folder."""
    folder.mkdir(exist_ok=True)
    header = list(dict.fromkeys(key for row in rows for key in row))
    with open(folder / f"metadata{chunk}.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, header)
        writer.writeheader()
        writer.writerows(rows)
    stated = {"dimension_order": "CW", "component_order": "ZNE", "sampling_rate": RATE, "unit": "counts"}
    with h5py.File(folder / f"waveforms{chunk}.hdf5", "w") as file:
        for key, value in (stated if data_format is None else data_format).items():
            file[f"data_format/{key}"] = value
        file.create_group("data")
        for name, array in nodes.items():
            file.create_dataset(f"data/{name}", data=array, **options)
    return folder


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def prepare(tmp_path, folder, data="data", **settings):
    """Prepare a folder; return the records of all splits by name, with their split."""
    datasets.prepare(NAME, tmp_path / data, settings={"folder": str(folder), **settings}, workers=2)
    found = {}
    for split in datasets.metadata(NAME, tmp_path / data)["splits"]:
        records = datasets.arrays(NAME, split, tmp_path / data)
        for row, name in enumerate(records["trace_name"]):
            found[name.decode()] = {key: values[row] for key, values in records.items()} | {"split": split}
    return found


def problems(tmp_path, data="data"):
    with open(next((tmp_path / data).glob("seisbench_format/mine/*/problems.csv")), newline="") as file:
        return {(name, what): consequence for name, what, consequence in list(csv.reader(file))[1:]}


def test_traces_in_buckets_and_alone_in_every_split(tmp_path):
    bucket, alone = noise(3, 3, 50), noise(3, 50, seed=1)
    rows = [
        {"trace_name": "bucket0$2,:3,:50", "split": "train", "trace_p_arrival_sample": "12.25", "source_id": "0012"},
        {"trace_name": "bucket0$-3,0:3, :50", "split": "dev", "trace_p_arrival_sample": "", "source_id": ""},
        {"trace_name": "bucket0$1", "split": "test", "trace_p_arrival_sample": "None", "source_id": "b"},
        {"trace_name": "alone_EV", "split": "train", "trace_p_arrival_sample": "3", "source_id": "c"},
        {"trace_name": "bucket0$1:2,::-1,::1", "split": "train", "trace_p_arrival_sample": "", "source_id": "d"},
    ]
    rows = [row | {"my_number": str(i / 3), "my_text": f"é{i}", "empty": ""} for i, row in enumerate(rows)]
    found = prepare(tmp_path, write_folder(tmp_path / "set", rows, {"bucket0": bucket, "alone_EV": alone}))
    expected = [bucket[2], bucket[0], bucket[1], alone, bucket[1, ::-1]]
    for row, waveform in zip(rows, expected, strict=True):
        record = found[row["trace_name"]]
        np.testing.assert_array_equal(record["waveform"], waveform.T)
        assert record["my_number"] == float(row["my_number"]) and record["my_text"].decode() == row["my_text"]
        assert record["split"] == {"dev": "validation"}.get(row["split"], row["split"])
        assert record["empty"] == b"" and record["source_id"].decode() == row["source_id"]
    assert found["bucket0$2,:3,:50"]["trace_p_arrival_sample"] == 12.25
    assert np.isnan(found["bucket0$1"]["trace_p_arrival_sample"])
    assert problems(tmp_path) == {}
    about = datasets.metadata(NAME, tmp_path / "data")
    assert about["sampling_rate_hz"] == 100 and about["samples"] == 50 and about["unit"] == "counts"
    assert set(found["alone_EV"]) - {"waveform", "split"} == set(about["columns"])


@pytest.mark.parametrize("options", [{}, {"chunks": (1, 3, 40), "compression": "gzip"}])
def test_buckets_are_read_once_whatever_the_order_of_the_metadata(tmp_path, monkeypatch, options):
    nodes = {f"bucket{b}": noise(40, 3, 40, seed=b) for b in range(5)}
    rows = [{"trace_name": f"bucket{b}${i},:3,:40", "split": "train"} for i in range(40) for b in range(5)]
    folder = write_folder(tmp_path / "set", rows, nodes, **options)
    rows_read = 0
    plain = h5py.Dataset.__getitem__

    def counted(self, index, **more):
        nonlocal rows_read
        found = plain(self, index, **more)
        rows_read += len(found) if "bucket" in self.name else 0
        return found

    monkeypatch.setattr(h5py.Dataset, "__getitem__", counted)
    found = prepare(tmp_path, folder)
    assert rows_read == (200 if options else 0)  # contiguous buckets are read through a memory map
    for name, record in found.items():
        node, at = name.split(",")[0].split("$")
        np.testing.assert_array_equal(record["waveform"], nodes[node][int(at)].T)
    assert len(found) == 200


def test_orders_of_dimensions_and_components(tmp_path):
    formats = {"dimension_order": "NWC", "sampling_rate": RATE}
    rows = [
        {"trace_name": f"{order}$0,:60,:{len(order)}", "split": "train", "trace_component_order": order}
        for order in ("ENZ", "Z12", "Z", "ZNEH", "H", "ZZE")
    ]
    nodes = {row["trace_component_order"]: noise(1, 60, len(row["trace_component_order"]), seed=1) for row in rows}
    nodes["ZZE"] = noise(1, 60, 3)
    found = {
        name.split("$")[0]: r
        for name, r in prepare(tmp_path, write_folder(tmp_path / "set", rows, nodes, formats)).items()
    }
    np.testing.assert_array_equal(found["ENZ"]["waveform"], nodes["ENZ"][0][:, ::-1])
    np.testing.assert_array_equal(found["Z12"]["waveform"], nodes["Z12"][0])
    np.testing.assert_array_equal(found["ZNEH"]["waveform"], nodes["ZNEH"][0][:, :3])
    np.testing.assert_array_equal(found["Z"]["waveform"][:, 0], nodes["Z"][0][:, 0])
    assert not found["Z"]["waveform"][:, 1:].any() and found["Z"]["trace_component_order"] == b"Z"
    assert set(found) == {"ENZ", "Z12", "ZNEH", "Z"}
    reported = {(name.split("$")[0], what): done for (name, what), done in problems(tmp_path).items()}
    assert reported == {
        ("Z12", "horizontals 1 and 2, of unknown azimuth, as N and E"): "kept",
        ("Z", "flat component NE"): "kept",
        ("H", "no component of ZNE"): "skipped",
        ("ZZE", "a component order that does not fit the trace"): "skipped",
    }
    whole = prepare(tmp_path, tmp_path / "set", "complete", complete="true")
    assert len(whole) == 3


def test_longer_traces_are_cut_around_the_first_arrival(tmp_path):
    rows, nodes = [], {}
    start = "2020-01-01T00:00:00.000000Z"
    for i in range(30):
        name = f"ev{i}"
        nodes[name] = noise(3, 1000, seed=i)
        rows.append({"trace_name": name, "split": "train", "trace_start_time": start, "trace_Pg_arrival_sample": "400"})
        rows[-1] |= {"trace_Pn_arrival_sample": str(300 + i), "trace_S_arrival_sample": "700", "my_sample": "500"}
    nodes["noise"], nodes["short"] = noise(3, 1000, seed=91), noise(3, 60, seed=92)
    nodes["shot"] = noise(3, 1000, seed=93)
    rows += [{"trace_name": name, "split": "train", "trace_start_time": start} for name in ("shot", "noise", "short")]
    rows[-3]["trace_origin_sample"] = "500"
    rows[-1]["trace_Pn_arrival_sample"] = "20"
    folder = write_folder(tmp_path / "set", rows, nodes)
    found = prepare(tmp_path, folder, samples="200")
    begins = []
    for i in range(30):
        record = found[f"ev{i}"]
        arrival = record["trace_p_arrival_sample"]
        begin = int(300 + i - arrival)
        begins.append(begin)
        assert 20 <= arrival <= 101
        np.testing.assert_array_equal(record["waveform"], nodes[f"ev{i}"][:, begin : begin + 200].T)
        assert record["trace_s_arrival_sample"] == 700 - begin and record["my_sample"] == 500 - begin
        assert record["trace_start_time"].decode() == f"2020-01-01T00:00:{begin / 100:09.6f}+00:00"
    assert len(set(begins)) > 15
    assert 20 <= found["shot"]["trace_origin_sample"] <= 101
    assert any((nodes["noise"][:, b : b + 200].T == found["noise"]["waveform"]).all() for b in range(801))
    np.testing.assert_array_equal(found["short"]["waveform"][:60], nodes["short"].T)
    assert not found["short"]["waveform"][60:].any()
    assert found["short"]["trace_start_time"].decode() == start and found["short"]["trace_p_arrival_sample"] == 20
    assert problems(tmp_path) == {("short", "shorter than a record"): "kept, with zeros at its end"}
    again = prepare(tmp_path, folder, "again", samples="200", seed="1")
    assert np.mean([again[n]["trace_p_arrival_sample"] == r["trace_p_arrival_sample"] for n, r in found.items()]) < 0.2


def test_mixed_rates_are_resampled_and_arrivals_stay_where_they_are(tmp_path):
    def pulse(rate_hz, at_s, seconds=20):
        time_s = np.arange(int(seconds * rate_hz)) / rate_hz
        return np.tile(np.exp(-(((time_s - at_s) / 0.3) ** 2)), (3, 1)).astype(np.float32) * [[1], [2], [3]]

    rates = {"a": 100, "b": 50, "c": 20, "d": 20.0001, "e": 19.7654321}
    rows = [
        {"trace_name": n, "split": "train", "trace_sampling_rate_hz": str(r), "trace_p_arrival_sample": str(7 * r)}
        for n, r in rates.items()
    ]
    rows[2] |= {"trace_sampling_rate_hz": "", "trace_dt_s": "0.05"}
    rows.append({"trace_name": "f", "split": "train"})
    nodes = {name: pulse(rate, 7.0) for name, rate in rates.items()} | {"f": noise(3, 10)}
    formats = {"dimension_order": "CW", "component_order": "ZNE"}
    found = prepare(tmp_path, write_folder(tmp_path / "set", rows, nodes, formats), sampling_rate_hz="20")
    assert set(found) == {"a", "b", "c", "d"} and found["a"]["waveform"].shape == (400, 3)
    for record in found.values():
        np.testing.assert_allclose(record["waveform"], pulse(20, 7.0).T, atol=2e-3)
        assert record["trace_p_arrival_sample"] == pytest.approx(140, abs=1e-3)
    assert problems(tmp_path) == {
        ("f", "no sampling rate"): "skipped",
        ("e", "a sampling rate that has no simple ratio to that of the records"): "skipped",
    }


def test_without_a_split_events_stay_together(tmp_path):
    rows = [{"trace_name": f"b${i}", "source_id": f"event{i // 4}"} for i in range(400)]
    rows += [{"trace_name": f"b${400 + i}", "source_id": ""} for i in range(100)]
    found = prepare(tmp_path, write_folder(tmp_path / "set", rows, {"b": noise(500, 3, 20)}))
    splits = {}
    for record in found.values():
        splits.setdefault(record["source_id"], set()).add(record["split"])
    without_event = splits.pop(b"")
    assert all(len(of) == 1 for of in splits.values()) and without_event == {"train", "validation", "test"}
    assert 0.7 < np.mean([of == {"train"} for of in splits.values()]) < 0.9
    assert "by a hash of source_id" in datasets.metadata(NAME, tmp_path / "data")["split_rule"]


def test_chunks_and_categories(tmp_path):
    for chunk in ("2020", "2021"):
        rows = [
            {"trace_name": f"bucket0${i},:3,:30", "split": "train", "trace_category": c} for i, c in enumerate("ba")
        ]
        write_folder(tmp_path / "set", rows, {"bucket0": noise(2, 3, 30, seed=int(chunk))}, chunk=chunk)
    found = prepare(tmp_path, tmp_path / "set")
    assert sorted(found) == sorted(f"{chunk}/bucket0${i},:3,:30" for chunk in ("2020", "2021") for i in (0, 1))
    np.testing.assert_array_equal(found["2021/bucket0$1,:3,:30"]["waveform"], noise(2, 3, 30, seed=2021)[1].T)
    assert found["2020/bucket0$0,:3,:30"]["label"] == 1 and found["2021/bucket0$1,:3,:30"]["label"] == 0
    (tmp_path / "set" / "chunks").write_text("2020\n\n")
    assert len(prepare(tmp_path, tmp_path / "set", "one")) == 2
    (tmp_path / "set" / "chunks").write_text("2020\n2022\n")
    with pytest.raises(ZooError, match="holds no metadata2022.csv, waveforms2022.hdf5"):
        prepare(tmp_path, tmp_path / "set", "two")


def test_every_bad_row_is_named_and_skipped(tmp_path):
    names = {
        "b$0": None,
        "b$5": "slices that reach beyond the bucket",
        "b$1,:3,:99": "slices that reach beyond the bucket",
        "b$1,:3,:40,:1": "slices that reach beyond the bucket",
        "b$1,:x": "slices that cannot be read",
        "b$0,:3,5:5": "no array of components and samples",
        "b$0,:2": "a component order that does not fit the trace",
        "gone": "not in waveforms.hdf5",
        "group": "no array of numbers",
        "nan": "values that are not finite",
        "flat": "every component flat",
        "b$2": "a split other than train, dev, test",
        "": "no trace_name",
    }
    rows = [{"trace_name": name, "split": "holdout" if name == "b$2" else "train"} for name in names]
    rows += [rows[0], {"trace_name": "b$1", "split": "train", "source_magnitude": "big"}]
    nodes = {"b": noise(5, 3, 40), "group/trace": noise(3, 40), "nan": noise(3, 40), "flat": np.ones((3, 40))}
    nodes["nan"][1, 7] = np.nan
    folder = write_folder(tmp_path / "set", rows, nodes)
    with open(folder / "metadata.csv", "a") as file:
        file.write("b$3,train\n")
    found = prepare(tmp_path, folder)
    assert set(found) == {"b$0", "b$1"} and np.isnan(found["b$1"]["source_magnitude"])
    expected = {(name, what): "skipped" for name, what in names.items() if what}
    expected |= {
        ("b$0", "duplicate name"): "skipped",
        ("b$1", "source_magnitude is no number"): "kept, as missing",
        ("b$3", "a row of metadata with more or fewer fields than its header"): "skipped",
    }
    assert problems(tmp_path) == expected
    assert sum(datasets.metadata(NAME, tmp_path / "data")["problems"].values()) == len(expected)


def test_a_damaged_bucket_costs_its_own_traces_only(tmp_path):
    rows = [{"trace_name": f"{b}${i}", "split": "train"} for b in "ab" for i in range(3)]
    nodes = {b: noise(3, 3, 400) for b in "ab"}
    folder = write_folder(tmp_path / "set", rows, nodes, chunks=(3, 3, 400), compression="gzip")
    with h5py.File(folder / "waveforms.hdf5") as file:
        place = file["data/b"].id.get_chunk_info(0).byte_offset
    content = bytearray((folder / "waveforms.hdf5").read_bytes())
    content[place + 2 : place + 400] = bytes(398)
    (folder / "waveforms.hdf5").write_bytes(content)
    assert set(prepare(tmp_path, folder)) == {"a$0", "a$1", "a$2"}
    assert problems(tmp_path) == {(f"b${i}", "damaged in waveforms.hdf5"): "skipped" for i in range(3)}


def test_folders_that_are_refused(tmp_path):
    good = [{"trace_name": "b$0", "split": "train"}]
    nodes = {"b": noise(1, 3, 4000)}

    def refused(folder, match, **settings):
        with pytest.raises(ZooError, match=match):
            prepare(tmp_path, folder, **settings)

    refused(tmp_path / "nowhere", "no folder .*nowhere")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "holds no metadata.csv, waveforms.hdf5")
    folder = write_folder(tmp_path / "set", good, nodes)
    refused(folder, "sampels.*Did you mean samples", sampels="5")
    refused(folder, "samples takes a whole number in samples from 0", samples="-5")
    refused(folder, "sampling_rate_hz takes a number .*received 'fast'", sampling_rate_hz="fast")
    refused(folder, "complete takes true or false; received 'maybe'", complete="maybe")
    (folder / "metadata.csv").rename(folder / "kept.csv")
    refused(folder, "holds no metadata.csv")
    (folder / "metadata.csv").write_text("name,split\na,train\n")
    refused(folder, "no column trace_name")
    (folder / "metadata.csv").write_text("trace_name,split\n")
    refused(folder, "has no rows")
    (folder / "metadata.csv").write_text("trace_name,split\nother$0,train\n")
    refused(folder, "do the two belong together")
    (folder / "kept.csv").replace(folder / "metadata.csv")
    content = (folder / "waveforms.hdf5").read_bytes()
    (folder / "waveforms.hdf5").write_bytes(content[:-1000])
    refused(folder, "cut short")
    (folder / "waveforms.hdf5").write_bytes(b"not at all")
    refused(folder, "cannot be read as HDF5")
    formats = {"dimension_order": "CW", "sampling_rate": RATE, "component_order": "ZNE"}
    for key, match in {"sampling_rate": "states no sampling rate", "component_order": "which component is"}.items():
        refused(write_folder(folder, good, nodes, {k: v for k, v in formats.items() if k != key}), match)
    refused(write_folder(folder, good, nodes, formats | {"dimension_order": "CHW"}), "dimension_order is 'CHW'")
    with pytest.raises(UsageError, match="Which folder"):
        datasets.prepare(NAME, tmp_path / "data", settings={"samples": "3"})
    with pytest.raises(UsageError, match="Which folder"):
        datasets.prepare("seisbench_format", tmp_path / "data")


def test_a_changed_folder_is_not_taken_for_the_prepared_one(tmp_path):
    rows = [{"trace_name": f"b${i}", "split": "train"} for i in range(3)]
    folder = write_folder(tmp_path / "set", rows, {"b": noise(3, 3, 40)})
    prepare(tmp_path, folder)
    prepare(tmp_path, folder)
    write_folder(folder, rows[:2], {"b": noise(3, 3, 40)})
    with pytest.raises(ZooError, match="prepared with other settings .*checksum"):
        prepare(tmp_path, folder)


def test_a_folder_that_seisbench_wrote(tmp_path, real_data):
    data = pytest.importorskip("seisbench.data")
    names, waveforms = [], []
    with h5py.File(real_data / "stead" / "waveforms_2019_layout.hdf5") as file:
        for name, node in list(file["earthquake/local"].items())[:12]:
            names.append(name)
            waveforms.append(node[()].T[::-1])
    (tmp_path / "set").mkdir()
    with data.WaveformDataWriter(tmp_path / "set" / "metadata.csv", tmp_path / "set" / "waveforms.hdf5") as writer:
        writer.data_format = {"dimension_order": "CW", "component_order": "ZNE", "sampling_rate": 100}
        for i, (name, waveform) in enumerate(zip(names, waveforms, strict=True)):
            row = {"trace_name": name, "split": ["train", "dev", "test"][i % 3], "source_magnitude": i / 7}
            writer.add_trace(row, waveform[:, : 6000 - i])
    found = prepare(tmp_path, tmp_path / "set", samples="6000")
    theirs = data.WaveformDataset(tmp_path / "set", component_order="ZNE")
    assert len(found) == len(theirs) == 12
    for i, row in theirs.metadata.iterrows():
        record, waveform = found[row["trace_name"]], theirs.get_waveforms(int(i))
        np.testing.assert_array_equal(record["waveform"][: waveform.shape[1]], waveform.T)
        assert record["source_magnitude"] == row["source_magnitude"]
        assert record["trace_name_original"].decode() == row["trace_name_original"] == names[i]
        assert record["split"] == {"dev": "validation"}.get(row["split"], row["split"])

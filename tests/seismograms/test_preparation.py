"""What all waveform builders share: blocks, resuming, limits, reports."""

from __future__ import annotations

import csv
import errno
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
import toy_dataset as toy

from zoo.data import datasets
from zoo.errors import ZooError
from zoo.seismograms.archives import preparation
from zoo.seismograms.archives.encoding import write_tfrecord


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(preparation, "_BLOCK_BYTES", 100 * 240)


def read(made, split, monkeypatch):
    """Read a split through the zoo."""
    monkeypatch.setattr(datasets, "_prepared", lambda name, folder: made)
    return datasets.arrays("toy", split)


def test_records_hold_what_was_read_in_the_order_of_the_archive(tmp_path, monkeypatch):
    made = toy.prepare(tmp_path)
    records = read(made, "train", monkeypatch)
    numbers = [n for n in range(990) if n % 5 < 3 and n not in (13, 100, 200, 500)]
    assert [name.decode() for name in records["trace_name"]] == [f"n{n}" for n in numbers]
    at = numbers.index(77)
    np.testing.assert_array_equal(records["waveform"][at], 77 + np.arange(60, dtype=np.float32).reshape(20, 3))
    assert records["source_magnitude"].dtype == np.float64 and records["source_magnitude"][at] == 77 / 7
    np.testing.assert_array_equal(records["trace_snr_db"][at], [77, 2, np.nan])
    assert set(records["label"]) == {0, 1} and records["label"][at] == 1
    assert len(made.info.splits["train"].shard_lengths) == 10
    stock = next(iter(tfds.as_numpy(made.as_dataset(split="validation"))))
    assert stock["trace_name"] == b"n3" and stock["waveform"][0, 0] == 3 and stock["source_magnitude"] == 3 / 7


def test_problems_are_counted_and_listed(tmp_path):
    made = toy.prepare(tmp_path)
    with open(Path(made.data_dir) / preparation.PROBLEMS_FILE, newline="") as file:
        rows = list(csv.DictReader(file))
    listed = {(row["name"], row["problem"], row["consequence"]) for row in rows}
    assert listed == {
        ("n13", "unlucky", "skipped"),
        ("n100", "values that are not finite", "skipped"),
        ("n200", "every component flat", "skipped"),
        ("n300", "flat component E", "kept"),
        ("n400", "equal components", "kept"),
        ("n500", "lost", "skipped"),
        *((f"n{n}", "duplicate name", "skipped") for n in range(10)),
    }
    counts = tfds.builder_from_directory(made.data_dir).info.metadata
    counts.get("")
    assert counts["problems"]["duplicate name: skipped"] == 10 and sum(counts["problems"].values()) == 16


def test_a_config_that_wants_complete_records_skips_more(tmp_path):
    made = toy.prepare(tmp_path, "complete")
    assert made.info.metadata["problems"]["flat component E: skipped"] == 1
    assert made.info.metadata["problems"]["equal components: skipped"] == 1


def test_bytes_do_not_depend_on_workers_nor_on_an_interruption(tmp_path):
    whole = toy.files(toy.prepare(tmp_path / "a", workers=1))
    assert toy.files(toy.prepare(tmp_path / "b", workers=3)) == whole
    with pytest.raises(KeyboardInterrupt):
        toy.prepare(tmp_path / "c", workers=2, fail_at=640)
    assert not list((tmp_path / "c").glob("toy/all/*/*.json"))
    made = toy.prepare(tmp_path / "c")
    assert toy.files(made) == whole
    assert 0 < len(made.read) < 700  # the blocks before the interruption were there


def test_a_full_disk_loses_nothing(tmp_path, monkeypatch):
    whole = toy.files(toy.prepare(tmp_path / "a"))
    calls = []

    def write(path, records):
        calls.append(path)
        if len(calls) > 10:
            raise OSError(errno.ENOSPC, "No space left on device")
        write_tfrecord(path, records)

    with monkeypatch.context() as patch:
        patch.setattr(preparation, "write_tfrecord", write)
        with pytest.raises(ZooError, match="No space left while writing .*run the same command again"):
            toy.prepare(tmp_path / "b", workers=1)
    made = toy.prepare(tmp_path / "b")
    assert toy.files(made) == whole and len(made.read) < 800


def test_a_damaged_block_is_made_anew(tmp_path, capsys):
    whole = toy.files(toy.prepare(tmp_path / "a"))
    with pytest.raises(KeyboardInterrupt):
        toy.prepare(tmp_path / "b", workers=1, fail_at=900)
    (block,) = (tmp_path / "b" / "downloads").glob("blocks/*/000002-train")
    block.write_bytes(block.read_bytes()[:-1])
    assert toy.files(toy.prepare(tmp_path / "b")) == whole
    assert "damaged" in capsys.readouterr().err


def test_what_was_begun_with_other_settings_is_not_gone_on_with(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        toy.prepare(tmp_path, workers=1, fail_at=900)
    made = toy.prepare(tmp_path, "complete")
    assert len(made.read) == 989


def test_a_limit_ends_reading_when_every_split_has_enough(tmp_path):
    made = toy.prepare(tmp_path, limit=10)
    assert {split: info.num_examples for split, info in made.info.splits.items()} == {
        "train": 10,
        "validation": 10,
        "test": 10,
    }
    assert max(made.read) < 60


def test_some_rows_at_once_may_all_be_lost(tmp_path):
    made = toy.prepare(tmp_path, gone=frozenset(range(400)))
    assert made.info.metadata["problems"]["lost: skipped"] == 399
    assert sum(split.num_examples for split in made.info.splits.values()) == 590


def test_nothing_left_is_an_error(tmp_path):
    with pytest.raises(ZooError, match="no trace is left.*1 x unlucky"):
        toy.prepare(tmp_path, numbers=[13])


def test_array_records_for_tfds_own_random_access(tmp_path):
    pytest.importorskip("array_record.python.array_record_module")
    made = toy.Toy(config="all", data_dir=str(tmp_path), file_format="array_record")
    made.download_and_prepare(download_dir=str(tmp_path / "downloads"))
    source = made.as_data_source(split="test")
    assert len(source) == 198 and source[2]["waveform"][0, 0] == 14


def test_random_access_to_the_files_of_training(tmp_path, monkeypatch):
    made = toy.prepare(tmp_path)
    monkeypatch.setattr(datasets, "_prepared", lambda name, folder: made)
    source = datasets.data_source("toy", "train")
    records = datasets.arrays("toy", "train")
    assert len(source) == len(records["label"]) and isinstance(source[0]["trace_name"], str)
    for index in (0, 59, 60, 333, -1):
        assert source[index]["trace_name"].encode() == records["trace_name"][index]
        np.testing.assert_array_equal(source[index]["waveform"], records["waveform"][index])
        assert source[index]["source_magnitude"] == records["source_magnitude"][index]
        assert source[index]["label"] == records["label"][index]
    part = datasets.data_source("toy", "train[50%:]", features=("trace_name",))
    assert part[0] == {"trace_name": source[len(source) - len(part)]["trace_name"]}
    with pytest.raises(IndexError):
        source[len(source)]
    with pytest.raises(ZooError, match="no 'wave'. Did you mean waveform"):
        datasets.data_source("toy", "train", features=("wave",))
    file = next(Path(made.data_dir).glob("*train.tfrecord-00000*"))
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(ZooError, match="cut short"):
        datasets.data_source("toy", "train")[0]


def test_only_wanted_features_are_read(tmp_path, monkeypatch):
    made = toy.prepare(tmp_path)
    monkeypatch.setattr(datasets, "_prepared", lambda name, folder: made)
    data = datasets.load_dataset("toy", "train", 64, features=("label", "waveform"), shuffle_seed=1)
    assert set(next(data.as_numpy_iterator())) == {"label", "waveform"}


@pytest.mark.parametrize("split", ["train", "train[:70]"])
def test_every_epoch_has_every_record_once_in_another_order(tmp_path, monkeypatch, split):
    made = toy.prepare(tmp_path)
    monkeypatch.setattr(datasets, "_prepared", lambda name, folder: made)
    tf.random.set_seed(0)  # as a training does

    def epochs(seed):
        data = datasets.load_dataset("toy", split, 64, shuffle_seed=seed)
        for _ in range(2):
            batches = [batch["waveform"][:, 0, 0] for batch in data.as_numpy_iterator()]
            assert {len(batch) for batch in batches[:-1]} <= {64}
            yield np.concatenate(batches)

    first, second = epochs(1)
    plain = datasets.arrays("toy", split)["waveform"][:, 0, 0]
    assert sorted(first) == sorted(second) == sorted(plain)
    assert (first != second).any() and (first != plain).any()
    for again, before in zip(epochs(1), (first, second), strict=True):
        np.testing.assert_array_equal(again, before)
    assert (next(epochs(2)) != first).any()

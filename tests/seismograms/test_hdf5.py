"""Reading one HDF5 dataset per trace, and files that are damaged."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np
import pytest

from zoo.errors import ZooError
from zoo.seismograms.archives.hdf5 import TraceFile


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "archive.hdf5"
    traces = np.random.default_rng(0).normal(size=(50, 200, 3))
    with h5py.File(path, "w") as file:
        for number, trace in enumerate(traces):
            file[f"data/t{number}"] = trace.astype(np.float32 if number % 2 else np.float64)
            file[f"data/t{number}"].attrs["magnitude"] = number / 10
        file.create_dataset("data/packed", data=traces[0], compression="gzip", chunks=(100, 2))
        file["data/short"] = traces[0, :100]
        file["data/text"] = "hello"
    return path, traces


def test_traces_by_name_from_several_threads(archive):
    path, traces = archive
    file = TraceFile(path)

    def read(number):
        out = np.empty((200, 3), np.float32)
        assert file.read_into(f"data/t{number}", out) is None
        return out

    with ThreadPoolExecutor(4) as pool:
        for trace, wanted in zip(pool.map(read, range(50)), traces, strict=True):
            np.testing.assert_array_equal(trace, wanted.astype(np.float32))
    out = np.empty((200, 3))
    assert file.read_into("data/packed", out) is None
    np.testing.assert_array_equal(out, traces[0])
    assert file.attributes("data/t7") == {"magnitude": 0.7}
    assert "data/t3" in file and "data/t50" not in file
    assert file.count("data") == 53 and file.count("gone") == 0
    assert list(file.names("data"))[:2] == ["packed", "short"] and list(file.names("gone")) == []


def test_what_is_wrong_with_a_trace_is_said(archive):
    file, out = TraceFile(archive[0]), np.empty((200, 3), np.float32)
    assert file.read_into("data/gone", out) == "not in the HDF5 file"
    assert file.read_into("data", out) == "not in the HDF5 file"
    assert file.read_into("data/short", out) == "shape (100, 3) instead of (200, 3)"
    assert file.read_into("data/text", out).startswith("shape")


def test_a_file_that_is_cut_short(archive, tmp_path):
    content = archive[0].read_bytes()
    (tmp_path / "cut.hdf5").write_bytes(content[: len(content) // 2])
    with pytest.raises(ZooError, match="cut.hdf5 is cut short .*download or copy it again"):
        TraceFile(tmp_path / "cut.hdf5")
    (tmp_path / "other.hdf5").write_bytes(b"PK\x03\x04" * 1000)
    with pytest.raises(ZooError, match="cannot be read as HDF5"):
        TraceFile(tmp_path / "other.hdf5")
    with pytest.raises(ZooError, match="There is no"):
        TraceFile(tmp_path / "gone.hdf5")


def test_a_damaged_trace_does_not_end_the_reading(archive):
    path, _ = archive
    with h5py.File(path) as file:
        offset = file["data/packed"].id.get_chunk_info(0).byte_offset
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(b"\xff" * 40)
    assert TraceFile(path).read_into("data/packed", np.empty((200, 3))).startswith("unreadable")

"""Zip files: only what is wanted, only into the folder, only when whole."""

from __future__ import annotations

import zipfile

import pytest

from zoo.data.archives import extract
from zoo.errors import ZooError


def make(path, **entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in entries.items():
            made.writestr(name, content)
    return path


def test_only_what_is_wanted_and_only_into_the_folder(tmp_path):
    entries = {
        "chunk2/chunk2.csv": "a,b",
        "../../evil/chunk2.hdf5": b"\x89HDF",
        "__MACOSX/._chunk2.csv": "x",
        "readme.txt": "x",
    }
    archive = make(tmp_path / "x.zip", **entries)
    found = extract(archive, ["*.csv", "*.hdf5"], tmp_path / "deep" / "out")
    assert [path.name for path in found] == ["chunk2.csv", "chunk2.hdf5"]
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {"x.zip", "chunk2.csv", "chunk2.hdf5"}
    assert found[0].read_text() == "a,b" and found[1].parent == tmp_path / "deep" / "out"


def test_what_is_there_in_full_is_kept_and_what_is_cut_is_made_anew(tmp_path):
    archive = make(tmp_path / "x.zip", **{"a.csv": "1234", "b.csv": "5678"})
    (tmp_path / "a.csv").write_text("here")  # as long as the zip's: an earlier run's
    (tmp_path / "b.csv").write_text("56")
    extract(archive, ["*.csv"], tmp_path)
    assert (tmp_path / "a.csv").read_text() == "here" and (tmp_path / "b.csv").read_text() == "5678"


def test_damaged_and_foreign_files(tmp_path):
    whole = make(tmp_path / "x.zip", **{"a.csv": "1234" * 4000})
    content = bytearray(whole.read_bytes())
    content[50] ^= 0xFF
    (tmp_path / "damaged.zip").write_bytes(content)
    with pytest.raises(ZooError, match="Delete it and fetch it again"):
        extract(tmp_path / "damaged.zip", ["*.csv"], tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())
    (tmp_path / "page.zip").write_text("<html>sign in</html>")
    with pytest.raises(ZooError, match="is no zip"):
        extract(tmp_path / "page.zip", ["*.csv"], tmp_path / "out")
    with pytest.raises(ZooError, match="holds nothing that match"):
        extract(whole, ["*.hdf5"], tmp_path / "out")
    twice = make(tmp_path / "twice.zip", **{"p/a.csv": "1", "q/a.csv": "2"})
    with pytest.raises(ZooError, match=r"2 files .a.csv, a.csv"):
        extract(twice, ["*.csv"], tmp_path / "out")


def test_a_disk_that_is_too_small(tmp_path, monkeypatch):
    import shutil

    archive = make(tmp_path / "x.zip", **{"a.csv": "1" * 5000})
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(10, 8, 2))
    with pytest.raises(ZooError, match="needs 0.00 GB .*--data-dir"):
        extract(archive, ["*.csv"], tmp_path / "out")

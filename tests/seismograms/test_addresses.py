"""Waveforms in object stores: what is picked there is what is picked here; nothing is kept there."""

from __future__ import annotations

import importlib.util
import os

import pytest
from obspy import UTCDateTime
from toy_picker import ToyPicker, record, write_sds

from zoo import cli
from zoo.data import datasets
from zoo.errors import UsageError, ZooError
from zoo.files import write_json
from zoo.seismograms.picking.remote import fetched, listed
from zoo.seismograms.picking.running import annotate_archive
from zoo.store import atomic_folder

START = UTCDateTime("2020-02-28T22:30:00.03")


@pytest.fixture(scope="module")
def sds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("archive")
    write_sds(record(START, 3600, (30.0, 1789.95, 2500.0)), folder)
    return folder


def the_same(sds, address, tmp_path):
    """The picks of an archive in a store and of the folder that it was made from; a second run reads nothing again."""
    here = annotate_archive(sds, ToyPicker(), tmp_path / "here", piece_hours=0.25)
    there = annotate_archive(address, ToyPicker(), tmp_path / "there", piece_hours=0.25)
    assert list(here.picks()) and there.done == here.done
    for day in here.days:
        one, other = ((tmp_path / name / "days" / day / "picks.csv").read_bytes() for name in ("here", "there"))
        assert one == other
    assert annotate_archive(address, ToyPicker(), tmp_path / "there", piece_hours=0.25).done == here.done


def test_an_archive_in_a_store_gives_the_same_picks(sds, tmp_path):
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.put(str(sds), "/bucket/sds", recursive=True)
    try:
        the_same(sds, "memory://bucket/sds", tmp_path)
        names = list(listed("memory://bucket/sds"))
        assert len(names) == 3 and list(listed("memory://bucket/sds/**/*HHZ*")) == [n for n in names if "HHZ" in n]
        before = listed(names[0])
        memory.pipe(names[0], b"other")
        assert listed(names[0]) != before
        with fetched(names[0]) as path, open(path, "rb") as file:
            assert file.read() == b"other"
        assert not os.path.exists(path)
    finally:
        memory.rm("/bucket", recursive=True)


def test_what_is_not_there_says_so():
    with pytest.raises(ZooError, match="There is no file at memory://nothing"):
        listed("memory://nothing/here")
    with pytest.raises(ZooError, match="cannot be listed.*Check the address"):
        listed("nosuch://bucket/day.mseed")


def test_nothing_is_kept_in_a_store(tmp_path, monkeypatch, capsys):
    for address in ("s3://bucket/data", "gs://bucket"):
        with pytest.raises(UsageError, match="nothing is kept there.*mounted"):
            datasets.data_folder(address)
        with pytest.raises(UsageError, match="nothing is kept there"):
            write_json(f"{address}/summary.json", {})
        with pytest.raises(UsageError, match="nothing is kept there"), atomic_folder(address):
            pass
    monkeypatch.setenv("ZOO_DATA_DIR", "s3://bucket/data")
    assert cli.main(["verify", "microseismic/marine_small"]) == 2
    assert "s3://bucket/data is in a store" in capsys.readouterr().err


@pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("moto", "flask", "s3fs"))), reason="moto's server and s3fs are not installed"
)
def test_an_archive_in_s3_gives_the_same_picks(sds, tmp_path, monkeypatch):
    import fsspec
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        store = fsspec.filesystem("s3")
        store.mkdir("bucket")
        store.put(str(sds), "bucket/sds", recursive=True)
        the_same(sds, "s3://bucket/sds", tmp_path)
    finally:
        server.stop()

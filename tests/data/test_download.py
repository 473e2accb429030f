"""Downloads against a real HTTP server that drops, lies and fails."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from zoo.data import download
from zoo.errors import ZooError

CONTENT = np.random.default_rng(0).bytes(3_000_000)
SHA = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(download.time, "sleep", lambda seconds: None)


def test_a_dropped_connection_is_resumed_where_it_ended(server, tmp_path):
    server.content, server.drop_after = CONTENT, 1_000_000
    path = download.fetch(f"{server.url}/a.bin", tmp_path / "a.bin", sha256=SHA)
    assert path.read_bytes() == CONTENT
    assert server.requests[0] == ""
    resumed_at = int(server.requests[1].removeprefix("bytes=").rstrip("-"))
    assert 0 < resumed_at <= 1_000_000  # what arrived was not asked for again


def test_an_interrupted_run_goes_on_in_the_next(server, tmp_path):
    server.content = CONTENT
    (tmp_path / "a.bin.part").write_bytes(CONTENT[:2_500_000])
    download.fetch(f"{server.url}/a.bin", tmp_path / "a.bin", sha256=SHA)
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert server.requests == ["bytes=2500000-"]


def test_a_server_that_cannot_resume_starts_anew(server, tmp_path):
    server.content, server.ranges = CONTENT, False
    (tmp_path / "a.bin.part").write_bytes(b"x" * 1000)
    download.fetch(f"{server.url}/a.bin", tmp_path / "a.bin", sha256=SHA)
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_a_half_file_of_other_bytes_is_replaced(server, tmp_path):
    server.content = CONTENT
    (tmp_path / "a.bin.part").write_bytes(b"x" * 2_000_000)
    with pytest.raises(ZooError, match="SHA-256"):
        download.fetch(f"{server.url}/a.bin", tmp_path / "a.bin", sha256=SHA)
    download.fetch(f"{server.url}/a.bin", tmp_path / "a.bin", sha256=SHA)
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_wrong_bytes_are_refused_and_the_next_mirror_is_tried(server, tmp_path, monkeypatch):
    server.content = CONTENT[:-1] + b"?"
    with pytest.raises(ZooError, match="SHA-256"):
        download.fetch(f"{server.url}/a.bin", tmp_path / "a.bin", sha256=SHA)
    assert not (tmp_path / "a.bin").exists()
    good = tmp_path / "good.bin"
    good.write_bytes(CONTENT)
    urls = [f"{server.url}/a.bin", good.as_uri()]
    download.fetch(urls, tmp_path / "a.bin", sha256=SHA)
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    monkeypatch.setenv("ZOO_MIRROR", tmp_path.as_uri())
    asked = len(server.requests)
    download.fetch(f"{server.url}/good.bin", tmp_path / "other" / "good.bin", sha256=SHA)
    assert len(server.requests) == asked


def test_an_overloaded_server_is_asked_again(server, tmp_path):
    server.content, server.fail_first = CONTENT, 2
    download.fetch(f"{server.url}/a.bin", tmp_path / "a.bin", sha256=SHA)
    assert len(server.requests) == 3


def test_the_first_download_pins_a_checksum_that_nobody_states(server, tmp_path, capsys):
    server.content = CONTENT
    download.fetch(f"{server.url}/a.bin", tmp_path / "a.bin")
    assert "pinned" in capsys.readouterr().err
    (tmp_path / "a.bin").unlink()
    server.content = CONTENT[::-1]
    with pytest.raises(ZooError, match="SHA-256"):
        download.fetch(f"{server.url}/a.bin", tmp_path / "a.bin")


def test_a_full_disk_is_seen_before_the_download(server, tmp_path, monkeypatch):
    server.content = CONTENT
    usage = download.shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(download.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(ZooError, match="GB free"):
        download.fetch(f"{server.url}/a.bin", tmp_path / "a.bin", sha256=SHA)


def test_no_server_says_what_to_do(tmp_path):
    with pytest.raises(ZooError, match="--manual-dir"):
        download.fetch("http://127.0.0.1:9/a.bin", tmp_path / "a.bin", sha256=SHA)


def test_a_published_md5_is_checked_and_the_sha256_pinned(server, tmp_path, capsys):
    server.content = CONTENT
    md5 = hashlib.md5(CONTENT).hexdigest()
    with pytest.raises(ZooError, match="its MD5 is .* expected 00000000"):
        download.fetch(f"{server.url}/a.bin", tmp_path / "a.bin", md5="0" * 32)
    assert not (tmp_path / "a.bin").exists()
    download.fetch(f"{server.url}/a.bin", tmp_path / "a.bin", md5=md5)
    assert "the MD5 is right; pinned SHA-256 " + SHA in capsys.readouterr().err
    asked = len(server.requests)
    download.fetch(f"{server.url}/a.bin", tmp_path / "a.bin", md5=md5)
    assert len(server.requests) == asked


def test_a_long_wait_is_announced(server, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(download, "_LARGE_BYTES", 1_000_000)
    server.content = CONTENT
    download.fetch(f"{server.url}/a.bin", tmp_path / "a.bin", sha256=SHA)
    assert "a.bin: 0.0 GB to come, about 0.0 h at 10 MB/s" in capsys.readouterr().err

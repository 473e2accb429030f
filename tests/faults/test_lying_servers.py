"""Lies of servers: none is taken for the file for good, with or without a published checksum."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import threading
import zipfile
from dataclasses import dataclass, field

import pytest

from zoo.data import download
from zoo.errors import ZooError
from zoo.foreign import check_zip


def _zip() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a.txt", bytes(range(256)) * 100)
    return made.getvalue()


RIGHT = _zip()
PAGE = b"<!doctype html><html><body>Please sign in</body></html>"
ZIP = {"Content-Type": "application/zip"}
LIES = {
    "a page": (200, {"Content-Type": "text/html; charset=utf-8"}, PAGE),
    "a page that says it is a zip": (200, ZIP, PAGE),
    "a page without a type": (200, {}, PAGE),
    "nothing": (200, ZIP, b""),
    "no content": (204, {}, b""),
    "not authoritative": (203, ZIP, RIGHT),
    "a part that was not asked for": (206, {**ZIP, "Content-Range": "bytes 9-99/100"}, RIGHT[9:]),
    "a short file": (200, ZIP, RIGHT[:-200]),
    "a longer file": (200, ZIP, RIGHT[:-30] + bytes(500)),
    "another file": (200, ZIP, bytes(len(RIGHT))),
    "an error in JSON": (200, {"Content-Type": "application/json"}, b'{"error": "quota exceeded"}'),
    "a compressed file": (200, {**ZIP, "Content-Encoding": "gzip"}, gzip.compress(RIGHT)),
    "a compressed file that is not said to be": (200, ZIP, gzip.compress(RIGHT)),
    "a length that is none": (200, {**ZIP, "Content-Length": "-5"}, RIGHT),
    "a length of terabytes": (200, {**ZIP, "Content-Length": str(1 << 60)}, RIGHT),
}


@dataclass
class Liar:
    answers: list = field(default_factory=list)
    asked: list = field(default_factory=list)
    url: str = ""


@pytest.fixture
def liar(monkeypatch):
    """A server that gives the prepared answers, one after the other, and the last for ever."""
    monkeypatch.setattr(download.time, "sleep", lambda seconds: None)
    state = Liar()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            state.asked.append(dict(self.headers))
            answer = state.answers.pop(0) if len(state.answers) > 1 else state.answers[0]
            status, headers, body = answer(self.headers) if callable(answer) else answer
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    state.url = f"http://127.0.0.1:{httpd.server_address[1]}/a.zip"
    yield state
    httpd.shutdown()
    httpd.server_close()


KNOWN = {
    "checksum": {"sha256": hashlib.sha256(RIGHT).hexdigest()},
    "MD5": {"md5": hashlib.md5(RIGHT).hexdigest()},
    "size": {"size_bytes": len(RIGHT), "opens": check_zip},
    "nothing": {"opens": check_zip},
}


@pytest.mark.parametrize("known", KNOWN)
@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_refused_and_the_right_file_accepted_afterwards(liar, tmp_path, lie, known):
    liar.answers = [LIES[lie]]
    with pytest.raises(ZooError, match=r"a\.zip"):
        download.fetch(liar.url, tmp_path / "a.zip", **KNOWN[known])
    assert not (tmp_path / "a.zip").exists() and not (tmp_path / "pins.json").exists()
    liar.answers = [(200, ZIP, RIGHT)]
    assert download.fetch(liar.url, tmp_path / "a.zip", **KNOWN[known]).read_bytes() == RIGHT
    assert (tmp_path / "pins.json").exists() == (known != "checksum")  # what is published needs no pin


def test_what_no_reader_has_opened_is_not_pinned(liar, tmp_path):
    liar.answers = [(200, {}, PAGE)]
    download.fetch(liar.url, tmp_path / "a.zip").unlink()
    liar.answers = [(200, ZIP, RIGHT)]
    assert download.fetch(liar.url, tmp_path / "a.zip").read_bytes() == RIGHT


def test_a_wrong_pin_is_undone_as_the_message_says(liar, tmp_path):
    liar.answers = [(200, ZIP, RIGHT)]
    path = download.fetch(liar.url, tmp_path / "a.zip", opens=check_zip)
    path.unlink()
    other = io.BytesIO(RIGHT)
    with zipfile.ZipFile(other, "a") as archive:
        archive.writestr("b.txt", "new")
    liar.answers = [(200, ZIP, other.getvalue())]
    with pytest.raises(ZooError, match="rm ") as refused:
        download.fetch(liar.url, path, opens=check_zip)
    stated = str(refused.value).split("rm ")[1].split(")")[0]
    assert stated == str(tmp_path / "pins.json")
    (tmp_path / "pins.json").unlink()
    assert download.fetch(liar.url, path, opens=check_zip).read_bytes() == other.getvalue()


def _of(version: bytes, tag: str, ranges: bool = True):
    """Return an answer as a server gives it that keeps to `If-Range`."""

    def answer(headers):
        asked, condition = headers.get("Range"), headers.get("If-Range")
        if asked and ranges and condition in (None, tag):
            start = int(asked[6:-1])
            stated = {"Content-Range": f"bytes {start}-{len(version) - 1}/{len(version)}", "ETag": tag}
            return 206, {**ZIP, **stated}, version[start:]
        return 200, {**ZIP, "ETag": tag}, version

    return answer


def test_a_file_that_changes_between_two_runs_is_not_mixed(liar, tmp_path):
    old, new = b"A" * 10_000, b"B" * 10_000
    cut = (200, {**ZIP, "ETag": '"old"', "Content-Length": "10000"}, old[:4000])
    liar.answers = [cut, cut, cut, cut, (500, {}, b"")]
    with pytest.raises(ZooError):
        download.fetch(liar.url, tmp_path / "a.bin")
    assert (tmp_path / "a.bin.part").stat().st_size == 4000
    liar.answers = [_of(new, '"new"')]
    assert download.fetch(liar.url, tmp_path / "a.bin").read_bytes() == new
    assert liar.asked[-1]["If-Range"] == '"old"'


def test_a_server_that_ignores_if_range_is_not_believed(liar, tmp_path):
    old, new = b"A" * 10_000, b"B" * 10_000
    (tmp_path / "a.bin.part").write_bytes(old[:4000])
    (tmp_path / "a.bin.part.json").write_text('{"validator": "\\"old\\"", "bytes": 10000}')
    mixed = (206, {**ZIP, "ETag": '"new"', "Content-Range": "bytes 4000-9999/10000"}, new[4000:])
    liar.answers = [mixed, _of(new, '"new"')]
    assert download.fetch(liar.url, tmp_path / "a.bin").read_bytes() == new


def test_a_part_of_an_unknown_version_is_not_gone_on_with(liar, tmp_path):
    (tmp_path / "a.bin.part").write_bytes(b"A" * 4000)
    liar.answers = [_of(b"B" * 10_000, '"new"')]
    assert download.fetch(liar.url, tmp_path / "a.bin").read_bytes() == b"B" * 10_000


@pytest.mark.parametrize("known", [{"sha256": hashlib.sha256(RIGHT).hexdigest()}, {"size_bytes": len(RIGHT)}])
def test_a_complete_part_is_not_fetched_again(liar, tmp_path, known):
    (tmp_path / "a.zip.part").write_bytes(RIGHT)
    (tmp_path / "a.zip.part.json").write_text('{"validator": "\\"x\\"", "bytes": null}')
    liar.answers = [(416, {"Content-Range": f"bytes */{len(RIGHT)}"}, b"")]
    assert download.fetch(liar.url, tmp_path / "a.zip", **known).read_bytes() == RIGHT
    assert len(liar.asked) == (0 if "size_bytes" in known else 1)

"""Shared fixtures. Nothing here talks to the internet; servers run on loopback."""

from __future__ import annotations

import http.server
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
for variable in ("ZOO_RECIPES", "ZOO_DATASETS", "ZOO_CHECKPOINTS", "ZOO_MIRRORS"):  # whose runs the tests has his own
    os.environ.pop(variable, None)
# What is compiled once serves every test: `own_folders` gives each a cache of its own.
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path("~/.cache/seismic-zoo/kernels").expanduser()))


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    """Keep caches and datasets of a test inside its own folder."""
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ZOO_CHECKPOINTS", raising=False)
    monkeypatch.delenv("ZOO_MIRROR", raising=False)


def _shared(variable: str, name: str) -> Path:
    folder = Path(os.environ.get(variable, Path(__file__).parents[2] / "shared" / name))
    if not folder.is_dir():
        pytest.skip(f"no {name} at {folder} (set {variable})")
    return folder


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data (`ZOO_REAL_DATA`); tests that need it skip where it is not."""
    return _shared("ZOO_REAL_DATA", "data")


@pytest.fixture(scope="session")
def real_cases() -> Path:
    """The folder of inputs whose right answer is known (`ZOO_REAL_CASES`); tests that need it skip where it is not."""
    return _shared("ZOO_REAL_CASES", "cases")


@pytest.fixture(scope="session")
def small_dataset(tmp_path_factory) -> Path:
    """A folder with the dataset microseismic/marine_small, simulated once for all processes of a test session."""
    import fcntl

    from zoo.data import datasets

    processes = "PYTEST_XDIST_WORKER" in os.environ
    base = tmp_path_factory.getbasetemp().parent if processes else tmp_path_factory.mktemp("session")
    folder = base / "small_dataset"
    with open(base / "small_dataset.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        datasets.prepare("microseismic/marine_small", folder)  # the second process finds it there
    return folder


@dataclass
class Server:
    """A real HTTP server with the faults of real ones."""

    content: bytes
    url: str = ""
    requests: list[str] = field(default_factory=list)
    drop_after: int | None = None  # bytes after which the connection is cut, once
    fail_first: int = 0  # answer 503 so many times
    ranges: bool = True


@pytest.fixture
def server():
    """Serve `content` at any path on loopback, with faults as set on the returned object."""
    state = Server(b"")

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            asked = self.headers.get("Range")
            state.requests.append(asked or "")
            if state.fail_first:
                state.fail_first -= 1
                self.send_error(503)
                return
            start = int(asked.split("=")[1].rstrip("-")) if asked and state.ranges else 0
            if start >= len(state.content) and start:
                self.send_error(416)
                return
            body = state.content[start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if state.drop_after is not None:
                body, state.drop_after = body[: state.drop_after], None
                self.wfile.write(body)
                self.wfile.flush()
                self.connection.close()
                return
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{httpd.server_address[1]}"
    yield state
    httpd.shutdown()
    httpd.server_close()

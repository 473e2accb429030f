"""Downloads that resume, are verified, try mirrors, look at the disk first and do not take a 200 for the file.

Every finished file is compared with its SHA-256. Where the publisher states none, the first download that its reader
can open pins it (in `pins.json` beside the file) and says so, after comparing the MD5 where that is stated; later
downloads must match the pin. A part is gone on with only if the server still has the same file (`If-Range`), or if
there is a checksum to tell.
`ZOO_MIRROR` names a base address that is tried first: `$ZOO_MIRROR/<file name>`.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo.errors import ZooError
from zoo.files import read_json, write_json
from zoo.files import sha256 as sha256_of
from zoo.progress import bar, say
from zoo.store import explain_disk, locked, sync

_CHUNK_BYTES = 1 << 20
_TIMEOUT_S = 30
_LARGE_BYTES, _USUAL_BYTES_PER_S = 200_000_000, 10_000_000  # from which on the wait is announced, and at what rate
_ATTEMPTS = 4  # per address; each goes on from the bytes that are there
_TRANSIENT = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError)
_SCHEMES = ("http", "https", "file", "ftp")
"""What Python itself reads; other addresses (hf://, s3://) are read by fsspec, where that is installed."""
_PAGES = (".html", ".htm")
_READ_LATER = (".zip", ".npz", ".npy", ".hdf5", ".h5", ".nc", ".csv", ".txt", ".json", ".xml", *_PAGES)
"""Files that some reader will open: none is pinned before one has."""


class _NotTheFile(Exception):
    """What a server answers is not the file that was asked for."""


def fetch(
    urls: str | Sequence[str],
    path: str | os.PathLike,
    *,
    sha256: str | None = None,
    md5: str | None = None,
    size_bytes: int | None = None,
    opens: Callable[[Path], Any] | None = None,
) -> Path:
    """Download a file, going on from what an earlier attempt left, and verify it.

    Args:
        urls: addresses of the same bytes, tried in turn.
        path: where to; an existing file with the right checksum is kept as it is.
        sha256: the expected checksum in hexadecimal; None pins what comes first and can be opened.
        md5: a publisher's checksum where there is no better one.
        size_bytes: the exact size.
        opens: opens a file as its reader does and raises a ZooError where it cannot; for files without a checksum.

    Returns:
        The path.

    Raises:
        ZooError: if no address serves the right bytes, or the disk is too full.
    """
    path = Path(path)
    urls = [urls] if isinstance(urls, str) else list(urls)
    if os.environ.get("ZOO_MIRROR"):
        urls.insert(0, f"{os.environ['ZOO_MIRROR'].rstrip('/')}/{path.name}")
    with explain_disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path):
        wanted = _Wanted(path, sha256 or _pins(path).get(path.name), sha256 is None, md5, size_bytes, opens)
        part = _Part(path.with_name(path.name + ".part"))
        if path.is_file():
            why = wanted.difference(path)
            if why is None:
                part.forget()  # a kill may have left its note
                return path
            say(f"{path} is downloaded again: {why}.")
        failures = []
        for url in urls:
            failure = _from_one(url, part, wanted)
            if failure is None:
                failure = wanted.difference(part.path)
                if failure is None:
                    wanted.pin(part.path)
                    os.replace(part.path, path)
                    part.forget()
                    return path
                part.forget()
            failures.append(f"{url}: {failure}")
    raise ZooError(
        f"Could not download {path.name}. " + "; ".join(failures) + ". What has arrived is kept and the "
        "next run goes on from it; or put the file into a folder and name it with --manual-dir."
    )


@dataclass(frozen=True)
class _Wanted:
    """What a file must be."""

    path: Path
    sha256: str | None
    pinned: bool
    md5: str | None
    size_bytes: int | None
    opens: Callable[[Path], Any] | None

    def difference(self, there: Path) -> str | None:
        """Return in what a file differs from what it must be, None where it does not."""
        size = there.stat().st_size
        if self.size_bytes is not None and size != self.size_bytes:
            return f"it has {size} bytes, expected {self.size_bytes}"
        name, wanted, function = ("SHA-256", self.sha256, "sha256") if self.sha256 else ("MD5", self.md5, "md5")
        if wanted is not None:
            with open(there, "rb") as file:
                found = hashlib.file_digest(file, function).hexdigest()
            if found != wanted:
                pins = self.path.parent / "pins.json"
                undo = f", as its first download (if the publisher has put another file there: rm {pins})"
                return f"its {name} is {found[:16]}..., expected {wanted[:16]}...{undo if self._by_pin() else ''}"
        elif not size:
            return "it is empty"
        if self.opens and not self.sha256:
            try:
                self.opens(there)
            except ZooError as error:
                return f"it cannot be opened ({error})"
        return None

    def _by_pin(self) -> bool:
        return bool(self.sha256) and self.pinned

    def has_checksum(self) -> bool:
        return bool(self.sha256 or self.md5)

    def pin(self, part: Path) -> None:
        """Hold later downloads to this file, where nobody states a checksum and a reader has opened it."""
        if self.sha256:
            return
        if not (self.opens or self.md5) and (self.path.suffix.lower() in _READ_LATER or _is_markup(part)):
            say(f"{self.path.name}: the publisher states no checksum, so it counts as right once it can be read.")
            return
        checksum, pins = sha256_of(part), self.path.parent / "pins.json"
        with locked(pins):
            write_json(pins, {**_pins(self.path), self.path.name: checksum})
        known = "the MD5 is right" if self.md5 else "the publisher states no checksum"
        say(f"{self.path.name}: {known}; pinned SHA-256 {checksum} in {pins} and enforced from now on.")


def _is_markup(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(64).lstrip()[:1] in (b"<", b"{", b"")


@dataclass
class _Part:
    """What has arrived of a file, and of which version of it."""

    path: Path
    about: dict[str, Any] = field(init=False)
    of_this_run: bool = False

    def __post_init__(self) -> None:
        note = self._note()
        try:
            self.about = read_json(note, "A half download") if note.is_file() else {}
        except ZooError:
            self.about = {}
        if not isinstance(self.about, dict):
            self.about = {}

    def _note(self) -> Path:
        return self.path.with_name(self.path.name + ".json")

    def bytes(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    def begin(self, validator: str | None, total: int | None) -> None:
        """Note which version of the file begins to arrive."""
        self.path.unlink(missing_ok=True)
        self.about, self.of_this_run = {"validator": validator, "bytes": total}, True
        write_json(self._note(), self.about)

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)
        self._note().unlink(missing_ok=True)
        self.about = {}


def _from_one(url: str, part: _Part, wanted: _Wanted) -> str | None:
    """Fetch one address into `part`, with retries; return None or why it failed."""
    if url.split("://")[0].lower() not in _SCHEMES:
        return _by_fsspec(url, part)
    reason = "no attempt was made"
    for attempt in range(_ATTEMPTS):
        before = part.bytes()
        try:
            _stream(url, part, wanted)
            return None
        except _NotTheFile as error:
            return str(error)
        except urllib.error.HTTPError as error:
            reason = f"the server answers {error.code} {error.reason}"
            if error.code == 416:
                if before and error.headers.get("Content-Range", "").strip() == f"bytes */{before}":
                    return None  # all of it was there
                part.forget()  # what we hold is not a beginning of this file
            elif error.code < 500 and error.code != 429:
                return reason
        except _TRANSIENT as error:
            reason = str(getattr(error, "reason", error)) or type(error).__name__
            if isinstance(getattr(error, "reason", None), OSError) and before == 0 and attempt:
                return reason
        arrived = part.bytes()
        if attempt + 1 < _ATTEMPTS:
            if arrived == before:  # no progress: give the server time
                time.sleep(0.5 * 2**attempt)
            say(f"{url}: {reason}; going on from {arrived / 1e6:.1f} MB")
    return reason


def _by_fsspec(url: str, part: _Part) -> str | None:
    """Fetch an address that only fsspec knows, from its beginning; return None or why it failed."""
    try:
        import fsspec
    except ImportError:
        return "such an address needs fsspec: pip install fsspec (and what it asks for, as huggingface_hub for hf://)"
    part.begin(None, None)
    try:
        with explain_disk(part.path), fsspec.open(url, "rb") as source, open(part.path, "wb") as file:
            shutil.copyfileobj(source, file, _CHUNK_BYTES)
    except ZooError:
        raise
    except Exception as error:  # each of its file systems raises its own
        return f"fsspec: {type(error).__name__}: {error}"
    sync(part.path)
    return None


def _stream(url: str, part: _Part, wanted: _Wanted) -> None:
    """Append to `part` what the server still has; raise if the connection ends early."""
    validator, size = part.about.get("validator"), wanted.size_bytes or part.about.get("bytes")
    if size and part.bytes() > size or not (validator or part.of_this_run or wanted.has_checksum()):
        part.forget()  # nothing would tell whether the rest belongs to it
    have = part.bytes()
    if have and have == size:
        return
    request = urllib.request.Request(url, headers={"User-Agent": "seismic-zoo", "Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
        if validator:
            request.add_header("If-Range", validator)
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
        have, total = _look_at(response, have, part, wanted)
        free = _check_disk(part.path, (total or 0) - have)
        name = part.path.name.removesuffix(".part")
        if total and total - have > _LARGE_BYTES:
            left = (total - have) / 1e9
            hours = left * 1e9 / _USUAL_BYTES_PER_S / 3600
            say(
                f"{name}: {left:.1f} GB to come, about {hours:.1f} h at "
                f"{_USUAL_BYTES_PER_S / 1e6:.0f} MB/s; {free / 1e9:.0f} GB are free. It can be interrupted."
            )
        said = f"{total / 1e6:.1f} MB" if total else "unknown size"
        arrived = have
        with bar(f"{name} ({said})", total or 0) as advance:
            advance(have)
            with explain_disk(part.path), open(part.path, "ab" if have else "wb") as file:
                while chunk := response.read(_CHUNK_BYTES):
                    file.write(chunk)
                    advance(len(chunk))
                    arrived += len(chunk)
                    if total and arrived > total:
                        raise _NotTheFile(f"it sends more than the {total} bytes that were expected")
        sync(part.path)
        if total and arrived < total:
            raise ConnectionError(f"the connection ended at {arrived} of {total} bytes")


def _look_at(response: Any, have: int, part: _Part, wanted: _Wanted) -> tuple[int, int | None]:
    """Return how much of what is there stays, and the size of the whole; refuse an answer that is another file."""
    headers, status = response.headers, getattr(response, "status", None)
    kind = headers.get("Content-Type", "").split(";")[0].strip().lower()
    if status not in (None, 200, 206) or (status == 206 and not have):
        raise _NotTheFile(f"the server answers {status}, expected the file")
    if kind in ("text/html", "application/xhtml+xml") and wanted.path.suffix.lower() not in _PAGES:
        raise _NotTheFile("the server answers with a web page, perhaps one that asks to sign in")
    if headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise _NotTheFile(f"the server sends it encoded as {headers['Content-Encoding']}, which was not asked for")
    validator = _validator(headers)
    if have and status == 206:
        begins = re.match(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", f"bytes {have}-0/*"))
        noted = part.about.get("validator")
        if not begins or int(begins[1]) != have or (noted and validator and validator != noted):
            part.forget()
            raise ConnectionError("the server has another file by now, or goes on elsewhere; beginning anew")
    else:
        have = 0  # the server does not resume, or has another version
    length = headers.get("Content-Length")
    if length is not None and not length.strip().isdigit():
        raise _NotTheFile(f"the server states a length of {length!r}")
    total = have + int(length) if length else None
    if total is not None and wanted.size_bytes is not None and total != wanted.size_bytes:
        raise _NotTheFile(f"the server offers {total} bytes, expected {wanted.size_bytes}")
    total = wanted.size_bytes if total is None else total
    if have and part.about.get("bytes") not in (None, total):
        part.forget()
        raise ConnectionError("the file has another size by now; beginning anew")
    if not have:
        part.begin(validator, total)
    return have, total


def _validator(headers: Any) -> str | None:
    """Return what names a version of a file: a strong ETag, else the time of its last change."""
    tag = headers.get("ETag", "").strip()
    return tag if tag.startswith('"') else headers.get("Last-Modified")


def _check_disk(part: Path, needed: int) -> int:
    """Return the free bytes; refuse what does not fit."""
    free = shutil.disk_usage(part.parent).free
    if needed > free:
        raise ZooError(
            f"{part.name.removesuffix('.part')} needs {needed / 1e9:.2f} GB more and {part.parent} has "
            f"{free / 1e9:.2f} GB free. Free some space or choose another folder (--data-dir)."
        )
    return free


def _pins(path: Path) -> dict[str, str]:
    pins = path.parent / "pins.json"
    with locked(pins):
        held = read_json(pins, "Pinned checksums") if pins.is_file() else {}
    if not isinstance(held, dict) or not all(isinstance(checksum, str) for checksum in held.values()):
        raise ZooError(f"{pins} does not hold a checksum for each file. Undo it: rm {pins}")
    return held

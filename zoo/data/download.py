"""Downloads that resume, are verified, try mirrors and look at the disk first.

Every finished file is compared with its SHA-256. Where the publisher states none, the first download
pins it (in `pins.json` beside the file) and says so, after comparing the MD5 where that is stated; later downloads must
match the pin.
`ZOO_MIRROR` names a base address that is tried first: `$ZOO_MIRROR/<file name>`.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from zoo.errors import ZooError
from zoo.files import explain_disk, read_json, sync, write_json
from zoo.files import sha256 as sha256_of
from zoo.progress import bar, say

_CHUNK_BYTES = 1 << 20
_TIMEOUT_S = 30
_LARGE_BYTES, _USUAL_BYTES_PER_S = 200_000_000, 10_000_000  # from which on the wait is announced, and at what rate
_ATTEMPTS = 4  # per address; each goes on from the bytes that are there
_TRANSIENT = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError)


def fetch(
    urls: str | Sequence[str],
    path: str | os.PathLike,
    *,
    sha256: str | None = None,
    md5: str | None = None,
    size_bytes: int | None = None,
) -> Path:
    """Download a file, going on from what an earlier attempt left, and verify it.

    Args:
        urls: addresses of the same bytes, tried in turn.
        path: where to; an existing file with the right checksum is kept as it is.
        sha256: the expected checksum in hexadecimal; None pins what comes first.
        md5: a publisher's checksum where there is no better one.
        size_bytes: the exact size, for servers that do not state it.

    Returns:
        The path.

    Raises:
        ZooError: if no address serves the right bytes, or the disk is too full.
    """
    path = Path(path)
    urls = [urls] if isinstance(urls, str) else list(urls)
    if os.environ.get("ZOO_MIRROR"):
        urls.insert(0, f"{os.environ['ZOO_MIRROR'].rstrip('/')}/{path.name}")
    expected = sha256 or _pins(path).get(path.name)
    if path.is_file():
        if expected is None or sha256_of(path) == expected:
            return path
        say(f"{path} does not have its checksum and is downloaded again.")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    failures = []
    for url in urls:
        failure = _from_one(url, part, size_bytes)
        if failure is None:
            failure = _difference(part, expected, md5)
            if failure is None:
                if expected is None:
                    _pin(path, sha256_of(part), md5)
                os.replace(part, path)
                return path
            part.unlink()
        failures.append(f"{url}: {failure}")
    raise ZooError(
        f"Could not download {path.name}. " + "; ".join(failures) + ". What has arrived is kept and the "
        "next run goes on from it; or put the file into a folder and name it with --manual-dir."
    )


def _difference(part: Path, sha256: str | None, md5: str | None) -> str | None:
    """Return in what a file differs from its checksum, None where it does not."""
    name, wanted, function = ("SHA-256", sha256, "sha256") if sha256 else ("MD5", md5, "md5")
    if wanted is None:
        return None
    with open(part, "rb") as file:
        found = hashlib.file_digest(file, function).hexdigest()
    return None if found == wanted else f"its {name} is {found[:16]}..., expected {wanted[:16]}..."


def _from_one(url: str, part: Path, size_bytes: int | None) -> str | None:
    """Fetch one address into `part`, with retries; return None or why it failed."""
    reason = "no attempt was made"
    for attempt in range(_ATTEMPTS):
        before = part.stat().st_size if part.exists() else 0
        try:
            _stream(url, part, size_bytes)
            return None
        except urllib.error.HTTPError as error:
            reason = f"the server answers {error.code} {error.reason}"
            if error.code == 416:  # what we hold is not a beginning of this file
                part.unlink(missing_ok=True)
            elif error.code < 500 and error.code != 429:
                return reason
        except _TRANSIENT as error:
            reason = str(getattr(error, "reason", error)) or type(error).__name__
            if isinstance(getattr(error, "reason", None), OSError) and before == 0 and attempt:
                return reason
        arrived = part.stat().st_size if part.exists() else 0
        if attempt + 1 < _ATTEMPTS:
            if arrived == before:  # no progress: give the server time
                time.sleep(0.5 * 2**attempt)
            say(f"{url}: {reason}; going on from {arrived / 1e6:.1f} MB")
    return reason


def _stream(url: str, part: Path, size_bytes: int | None) -> None:
    """Append to `part` what the server still has; raise if the connection ends early."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "seismic-zoo"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
        if have and response.status != 206:  # the server does not resume
            have = 0
        length = response.headers.get("Content-Length")
        total = have + int(length) if length else size_bytes
        free = _check_disk(part, (total or 0) - have)
        if total and total - have > _LARGE_BYTES:
            left = (total - have) / 1e9
            hours = left * 1e9 / _USUAL_BYTES_PER_S / 3600
            say(
                f"{part.name.removesuffix('.part')}: {left:.1f} GB to come, about {hours:.1f} h at "
                f"{_USUAL_BYTES_PER_S / 1e6:.0f} MB/s; {free / 1e9:.0f} GB are free. It can be interrupted."
            )
        mode = "ab" if have else "wb"
        size = f"{total / 1e6:.1f} MB" if total else "unknown size"
        with bar(f"{part.name.removesuffix('.part')} ({size})", total or 0) as advance:
            advance(have)
            with explain_disk(part), open(part, mode) as file:
                while chunk := response.read(_CHUNK_BYTES):
                    file.write(chunk)
                    advance(len(chunk))
        sync(part)
        arrived = part.stat().st_size
        if total and arrived < total:
            raise ConnectionError(f"the connection ended at {arrived} of {total} bytes")


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
    return read_json(pins, "Pinned checksums") if pins.is_file() else {}


def _pin(path: Path, checksum: str, md5: str | None) -> None:
    write_json(path.parent / "pins.json", {**_pins(path), path.name: checksum})
    known = "the MD5 is right" if md5 else "the publisher states no checksum"
    say(f"{path.name}: {known}; pinned SHA-256 {checksum} in {path.parent / 'pins.json'} and enforced from now on.")

"""The one store: how anything that is kept gets its name, whole or not at all, whoever is killed or writes beside.

What is written lies under `.NAME.new` beside its name until it is complete and on the disk, and takes the name in one
step; a folder that is there already is exchanged with the new one (Linux: `renameat2`). So a kill at any point leaves
the old or the new, and what it left is removed by the next one that writes the name. Only one process at a time writes
a name: it holds the lock `.NAME.lock`, which the system frees when the process ends, however it ends.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import shutil
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from zoo.errors import UsageError, ZooError
from zoo.progress import say

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_NOT_HERE = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.ENOLCK)
_READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
_HELD: set[tuple[int, int, str]] = set()
"""(process, thread, name) of the locks that are held here; a process that is forked holds none."""


def is_leftover(path: Path) -> bool:
    """Return whether a name is one that the store uses while it writes; no reader looks at those.

    >>> is_leftover(Path(".card.new.json")), is_leftover(Path("card.json"))
    (True, False)
    """
    return path.name.startswith(".")


def is_address(path: str | os.PathLike) -> bool:
    """Return whether a path names an object in a store or on a server, also after `Path` has taken a slash from it.

    >>> is_address("s3://bucket/day.mseed"), is_address(Path("gs://bucket")), is_address("C:/day.mseed")
    (True, True, False)
    """
    return _ADDRESS.match(str(path)) is not None


def check_is_folder_here(path: str | os.PathLike) -> None:
    """Refuse to keep anything in an object store.

    Raises:
        UsageError: the path is an address.
    """
    if is_address(path):
        raise UsageError(
            f"{path} is in a store, whose objects cannot be locked nor exchanged as a whole: nothing is kept there. "
            "Give a folder of this machine (or one that is mounted), and copy it when it is complete."
        )


def sync(path: Path) -> None:
    """Flush a file or a folder to the disk, so that a rename after it cannot outrun its bytes."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def explain_disk(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals to write into one sentence with a remedy."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ZooError(
                f"No space left while writing {path}; what was there before is unchanged. "
                "Free some space or choose another folder, then run the same command again."
            ) from error
        if error.errno == errno.EFBIG:
            raise ZooError(
                f"{path} would be larger than a file may be here (ulimit -f, or the file system's limit); what was "
                "there before is unchanged. Choose another folder or raise the limit, then run the same command again."
            ) from error
        if error.errno in (*_READ_ONLY, errno.ENOTDIR):
            raise ZooError(f"Cannot write {path} ({error.strerror}). Choose a folder that you may write to.") from error
        raise


@contextmanager
def locked(path: str | os.PathLike) -> Iterator[bool]:
    """Let one process (and one thread of it) at a time work on a name; the others wait, and take over after a kill.

    Yields whether it had to wait: what was to be done may be done by now. Where nothing can be written, or the file
    system knows no locks, the block runs without one.
    """
    path = Path(os.path.realpath(path))
    key = (os.getpid(), threading.get_ident(), str(path))
    if key in _HELD:  # an outer block of this thread has it
        yield False
        return
    descriptor, waited = _lock(path)
    _HELD.add(key)
    try:
        yield waited
    finally:
        _HELD.discard(key)
        if descriptor is not None:
            _lock_file(path).unlink(missing_ok=True)  # before it is freed: who waits sees that and makes it anew
            os.close(descriptor)


def _lock_file(path: Path) -> Path:
    return path.with_name(f".{path.name}.lock")


def _lock(path: Path) -> tuple[int | None, bool]:
    """Return the descriptor of a lock that is held (None: there are no locks here), and whether another had it."""
    waited = False
    while fcntl is not None:
        try:
            descriptor = os.open(_lock_file(path), os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            if error.errno in (*_READ_ONLY, *_NOT_HERE, errno.ENOENT, errno.ENOTDIR):
                return None, waited
            raise
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not waited:
                    say(f"Another process is writing {path}; waiting for it.")
                waited = True
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_file(_lock_file(path), descriptor):
                return descriptor, waited
        except OSError as error:
            os.close(descriptor)
            if error.errno in _NOT_HERE:
                return None, waited
            raise
        except BaseException:  # Ctrl-C while waiting
            os.close(descriptor)
            raise
        os.close(descriptor)  # the holder has removed it: take the one that is there now
    return None, waited


def _is_file(path: Path, descriptor: int) -> bool:
    """Return whether a name still means the file that is open."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


@contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path beside `path` that replaces it when the block ends without an error.

    The temporary name keeps the suffix, because libraries choose formats by it. After an error, Ctrl-C, a kill or a
    full disk the old file is as it was; the temporary one is gone, at the latest when the name is next written.
    """
    check_is_folder_here(path)
    path = Path(path)
    with explain_disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path):
            temporary = path.with_name(f".{path.stem}{_token()}{path.suffix}")
            temporary.unlink(missing_ok=True)
            try:
                yield temporary
                sync(temporary)
                os.replace(temporary, path)
            finally:
                temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(folder: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary folder that replaces `folder` as a whole when the block ends well; as `atomic_path`."""
    check_is_folder_here(folder)
    folder = Path(os.path.realpath(folder))  # a link stays one
    with explain_disk(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locked(folder):
            temporary = folder.with_name(f".{folder.name}{_token()}")
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir()
            try:
                yield temporary
                exchange_folder(temporary, folder)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)


def exchange_folder(new: Path, folder: Path) -> None:
    """Let a complete folder take the name of another, which is removed."""
    with locked(folder), explain_disk(folder):
        recover(folder)
        shutil.rmtree(_old(folder), ignore_errors=True)
        for file in new.rglob("*"):
            sync(file)
        sync(new)
        _take_name(new, folder)
        sync(folder.parent)
        for old in (new, _old(folder)):
            shutil.rmtree(old, ignore_errors=True)


def _token() -> str:
    """Return what stands in a temporary name: one for all where there are locks, for the next writer clears it away."""
    return ".new" if fcntl is not None else f".new-{uuid.uuid4().hex[:8]}"


def _old(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.old")


def _take_name(new: Path, folder: Path) -> None:
    """Give a complete folder its name; what had it lies under the temporary name or the old one afterwards."""
    if not folder.exists():
        os.rename(new, folder)
    elif not exchange(new, folder):
        os.rename(folder, _old(folder))
        try:
            os.rename(new, folder)
        except BaseException:
            recover(folder)
            raise


def exchange(one: Path, other: Path) -> bool:
    """Let two names change places in one step; return False, with nothing done, where the system cannot."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:  # a C library that does not know it
        return False
    if renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _NOT_HERE:
        return False
    raise OSError(number, os.strerror(number), str(other))


def recover(folder: Path) -> None:
    """Give a folder its name back where a kill came between two renames (only where there is no `exchange`)."""
    if not folder.exists() and _old(folder).is_dir():
        with locked(folder), explain_disk(folder):
            if not folder.exists() and _old(folder).is_dir():
                os.rename(_old(folder), folder)


def recover_all(parent: Path) -> None:
    """Do so for every folder of a parent, where it may be written to."""
    for old in parent.glob(".*.old"):
        with suppress(ZooError):
            recover(old.with_name(old.name[1:].removesuffix(".old")))


def remove_folder(folder: Path) -> None:
    """Remove a folder: it has no name from one step on, whatever of it is still to be deleted."""
    folder = Path(folder)
    gone = folder.with_name(f".{folder.name}.gone")
    shutil.rmtree(gone, ignore_errors=True)
    if folder.exists():
        os.rename(folder, gone)
        shutil.rmtree(gone, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Remove what killed writers left in a folder whose lock is held, so that nobody writes in it."""
    for path in folder.glob(".*"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()


def identity(path: Path) -> tuple[int, int, int]:
    """Return what tells one folder or file of a name from the next that takes it."""
    status = os.stat(path)
    return status.st_dev, status.st_ino, status.st_mtime_ns

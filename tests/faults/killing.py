"""Kills a piece of work at its n-th file-system step, as SIGKILL does: nothing is cleaned up."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

_STEPS = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "os.truncate", "os.chmod", "ctypes.dlsym"}
"""Audit events of Python that change names (the last: `renameat2` is about to be called); and files opened to write."""
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def killed_at(number: int, work: Callable[[], None]) -> bool:
    """Do a piece of work in a process of its own, which is killed before its n-th step; return whether it was.

    What lies between two steps is the same as what lies after the first of them.
    """
    child = os.fork()
    if child == 0:
        done = 0

        def count(event: str, arguments: tuple) -> None:
            nonlocal done
            opened = event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING
            if (opened and not str(arguments[0]).startswith("/dev")) or event in _STEPS:
                done += 1
                if done == number:
                    os.kill(os.getpid(), signal.SIGKILL)

        try:
            silent = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silent, 2)
            sys.addaudithook(count)
            work()
        except BaseException as error:
            print(f"the work failed: {type(error).__name__}: {error}", file=sys.stdout, flush=True)
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the work failed by itself"
    return os.WIFSIGNALED(status)


def kills(work: Callable[[], None], before: Callable[[], None], stride: int = 1) -> Iterator[int]:
    """Yield after each kill, at every step in turn (or every `stride`-th); `before` sets the scene for each."""
    number = 0
    killed = True
    while killed:
        number += stride if number else 1
        before()
        killed = killed_at(number, work)
        yield number
    assert number > 5, "the work has hardly any step: nothing was tested"


def leftovers(folder: Path) -> list[str]:
    """Return what has a name of the store's that is not final, anywhere in a folder."""
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    return sorted(name for name in names if "/." in f"/{name}" or "incomplete" in name or name.endswith(".part"))

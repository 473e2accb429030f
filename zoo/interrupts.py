"""Ctrl-C: one line and exit status 130, whatever a library makes of it, and where it must wait or is for others.

The terminal sends it to a command and to every process that the command has started. The command alone hears it and
ends the others (`unheard`). In the middle of a library that Python calls back from C (ObsPy's reader of miniSEED) it
would end the process by a signal; there it waits (`uninterrupted`).
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_heard = threading.Event()


@contextmanager
def noted() -> Iterator[threading.Event]:
    """Yield what is set once Ctrl-C came, also where a library swallows the interruption or makes an error of it."""
    _heard.clear()
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is not signal.default_int_handler:
        yield _heard  # somebody else's program, who has their own idea of it, or one that does not hear it
        return

    def interrupt(number: int, frame: Any) -> None:
        _heard.set()
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield _heard
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let an interruption wait until the block is done."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    came: list[tuple] = []
    signal.signal(signal.SIGINT, lambda *what: came.append(what))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came:
            before(*came[0])


@contextmanager
def unheard() -> Iterator[None]:
    """Let processes that are started in the block not hear Ctrl-C; this one does, at the latest at its end."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

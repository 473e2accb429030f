"""Progress on stderr: a bar on a terminal, a line at the start and at the end elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager


def say(message: str) -> None:
    """Print one line for the person who waits (stderr; stdout is for data)."""
    print(message, file=sys.stderr, flush=True)


@contextmanager
def bar(description: str, total: float) -> Iterator[Callable[..., None]]:
    """Show progress of work of known size; yields `advance(amount=1)`."""
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(stderr=True)) as progress:
            task = progress.add_task(description, total=total)
            yield lambda amount=1: progress.advance(task, amount)
        return
    say(f"{description} ...")
    start = time.monotonic()
    yield lambda amount=1: None
    say(f"{description}: done in {time.monotonic() - start:.1f} s")


def track(iterable: Iterable, description: str, total: float | None = None) -> Iterator:
    """Iterate with a progress bar; `total` is needed where the iterable has no length."""
    total = len(iterable) if total is None else total  # type: ignore[arg-type]
    with bar(description, total) as advance:
        for item in iterable:
            yield item
            advance()

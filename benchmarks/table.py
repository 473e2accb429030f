"""How a benchmark prints: one table in the terminal, readable in a log too."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under a header."""
    table = Table(title=title, title_justify="left")
    for number, name in enumerate(header):
        table.add_column(name, no_wrap=number == 0)
    for row in rows:
        table.add_row(*[str(cell) for cell in row])
    console = Console()
    console = console if console.is_terminal else Console(width=200)
    console.print(table)

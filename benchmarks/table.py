"""How a benchmark prints its tables, and keeps them for the pages.

With ZOO_PUBLISH=1 (`make publish RUN="crust.py"`) the tables also go into `benchmarks/measured/NAME.json`, with the
command, the date, the commit and the class of the machine: what the pages quote comes from there (`make readme`).
"""

from __future__ import annotations

import atexit
import datetime
import json
import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

MEASURED = Path(__file__).parent / "measured"
_kept: list[dict] = []


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under a header; keep them where they are to be published."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for number, name in enumerate(header):
        table.add_column(name, no_wrap=number == 0)
    cells = [[str(cell) for cell in row] for row in rows]
    for row in cells:
        table.add_row(*row)
    console = Console()
    console = console if console.is_terminal else Console(width=200)
    console.print(table)
    if os.environ.get("ZOO_PUBLISH"):
        if not _kept:
            atexit.register(_write)
        _kept.append({"title": title, "header": list(header), "rows": cells})


def circumstances() -> dict[str, str]:
    """Return when, on which commit and on what kind of machine something is measured."""
    git = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short=12", "HEAD"]
    commit = subprocess.run(git, capture_output=True, text=True).stdout.strip() or "unknown"
    return {
        "date": datetime.date.today().isoformat(),
        "commit": commit,
        "machine": f"{os.cpu_count()} shared cores, {platform.machine()}, no GPU, Python {platform.python_version()}",
    }


def measured_name(arguments: Sequence[str]) -> str:
    """Return the name of the file of a command: that of the script, and of its options."""
    script, *options = arguments
    words = re.sub(r"[^\w.=-]+", "_", "_".join(option.lstrip("-") for option in options))
    return Path(script).stem + (f"-{words}" if words else "")


def _write() -> None:
    command = shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]])
    MEASURED.mkdir(exist_ok=True)
    path = MEASURED / f"{measured_name(sys.argv)}.json"
    path.write_text(json.dumps({"command": command, **circumstances(), "tables": _kept}, indent=1) + "\n")
    print(f"The tables are in {path}", file=sys.stderr)

"""How a benchmark prints its tables, and keeps them for the pages.

With ZOO_PUBLISH=1 (`make publish RUN="crust.py"`) the tables also go into `benchmarks/measured/NAME.json`, with the
command, the date, the commit, the class of the machine, the CPU-seconds of it all, the versions of the libraries and
which peers are installed: what the pages and RESULTS.md quote comes from there (`make readme`).
"""

from __future__ import annotations

import atexit
import json
import os
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

MEASURED = Path(__file__).parent / "measured"
PEERS = {
    "deepwave": "waves and their gradient: waves.py",
    "disba": "phase velocities: crust.py",
    "pyocto": "association of picks: association.py, in an environment of its own (ZOO_PEERS)",
    "seisbench": "its generator of training windows: reading.py (its PhaseNetLight: nowhere yet)",
    "ultranest": "samplers of posteriors: samplers.py",
    "scikit-learn": "gradient boosting on maps of seismicity: seismicity.py",
    "pykonal": "travel times: eikonal.py",
    "scikit-fmm": "travel times: eikonal.py",
    "tensorflow-datasets": "its own way of reading records: reading.py",
}
"""Package -> what it is measured beside, and where. None of them is needed."""
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
            sys.excepthook = _failed
        _kept.append({"title": title, "header": list(header), "rows": cells})


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table as Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def measured_name(arguments: Sequence[str]) -> str:
    """Return the name of the file of a command: that of the script, and of its options."""
    script, *options = arguments
    words = re.sub(r"[^\w.=-]+", "_", "_".join(option.lstrip("-") for option in options))
    return Path(script).stem + (f"-{words}" if words else "")


def _failed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    _kept.clear()  # half of the tables must not stand in for those that were published before
    sys.__excepthook__(kind, error, trace)


def _write() -> None:
    if not _kept:
        print("It failed: nothing is published.", file=sys.stderr)
        return
    command = shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]])
    MEASURED.mkdir(exist_ok=True)
    path = MEASURED / f"{measured_name(sys.argv)}.json"
    from zoo import checkpoint
    from zoo.training.circumstances import circumstances, spent_cpu_s, versions_of

    made = {
        "command": command,
        **circumstances(),
        "cpu_s": round(spent_cpu_s(), 1),
        "versions": checkpoint.library_versions(),
        "peers": versions_of(tuple(PEERS)),
        "tables": _kept,
    }
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)
    print(f"The tables are in {path}", file=sys.stderr)

"""The process that runs one command for the page: `python -m zoo.serve.worker FOLDER`.

It reads `request.json` of the folder (tab, files, form, whether the example is meant) and calls `zoo.cli.main`, as the
terminal would. The process ends with the command's exit code; what it prints goes where the server says.
"""

from __future__ import annotations

import importlib
import shlex
import sys
from pathlib import Path

from zoo.errors import ZooError
from zoo.files import read_json
from zoo.serve.tabs import TABS, arguments


def main(folder: Path) -> int:
    """Run the command of a folder; return its exit code."""
    from zoo import cli
    from zoo.quiet import quiet

    quiet()
    request = read_json(folder / "request.json", "The request")
    tab = TABS[request["tab"]]
    files = {name: [Path(path) for path in paths] for name, paths in request["files"].items()}
    try:
        if request["example"]:
            module, _, function = tab.makes.partition(":")
            files |= getattr(importlib.import_module(module), function)(Path("in"))
        words = arguments(tab, files, request["form"], Path("out"))
        (folder / "command.txt").write_text(shlex.join(["zoo", *words]), encoding="utf-8")
    except ZooError as error:
        print(f"zoo: {error}", file=sys.stderr)
        return 2
    return cli.main(words)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

"""All experiments one after the other, and what they leave for the report: `zoo reproduce all`."""

from __future__ import annotations

import io
import os
import re
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoo.errors import ZooError
from zoo.files import read_json, write_json, write_with
from zoo.progress import say
from zoo.reproduce.one import experiments, run
from zoo.reproduce.page import page
from zoo.reproduce.report import REPORT, report
from zoo.store import atomic_path
from zoo.training.experiment import Experiment, forget

_WHOLE = ("command", "settings", "cost_cpu_s", "date", "commit", "machine", "versions", "rows")
_WIDTH_PX, _MOST_BYTES = 720, 80_000


def default_folder() -> Path:
    """Return `docs/reproduction` of a checkout, else `runs/reproduction`."""
    root = Path(__file__).resolve().parents[2]
    inside = root if (root / "pyproject.toml").is_file() else None
    return inside / "docs" / "reproduction" if inside else Path("runs") / "reproduction"


def run_all(
    out: str | os.PathLike | None = None,
    *,
    only_report: bool = False,
    data_dir: str | os.PathLike | None = None,
    runs: str | os.PathLike = "runs",
    known: Mapping[str, Experiment] | None = None,
) -> dict[str, Any]:
    """Run what has no result yet, the cheapest first, and write the report anew after each; return the report.

    Results go to NAME.json, the report to index.html and report.json. What `zoo reproduce NAME` left in
    `runs/NAME`, perhaps with other settings, is taken over where it is not older; a quick run never is.

    Args:
        out: folder of the results, default `default_folder()`.
        only_report: run nothing.
        data_dir: where prepared datasets lie.
        runs: folder of the experiments' own folders.
        known: the experiments, default all.

    Raises:
        ZooError: at the end, if some failed: it names them.
    """
    folder, runs = Path(out) if out else default_folder(), Path(runs)
    known = experiments() if known is None else known
    failed = {n: why for n, why in _failed_before(folder).items() if n in known and n not in results(folder, known)}
    for name, made in known.items():
        _take(name, made, runs, folder)
    made_now = _write(folder, known, failed)
    if only_report:
        return made_now
    anew = {}
    for name, made in sorted(known.items(), key=lambda pair: pair[1].cpu_s):
        if (folder / f"{name}.json").is_file():
            say(f"{name}: there already")
            continue
        try:
            run(name, runs / (made.beside or name), data_dir=data_dir)
            _take(name, made, runs, folder)
            failed.pop(name, None)
        except Exception as error:  # one that fails does not end a night's run
            if not isinstance(error, ZooError):
                traceback.print_exc()
            failed[name] = anew[name] = without_paths(f"{type(error).__name__}: {error}")
            say(f"{name} failed: {error}")
        if "keras" in sys.modules:
            forget()
        made_now = _write(folder, known, failed)
    say(f"The report is in {folder / 'index.html'}")
    if anew:
        raise ZooError(f"{len(anew)} of {len(known)} experiments failed, the report says why: {', '.join(anew)}.")
    return made_now


def results(folder: str | os.PathLike, known: Mapping[str, Experiment]) -> dict[str, dict[str, Any]]:
    """Return the results that lie in a folder, by name."""
    folder = Path(folder)
    names = [name for name in known if (folder / f"{name}.json").is_file()]
    return {name: read_json(folder / f"{name}.json", f"The result of {name}") for name in names}


def without_paths(text: str) -> str:
    """Return a text without the folders of this machine, as reports are shared.

    >>> without_paths("There is no /home/ada/tensorflow_datasets/stead.")
    'There is no .../stead.'
    """
    return re.sub(r"(?<![\w.:/])/(?:[\w.@+-]+/)+", ".../", text)


def _take(name: str, made: Experiment, runs: Path, folder: Path) -> None:
    """Take over a result, and its figures made small."""
    target = folder / f"{name}.json"
    left = [runs / at / f"{name}.json" for at in {name, made.beside or name}]
    left = sorted((path for path in left if path.is_file()), key=lambda path: path.stat().st_mtime)
    if not left or (target.is_file() and target.stat().st_mtime >= left[-1].stat().st_mtime):
        return
    source, at = left[-1], left[-1].parent
    found = read_json(source, f"The result of {name}")
    if found.get("quick"):
        return
    if missing := [key for key in _WHOLE if key not in found]:
        say(f"{source} is passed over: it is of an older version, without {missing[0]}. Run zoo reproduce {name} anew.")
        return
    for number, figure in enumerate(made.figures, 1):
        if (at / figure).is_file():
            _shrink(at / figure, folder / f"{name}-{number}.png")
    write_json(target, found)


def _shrink(source: Path, target: Path) -> None:
    """Write a picture at most 720 px wide, in 256 colours; leave it out where that is still more than 80 kB."""
    from PIL import Image

    with Image.open(source) as picture:
        small = picture.convert("RGB")
        small.thumbnail((_WIDTH_PX, 4 * _WIDTH_PX))
        file = io.BytesIO()
        small.quantize(256).save(file, "PNG", optimize=True)
    if len(file.getvalue()) > _MOST_BYTES:
        say(f"{source} is left out of the report: {len(file.getvalue()) / 1e3:.0f} kB when small.")
        return
    with atomic_path(target) as temporary:
        temporary.write_bytes(file.getvalue())


def _failed_before(folder: Path) -> dict[str, str]:
    path = folder / REPORT
    return read_json(path, "The report").get("failed", {}) if path.is_file() else {}


def _write(folder: Path, known: Mapping[str, Experiment], failed: Mapping[str, str]) -> dict[str, Any]:
    made = report(results(folder, known), known, failed)
    figures = {name: sorted(folder.glob(f"{name}-[0-9].png")) for name in known}
    write_json(folder / REPORT, made)
    write_with(folder / "index.html", lambda path: path.write_text(page(made, figures), encoding="utf-8"))
    return made

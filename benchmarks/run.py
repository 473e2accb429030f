"""Run the benchmarks of this folder one after the other: `make bench`.

    python benchmarks/run.py [NAMES] [--only-results]

Each prints its tables and publishes them (benchmarks/measured/NAME.json, see table.py); after each, RESULTS.md and
results.json are written anew from all that is published, with command, date, commit, CPU-seconds, versions and peers.
A benchmark that fails does not end the run; it is named at the end. Names choose some: `run.py crust waves`. What the
pages quote changes with it: `make readme`. Some need data or peers that are not in every copy, and say so.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from table import MEASURED, PEERS, markdown

HERE = Path(__file__).parent
RESULTS, RESULTS_JSON = HERE / "RESULTS.md", HERE / "results.json"
ORDER = (
    "elastic.py",
    "emulators.py",
    "eikonal.py",
    "location.py",
    "microseismic_world.py",
    "own_field.py",
    "emulator_calibration.py",
    "samplers.py",
    "mechanism.py",
    "mechanism_world.py",
    "crust.py",
    "surface_waves.py",
    "waves.py",
    "fwi_cases.py",
    "fwi_reality.py",
    "field_line.py",
    "seismograms.py",
    "waveforms.py",
    "reading.py",
    "streams.py",
    "parallel.py",
    "scaling.py",
    "store.py",
    "picking.py",
    "continuous.py",
    "autoencoder.py",
    "fine_tuning.py",
    "explosions.py",
    "annotate.py",
    "association.py",
    "catalogue_day.py",
    "simulated_network.py",
    "seismicity.py",
    "seismicity_etas.py",
    "catalogue.py",
    "catalogue_formats.py",
    "rooms.py",
    "front_door.py",
)
TOOLS = {
    "run.py": "this one",
    "table.py": "prints and keeps tables",
    "pages.py": "make readme",
    "release.py": "make release",
    "mutants.py": "make mutants, hours",
    "loopback_archives.py": "makes and serves the archives that scaling.py prepares",
    "association_peers.py": "what association.py runs in a peer's environment",
    "microseismic_earths.py": "makes what microseismic_world.py and field_line.py measure on",
}
"""What else lies here, and what it is."""


def published() -> dict[str, dict[str, Any]]:
    """Return what is published, by name, in the order in which benchmarks run."""
    names = [script.removesuffix(".py") for script in ORDER]

    def place(path: Path) -> tuple[int, str]:
        script = path.stem.split("-")[0]
        return (names.index(script) if script in names else len(names), path.stem)

    return {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(MEASURED.glob("*.json"), key=place)}


def results_json() -> str:
    """Return all that is published as one JSON text."""
    return json.dumps(published(), indent=1, ensure_ascii=False) + "\n"


def results() -> str:
    """Return RESULTS.md: an overview, the peers, and every published table."""
    found = published()
    overview = [
        (f"[{name}](#{_anchor(name)})", f"`{one['command']}`", one["date"], f"`{one['commit']}`", _cost(one))
        for name, one in found.items()
    ]
    measured = {name.split("-")[0] for name in found}
    missing = [script for script in ORDER if script.removesuffix(".py") not in measured]
    parts = [
        "# What was measured\n",
        "Written by `make bench` and `make readme` from `benchmarks/measured/*.json`; CPU-seconds, never wall clock, "
        'where nothing else is said. `make publish RUN="NAME.py"` measures one anew.\n',
        markdown(("benchmark", "command", "date", "commit", "CPU-s of it all"), overview),
        "## Peers\n",
        "None is needed; each is measured in the same run as the zoo, where it is installed.\n",
        markdown(("peer", "measured beside it", "installed when published"), [*map(_peer(found), PEERS)]),
    ]
    if missing:
        commands = ", ".join(f"`make publish RUN={script}`" for script in missing)
        said = "Without a published run of their own (some stand in the tables that were carried over):"
        parts.append(f"{said} {commands}.\n")
    for name, one in found.items():
        parts.append(f"## {name}\n")
        parts += [f"**{table['title']}**\n\n{markdown(table['header'], table['rows'])}" for table in one["tables"]]
        parts.append(f"`{one['command']}`, {one['date']}, commit {one['commit']}, {_where(one)}\n")
    return "\n".join(parts)


def write() -> None:
    """Write RESULTS.md and results.json."""
    for path, text in ((RESULTS, results()), (RESULTS_JSON, results_json())):
        temporary = path.with_suffix(".part")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)


def _anchor(name: str) -> str:
    return "".join(c for c in name.lower().replace(" ", "-") if c.isalnum() or c in "-_")


def _cost(one: dict[str, Any]) -> str:
    return f"{one['cpu_s']:,.0f}" if "cpu_s" in one else "not recorded"


def _where(one: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in one.get("versions", {}).items())
    return f"{one['machine']}; versions: {versions or 'not recorded'}{one.get('note', '')}"


def _peer(found: dict[str, dict[str, Any]]):
    def row(name: str) -> tuple[str, str, str]:
        beside = PEERS[name]
        seen = {
            f"{k}: {o['peers'][name]}" for k, o in found.items() if "peers" in o and f"{k.split('-')[0]}.py" in beside
        }
        return (f"`{name}`", beside, "; ".join(sorted(seen)) or "not recorded")

    return row


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="run these alone, with or without .py")
    parser.add_argument("--only-results", action="store_true", help="measure nothing, write RESULTS.md anew")
    args = parser.parse_args()
    chosen = [name if name.endswith(".py") else f"{name}.py" for name in args.names] or list(ORDER)
    if unknown := [name for name in chosen if name not in ORDER]:
        parser.error(f"there is no benchmark {unknown[0]}: there are {', '.join(ORDER)}")
    failed = []
    for name in [] if args.only_results else chosen:
        print(f"\n== {name}", flush=True)
        done = subprocess.run([sys.executable, str(HERE / name)], env={**os.environ, "ZOO_PUBLISH": "1"})
        if done.returncode:
            failed.append(f"{name} (exit status {done.returncode})")
        write()
    write()
    if failed:
        print(f"{len(failed)} of {len(chosen)} failed, and keep what was published before: {', '.join(failed)}")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())

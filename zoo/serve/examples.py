"""The examples of the tabs: what the chapters of `zoo demo` show, as files of a folder; argument -> files."""

from __future__ import annotations

import shutil
from pathlib import Path

Files = dict[str, list[Path]]


def records(folder: Path) -> Files:
    """Copy six real records."""
    from zoo.seismograms.demo import RECORDS

    return {"files": [_copied(RECORDS / "records.mseed", folder)]}


def picks(folder: Path) -> Files:
    """Copy two hours of real picks, their stations and layers."""
    from zoo.seismograms.demo import SAMPLE

    names = {"what": "picks.csv", "stations": "stations.csv", "velocity_model": "layers.csv"}
    return {argument: [_copied(SAMPLE / name, folder)] for argument, name in names.items()}


def velocities(folder: Path) -> Files:
    """Copy real phase velocities."""
    from zoo.crust.demo import SAMPLE

    return {"map": [_copied(SAMPLE / "velocities.csv", folder)]}


def traces(folder: Path) -> Files:
    """Write synthetic traces of an event."""
    from zoo.microseismic.demo import example_event

    return {"traces": [example_event(folder)]}


def mechanism_traces(folder: Path) -> Files:
    """Write synthetic traces of a double couple."""
    from zoo.microseismic.demo import example_source

    return {"traces": [example_source(folder)]}


def shots(folder: Path) -> Files:
    """Simulate shots over a synthetic section."""
    from zoo.fwi.demo import example

    made = example(folder)
    return {name: [made[name]] for name in ("shots", "start", "true")}


def catalogue(folder: Path) -> Files:
    """Simulate a catalogue, with the periods that are planted in it."""
    from zoo.seismicity.demo import example

    events, planted, _ = example(folder)
    return {"catalogue": [events], "manual": [planted]}


def _copied(path: Path, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(path, folder))

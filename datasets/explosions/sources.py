"""Where recordings come from: the study's folder, a user's miniSEED, an FDSN service."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import NamedTuple

from zoo.data.builders import manual_file
from zoo.errors import ZooError
from zoo.files import digest
from zoo.seismograms.archives.checks import SKIPPED, Problem
from zoo.seismograms.archives.events import Event, Station, near, parse_event, read_events, read_stations
from zoo.seismograms.archives.fdsn import Service, download, waveform_file
from zoo.seismograms.archives.miniseed import CUT_SHORT, around_s, between, index_folder

from .settings import ExplosionConfig

_PNW_COLUMNS = {  # the table's name -> that of an event table
    "event": "event_id",
    "event_type": "event_type",
    "source_origin_time": "origin_time",
    "latitude": "latitude_deg",
    "longitude": "longitude_deg",
    "depth": "depth_km",
    "magnitude": "magnitude",
    "magnitude_type": "magnitude_type",
}


class Recording(NamedTuple):
    """An event at a station, which `_read` reads."""

    name: str
    event: Event
    station: Station
    files: tuple[str, ...]
    notes: tuple[str, ...] = ()
    snr: float = math.nan


class Found(NamedTuple):
    """The recordings, what had to be left out, and the tables that list them."""

    recordings: list[Recording]
    left_out: list[Problem]
    tables: list[Path]


def pnw_recordings(folder: Path | None, config: ExplosionConfig) -> Found:
    """Return the recordings in the study's folder, and the rows that cannot be used."""
    about = "it is the folder of a public classification study of the Pacific Northwest"
    table = manual_file(folder, f"explosions/{config.name}", ["metadata.csv"], about)
    recordings, problems = [], []
    with open(table, encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        missing = [
            name for name in ("file", "id", "snr_2_10hz", *_PNW_COLUMNS) if name not in (reader.fieldnames or ())
        ]
        if missing:
            raise ZooError(f"{table} has no column {', '.join(missing)}: it is not the study's table, or is cut short.")
        for row in reader:
            name = Path(row["file"] or f"line {reader.line_num}").stem
            event = parse_event({ours: row[theirs] or "" for theirs, ours in _PNW_COLUMNS.items()})
            path = table.parent / (row["file"] or "")
            if isinstance(event, str):
                problems.append(Problem(name, event, SKIPPED))
            elif not path.is_file():
                problems.append(Problem(name, "its file is missing", SKIPPED))
            elif row["id"].count(".") != 3:
                problems.append(Problem(name, "its id is not NETWORK.STATION.LOCATION.CHANNEL", SKIPPED))
            else:
                network, code, location, channel = row["id"].split(".")
                station = Station(network, code, location=location, channels=channel)
                snr = float(row["snr_2_10hz"] or "nan")
                recordings.append(Recording(name, event, station, (str(path),), snr=snr))
    return Found(recordings, problems, [table])


def folder_recordings(config: ExplosionConfig) -> Found:
    """Return the recordings in a user's folder of miniSEED, and those that it lacks."""
    events, problems = read_events(config.events)
    spans, damaged = index_folder(Path(config.waveforms))
    problems += damaged
    stations = [Station(*code.split(".", 1)) for code in spans]
    if config.stations:
        stations, unusable = read_stations(config.stations)
        problems += unusable
        listed = {station.code for station in stations}
        problems += [Problem(code, "not in the station list", SKIPPED) for code in sorted(spans.keys() - listed)]
    recordings = []
    first_s, last_s = config.span_s
    for event in events:
        at = event.origin_time.timestamp
        for station in near(stations, event, config.radius_km):
            found = between(spans.get(station.code, []), at + first_s, at + last_s)
            name = f"{event.file_name}_{station.code}"
            if found:
                files = tuple(sorted({span.file for span in found}))
                notes = (CUT_SHORT,) if any(span.cut_short for span in found) else ()
                recordings.append(Recording(name, event, station, files, notes))
            else:
                problems.append(Problem(name, "not in the folder", SKIPPED))
    return Found(recordings, problems, [Path(path) for path in (config.events, config.stations) if path])


def downloaded_recordings(config: ExplosionConfig, downloads: Path) -> Found:
    """Download what is missing; return the recordings, and those that the service does not give."""
    service = Service(config.fdsn)
    first_s, last_s = config.span_s
    more_s = around_s(config.sampling_rate_hz) + 1
    what = (config.events, config.fdsn, config.stations, config.checksums, first_s, last_s, more_s, config.radius_km)
    folder = downloads / "fdsn" / f"{config.name}-{digest(*what, config.channels)[:12]}"
    table = Path(config.events)
    if config.event_query:
        table = service.events(config.event_query, folder / "events.xml")
    events, problems = read_events(table)
    stations = None
    tables = [table]
    if config.stations:
        stations, unusable = read_stations(config.stations)
        problems += unusable
        tables.append(Path(config.stations))
    found, missing = download(
        service,
        events,
        stations,
        folder,
        before_s=more_s - first_s,
        after_s=last_s + more_s,
        radius_km=config.radius_km,
        channels=config.channels,
    )
    recordings = [
        Recording(f"{event.file_name}_{s.code}", event, s, (str(waveform_file(folder, event, s.code)),))
        for event in events
        for s in found[event.event_id]
    ]
    return Found(recordings, problems + missing, tables)

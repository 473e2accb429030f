"""Settings of a user's own dataset of explosions and earthquakes: text to config."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

from zoo.errors import UsageError, ZooError
from zoo.files import sha256
from zoo.seismograms.archives.preparation import COMPLETE, WaveformConfig
from zoo.settings import Setting, read

KONG_RATE_HZ, KONG_SAMPLES, KONG_EARLIEST_S = 20.0, 540, -22.5
_QUERY = "fdsn?"


@dataclasses.dataclass
class ExplosionConfig(WaveformConfig):
    """Waveforms of explosions and earthquakes: where they come from, and how they are cut."""

    events: str = ""
    """A table, or `fdsn?QUERY`."""
    stations: str = ""
    waveforms: str = ""
    """A folder of miniSEED."""
    fdsn: str = ""
    """A web service."""
    checksums: tuple[str, ...] = ()
    """SHA-256 of the event table and the station list: changed ones are not taken for those that were prepared."""
    cut: str = "whole"
    components: str = "ZNE"
    sampling_rate_hz: float = 100.0
    window_s: tuple[float, ...] = (-30.0, 60.0)
    """Start and end relative to the origin time."""
    radius_km: float = 100.0
    channels: str = "HH? BH? EH? SH? EP? DP? GP?"
    """Patterns, the preferred first."""
    max_gap_s: float = 1.0
    shares: tuple[float, ...] = (70.0, 10.0, 20.0)
    """Shares of the events of each class in train, validation and test."""
    seed: int = 0

    @property
    def event_query(self) -> str:
        """The query for events that the service is sent; empty if they are in a table."""
        return self.events.removeprefix(_QUERY) if self.events.startswith(_QUERY) else ""

    @property
    def samples(self) -> int:
        """Length of a record."""
        if self.cut == "kong2021":
            return KONG_SAMPLES
        return round((self.window_s[1] - self.window_s[0]) * self.sampling_rate_hz)

    @property
    def span_s(self) -> tuple[float, float]:
        """First and last sample that a record can need, in s relative to the origin time."""
        earliest, latest = (KONG_EARLIEST_S, 0.0) if self.cut == "kong2021" else (self.window_s[0],) * 2
        return earliest, latest + (self.samples - 1) / self.sampling_rate_hz


def own_config(name: str, settings: dict[str, str]) -> ExplosionConfig:
    """Return the config that `zoo prepare explosions/NAME --set ...` asks for."""
    chosen = {key: value for key, value in read("explosions", SETTINGS, settings).items() if value != ""}
    if "events" not in chosen:
        raise UsageError("events=TABLE is missing: a CSV or QuakeML file (datasets/explosions/README.md).")
    if ("waveforms" in chosen) == ("fdsn" in chosen):
        raise UsageError("Say where waveforms come from: waveforms=FOLDER_OF_MINISEED or fdsn=SERVICE, one of them.")
    if chosen["events"].startswith(_QUERY) and "fdsn" not in chosen:
        raise UsageError("events=fdsn?... asks the service that fdsn= names; it is missing.")
    if chosen.get("cut") == "kong2021":
        fixed = {"sampling_rate_hz", "window_s"} & chosen.keys()
        if fixed:
            raise UsageError(f"cut=kong2021 has its own {' and '.join(sorted(fixed))}: 540 samples at 20 Hz.")
        chosen["sampling_rate_hz"] = KONG_RATE_HZ
    tables = [Path(chosen[key]) for key in ("events", "stations") if not chosen.get(key, _QUERY).startswith(_QUERY)]
    config = ExplosionConfig(
        name=name,
        description="A user's own explosions and earthquakes.",
        checksums=tuple(sha256(table) for table in tables),
        **chosen,
    )
    if config.samples < 1:
        raise UsageError(f"window_s is start:end in s relative to the origin; received {settings['window_s']!r}.")
    return config


def _events(key: str, text: str) -> str:
    return text if not text or text.startswith(_QUERY) else _file(key, text)


def _file(key: str, text: str) -> str:
    path = Path(text).expanduser().resolve()
    if not path.is_file():
        raise ZooError(f"{key}={text}: there is no such file ({path}).")
    return str(path)


def _patterns(key: str, text: str) -> str:
    patterns = " ".join(text.replace(",", " ").replace(";", " ").split())
    if not patterns:
        raise UsageError(f"{key} takes patterns like 'HH? BH?'; received {text!r}.")
    return patterns


def _shares(key: str, text: str) -> tuple[float, ...]:
    try:
        values = tuple(float(part) for part in text.split(":"))
    except ValueError:
        values = ()
    if len(values) != 3 or not all(0 <= value < math.inf for value in values) or not sum(values):
        raise UsageError(f"{key} takes the shares of train:validation:test, like 70:10:20; received {text!r}.")
    return values


SETTINGS = {
    "events": Setting(
        "", "event table (CSV, QuakeML), or fdsn?QUERY for the service's events; needed", "README.md", reader=_events
    ),
    "stations": Setting(
        "",
        "station list (CSV, StationXML); empty: the service's stations, or those in the files",
        "README.md",
        kind="file",
    ),
    "waveforms": Setting("", "folder of miniSEED with the waveforms; or give fdsn", "README.md", kind="folder"),
    "fdsn": Setting("", "web service with the waveforms, by ObsPy's name or its address", "FDSN"),
    "cut": Setting(
        "whole",
        "whole: one record from window_s; kong2021: ten or four of 27 s at 20 Hz, begun at random before the origin",
        "whole: ours; kong2021: Kong et al. 2021, section 3.3",
        choices=("whole", "kong2021"),
    ),
    "components": Setting("ZNE", "components of a record", "Kong et al. 2021: three", choices=("ZNE", "Z")),
    "sampling_rate_hz": Setting(
        100.0, "sampling rate of the records, with cut=whole", "ours: as STEAD's", unit="Hz", low=0.1, high=10_000.0
    ),
    "window_s": Setting(
        (-30.0, 60.0),
        "start and end of a record relative to the origin time, with cut=whole",
        "ours: noise before P, and the coda of local events",
        unit="s",
        separator=":",
        length=2,
    ),
    "radius_km": Setting(
        100.0,
        "largest epicentral distance",
        "ours: local; Kong et al. 2021, section 3.3, have 75 for iMUSH",
        unit="km",
        low=0.001,
        high=20_100.0,
    ),
    "channels": Setting(
        "HH? BH? EH? SH? EP? DP? GP?",
        "patterns of channel codes, the preferred ones first",
        "ours: broadband, then short-period, then geophones",
        reader=_patterns,
    ),
    "max_gap_s": Setting(
        1.0,
        "longest gap that is filled by a straight line",
        "ours: short against the window",
        unit="s",
        low=0.0,
        high=3600.0,
    ),
    **COMPLETE,
    "shares": Setting(
        (70.0, 10.0, 20.0),
        "shares of the events of each class in train, validation and test",
        "ours; the paper does not say",
        unit="%",
        low=0.0,
        separator=":",
        length=3,
        reader=_shares,
    ),
    "seed": Setting(0, "seed of the splits, and of the windows with cut=kong2021", "ours: any", low=0),
}

"""One catalogue whose events are known, written in the forms of archives, location programs, spreadsheets and scripts.

For tests and `benchmarks/catalogue_formats.py`: `Form` says how it is written and what it can hold, `verdict`
whether what was read is right, partly right or wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

REGIONS = {  # longitude, latitude, year
    "California": (-117.6, 35.8, 2019),
    "Italy": (13.2, 42.8, 2016),
    "Fiji": (179.9, -17.2, 2003),
    "Chile": (-71.3, -31.2, 1999),
}
_EPOCH = datetime(1970, 1, 1)


@dataclass
class Truth:
    """Events in order of time, every array (events,)."""

    time: np.ndarray
    longitude_deg: np.ndarray
    latitude_deg: np.ndarray
    depth_km: np.ndarray
    magnitude: np.ndarray

    @classmethod
    def of(cls, region: str, count: int = 400, seed: int = 7) -> Truth:
        """Draw events of half a year around the middle of a region; magnitudes follow Gutenberg and Richter."""
        longitude, latitude, year = REGIONS[region]
        rng = np.random.default_rng(seed)
        start = np.datetime64(f"{year}-01-03T00:00:00", "ms")
        time = start + np.sort(rng.integers(0, 190 * 86_400_000, count)).astype("timedelta64[ms]")
        x = (longitude + rng.normal(0, 0.3, count) + 180) % 360 - 180
        y = latitude + rng.normal(0, 0.3, count)
        depth, magnitude = rng.uniform(2, 14, count), 1 + rng.exponential(1 / np.log(10), count)
        return cls(time, x.round(4), y.round(4), depth.round(2), magnitude.round(1))

    def rows(self) -> list[dict[str, Any]]:
        """Return the events as the names that templates of forms use."""
        start = self.time[0].astype(datetime)
        return [
            _fields(number, start, time.astype(datetime), float(x), float(y), float(z), float(m))
            for number, (time, x, y, z, m) in enumerate(
                zip(self.time, self.longitude_deg, self.latitude_deg, self.depth_km, self.magnitude, strict=True), 1
            )
        ]


def _fields(number: int, begin: datetime, moment: datetime, x: float, y: float, z: float, m: float) -> dict[str, Any]:
    since = moment - _EPOCH
    start, end = datetime(moment.year, 1, 1), datetime(moment.year + 1, 1, 1)
    seconds = moment.second + moment.microsecond / 1e6
    ms = since // timedelta(milliseconds=1)
    return {
        "n": number, "t": moment, "x": x, "y": y, "z": z, "m": m, "sec": seconds, "ms3": moment.microsecond // 1000,
        "iso": moment.isoformat(timespec="milliseconds"), "cs": moment.microsecond // 10_000,
        "hs": int(seconds * 100 + 1e-6),
        "ms": ms, "us": 1000 * ms, "ns": 1_000_000 * ms, "since": ms / 1000, "yy": moment.year % 100,
        "decyear": moment.year + (moment - start) / (end - start), "days": since / timedelta(days=1),
        "local": moment - timedelta(hours=6), "ahead": moment + timedelta(hours=2), "doy": moment.timetuple().tm_yday,
        "NS": "N" if y >= 0 else "S", "EW": "E" if x >= 0 else "W", "EO": "E" if x >= 0 else "O",
        "ay": abs(y), "ax": abs(x), "yd": int(abs(y)), "ym": abs(y) % 1 * 60, "xd": int(abs(x)), "xm": abs(x) % 1 * 60,
        "ydm": int(abs(y)) * 100 + abs(y) % 1 * 60, "xdm": int(abs(x)) * 100 + abs(x) % 1 * 60,
        "x360": round(x % 360, 4), "sy": "-" if y < 0 else "", "sx": "-" if x < 0 else "",
        "yc": str(y).replace(".", ","), "xc": str(x).replace(".", ","), "zc": str(z).replace(".", ","),
        "mc": str(m).replace(".", ","),
        "hms": int(moment.strftime("%H%M%S")), "h12": moment.strftime("%I:%M:%S %p"), "west": -x,
        "fromstart": (moment - begin) / timedelta(days=1),
        "fromstart_s": (moment - begin).total_seconds(), "excel": since / timedelta(days=1) + 25569,
        "datenum": since / timedelta(days=1) + 719529, "jd": since / timedelta(days=1) + 2440587.5,
        "mjd": since / timedelta(days=1) + 40587,
    }  # fmt: skip


@dataclass
class Form:
    """How a catalogue is written."""

    name: str
    head: str
    row: str | Callable[[dict[str, Any]], str]
    extension: str = "csv"
    step_s: float = 1.01
    """how exact its times are"""
    depths: bool = True
    magnitudes: bool = True
    refused: bool = False
    """whether it does not hold what is needed, so that nothing but a refusal is right"""
    encoding: str = "utf-8"
    tail: str = ""
    whole: Callable[[Truth], str | bytes] | None = None
    """writes the file as a whole"""
    options: dict[str, Any] = field(default_factory=dict)
    """what `read_catalogue` is told"""

    def write(self, truth: Truth, folder: Path) -> Path:
        """Write the events into a folder, and return the file."""
        path = folder / f"{''.join(letter if letter.isalnum() else '_' for letter in self.name)}.{self.extension}"
        if self.whole:
            made = self.whole(truth)
        else:
            lines = [self.row(r) if callable(self.row) else self.row.format(**r) for r in truth.rows()]
            made = (self.head + "\n" if self.head else "") + "\n".join(lines) + "\n" + self.tail
        path.write_bytes(made if isinstance(made, bytes) else made.encode(self.encoding))
        return path


def options(form: Form, truth: Truth) -> dict[str, Any]:
    """Return what `read_catalogue` is told with a form."""
    year = int(str(truth.time[0])[:4])
    return {name: year if value == "the year" else value for name, value in form.options.items()}


def verdict(catalogue: Any, truth: Truth, form: Form) -> tuple[str, str]:
    """Return "right", "partly" or "wrong" for what was read of a form, and why."""
    count = len(truth.time)
    if len(catalogue) != count:
        return "wrong", f"{len(catalogue)} of {count} events"
    late_s = np.abs((catalogue.time - truth.time) / np.timedelta64(1, "s"))
    if (late_s > form.step_s).mean() > 0.01:
        return "wrong", f"times are off by {np.median(late_s):.4g} s"
    if not catalogue.geographic:
        return "wrong", "places were taken as metric"
    order = np.lexsort((truth.latitude_deg, truth.time.astype("datetime64[D]") if form.step_s > 100 else truth.time))
    if form.step_s > 100:  # days alone: the order within a day is lost
        own = np.lexsort((catalogue.latitude_deg, catalogue.time.astype("datetime64[D]")))
    else:
        own = np.arange(count)
    away = np.hypot(
        (catalogue.longitude_deg[own] - truth.longitude_deg[order] + 180) % 360 - 180,
        catalogue.latitude_deg[own] - truth.latitude_deg[order],
    )
    if (away > 0.002).mean() > 0.02:
        return "wrong", f"places are off by {np.median(away):.4g} degrees"
    missed = []
    for name, holds, step in (("depth_km", form.depths, 0.11), ("magnitude", form.magnitudes, 0.051)):
        read, true = getattr(catalogue, name)[own], getattr(truth, name)[order]
        if not np.isfinite(read).any():
            missed += [f"no {name}"] if holds else []
        elif (np.abs(read - true) > step).mean() > 0.02:
            return "wrong", f"{name} is off by {np.nanmedian(np.abs(read - true)):.3g}"
        elif np.isnan(read).mean() > 0.02:
            missed.append(f"{np.isnan(read).sum()} without {name}")
    return ("partly", ", ".join(missed)) if missed else ("right", "")

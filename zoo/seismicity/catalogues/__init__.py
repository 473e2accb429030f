"""Earthquake catalogues: times, places and magnitudes from whatever file a seismologist has.

    catalogue = read_catalogue("catalogue.csv")
    catalogue = read_catalogue("events.txt", columns={"time": 1, "x_m": "Easting", "y_m": "Northing"})

Readable are text with commas, semicolons, tabs or blanks, with or without a header (the column names of ComCat, SCEDC,
NCEDC, ISC and others are known, `zoo.seismicity.catalogues.columns`), ComCat's GeoJSON, QuakeML and whatever else ObsPy
reads. Rows that cannot be used are set aside and counted in `Catalogue.notes`; a file is refused if most of its rows
cannot be used.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from zoo.errors import ZooError
from zoo.seismicity.catalogues.projection import Projection
from zoo.seismicity.catalogues.text import read_text

_NOT_EARTHQUAKES = {  # as ComCat, SCEDC, NCEDC and ISC write them
    "quarry blast", "quarry", "explosion", "mining explosion", "chemical explosion", "nuclear explosion", "blast",
    "experimental explosion", "industrial explosion", "sonic boom", "landslide", "rock burst", "ice quake",
    "other event", "not existing", "qb", "ex", "ep", "en", "sn", "nt", "sh", "th", "km", "kh", "kr", "sm", "sr", "ki",
}  # fmt: skip


@dataclass(frozen=True)
class Catalogue:
    """Earthquakes in order of time; every array has the shape (events,)."""

    time: np.ndarray
    """datetime64[ms], in UTC"""
    x_km: np.ndarray
    """km east of the projection's centre, or the file's own metric coordinate in km"""
    y_km: np.ndarray
    """likewise to the north"""
    depth_km: np.ndarray
    """NaN where missing"""
    magnitude: np.ndarray
    """NaN where missing"""
    name: str = "catalogue"
    longitude_deg: np.ndarray | None = None
    """from -180 to 180; None where the file has metric coordinates"""
    latitude_deg: np.ndarray | None = None
    """None where the file has metric coordinates"""
    projection: Projection | None = None
    """between degrees and kilometres; None where the file has metric coordinates"""
    notes: tuple[str, ...] = ()
    """sentences on what was assumed, set aside or dropped"""

    def __len__(self) -> int:
        return len(self.time)

    @property
    def geographic(self) -> bool:
        """Whether the events have longitudes and latitudes."""
        return self.longitude_deg is not None

    def select(self, chosen: np.ndarray, *notes: str) -> Catalogue:
        """Return some of the events, with notes on the choice added.

        Args:
            chosen: (events,) bool, or the indices of the events to keep, sorted.
            *notes: sentences that say what was left out and why.
        """
        arrays = ("time", "x_km", "y_km", "depth_km", "magnitude", "longitude_deg", "latitude_deg")
        own = {name: getattr(self, name) for name in arrays}
        kept = {name: value[chosen] for name, value in own.items() if value is not None}
        return replace(self, **kept, notes=(*self.notes, *notes))


def read_catalogue(path: str | os.PathLike, columns: Mapping[str, str | int] | None = None) -> Catalogue:
    """Read an earthquake catalogue.

    Args:
        path: CSV or other columns of text, GeoJSON, QuakeML or anything that `obspy.read_events` reads.
        columns: which column of a text file holds what, where its header does not say: from `time` (or `date` and
            `time`, or `year`, `month`, `day`, `hour`, `minute`, `second`), `longitude` and `latitude` or `x` and `y`
            (`x_m`, `x_km`), `depth`, `magnitude`, `type` to the name of a column or its number, counted from 1.

    Returns:
        Events sorted by time; duplicates (same time, place, depth and magnitude) are dropped.

    Raises:
        ZooError: if there is no such file or no time or place in it, or if most of its rows cannot be used.
        UsageError: if `columns` names a column that is not there.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "events.csv"
    >>> _ = file.write_text("when,E,N,M\\n2020-01-02T12:00:00,1500,200,0.9\\n2020-01-01T06:30:00,2500,250,1.2\\n")
    >>> catalogue = read_catalogue(file, {"time": "when", "x_m": "E", "y_m": "N", "magnitude": "M"})
    >>> catalogue.x_km.tolist(), catalogue.magnitude.tolist()
    ([2.5, 1.5], [1.2, 0.9])
    """
    path = Path(path)
    if not path.is_file():
        what = "is a folder; name the file in it" if path.is_dir() else "does not exist"
        raise ZooError(f"{path} {what}. Expected a catalogue: CSV, GeoJSON, QuakeML or whatever else ObsPy reads.")
    with open(path, "rb") as file:
        start = file.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start:
        raise ZooError(f"{path} is empty: expected a row for each earthquake.")
    if start[:1] == b"{":
        from zoo.seismicity.catalogues.formats import read_geojson

        found, notes = read_geojson(path)
    elif start[:1] == b"<" or b"\0" in start.replace(b"\0\0", b"") and start[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        from zoo.seismicity.catalogues.formats import read_obspy

        found, notes = read_obspy(path)
    else:
        try:
            found, notes = read_text(path, columns)
        except ZooError:
            from zoo.seismicity.catalogues.formats import obspy_reads, read_obspy

            if columns or not obspy_reads(path):
                raise
            found, notes = read_obspy(path)
    return from_columns(found, path.stem, notes)


def from_columns(found: Mapping[str, np.ndarray], name: str = "catalogue", notes: list[str] | None = None) -> Catalogue:
    """Make a catalogue from columns: rows that cannot be used are set aside, the others sorted by time.

    Args:
        found: arrays (rows,) in any order: `time` (datetime64), `longitude_deg` and `latitude_deg` or `x_km` and
            `y_km`, and optionally `depth_km`, `magnitude` and `type` (rows of blasts and the like are set aside).
        name: what to call it.
        notes: what is already known about it; notes on what was set aside are added.

    Raises:
        ZooError: if fewer than half of the rows can be used.

    >>> day = np.array(["2020-01-02", "2020-01-01"], "datetime64[D]")
    >>> from_columns({"time": day, "x_km": [1.0, 2.0], "y_km": [0.0, 0.0]}).x_km.tolist()
    [2.0, 1.0]
    """
    notes = list(notes or ())
    time = np.asarray(found["time"]).astype("datetime64[ms]")
    rows = len(time)
    missing = np.full(rows, np.nan)
    depth_km, magnitude = (np.asarray(found.get(key, missing), float).copy() for key in ("depth_km", "magnitude"))
    geographic = "longitude_deg" in found
    first, second = ("longitude_deg", "latitude_deg") if geographic else ("x_km", "y_km")
    x, y = (np.asarray(found[key], float).copy() for key in (first, second))
    good, lost = np.ones(rows, bool), []

    def set_aside(wrong: np.ndarray, what: str) -> None:
        wrong = wrong & good
        if wrong.any():
            good[wrong] = False
            lost.append(f"{wrong.sum()} of {rows} rows set aside: {what}")

    set_aside(np.isnat(time), "no time that can be read")
    set_aside(~np.isfinite(x + y), "no place that can be read")
    if geographic:
        outside = (np.abs(y) > 90) | (x < -180) | (x > 360)
        set_aside(outside, "latitude beyond 90 or longitude outside -180 to 360 degrees")
        beyond = good & (x > 180)
        if beyond.any():
            notes.append(f"{beyond.sum()} longitudes beyond 180 degrees were taken as west of Greenwich")
            x[beyond] -= 360
    if "type" in found:
        kinds = np.char.lower(np.char.strip(np.asarray(found["type"], str)))
        set_aside(np.isin(kinds, list(_NOT_EARTHQUAKES)), "blasts and other events that are not earthquakes")
    if good.sum() < max(rows / 2, 1):
        swapped = geographic and (np.abs(y) > 90).sum() > rows / 2 and (np.abs(x) <= 90).sum() > rows / 2
        hint = " Longitude and latitude look swapped." if swapped else ""
        raise ZooError(
            f"{name}: {good.sum()} of {rows} rows can be used ({'; '.join(lost)}).{hint} If the wrong columns "
            "were taken, say which they are: --columns time=NAME longitude=NAME latitude=NAME (or x_km=, y_km=)."
        )
    notes += lost
    # -9 and the like stand for a missing magnitude; no earthquake is larger than 10.
    magnitude[(magnitude < -8) | (magnitude > 10)] = np.nan
    time, x, y, depth_km, magnitude = (v[good] for v in (time, x, y, depth_km, magnitude))
    if (np.diff(time) < np.timedelta64(0)).any():
        notes.append("the events were not in order of time and were sorted")
    order = np.lexsort((magnitude, depth_km, y, x, time))
    time, x, y, depth_km, magnitude = (v[order] for v in (time, x, y, depth_km, magnitude))
    again = np.zeros(len(time), bool)
    again[1:] = time[1:] == time[:-1]
    for values in (x, y, depth_km, magnitude):
        again[1:] &= (values[1:] == values[:-1]) | (np.isnan(values[1:]) & np.isnan(values[:-1]))
    if again.any():
        notes.append(f"{again.sum()} duplicates dropped (same time, place, depth and magnitude)")
        time, x, y, depth_km, magnitude = (v[~again] for v in (time, x, y, depth_km, magnitude))
    common = {"time": time, "depth_km": depth_km, "magnitude": magnitude, "name": name, "notes": tuple(notes)}
    if not geographic:
        return Catalogue(x_km=x, y_km=y, **common)
    projection = Projection.around(x, y)
    x_km, y_km = projection.forward(x, y)
    return Catalogue(x_km=x_km, y_km=y_km, longitude_deg=x, latitude_deg=y, projection=projection, **common)

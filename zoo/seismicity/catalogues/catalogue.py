"""A catalogue in memory, and how columns become one: what is no earthquake, what stands twice, what cannot be used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from zoo.errors import ZooError
from zoo.seismicity.catalogues.coordinates import point
from zoo.seismicity.catalogues.projection import Projection

_NOT_EARTHQUAKES = {  # as ComCat, SCEDC, NCEDC and ISC write them
    "quarry blast", "quarry", "explosion", "mining explosion", "chemical explosion", "nuclear explosion", "blast",
    "experimental explosion", "industrial explosion", "sonic boom", "landslide", "rock burst", "ice quake",
    "other event", "not existing", "qb", "ex", "ep", "en", "sn", "nt", "sh", "th", "km", "kh", "kr", "sm", "sr", "ki",
    "anthropogenic event", "not reported", "induced or triggered event blast", "accidental explosion", "avalanche",
}  # fmt: skip
_EARTHQUAKES = {
    "earthquake", "eq", "ke", "se", "le", "re", "l", "local", "regional", "teleseism", "ts", "de", "fe", "uk", "si",
    "induced or triggered event", "induced", "tectonic", "terremoto", "sismo", "deprem", "",
}  # fmt: skip
_MECHANISMS = {"th", "ss", "nf", "nm", "rf", "rv", "no", "sr", "ns", "rs", "tf", "u", "n", "r", "s", "t", "o"}
_SAME_EVENT_S, _SAME_EVENT_DEG = 120.0, 5.0
"""Origins of one event by several agencies are not further apart."""


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
    """sentences on what was read, assumed, set aside or dropped"""

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

    def describe(self) -> str:
        """Return in a line how many events there are, from when to when, and the first of them.

        >>> day = np.array(["1972-01-10T23:24:41", "1999-12-31T05:00:00"], "datetime64[ms]")
        >>> place = {"longitude_deg": [7.35, 8.0], "latitude_deg": [46.36, 47.0]}
        >>> made = from_columns({"time": day, **place, "magnitude": [2.3, 3.0]})
        >>> made.describe()
        '2 events, 1972-01-10 to 1999-12-31; first: 1972-01-10 23:24:41 UTC, 46.360 N 7.350 E, no depth, M 2.3'
        """
        if not len(self):
            return "no events"
        moment = str(self.time[0]).replace("T", " ")
        moment = moment[:-4] if moment.endswith(".000") else moment
        if self.geographic:
            where = point(self.latitude_deg[0], self.longitude_deg[0])
        else:
            where = f"x {self.x_km[0]:.3f} km, y {self.y_km[0]:.3f} km"
        depth = f"{self.depth_km[0]:g} km deep" if np.isfinite(self.depth_km[0]) else "no depth"
        size = f"M {self.magnitude[0]:g}" if np.isfinite(self.magnitude[0]) else "no magnitude"
        span = f"{str(self.time[0])[:10]} to {str(self.time[-1])[:10]}"
        return f"{len(self):,} event{'s' * (len(self) != 1)}, {span}; first: {moment} UTC, {where}, {depth}, {size}"


def from_columns(found: Mapping[str, np.ndarray], name: str = "catalogue", notes: list[str] | None = None) -> Catalogue:
    """Make a catalogue from columns: rows that cannot be used are set aside, the others sorted by time.

    Args:
        found: arrays (rows,) in any order: `time` (datetime64), `longitude_deg` and `latitude_deg` or `x_km` and
            `y_km`, and optionally `depth_km`, `magnitude`, `type` (rows of blasts and the like are set aside) and `id`
            (several origins of one event are one; `prime` says which counts).
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
    if good.sum() < max(rows / 2, 1):
        swapped = geographic and (np.abs(y) > 90).sum() > rows / 2 and (np.abs(x) <= 90).sum() > rows / 2
        hint = " Longitude and latitude look swapped." if swapped else ""
        if geographic and np.nanmedian(np.abs(x)) > 1000:
            hint = " They look like metres: --columns x_m=NAME y_m=NAME (with --epsg NUMBER they become degrees)."
        raise ZooError(
            f"{name}: {good.sum()} of {rows} rows can be used ({'; '.join(lost)}).{hint} If the wrong columns "
            "were taken, say which they are: --columns time=NAME longitude=NAME latitude=NAME (or x_km=, y_km=)."
        )
    if "type" in found:
        _leave_out_blasts(np.asarray(found["type"]), good, set_aside, notes)
    notes += lost
    if "id" in found:
        good &= ~_other_origins(found, time, x, y, good, notes)
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


def _leave_out_blasts(types: np.ndarray, good: np.ndarray, set_aside, notes: list[str]) -> None:
    """Set rows aside whose type is no earthquake, unless types are mechanisms, or blasts are most of the catalogue."""
    names = sorted(set(types.tolist()))  # a hundred times as fast as to sort a million texts
    words = [(n.decode("utf-8", "replace") if isinstance(n, bytes) else str(n)).strip().lower() for n in names]
    blasts = np.array([word in _NOT_EARTHQUAKES for word in words])
    if not blasts.any():
        return
    said = {word for word in words if word}
    quakes = said & _EARTHQUAKES
    if said <= _MECHANISMS or (not quakes and len(said) > 1 and said & {"ss", "nf", "nm", "rf", "rv"}):
        shown = ", ".join(sorted(word.upper() for word in said)[:4])
        notes.append(f"the types {shown} look like mechanisms, not kinds of events: no row was set aside for them")
        return
    wrong = np.isin(types, np.array(names)[blasts])
    share = (wrong & good).sum() / max(good.sum(), 1)
    shown = ", ".join(sorted({word for word, blast in zip(words, blasts, strict=True) if blast})[:4])
    if share >= 0.5:
        notes.append(
            f"{(wrong & good).sum()} of {good.sum()} events are of the type {shown}: as so many, they were kept"
        )
        return
    set_aside(wrong, f"blasts and other events that are not earthquakes ({shown})")


def _other_origins(
    found: Mapping[str, np.ndarray], time: np.ndarray, x: np.ndarray, y: np.ndarray, good: np.ndarray, notes: list[str]
) -> np.ndarray:
    """Return which rows (rows,) are further origins of an event that has one already; those marked as prime count."""
    own = np.asarray(found["id"])
    if len(set(own.tolist())) == len(own):  # nothing is repeated, which a sort of a million texts need not tell
        return np.zeros(len(time), bool)
    names, which, counts = np.unique(own, return_inverse=True, return_counts=True)
    nameless = np.array([not str(name.decode() if isinstance(name, bytes) else name).strip() for name in names])
    repeated = (counts > 1) & ~nameless
    rows = np.flatnonzero(repeated[which] & good)
    drop = np.zeros(len(time), bool)
    if not len(rows):
        return drop
    prime = np.zeros(len(time), bool)
    if "prime" in found:
        truth = (b"1", b"true", b"yes", b"prime", b"t", b"y")
        prime = np.array([text.strip().lower() in truth for text in np.asarray(found["prime"]).tolist()])
    rows = rows[np.lexsort((rows, ~prime[rows], which[rows]))]
    first = np.r_[True, which[rows][1:] != which[rows][:-1]]
    head = rows[np.maximum.accumulate(np.where(first, np.arange(len(rows)), 0))]
    apart_s = np.abs((time[rows] - time[head]) / np.timedelta64(1, "s"))
    apart = np.hypot((x[rows] - x[head] + 180) % 360 - 180, y[rows] - y[head])
    near = (apart_s <= _SAME_EVENT_S) & (apart <= _SAME_EVENT_DEG)
    if near.mean() < 0.9:  # the numbers name something else, such as clusters or templates
        return drop
    drop[rows[near & ~first]] = True
    if drop.any():
        notes.append(
            f"{drop.sum()} further origins of {len(np.unique(which[rows]))} events were dropped: of those with the "
            f"same event number {'the preferred' if prime.any() else 'the first'} counts"
        )
    return drop

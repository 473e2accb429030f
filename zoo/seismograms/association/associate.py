"""From picks to events: which picks are of one earthquake.

    found = associate(read_picks("picks.csv"), read_stations("stations.xml"), read_layers("layers.csv"))
    found.place_km, found.origin_s, found.event     # (events, 3), (events,), (picks,) number of the event or -1

In stretches of time, cells of the earth are counted by the picks that they explain (`cells`), the best ones refined by
robust least squares and tested (`fit`), and the picks of what is accepted are taken out (`search`); then the rest is
searched again, until nothing more is found. After the first pass the median residual of each station and phase is taken
out of its times.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.errors import ZooError
from zoo.field.grid_times import earth_times
from zoo.field.layers import Layers
from zoo.field.picks import PickTable
from zoo.field.projection import LocalProjection
from zoo.field.speed_grid import SpeedGrid
from zoo.field.stations import Stations
from zoo.field.travel_times import TravelTimes
from zoo.seismograms.association.settings import ASSOCIATION
from zoo.settings import defaults, read

_SLAB_S = 300.0
_RATE_S = 600.0  # about a slab, in which rates of picks are counted
_MAX_PASSES = 8
_TERM_PICKS = 10  # fewest residuals of a station and phase whose median is a station term


@dataclass(frozen=True)
class Associated:
    """Events, and the picks of each."""

    place_km: np.ndarray
    """(events, 3) east, north, depth below sea level, km"""
    origin_s: np.ndarray
    """(events,) since 1970 UTC, in order"""
    rms_s: np.ndarray
    """(events,) root mean square of residuals"""
    log_odds: np.ndarray
    """(events,) of one event against chance"""
    event: np.ndarray
    """(picks,) number of the event, -1: none"""
    station: np.ndarray
    """(picks,) number of the station, -1: unknown"""
    terms_s: np.ndarray
    """(phases, stations) median residuals, added to travel times"""
    picks: PickTable
    stations: Stations
    layers: Layers | SpeedGrid
    projection: LocalProjection
    tables: TravelTimes
    low_km: np.ndarray
    """(3,) corner of the box that was searched, km"""
    high_km: np.ndarray
    settings: Mapping[str, Any]
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.origin_s)


def associate(
    picks: PickTable, stations: Stations, layers: Layers | SpeedGrid, settings: Mapping[str, Any] | None = None
) -> Associated:
    """Find the events that explain picks.

    Args:
        picks, stations, layers: from `zoo.field`; the earth may be a `SpeedGrid`.
        settings: those of `zoo.seismograms.association.settings.ASSOCIATION` that differ.

    Returns:
        Events in order of their origin times. Picks of unknown stations belong to none; a note names the stations.

    Raises:
        ZooError: there are picks, and none is of a known station.
        UsageError: there is no such setting.
    """
    chosen = defaults(ASSOCIATION) | read("zoo catalogue", ASSOCIATION, settings or {})
    projection = LocalProjection.around(stations.longitude_deg, stations.latitude_deg)
    station_km = stations.place_km(projection)
    station = stations.index(picks.station)
    notes = [*picks.notes, *stations.notes, *layers.notes, *_unknown(picks, station)]
    used = station >= 0
    if len(picks) and not used.any():
        raise ZooError(
            f"None of the {len(picks)} picks is of a known station: picks have {sorted(set(picks.station))[:3]}, "
            f"stations are {list(stations.codes[:3])}. Check network codes."
        )
    low, high = _region(station_km[np.unique(station[used])] if used.any() else station_km, chosen)
    tables = earth_times(layers, projection, station_km, low, high)
    engine = _Engine(picks.time_s[used], picks.phase[used], station[used], tables, low, high, chosen)
    found, owner = engine.run()
    order = np.argsort(found[:, 3], kind="stable")
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    event = np.full(len(picks), -1)
    event[np.flatnonzero(used)[owner >= 0]] = rank[owner[owner >= 0]]
    found = found[order]
    return Associated(
        found[:, :3], found[:, 3] + engine.zero_s, found[:, 4], found[:, 5], event, station, engine.terms, picks,
        stations, layers, projection, tables, low, high, chosen, tuple(notes),
    )  # fmt: skip


def _unknown(picks: PickTable, station: np.ndarray) -> list[str]:
    rows = np.flatnonzero(station < 0)
    if not rows.size:
        return []
    names = sorted({".".join(picks.station[i].split(".")[:2]) for i in rows})
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return [f"{rows.size} picks of {len(names)} unknown stations are left out: {', '.join(names[:5])}{more}"]


def _region(station_km: np.ndarray, chosen: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return the corners (3,) of the box that is searched."""
    margin = chosen["margin_km"]
    low, high = station_km.min(axis=0) - margin, station_km.max(axis=0) + margin
    low[2], high[2] = chosen["least_depth_km"], chosen["most_depth_km"]
    if not high[2] > low[2]:
        raise ZooError(f"Depths are searched from {low[2]:g} to {high[2]:g} km; expected a range.")
    return low, high


class _Engine:
    """Compiled search over the whole time, pass by pass."""

    def __init__(self, time_s, phase, station, tables: TravelTimes, low, high, chosen: Mapping[str, Any]) -> None:
        from zoo.seismograms.association.cells import times_to_cells

        self.zero_s = float(np.floor(time_s[0])) if len(time_s) else 0.0
        self.picks = time_s - self.zero_s, (phase == "S").astype(np.int64), station.astype(np.int64)
        self.limits = low, high
        self.arrays = tables.arrays()
        self.terms = np.zeros(tables.table.shape)
        self.chosen = chosen
        counts = np.maximum(np.ceil((high - low) / chosen["cell_km"]), 1).astype(int)
        half = (high - low) / counts / 2
        axes = [low[i] + half[i] * (2 * np.arange(counts[i]) + 1) for i in range(3)]
        centres = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
        times, ratios = (np.empty((len(centres), *tables.table.shape), np.float32) for _ in range(2))
        times_to_cells(centres, self.arrays, times, ratios)
        self.cells = centres, half, times, ratios
        self.most_s = min(chosen["most_travel_time_s"], float(times.max()))

    def run(self) -> tuple[np.ndarray, np.ndarray]:
        """Return events (events, 6) and the event of each pick (picks,)."""
        time = self.picks[0]
        free, owner = np.ones(len(time), np.bool_), np.full(len(time), -1)
        found = np.empty((len(time) // max(self.chosen["least_picks"], 1) + 1, 6))
        starts = self._starts()
        waiting, number = np.ones(len(starts), bool), 0
        for turn in range(_MAX_PASSES):
            before = number
            for slab in np.flatnonzero(waiting):
                was = number
                number = self._slab(starts[slab], free, owner, number, found)
                waiting[slab] = number > was
            if turn == 0:
                self._learn(found[:number], owner)
            if number == before:
                break
        return found[:number], owner

    def _starts(self) -> np.ndarray:
        """Return where the stretches begin that hold enough picks; there may be years without any between."""
        time = self.picks[0]
        if not len(time):
            return np.zeros(0)
        starts = np.arange(time[0] - self.most_s, time[-1], _SLAB_S)
        first, last = np.searchsorted(time, [starts - 3.0, starts + _SLAB_S + self.most_s + 3.0])
        return starts[last - first >= self.chosen["least_picks"]]

    def _slab(self, start: float, free, owner, number: int, found) -> int:
        from zoo.seismograms.association.cells import BIN_S
        from zoo.seismograms.association.search import search

        time, phase, station = self.picks
        span = np.searchsorted(time, [start - 3.0, start + _SLAB_S + self.most_s + 3.0])
        if span[1] - span[0] < self.chosen["least_picks"]:
            return number
        around = slice(*np.searchsorted(time, [start - _RATE_S, start + _SLAB_S + _RATE_S]))
        shape = self.terms.shape
        rate = np.bincount(phase[around] * shape[1] + station[around], minlength=self.terms.size).reshape(shape)
        active = np.zeros(shape[1], np.bool_)
        active[station[slice(*np.searchsorted(time, [start - 3600.0, start + _SLAB_S + 3600.0]))]] = True
        c = self.chosen
        least = np.array(
            [c["least_picks"], c["least_p"], c["least_s"], c["least_both"], c["least_log_odds"], c["seen"],
             c["chance_of_s"], c["levels"], c["tolerance_s"], self.most_s]
        )  # fmt: skip
        window = np.array([c["tolerance_s"], c["tolerance_growth"]])
        sigma = np.array([[c["sd_p_s"], c["sd_growth"]], [c["sd_s_s"], c["sd_growth"]]])
        return search(
            start, int(_SLAB_S / BIN_S), span, self.picks, free, owner, self.cells, self.arrays, self.terms,
            rate / (_SLAB_S + 2 * _RATE_S), active, self.limits, window, sigma, least, number, found,
        )  # fmt: skip

    def _learn(self, found: np.ndarray, owner: np.ndarray) -> None:
        """Set the station terms to the median residuals."""
        from zoo.field.travel_times import times_of_picks

        time, phase, station = self.picks
        rows = np.flatnonzero(owner >= 0)
        travel = times_of_picks(found[owner[rows], :3], phase[rows], station[rows], *self.arrays)
        residual = time[rows] - found[owner[rows], 3] - travel
        for p, s in np.ndindex(self.terms.shape):
            own = residual[(phase[rows] == p) & (station[rows] == s)]
            if len(own) >= _TERM_PICKS:
                self.terms[p, s] = np.median(own)

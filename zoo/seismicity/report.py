"""The result: what was found in a catalogue, as a report, as tables and as files."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import ZooError
from zoo.seismicity.catalogues import Catalogue
from zoo.seismicity.etas.fit import EtasFit, describe
from zoo.seismicity.grid import PixelGrid
from zoo.seismicity.intervals import Interval, Tile, periods_of
from zoo.seismicity.manual import Period, agreement
from zoo.seismicity.places import Sequence, Subregion
from zoo.seismicity.scan import BASELINES
from zoo.seismicity.windows import Windows

METHODS = {"etas": "scan against ETAS", "both": "scan and network", "network": "network", **BASELINES}
"""Name of each score -> what to call it."""


@dataclass
class Seismicity:
    """Anomalous periods of a catalogue and their places, as `zoo.seismicity.find_anomalies` finds them.

    Attributes:
        catalogue: the events that were looked at (in the region, from the completeness on), with notes.
        grid: pixels of the region.
        windows: times of the maps.
        fit: the region's ETAS model.
        tiles: the maps of 64 x 64 pixels, with scores and thresholds.
        intervals: runs of windows above the method's threshold, map by map, with a significant place.
        sequences: anomalous pixels in the intervals, connected in space and time.
        subregions: where sequences ever were.
        method: name of the score whose alarms count, of `METHODS`.
        network: name of the network that stands beside it, "" where there is none.
        completeness: smallest magnitude, NaN where every event counts.
        false_alarms_per_year: alarms a year that ordinary times may give at each threshold.
        manual: periods marked by hand, for comparison; may be set before `report` and `write`.
    """

    catalogue: Catalogue
    grid: PixelGrid
    windows: Windows
    fit: EtasFit
    tiles: list[Tile]
    intervals: list[Interval]
    sequences: list[Sequence]
    subregions: list[Subregion]
    method: str
    network: str
    completeness: float
    false_alarms_per_year: float
    manual: list[Period] = field(default_factory=list)

    @property
    def span(self) -> Period:
        """Start of the first window and end of the last."""
        return self.windows.start[0], self.windows.end[-1]

    @property
    def names(self) -> list[str]:
        """Names of the scores that there are, the method's first."""
        return [self.method, *(name for name in METHODS if name in self.tiles[0].scores and name != self.method)]

    def label(self, name: str) -> str:
        """Return what to call a score."""
        return self.network if name == "network" else METHODS[name]

    def periods(self, name: str | None = None) -> list[Period]:
        """Return the periods (start, end) that a score calls anomalous.

        Args:
            name: of `METHODS`. Default: the method's: from the first to the last event of its sequences, which have a
                place. The others only tell windows: those above the threshold on any map.
        """
        if name not in (None, self.method):
            return periods_of(self.tiles, self.windows, name)
        merged: list[Period] = []
        for s in sorted(self.sequences, key=lambda s: s.start):
            if merged and s.start <= merged[-1][1]:
                merged[-1] = merged[-1][0], max(merged[-1][1], s.end)
            else:
                merged.append((s.start, s.end))
        return merged

    def comparison(self) -> dict[str, dict[str, Any]]:
        """Compare the scores with that of the method, and with the manual list where there is one.

        Returns:
            For each score: `periods` and `days`, how many and how long together; `meet_method`, how many of them
            overlap one of the method's; `method_met`, how many of the method's they overlap; and with a manual list
            what `zoo.seismicity.manual.agreement` gives.
        """
        own = self.periods()
        made = {}
        for name in self.names:
            periods = self.periods(name)
            made[name] = {
                "periods": len(periods),
                "days": round(sum(float((e - s) / np.timedelta64(1, "D")) for s, e in periods), 4),
                "meet_method": sum(any(s < e2 and e > s2 for s2, e2 in own) for s, e in periods),
                "method_met": sum(any(s < e2 and e > s2 for s, e in periods) for s2, e2 in own),
            }
            if self.manual:
                made[name] |= {k: round(v, 4) for k, v in agreement(periods, self.manual, self.span).items()}
        return made

    def summary(self) -> dict[str, Any]:
        """Return the result without its arrays: what `summary.json` holds."""
        west, east, south, north = self.grid.extent_km
        region: dict[str, Any] = {"west_km": west, "east_km": east, "south_km": south, "north_km": north}
        if self.catalogue.projection:
            centre = self.catalogue.projection
            region |= {"centre_longitude_deg": centre.longitude_deg, "centre_latitude_deg": centre.latitude_deg}
        return {
            "catalogue": self.catalogue.name,
            "events": len(self.catalogue),
            "start": str(self.catalogue.time[0]),
            "end": str(self.catalogue.time[-1]),
            "completeness": None if np.isnan(self.completeness) else self.completeness,
            "region": {key: round(value, 4) for key, value in region.items()},
            "pixel_km": self.grid.pixel_km,
            "pixels": [self.grid.rows, self.grid.columns],
            "window_days": self.windows.window_days,
            "stride_days": self.windows.stride_days,
            "windows": self.windows.count,
            "method": self.method,
            "network": self.network,
            "etas": describe(self.fit),
            "false_alarms_per_year": self.false_alarms_per_year,
            "tiles": [
                {
                    "row": tile.row,
                    "column": tile.column,
                    "thresholds": {k: round(v, 4) for k, v in tile.thresholds.items()},
                }
                for tile in self.tiles
            ],
            "intervals": len(self.intervals),
            "sequences": len(self.sequences),
            "subregions": {
                s.name: {"pixels": len(s.rows), "events": s.events, "sequences": list(s.sequences)}
                for s in self.subregions
            },
            "comparison": self.comparison(),
            "notes": list(self.catalogue.notes),
        }

    def report(self) -> str:
        """Return a text that says what was looked at, what was assumed and how the other scores compare."""
        tiles = len(self.tiles)
        days = float((self.catalogue.time[-1] - self.catalogue.time[0]) / np.timedelta64(1, "D"))
        law = self.fit.law
        lines = [
            f"{self.catalogue.name}: {len(self.catalogue)} events in {days:.4g} days, {self.windows.count} windows of "
            f"{in_words(self.windows.window_days)}, {tiles} map{'s' * (tiles > 1)} of 64 x 64 pixels of "
            f"{self.grid.pixel_km:g} km",
            f"ETAS: {self.fit.background_per_day:.3g} background events a day, {law.branching_ratio:.2f} direct "
            f"aftershocks an event, alpha {law.alpha:.2f}, p {law.p:.2f}, c {law.c_days:.2g} days",
            f"{self.label(self.method)}: {len(self.intervals)} anomalous intervals with {len(self.sequences)} "
            f"sequences in {len(self.subregions)} subregions, at {self.false_alarms_per_year:g} false alarms a "
            "year; sequences hold more than their mainshocks explain",
        ]
        own = len(self.periods())
        for name, row in self.comparison().items():
            text = f"{self.label(name):<17} {row['periods']:>4} periods, {row['days']:.4g} days"
            if name != self.method:
                others = row["periods"] - row["meet_method"]
                text += f"; meets {row['method_met']} of the {own}; {others} others"
            if self.manual:
                text += f"; against the manual list precision {row['precision']:.2f}, recall {row['recall']:.2f}, "
                text += f"F1 {row['f1']:.2f}"
            lines.append(text)
        return "\n".join([*lines, *(f"note: {note}" for note in self.catalogue.notes)])

    def table(self) -> tuple[tuple[str, ...], list[list[str]]]:
        """Return header and rows of a table of the sequences, interval by interval, for a terminal."""
        header = ("interval", "sequence", "rank", "start", "end", "events", "background", "aftershocks", "p", "largest",
                  "kind", "subregion", "also flagged by")  # fmt: skip
        rows = []
        for interval in self.intervals:
            also = ", ".join(self.label(name) for name in interval.also) or "nothing else"
            own = [s for s in self.sequences if s.interval == interval.number]
            for number, s in enumerate(own):
                magnitude = self.catalogue.magnitude[s.member]
                largest = f"M {np.nanmax(magnitude):.1f}" if np.isfinite(magnitude).any() else ""
                expected = [f"{value:.1f}" for value in (s.expected_background, s.expected_aftershocks)]
                row = [str(s.rank), _minute(s.start), _minute(s.end), str(s.events), *expected, f"{s.p_value:.1g}",
                       largest, s.kind, s.subregion]  # fmt: skip
                rows.append([str(interval.number), str(s.number), *row, also if number == 0 else ""])
        return header, rows

    def write(self, folder: str | os.PathLike, movie: bool = True) -> Path:
        """Write tables, GeoJSON, figures, movie and summary into a folder, and return the folder.

        Args:
            folder: where to write; it is made if need be.
            movie: False leaves the movie out, which takes longest.

        Raises:
            ZooError: if the folder is a file.
        """
        from zoo.files import write_json
        from zoo.seismicity.etas.goodness import draw_residuals, residuals
        from zoo.seismicity.expectation import events_of
        from zoo.seismicity.figures.movie import write_movie
        from zoo.seismicity.figures.pages import draw_all
        from zoo.seismicity.files import write_tables

        folder = Path(folder)
        if folder.is_file():
            raise ZooError(f"{folder} is a file; expected a folder to write to.")
        (folder / "summary.json").unlink(missing_ok=True)
        write_tables(self, folder)
        draw_all(self, folder)
        events = events_of(self.catalogue, self.grid, self.windows.begin)
        title = f"{self.catalogue.name}: events over what ETAS expects"
        draw_residuals(residuals(self.fit, events), folder / "etas.png", title)
        for old in folder.glob("movie.*"):
            old.unlink()
        if movie:
            write_movie(self, folder)
        write_json(folder / "summary.json", self.summary())  # last: where it is, everything else is
        return folder


def _minute(time: np.datetime64) -> str:
    return str(time.astype("datetime64[m]")).replace("T", " ")


def in_words(days: float) -> str:
    """Return a length of time as text.

    >>> in_words(2.0), in_words(1.0), in_words(0.25)
    ('2 days', '1 day', '6 h')
    """
    return f"{days:g} day{'s' * (days != 1)}" if days >= 1 else f"{24 * days:g} h"

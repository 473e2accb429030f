"""What a column of a catalogue may hold, and where in a table each stands."""

from __future__ import annotations

from dataclasses import dataclass, field

ROLES = (
    "time", "date", "clock", "year", "month", "day", "doy", "hour", "minute", "second", "longitude", "latitude", "x",
    "y", "depth", "magnitude", "type", "id",
)  # fmt: skip


LENGTHS = ("x", "y", "depth")


TIMES = ("time", "date", "clock", "hhmm", "hhmmss", "year", "month", "day", "doy", "hour", "minute", "second")


@dataclass
class Layout:
    """Which column holds what."""

    column: dict[str, int]
    """role -> number of the column, from 0"""
    unit: dict[str, str] = field(default_factory=dict)
    """role -> "m", "km" or "ft", for x, y and depth where the name or the user says so"""
    side: dict[str, int] = field(default_factory=dict)
    """role -> -1 where positive numbers go south or west by the name of the column, -2 where the user says so"""
    magnitudes: list[tuple[int, str]] = field(default_factory=list)
    """column and name of each magnitude, the preferred one first"""
    zone_h: float = 0.0
    """hours by which the times are ahead of UTC"""
    notes: list[str] = field(default_factory=list)

    @property
    def geographic(self) -> bool:
        """Whether places are given in degrees."""
        return "longitude" in self.column

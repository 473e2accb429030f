"""What was annotated at each station, what was found there, and what the user should know about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.errors import ZooError
from zoo.progress import say
from zoo.seismograms.picking.results import StationPick, Window
from zoo.seismograms.picking.segments import Segment
from zoo.seismograms.picking.windows import CLASS, Shape, least_samples

if TYPE_CHECKING:
    from obspy import UTCDateTime

_SHOWN_NOTES = 12


@dataclass
class Station:
    """What was annotated at one station."""

    code: str
    """`NET.STA`."""
    instrument: str
    """Location and band, like `00.HH`."""
    components: str
    """Those that were recorded, like `ZNE`."""
    channels: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """By component: location and channel code of each that was used, the first instrument's first."""
    spans: list[tuple[UTCDateTime, UTCDateTime]] = field(default_factory=list)
    recorded_s: float = 0.0
    annotated_s: float = 0.0
    masked: int = 0
    """Picks that were left out because they lay in gaps that were filled."""

    def take(self, segment: Segment, annotated: bool) -> None:
        """Add a segment to what was recorded and, perhaps, annotated."""
        for component, channel in segment.channels.items():
            known = self.channels.setdefault(component, [])
            if (segment.instrument.location, channel) not in known:
                known.append((segment.instrument.location, channel))
        self.recorded_s += segment.samples / segment.rate_hz
        if annotated:
            self.annotated_s += segment.samples / segment.rate_hz
            self.spans.append((segment.time(0, segment.rate_hz), segment.time(segment.samples, segment.rate_hz)))

    def lose(self, segment: Segment) -> None:
        """Take a segment out of what was annotated: the model has no answer for it."""
        self.annotated_s -= segment.samples / segment.rate_hz
        start = segment.time(0, segment.rate_hz)
        self.spans[:] = [span for span in self.spans if span[0] != start]

    def leave_out(self, picks: int) -> None:
        """Count picks that lie in gaps that were filled."""
        self.masked += picks

    def say_masked(self, notes: list[str]) -> None:
        """Add a note on the picks that were left out, once."""
        if self.masked:
            what = f"{self.masked} pick{'s' * (self.masked > 1)} within gaps that were filled"
            notes.append(f"{self.code}: {what} left out.")
            self.masked = 0


@dataclass
class Done:
    """What was annotated at each station, and notes on what was chosen, filled or skipped."""

    stations: dict[str, Station] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def check(self, shape: Shape, aloud: bool = True) -> None:
        """Print the notes.

        Raises:
            ZooError: if nothing was annotated.
        """
        if not any(station.spans for station in self.stations.values()):
            least_s = least_samples(shape) / shape.sampling_rate_hz
            raise ZooError(
                f"Nothing to annotate. {' '.join(self.notes)} {shape.name} needs the vertical of a station (a channel "
                f"code that ends in Z, in U, V or D without Z, or in 1 beside 2 and 3; or what `components` says) over "
                f"{least_s:g} s or more without a gap."
            )
        for note in self.notes if aloud else ():
            say(f"zoo: {note}")


@dataclass
class Annotated:
    """What `annotate_files` found.

    Attributes:
        shape: what the model takes and gives.
        thresholds: least peak of a pick by phase; empty for classifiers.
        folder: where the files are.
        done: what was annotated, and notes.
        picks: by station and time, from a picker.
        windows: by station and time, from a classifier.
    """

    shape: Shape
    thresholds: dict[str, float]
    folder: Path
    done: Done = field(default_factory=Done)
    picks: list[StationPick] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)

    @property
    def stations(self) -> dict[str, Station]:
        """What was annotated at each station, by `NET.STA`."""
        return self.done.stations

    @property
    def notes(self) -> list[str]:
        """Notes on what was chosen, filled or skipped."""
        return self.done.notes

    def summary(self) -> dict[str, Any]:
        """Return what `summary.json` holds."""
        by_station = {}
        for code, station in self.stations.items():
            by_station[code] = {
                "instrument": station.instrument,
                "components": station.components,
                "channels": {c: [f"{where}.{name}" for where, name in used] for c, used in station.channels.items()},
                "recorded_s": round(station.recorded_s, 3),
                "annotated_s": round(station.annotated_s, 3),
                **self._counts(code),
            }
        return {
            "model": self.shape.method,
            "sampling_rate_hz": self.shape.sampling_rate_hz,
            "window_s": self.shape.samples / self.shape.sampling_rate_hz,
            "thresholds": self.least_probabilities(),
            **self._counts(),
            "stations": by_station,
            "notes": self.notes,
        }

    def least_probabilities(self) -> dict[str, float]:
        """Return the least probability of a pick by phase."""
        known = self.shape.calibration
        if not known:
            return self.thresholds
        return {phase: round(float(known.probability(phase, peak)), 4) for phase, peak in self.thresholds.items()}

    def _counts(self, code: str | None = None) -> dict[str, dict[str, int]]:
        kind, found = ("picks", self.picks) if self.shape.answers != CLASS else ("windows", self.windows)
        labels = [label for label in self.shape.labels if self.shape.answers == CLASS or label in self.thresholds]
        chosen = [item for item in found if code in (None, f"{item.network}.{item.station}")]
        return {
            kind: {name: sum((i.label if kind == "windows" else i.phase) == name for i in chosen) for name in labels}
        }

    def report(self) -> str:
        """Return a text on how much was annotated and what was found, a line a station."""
        hours = sum(station.annotated_s for station in self.stations.values()) / 3600
        lines = [f"{self.shape.method}: {hours:.3g} h at {len(self.stations)} station{'s' * (len(self.stations) != 1)}"]
        for code, station in self.stations.items():
            ((kind, counts),) = self._counts(code).items()
            found = ", ".join(f"{count} {label}" for label, count in counts.items())
            lines.append(f"{code:<10} {station.instrument:<8} {station.annotated_s / 60:>8.1f} min  {kind}: {found}")
        notes = _by_text(self.notes)
        lines += [f"note: {note}" for note in notes[:_SHOWN_NOTES]]
        if len(notes) > _SHOWN_NOTES:
            lines.append(f"note: {len(notes) - _SHOWN_NOTES} more in summary.json")
        return "\n".join(lines)


def _by_text(notes: Sequence[str]) -> list[str]:
    """Return notes in which those that say the same about several stations are merged."""
    codes: dict[str, list[str]] = {}
    for note in notes:
        code, _, text = note.partition(": ")
        codes.setdefault(text, []).append(code)
    return [
        f"{', '.join(of[:3])}{f' and {len(of) - 3} more' if len(of) > 3 else ''}: {text}" if text else of[0]
        for text, of in codes.items()
    ]

"""What was done and found in an archive."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from zoo.errors import PassedOver
from zoo.files import write_csv, write_json
from zoo.seismograms.picking.tables import Row, decode, kind_of
from zoo.seismograms.picking.units import Unit
from zoo.seismograms.picking.windows import CLASS, Shape
from zoo.seismograms.picking.work import Folder

_SHOWN, _KEPT_NOTES = 12, 200


@dataclass
class ArchiveReport:
    """What `annotate_archive` did and found.

    Attributes:
        shape: what the model takes and gives.
        thresholds: least peak of a pick by phase; empty for classifiers.
        folder: of the results.
        problems: files and units that could not be read, with the reason.
        notes: on instruments, gaps ...; the first 200 different ones (units/ holds all).
        units: how many there are, of all stations and days that were asked for.
        done: how many of them are done.
        annotated_s: by station, seconds of record that were annotated.
        counts: by station, how many picks of each phase, or windows of each label.
        days: those whose tables are written.
    """

    shape: Shape
    thresholds: Mapping[str, float]
    folder: Folder
    problems: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    units: int = 0
    done: int = 0
    annotated_s: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    counts: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    days: list[str] = field(default_factory=list)

    def take(self, units: Sequence[Unit], records: Sequence[Mapping[str, Any] | None]) -> None:
        """Enter the units of a day, and their records as far as they are done."""
        column = kind_of(self.shape)._fields.index("label" if self.shape.answers == CLASS else "phase")
        known = set(self.notes)
        for unit, record in zip(units, records, strict=True):
            self.units += 1
            if record is None:
                continue
            self.done += 1
            self.annotated_s[unit.station] += record["annotated_s"]
            self.counts[unit.station].update(row[column] for row in record["rows"])
            self.problems += [(unit.name, problem) for problem in record["problems"]]
            passed_over = set(record.get("passed_over", ()))
            for note in record["notes"]:
                if note not in known and len(self.notes) < _KEPT_NOTES:
                    known.add(note)
                    self.notes.append(PassedOver(note) if note in passed_over else note)
        if None not in records:
            self.days.append(units[0].day)

    @property
    def what(self) -> str:
        """`picks` or `windows`."""
        return "windows" if self.shape.answers == CLASS else "picks"

    def picks(self) -> Iterator[Row]:
        """Yield the picks, or labelled windows, of the days whose tables are written, by day, station and time."""
        for day in sorted(self.days):
            for record in self.folder.records(day):
                yield from decode(record["rows"], kind_of(self.shape))

    def total(self) -> dict[str, int]:
        """Return how many picks of each phase, or windows of each label, were found in all."""
        labels = self.shape.labels if self.shape.answers == CLASS else self.thresholds
        return {label: sum(counts[label] for counts in self.counts.values()) for label in labels}

    def least_probabilities(self) -> dict[str, float]:
        """Return the least probability of a pick by phase."""
        known = self.shape.calibration
        if not known:
            return dict(self.thresholds)
        return {phase: round(float(known.probability(phase, peak)), 4) for phase, peak in self.thresholds.items()}

    def summary(self) -> dict[str, Any]:
        """Return what `summary.json` holds."""
        stations = {
            code: {"annotated_s": round(self.annotated_s[code], 3), self.what: dict(sorted(self.counts[code].items()))}
            for code in sorted(self.annotated_s)
        }
        return {
            "model": self.shape.method,
            "thresholds": self.least_probabilities(),
            "units": self.units,
            "units_done": self.done,
            "days_written": len(self.days),
            self.what: self.total(),
            "stations": stations,
            "problems": [list(problem) for problem in self.problems],
            "notes": self.notes,
        }

    def write(self, done_by_all: bool = True) -> None:
        """Write summary.json and problems.csv; a shard leaves them to the others unless everything is done."""
        if not done_by_all and self.done < self.units:
            return

        write_csv(self.folder.path / "problems.csv", ("where", "problem"), self.problems)
        write_json(self.folder.path / "summary.json", self.summary())

    def report(self) -> str:
        """Return a text on what is done and was found, a line a station."""
        hours = sum(self.annotated_s.values()) / 3600
        lines = [
            f"{self.shape.method}: {self.done} of {self.units} units done, {hours:.3g} station-hours; tables of "
            f"{len(self.days)} day{'s' * (len(self.days) != 1)} in {self.folder.path / 'days'}"
        ]
        if self.done < self.units:
            lines.append("the same command does the rest; the tables of a day are written when all its units are done")
        for code in sorted(self.annotated_s)[:_SHOWN]:
            found = ", ".join(f"{count} {label}" for label, count in sorted(self.counts[code].items()))
            lines.append(f"{code:<10} {self.annotated_s[code] / 3600:>8.1f} h  {self.what}: {found or 'none'}")
        if len(self.annotated_s) > _SHOWN:
            total = ", ".join(f"{count} {label}" for label, count in self.total().items())
            lines.append(f"{len(self.annotated_s) - _SHOWN} more stations in summary.json; in all {total}")
        for kind, texts in (("problem", [": ".join(p) for p in self.problems]), ("note", self.notes)):
            lines += [f"{kind}: {text}" for text in texts[:_SHOWN]]
            if len(texts) > _SHOWN:
                lines.append(f"{kind}: {len(texts) - _SHOWN} more in summary.json")
        return "\n".join(lines)

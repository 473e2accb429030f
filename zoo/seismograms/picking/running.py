"""Annotate an archive of any length: restartable, in parallel, with the memory of one unit of work.

    zoo annotate ARCHIVE --out DIR --workers 4            # the same command again goes on where it stopped
    zoo annotate ARCHIVE --out DIR --shard 3/20           # in a job array; who finishes a day writes its tables

The folder holds `days/2020-01-31/picks.csv`, `.parquet`, `.xml` (QuakeML), or windows.csv and .parquet for classifiers;
`summary.json`; `problems.csv` (files that could not be read ...); and what a later run goes on from: `index.jsonl`
(headers), `units/` (a JSON file for each station and piece of time), `made.json` (model, settings, code).

How the archive is cut changes nothing: windows and samples lie on a grid since 1970, and a unit reads margins. One rule
looks at a unit as a whole: a channel of which more than half is at one value for a second or longer is left as it is.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from zoo.cluster import Job, run
from zoo.errors import UsageError, ZooError
from zoo.files import digest, read_json, write_json
from zoo.progress import bar, say
from zoo.seismograms.picking import work
from zoo.seismograms.picking.annotate import least_rate_hz
from zoo.seismograms.picking.archive import FileSource, ask, scan
from zoo.seismograms.picking.archive_report import ArchiveReport
from zoo.seismograms.picking.components import components_of
from zoo.seismograms.picking.files import find
from zoo.seismograms.picking.measures import Responses
from zoo.seismograms.picking.options import inventory_of, thresholds_of
from zoo.seismograms.picking.segments import MAX_GAP_S
from zoo.seismograms.picking.tables import write_day
from zoo.seismograms.picking.units import PIECE_HOURS, Selection, Unit, by_day, units
from zoo.seismograms.picking.windows import model_and_shape
from zoo.store import is_address

if TYPE_CHECKING:
    from obspy import Inventory, UTCDateTime

ARCHIVE_MB = 200
"""Files of more than this are an archive: some seven station-days of three components at 100 Hz."""
_ENDED = (
    "A worker needs about 1 GB. What was done is kept: run the same command again, perhaps with fewer --workers or a "
    "smaller --piece-hours."
)


def annotate_archive(
    what: Any,
    model: Any = "phase_picker",
    out: str | os.PathLike = "annotated",
    thresholds: Mapping[str, float] | float | str | None = None,
    *,
    false_per_hour: float | None = None,
    stations: Sequence[str] | None = None,
    start: UTCDateTime | str | None = None,
    end: UTCDateTime | str | None = None,
    piece_hours: float = 6,
    workers: int = 1,
    cluster: str | None = None,
    shard: str | None = None,
    probabilities: bool = False,
    overlap: float | None = None,
    max_gap_s: float = MAX_GAP_S,
    components: Mapping[str, str] | str | None = None,
    inventory: Inventory | str | os.PathLike | None = None,
) -> ArchiveReport:
    """Annotate an archive; what is done already is not done again.

    >>> import obspy, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     obspy.read().write(f"{folder}/day.mseed", format="MSEED")
    ...     found = annotate_archive(f"{folder}/day.mseed", "phase_picker", f"{folder}/picked", piece_hours=1)
    ...     [(pick.phase, str(pick.time)[11:19]) for pick in found.picks()]
    [('P', '00:20:07'), ('S', '00:20:08')]

    Args:
        what: files, folders (an SDS tree too) and wildcards, also in stores (s3://, gs://); or an ObsPy client with
            `get_waveforms` (fdsn, earthworm, filesystem), for which stations, start and end are named.
        model: a waveform model, or the name or folder of its checkpoint, which several workers need.
        out: folder of the results, for one model and one choice of settings.
        thresholds: as in `classify`, or a text like "P=0.3,S=0.3".
        false_per_hour: as in `classify`.
        stations: `NET.STA` codes; default all.
        start: results before it are left out.
        end: results from it on are left out.
        piece_hours: length of a unit of work: 0.25, 0.5, 1, 2, 3, 4, 6, 8, 12 or 24.
        workers: processes of one thread each; 1: this process, with TensorFlow's own threads. A script that asks for
            more needs `if __name__ == "__main__":`, because they are spawned.
        cluster: as in `zoo.cluster.run`; then workers do not matter. All see archive and `out` under the same paths.
        shard: "2/10": only the second of ten parts, all of which write to the same folder.
        probabilities: whether probabilities/DAY/NET.STA.THHMM.mseed are written.
        overlap, max_gap_s, components: as in `annotate`.
        inventory: as in `annotate_files`.

    Returns:
        What was done and found; `report()` gives it as a text, `picks()` what was found.

    Raises:
        ZooError: if there is nothing to annotate, the folder holds results that were made otherwise, a worker was
            killed, or as in `annotate`. A file or a service that cannot be read is a note, and tried again next time.
        UsageError: if an option has no such value.
    """
    if piece_hours not in PIECE_HOURS:
        raise UsageError(f"A piece has {', '.join(map(str, PIECE_HOURS))} hours; received {piece_hours:g}.")
    if workers < 1:
        raise UsageError(f"There is at least one worker; received {workers}.")
    named, part = model, _shard(shard)
    if (workers > 1 or cluster) and not isinstance(model, str | os.PathLike):
        raise UsageError("Several workers load the model themselves: give the name or the folder of its checkpoint.")
    selection = _selection(stations, start, end)
    model, shape = model_and_shape(model)
    settings = work.Settings(
        thresholds_of(thresholds, shape, false_per_hour),
        overlap,
        max_gap_s,
        components_of(components),
        piece_hours,
        probabilities,
    )
    inventory = inventory_of(inventory)
    made_by = settings.made_by(named, shape)
    folder = work.Folder(out, made_by)
    source = ask(what, selection) if hasattr(what, "get_waveforms") else _scan(what, selection, folder)
    found, notes = units(
        source.stretches(),
        selection,
        piece_hours,
        round(1e9 * work.margin_s(shape)),
        settings.components,
        least_rate_hz(model),
    )
    if not found:
        raise ZooError(
            f"Nothing to annotate: no station asked for has a vertical within the span. {' '.join(notes)}".strip()
        )
    report = ArchiveReport(shape, settings.thresholds, folder, source.problems, notes)
    mine = [unit for unit in found if part is None or unit.in_shard(*part)]
    todo = [unit for unit in mine if not _is_done(folder.read(unit))]
    if len(todo) < len(mine):
        say(f"zoo: {len(mine) - len(todo)} of {len(mine)} units are done already")
    # A unit names its files; workers may have another current folder.
    light = FileSource([], root=os.getcwd() if cluster else "") if isinstance(source, FileSource) else source
    days = _Days(folder, report, by_day(found), todo)
    if workers == 1 and cluster is None:
        job = Job(work.work, work.Worker(light, model, shape, settings, folder, Responses(inventory)))
    else:
        named, where = (os.path.abspath(path) if os.path.isdir(path) else str(path) for path in (named, out))
        job = Job(work.work, work.Order(light, named, settings, where, made_by, inventory), work.begin, _ENDED)
    if todo:
        with bar(f"Annotating {len(todo)} units", sum(unit.seconds for unit in todo)) as advance:
            for unit, record in run(job, todo, processes=workers, cluster=cluster):
                advance(unit.seconds)
                for problem in record["problems"]:
                    say(f"zoo: {problem}")
                days.passed(unit)
    days.all()
    report.write(done_by_all=part is None)
    return report


def is_archive(files: Sequence[str | os.PathLike]) -> bool:
    """Return whether files, folders and wildcards are too large to be annotated in one go, with figures."""
    if any(is_address(str(file)) for file in files):
        return True
    return sum(path.stat().st_size for path in find(files)) > 1e6 * ARCHIVE_MB


def _scan(what: Any, selection: Selection, folder: work.Folder) -> FileSource:
    files = [what] if isinstance(what, str | os.PathLike) else list(what)
    return scan(files, selection, folder.index)


def _selection(stations: Sequence[str] | None, start: Any, end: Any) -> Selection:
    """Read what is asked for.

    Raises:
        UsageError: if a station is not NET.STA, a time is none, or the span is empty.
    """
    from obspy import UTCDateTime

    for station in stations or ():
        if station.count(".") != 1:
            raise UsageError(f"Stations are NET.STA, like BW.RJOB; received {station!r}.")
    times = []
    for name, time in (("start", start), ("end", end)):
        try:
            times.append(None if time is None else UTCDateTime(time).ns)
        except (ValueError, TypeError) as error:
            raise UsageError(f"The {name} {time!r} is no time like 2020-01-31 or 2020-01-31T12:00 ({error}).") from None
    if None not in times and times[0] >= times[1]:
        raise UsageError(f"The span from {start} to {end} is empty.")
    return Selection(frozenset(stations) if stations else None, *times)


def _shard(text: str | None) -> tuple[int, int] | None:
    """Read "i/n".

    Raises:
        UsageError: if it is not that, with i from 1 to n.
    """
    if text is None:
        return None
    number, _, shards = text.partition("/")
    if not (number.isdigit() and shards.isdigit() and 1 <= int(number) <= int(shards)):
        raise UsageError(f"A shard is i/n with i from 1 to n, like 2/10; received {text!r}.")
    return int(number), int(shards)


def _is_done(record: Mapping[str, Any] | None) -> bool:
    return record is not None and not record["problems"]


@dataclass
class _Days:
    """The days of an archive: each one's tables are written when all units of the day are done, by whoever is last."""

    folder: work.Folder
    report: ArchiveReport
    days: Mapping[str, list[Unit]]
    todo: list[Unit]
    left: dict[str, int] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for unit in self.todo:
            self.left[unit.day] = self.left.get(unit.day, 0) + 1

    def passed(self, unit: Unit) -> None:
        """Take note that a unit is done."""
        self.left[unit.day] -= 1
        if not self.left[unit.day]:
            self.finish(unit.day)

    def all(self) -> None:
        """Finish the days that no unit of this run belonged to."""
        for day in self.days:
            if day not in self.written:
                self.finish(day)

    def finish(self, day: str) -> None:
        """Write the tables of a day if all its units are done, unless they are there; enter them in the report."""
        self.written.add(day)
        records = [self.folder.read(unit) for unit in self.days[day]]
        self.report.take(self.days[day], records)
        if None in records:
            return
        rows, seen = [], []
        for record in self.folder.records(day):  # also of stations that this run does not ask for
            rows += work.rows_of(record, self.report.shape)
            seen.append([record["unit"], record["input"], digest(repr(record["rows"]))])
        made, target = self.folder.day(day) / "made.json", {"made": self.folder.made, "units": digest(repr(seen))}
        if not made.exists() or read_json(made, "What made the tables of a day") != target:
            write_day(rows, self.report.shape, self.folder.day(day))
            write_json(made, target)  # last: where it is, the tables are whole

"""Working through units: each one's results are written once, whole, with what made them.

The record of a unit (JSON) holds the digests of what made it (model, settings, code) and of what it read. A record with
other digests, or with a problem, counts as not done. Nothing else is shared between processes, machines and times.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo import registry
from zoo.data.code import code_hashes
from zoo.errors import PassedOver, ZooError
from zoo.files import digest, read_json, sha256, write_json
from zoo.seismograms.picking import annotate, measures, picks, results, segments, windows
from zoo.seismograms.picking.annotate import answers_of
from zoo.seismograms.picking.archive import ClientSource, FileSource
from zoo.seismograms.picking.measures import Responses
from zoo.seismograms.picking.report import Done
from zoo.seismograms.picking.results import picks_of, traces_of, windows_of, write_probabilities
from zoo.seismograms.picking.tables import Row, begins_ns, decode, encode, kind_of
from zoo.seismograms.picking.units import Unit
from zoo.seismograms.picking.windows import CLASS, PICKS, Answer, Shape, model_and_shape
from zoo.store import atomic_path

_AROUND_S = 20.0  # more than a pick depends on beside the windows that hold it: its peak, its onset, the filters
_MADE = "made.json"


@dataclass(frozen=True)
class Settings:
    """What decides the results, beside the waveforms."""

    thresholds: Mapping[str, float]
    overlap: float | None
    max_gap_s: float
    components: Mapping[str, str] | None
    piece_hours: float
    probabilities: bool
    """Whether traces of probability are written."""

    def made_by(self, model: Any, shape: Shape) -> dict[str, Any]:
        """Return what is written beside the results: these settings, the model's and the code's digests."""
        modules = (annotate, measures, picks, results, segments, windows)
        own = {
            **vars(self),
            "thresholds": dict(self.thresholds),
            "components": self.components and dict(self.components),
        }
        return {
            "model": shape.method,
            "model_sha256": model_digest(model),
            **own,
            "code": digest(*code_hashes(Path(module.__file__) for module in modules))[:16],
        }


def model_digest(model: Any) -> str:
    """Return a digest of a checkpoint's configuration and weights, or of a model's type and weights."""
    if isinstance(model, str | os.PathLike):
        folder = registry.find(model)
        return digest(*(sha256(folder / name) for name in ("config.json", "model.weights.h5")))
    weights = model.get_weights() if hasattr(model, "get_weights") else ()
    return digest(type(model).__name__, *weights)


def margin_s(shape: Shape) -> float:
    """Return how far a unit's results may depend on the record beyond it, s: two windows and 20 s."""
    return 2 * shape.samples / shape.sampling_rate_hz + _AROUND_S


class Folder:
    """The folder of an archive's results, and the digest of what makes them.

    Args:
        path: of the folder.
        made_by: model, settings, code.

    Raises:
        ZooError: if the folder holds results of another model, other settings or other code.
    """

    def __init__(self, path: str | os.PathLike, made_by: Mapping[str, Any]):
        self.path, self.made = Path(path), digest(json.dumps(made_by, sort_keys=True))[:16]
        kept = self.path / _MADE
        if not kept.exists():
            write_json(kept, made_by)
            return
        there = read_json(kept, "What made the results in this folder")
        differ = [f"{key} {there.get(key)}, now {made_by[key]}" for key in made_by if there.get(key) != made_by[key]]
        if differ:
            raise ZooError(
                f"{self.path} holds results that were made otherwise ({'; '.join(differ)}). Results are not mixed: "
                "choose another folder with --out, or remove this one."
            )

    @property
    def index(self) -> Path:
        """What the archive's files hold."""
        return self.path / "index.jsonl"

    def day(self, day: str) -> Path:
        """The folder of a day's tables."""
        return self.path / "days" / day

    def record(self, unit: Unit) -> Path:
        """The file of a unit's results."""
        return self.path / "units" / unit.day / f"{unit.name}.json"

    def read(self, unit: Unit) -> dict[str, Any] | None:
        """Return a unit's record, None if it is not there or was made of other files."""
        try:
            record = json.loads(self.record(unit).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return record if (record.get("made"), record.get("input")) == (self.made, unit.input) else None

    def record_paths(self, day: str) -> list[Path]:
        """Return the files of a day's records, in order; not what a killed process left half written."""
        return sorted(path for path in (self.path / "units" / day).glob("*.json") if not path.name.startswith("."))

    def records(self, day: str) -> Iterator[dict[str, Any]]:
        """Yield all records of a day, those of earlier selections too, in order of their names."""
        for path in self.record_paths(day):
            record = read_json(path, "The results of a unit")
            if record["made"] == self.made:
                yield record

    def write(self, unit: Unit, record: Mapping[str, Any]) -> None:
        """Write a unit's record."""
        whole = {"made": self.made, "input": unit.input, "unit": unit.name, **record}
        with atomic_path(self.record(unit)) as temporary:
            temporary.write_text(json.dumps(whole) + "\n", encoding="utf-8")


@dataclass
class Worker:
    """What a process needs to work through units."""

    source: FileSource | ClientSource
    model: Any
    shape: Shape
    settings: Settings
    folder: Folder
    responses: Responses

    def work(self, unit: Unit) -> dict[str, Any]:
        """Annotate a unit and write its record; return it without its rows.

        Whatever goes wrong with the unit's waveforms is written in the record, and the next unit is not touched by it.
        """
        try:
            record = self.annotate(unit)
        except Exception as error:
            record = {"rows": [], "annotated_s": 0.0, "notes": [], "problems": [f"{unit.name} of {unit.day}: {error}"]}
        self.folder.write(unit, record)
        return {**record, "rows": len(record["rows"])}

    def annotate(self, unit: Unit) -> dict[str, Any]:
        """Return a unit's record: its rows, the seconds that were annotated, notes, problems."""
        shape, settings = self.shape, self.settings
        stream, problems = self.source.read(unit, round(1e9 * margin_s(shape)))
        rows: list[Row] = []
        traces: list = []
        annotated_s, done = 0.0, Done()
        how = settings.overlap, settings.max_gap_s, settings.components
        for answer in answers_of(stream, self.model, shape, done, *how, choose=unit.choose):
            found = self._found(answer, done)
            rows += [row for row in found if unit.begins_ns <= begins_ns(row) < unit.ends_ns]
            rate_hz = shape.sampling_rate_hz
            begins, ends = (answer.segment.time(k, rate_hz).ns for k in (0, answer.segment.length(rate_hz)))
            annotated_s += max(0, min(ends, unit.ends_ns) - max(begins, unit.begins_ns)) / 1e9
            if settings.probabilities:
                traces += _within(traces_of(answer), unit, shape)
        if traces:
            folder = self.folder.path / "probabilities" / unit.day
            write_probabilities(traces, folder / f"{unit.name}.mseed")
        return {
            "rows": encode(rows),
            "annotated_s": round(annotated_s, 3),
            "notes": done.notes,
            "passed_over": [note for note in done.notes if isinstance(note, PassedOver)],  # JSON keeps no types
            "problems": problems,
        }

    def _found(self, answer: Answer, done: Done) -> Sequence[Row]:
        if self.shape.answers == CLASS:
            return windows_of(answer)
        left_out = done.stations[answer.segment.instrument.code].leave_out
        return picks_of(answer, self.settings.thresholds, self.responses, left_out)


def _within(traces: Sequence[Any], unit: Unit, shape: Shape) -> list[Any]:
    """Return what of traces of probability belongs to a unit; that of noise is 1 less the others."""
    from obspy import UTCDateTime

    begins, ends = UTCDateTime(ns=unit.begins_ns), UTCDateTime(ns=unit.ends_ns - 1)
    kept = [trace for trace in traces if shape.answers != PICKS or not trace.stats.channel.endswith("_noise")]
    inside = [trace.slice(begins, ends, nearest_sample=False) for trace in kept]
    return [trace for trace in inside if trace.stats.npts]


def rows_of(record: Mapping[str, Any], shape: Shape) -> list[Row]:
    """Return the picks or windows of a unit's record."""
    return decode(record["rows"], kind_of(shape))


@dataclass(frozen=True)
class Order:
    """What a worker process is told at its start."""

    source: FileSource | ClientSource
    model: str
    settings: Settings
    out: str
    made_by: Mapping[str, Any] = field(hash=False)
    inventory: Any = field(hash=False)


def begin(order: Order) -> Worker:
    """Start in a worker process: load the model, hold TensorFlow to one thread."""
    import tensorflow as tf

    with suppress(RuntimeError):  # a worker of somebody's cluster that has used TensorFlow before
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    model, shape = model_and_shape(order.model)
    folder = Folder(order.out, order.made_by)
    return Worker(order.source, model, shape, order.settings, folder, Responses(order.inventory))


def work(worker: Worker, unit: Unit) -> dict[str, Any]:
    """Annotate a unit: the work of a `zoo.cluster.Job`."""
    return worker.work(unit)

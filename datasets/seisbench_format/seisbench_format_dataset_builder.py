"""Any dataset in SeisBench's format, as TFDS."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from zoo.data.builders import check_own_name
from zoo.errors import UsageError, ZooError
from zoo.seismograms.archives.columns import COLUMNS
from zoo.seismograms.archives.preparation import COMPLETE, Layout, Row, Skipped, Traces, WaveformBuilder, WaveformConfig
from zoo.seismograms.signals import draws
from zoo.settings import Setting, read

from . import buckets, records
from .folder import Chunk, Survey, Table, find_chunks, places_by_bucket, row_rate_hz, survey, text

_SETTINGS = {
    "folder": Setting("", "folder with metadata.csv and waveforms.hdf5", "SeisBench's format"),
    "samples": Setting(
        0, "length of a record; 0: that of the traces in the folder", "ours: the median", unit="samples", low=0
    ),
    "sampling_rate_hz": Setting(
        0.0,
        "sampling rate of a record; 0: that of most traces in the folder",
        "ours: as few as possible are resampled",
        unit="Hz",
        low=0.0,
        high=1e6,
    ),
    "seed": Setting(0, "seed of where longer traces are cut", "ours: any", low=0),
    **COMPLETE,
}
_SPLITS = {"train": "train", "dev": "validation", "validation": "validation", "test": "test"}
_SPLIT_RULE = "80 % of the events train, 10 % validate, 10 % test, by a hash of source_id (no event: of the trace)"


@dataclasses.dataclass
class FolderConfig(WaveformConfig):
    """A folder, and what its records look like."""

    folder: str = ""
    checksum: str = ""
    """Of the metadata and the sizes of the waveform files, so that a changed folder is not taken for the old one."""
    samples: int = 0
    """Length of a record."""
    sampling_rate_hz: float = 0.0
    """Sampling rate of a record; other traces are resampled to it."""
    seed: int = 0
    """Seed of the places at which longer traces are cut."""
    columns: tuple[str, ...] = ()
    own_columns: tuple[tuple[str, str], ...] = ()
    """(name, "number" or "text") of columns that only this folder has."""
    categories: tuple[str, ...] = ()
    has_splits: bool = True
    dimension_order: str = "CW"
    component_order: str = ""
    folder_rate_hz: float = 0.0
    """Sampling rate of traces whose row states none."""
    unit: str = ""
    measurement: str = ""
    instrument_response: str = ""
    traces: int = 0


class Builder(WaveformBuilder):
    """Seismograms of a SeisBench dataset's folder."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    SETTINGS = _SETTINGS
    BUILDER_CONFIGS = []

    @classmethod
    def custom_config(cls, name: str, settings: dict[str, str]) -> FolderConfig:
        """Return the config of `zoo prepare seisbench_format/NAME --set folder=DIR ...`; reads the folder's metadata.

        Args:
            name: what to call it.
            settings: `folder`, and perhaps `samples`, `sampling_rate_hz`, `seed`, `complete`: README.md.
        """
        check_own_name("seisbench_format", name, cls.builder_configs)
        given = read("seisbench_format", cls.SETTINGS, settings)
        if not given.get("folder"):
            raise UsageError("Which folder? zoo prepare seisbench_format/NAME --set folder=DIR")
        folder = Path(given.pop("folder")).expanduser().resolve()
        chunks = find_chunks(folder)
        stated = buckets.read_format(chunks)
        found = survey(chunks)
        folder_rate_hz = float(stated.get("sampling_rate") or 0.0)
        rate_hz = given.pop("sampling_rate_hz", 0.0) or _usual_rate_hz(found, folder_rate_hz, folder)
        samples = given.pop("samples", 0) or _usual_length(chunks, stated, found, rate_hz, folder_rate_hz)
        order = stated["component_order"]
        if not order and "trace_component_order" not in found.header:
            raise ZooError(
                f"{folder} does not say which component is which: give metadata.csv a column trace_component_order "
                "(like ZNE), or waveforms.hdf5 a text data_format/component_order."
            )
        own = found.own_columns()
        known = [column for column in COLUMNS if column in found.header or column in _made(found.header)]
        return FolderConfig(
            name=name,
            description=f"The SeisBench dataset of the folder {folder.name}.",
            folder=str(folder),
            checksum=found.checksum,
            samples=samples,
            sampling_rate_hz=rate_hz,
            columns=(*known, *own),
            own_columns=tuple(own.items()),
            categories=found.labels(),
            has_splits="split" in found.header,
            dimension_order=stated["dimension_order"],
            component_order=order,
            folder_rate_hz=folder_rate_hz,
            **{key: str(stated.get(key, "unknown")) for key in ("unit", "measurement", "instrument_response")},
            traces=found.rows,
            **given,
        )

    def _layout(self) -> Layout:
        config = self.builder_config
        if not isinstance(config, FolderConfig):
            raise UsageError("Which folder? zoo prepare seisbench_format/NAME --set folder=DIR")
        return Layout(
            samples=config.samples,
            sampling_rate_hz=config.sampling_rate_hz,
            columns=config.columns,
            unit=config.unit,
            categories=config.categories,
            own_columns=config.own_columns,
        )

    def _about(self) -> dict[str, Any]:
        config = self.builder_config
        return {
            "origin": f"a SeisBench dataset in the folder {Path(config.folder).name}",
            "licence": "that of the dataset",
            "measurement": config.measurement,
            "instrument_response": config.instrument_response,
            "split_rule": "the folder's own column split" if config.has_splits else _SPLIT_RULE,
        }

    def _sources(self, dl_manager: tfds.download.DownloadManager) -> list[Path]:
        return [path for chunk in find_chunks(Path(self.builder_config.folder)) for path in chunk[1:]]

    def _count(self, sources: list[Path]) -> int:
        return self.builder_config.traces

    def _rows(self, sources: list[Path]) -> Iterator[Row | Skipped]:
        for number, chunk in enumerate(find_chunks(Path(self.builder_config.folder))):
            places = places_by_bucket(chunk)
            with Table(chunk.metadata) as table:
                for fields in table.at(places):
                    yield self._row(number, chunk, table.header, fields)

    def _row(self, number: int, chunk: Chunk, header: list[str], fields: list[str]) -> Row | Skipped:
        config = self.builder_config
        row = dict(zip(header, fields, strict=False))
        name = records.name_of(chunk, row.get("trace_name", ""))
        if len(fields) != len(header):
            return Skipped(name, "a row of metadata with more or fewer fields than its header")
        if not row["trace_name"].strip():
            return Skipped(name, "no trace_name")
        if not row_rate_hz(header, fields) and not config.folder_rate_hz:
            return Skipped(name, "no sampling rate")
        if not (text(row.get("trace_component_order", "")) or config.component_order):
            return Skipped(name, "no component order")
        if not config.has_splits:
            event = text(row.get("source_id", "")) or text(row.get("source_origin_time", "")) or name
            drawn = draws([event], 0)[0, 0]
            return Row("train" if drawn < 0.8 else "validation" if drawn < 0.9 else "test", name, (number, fields))
        split = _SPLITS.get(row.get("split", "").strip().lower())
        return Row(split, name, (number, fields)) if split else Skipped(name, "a split other than train, dev, test")

    def _read(self, sources: list[Path], rows: list[tuple[int, list[str]]]) -> Traces:
        return records.read(self.builder_config, find_chunks(Path(self.builder_config.folder)), rows)


def _made(header: list[str]) -> set[str]:
    """Return the columns that a record has although the folder does not have them under this name."""
    made = {"trace_name", "trace_component_order"}
    for column, others in records.ARRIVALS.items():
        if any(other in header for other in others):
            made.add(column)
    return made


def _usual_rate_hz(found: Survey, folder_rate_hz: float, folder: Path) -> float:
    """Return the rate that most traces have."""
    counts = found.rates_hz.copy()
    counts[folder_rate_hz] += counts.pop(0.0, 0)
    counts.pop(0.0, None)
    if not counts:
        raise ZooError(
            f"{folder} states no sampling rate: give metadata.csv a column trace_sampling_rate_hz, or waveforms.hdf5 "
            "a number data_format/sampling_rate."
        )
    return counts.most_common(1)[0][0]


def _usual_length(
    chunks: list[Chunk], stated: dict[str, Any], found: Survey, rate_hz: float, folder_rate_hz: float
) -> int:
    """Return the median length of the folder's traces, in samples of a record."""
    lengths = []
    for chunk in chunks:
        some = [(name, own or folder_rate_hz or rate_hz) for of, name, own in found.sample if of == chunk.name]
        with buckets.Waveforms(chunk.waveforms, stated["dimension_order"]) as file:
            pairs = zip(file.lengths([name for name, _ in some]), some, strict=True)
            lengths += [round(length * rate_hz / own) for length, (_, own) in pairs if length]
    if not lengths:
        raise ZooError(
            f"None of the traces that {chunks[0].metadata} names can be found in {chunks[0].waveforms}: "
            "do the two belong together?"
        )
    return max(1, statistics.median_low(lengths))

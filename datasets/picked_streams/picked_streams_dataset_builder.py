"""Waveform files with a table of picks (of another picker, or of an analyst), cut into records, as TFDS."""

from __future__ import annotations

import csv
import dataclasses
import glob
import hashlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow_datasets as tfds

from zoo.data.builders import check_own_name, manual_folder
from zoo.errors import UsageError, ZooError
from zoo.seismograms import signals
from zoo.seismograms.archives.checks import SKIPPED, Problem
from zoo.seismograms.archives.preparation import COMPLETE, Layout, Row, Skipped, Traces, WaveformBuilder, WaveformConfig
from zoo.seismograms.picking.labelled import LIKELY, write_picks
from zoo.settings import Setting, read

_COLUMNS = (
    *("trace_name", "trace_category", "trace_start_time", "trace_channel", "trace_component_order"),
    *("station_network_code", "station_code", "trace_p_arrival_sample", "trace_s_arrival_sample"),
    *("trace_origin_sample", "trace_picks", "trace_quiet_until_sample"),
)
_OWN = (("trace_picks", "text"), ("trace_quiet_until_sample", "number"))
_NEEDED = ("trace_id", "time", "phase", "probability")
_HORIZONTALS = (("N", "E"), ("1", "2"))
_SHARE_RECORDED = 0.9
"""A horizontal is used if it was recorded for this share of the vertical's time."""
_SLOWEST_HZ = 20.0
_NO_WAVEFORMS = (".csv", ".txt", ".md")
_SETTINGS = {
    "folder": Setting("", "folder of the waveform files; empty: the one that --manual-dir names", "ours"),
    "picks": Setting("", "table of picks; empty: the one file *picks.csv in the folder", "ours"),
    "samples": Setting(
        15_000, "length of a record; longer ones are cut, the rest is left", "ours", unit="samples", low=1
    ),
    "sampling_rate_hz": Setting(100.0, "sampling rate of the records", "as the picker's", unit="Hz", low=0.1),
    "quiet_s": Setting(
        0.0,
        "time from the beginning of each waveform that is noise, apart from picks; 0: all of it",
        "of records cut around catalogued origins",
        unit="s",
        low=0.0,
    ),
    "origin_s": Setting(
        0.0,
        "time from the beginning of each waveform to the catalogue's origin time; 0: not known",
        "of records cut around catalogued origins",
        unit="s",
        low=0.0,
    ),
    "folds": Setting(
        3, "parts into which the stations are dealt; 1: all are test", "ours: by station", unit="parts", low=1
    ),
    "fold": Setting(1, "the part that is test, from 1 to `folds`; the others are train", "ours: see folds", low=1),
    **COMPLETE,
}


@dataclasses.dataclass
class StreamsConfig(WaveformConfig):
    """Which files, what is known of them, and how their stations are divided into splits."""

    folder: str = ""
    """Where the waveform files are; empty: the one that --manual-dir names."""
    picks: str = ""
    """The table of picks; empty: `*picks.csv` in the folder."""
    samples: int = 15_000
    sampling_rate_hz: float = 100.0
    quiet_s: float = 0.0
    """Noise at the beginning of each waveform; 0: all of it is, apart from picks."""
    origin_s: float = 0.0
    """Origin time after the beginning of each waveform; 0: not known."""
    folds: int = 3
    fold: int = 1
    """The part of the stations that is test, from 1."""


class _Piece(NamedTuple):
    """A record to read: one piece of the waveform of one vertical, with its horizontals."""

    path: Path
    trace_id: str
    start: str
    """Time of the waveform's first sample."""
    number: int
    """Which piece of the waveform."""


class Builder(WaveformBuilder):
    """Waveform files (anything that ObsPy reads) with a table of picks, cut into records of one length."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "A folder of waveform files and a table *picks.csv: trace_id, time, phase, probability."
    )
    BUILDER_CONFIGS = [
        StreamsConfig(
            name="pnw_stations",
            description="Records of 150 s around catalogued events of the Pacific Northwest: 44 s of noise, the origin "
            "at 50 s, picks of PhaseNet.",
            quiet_s=44.0,
            origin_s=50.0,
        ),
        StreamsConfig(
            name="esec",
            description="Landslides, rock falls, avalanches and the noise around them, picks of PhaseNet.",
            samples=18_000,
        ),
    ]
    SETTINGS = _SETTINGS
    SPLITS = ("train", "test")

    @classmethod
    def custom_config(cls, name: str, settings: dict[str, str]) -> StreamsConfig:
        """Return a user's own config, from `zoo prepare picked_streams/NAME --set ...`."""
        check_own_name("picked_streams", name, cls.builder_configs)
        config = StreamsConfig(
            name=name, description="A user's own files.", **read("picked_streams", cls.SETTINGS, settings)
        )
        if config.fold > config.folds:
            raise UsageError(f"fold counts from 1 to folds; received fold={config.fold} folds={config.folds}.")
        return config

    def _layout(self) -> Layout:
        config = self.builder_config
        return Layout(config.samples, config.sampling_rate_hz, _COLUMNS, own_columns=_OWN)

    def _about(self) -> dict[str, Any]:
        config = self.builder_config
        known = {
            "pnw_stations": "Pacific Northwest Seismic Network through a public classification study; REAL; picks of "
            "PhaseNet's published weights (2019), no analyst's",
            "esec": "records of an exotic seismic event catalogue from public data centres; REAL; picks of PhaseNet's "
            "published weights (2019), no analyst's",
        }
        return {
            "origin": known.get(config.name, "a user's folder"),
            "licence": "MIT" if config.name in known else "that of the folder",
            "split": f"stations dealt into {config.folds} by a hash of their names; number {config.fold} is test",
        }

    def _sources(self, dl_manager: tfds.download.DownloadManager) -> list[Path]:
        config = self.builder_config
        folder = Path(config.folder).expanduser() if config.folder else manual_folder(dl_manager)
        if not folder:
            raise ZooError(f"picked_streams/{config.name}: name the folder of the files with --manual-dir.")
        tables = [Path(config.picks).expanduser()] if config.picks else sorted(folder.glob("*picks.csv"))
        if len(tables) != 1 or not tables[0].is_file():
            raise ZooError(
                f"picked_streams/{config.name}: expected one table *picks.csv in {folder}, found {len(tables)}. "
                "Name it with --set picks=FILE."
            )
        files = (path for path in sorted(folder.rglob("*")) if path.is_file())
        return [tables[0], *(path for path in files if path.suffix not in _NO_WAVEFORMS)]

    def _rows(self, sources: list[Path]) -> Iterator[Row | Skipped]:
        import obspy

        config = self.builder_config
        seconds = config.samples / config.sampling_rate_hz
        for path in sources[1:]:
            try:
                stream = obspy.read(glob.escape(str(path)), headonly=True)
            except Exception as error:  # ObsPy raises whatever a format's library leads to
                yield Skipped(path.name, f"unreadable: {str(error)[:60]}")
                continue
            for trace in stream:
                stats = trace.stats
                name = f"{trace.id}_{stats.starttime.strftime('%Y%m%dT%H%M%S')}"
                if stats.channel[-1:] != "Z":
                    continue
                if stats.sampling_rate < _SLOWEST_HZ:
                    yield Skipped(name, f"slower than {_SLOWEST_HZ:g} Hz")
                    continue
                pieces = int((stats.npts + 1) / stats.sampling_rate / seconds) if not config.quiet_s else 1
                if not pieces and stats.npts / stats.sampling_rate < seconds / 2:
                    yield Skipped(name, "shorter than half a record")
                for number in range(max(pieces, 1)):
                    split = "test" if _part(stats.network, stats.station, config.folds) == config.fold else "train"
                    piece = _Piece(path, trace.id, str(stats.starttime), number)
                    yield Row(split, f"{name}_{number}" if number else name, piece)

    def _read(self, sources: list[Path], rows: list[Any]) -> Traces:
        import obspy

        config, picks = self.builder_config, _read_table(sources[0])
        columns: dict[str, list] = {name: [] for name in _COLUMNS}
        waveforms, problems = [], []
        opened: tuple[Path | None, obspy.Stream] = (None, obspy.Stream())
        for piece in rows:
            if opened[0] != piece.path:
                opened = piece.path, obspy.read(glob.escape(str(piece.path)))
            stream = opened[1]
            vertical = next(t for t in stream.select(id=piece.trace_id) if str(t.stats.starttime) == piece.start)
            begin = vertical.stats.starttime + piece.number * config.samples / config.sampling_rate_hz
            try:
                waveform, components = _waveform(vertical, stream, begin, config)
            except ZooError as error:
                problems.append(Problem(f"{piece.trace_id}_{piece.start}", str(error)[:80], SKIPPED))
                continue
            found = [
                (phase, (time - begin.timestamp) * config.sampling_rate_hz, probability)
                for phase, time, probability in picks.get(piece.trace_id, ())
                if 0 <= (time - begin.timestamp) * config.sampling_rate_hz < config.samples
            ]
            waveforms.append(waveform)
            first = {
                phase: min((at for name, at, p in found if name == phase and p >= least), default=np.nan)
                for phase, least in LIKELY.items()
            }
            number = f"_{piece.number}" if piece.number else ""
            columns["trace_name"].append(
                f"{piece.trace_id}_{vertical.stats.starttime.strftime('%Y%m%dT%H%M%S')}{number}"
            )
            columns["trace_category"].append(
                "earthquake" if np.isfinite(first["P"]) else "unknown" if found else "noise"
            )
            columns["trace_start_time"].append(str(begin))
            columns["trace_channel"].append(vertical.stats.channel[:2])
            columns["trace_component_order"].append(components)
            columns["station_network_code"].append(vertical.stats.network)
            columns["station_code"].append(vertical.stats.station)
            columns["trace_p_arrival_sample"].append(first["P"])
            columns["trace_s_arrival_sample"].append(first["S"])
            columns["trace_origin_sample"].append(config.origin_s * config.sampling_rate_hz or np.nan)
            columns["trace_picks"].append(write_picks(found))
            columns["trace_quiet_until_sample"].append(config.quiet_s * config.sampling_rate_hz or np.nan)
        return Traces(np.array(waveforms, np.float32).reshape(len(waveforms), config.samples, 3), columns, problems)


def _waveform(vertical, stream, begin, config: StreamsConfig) -> tuple[np.ndarray, str]:
    """Return (samples, 3) at the record's rate from `begin` on, and the components that were recorded."""
    out = np.zeros((config.samples, 3), np.float32)
    seconds = config.samples / config.sampling_rate_hz
    out[:, 0] = _resampled(vertical, begin, seconds, config)
    present = "Z"
    band = vertical.id[:-1]
    for letters in _HORIZONTALS:
        for column, letter in enumerate(letters, 1):
            for trace in stream.select(id=band + letter):
                shared = min(trace.stats.endtime, begin + seconds) - max(trace.stats.starttime, begin)
                if shared >= _SHARE_RECORDED * seconds and not out[:, column].any():
                    out[:, column] = _resampled(trace, begin, seconds, config)
                    present += letter
    return out, present


def _resampled(trace, begin, seconds: float, config: StreamsConfig) -> np.ndarray:
    """Return a trace (samples,) without its mean from `begin` on; beyond its ends, its mirror image."""
    rate = round(trace.stats.sampling_rate, 3)
    values = np.ma.filled(np.ma.asarray(trace.data, np.float64), 0.0)
    first = round((begin - trace.stats.starttime) * rate)
    count = round(seconds * rate)
    piece = values[max(0, first) : first + count]
    piece = np.pad(piece - piece.mean(), (max(0, -first), count - max(0, -first) - len(piece)), mode="symmetric")
    made = signals.resample(
        piece[None, :, None].astype(np.float32), rate, config.sampling_rate_hz, samples=config.samples
    )
    return made[0, :, 0]


def _read_table(path: Path) -> dict[str, list[tuple[str, float, float]]]:
    """Return phase, time (s since 1970) and probability of the picks of each trace id.

    Raises:
        ZooError: if a column is missing, or a value cannot be read.
    """
    import obspy

    found = defaultdict(list)
    with open(path, newline="", encoding="utf-8") as file:
        table = csv.DictReader(file)
        missing = [name for name in _NEEDED if name not in (table.fieldnames or ())]
        if missing:
            raise ZooError(
                f"{path} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}: expected {_NEEDED}."
            )
        for number, row in enumerate(table, 2):
            try:
                time, probability = obspy.UTCDateTime(row["time"]).timestamp, float(row["probability"])
            except (ValueError, TypeError) as error:
                raise ZooError(f"{path}, line {number}: no time or probability in {dict(row)} ({error}).") from error
            if row["phase"] in LIKELY:
                found[row["trace_id"]].append((row["phase"], time, probability))
    return dict(found)


def _part(network: str, station: str, folds: int) -> int:
    """Return the part, from 1, to which a station is dealt."""
    return 1 + int.from_bytes(hashlib.blake2b(f"{network}.{station}".encode(), digest_size=8).digest()) % folds

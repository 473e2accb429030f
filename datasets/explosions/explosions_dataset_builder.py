"""Explosions and earthquakes at local distances, labelled, as TFDS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from zoo.data.builders import check_own_name, manual_folder
from zoo.errors import ZooError
from zoo.seismograms.archives.checks import KEPT, SKIPPED, Problem
from zoo.seismograms.archives.events import CATEGORIES
from zoo.seismograms.archives.miniseed import read_piece
from zoo.seismograms.archives.preparation import Layout, Row, Skipped, Traces, WaveformBuilder
from zoo.seismograms.signals import demean, draws, normalise, resample

from .settings import KONG_EARLIEST_S, KONG_RATE_HZ, SETTINGS, ExplosionConfig, own_config
from .sources import Recording, downloaded_recordings, folder_recordings, pnw_recordings
from .splits import by_event

COPIES = {"explosion": 10, "earthquake": 4}
"""Number of windows that kong2021 cuts from a record (Kong et al. 2021, section 3.3)."""
_COLUMNS = (
    *("trace_name", "trace_category", "trace_start_time", "trace_channel", "trace_component_order"),
    *("trace_origin_sample", "station_network_code", "station_code", "station_location_code"),
    *("station_latitude_deg", "station_longitude_deg", "station_elevation_m", "source_id", "source_type"),
    *("source_origin_time", "source_latitude_deg", "source_longitude_deg", "source_depth_km", "source_magnitude"),
    *("source_magnitude_type", "path_ep_distance_km", "path_azimuth_deg", "path_back_azimuth_deg"),
)
_SNR, _RECORDED_RATE = "trace_snr_2_10hz", "trace_recorded_rate_hz"


class Builder(WaveformBuilder):
    """Waveforms around the origins of explosions and earthquakes."""

    VERSION = tfds.core.Version("1.1.0")
    RELEASE_NOTES = {"1.1.0": "The column trace_recorded_rate_hz, the config pnw_events.", "1.0.0": "First release."}
    SETTINGS = SETTINGS
    MANUAL_DOWNLOAD_INSTRUCTIONS = "pnw needs the study's folder (metadata.csv, waveforms/): README.md."
    BUILDER_CONFIGS = [
        ExplosionConfig(
            name="pnw",
            description="Pacific Northwest, vertical, 50 Hz: hard cases of a classification study; needs --manual-dir.",
            components="Z",
            channels="*",
            sampling_rate_hz=50.0,
            window_s=(-45.0, 95.0),
        ),
        ExplosionConfig(
            name="pnw_events",
            description="The same traces at 100 Hz, for telling events apart; needs --manual-dir.",
            components="Z",
            channels="*",
            window_s=(-45.0, 95.0),
        ),
        ExplosionConfig(
            name="pnw_kong2021",
            description="The same, cut as in Kong et al. (2021), horizontals zero; needs --manual-dir.",
            channels="*",
            cut="kong2021",
            sampling_rate_hz=KONG_RATE_HZ,
        ),
    ]

    @classmethod
    def custom_config(cls, name: str, settings: dict[str, str]) -> ExplosionConfig:
        """Return a user's own config, from `zoo prepare explosions/NAME --set events=... ...`: README.md."""
        check_own_name("explosions", name, cls.builder_configs)
        return own_config(name, settings)

    def _is_pnw(self) -> bool:
        return not self.builder_config.events

    def _layout(self) -> Layout:
        config = self.builder_config
        scale = ("trace_scale",) if config.cut == "kong2021" else ()
        own = ((_RECORDED_RATE, "number"), *(((_SNR, "number"),) if self._is_pnw() else ()))
        return Layout(
            samples=config.samples,
            sampling_rate_hz=config.sampling_rate_hz,
            components=config.components,
            columns=(*_COLUMNS, *scale, *(name for name, _ in own)),
            categories=CATEGORIES,
            own_columns=own,
        )

    def _about(self) -> dict[str, Any]:
        config = self.builder_config
        origin = f"a user's own events; waveforms from {config.fdsn or config.waveforms}"
        if self._is_pnw():
            origin = "Pacific Northwest Seismic Network through a public classification study (MIT)"
        return {
            "origin": origin,
            "split_rule": "by event within each class, in the order of a seeded hash of the event's identifier",
            "response": "the instrument's response is not removed; the mean is",
        }

    def _sources(self, dl_manager: tfds.download.DownloadManager) -> list[Path]:
        if self._is_pnw():
            self._found = pnw_recordings(manual_folder(dl_manager), self.builder_config)
        elif self.builder_config.fdsn:
            self._found = downloaded_recordings(self.builder_config, Path(dl_manager.download_dir))
        else:
            self._found = folder_recordings(self.builder_config)
        files = {Path(file) for recording in self._found.recordings for file in recording.files}
        return [*self._found.tables, *sorted(files)]

    def _count(self, sources: list[Path]) -> int:
        return len(self._found.recordings)

    def _rows(self, sources: list[Path]) -> Iterator[Row | Skipped]:
        config = self.builder_config
        for problem in self._found.left_out:
            yield Skipped(problem.name, problem.problem)
        events = {recording.event.event_id: recording.event for recording in self._found.recordings}
        split = by_event(events.values(), config.shares, config.seed)
        for recording in self._found.recordings:
            yield Row(split[recording.event.event_id], recording.name, recording)

    def _read(self, sources: list[Path], rows: list[Recording]) -> Traces:
        layout = self._layout()
        waveforms, problems = [np.zeros((0, layout.samples, len(layout.components)), np.float32)], []
        columns: dict[str, list] = {name: [] for name in layout.columns}
        for recording in rows:
            found = _cut(self.builder_config, recording)
            if isinstance(found, Problem):
                problems.append(found)
                continue
            windows, values, notes = found
            waveforms.append(windows)
            for name in layout.columns:
                value = values[name]
                columns[name].extend(value if isinstance(value, list) else [value] * len(windows))
            problems += [Problem(recording.name, note, KEPT) for note in notes]
        return Traces(np.concatenate(waveforms), columns, problems)


def _cut(config: ExplosionConfig, recording: Recording) -> Problem | tuple[np.ndarray, dict[str, Any], tuple[str, ...]]:
    """Return the windows (n, samples, components) of a recording, their columns, and notes on what was filled."""
    event, station = recording.event, recording.station
    first_s, last_s = config.span_s
    piece = read_piece(
        recording.files,
        (station.network, station.station, station.location),
        event.origin_time + first_s,
        event.origin_time + last_s,
        to_hz=config.sampling_rate_hz,
        components=config.components,
        channels=station.channels or config.channels,
        max_gap_s=config.max_gap_s,
    )
    if isinstance(piece, str):
        return Problem(recording.name, piece, SKIPPED)
    rate = piece.sampling_rate_hz
    if config.cut == "kong2021":
        drawn = draws([recording.name], config.seed, COPIES[event.category])[0]
        starts = piece.first + np.floor(drawn * -KONG_EARLIEST_S * rate).astype(np.int64)
        names = [f"{recording.name}_{copy}" for copy in range(len(starts))]
    else:
        starts, names = np.array([piece.first]), [recording.name]
    try:
        windows = resample(
            np.broadcast_to(piece.data, (len(starts), *piece.data.shape)),
            rate,
            config.sampling_rate_hz,
            starts=starts,
            samples=config.samples,
        )
    except ZooError:  # no ratio of small whole numbers
        return Problem(recording.name, f"cannot be resampled to {config.sampling_rate_hz:g} Hz", SKIPPED)
    begins = [piece.starts + start / rate for start in starts.tolist()]
    distance_km, azimuth_deg, back_deg = station.path_from(event)
    values: dict[str, Any] = {
        "trace_name": names,
        "trace_category": event.category,
        "trace_start_time": [str(time) for time in begins],
        "trace_channel": piece.channel,
        "trace_component_order": piece.order,
        "trace_origin_sample": [(event.origin_time - time) * config.sampling_rate_hz for time in begins],
        "station_network_code": station.network,
        "station_code": station.station,
        "station_location_code": piece.location,
        "station_latitude_deg": station.latitude_deg,
        "station_longitude_deg": station.longitude_deg,
        "station_elevation_m": station.elevation_m,
        "source_id": event.event_id,
        "source_type": event.event_type,
        "source_origin_time": str(event.origin_time),
        "source_latitude_deg": event.latitude_deg,
        "source_longitude_deg": event.longitude_deg,
        "source_depth_km": event.depth_km,
        "source_magnitude": event.magnitude,
        "source_magnitude_type": event.magnitude_type,
        "path_ep_distance_km": distance_km,
        "path_azimuth_deg": azimuth_deg,
        "path_back_azimuth_deg": back_deg,
        _SNR: recording.snr,
        _RECORDED_RATE: rate,
    }
    if config.cut == "kong2021":
        windows, scale = normalise(demean(windows))
        values["trace_scale"] = scale.tolist()
    return windows, values, (*recording.notes, *piece.notes)

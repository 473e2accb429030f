"""A picker in numpy (no TensorFlow: it starts at once), and records for it, also in processes of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from obspy import Stream, Trace, UTCDateTime

RATE_HZ = 20.0


class ToyPicker:
    """P where the last 0.2 s of Z have more energy than the second before them, S where the horizontals have."""

    recipe_name = name = "toy"
    component_order, labels, answers = "ZNE", ("P", "S", "noise"), "seismograms.picks"
    sampling_rate_hz, samples = RATE_HZ, 400
    calls = 0

    def predict_on_batch(self, windows: np.ndarray) -> np.ndarray:
        self.calls += 1
        x = (windows - windows.mean(axis=1, keepdims=True)) ** 2
        short, long = 4, 20
        total = np.cumsum(np.pad(x, ((0, 0), (long + short, 0), (0, 0)), mode="reflect"), axis=1, dtype=np.float64)
        recent = (total[:, long + short :] - total[:, long:-short]) / short
        before = (total[:, long:-short] - total[:, : -long - short]) / long
        loud = recent / (before + 1e-3 * x.mean(axis=1, keepdims=True) + 1e-12)
        phases = 0.5 / (1 + np.exp(4 - np.sqrt(np.maximum(loud, 0))))
        p, s = phases[..., 0], phases[..., 1:].max(axis=-1)
        return np.stack([p, s, 1 - p - s], axis=-1).astype(np.float32)


class OtherPicker(ToyPicker):
    """Another model."""

    recipe_name = name = "other"


class ToyClassifier:
    """Is the largest amplitude of a window more than eight times the mean one?"""

    recipe_name = name = "loud"
    component_order, labels, answers = "ZNE", ("noise", "earthquake"), "seismograms.class"
    sampling_rate_hz, samples = RATE_HZ, 400

    def predict_on_batch(self, windows: np.ndarray) -> np.ndarray:
        x = np.abs(windows[..., 0] - windows[..., 0].mean(axis=1, keepdims=True))
        loud = 1 / (1 + np.exp(-4 * (x.max(axis=1) / (x.mean(axis=1) + 1e-12) - 8)))
        return np.stack([1 - loud, loud], axis=1)


def record(
    start: UTCDateTime, seconds: float, at: tuple[float, ...], station: str = "AAA", band: str = "HH", seed: int = 0
) -> Stream:
    """Noise of three components, with P (on Z) at these seconds and S 3 s later, as whole numbers."""
    rng = np.random.default_rng([seed, *station.encode()])
    samples = round(seconds * RATE_HZ)
    made = Stream()
    for place, component in enumerate("ZNE"):
        data = 1000 * rng.normal(size=samples) + 50_000 * (place + 1)
        for time_s in at:
            first = round((time_s + (3.0 if place else 0.0)) * RATE_HZ)
            count = min(100, samples - first)
            decay = np.exp(-np.arange(count) / 20) * np.cos(np.arange(count))
            data[first : first + count] += 80_000 * decay
        header = {"network": "XX", "station": station, "channel": band + component, "starttime": start}
        made.append(Trace(np.round(data).astype(np.int32), {**header, "sampling_rate": RATE_HZ}))
    return made


def write_sds(stream: Stream, root: Path) -> list[Path]:
    """Write a stream as an SDS tree: a file a channel and day."""
    parts: dict[Path, Stream] = {}
    for trace in stream:
        day = UTCDateTime(trace.stats.starttime.date)
        while day < trace.stats.endtime:
            stats = trace.stats
            name = f"{trace.id}.D.{day.year}.{day.julday:03d}"
            path = root / str(day.year) / stats.network / stats.station / f"{stats.channel}.D" / name
            part = trace.slice(day, day + 86400 - 1e-6, nearest_sample=False)
            parts.setdefault(path, Stream()).append(part)
            day += 86400
    for path, part in parts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write(str(path), format="MSEED", encoding="STEIM2", reclen=512)
    return list(parts)

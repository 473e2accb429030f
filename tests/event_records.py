"""Made-up records of explosions and earthquakes at a few stations, in the form of the dataset explosions.

Bursts of noise at P and S, not physics: explosions have strong P, earthquakes strong S.
"""

from __future__ import annotations

import numpy as np

RATE_HZ, ORIGIN_S, SAMPLES = 100.0, 12.0, 4000


def vertical(rng: np.random.Generator, explosion: bool, travel_s: float) -> np.ndarray:
    """Return (SAMPLES,) of noise with P and S."""
    s_minus_p_s = 0.75 * travel_s
    time_s = np.arange(SAMPLES) / RATE_HZ - ORIGIN_S - travel_s
    p, s = (20, 20) if explosion else (10, 60)
    strength = 1 + np.where(time_s >= 0, p * np.exp(-np.maximum(time_s, 0) / s_minus_p_s), 0)
    after_s = time_s - s_minus_p_s
    strength += np.where(after_s >= 0, s * np.exp(-np.maximum(after_s, 0) / s_minus_p_s), 0)
    return strength * rng.normal(size=SAMPLES)


def event_records(events: int = 12, stations: int = 2, seed: int = 0) -> dict[str, np.ndarray]:
    """Return records of events, every third of them an explosion; each has a neighbour 1 km away."""
    rng = np.random.default_rng(seed)
    waveform, name, kind, code, latitude = [], [], [], [], []
    for event in range(events):
        explosion = event % 3 == 0
        for station in range(stations):
            waveform.append(vertical(rng, explosion, rng.uniform(2, 5)))
            name.append(f"event{event:02d}")
            kind.append("explosion" if explosion else "earthquake")
            code.append(f"ST{station}")
            latitude.append(40 + event // 2 + 0.01 * (event % 2))
    count = len(name)
    return {
        "waveform": np.array(waveform, np.float32)[..., None],
        "trace_name": np.array([f"{a}_{b}" for a, b in zip(name, code, strict=True)], object),
        "trace_category": np.array(kind, object),
        "trace_origin_sample": np.full(count, ORIGIN_S * RATE_HZ),
        "trace_recorded_rate_hz": np.full(count, RATE_HZ),
        "source_id": np.array(name, object),
        "source_latitude_deg": np.array(latitude),
        "source_longitude_deg": np.zeros(count),
    }

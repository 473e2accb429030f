"""A few records of every kind that a recipe trains on, made on the spot, with what their datasets say about themselves.

Nothing is to be learnt from them but that a training repeats itself.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from event_records import event_records

EVENTS, WINDOWS, CURVES = 48, 32, 120


@cache
def of(recipe: str) -> tuple[dict[str, np.ndarray], dict]:
    """Return records and metadata of a dataset for a recipe."""
    if recipe == "greens_emulator":
        return _greens()
    if recipe == "surface_waves":
        return _waves()
    for ending, made in _MADE.items():
        if recipe.startswith(ending) or recipe.endswith(ending):
            return made()
    raise ValueError(f"No small records for {recipe}.")


def _traces() -> tuple[dict[str, np.ndarray], dict]:
    """Pulses that two receivers record of sources in a homogeneous medium."""
    receivers_km = [[0.5, 0.5, 2.43], [0.25, 0.75, 2.43]]
    sources_km = np.random.default_rng(0).uniform(0, [1.0, 1.0, 2.2], (EVENTS, 3)).astype(np.float32)
    distance_km = np.linalg.norm(sources_km[:, None] - np.array(receivers_km), axis=-1)[..., None]
    time = (np.arange(128) * 0.004 - 0.1 - distance_km / 8) / (0.014 + 0.01 * distance_km)
    traces = (-time * np.exp(-0.5 * time**2) / distance_km).astype(np.float32)
    records = {"coordinates_km": sources_km, "traces": traces, "on_boundary_face": np.zeros(EVENTS, bool)}
    return records, {"sampling_rate_hz": 250.0, "receivers_km": receivers_km, "unit": "Pa"}


def _greens() -> tuple[dict[str, np.ndarray], dict]:
    from greens_medium import HomogeneousGreens

    medium = HomogeneousGreens()
    sources_km = np.random.default_rng(0).uniform(medium.lower_km, medium.upper_km, (EVENTS, 3)).astype(np.float32)
    records = {"coordinates_km": sources_km, "greens": medium(sources_km).numpy()[:, :2]}
    return records, {"receivers_km": medium.receivers_km[:2].tolist(), "sampling_rate_hz": 250.0, "unit": medium.unit}


def _curves() -> tuple[dict[str, np.ndarray], dict]:
    """Phase velocities that fall with frequency and with the thickness of the crust."""
    rng = np.random.default_rng(0)
    frequency_hz, depth_km = np.linspace(0.01, 0.035, 21), [0.0, 20.0, 60.0]
    moho_km = rng.uniform(22, 98, CURVES).astype(np.float32)
    vs_km_s = (3.4 + rng.uniform(0, 1, (CURVES, 3))).astype(np.float32)
    curves = 4.2 - 0.4 * moho_km[:, None] / 60 * (frequency_hz / 0.02) ** 0.5 + 0.1 * vs_km_s[:, :1]
    records = {"phase_velocity_km_s": curves.astype(np.float32), "moho_depth_km": moho_km, "vs_km_s": vs_km_s}
    return records, {"frequency_hz": frequency_hz.tolist(), "prior": {"moho_km": [20, 100]}, "depth_km": depth_km}


def _waves() -> tuple[dict[str, np.ndarray], dict]:
    """All four kinds of waves of three times as many Earths: the others, scaled."""
    records, about = _curves()
    records = {name: np.tile(values, (3, 1) if values.ndim == 2 else 3) for name, values in records.items()}
    phase = records["phase_velocity_km_s"]
    records |= {"group_velocity_km_s": 0.9 * phase, "love_phase_velocity_km_s": 1.1 * phase}
    return records | {"love_group_velocity_km_s": phase + 0.01}, about


def _windows(rate_hz: float, samples: int, kinds: tuple[str, ...]) -> tuple[dict[str, np.ndarray], dict]:
    """Noise with a stronger burst from P on, where there is one."""
    rng = np.random.default_rng(0)
    kind = np.array(kinds)[np.arange(WINDOWS) % len(kinds)]
    p = np.where(kind == "noise", np.nan, rng.uniform(0.3, 0.6, WINDOWS) * samples)
    waveform = rng.normal(size=(WINDOWS, samples, 3)).astype(np.float32)
    waveform[np.arange(samples) >= p[:, None]] *= 5
    records = {
        "waveform": waveform,
        "trace_name": np.array([f"trace {number}" for number in range(WINDOWS)]),
        "trace_category": np.array([f"{word}_local" for word in kind]),
        "trace_p_arrival_sample": p.astype(np.float32),
        "trace_s_arrival_sample": (1.2 * p).astype(np.float32),
    }
    return records, {"sampling_rate_hz": rate_hz}


def _maps() -> tuple[dict[str, np.ndarray], dict]:
    from zoo.seismicity.physics.maps import TASKS, draw_maps

    return draw_maps(TASKS["medium"], 16, np.random.default_rng(0)), {}


def _earth() -> tuple[dict[str, np.ndarray], dict]:
    from zoo.fwi.physics.velocity_models import layered_1d

    model = layered_1d(rows=24, columns=12, spacing_m=50.0)
    true = model.velocity_m_s
    start = np.broadcast_to(np.linspace(true.min(), true.max(), 24, dtype=np.float32)[:, None], true.shape)
    records = {"velocity_m_s": true[None], "start_m_s": start[None], "water_rows": np.array([2])}
    return records, {"spacing_m": 50.0, "ricker_peak_hz": 2.5}


_MADE = {
    "_emulator": _traces,
    "_crust": _curves,
    "phase_picker": lambda: _windows(100.0, 1500, ("earthquake", "noise")),
    "waveform_autoencoder": lambda: _windows(20.0, 540, ("earthquake",)),
    "noise_earthquake": lambda: _windows(20.0, 540, ("noise", "earthquake")),
    "explosion_window": lambda: _windows(20.0, 540, ("explosion", "earthquake")),
    "explosion_earthquake": lambda: (event_records(), {"sampling_rate_hz": 100.0}),
    "p_picker": lambda: _windows(20.0, 540, ("earthquake",)),
    "seismicity_": _maps,
    "fdrnn_": _earth,
}

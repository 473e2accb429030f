"""Small files in the layouts of the public waveform archives, for tests.

They are made in the layout, not real: the waveforms are random numbers with a burst at P and at S, the metadata are
invented. What the real files look like is known from `datasets/stead/README.md` and `datasets/len_db/README.md`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np

STEAD_COLUMNS = (
    "network_code,receiver_code,receiver_type,receiver_latitude,receiver_longitude,receiver_elevation_m,"
    "p_arrival_sample,p_status,p_weight,p_travel_sec,s_arrival_sample,s_status,s_weight,source_id,source_origin_time,"
    "source_origin_uncertainty_sec,source_latitude,source_longitude,source_error_sec,source_gap_deg,"
    "source_horizontal_uncertainty_km,source_depth_km,source_depth_uncertainty_km,source_magnitude,"
    "source_magnitude_type,source_magnitude_author,source_mechanism_strike_dip_rake,source_distance_deg,"
    "source_distance_km,back_azimuth_deg,snr_db,coda_end_sample,trace_start_time,trace_category,trace_name"
).split(",")
_OF_NOISE = (
    "network_code,receiver_code,receiver_type,receiver_latitude,receiver_longitude,receiver_elevation_m,"
    "trace_start_time,trace_category,trace_name"
).split(",")
_STEAD_GROUPS = {"earthquake_local": "earthquake/local", "noise": "non_earthquake/noise"}


def stead_row(number: int, noise: bool = False, **changes: str) -> dict[str, str]:
    """Return a row of STEAD's CSV in the current layout's notation; `changes` replaces texts."""
    row = {
        "network_code": "XX",
        "receiver_code": f"S{number % 7:02d}",
        "receiver_type": "HH",
        "receiver_latitude": "35.5",
        "receiver_longitude": "-118.25",
        "receiver_elevation_m": "812.0",
        "p_arrival_sample": f"{500 + 37 * number % 500}.0",
        "p_status": "manual",
        "p_weight": "0.64",
        "p_travel_sec": "12.9099998474",
        "s_arrival_sample": f"{1100 + 37 * number % 500}.0",
        "s_status": "manual",
        "s_weight": "0.5",
        "source_id": f"ev{number // 3}",
        "source_origin_time": "2011-02-03 04:05:06.700000",
        "source_origin_uncertainty_sec": "nan",
        "source_latitude": f"{35.0 + 0.01 * (number % 90):.2f}",
        "source_longitude": "-118.75",
        "source_error_sec": "0.26",
        "source_gap_deg": "34.0",
        "source_horizontal_uncertainty_km": "0.21",
        "source_depth_km": "10.53",
        "source_depth_uncertainty_km": "None",
        "source_magnitude": f"{1.0 + 0.1 * (number % 30):.1f}",
        "source_magnitude_type": "ml",
        "source_magnitude_author": "None",
        "source_mechanism_strike_dip_rake": "None",
        "source_distance_deg": "0.6",
        "source_distance_km": f"{20 + 7 * (number % 40)}.5",
        "back_azimuth_deg": "37.9",
        "snr_db": "[ 20.60000038  22.20000076  16.        ]",
        "coda_end_sample": "[[ 2501.]]",
        "trace_start_time": "2011-02-03 04:05:10.120000",
        "trace_category": "earthquake_local",
        "trace_name": f"S{number:05d}.XX_20110203040506_EV",
    }
    if noise:
        row = {name: text if name in _OF_NOISE else "None" for name, text in row.items()}
        row["trace_category"], row["trace_name"] = "noise", f"S{number:05d}.XX_20110203040506_NO"
    return {**row, **changes}


def stead_trace(number: int, row: Mapping[str, str] | None = None) -> np.ndarray:
    """Return a (6000, 3) trace, columns E, N, Z in counts: noise, and a burst at the row's P and S."""
    rng = np.random.default_rng(number)
    trace = rng.standard_normal((6000, 3))
    for phase, size in (("p", 30.0), ("s", 60.0)):
        text = (row or {}).get(f"{phase}_arrival_sample", "None")
        if text.replace(".", "").isdecimal():
            time_s = np.clip((np.arange(6000) - float(text)) / 100.0, 0, None)[:, None]
            trace += size * time_s * np.exp(-time_s / 2) * np.sin(2 * np.pi * 3 * time_s + np.arange(3))
    return trace.astype(np.float32)


def write_stead_csv(path: Path, rows: Iterable[Mapping[str, str]], columns: Sequence[str] = STEAD_COLUMNS) -> None:
    """Write rows as STEAD's CSV."""
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def write_stead(
    stem: Path,
    rows: Sequence[Mapping[str, str]],
    traces: Mapping[str, np.ndarray | None] | None = None,
    layout_2019: bool = False,
) -> None:
    """Write `stem`.hdf5 and `stem`.csv.

    Args:
        stem: path without the ending.
        rows: of the CSV.
        traces: by trace name, other arrays than `stead_trace`'s; None leaves a trace out.
        layout_2019: whether traces lie in earthquake/local and non_earthquake/noise, not in data.
    """
    traces = traces or {}
    write_stead_csv(stem.with_suffix(".csv"), rows)
    with h5py.File(stem.with_suffix(".hdf5"), "w") as file:
        for group in _STEAD_GROUPS.values() if layout_2019 else ["data"]:
            file.create_group(group)
        for number, row in enumerate(rows):
            name = row["trace_name"]
            trace = traces[name] if name in traces else stead_trace(number, row)
            group = _STEAD_GROUPS[row["trace_category"]] if layout_2019 else "data"
            if trace is not None and name and f"{group}/{name}" not in file:
                file[f"{group}/{name}"] = trace


def len_db_trace(number: int, earthquake: bool) -> np.ndarray:
    """Return a (3, 540) trace, components Z, N, E, in m/s; an earthquake's has a burst at sample 80."""
    rng = np.random.default_rng(number)
    trace = 1e-8 * rng.standard_normal((3, 540))
    if earthquake:
        time_s = np.clip((np.arange(540) - 80) / 20.0, 0, None)
        trace += 1e-6 * time_s * np.exp(-time_s / 3) * np.sin(2 * np.pi * 2 * time_s)
    return trace


def len_db_attributes(name: str, earthquake: bool) -> dict[str, object]:
    """Return the attributes of a trace of LEN-DB, whose name `NET_STA_epoch` holds its start time."""
    network, station, epoch = name.split("_")
    found: dict[str, object] = {
        "net": network,
        "sta": station,
        "stla": 42.5,
        "stlo": 13.25,
        "stel": 640.0,
        "starttime": float(epoch),
        "endtime": float(epoch) + 27.0,
    }
    if earthquake:
        found |= {"mag": 2.7, "evla": 42.75, "evlo": 13.125, "evdp": 8300.0, "otime": float(epoch) + 1.5}
        found |= {"dist": 29_600.0, "az": 159.75, "baz": 339.875}
    return found


def write_len_db(
    path: Path,
    earthquakes: Sequence[str],
    noise: Sequence[str],
    traces: Mapping[str, np.ndarray] | None = None,
    attributes: Mapping[str, Mapping[str, object]] | None = None,
) -> None:
    """Write a file in LEN-DB's layout.

    Args:
        path: of the file.
        earthquakes, noise: names of the traces, `NET_STA_epoch`.
        traces: by name, other arrays than `len_db_trace`'s.
        attributes: by name, attributes that differ; None leaves one out.
    """
    with h5py.File(path, "w") as file:
        file.create_group("Stations")
        for group, names in (("AN", noise), ("EQ", earthquakes)):
            made = file.create_group(group)
            for number, name in enumerate(names):
                earthquake = group == "EQ"
                default = len_db_trace(2 * number + earthquake, earthquake)
                data = (traces or {}).get(name, default)
                held = {**len_db_attributes(name, earthquake), **(attributes or {}).get(name, {})}
                node = made.create_dataset(name, data=data)
                for key, value in held.items():
                    if value is not None:
                        node.attrs[key] = value

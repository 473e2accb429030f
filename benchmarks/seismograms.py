"""Synthetic local seismograms: how fast they are made, and their statistics beside real traces.

    python benchmarks/seismograms.py [--real FOLDER] [--events N]

Speed: CPU time on one thread, everything included, for windows of 60 and 30 s at 100 Hz. Statistics: median and 16 to
84 % range over real traces (STEAD's sample, NCEDC's picks, PNW's explosions and earthquakes in `stead/`, `picks/` and
`pnw/` of the real data, ZOO_REAL_DATA) and over synthetic ones matched to them: for each real trace the synthetic ones
that are nearest in S-P and signal-to-noise ratio (PNW has no picks: only in signal-to-noise ratio, P by AIC for both).
Without real data only the synthetic columns are printed.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import signal
from table import print_table

from zoo.seismograms.physics.model import SeismogramModel
from zoo.seismograms.physics.seismograms import seismograms

REAL = Path(os.environ.get("ZOO_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))
RATE_HZ = 100.0
NEAREST = 20
_HIGH_PASS = signal.butter(2, [1.0, 40.0], "bandpass", fs=RATE_HZ, output="sos")
_PLAIN = {"second_event_share": 0.0, "faulty_share": 0.0, "vertical_only_share": 0.0}
ROWS = {
    "snr_db": "SNR of P, dB",
    "s_minus_p": "S-P, s",
    "centroid": "centroid frequency of P and S, Hz",
    "p_centroid": "centroid frequency of P, Hz",
    "h_v": "H/V of S",
    "p_h_v": "H/V of P",
    "d75": "significant duration 5-75 % over S-P",
    "d95": "significant duration 5-95 % over S-P",
    "kurtosis": "kurtosis",
    "p_s": "largest P over largest S",
    "p_coda": "P coda before S over P, rms",
    "coda": "coda 2 to 3 (S-P) after S over S, rms",
    "onset": "energy of P's first 0.1 s in its first 0.5 s",
    "onset_25": "energy of P's first 0.05 s in its first 0.25 s",
    "slope": "noise power's exponent, 1-20 Hz",
}
VERTICAL_ROWS = {
    "snr_db": "SNR of P, dB",
    "centroid": "centroid frequency, Hz",
    "d75_s": "significant duration 5-75 %, s",
    "d95_s": "significant duration 5-95 %, s",
    "kurtosis": "kurtosis",
    "onset": "energy of P's first 0.1 s in its first 0.5 s",
    "slope": "noise power's exponent, 1-20 Hz",
}


def speed(seconds: float = 2.0) -> list[list[str]]:
    """Measure events per CPU-second."""
    rows = []
    for name, model in (
        ("earthquakes, 60 s at 100 Hz (6000 x 3)", SeismogramModel()),
        ("earthquakes, 30 s at 100 Hz (3000 x 3)", SeismogramModel(samples=3000)),
        ("a third each, 60 s at 100 Hz", SeismogramModel(kinds=("earthquake", "explosion", "noise"))),
    ):
        seismograms(model, seed=0, first=0, count=1)  # compiles
        made, start = 0, time.process_time()
        while time.process_time() - start < seconds:
            seismograms(model, seed=0, first=made, count=256)
            made += 256
        rows.append(
            [name, f"{made / (time.process_time() - start):,.0f} per CPU-s", ">= 800" if "60 s" in name else ""]
        )
    return rows


def _centroid(trace: np.ndarray) -> float:
    power = np.abs(np.fft.rfft(trace * signal.windows.tukey(len(trace), 0.1), 4096)) ** 2
    f = np.fft.rfftfreq(4096, 1 / RATE_HZ)
    return float((f * power)[f > 1].sum() / power[f > 1].sum())


def _rms(trace: np.ndarray) -> float:
    return float(np.sqrt(np.mean(trace**2))) if trace.size else np.nan


def _slope(noise: np.ndarray) -> float:
    """Fit the exponent of f of the power spectrum."""
    f, power = signal.welch(noise, RATE_HZ, nperseg=min(256, len(noise)))
    use = (f >= 1) & (f <= 20)
    return float(np.polyfit(np.log(f[use]), np.log(power[use] + 1e-20), 1)[0])


def _duration(energy: np.ndarray, high: float) -> float:
    total = np.cumsum(energy) / energy.sum()
    return float(np.searchsorted(total, high) - np.searchsorted(total, 0.05)) / RATE_HZ


def measure(trace: np.ndarray, p: int, s: int) -> dict[str, float] | None:
    """Measure a trace (time, ZNE) at 100 Hz with its picks; None where P lacks noise before it or S coda behind."""
    gap, before = s - p, 400
    end = min(s + 3 * gap + 300, len(trace))
    if gap < 20 or p < before + 100 or end < s + 2 * gap + 100:
        return None
    raw = trace[p - before - 100 : end] - trace[p - before - 100 : p].mean(axis=0)
    filtered = signal.sosfilt(_HIGH_PASS, raw, axis=0)[100:]
    z, horizontal = filtered[:, 0], filtered[:, 1:]
    p, s = before, before + gap
    early = min(100, gap)
    wave = min(gap, 300)
    noise = _rms(z[50 : p - 20]) + 1e-9
    both = z[p:]
    alive = np.abs(horizontal).max() > 0 and (np.abs(horizontal).max(axis=0) > 0).all()
    energy = np.maximum((filtered[p:] ** 2).sum(axis=1) - (filtered[50 : p - 20] ** 2).sum(axis=1).mean(), 0)
    near = _rms(z[p : p + early])
    size = np.abs(filtered).max(axis=1)
    return {
        "snr_db": 20 * np.log10(near / noise),
        "s_minus_p": gap / RATE_HZ,
        "centroid": _centroid(both),
        "p_centroid": _centroid(z[p : p + wave]),
        "h_v": _rms(horizontal[s : s + wave]) / _rms(z[s : s + wave]) if alive else np.nan,
        "p_h_v": _rms(horizontal[p : p + early]) / near if alive else np.nan,
        "d75": _duration(energy, 0.75) / gap * RATE_HZ,
        "d95": _duration(energy, 0.95) / gap * RATE_HZ,
        "kurtosis": float(np.mean(z**4) / np.mean(z**2) ** 2),
        "p_s": size[p:s].max() / size[s : s + wave + 100].max(),
        "p_coda": _rms(z[s - gap // 3 : s - 5]) / near,
        "coda": _rms(filtered[s + 2 * gap : s + 3 * gap]) / _rms(filtered[s : s + early]),
        "onset": _part(z, p, 10, 50) if gap > 50 else np.nan,
        "onset_25": _part(z, p, 5, 25),
        "slope": _slope(raw[: before + 80, 0]),
    }


def _part(z: np.ndarray, p: int, first: int, whole: int) -> float:
    return float((z[p : p + first] ** 2).sum() / (z[p : p + whole] ** 2).sum())


def measure_vertical(trace: np.ndarray, origin: int) -> dict[str, float] | None:
    """Measure a vertical trace (time,) at 100 Hz, P by AIC around the steepest rise."""
    raw = trace[max(0, origin - 1000) : origin + 3500]
    if len(raw) < 3500:
        return None
    z = signal.sosfilt(_HIGH_PASS, raw - raw.mean())[100:]
    energy = np.cumsum(np.r_[0.0, z**2])
    at = np.arange(300, len(z) - 1500)
    ratio = (energy[at + 100] - energy[at]) / (energy[at] - energy[at - 300] + 1e-9)
    rise = at[np.argmax(ratio)]
    lo, hi = rise - 200, rise + 100
    k = np.arange(10, hi - lo - 10)
    left = np.log((energy[lo + k] - energy[lo]) / k + 1e-12)
    right = np.log((energy[hi] - energy[lo + k]) / (hi - lo - k) + 1e-12)
    p = int(lo + k[np.argmin(k * left + (hi - lo - k) * right)])
    noise = _rms(z[max(0, p - 300) : p - 20]) + 1e-9
    power = np.maximum(z[p : p + 2500] ** 2 - noise**2, 0)
    return {
        "snr_db": 20 * np.log10(_rms(z[p : p + 100]) / noise),
        "centroid": _centroid(z[p : p + 2000]),
        "d75_s": _duration(power, 0.75),
        "d95_s": _duration(power, 0.95),
        "kurtosis": float(np.mean(z[p:] ** 4) / np.mean(z[p:] ** 2) ** 2),
        "onset": _part(z, p, 10, 50),
        "slope": _slope(raw[: p + 80]),
    }


def table_of(measured: list[dict[str, float] | None]) -> dict[str, np.ndarray]:
    """Return columns of what could be measured."""
    kept = [row for row in measured if row is not None]
    return {key: np.array([row[key] for row in kept]) for key in kept[0]} if kept else {}


def ncedc(folder: Path) -> dict[str, np.ndarray]:
    """Measure the 40 NCEDC traces."""
    rows = []
    for path in sorted((folder / "picks").glob("*.npz")):
        with np.load(path, allow_pickle=False) as file:
            rows.append(measure(file["data"][:, ::-1], int(file["itp"]), int(file["its"])))
    return table_of(rows)


def stead(folder: Path) -> dict[str, np.ndarray]:
    """Measure the sample of STEAD."""
    import h5py

    rows = []
    with (
        open(folder / "stead" / "metadata_2019_layout.csv", newline="") as text,
        h5py.File(folder / "stead" / "waveforms_2019_layout.hdf5") as file,
    ):
        for row in csv.DictReader(text):
            trace = file["earthquake/local"][row["trace_name"]][:][:, ::-1].astype(float)
            rows.append(measure(trace, round(float(row["p_arrival_sample"])), round(float(row["s_arrival_sample"]))))
    return table_of(rows)


def pnw(folder: Path, kind: str) -> dict[str, np.ndarray]:
    """Measure the Pacific Northwest's traces of a kind."""
    import obspy

    rows = []
    with open(folder / "pnw" / "metadata.csv", newline="") as text:
        for row in csv.DictReader(text):
            if row["event_type"] == kind and float(row["snr_2_10hz"]) > 3:
                trace = obspy.read(folder / "pnw" / row["file"])[0]
                up = round(RATE_HZ / trace.stats.sampling_rate)
                data = trace.data.astype(float)
                data = signal.resample_poly(data - data.mean(), up, 1) if up > 1 else data
                rows.append(measure_vertical(data, round(float(row["origin_minus_start_s"]) * RATE_HZ)))
    return table_of(rows)


def matched(real: dict[str, np.ndarray], pool: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the synthetic traces nearest to each real one."""
    away = np.square((real["snr_db"][:, None] - pool["snr_db"]) / 6)
    if "s_minus_p" in real:
        away = away + np.square(np.log(real["s_minus_p"][:, None] / pool["s_minus_p"]) / 0.25)
    rows = np.argsort(away, axis=1)[:, :NEAREST].ravel()
    return {key: values[rows] for key, values in pool.items()}


def _cells(values: np.ndarray) -> str:
    low, middle, high = np.nanpercentile(values, [16, 50, 84])
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def compare(title: str, names: dict[str, str], sets: dict[str, dict], pool: dict[str, np.ndarray]) -> None:
    """Print a table: each real set beside its matched synthetic traces."""
    header, columns = ["median (16 to 84 %)"], []
    for name, real in sets.items():
        near = matched(real, pool)
        header += [f"{name}, {len(real['snr_db'])}", "synthetic", "inside"]
        columns.append((real, near))
    if not sets:
        header.append(f"synthetic, {len(pool['snr_db'])} (no real data at hand: set ZOO_REAL_DATA)")
    rows = []
    for key, about in names.items():
        row = [about]
        for real, near in columns:
            low, high = np.nanpercentile(near[key], [16, 84])
            row += [_cells(real[key]), _cells(near[key]), "yes" if low <= np.nanmedian(real[key]) <= high else "NO"]
        rows.append(row if sets else [about, _cells(pool[key])])
    print_table(title, header, rows)


def picked_pool(events: int) -> dict[str, np.ndarray]:
    """Make and measure synthetic earthquakes."""
    made = seismograms(replace(SeismogramModel(), **_PLAIN), seed=77, first=0, count=events)
    p, s = (np.round(made.columns[f"trace_{w}_arrival_sample"]).astype(int) for w in "ps")
    return table_of([measure(t.astype(float), *at) for t, *at in zip(made.waveform, p, s, strict=True)])


def vertical_pool(events: int, kind: str) -> dict[str, np.ndarray]:
    """Make and measure synthetic verticals, with PNW's geometry: within about 60 km."""
    model = replace(SeismogramModel(), kinds=(kind,), s_minus_p_s=(0.7, 8.0), **_PLAIN)
    made = seismograms(model, seed=78, first=0, count=events)
    origin = made.columns["trace_origin_sample"].astype(int)
    rows = [measure_vertical(t[:, 0].astype(float), o) for t, o in zip(made.waveform, origin, strict=True) if o > 400]
    return table_of(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", type=Path, default=REAL, help="folder of real data")
    parser.add_argument("--events", type=int, default=2000, help="synthetic events to match from")
    args = parser.parse_args()
    print_table("Speed, one thread", ["what", "measured", "target"], speed())
    readers = {"picks": ("NCEDC", ncedc), "stead": ("STEAD", stead)}
    sets = {name: read(args.real) for part, (name, read) in readers.items() if (args.real / part).is_dir()}
    compare("Earthquakes with picks (1-40 Hz)", ROWS, sets, picked_pool(args.events))
    for kind in ("earthquake", "explosion"):
        sets = {f"PNW {kind}s": pnw(args.real, kind)} if (args.real / "pnw").is_dir() else {}
        compare(f"Verticals, {kind}s (1-40 Hz)", VERTICAL_ROWS, sets, vertical_pool(args.events // 2, kind))


if __name__ == "__main__":
    main()

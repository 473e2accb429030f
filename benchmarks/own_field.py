"""A field of one's own, from what people have: a table of layers, stations by degrees, a three-component MiniSEED file.

    python benchmarks/own_field.py [--recipe NAME] [--keep DIR]

writes the three files for eight stations on land and an event that is simulated between the nodes of the grid, with
noise, then runs the three commands of the page, `zoo prepare`, `zoo train` and `zoo locate`, and prints what each costs
and where the event is found.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from table import print_table

from zoo.field.projection import LocalProjection
from zoo.microseismic.physics.layers import MARGIN_KM, layered_model
from zoo.microseismic.physics.simulation import simulate

LAYERS = ((0, 2000, 1000, 2100), (200, 2500, 1350, 2200), (450, 3000, 1700, 2350))
"""Depth of the top in m, vp, vs in m/s, density in kg/m3; the bottom is at 700 m."""
BOTTOM_KM, SURFACE_M = 0.7, 900.0
STATIONS_KM = ((0.0, 0.05), (0.25, 0.0), (0.5, 0.1), (0.1, 0.3), (0.35, 0.25), (0.0, 0.5), (0.3, 0.5), (0.5, 0.4))
"""East and north of the corner."""
SETTINGS = {
    "spacing_m": "25,25,25", "sources": 1200, "duration_s": 0.8, "pulse_sigma_s": 0.022, "steps_per_sample": 2,
}  # fmt: skip
EVENT_KM = (0.437, 0.391, 0.213)  # in the earth model; between its nodes
RATE_HZ, BEFORE_S, NOISE_TO_PEAK = 250.0, 3.0, 0.05


def write_field(folder: Path, stations_km: Sequence[Sequence[float]] = STATIONS_KM, **changes: str | float) -> dict:
    """Write layers.csv, stations.csv and event.mseed; return the settings of the dataset, with these changes."""
    import obspy

    (folder / "layers.csv").write_text(
        "depth_m,vp_m_s,vs_m_s,density_kg_m3\n" + "".join(f"{','.join(map(str, row))}\n" for row in LAYERS)
    )
    settings = {**SETTINGS, **changes}
    names = [f"XX.S{number}" for number in range(len(stations_km))]
    projection = LocalProjection(10.5, 47.0)
    rows = []
    for name, (x_km, y_km) in zip(names, stations_km, strict=True):
        longitude, latitude = projection.inverse(x_km, y_km)
        rows.append(f"{name},{latitude:.7f},{longitude:.7f},{SURFACE_M:g}\n")
    (folder / "stations.csv").write_text("station,latitude,longitude,elevation_m\n" + "".join(rows))

    receivers = np.array([[x + MARGIN_KM, y + MARGIN_KM, BOTTOM_KM] for x, y in stations_km])
    model = layered_model(np.array(LAYERS, float), receivers, [float(d) for d in settings["spacing_m"].split(",")])
    traces = simulate(
        [EVENT_KM], model, receivers, duration_s=settings["duration_s"], sampling_rate_hz=RATE_HZ,
        pulse_sigma_s=settings["pulse_sigma_s"], components="ZNE", free_surface=True,
    )[0]  # fmt: skip
    random = np.random.default_rng(1)
    noise_sd = NOISE_TO_PEAK * np.median(np.abs(traces).max(axis=-1))
    before = round(BEFORE_S * RATE_HZ)
    records = np.pad(50.0 * traces, ((0, 0), (before, before)))  # 50 m3: its strength is not the emulator's
    records += 50.0 * noise_sd * random.normal(size=records.shape)
    stream = obspy.Stream()
    for number, record in enumerate(records):
        header = {"network": "XX", "station": names[number // 3].split(".")[1], "channel": f"HH{'ZNE'[number % 3]}",
                  "sampling_rate": RATE_HZ, "starttime": obspy.UTCDateTime(2026, 5, 1, 12)}  # fmt: skip
        stream += obspy.Trace(record.astype(np.float32), header)
    stream.write(str(folder / "event.mseed"), format="MSEED")
    return {
        "velocity_model": "layers.csv", "receivers": "stations.csv", "components": "ZNE",
        "surface_elevation_m": SURFACE_M, **settings,
    }  # fmt: skip


def cpu_s(*words: str, folder: Path) -> float:
    """Run `zoo` with these words; return its CPU-seconds."""
    print("zoo", *words, file=sys.stderr, flush=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    here = str(Path(__file__).resolve().parents[1])
    environment = {**os.environ, "PYTHONPATH": here, "ZOO_DATA_DIR": str(folder / "data")}
    subprocess.run([sys.executable, "-m", "zoo.cli", *words], cwd=folder, check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(folder: Path, recipe: str) -> list[list[str]]:
    """Run the three commands; return the rows of the table."""
    settings = [f"{key}={value}" for key, value in write_field(folder).items()]
    field = "microseismic/myfield"
    prepared = cpu_s("prepare", field, "--set", *settings, folder=folder)
    trained = cpu_s("train", recipe, "--set", f"dataset={field}", "--out", "myfield", folder=folder)
    located = cpu_s(
        "locate", "event.mseed", "--model", "myfield", "--receivers", "stations.csv", "--out", "event", folder=folder
    )
    answer = json.loads((folder / "event" / "summary.json").read_text())
    error = [
        1000 * (answer[name]["mean"] - true) for name, true in zip(("x_km", "y_km", "z_km"), EVENT_KM, strict=True)
    ]
    sd = [1000 * answer[name]["sd"] for name in ("x_km", "y_km", "z_km")]
    within = all(abs(one) <= 3 * width for one, width in zip(error, sd, strict=True))
    total = prepared + trained + located
    return [
        ["zoo prepare, 24 simulations", f"{prepared:.0f} CPU-s", ""],
        [f"zoo train {recipe}", f"{trained:.0f} CPU-s", ""],
        ["zoo locate event.mseed", f"{located:.0f} CPU-s", ""],
        ["all three", f"{total / 60:.1f} CPU-minutes", "<= 10"],
        [
            "error of x, y, z",
            ", ".join(f"{one:.0f}" for one in error) + " m",
            "within 3 sd" if within else "beyond 3 sd",
        ],
        ["sd of x, y, z", ", ".join(f"{one:.0f}" for one in sd) + " m", ""],
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="nn_direct_emulator", help="default nn_direct_emulator")
    parser.add_argument("--keep", metavar="DIR", help="folder for the files (default: a temporary one)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(args.keep or temporary).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        rows = measure(folder, args.recipe)
    title = (
        "A field of one's own: 8 stations on land, three components, a layered earth with a free surface (synthetic)"
    )
    print_table(title, ["what", "measured", "target"], rows)


if __name__ == "__main__":
    main()

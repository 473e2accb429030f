"""Rayleigh solver, crust models and crustal thickness of a map, beside their targets.

    python benchmarks/crust.py [--data-dir DIR] [--models PATTERN]

Solver: phase velocities against the decks and the normal-mode code's values in `prem/` of the real data
(ZOO_REAL_DATA), CPU time a model, and, where disba is installed, that layered code on the same isotropic Earth.
Models: scored on the test split where the dataset is prepared, else the card's figures, marked so. Maps: time of
100 x 100 points, and Yunnan's real maps against CRUST1.0 (real data).
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from table import print_table

from zoo.crust.physics.earth import EarthModel, prem, read_deck
from zoo.crust.physics.prior import EarthPrior, draw_dispersion
from zoo.crust.physics.rayleigh import phase_velocity

REAL = Path(os.environ.get("ZOO_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))
FREQUENCY_HZ = np.arange(10, 35.01, 1.25) / 1e3
RECIPES = ("mdn_crust", "joint_crust", "ssae_crust", "shallow_crust")
TARGETS = {
    "ssae_crust.cheng2019": {"rms_km": 6.5},
    "mdn_crust.cheng2019": {"rms_km": 6.3, "rms_km_noise_1": 7.1, "rms_km_noise_free": 5.0, "pit_ks": 0.01},
}


def accuracy() -> list[list[str]]:
    """Compare with the normal-mode code with full self-gravitation."""
    table = REAL / "prem" / "mineos_reference.csv"
    if not table.is_file():
        return [["phase velocity against a normal-mode code", f"no {table.name} (set ZOO_REAL_DATA)", "max <= 1e-4"]]
    errors = []
    with open(table, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if float(row["wgrav_mHz"]) != 50:  # weaker gravity is an approximation
                continue
            columns = {key: float(value) for key, value in row.items() if key.startswith("c_")}
            frequency_hz = [float(key[2:-3]) / 1e3 for key in columns]
            name = f"{row['model']}.txt"
            deck = next(p for p in (table.parent / name, table.parent / "models" / name) if p.is_file())
            found = phase_velocity(read_deck(deck), np.array(frequency_hz))
            errors.append(found / np.array(list(columns.values())) - 1)
    errors = np.array(errors)
    return [
        [f"phase velocity, {len(errors)} reference models: largest", f"{np.abs(errors).max():.1e}", "<= 1e-4"],
        ["  rms", f"{np.sqrt(np.mean(errors**2)):.1e}", "<= 2e-5"],
    ]


def cost(models: int = 400) -> list[list[str]]:
    """Measure CPU time of a model, prior draw included."""
    rows = []
    for name, frequency_hz in (("cheng2019", FREQUENCY_HZ), ("continental", 1 / np.arange(40, 4, -1.0))):
        arguments = EarthPrior.named(name), frequency_hz, np.array([10.0])
        draw_dispersion(*arguments, seed=0, first=0, count=1)  # compiles
        start = time.process_time()
        draw_dispersion(*arguments, seed=0, first=1, count=models)
        each_ms = (time.process_time() - start) / models * 1e3
        target = "<= 1.2 CPU-ms" if name == "cheng2019" else ""
        rows.append([f"a model of {name}, {len(frequency_hz)} frequencies", f"{each_ms:.2f} CPU-ms", target])
    return rows


def peer() -> list[list[str]]:
    """Compare with disba on an isotropic, elastic PREM, flattened for it."""
    try:
        from disba import PhaseDispersion
    except ImportError:
        return [["disba (peer)", "not installed", ""]]
    earth = prem()
    shear = np.sqrt((2 * earth.vsv_km_s**2 + earth.vsh_km_s**2) / 3)
    compression = np.sqrt((earth.vpv_km_s**2 + 4 * earth.vph_km_s**2) / 5)
    infinite = np.zeros_like(shear)
    elastic = {"qkappa": infinite, "qmu": infinite, "eta": np.ones_like(shear)}
    isotropic = {"vpv_km_s": compression, "vph_km_s": compression, "vsv_km_s": shear, "vsh_km_s": shear}
    earth = dataclasses.replace(earth, **elastic, **isotropic)
    layers = _flattened_layers(earth)
    code = PhaseDispersion(*layers.T)
    periods = 1 / FREQUENCY_HZ[::-1]

    def timed(call) -> tuple[np.ndarray, float]:
        call()
        start = time.process_time()
        for _ in range(20):
            found = call()
        return found, (time.process_time() - start) / 20 * 1e3

    theirs, their_ms = timed(lambda: code(periods, mode=0, wave="rayleigh").velocity[::-1])
    ours, our_ms = timed(lambda: phase_velocity(earth, FREQUENCY_HZ))
    difference = np.abs(theirs / ours - 1).max()
    return [
        ["disba, flattened isotropic PREM: difference", f"{difference:.1e}", ""],
        [f"  its time ({len(layers)} layers), ours", f"{their_ms:.2f}, {our_ms:.2f} CPU-ms", ""],
    ]


def _flattened_layers(earth: EarthModel, bottom_km: float = 1000.0, step_km: float = 10.0) -> np.ndarray:
    """Return (layers, 4) thickness, vp, vs, density of the upper Earth, flattened (Biswas 1972)."""
    radius, a = earth.radius_km, earth.radius_km[-1]
    edges = np.unique(np.concatenate([np.arange(0, bottom_km + 1, step_km), a - radius[radius > a - bottom_km]]))
    middle = a - (edges[1:] + edges[:-1]) / 2
    values = [np.interp(middle, radius, v) for v in (earth.vpv_km_s, earth.vsv_km_s, earth.density_g_cm3)]
    flat = a * np.log(a / (a - edges))
    stretch = a / middle
    return np.stack([np.diff(flat), values[0] * stretch, values[1] * stretch, values[2] / stretch**2.275], axis=1)


def scores(pattern: str, data_dir: str | None) -> list[list[str]]:
    """Score the models on their test split, or quote their cards."""
    from zoo import checkpoint, registry
    from zoo.errors import ZooError
    from zoo.training import trainer as training

    rows = []
    for name in registry.list_models(pattern):
        if name.split(".")[0] not in RECIPES:
            continue
        card = checkpoint.read_card(registry.find(name))
        try:
            found, origin = training.evaluate(name, "test", data_dir), "measured"
        except ZooError:
            found, origin = card["scores"]["test"]["metrics"], "card"
        targets = TARGETS.get(name, {})
        rms = [
            f"{found[key]:.2f}" + (f" (<= {targets[key]})" if key in targets else "")
            for key in ("rms_km_noise_free", "rms_km", "rms_km_noise_1")
        ]
        coverage = ", ".join(f"{found[f'coverage_{part}']:.1f}" for part in (50, 68, 90, 95))
        pit = f"{found['pit_ks']:.4f}" + (f" (<= {targets['pit_ks']})" if "pit_ks" in targets else "")
        rows.append([name, origin, *rms, coverage, pit, card["cost"].split(" (")[0]])
    return rows


def maps() -> list[list[str]]:
    """Time a map of 100 x 100 points, and invert Yunnan's."""
    from zoo import registry
    from zoo.crust.inversion import invert
    from zoo.crust.maps import DispersionMap, read_dispersion_map, read_thickness_map
    from zoo.errors import ZooError

    rows = []
    try:
        model = registry.load("mdn_crust")
    except ZooError as error:
        return [["100 x 100 map", f"no model ({error})", "<= 5 s"]]
    drawn = draw_dispersion(EarthPrior(), model.frequency_hz, np.zeros(0), seed=9, first=0, count=500)
    curves = np.tile(drawn["phase_velocity_km_s"], (20, 1))
    curves = curves * (1 + 0.005 * np.random.default_rng(0).standard_normal(curves.shape))
    longitude, latitude = (v.ravel() for v in np.meshgrid(np.arange(100) * 0.2 + 90, np.arange(100) * 0.2 + 20))
    velocities = DispersionMap(longitude, latitude, 1 / model.frequency_hz[::-1], curves[:, ::-1], None, "benchmark")
    start = time.perf_counter()
    inverted = invert(velocities, model)
    rows.append(["100 x 100 map after loading, eq. 4 included", f"{time.perf_counter() - start:.1f} s", "<= 5 s"])
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        inverted.write(folder)
        rows.append(["  NetCDF, CSV and figures", f"{time.perf_counter() - start:.1f} s", ""])
    yunnan, crust1 = REAL / "phase_velocity" / "yunnan_liu2019_rayleigh.csv", REAL / "crust1" / "crsthk.xyz"
    if not (yunnan.is_file() and crust1.is_file()):
        return [*rows, ["Yunnan against CRUST1.0", "no real data (set ZOO_REAL_DATA)", ""]]
    try:
        found = invert(read_dispersion_map(yunnan), "mdn_crust.short_period", reference=read_thickness_map(crust1))
    except ZooError as error:
        return [*rows, ["Yunnan against CRUST1.0", str(error), ""]]
    s = found.comparison.scores
    paper = "paper, E Tibet, CRUST2.0: 6.6 to 8.5 km, 0.76 to 0.84"
    errors = ", ".join(f"{name} {100 * value:.2f} %" for name, value in found.mean_relative_error.items())
    return [
        *rows,
        ["Yunnan against CRUST1.0: RMS, correlation", f"{s['rms_km']:.2f} km, {s['correlation']:.2f}", paper],
        ["  bias", f"{s['bias_km']:+.2f} km", ""],
        ["  CRUST1.0 inside 68, 95 %", f"{100 * s['inside_68']:.0f}, {100 * s['inside_95']:.0f} %", "68, 95 %"],
        ["  eq. 4", errors, ""],
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir")
    parser.add_argument("--models", default="*_crust.*")
    args = parser.parse_args()
    header = ["what", "measured", "target or paper"]
    print_table("Rayleigh solver", header, [*accuracy(), *cost(), *peer()])
    columns = ["model", "test", "RMS km, no noise", "0.5 %", "1 %", "covered at 50, 68, 90, 95 %", "PIT KS", "training"]
    print_table("Crust models", columns, scores(args.models, args.data_dir))
    print_table("Maps", header, maps())


if __name__ == "__main__":
    main()

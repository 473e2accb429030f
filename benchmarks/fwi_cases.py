"""Inversions and records of data that the project did not make, beside their targets.

    ZOO_REAL_CASES=FOLDER python benchmarks/fwi_cases.py [--only inversions|density|records|cost]

`fwi/fine_offgrid.npz` there holds shots that deepwave simulated on a grid of 5 m, sources and receivers half a cell off
the nodes of the 20 m on which they are inverted. Its earth with density is simulated here, on that grid, by the
project's scheme for varying density. `--only density` says how near that comes to deepwave's records where density is
constant, and, with deepwave installed, where it varies.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from fwi_reality import as_point_source, noisy
from table import print_table
from waves import green

from zoo.fwi import read_shots
from zoo.fwi.inversion.corrections import with_time_dispersion, without_time_dispersion
from zoo.fwi.inversion.from_shots import invert
from zoo.fwi.inversion.survey import Survey
from zoo.fwi.physics.acoustic import ricker
from zoo.fwi.physics.acoustic_propagator import Propagator
from zoo.fwi.physics.velocity_models import VelocityModel, read_velocity_model
from zoo.fwi.shots import Shots
from zoo.training.metrics import relative_error

PEAK_HZ = 5.0
FINE_M, FINE_S, STRIP = 5.0, 0.00075, 30
TOP_M = 200.0


def with_density(shots: Shots, true: VelocityModel, power: float) -> Shots:
    """Return shots as an earth with density 310 v^power records them: 0.25 is Gardner's, 0 a constant one."""
    fine = true.resampled(FINE_M).velocity_m_s.astype(np.float64)
    names, first = np.unique(shots.shot, return_index=True)
    places = np.unique(np.stack([shots.receiver_depth_m, shots.receiver_x_m], 1), axis=0, return_inverse=True)
    receivers, heard = places[0] / FINE_M, places[1].reshape(-1)
    sources = np.stack([shots.source_depth_m[first], shots.source_x_m[first]], 1) / FINE_M
    every = round(shots.time_step_s / FINE_S)
    pulse = np.tile(ricker(PEAK_HZ, FINE_S, every * shots.traces.shape[1]), (len(names), 1))
    density = None if power == 0 else 310 * fine**power
    waves = Propagator(fine.shape, FINE_M, FINE_S, receivers, float(fine.max()), 8, width=STRIP, density=density)
    found = waves.traces(fine, pulse, sources)[:, ::every]
    return replace(shots, traces=found[np.searchsorted(names, shots.shot), :, heard])


def error_but_for_a_wavelet(found: np.ndarray, wanted: np.ndarray) -> float:
    """Return the relative error of traces (n, T), but for one filter: that of wavelets, which are solved for."""
    size = 2 * found.shape[1]
    made, asked = (np.fft.rfft(traces, size, axis=1) for traces in (found, wanted))
    power = np.sum(np.abs(made) ** 2, axis=0)
    turned = made * np.sum(np.conj(made) * asked, axis=0) / (power + 1e-6 * power.max())
    return relative_error(np.fft.irfft(turned, size, axis=1)[:, : found.shape[1]], wanted)


def inversions(folder: Path) -> None:
    """Invert the given shots, and those made of them."""
    given = read_shots(folder / "fine_offgrid.npz")
    start, true = (read_velocity_model(folder / f"{name}20.npz") for name in ("start", "true"))
    step_s = given.time_step_s
    strong = 1.8 * ricker(PEAK_HZ, step_s, given.traces.shape[1])
    dense = noisy(0.2)(with_density(given, true, 0.25))
    known = f"ricker:{PEAK_HZ:g}"
    muted = {"mute_m": 150.0}
    cases = [
        ("as given", "<= 0.65", given, known, muted),
        ("the same, damping=0.2", "", given, known, {**muted, "damping": 0.2}),
        ("wavelet 1.8 times too strong", "as with the right one, within 0.02", given, strong, muted),
        (
            "as point sources record, point_source=true",
            "<= 0.70",
            as_point_source(given),
            known,
            {**muted, "point_source": True},
        ),
        ("Gardner's density, 20 % noise, wavelet unknown", "<= 0.70, top 200 m <= 40 m/s", dense, None, muted),
        ("the same, damping=0.2", "", dense, None, {**muted, "damping": 0.2}),
    ]
    rows = []
    for name, target, shots, wavelet, changes in cases:
        began = time.process_time()
        with tempfile.TemporaryDirectory() as out:
            chosen = {"iterations": 40, **changes}
            found = invert(shots, start, out, wavelet=wavelet, truth=true, settings=chosen, figure_every=10**6)
        before, after = found.rmse_m_s
        top = slice(0, round(TOP_M / start.spacing_m))
        shallow = np.sqrt(np.mean((found.velocity_m_s - true.velocity_m_s)[top] ** 2))
        warned = len(found.checks.warnings)
        spent = time.process_time() - began
        rows.append([name, f"{after / before:.3f}", f"{shallow:.0f}", warned, target, f"{spent:.0f}"])
        print(*rows[-1], flush=True)
    header = [
        "shots, 40 iterations, mute_m=150",
        "RMSE over the start's",
        "top 200 m, m/s",
        "warnings",
        "target",
        "CPU-s",
    ]
    print_table("Inversions of shots that the project did not make", header, rows)


def density(folder: Path) -> None:
    """Compare the simulation to deepwave's records, where density is constant and where it varies."""
    given, true = read_shots(folder / "fine_offgrid.npz"), read_velocity_model(folder / "true20.npz")
    plain, dense = (with_density(given, true, power).traces for power in (0.0, 0.25))
    far = np.abs(given.source_x_m - given.receiver_x_m) >= 150.0
    compared = [
        ("constant density here against deepwave's", plain, given.traces),
        ("Gardner's density here against a constant one here", dense, plain),
    ]
    if find_spec("deepwave"):
        peer = by_deepwave(given, true)
        compared.append(("Gardner's density here against deepwave's", dense, peer))
        compared.append(("constant density here against Gardner's of deepwave", plain, peer))
    rows = []
    for name, found, wanted in compared:
        errors = (error_but_for_a_wavelet(found[part], wanted[part]) for part in (slice(None), far))
        rows.append([name, *(f"{100 * error:.1f} %" for error in errors)])
    header = ["records, difference but for one wavelet", "all", "offsets from 150 m"]
    print_table("The simulation with density", header, rows)


def by_deepwave(shots: Shots, true: VelocityModel) -> np.ndarray:
    """Return the traces (n, T) of shots in an earth with Gardner's density, by deepwave's acoustic propagator."""
    import deepwave
    import torch

    fine = true.resampled(FINE_M).velocity_m_s.astype(np.float32)
    every, traces = round(shots.time_step_s / FINE_S), np.zeros_like(shots.traces)
    # Its source is a rate of volume: the wavelet's integral.
    pulse = (np.cumsum(ricker(PEAK_HZ, FINE_S, every * shots.traces.shape[1])) * FINE_S).astype(np.float32)
    for name in np.unique(shots.shot):
        mine = np.flatnonzero(shots.shot == name)
        source = np.array([[shots.source_depth_m[mine[0]], shots.source_x_m[mine[0]]]])
        heard = np.stack([shots.receiver_depth_m[mine], shots.receiver_x_m[mine]], 1)
        cells = (torch.tensor(np.rint(at / FINE_M).astype(np.int64))[None] for at in (source, heard))
        names = ("source_locations_volume_rate", "receiver_locations_p")
        with torch.no_grad():
            found = deepwave.acoustic(
                torch.tensor(fine),
                torch.tensor(310 * fine**0.25),
                FINE_M,
                FINE_S,
                source_amplitudes_volume_rate=torch.tensor(pulse)[None, None],
                **dict(zip(names, cells, strict=True)),
                pml_width=STRIP,
                pml_freq=PEAK_HZ,
            )
        pressure = next(part for part in reversed(found) if part.shape == (1, len(mine), len(pulse)))
        traces[mine] = pressure[0, :, ::every].numpy()
    return traces


def records() -> None:
    """Compare records with exact ones, off the nodes and far away."""
    spacing_m, rng, rows = 20.0, np.random.default_rng(0), []
    medium, steps = np.full((61, 121), 2000.0), 600
    off = {"as they are": [], "put on the nearest node": []}
    for _ in range(6):
        ends = np.array([[20, 30], [20, 80]]) + rng.uniform(-0.5, 0.5, (2, 2))
        exact = green(PEAK_HZ, 2000.0, spacing_m * np.hypot(*(ends[0] - ends[1])), steps, 0.002, spacing_m)
        for name, places in zip(off, (ends, np.rint(ends)), strict=True):
            waves = Propagator(medium.shape, spacing_m, 0.002, places[1:], 2000.0)
            found = waves.traces(medium, ricker(PEAK_HZ, 0.002, steps)[None], places[:1])[0, :, 0]
            off[name].append(relative_error(found, exact))
    for name, errors in off.items():
        measured = f"{100 * np.mean(errors):.1f} %, worst {100 * np.max(errors):.1f} %"
        target = "<= 0.5 %" if name == "as they are" else ""
        rows.append([f"1 km, source and receiver off the nodes, {name}", measured, target])
    for order, step_s, hz in ((4, 0.002, 7.7), (8, 0.004, 7.7)):
        plain, taken = far_errors(order, step_s, hz)
        setting = f"3 km, order {order}, {1e3 * step_s:g} ms, Ricker wavelet of {hz} Hz"
        rows.append([setting, f"{100 * plain:.0f} %", ""])
        if order == 8:
            rows.append([f"{setting}, time_dispersion=true", f"{100 * taken:.1f} %", "<= 3 %"])
    print_table("Records against exact ones, 20 m", ["what", "error", "target"], rows)


def far_errors(order: int, step_s: float, peak_hz: float) -> tuple[float, float]:
    """Return the errors of the record at 3 km at 1500 m/s: as simulated, and with the time steps' error taken out."""
    steps, apart = round(2.8 / step_s), 150
    exact = green(peak_hz, 1500.0, 20.0 * apart, steps, step_s, 20.0)
    waves = Propagator((41, 201), 20.0, step_s, [[20, 20 + apart]], 1800.0, order, width=20)
    medium, source = np.full((41, 201), 1500.0), np.array([[20, 20]])
    plain = Survey(ricker(peak_hz, step_s, steps)[None], source, [[20, 20 + apart]], step_s)
    before = waves.traces(medium, plain.wavelet, source)
    after = without_time_dispersion(waves.traces(medium, with_time_dispersion(plain).wavelet, source), step_s)
    return relative_error(before[0, :, 0], exact), relative_error(after[0, :, 0], exact)


def cost() -> None:
    """Compare CPU times of a gradient with sources and receivers on the nodes and off them."""
    rows = []
    for shape, steps in (((50, 150), 550), ((100, 300), 1000), ((140, 500), 1000)):
        columns = np.arange(2, shape[1] - 2, 2 if shape[1] < 200 else 1)
        receivers = np.stack([np.full(len(columns), 1.0), columns], 1)
        medium, pulse = np.full(shape, 2500.0), ricker(PEAK_HZ, 0.003, steps)[None]
        source = np.array([[1.0, shape[1] // 2]])
        places = [(receivers, source), (receivers + 0.37, source + [[-0.5, 0.37]])]
        both = [(Propagator(shape, 20.0, 0.003, heard, 3000.0), at) for heard, at in places]
        times = [[], []]
        for _ in range(5):
            for kept, (waves, at) in zip(times, both, strict=True):
                began = time.process_time()
                traces, marks = waves.traces(medium, pulse, at, keep=True)
                waves.gradient(medium, pulse, at, traces, marks)
                kept.append(time.process_time() - began)
        best = [min(part[1:]) for part in times]
        size = f"{shape[0]} x {shape[1]} cells, {len(columns)} receivers, {steps} steps"
        rows.append([size, f"{best[0]:.2f}", f"{best[1]:.2f}", f"{best[1] / best[0]:.3f}", "<= 1.05"])
    header = ["gradient of one shot", "on the nodes, CPU-s", "off them, CPU-s", "ratio", "target"]
    print_table("What positions off the nodes cost", header, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=("inversions", "density", "records", "cost"))
    asked = parser.parse_args()
    for name, measure in (("inversions", inversions), ("density", density)):
        if asked.only == name or (asked.only is None and measure is inversions):
            if "ZOO_REAL_CASES" not in os.environ:
                raise SystemExit("Set ZOO_REAL_CASES to the folder of cases, which has fwi/fine_offgrid.npz.")
            measure(Path(os.environ["ZOO_REAL_CASES"]) / "fwi")
    if asked.only in (None, "records"):
        records()
    if asked.only in (None, "cost"):
        cost()


if __name__ == "__main__":
    main()

"""First-arrival times: cost and error of both engines, of the picks, and of locations by them.

    python benchmarks/eikonal.py [engines | picks | location] [--data-dir DIR] [--events N]

engines: errors over all 81 x 81 x 301 nodes of the marine dataset's grid, against closed forms in a homogeneous medium
and in one with a constant gradient, for a receiver on a node of the seabed and for a source off the nodes. The marine
earth has no closed form: there it is the difference of the engines, and of fmm from itself at half the spacing.
picks: automatic picks minus travel times on the validation events of microseismic/marine, with the paper's noise.
location: the 20 held-out events that travel with nn_direct_emulator.marine, at four receivers with noise.
"""

from __future__ import annotations

import argparse
import importlib.util
import time

import numpy as np
from table import print_table

from zoo.field import eikonal
from zoo.microseismic.physics import marine

SHAPE = (81, 81, 301)
PLACES_M = {"seabed": (500.0, 500.0, 2430.0), "off nodes": (131.3, 377.7, 1204.2)}
SPEED_M_S = 2000.0
BOTTOM_SPEED_M_S, GRADIENT_1_S = 3400.0, 0.75
RECEIVERS_KM = (np.array(marine.MARINE_RECEIVERS) - 1) * np.array(marine.SPACING_M) / 1000
SAMPLING_RATE_HZ = 250.0


def distances_m(source_m: tuple[float, float, float]) -> np.ndarray:
    """Return the distance of all nodes from a source."""
    axes = [np.arange(n) * d - s for n, d, s in zip(SHAPE, marine.SPACING_M, source_m, strict=True)]
    return np.sqrt(sum(part**2 for part in np.meshgrid(*axes, indexing="ij")))


def constant_gradient_times(source_m: tuple[float, float, float], speed_m_s: np.ndarray) -> np.ndarray:
    """Return the closed form for a speed that falls by `GRADIENT_1_S` a metre of height (rays are arcs of circles)."""
    at_source = BOTTOM_SPEED_M_S - GRADIENT_1_S * source_m[2]
    bend = (GRADIENT_1_S * distances_m(source_m)) ** 2 / (2 * at_source * speed_m_s)
    return np.arccosh(1 + bend) / GRADIENT_1_S


def engines() -> None:
    """Measure the engines."""
    names = [e for e in eikonal.ENGINES if e != "pykonal" or importlib.util.find_spec("pykonal")]
    height_m = np.arange(SHAPE[2]) * marine.SPACING_M[2]
    gradient = np.broadcast_to(BOTTOM_SPEED_M_S - GRADIENT_1_S * height_m, SHAPE)
    rows = []

    def timed(speed: np.ndarray, source_m: tuple, engine: str, spacing_m=marine.SPACING_M) -> tuple[np.ndarray, float]:
        start = time.process_time()
        times = eikonal.node_times(speed, spacing_m, source_m, engine)
        return times, time.process_time() - start

    def add(medium: str, place: str, engine: str, cpu_s: float, error_s: np.ndarray, target: str = "") -> None:
        worst, rms = 1e3 * np.abs(error_s).max(), 1e3 * np.sqrt(np.mean(error_s**2))
        rows.append([medium, place, engine, f"{cpu_s:.1f}", f"{worst:.2f}", f"{rms:.2f}", target])

    for place, source_m in PLACES_M.items():
        for engine in names:
            times, cpu_s = timed(np.full(SHAPE, SPEED_M_S), source_m, engine)
            error_s = times - distances_m(source_m) / SPEED_M_S
            add("homogeneous", place, engine, cpu_s, error_s, "<= 5 CPU-s, <= 2 ms")
            times, cpu_s = timed(gradient, source_m, engine)
            error_s = times - constant_gradient_times(source_m, gradient)
            add("gradient", place, engine, cpu_s, error_s, "<= 5 CPU-s, <= 2 ms")
    speed, source_m = marine.marine_model().vp_m_s, PLACES_M["seabed"]
    found = {engine: timed(speed, source_m, engine) for engine in names}
    coarse, _ = found["fmm"]
    for engine in names[1:]:
        add("marine", "seabed", f"{engine} - fmm", found[engine][1], found[engine][0] - coarse)
    half_m = tuple(d / 2 for d in marine.SPACING_M)
    fine, cpu_s = timed(marine.marine_model(spacing_m=half_m).vp_m_s, source_m, "fmm", half_m)
    add("marine", "seabed", "fmm - fmm at half spacing", cpu_s, coarse - fine[::2, ::2, ::2])
    header = ["medium", "source", "engine", "CPU-s", "worst [ms]", "rms [ms]", "target"]
    print_table(f"First-arrival times on {SHAPE[0]} x {SHAPE[1]} x {SHAPE[2]} nodes", header, rows)


def held_out() -> dict[str, np.ndarray]:
    """Return the events that travel with the emulator, and their noise."""
    from zoo import registry
    from zoo.foreign import read_npz

    name = registry.full_name("nn_direct_emulator.marine")
    return read_npz(registry.find(name) / "golden.npz", "Restore it.")


def picks(data_dir: str | None, events: int) -> None:
    """Measure the picks."""
    from zoo.data import datasets
    from zoo.microseismic.location.picks import PULSE_SIGMA_S, pick_arrivals
    from zoo.microseismic.location.travel_time_fields import TravelTimeFields

    noise_sd = float(held_out()["noise_sd"])
    records = datasets.arrays("microseismic/marine", "validation", data_dir, ["coordinates_km", "traces"])
    places, traces = records["coordinates_km"][:events], records["traces"][:events]
    model = marine.marine_model()
    fields = eikonal.receiver_times(model.vp_m_s, model.spacing_m, 1000 * RECEIVERS_KM)
    travel_s = TravelTimeFields(fields, model.spacing_m, RECEIVERS_KM)(places).numpy()
    distance_km = np.linalg.norm(places[:, np.newaxis] - RECEIVERS_KM, axis=-1)
    noise = np.random.default_rng(0).normal(scale=noise_sd, size=traces.shape)
    rows = []
    for kind, sigma_s in (("pulse fitted", PULSE_SIGMA_S), ("onset (AIC)", "unknown")):
        start = time.process_time()
        found = [
            pick_arrivals(t, SAMPLING_RATE_HZ, RECEIVERS_KM, noise_sd, sigma_s) for t in traces.astype(float) + noise
        ]
        cpu_ms = 1e3 * (time.process_time() - start) / len(found)
        error_ms = 1e3 * (np.array([p.times_s for p in found]) - travel_s)
        sd_ms = 1e3 * np.array([p.sds_s for p in found])
        for low, high in ((0.0, 0.5), (0.5, 1.0), (1.0, 1.5), (1.5, 2.0), (2.0, 3.0)):
            there = (distance_km >= low) & (distance_km < high)
            these = there & np.isfinite(error_ms)
            error, percent = error_ms[these], 100 * error_ms[these] / (1e3 * travel_s[these])
            rows.append(
                [kind, f"{low:g} to {high:g}", f"{these.sum()} of {there.sum()}", f"{np.median(error):.1f}"]
                + [f"{error.std():.1f}", f"{np.abs(error).max():.1f}", f"{percent.std():.2f}"]
                + [f"{np.median(sd_ms[these]):.1f}", f"{cpu_ms:.1f}"]
            )
    header = ["pick", "distance [km]", "picked", "median [ms]", "sd [ms]", "worst [ms]", "sd [% of time]"]
    header += ["sd by noise alone [ms]", "CPU-ms an event"]
    print_table(f"Picks minus travel times, {len(places)} events, noise sd {noise_sd:.3g}", header, rows)


def location(events: int) -> None:
    """Measure locations by arrival times."""
    from zoo.microseismic.location.by_arrivals import locate_by_arrivals
    from zoo.microseismic.location.observation import Observation

    sample = held_out()
    places, traces, noise_sd = sample["coordinates_km"], sample["traces"], float(sample["noise_sd"])
    used = slice(1, 5)  # the paper's four receivers above the diagonal: all but the central one
    ways = {
        "gaussian, 5 ms": {},
        "gaussian, sds estimated": {"pick_sd_s": "auto"},
        "gaussian, 5 ms, unknown origin time": {"origin_time_known": False},
        "edt, 5 ms, N = 4": {"likelihood": "edt"},
        "edt, 5 ms, N = 1 (paper)": {"likelihood": "edt", "edt_power": 1.0},
    }
    rows = []
    for way, options in ways.items():
        offset_sd, sd_km, cpu_s, converged = [], [], [], 0
        for event in range(min(events, len(places))):
            noise = np.random.default_rng(event).normal(scale=noise_sd, size=traces[event, used].shape)
            observation = Observation(
                traces[event, used] + noise, SAMPLING_RATE_HZ, RECEIVERS_KM[used], noise_sd, places[event]
            )
            if event == 0:
                locate_by_arrivals(observation, **options)  # compiles
            start = time.process_time()
            result = locate_by_arrivals(observation, **options)
            cpu_s.append(time.process_time() - start)
            offset_sd.append((result.mean_km - places[event]) / result.sd_km)
            sd_km.append(result.sd_km)
            converged += result.converged
        inside = int(np.sum(np.abs(offset_sd).max(axis=1) < 3))
        rms = ", ".join(f"{v:.2f}" for v in np.sqrt(np.mean(np.square(offset_sd), axis=0)))
        sds = ", ".join(f"{v:.3f}" for v in np.median(sd_km, axis=0))
        rows.append(
            [way, f"{inside} of {len(sd_km)}", rms, sds, f"{converged} of {len(sd_km)}", f"{np.median(cpu_s):.1f}"]
        )
    rows.append(["paper, EDT (table 2, one event)", "", "", "0.022, 0.022, 0.015", "", ""])
    header = ["likelihood", "truth within 3 sd", "rms offset in sd: x, y, z", "median sd in km: x, y, z", "converged"]
    print_table(f"Location by arrival times, noise sd {noise_sd:.3g}", [*header, "CPU-s an event"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("engines", "picks", "location"), default="engines")
    parser.add_argument("--data-dir")
    parser.add_argument("--events", type=int, default=1000, help="at most so many (there are 1000 and 20)")
    args = parser.parse_args()
    if args.what == "engines":
        engines()
    elif args.what == "picks":
        picks(args.data_dir, args.events)
    else:
        location(args.events)


if __name__ == "__main__":
    main()

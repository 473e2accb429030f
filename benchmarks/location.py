"""Location of the 20 held-out events that travel with an emulator, at four receivers with noise.

    python benchmarks/location.py [--model NAME] [--events N] [--origin-time]

Coverage of the truth, agreement of two seeds, size of the posterior, and CPU-seconds an event after
compiling (both runs of the sampler and the search for other modes together), on this machine.
With --origin-time the traces start up to 0.3 s before or after the origin, and its time is inferred.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from scipy.ndimage import shift as delayed
from table import print_table

# Within the prior on the origin time, and such that no pulse leaves the traces.
MAX_DELAY_S = 0.3


def main() -> None:
    from zoo import registry
    from zoo.microseismic.location.by_waveforms import UNKNOWN_ORIGIN_TIME_S, Observation, World, locate

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nn_direct_emulator")
    parser.add_argument("--events", type=int, default=20)
    parser.add_argument("--origin-time", action="store_true", help="unknown: infer it, too")
    args = parser.parse_args()
    name = registry.full_name(args.model)
    model = registry.load(name)
    with np.load(registry.find(name) / "golden.npz", allow_pickle=False) as file:
        places, traces, noise_sd = file["coordinates_km"], file["traces"], float(file["noise_sd"])

    # The paper's four receivers above the diagonal: all but the central one.
    used = slice(1, 5)
    offset_sd, sd, mean_gap, sd_gap, cpu_s, converged = [], [], [], [], [], 0
    for event in range(min(args.events, len(places))):
        rng = np.random.default_rng(event)
        noise = rng.normal(scale=noise_sd, size=traces[event, used].shape)
        recorded, truth, options = traces[event, used], places[event], {"world": World.as_simulated()}
        if args.origin_time:
            samples = round(rng.uniform(-MAX_DELAY_S, MAX_DELAY_S) / model.time_step_s)
            recorded = delayed(recorded, (0, samples), order=0)
            truth, options = (
                np.append(truth, samples * model.time_step_s),
                {"world": World.as_simulated(UNKNOWN_ORIGIN_TIME_S)},
            )
        observation = Observation(
            recorded + noise, 1.0 / model.time_step_s, model.receivers_km[used], noise_sd, places[event]
        )
        if event == 0:
            locate(observation, model, **options)  # compiles
        results = []
        for seed in (0, 1):
            start = time.process_time()
            results.append(locate(observation, model, seed=seed, **options))
            cpu_s.append(time.process_time() - start)
        first, second = (result.samples for result in results)
        converged += all(result.converged for result in results)
        offset_sd.append((first.mean - truth) / first.sd)
        sd.append(first.sd)
        mean_gap.append(np.abs(first.mean - second.mean) / first.sd)
        sd_gap.append(np.abs(second.sd / first.sd - 1))
    inside = int(np.sum(np.abs(offset_sd).max(axis=1) < 3))
    metres_or_ms = ", ".join(f"{1000 * value:.1f}" for value in np.median(sd, axis=0))
    symbols, units, limit = ("x, y, z, t0", "m or ms", 0.5) if args.origin_time else ("x, y, z", "m", 0.5)
    rows = [
        ["truth within 3 sd", f"{inside} of {len(offset_sd)}", ">= 18 of 20"],
        [
            f"rms of (mean - truth) / sd: {symbols}",
            np.round(np.sqrt(np.mean(np.square(offset_sd), axis=0)), 2),
            "1",
        ],
        [f"median sd {symbols} [{units}]", metres_or_ms, "" if args.origin_time else "paper: 2.5, 2.6, 1.2"],
        ["two seeds: largest difference of means [sd]", f"{np.max(mean_gap):.2f}", "<= 0.3"],
        ["two seeds: largest difference of sds", f"{100 * np.max(sd_gap):.0f} %", "<= 15 %"],
        ["reported as converged", f"{converged} of {len(offset_sd)}", ""],
        ["CPU-s an event: median, largest", f"{np.median(cpu_s):.1f}, {np.max(cpu_s):.1f}", f"<= {limit}"],
    ]
    title = f"Location by {name}, noise sd {noise_sd:.3g} {model.unit}"
    print_table(title + (", origin time unknown" if args.origin_time else ""), ["what", "measured", "target"], rows)


if __name__ == "__main__":
    main()

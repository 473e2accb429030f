"""Location of the 20 held-out events that travel with an emulator, at four receivers with noise.

    python benchmarks/location.py [--model NAME] [--events N]

Coverage of the truth, agreement of two seeds, size of the posterior, and CPU-seconds an event after
compiling (both runs of the sampler and the search for other modes together), on this machine.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from table import print_table


def main() -> None:
    from zoo import registry
    from zoo.tasks.locate import Observation, locate

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nn_direct_emulator")
    parser.add_argument("--events", type=int, default=20)
    args = parser.parse_args()
    name = registry.full_name(args.model)
    model = registry.load(name)
    with np.load(registry.find(name) / "sample.npz", allow_pickle=False) as file:
        places, traces, noise_sd = file["coordinates_km"], file["traces"], float(file["noise_sd"])

    # The paper's four receivers above the diagonal: all but the central one.
    used = slice(1, 5)
    offset_sd, sd_km, mean_gap, sd_gap, cpu_s, converged = [], [], [], [], [], 0
    for event in range(min(args.events, len(places))):
        noise = np.random.default_rng(event).normal(scale=noise_sd, size=traces[event, used].shape)
        observation = Observation(
            traces[event, used] + noise, 1.0 / model.time_step_s, model.receivers_km[used], noise_sd, places[event]
        )
        if event == 0:
            locate(observation, model)  # compiles
        results = []
        for seed in (0, 1):
            start = time.process_time()
            results.append(locate(observation, model, seed=seed))
            cpu_s.append(time.process_time() - start)
        first, second = results
        converged += first.converged and second.converged
        offset_sd.append((first.mean_km - places[event]) / first.sd_km)
        sd_km.append(first.sd_km)
        mean_gap.append(np.abs(first.mean_km - second.mean_km) / first.sd_km)
        sd_gap.append(np.abs(second.sd_km / first.sd_km - 1))
    inside = int(np.sum(np.abs(offset_sd).max(axis=1) < 3))
    metres = ", ".join(f"{1000 * value:.1f}" for value in np.median(sd_km, axis=0))
    rows = [
        ["truth within 3 sd", f"{inside} of {len(offset_sd)}", ">= 18 of 20"],
        ["rms of (mean - truth) / sd: x, y, z", np.round(np.sqrt(np.mean(np.square(offset_sd), axis=0)), 2), "1"],
        ["median sd x, y, z [m]", metres, "paper: 2.5, 2.6, 1.2"],
        ["two seeds: largest difference of means [sd]", f"{np.max(mean_gap):.2f}", "<= 0.3"],
        ["two seeds: largest difference of sds", f"{100 * np.max(sd_gap):.0f} %", "<= 15 %"],
        ["reported as converged", f"{converged} of {len(offset_sd)}", ""],
        ["CPU-s an event: median, largest", f"{np.median(cpu_s):.1f}, {np.max(cpu_s):.1f}", "<= 8 (paper 1.7 h)"],
    ]
    print_table(f"Location by {name}, noise sd {noise_sd:.3g} {model.unit}", ["what", "measured", "target"], rows)


if __name__ == "__main__":
    main()

"""Every sampler that is installed on location posteriors of held-out events, at four receivers with noise.

    python benchmarks/samplers.py [--model NAME] [--events N] [--samplers NAME ...] [--errors]

The likelihood is that of `zoo locate`, as simulated or with the errors of the world that are its defaults; `population`
is the engine of `zoo locate` itself. Each engine makes two runs of each event, which are shown one by one: whether it
found the true mode, how far it is from `smc` (both runs of that together), and what it cost after compiling.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from table import print_table

# Farther from the truth than this is another mode.
SAME_MODE_KM = 0.1


def main() -> None:
    from zoo import registry
    from zoo.errors import ZooError
    from zoo.microseismic.location.by_waveforms import SETTINGS
    from zoo.microseismic.location.engine import Engine
    from zoo.microseismic.location.noise import Noise
    from zoo.microseismic.location.world import World
    from zoo.microseismic.location.world_fit import fit
    from zoo.microseismic.location.world_likelihood import WorldLikelihood
    from zoo.microseismic.location.world_sampler import WorldSampler
    from zoo.sampling.convergence import compare, two_seeds
    from zoo.sampling.samplers import SAMPLERS, engine

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nn_direct_emulator")
    parser.add_argument("--events", type=int, default=5)
    parser.add_argument("--samplers", nargs="+", default=SAMPLERS, help="smc comes first in any case, then population")
    parser.add_argument("--errors", action="store_true", help="errors of the world as by default; else as simulated")
    args = parser.parse_args()
    name = registry.full_name(args.model)
    model = registry.load(name)
    with np.load(registry.find(name) / "golden.npz", allow_pickle=False) as file:
        places, traces, noise_sd = file["coordinates_km"], file["traces"], float(file["noise_sd"])

    # The paper's four receivers above the diagonal: all but the central one.
    used = (1, 2, 3, 4)
    core = Engine(WorldLikelihood(model, used, World() if args.errors else World.as_simulated()))
    sampler = WorldSampler(core, SETTINGS)
    noise = Noise.white(np.full(len(used), noise_sd))
    recorded = [
        traces[event, used] + np.random.default_rng(event).normal(scale=noise_sd, size=traces[event, used].shape)
        for event in range(min(args.events, len(places)))
    ]
    data = [fit(core, event, noise).data for event in recorded]

    def population(_, event_data, seed):
        return core.sample(event_data, seed)

    references, rows, missing = [], [], []
    for sampler_name in ("smc", "population", *(other for other in args.samplers if other != "smc")):
        try:
            run = population if sampler_name == "population" else engine(sampler_name)
            run(sampler, data[0], 99)  # compiles
        except ZooError as error:
            missing.append(f"{sampler_name}: {error}")
            continue
        gaps, ratios, evidence_gaps, cpu_s, calls, found, converged = [], [], [], [], [], 0, 0
        for event, event_data in enumerate(data):
            runs = []
            for seed in two_seeds(0):
                start = time.process_time()
                runs.append(run(sampler, event_data, seed))
                cpu_s.append(time.process_time() - start)
            joined, verdict = compare(sampler, event_data, *runs)
            converged += verdict.converged
            if sampler_name == "smc":
                references.append(joined)
            reference = references[event]
            for one in runs:
                calls.append(one.calls)
                right = np.linalg.norm(one.mean[:3] - places[event]) < SAME_MODE_KM
                found += right
                if right:
                    gaps.append(np.max(np.abs(one.mean - reference.mean) / reference.sd))
                    ratios.append(np.max(np.abs(np.log(one.sd / reference.sd))))
                    evidence_gaps.append(abs(one.log_evidence - reference.log_evidence))
        rows.append(
            [
                sampler_name,
                f"{found} of {2 * len(data)}",
                f"{converged} of {len(data)}",
                f"{np.max(gaps):.2f}" if gaps else "",
                f"{100 * np.expm1(np.max(ratios)):.0f} %" if gaps else "",
                f"{np.max(evidence_gaps):.2f}" if gaps else "",
                f"{np.median(cpu_s):.1f}, {np.max(cpu_s):.1f}",
                f"{np.median(calls) / 1000:.0f}",
            ]
        )
    header = ["sampler", "runs in the true mode", "events converged", "means [sd]", "sds", "log evidence"]
    world = "errors of the world" if args.errors else "as simulated"
    print_table(
        f"Two runs of {len(data)} events by {name}, {world}; largest differences from smc of the runs in the true mode "
        "(targets 0.3 sd, 15 %, 0.5)",
        [*header, "CPU-s a run: median, largest", "1000 calls"],
        rows,
    )
    for line in missing:
        print(line)


if __name__ == "__main__":
    main()

"""Place and moment tensor of the 20 held-out events that travel with an emulator of Green's functions.

    python benchmarks/mechanism.py [--model NAME] [--events N] [--explosion NAME] [--errors]

A third each double couples, CLVDs and any tensors, of one scalar moment, with noise relative to each one's amplitude as
in benchmarks/location.py, at all receivers. With --explosion, the double couples are also located by an emulator of
explosions, whose amplitude is set to the event's for it. With --errors, errors of the world and an unknown origin time
are allowed; otherwise the emulator's world is taken for the true one.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from table import print_table

_KINDS = ("double couple", "clvd", "general")


def main() -> None:
    from zoo import registry
    from zoo.microseismic import Observation, mechanism
    from zoo.microseismic.location.by_waveforms import locate
    from zoo.microseismic.location.world import World
    from zoo.microseismic.physics import moment_tensor
    from zoo.progress import track

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="greens_emulator")
    parser.add_argument("--events", type=int, default=20)
    parser.add_argument("--explosion", help="emulator of explosions to locate the double couples with, too")
    parser.add_argument("--errors", action="store_true", help="allow errors of the world")
    args = parser.parse_args()
    world = World() if args.errors else World.as_simulated()
    name = registry.full_name(args.model)
    model = registry.load(name)
    with np.load(registry.find(name) / "golden.npz", allow_pickle=False) as file:
        places, tensors, traces = file["coordinates_km"], file["moment_tensor_n_m"], file["traces"]
        noise_sd = file["noise_sd"]
    explosion = registry.load(registry.full_name(args.explosion)) if args.explosion else None

    found, offset_km, explosion_offset_km, cpu_s = [], [], [], []
    events = min(args.events, len(places))
    for event in track(range(events), "Events"):
        noise = np.random.default_rng(event).normal(scale=noise_sd[event], size=traces[event].shape)
        recorded = traces[event] + noise
        observation = Observation(recorded, 1.0 / model.time_step_s, model.receivers_km, noise_sd[event], places[event])
        if event == 0:
            mechanism(observation, model, world=world)  # compiles
        start = time.process_time()
        found.append(mechanism(observation, model, true_tensor_n_m=tensors[event], world=world))
        cpu_s.append(time.process_time() - start)
        offset_km.append(np.linalg.norm(found[-1].mean_km - places[event]))
        if explosion is not None and event % len(_KINDS) == 0:
            loudness = np.abs(explosion(places[event][np.newaxis])).max() / np.abs(traces[event]).max()
            located = locate(
                loudness * recorded,
                explosion,
                noise_sd=loudness * noise_sd[event],
                receivers_km=model.receivers_km,
                world=World.as_simulated(),
            )
            explosion_offset_km.append(np.linalg.norm(located.mean_km - places[event]))

    offset_sd = np.array([(m.mean_km - place) / m.sd_km for m, place in zip(found, places, strict=False)])
    tensor_sd = np.array([(m.mean_tensor_n_m - m.true_tensor_n_m) / m.sd_tensor_n_m for m in found])
    inside = int(np.sum(np.abs(offset_sd).max(axis=1) < 3))
    angles = np.array([moment_tensor.kagan_angle_deg(m.mean_tensor_n_m, m.true_tensor_n_m) for m in found])
    spread = np.median([np.median(m.rotation_spread_deg) for m in found])
    scale = np.median([m.sd_tensor_n_m / moment_tensor.scalar_moment(m.true_tensor_n_m) for m in found], axis=0)
    metres = ", ".join(f"{1000 * value:.1f}" for value in np.median([m.sd_km for m in found], axis=0))
    rows = [
        ["x, y, z within 3 sd of the truth", f"{inside} of {events}", ">= 18 of 20"],
        ["rms of (mean - truth) / sd: x, y, z", np.round(np.sqrt(np.mean(offset_sd**2, axis=0)), 2), "1"],
        ["median sd x, y, z [m]", metres, ""],
        ["components of the tensor within 3 sd", f"{int(np.sum(np.abs(tensor_sd) < 3))} of {tensor_sd.size}", ""],
        ["rms of (mean - truth) / sd: six components", np.round(np.sqrt(np.mean(tensor_sd**2, axis=0)), 2), "1"],
        ["median sd of the components / scalar moment", np.round(scale, 2), ""],
        ["median Kagan angle to the truth [degrees]", f"{np.median(angles):.1f}", "random: 75"],
        *[
            [f"  {kind}", f"{np.median(angles[n :: len(_KINDS)]):.1f}", ""]
            for n, kind in enumerate(_KINDS)
            if n < events
        ],
        ["median angle of the samples to their mean", f"{spread:.1f}", ""],
        ["reported as converged", f"{sum(m.converged for m in found)} of {events}", ""],
        ["warned, with nothing wrong", f"{sum(bool(m.warnings) for m in found)} of {events}", "<= 1 of 20"],
        ["CPU-s an event: median, largest", f"{np.median(cpu_s):.1f}, {np.max(cpu_s):.1f}", ""],
    ]
    if explosion_offset_km:
        both = np.median(offset_km[:: len(_KINDS)]), np.median(explosion_offset_km)
        rows.append(
            ["double couples, median distance [m]", f"{1e3 * both[0]:.1f}", f"as an explosion: {1e3 * both[1]:.0f}"]
        )
    print_table(
        f"Place and mechanism by {name}, at {len(model.receivers_km)} receivers", ["what", "measured", "target"], rows
    )


if __name__ == "__main__":
    main()

"""Mechanisms in a world that is not the emulator's: earths really simulated, clocks and gains.

    python benchmarks/mechanism_world.py [--events N] [--only WORD ...]

Each row infers place and moment tensor of N events by the defaults of `zoo mechanism`: how often the place, and all six
components of the tensor, lie within 3 sd; errors, widths and rotations; what was warned; CPU-seconds an event after
compiling. A third each double couples, CLVDs and any tensors of 1e12 N m. Emulator, earths and receivers are those of
`microseismic_earths.py`, made if they are not there; clocks and gains are shifts and factors of the true earth's
traces. Noise: 3 % of the median peak of the true earth.
"""

from __future__ import annotations

import argparse
import time

import microseismic_earths as earths
import numpy as np
from table import print_table

from zoo.microseismic.location.explanation import moved_later

NOISE = 0.03


def cases() -> dict[str, tuple[str, bool]]:
    """Return row -> the earth, and whether the world is told to be the emulator's."""
    others = [name for name in earths.EARTHS if "," not in name and name != "true"]
    rows = {"as simulated, told so": ("true", True), "as simulated": ("true", False)}
    return rows | {f"earth {name}": (name, False) for name in others} | {
        "one clock 8 ms late": ("true", False), "one gain 1.3": ("true", False),
    }  # fmt: skip


def main() -> None:
    import zoo
    from zoo.microseismic import Observation, mechanism
    from zoo.microseismic.location.world import World
    from zoo.microseismic.physics import moment_tensor
    from zoo.progress import track

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=20)
    parser.add_argument("--only", nargs="+", default=[""], help="rows with one of these words in their name")
    args = parser.parse_args()
    model = zoo.load(str(earths.emulator("greens_emulator")))
    places, (tensors, true) = earths.places_km(), earths.mechanisms("true")
    noise_sd = NOISE * float(np.median(np.abs(true).max(axis=-1)))
    rows = []
    for case, (name, known) in cases().items():
        if not any(word in case for word in args.only):
            continue
        traces = earths.mechanisms(name)[1].copy()
        one = np.eye(traces.shape[1])[np.arange(len(traces)) % traces.shape[1]]
        if "clock" in case:
            traces = moved_later(traces, 0.008 * earths.RATE_HZ * one)
        if "gain" in case:
            traces = traces * (1 + 0.3 * one[..., None])
        world = World.as_simulated() if known else World()
        found, cpu_s = [], []
        for event in track(range(args.events), case):
            random = np.random.default_rng(10_000 + event)
            recorded = traces[event] + noise_sd * random.normal(size=traces[event].shape)
            observation = Observation(recorded, earths.RATE_HZ, model.receivers_km, noise_sd, places[event])
            if not event:
                mechanism(observation, model, world=world)  # compiles
            start = time.process_time()
            found.append(mechanism(observation, model, world=world, seed=event))
            cpu_s.append(time.process_time() - start)
        truth = tensors[: args.events]
        error = np.array([one.mean_km - place for one, place in zip(found, places, strict=False)])
        sd = np.array([one.sd_km for one in found])
        tensor_sd = np.array([one.sd_tensor_n_m for one in found])
        off = np.abs(np.array([one.mean_tensor_n_m for one in found]) - truth) / tensor_sd
        place_in, tensor_in = np.abs(error / sd).max(axis=1) < 3, off.max(axis=1) < 3
        angles = moment_tensor.kagan_angle_deg(np.array([one.mean_tensor_n_m for one in found]), truth)
        rows.append(
            [
                case,
                f"{place_in.sum()}, {tensor_in.sum()}, {np.sum(place_in & tensor_in)} of {args.events}",
                ", ".join(f"{1000 * v:.0f}" for v in np.median(np.abs(error), axis=0)),
                ", ".join(f"{1000 * v:.0f}" for v in np.median(sd, axis=0)),
                f"{np.median(sd) / np.median(np.abs(error)):.1f}",
                f"{np.median(angles[::3]):.0f}",
                f"{np.median(np.median(tensor_sd, axis=0)) / earths.MOMENT_N_M:.2f}",
                f"{sum(bool(one.warnings) for one in found)}",
                f"{sum(one.converged for one in found)}",
                f"{np.median(cpu_s):.1f} ({max(cpu_s):.0f})",
            ]
        )
        print(rows[-1], flush=True)
    header = ["world", "place, tensor, both within 3 sd", "median error x, y, z [m]", "median sd [m]", "sd / error",
              "rotation of double couples [deg]", "median sd of the tensor [M0]", "warned", "converged",
              "CPU-s an event (largest)"]  # fmt: skip
    print_table(f"Mechanism by greens_emulator of a field, 4 receivers, noise sd {noise_sd:.3g} Pa", header, rows)


if __name__ == "__main__":
    main()

"""Location of events in a world that is not the emulator's: earths really simulated, clocks, strengths, pulses, faults.

    python benchmarks/microseismic_world.py [--events N] [--only WORD ...] [--recipes NAME ... | --model NAME]

Each row locates N events by the defaults of `zoo locate`: how often the truth lies within 3 sd, the errors, the widths,
what was warned, and CPU-seconds an event after compiling. The earths are those of `microseismic_earths.py`, made if
they are not there; station terms and clocks are shifts of the traces of the true earth, for that is what they are.
Noise: 3 % of the median peak of the true earth. With --recipes other emulators are trained on the field, and have rows
of their own:

    python benchmarks/microseismic_world.py --only 'as simulated' '3 % faster' --recipes cvae_emulator wgan_gp_emulator

With --model the 20 events that travel with a shipped emulator are used instead, whose earths cannot be changed: their
waves are shifted.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import microseismic_earths as earths
import numpy as np
from table import print_table

from zoo.microseismic.location.explanation import moved_later

NOISE = 0.03


@dataclass(frozen=True)
class Case:
    """One row: traces (events, receivers, time) without noise, or what simulates them; what a recorder does; and
    what is expected."""

    name: str
    traces: np.ndarray | Callable[[], np.ndarray]
    record: Callable[[int, np.ndarray], np.ndarray] = lambda event, traces: traces
    culprit: str = ""
    known: bool = False


def late(traces: np.ndarray, shift_s: np.ndarray, rate_hz: float) -> np.ndarray:
    """Return traces (events, receivers, time) that are late by shift_s (events, receivers)."""
    return moved_later(traces, rate_hz * np.asarray(shift_s))


def travel_times_s(model: object, places: np.ndarray) -> np.ndarray:
    """Return the times (events, receivers) of the peaks that any emulator gives."""
    from zoo.microseismic.location.aligned_frames import AlignedFrames

    frames = AlignedFrames(model, range(len(model.receivers_km)))
    return np.asarray(frames(np.asarray(places, np.float32))[1])


def shifted_cases(true: np.ndarray, times_s: np.ndarray, rate_hz: float) -> Iterator[Case]:
    """Yield what shifts and factors make of the traces of the true earth."""
    random = np.random.default_rng(7)
    events, receivers = true.shape[:2]
    yield Case("as simulated, told so", true, known=True)
    yield Case("as simulated", true)
    for percent in (1, 3):
        terms = 0.01 * percent * random.normal(size=times_s.shape) * times_s
        yield Case(f"station terms {percent} %", late(true, terms, rate_hz))
    one = np.eye(receivers)[np.arange(events) % receivers]
    for ms in (2, 8):
        yield Case(f"one clock {ms} ms late", late(true, 0.001 * ms * one, rate_hz))
    for factor in (0.1, 0.5, 2, 10):
        yield Case(f"strength {factor:g}", factor * true)
    yield Case("fault: one polarity", true * (1 - 2 * one[..., None]), culprit="polarity")
    yield Case("fault: one gain 2", true * (1 + one[..., None]), culprit="times as loud")
    nearest = np.abs(true).max(axis=-1).argmax(axis=-1)

    def clipped(event: int, traces: np.ndarray) -> np.ndarray:
        made = traces.copy()
        limit = 0.5 * np.abs(made[nearest[event]]).max()
        made[nearest[event]] = np.clip(made[nearest[event]], -limit, limit)
        return made

    yield Case("fault: the nearest clipped at half", true, clipped, culprit="clipped")


def field_cases(recipe: str) -> tuple[object, np.ndarray, float, list[Case]]:
    """Return the emulator of the field that a recipe makes, its events, the noise, and the rows."""
    import zoo

    model, places = zoo.load(str(earths.emulator(recipe))), earths.places_km()
    true = earths.with_pulse(earths.events("true"), 1.0)
    times_s = travel_times_s(model, places)
    cases = list(shifted_cases(true, times_s, earths.RATE_HZ))

    def simulated(name: str) -> np.ndarray:
        return earths.with_pulse(earths.events(name), 1.0)

    others = [name for name in earths.EARTHS if "," not in name and name != "true"]
    cases[2:2] = [Case(f"earth {name}", partial(simulated, name)) for name in others]
    short = earths.events("true")
    for ratio in (0.7, 1.5):
        cases.append(Case(f"pulse {ratio:g}", earths.with_pulse(short, ratio), culprit="pulse"))

    def everything() -> np.ndarray:
        random = np.random.default_rng(8)
        (name,) = (name for name in earths.EARTHS if "," in name)
        shift = 0.005 * random.normal(size=times_s.shape) * times_s
        shift += 0.001 * np.eye(4)[np.arange(len(times_s)) % 4]
        strength = np.exp(random.uniform(-1.15, 1.15, len(times_s)))
        mixed = earths.with_pulse(earths.events(name), 0.85)
        return strength[:, None, None] * late(mixed, shift, earths.RATE_HZ)

    cases.append(Case("all at once, half size", everything))
    return model, places, NOISE * float(np.median(np.abs(true).max(axis=-1))), cases


def shipped_cases(name: str) -> tuple[object, np.ndarray, float, list[Case]]:
    """Return a shipped emulator, its held-out events, their noise, and the rows."""
    from zoo import registry

    name = registry.full_name(name)
    model = registry.load(name)
    with np.load(registry.find(name) / "golden.npz", allow_pickle=False) as file:
        places, traces, noise_sd = file["coordinates_km"], file["traces"][:, 1:5], float(file["noise_sd"])
    times_s = travel_times_s(model, places)[:, 1:5]
    rate_hz = 1.0 / model.time_step_s
    cases = list(shifted_cases(traces, times_s, rate_hz))
    cases[2:2] = [Case(f"waves {p} % faster (shifted)", late(traces, -0.01 * p * times_s, rate_hz)) for p in (1, 3)]
    return model, places, noise_sd, cases


def located(args: argparse.Namespace, recipe: str) -> list[list[str]]:
    """Return the rows of an emulator."""
    from zoo.microseismic.location.by_waveforms import Observation, World, locate

    model, places, noise_sd, cases = (shipped_cases if args.model else field_cases)(recipe)
    receivers = model.receivers_km[1:5] if args.model else model.receivers_km
    rows = []
    for case in cases:
        if not any(word in case.name for word in args.only):
            continue
        traces = case.traces() if callable(case.traces) else case.traces
        count = min(len(places), 2 * args.events if "all at once" in case.name else args.events)
        found, cpu_s = [], []
        world = World.as_simulated() if case.known else World()
        for event in range(count):
            random = np.random.default_rng(10_000 + event)
            recorded = traces[event] + noise_sd * random.normal(size=traces[event].shape)
            recorded = case.record(event, recorded)
            observation = Observation(recorded, 1.0 / model.time_step_s, receivers, noise_sd, places[event])
            if not event:
                locate(observation, model, world=world)  # compiles
            start = time.process_time()
            found.append(locate(observation, model, world=world, seed=event))
            cpu_s.append(time.process_time() - start)
        error = np.array([one.mean_km - place for one, place in zip(found, places, strict=False)])
        sd = np.array([one.sd_km for one in found])
        inside = int(np.sum(np.abs(error / sd).max(axis=1) < 3))
        warned = sum(bool(one.warnings) for one in found)
        named = sum(case.culprit in " ".join(one.warnings) for one in found) if case.culprit else None
        width = np.median(sd) / np.median(np.abs(error))
        rows.append(
            [
                case.name if args.model or len(args.recipes) == 1 else f"{recipe}: {case.name}",
                f"{inside} of {count}",
                ", ".join(f"{1000 * v:.0f}" for v in np.median(np.abs(error), axis=0)),
                ", ".join(f"{1000 * v:.0f}" for v in np.median(sd, axis=0)),
                f"{width:.1f}",
                f"{warned}" if named is None else f"{warned}, named {named}",
                f"{sum(one.converged for one in found)}",
                f"{np.median(cpu_s):.2f} ({max(cpu_s):.1f})",
            ]
        )
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=20)
    parser.add_argument("--only", nargs="+", default=[""], help="rows with one of these words in their name")
    parser.add_argument("--model", default="", help="a shipped emulator instead of that of the field")
    parser.add_argument("--recipes", nargs="+", default=["nn_direct_emulator"], help="emulators of the field")
    args = parser.parse_args()
    rows = []
    for recipe in [args.model] if args.model else args.recipes:
        rows += located(args, recipe)
    by = args.model or (f"{args.recipes[0]} of a field" if len(args.recipes) == 1 else "emulators of a field")
    noise = "noise of its held-out events" if args.model else "noise 3 % of the median peak"
    title = f"Location by {by}, 4 receivers, {noise}"
    header = ["world", "truth within 3 sd", "median error x, y, z [m]", "median sd [m]", "sd / error", "warned",
              "converged", "CPU-s an event (largest)"]  # fmt: skip
    print_table(title, header, rows)


if __name__ == "__main__":
    main()

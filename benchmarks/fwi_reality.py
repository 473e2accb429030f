"""Does an inversion that ends further from the truth say so? Made cases, good and bad, each inverted as a user would.

    python benchmarks/fwi_reality.py [--every N] [--only WORDS ...]

Data are simulated on a grid twice as fine with other stencils, sources and receivers off the nodes of the inversion's
grid, from four sections. What spoils them is wrong physics, geometry, time, wavelet, start and noise, and what practice
does: ghosts and multiples, feet, gain control, filters, clipping, traces repeated or numbered backwards. A case is
silent if its model error grew and no warning was given; a false alarm is a warning in a case whose model error fell.
The truth is used for the score alone. Defaults and limits of warnings were chosen on two of the sections; the others
are counted apart.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
from table import print_table

from zoo.fwi.inversion.from_shots import invert
from zoo.fwi.physics.acoustic import ricker
from zoo.fwi.physics.acoustic_propagator import Propagator
from zoo.fwi.physics.velocity_models import VelocityModel, folded
from zoo.fwi.shots import Shots

SPACING_M, STEP_S, SAMPLES, PEAK_HZ = 25.0, 0.003, 480, 5.0
ROWS, COLUMNS, SHOTS, RECEIVERS = 36, 100, 6, 40
SMOOTH_M = 150.0
CHOSEN_ON = (0, 3)
"""Sections on which defaults and limits were chosen."""


def section(seed: int) -> VelocityModel:
    """Return a section without water, velocities of 1.6 to 3.4 km/s."""
    model = folded(seed, ROWS, COLUMNS, SPACING_M, water_m=0.0, salt=False)
    velocity = np.clip(1600 + 0.7 * (model.velocity_m_s - model.velocity_m_s.min()), 1600, 3400)
    return VelocityModel(velocity, SPACING_M, f"section {seed}")


def recorded(true: VelocityModel, free_surface: bool = False) -> Shots:
    """Return shots simulated on a grid of half the spacing and a third of the time step."""
    fine = true.resampled(SPACING_M / 2)
    sources = np.stack([np.full(SHOTS, 17.0), np.linspace(150, 2330, SHOTS) + 8.0], 1)
    receivers = np.stack([np.full(RECEIVERS, 21.0), np.linspace(30, 2440, RECEIVERS) + 4.0], 1)
    pulse = np.tile(ricker(PEAK_HZ, STEP_S / 3, SAMPLES * 3), (SHOTS, 1))
    grid = fine.shape, SPACING_M / 2, STEP_S / 3, receivers / (SPACING_M / 2), float(true.velocity_m_s.max())
    waves = Propagator(*grid, 8, width=25, free_surface=free_surface)
    traces = waves.traces(fine.velocity_m_s, pulse, sources / (SPACING_M / 2))[:, 2::3]  # sample n after n + 1 steps
    shot, receiver = (index.ravel() for index in np.indices((SHOTS, RECEIVERS)))
    return Shots(
        traces=traces.transpose(0, 2, 1).reshape(-1, SAMPLES),
        time_step_s=STEP_S,
        shot=shot + 1,
        source_x_m=sources[shot, 1],
        source_depth_m=sources[shot, 0],
        receiver_x_m=receivers[receiver, 1],
        receiver_depth_m=receivers[receiver, 0],
        first_sample_s=STEP_S,
    )


@cache
def made(seed: int) -> tuple[VelocityModel, Shots]:
    """Return a section and its shots."""
    true = section(seed)
    return true, recorded(true)


def noisy(share: float, seed: int = 0) -> Callable[[Shots], Shots]:
    """Return what adds noise in the band of the data with this part of their rms."""

    def change(shots: Shots) -> Shots:
        noise = np.random.default_rng(seed).normal(size=shots.traces.shape)
        noise = np.apply_along_axis(np.convolve, 1, noise, np.hanning(15), "same")
        level = share * np.sqrt(np.mean(shots.traces**2) / np.mean(noise**2))
        return replace(shots, traces=(shots.traces + level * noise).astype(np.float32))

    return change


def moved(name: str, by: float) -> Callable[[Shots], Shots]:
    """Return what adds to a coordinate, or to the time of the first sample."""
    return lambda shots: replace(shots, **{name: np.asarray(getattr(shots, name)) + by})


def as_point_source(shots: Shots) -> Shots:
    """Return what a point source would have recorded: half a derivative, over sqrt(t)."""
    count = shots.traces.shape[1]
    omega = 2 * np.pi * np.fft.rfftfreq(2 * count, STEP_S)
    found = np.fft.irfft(np.fft.rfft(shots.traces, 2 * count, axis=1) * np.sqrt(1j * omega), axis=1)[:, :count]
    return replace(shots, traces=(found / np.sqrt(np.arange(1, count + 1) * STEP_S)).astype(np.float32))


def turned(shots: Shots) -> Shots:
    """Return shots whose odd traces have the wrong polarity: a cable wired the wrong way round."""
    sign = np.where(np.arange(len(shots.traces)) % 2, -1, 1)[:, None]
    return replace(shots, traces=(sign * shots.traces).astype(np.float32))


def mixed_up(shots: Shots) -> Shots:
    """Return shots whose sources are in the wrong order."""
    back = SHOTS - shots.shot
    return replace(shots, source_x_m=shots.source_x_m[back * RECEIVERS])


def with_surface(seed: int) -> Callable[[Shots], Shots]:
    """Return what records a section below a free surface: ghosts and multiples, which the inversion does not have."""
    return lambda _: recorded(section(seed), free_surface=True)


def with_offsets_in_feet(shots: Shots) -> Shots:
    """Return shots whose offsets in metres were taken for feet."""
    offset_m = shots.receiver_x_m - shots.source_x_m
    return replace(shots, receiver_x_m=shots.source_x_m + 0.3048 * offset_m)


def sampled_at(step_s: float) -> Callable[[Shots], Shots]:
    """Return what states another time step than that of the traces."""
    return lambda shots: replace(shots, time_step_s=step_s, first_sample_s=step_s)


def backwards(shots: Shots) -> Shots:
    """Return shots whose receivers are numbered from the wrong end of the cable."""
    traces = shots.traces.reshape(SHOTS, RECEIVERS, -1)[:, ::-1]
    return replace(shots, traces=traces.reshape(shots.traces.shape))


def by_trace(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Shots], Shots]:
    """Return what changes the traces (n, time)."""
    return lambda shots: replace(shots, traces=change(shots.traces).astype(np.float32))


def gained(traces: np.ndarray) -> np.ndarray:
    """Return traces after automatic gain control with a window of 0.3 s."""
    window = np.ones(round(0.3 / STEP_S))
    power = np.apply_along_axis(np.convolve, 1, traces.astype(float) ** 2, window / len(window), "same")
    return traces / np.sqrt(power + 1e-6 * power.max())


def normalised(traces: np.ndarray) -> np.ndarray:
    """Return traces of the same height each."""
    return traces / np.abs(traces).max(axis=1, keepdims=True)


def clipped(traces: np.ndarray) -> np.ndarray:
    """Return traces that an instrument has cut off at 5 % of the largest amplitude."""
    return np.clip(traces, -0.05 * np.abs(traces).max(), 0.05 * np.abs(traces).max())


def doubled(traces: np.ndarray) -> np.ndarray:
    """Return traces of which every other three repeat the one before them."""
    which = np.arange(len(traces))
    return traces[np.where(which % 6 < 3, which, which - which % 6 + 2)]


def filtered(low_hz: float, high_hz: float) -> Callable[[np.ndarray], np.ndarray]:
    """Return what passes a band, without delay: processed data, inverted with the wavelet of the source."""
    from scipy.signal import butter, sosfiltfilt

    sections = butter(4, (low_hz, high_hz), "bandpass", fs=1 / STEP_S, output="sos")
    return lambda traces: sosfiltfilt(sections, traces, axis=1)


def mirrored(start: VelocityModel) -> VelocityModel:
    """Return a start whose columns run the other way."""
    return replace(start, velocity_m_s=start.velocity_m_s[:, ::-1])


def slower(factor: float) -> Callable[[VelocityModel], VelocityModel]:
    """Return what multiplies the start's velocities."""
    return lambda start: replace(start, velocity_m_s=start.velocity_m_s * np.float32(factor))


def same(value):
    return value


RIGHT = f"ricker:{PEAK_HZ:g}"
# name, section, change of the shots, change of the start, wavelet, settings
BAD = [
    *[(f"point source, as recorded, {i}", i, as_point_source, same, RIGHT, {}) for i in (0, 1, 2)],
    *[(f"receivers {by:g} m off", i, moved("receiver_x_m", by), same, RIGHT, {}) for i, by in ((0, 60), (1, -90))],
    *[(f"sources {by:g} m off", i, moved("source_x_m", by), same, RIGHT, {}) for i, by in ((2, 100), (3, -60))],
    *[
        (f"time zero {by:g} s off", i, moved("first_sample_s", by), same, RIGHT, {})
        for i, by in ((0, 0.06), (1, -0.08))
    ],
    *[(f"wavelet of {hz} Hz", i, same, same, f"ricker:{hz}", {}) for i, hz in ((0, 3.5), (1, 6.5), (2, 3.0))],
    *[(f"start times {by}", i, same, slower(by), RIGHT, {}) for i, by in ((0, 0.85), (1, 1.2), (2, 0.8), (3, 1.15))],
    *[(f"noise of {of:g} times the data", i, noisy(of), same, RIGHT, {}) for i, of in ((0, 1.5), (1, 3.0))],
    ("every second trace turned over", 2, turned, same, RIGHT, {}),
    ("sources in the wrong order", 3, mixed_up, same, RIGHT, {}),
    *[(f"ghosts and multiples, {i}", i, with_surface(i), same, RIGHT, {}) for i in (0, 2)],
    *[(f"offsets in feet taken for metres, {i}", i, with_offsets_in_feet, same, RIGHT, {}) for i in (1, 3)],
    *[
        (f"sampled every {1e3 * of:g} ms, it says", i, sampled_at(of), same, RIGHT, {})
        for i, of in ((0, 0.0032), (2, 0.004))
    ],
    *[(f"receivers numbered backwards, {i}", i, backwards, same, RIGHT, {}) for i in (1, 2)],
    *[(f"gain control, {i}", i, by_trace(gained), same, RIGHT, {}) for i in (0, 3)],
    *[(f"traces normalised, {i}", i, by_trace(normalised), same, RIGHT, {}) for i in (1, 2)],
    ("clipped", 3, by_trace(clipped), same, RIGHT, {}),
    ("every other three traces repeated", 1, by_trace(doubled), same, RIGHT, {}),
    *[
        (f"band of {low:g} to {high:g} Hz", i, by_trace(filtered(low, high)), same, RIGHT, {})
        for i, low, high in ((0, 5, 20), (3, 2, 5))
    ],
    *[(f"start the other way round, {i}", i, same, mirrored, RIGHT, {}) for i in (1, 3)],
]
"""The first twenty are those of before; the others are data as practitioners bring them."""
GOOD = [
    *[(f"as recorded, {i}", i, same, same, RIGHT, {}) for i in range(4)],
    *[(f"wavelet unknown, {i}", i, same, same, None, {}) for i in range(4)],
    *[(f"noise of 0.1, {i}", i, noisy(0.1, i), same, RIGHT, {}) for i in range(4)],
    *[(f"noise of 0.2, correlation, {i}", i, noisy(0.2, i), same, RIGHT, {"misfit": "correlation"}) for i in (0, 1)],
    *[(f"point source, corrected, {i}", i, as_point_source, same, RIGHT, {"point_source": True}) for i in range(4)],
    *[(f"low frequencies first, {i}", i, same, same, RIGHT, {"bands_hz": "4"}) for i in (0, 1)],
]


def inverted(case: tuple, iterations: int) -> list:
    """Return a row: name, section, model error over the start's, warnings, CPU seconds."""
    name, seed, change, restart, wavelet, settings = case
    began = time.process_time()
    true, shots = made(seed)
    start, shots = restart(true.smoothed(SMOOTH_M)), change(shots)
    inside = (shots.receiver_x_m >= 0) & (shots.receiver_x_m <= (COLUMNS - 1) * SPACING_M)
    rows = {field: getattr(shots, field)[inside] for field in ("traces", "shot", "source_x_m", "source_depth_m")}
    rows |= {field: getattr(shots, field)[inside] for field in ("receiver_x_m", "receiver_depth_m")}
    shots = replace(shots, **rows)
    with tempfile.TemporaryDirectory() as folder:
        chosen = {"iterations": iterations, "mute_m": 100.0, **settings}
        found = invert(shots, start, folder, wavelet=wavelet, truth=true, settings=chosen, figure_every=10**6)
    before, after = found.rmse_m_s
    checks = found.checks
    print(
        f"{name:34s} {after / before:.3f} shared {checks.shared[0]:.3f} {checks.shared[1]:.3f} noise {checks.noise:.2f}"
        f" skipped {checks.skipped[0]:.2f} {checks.skipped[1]:.2f} slope {checks.slope[0]:+.2f} {checks.slope[1]:+.2f} "
        f"polarity {checks.polarity:+.2f} held {checks.held_out[1] / checks.fitted[1]:.2f} "
        f"misfit {checks.fitted[1]:.3f} bounds {checks.at_bounds:.3f} warnings {len(checks.warnings)}",
        flush=True,
    )
    return [name, seed, after / before, len(checks.warnings), time.process_time() - began]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", type=int, default=1, metavar="N", help="take every Nth case only")
    parser.add_argument("--only", nargs="+", metavar="WORDS", help="cases whose names hold one of these")
    parser.add_argument("--iterations", type=int, default=20)
    parser.add_argument("--kind", choices=("bad", "good", "both"), default="both")
    asked = parser.parse_args()
    rows = []
    for kind, cases in (("bad", BAD), ("good", GOOD)):
        if asked.kind in (kind, "both"):
            taken = [case for case in cases if not asked.only or any(words in case[0] for words in asked.only)]
            rows += [[kind, *inverted(case, asked.iterations)] for case in taken[:: asked.every]]
    table = []
    parts = [lambda seed: True, lambda seed: seed in CHOSEN_ON, lambda seed: seed not in CHOSEN_ON]
    counted = [[row for row in rows if part(row[2])] for part in parts]
    lines = [
        ("cases", lambda row: True),
        ("end further from the truth", lambda row: row[3] > 1),
        ("of them without a warning (silent)", lambda row: row[3] > 1 and row[4] == 0),
        ("meant to be good", lambda row: row[0] == "good"),
        ("of them nearer to the truth and warned (false alarms)", lambda row: _good(row) and row[4] > 0),
        ("good ones that end further from the truth", lambda row: row[0] == "good" and row[3] > 1),
    ]
    for name, test in lines:
        table.append([name, *(sum(map(test, part)) for part in counted)])
    table.append(["CPU-seconds", *(f"{sum(row[5] for row in part):.0f}" for part in counted)])
    header = ["what", "all sections", "those it was chosen on", "those held back"]
    print_table(f"{len(rows)} made inversions", header, table)
    shown = [[row[1], f"{row[3]:.3f}", row[4]] for row in rows]
    print_table("Each of them", ["case, section", "model error over the start's", "warnings"], shown)


def _good(row: list) -> bool:
    return row[0] == "good" and row[3] <= 1


if __name__ == "__main__":
    main()

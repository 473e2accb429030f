"""Accuracy, speed and memory of acoustic waves and their gradient, beside deepwave where that is installed.

    python benchmarks/waves.py [--repeats N]

deepwave (`pip install torch deepwave`) is never needed by the zoo. Times are CPU-seconds of one thread and one shot,
the least of several repeats taken in turns with the peer's; ratios are what counts on a shared machine.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import subprocess
import sys
import tempfile
import time

import numpy as np
from table import print_table

from zoo.files import cores
from zoo.fwi.physics.acoustic import ricker
from zoo.fwi.physics.acoustic_propagator import Propagator
from zoo.training.metrics import relative_error

SPACING_M, STEP_S = 10.0, 0.001


def layers(shape: tuple[int, int]) -> np.ndarray:
    """Return velocities of 2 to 4 km/s that grow downwards in five layers."""
    depth = np.arange(shape[0]) * 5 // shape[0]
    return np.broadcast_to(2000.0 + 500.0 * depth[:, None], shape).copy()


# ---- reflections: against the same simulation in a grid so large that nothing returns


def absorber_cases() -> dict[str, tuple[np.ndarray, float, tuple[int, int], np.ndarray, int]]:
    """Return name -> (velocity, peak in Hz, source, receivers, steps)."""
    square = np.full((81, 81), 2000.0)
    line = np.stack([np.full(9, 10), np.arange(8, 81, 8)[:9]], 1)
    graze = np.stack([np.full(30, 1), np.arange(2, 300, 10)], 1)
    model = layers((100, 300))
    top = np.stack([np.full(30, 2), np.arange(5, 300, 10)], 1)
    return {
        "10 Hz": (square, 10.0, (40, 40), line, 1000),
        "4 Hz": (square, 4.0, (40, 40), line, 1500),
        "grazing: a cell from the edge, up to 3 km": (np.full((61, 301), 2000.0), 10.0, (1, 2), graze, 1600),
        "100 x 300, 2 to 4 km/s": (model, 10.0, (2, 150), top, 1000),
    }


def boundary_free(velocity, peak_hz, source, receivers, steps) -> np.ndarray:
    far = int(np.ceil(velocity.max() * steps * STEP_S / SPACING_M / 2)) + 20
    large = np.pad(velocity, far, mode="edge")
    places = receivers + far
    simulator = Propagator(large.shape, SPACING_M, STEP_S, places, velocity.max())
    return simulator.traces(large, wavelet(peak_hz, steps), np.array([source]) + far)


def wavelet(peak_hz: float, steps: int) -> np.ndarray:
    return ricker(peak_hz, STEP_S, steps)[None]


def reflections(peer) -> None:
    rows = []
    for name, case in absorber_cases().items():
        velocity, peak_hz, source, receivers, steps = case
        expected = boundary_free(*case)
        row = [name]
        for options in ({}, {"width": 20}, {"absorber": "sponge", "width": 40}):
            simulator = Propagator(velocity.shape, SPACING_M, STEP_S, receivers, velocity.max(), **options)
            found = simulator.traces(velocity, wavelet(peak_hz, steps), np.array([source]))
            row.append(f"{relative_error(found, expected):.1e}")
        if peer:
            found = peer.records(velocity, wavelet(peak_hz, steps), source, receivers, peak_hz)
            free = peer.boundary_free(velocity, wavelet(peak_hz, steps), source, receivers, peak_hz)
            row.append(f"{relative_error(found, free):.1e}")
        rows.append(row)
    header = ["case", "CPML 14 (default)", "CPML 20", "sponge 40"] + (["deepwave PML 20"] if peer else [])
    print_table("Reflection of the absorber, relative to a run without boundaries", header, rows)


# ---- the analytic field of a point source


def green(peak_hz: float, velocity_m_s: float, distance_m: float, steps: int, step_s: float, spacing_m: float):
    """Return the exact record in a homogeneous plane: minus i/4 H0 of the second kind for each frequency."""
    from scipy.special import hankel2

    size = 8 * steps
    spectrum = np.fft.rfft(ricker(peak_hz, step_s, size).astype(np.float64))
    angular = 2 * np.pi * np.fft.rfftfreq(size, step_s)
    field = np.zeros_like(spectrum)
    field[1:] = -0.25j * hankel2(0, angular[1:] * distance_m / velocity_m_s)
    return np.fft.irfft(spectrum * field, size)[1 : steps + 1] * spacing_m**2


def convergence() -> None:
    rows = []
    for order, power in ((2, 1), (4, 2), (8, 2)):
        errors = []
        for fine in (1, 2):
            spacing_m, step_s = 10.0 / fine, 0.001 * 2.0 / 2.0 / fine**power
            cells, steps = 120 * fine, round(0.55 / step_s)
            middle = cells // 2
            receivers = np.array([[middle, middle + 40 * fine]])
            velocity = np.full((cells + 1, cells + 1), 2000.0)
            simulator = Propagator(
                velocity.shape, spacing_m, step_s, receivers, 2000.0, order, width=40 * fine, dtype="float64"
            )
            source = np.array([[middle, middle]])
            found = simulator.traces(velocity, ricker(8.0, step_s, steps)[None].astype(np.float64), source)[0, :, 0]
            errors.append(relative_error(found, green(8.0, 2000.0, 400.0, steps, step_s, spacing_m)))
        observed = np.log2(errors[0] / errors[1])
        step = "spacing" if power == 1 else "spacing squared"
        rows.append([order, step, f"{errors[0]:.1e}", f"{errors[1]:.1e}", f"{observed:.2f}"])
    header = ["order in space", "time step goes with", "error at 10 m", "at 5 m", "observed order"]
    print_table("Against the analytic 2-D Green's function, 2 km/s, 8 Hz, 400 m", header, rows)


# ---- the gradient


def gradients() -> None:
    import tensorflow as tf

    from zoo.fwi.models.wave import WaveRNN

    rng = np.random.default_rng(0)
    velocity = 2000 + 800 * rng.random((24, 30))
    sources = np.array([[4, 20], [15, 7]])
    rows = []
    for dtype in ("float32", "float64"):
        pulses = tf.constant(np.stack([ricker(15.0, STEP_S, 150)] * 2).astype(dtype))
        found = {}
        for gradient in ("checkpoint", "autodiff"):
            layer = WaveRNN(
                velocity, SPACING_M, STEP_S, [[3, 5], [3, 25], [20, 10]], width=8, gradient=gradient, dtype=dtype
            )
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(layer((pulses, sources)) ** 2)
            found[gradient] = np.asarray(tape.gradient(loss, layer.velocity.value))
        rows.append([f"adjoint against automatic differentiation, {dtype}", f"{relative_error(*found.values()):.1e}"])

    shape, steps = (60, 80), 500
    velocity = layers(shape) * (1 + 0.03 * rng.normal(size=shape))
    receivers = np.stack([np.full(40, 3), np.arange(0, 80, 2)], 1)
    simulator = Propagator(shape, SPACING_M, STEP_S, receivers, velocity.max())
    pulse, source = rng.normal(size=(1, steps)).astype(np.float32), np.array([[3, 40]])
    record = simulator.traces(velocity, pulse, source)
    residual = rng.normal(size=record.shape).astype(np.float32)
    _, back = simulator.gradient(velocity, pulse, source, residual)
    there = np.sum(record.astype(np.float64) * residual)
    again = np.sum(pulse.astype(np.float64) * back)
    size = np.linalg.norm(record) * np.linalg.norm(residual)
    rows.append(["dot-product test, float32, over the norms", f"{abs(there - again) / size:.1e}"])

    exact = dataclasses.replace(simulator, dtype="float64")
    pulse = ricker(10.0, STEP_S, steps)[None].astype(np.float64)
    observed = exact.traces(velocity, pulse, source)
    start = np.full(shape, velocity.mean())
    predicted = exact.traces(start, pulse, source)
    slope, _ = exact.gradient(start, pulse, source, predicted - observed)
    change = velocity - start

    def misfit(model):
        return 0.5 * np.sum((exact.traces(model, pulse, source) - observed) ** 2)

    here = misfit(start)
    rest = [abs(misfit(start + h * change) - here - h * np.sum(slope * change)) for h in (1e-3, 5e-4)]
    rows.append(["Taylor test, float64: remainder at h over that at h / 2", f"{rest[0] / rest[1]:.3f}"])
    halves = dataclasses.replace(simulator, store_dtype="float16")
    wave = ricker(10.0, STEP_S, steps)[None]
    pair = [s.gradient(velocity, wave, source, residual)[0] for s in (halves, simulator)]
    rows.append(["gradient with steps kept as float16", f"{relative_error(*pair):.1e}"])
    print_table("The gradient", ["what", "figure"], rows)


# ---- speed and memory


def least(*functions, repeats: int) -> list[float]:
    """Return the least CPU time of each function, which take turns."""
    for function in functions:
        function()
    times = [[] for _ in functions]
    for _ in range(repeats):
        for function, found in zip(functions, times, strict=True):
            start = time.process_time()
            function()
            found.append(time.process_time() - start)
    return [min(found) for found in times]


def speed(peer, repeats: int) -> None:
    shape, steps = (100, 300), 1000
    velocity, source = layers(shape), np.array([[2, 150]])
    receivers = np.stack([np.full(300, 2), np.arange(300)], 1)
    simulator = Propagator(shape, SPACING_M, STEP_S, receivers, velocity.max())
    pulse = wavelet(10.0, steps)
    residual = simulator.traces(velocity, pulse, source)

    def forward():
        simulator.traces(velocity, pulse, source)

    def both():
        _, kept = simulator.traces(velocity, pulse, source, keep=True)
        simulator.gradient(velocity, pulse, source, residual, kept)

    work = shape[0] * shape[1] * steps / 1e9
    if peer is None:
        times = least(forward, both, repeats=repeats)
        rows = [[name, f"{t / work:.2f}"] for name, t in zip(("forward", "forward + gradient"), times, strict=True)]
        print_table("CPU-ns per grid point and step, 100 x 300, 1000 steps", ["what", "zoo"], rows)
        return
    case = velocity, pulse, (2, 150), receivers, 10.0
    times = least(
        forward,
        both,
        lambda: peer.records(*case),
        lambda: peer.gradient(*case),
        lambda: peer.gradient(*case, every=4),
        repeats=repeats,
    )
    ours = [times[0], times[1], times[1]]
    names = "forward", "forward + gradient", "the same, deepwave sampling every 4th step"
    rows = [
        [name, f"{a / work:.2f}", f"{b / work:.2f}", f"{a / b:.2f}"]
        for name, a, b in zip(names, ours, times[2:], strict=True)
    ]
    header = ["what", "zoo", "deepwave PML 20", "ratio"]
    print_table("CPU-ns per grid point and step, 100 x 300, 1000 steps, one thread", header, rows)
    found = simulator.traces(velocity, pulse, source)
    large = boundary_free(velocity, 10.0, (2, 150), receivers, steps)
    theirs = peer.boundary_free(*case)
    rows = [["both without boundaries", f"{relative_error(large, theirs):.1e}"]]
    rows += [["both with their absorbers", f"{relative_error(found, peer.records(*case)):.1e}"]]
    print_table("Traces against deepwave", ["what", "relative difference"], rows)


def memory() -> None:
    import tracemalloc  # numpy tells it of its arrays, and the kernels allocate none

    shape = (100, 300)
    receivers = np.stack([np.full(300, 2), np.arange(300)], 1)
    simulator = Propagator(shape, SPACING_M, STEP_S, receivers, 3000.0)
    velocity, source = np.full(shape, 3000.0), np.array([[2, 150]])

    def peak_mb(function) -> float:
        tracemalloc.start()
        function()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak / 1e6

    rows = []
    for steps in (500, 1000, 2000, 4000):
        pulse = wavelet(10.0, steps)
        residual = simulator.traces(velocity, pulse, source)
        forward = peak_mb(lambda p=pulse: simulator.traces(velocity, p, source))
        both = peak_mb(lambda p=pulse, r=residual: simulator.gradient(velocity, p, source, r))
        rows.append([steps, f"{forward:.0f}", f"{both:.0f}", f"{both - forward:.0f}"])
    header = ["steps", "simulation, MB", "gradient, MB", "difference"]
    print_table("Memory of a shot, 100 x 300", header, rows)


_COMPILE = """
import time, numpy as np
from zoo.physics.acoustic_propagator import Propagator
simulator = Propagator((40, 50), 10.0, 0.001, np.array([[2, 2]]), 2000.0)
velocity, pulse, source = np.full((40, 50), 2000.0), np.ones((1, 10), np.float32), np.array([[2, 5]])
start = time.process_time()
record = simulator.traces(velocity, pulse, source)
middle = time.process_time()
simulator.gradient(velocity, pulse, source, record)
print(middle - start, time.process_time() - middle)
"""


def compilation() -> None:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in ("first use on a machine", "afterwards"):
            environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
            command = [sys.executable, "-c", _COMPILE]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
            rows.append([name, *(f"{float(t):.1f}" for t in done.stdout.split())])
    print_table("Compilation, CPU-seconds, for all sizes", ["when", "forward", "gradient, more"], rows)


def shots_in_parallel() -> None:
    shape, steps, shots = (100, 300), 600, 8
    velocity, sources = layers(shape), np.stack([np.full(8, 2), np.linspace(10, 290, 8).astype(int)], 1)
    receivers = np.stack([np.full(300, 2), np.arange(300)], 1)
    simulator = Propagator(shape, SPACING_M, STEP_S, receivers, velocity.max())
    pulse = np.repeat(wavelet(10.0, steps), shots, axis=0)
    residual = simulator.traces(velocity, pulse, sources)

    def one_by_one():
        for i in range(shots):
            simulator.gradient(velocity, pulse[i : i + 1], sources[i : i + 1], residual[i : i + 1])

    def together():
        simulator.gradient(velocity, pulse, sources, residual)

    found = []
    for function in (one_by_one, together):
        waits = []
        for _ in range(4):
            start = time.monotonic()
            function()
            waits.append(time.monotonic() - start)
        found.append(min(waits))
    threads = cores()
    rows = [[f"{shots} shots", f"{found[0]:.2f}", f"{found[1]:.2f}", f"{found[0] / found[1]:.2f}"]]
    print_table(f"Gradient of several shots, seconds, {threads} cores", ["what", "one", "all cores", "gain"], rows)


class Deepwave:
    """The peer: what it computes, in the zoo's conventions (its source has the other sign, its record one sample)."""

    def __init__(self):
        import deepwave
        import torch

        torch.set_num_threads(1)
        self.deepwave, self.torch = deepwave, torch

    def _run(self, velocity, pulse, source, receivers, peak_hz, every=1):
        torch = self.torch
        return self.deepwave.scalar(
            velocity,
            SPACING_M,
            STEP_S,
            source_amplitudes=torch.tensor(-pulse[:, None]),
            source_locations=torch.tensor([[list(source)]]),
            receiver_locations=torch.tensor(receivers[None]),
            accuracy=4,
            pml_width=20,
            pml_freq=peak_hz,
            max_vel=float(velocity.detach().max()),
            model_gradient_sampling_interval=every,
        )[-1]

    def records(self, velocity, pulse, source, receivers, peak_hz):
        with self.torch.no_grad():
            model = self.torch.tensor(velocity, dtype=self.torch.float32)
            longer = np.pad(pulse, ((0, 0), (0, 1)))
            found = self._run(model, longer, source, receivers, peak_hz)[0].numpy().T
        return found[None, 1:]

    def boundary_free(self, velocity, pulse, source, receivers, peak_hz):
        far = int(np.ceil(velocity.max() * pulse.shape[1] * STEP_S / SPACING_M / 2)) + 20
        large = np.pad(velocity, far, mode="edge")
        return self.records(large, pulse, (source[0] + far, source[1] + far), receivers + far, peak_hz)

    def gradient(self, velocity, pulse, source, receivers, peak_hz, every=1):
        model = self.torch.tensor(velocity, dtype=self.torch.float32, requires_grad=True)
        self._run(model, pulse, source, receivers, peak_hz, every).square().sum().backward()
        return model.grad.numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    try:
        peer = Deepwave()
    except ImportError:
        print("deepwave is not installed: no peer.")
        peer = None
    compilation()
    gradients()
    reflections(peer)
    convergence()
    speed(peer, repeats)
    shots_in_parallel()
    memory()


if __name__ == "__main__":
    main()

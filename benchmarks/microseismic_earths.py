"""A field of one's own and earths that differ from it, really simulated, for `microseismic_world.py`.

    python benchmarks/microseismic_earths.py

prepares the dataset of the field, trains `nn_direct_emulator` on it, and simulates the events in every earth, once;
what is there is not made again. It lies in the folder of ZOO_WORLD, or in ~/.cache/seismic-zoo/world.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np

SPACING_M = (20.0, 20.0, 20.0)
SHAPE = (41, 41, 61)
# Depth below the sea's surface, vp, vs, density: water over rock that gets faster.
LAYERS = ((0, 1480, 0, 1020), (200, 1800, 700, 2000), (350, 2300, 1100, 2150), (600, 2800, 1450, 2250),
          (900, 3300, 1800, 2350))  # fmt: skip
RECEIVERS_KM = np.array([[0.2, 0.2, 1.0], [0.6, 0.2, 1.0], [0.2, 0.6, 1.0], [0.6, 0.6, 1.0]])
PULSE_SIGMA_S = 0.028  # of the emulator's dataset
SHORT_SIGMA_S = 0.7 * PULSE_SIGMA_S  # of the simulated events: longer pulses follow exactly, by convolution
DURATION_S, RATE_HZ, EVENTS, SEED = 1.4, 250.0, 40, 2026
MOMENT_N_M = 1e12
CORRELATION_M = 200.0  # of the smooth random earths
# name -> (relative change of all speeds, relative sd of a smooth random change, its seed)
EARTHS = {
    "true": (0.0, 0.0, 0),
    "3 % faster": (0.03, 0.0, 0),
    "4 % random": (0.0, 0.04, 1),
    "1.5 % faster, 2 % random": (0.015, 0.02, 3),
    "1 % faster": (0.01, 0.0, 0),
    "5 % faster": (0.05, 0.0, 0),
}


def folder() -> Path:
    """Return where the simulations are kept."""
    place = Path(os.environ.get("ZOO_WORLD") or Path.home() / ".cache" / "seismic-zoo" / "world")
    place.mkdir(parents=True, exist_ok=True)
    return place


def earth(faster: float = 0.0, random_sd: float = 0.0, seed: int = 0):
    """Return the field's earth with all speeds of the rock changed."""
    from dataclasses import replace

    from zoo.microseismic.physics.layers import layered_model

    flat = layered_model(np.array(LAYERS, float), RECEIVERS_KM, SPACING_M)
    rock = flat.vs_m_s > 0
    factor = np.where(rock, 1.0 + faster, 1.0)
    if random_sd:
        factor = factor + np.where(rock, random_sd * smooth_field(seed), 0.0)
    return replace(flat, vp_m_s=flat.vp_m_s * factor, vs_m_s=flat.vs_m_s * factor)


def smooth_field(seed: int) -> np.ndarray:
    """Return a Gaussian random field of unit variance on the nodes, by plane waves."""
    random = np.random.default_rng(seed)
    wave = random.normal(0, 1 / CORRELATION_M, (3, 500))
    axes = [np.arange(n) * d for n, d in zip(SHAPE, SPACING_M, strict=True)]
    phase = [np.exp(1j * np.outer(axis, k)) for axis, k in zip(axes, wave, strict=True)]
    start = np.exp(1j * random.uniform(0, 2 * np.pi, 500))
    return np.einsum("xw,yw,zw,w->xyz", *phase, start, optimize=True).real * np.sqrt(2 / 500)


def places_km() -> np.ndarray:
    """Return the events (n, 3), on nodes, where the emulator's sources lie."""
    from zoo.microseismic.physics.design import latin_hypercube, source_box

    nodes = latin_hypercube(EVENTS, *source_box(earth()), seed=SEED)
    return nodes * np.array(SPACING_M) / 1000.0


def events(name: str) -> np.ndarray:
    """Return the traces (events, receivers, samples) of explosions in an earth with the short pulse."""
    return _simulated(name, "", None, SHORT_SIGMA_S)


def mechanisms(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return tensors (events, 6) in N m and traces (events, receivers, samples) of an earth, pulse of the emulator's.

    A third each double couples, CLVDs and any tensors, of one scalar moment.
    """
    from zoo.microseismic.physics import moment_tensor

    random = np.random.default_rng(SEED)
    kinds = [moment_tensor.draw(kind, EVENTS, random) for kind in ("double couple", "clvd", "general")]
    tensors = MOMENT_N_M * np.array([kinds[event % 3][event] for event in range(EVENTS)])
    return tensors, _simulated(name, "-mechanisms", tensors, PULSE_SIGMA_S)


def _simulated(name: str, kind: str, tensors: np.ndarray | None, pulse_sigma_s: float) -> np.ndarray:
    """Return traces (events, receivers, samples) of an earth, simulated once, receiver by receiver."""
    from zoo.files import write_with
    from zoo.microseismic.physics.simulation import simulate

    stem = name.replace(" ", "_").replace("%", "percent").replace(",", "") + kind
    parts = []
    for number, receiver in enumerate(RECEIVERS_KM):
        path = folder() / f"{stem}-{number}.npy"
        if not path.exists():
            traces = simulate(
                places_km(), earth(*EARTHS[name]), receiver[np.newaxis], tensors, duration_s=DURATION_S,
                sampling_rate_hz=RATE_HZ, pulse_sigma_s=pulse_sigma_s,
            )  # fmt: skip
            write_with(path, partial(np.save, arr=traces))
        parts.append(np.load(path))
    return np.concatenate(parts, axis=1)


def with_pulse(traces: np.ndarray, ratio: float) -> np.ndarray:
    """Return traces of the pulse of `ratio` times the emulator's sigma, of the same volume, from those of the short.

    The derivative of a Gaussian convolved with a Gaussian is that of a wider one, so this is exact.
    """
    sigma_s = ratio * PULSE_SIGMA_S
    samples = traces.shape[-1]
    frequency = np.fft.rfftfreq(2 * samples, 1 / RATE_HZ)
    wider = np.exp(-0.5 * (2 * np.pi * frequency) ** 2 * max(sigma_s**2 - SHORT_SIGMA_S**2, 0.0))
    later = np.exp(-2j * np.pi * frequency * 5 * (sigma_s - SHORT_SIGMA_S))  # the pulse's zero is five sigma late
    return np.fft.irfft(np.fft.rfft(traces, 2 * samples) * wider * later, 2 * samples)[..., :samples]


def emulator(recipe: str = "nn_direct_emulator") -> Path:
    """Return the folder of an emulator of the field, trained once by the zoo's own commands."""
    from zoo.microseismic.physics.elastic_model import write_model

    place = folder()
    trained = place / f"{recipe}.world"
    if trained.exists():
        return trained
    write_model(earth(), place / "earth.npz")
    rows = "\n".join(",".join(map(str, row)) for row in RECEIVERS_KM)
    (place / "receivers.csv").write_text(f"x_km,y_km,z_km\n{rows}\n")
    data = ["--data-dir", str(place / "data")]
    settings = [f"velocity_model={place / 'earth.npz'}", f"receivers={place / 'receivers.csv'}", "sources=2400",
                f"duration_s={DURATION_S}", f"pulse_sigma_s={PULSE_SIGMA_S}"]  # fmt: skip
    name = "microseismic/world"
    if recipe == "greens_emulator":
        name, settings = "microseismic/world_mechanisms", [*settings, "mechanisms=true"]
    run = [sys.executable, "-m", "zoo.cli"]
    subprocess.run([*run, "prepare", name, *data, "--set", *settings], check=True)
    train = ["train", recipe, *data, "--set", f"dataset={name}", "--out", str(trained)]
    subprocess.run([*run, *train], check=True)
    return trained


if __name__ == "__main__":
    emulator()
    for which in EARTHS:
        print(which, events(which).shape, flush=True)

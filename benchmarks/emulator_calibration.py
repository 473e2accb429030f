"""Do the emulators' own errors, as the likelihoods of location take them, cover how far they put held-out events off?

    python benchmarks/emulator_calibration.py [--models NAME ...] [--inflation F ...]

For the 20 held-out events that travel with an emulator: the traces are without noise, so what puts the event off is the
emulator alone. The likelihood is expanded to second order at the true place: gradient over curvature is how far its
maximum lies, and the curvature is its width with the noise of the paper. Given are the rms of their ratio, which should
be less than 1 (an event's noise adds to it), the largest, and median widths. Four receivers, everything as simulated.
--inflation: other factors of the emulator's error than the likelihood's own, to choose it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from table import print_table

STEP_KM = 0.0015
AXES = np.eye(3)
PAIRS = [(0, 1), (0, 2), (1, 2)]
STENCIL = STEP_KM * np.concatenate([np.zeros((1, 3)), AXES, -AXES, [AXES[i] + AXES[j] for i, j in PAIRS]])
# Widths above this are not of the second order.
WIDEST_KM = 0.05


def off_and_sd(density: Callable[[np.ndarray], np.ndarray], place_km: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how far off the maximum of a log density is, and its widths, each (3,), from its values around a place."""
    value = density(place_km + STENCIL).astype(float)
    gradient = (value[1:4] - value[4:7]) / (2 * STEP_KM)
    bend = np.diag(2 * value[0] - value[1:4] - value[4:7])
    for k, (i, j) in enumerate(PAIRS):
        bend[i, j] = bend[j, i] = value[1 + i] + value[1 + j] - value[0] - value[7 + k]
    size, axes = np.linalg.eigh(bend / STEP_KM**2)
    covariance = (axes / np.maximum(np.abs(size), WIDEST_KM**-2)) @ axes.T
    return covariance @ gradient, np.sqrt(np.diag(covariance))


def measured(name: str, inflation: float | None) -> list[str]:
    """Return the row of an emulator."""
    import tensorflow as tf

    from zoo import registry
    from zoo.microseismic.location import world_likelihood
    from zoo.microseismic.location.mechanism_likelihood import MechanismLikelihood
    from zoo.microseismic.location.noise import Noise
    from zoo.microseismic.location.with_mechanism import ERROR_INFLATION
    from zoo.microseismic.location.world import World

    full = registry.full_name(name)
    model = registry.load(full)
    with np.load(registry.find(full) / "golden.npz", allow_pickle=False) as file:
        golden = {key: file[key] for key in ("coordinates_km", "traces", "noise_sd")}
    receivers = tuple(range(len(model.receivers_km)))[-4:]
    greens = "greens" in name
    own = ERROR_INFLATION if greens else world_likelihood.SHAPE_ERROR_INFLATION
    factor = own if inflation is None else inflation
    if greens:
        likelihood = MechanismLikelihood(model, receivers)
    else:
        likelihood = world_likelihood.WorldLikelihood(model, receivers, World.as_simulated(), 2_048)
        # Of the shape only; time and amplitude have no factor.
        likelihood.shape_error = likelihood.shape_error * np.float32(factor / own)
    density = tf.function(lambda points, *data: likelihood(points, *data))
    ratios, sds = [], []
    for event, place in enumerate(golden["coordinates_km"].astype(float)):
        traces = golden["traces"][event, -4:].astype(float)
        noise = Noise.white(np.full(4, np.ravel(golden["noise_sd"])[event % golden["noise_sd"].size]))
        if greens:
            data = likelihood.prepare(traces, noise, place[2], np.full(4, factor))
        else:
            data = likelihood.data(traces, noise)
        arguments = [tf.constant(part, tf.float32) for part in data]
        off, sd = off_and_sd(lambda points: density(tf.constant(points, tf.float32), *arguments).numpy(), place)  # noqa: B023
        ratios.append(off / sd)
        sds.append(sd)
    ratios = np.abs(ratios)
    return [
        full, f"{factor:g}", ", ".join(f"{v:.2f}" for v in np.sqrt(np.mean(ratios**2, axis=0))),
        f"{ratios.max():.1f}", f"{np.sum(ratios.max(axis=1) > 3)} of {len(ratios)}",
        ", ".join(f"{1000 * v:.1f}" for v in np.median(sds, axis=0)),
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = ["nn_direct_emulator", "pca_gp_emulator", "cvae_emulator", "wgan_gp_emulator", "greens_emulator"]
    parser.add_argument("--models", nargs="+", default=known)
    parser.add_argument("--inflation", nargs="+", type=float, default=[], help="factors to compare")
    args = parser.parse_args()
    rows = [measured(name, factor) for name in args.models for factor in args.inflation or [None]]
    header = ["emulator", "factor of its error", "rms of offset / sd: x, y, z", "largest", "beyond 3 sd",
              "median sd [m]"]  # fmt: skip
    print_table("What the emulators' own errors do to 20 held-out events each, without noise", header, rows)


if __name__ == "__main__":
    main()

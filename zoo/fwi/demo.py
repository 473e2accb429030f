"""A chapter of `zoo demo`: shots over a synthetic section, and its velocities found from the records."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from zoo.chapters import Chapter, Picture
from zoo.files import write_with
from zoo.progress import say

ROWS, COLUMNS, SPACING_M = 40, 100, 20.0
SHOTS, SAMPLES, TIME_STEP_S = 6, 560, 0.0025
PEAK_HZ, ITERATIONS = 6.0, 20


def example(folder: Path) -> dict[str, Path]:
    """Shoot over the section; write `shots`, the `start` (the section smoothed) and the `true` section.

    Args:
        folder: where to.
    """
    from zoo.fwi import Survey, ricker, simulate
    from zoo.fwi.physics.velocity_models import folded, write_velocity_model

    truth = folded(rows=ROWS, columns=COLUMNS, spacing_m=SPACING_M)
    true_file = write_velocity_model(truth, folder / "true.npz")
    start_file = write_velocity_model(truth.smoothed(160.0), folder / "start.npz")
    sources = np.stack([np.full(SHOTS, 1), np.linspace(5, COLUMNS - 6, SHOTS).astype(int)], axis=1)
    receivers = np.stack([np.full(COLUMNS // 2, 1), np.arange(0, COLUMNS, 2)], axis=1)
    wavelet = np.tile(ricker(PEAK_HZ, TIME_STEP_S, SAMPLES), (SHOTS, 1))
    records = simulate(truth.velocity_m_s, SPACING_M, Survey(wavelet, sources, receivers, TIME_STEP_S))
    arrays = {
        "observed": records,
        "time_step_s": TIME_STEP_S,
        "sources_m": sources * SPACING_M,
        "receivers_m": receivers * SPACING_M,
    }
    shots = write_with(folder / "shots.npz", lambda path: np.savez_compressed(path, **arrays))
    return {"shots": shots, "start": start_file, "true": true_file}


def chapter(folder: Path) -> Chapter:
    """Shoot over the section, invert from a smooth start, and write shots, models and figures.

    Args:
        folder: where everything is written.
    """
    from zoo.fwi import invert

    say(f"   Synthetic data: {SHOTS} shots over folds, faults and salt, waves by finite differences; a smooth start")
    made = example(folder)
    shots, start_file, true_file = made["shots"], made["start"], made["true"]
    out = folder / "inverted"
    shutil.rmtree(out, ignore_errors=True)  # of an earlier demo
    settings = {"iterations": ITERATIONS}
    command = (
        f"zoo fwi {shots} --start {start_file} --wavelet ricker:{PEAK_HZ:g} --true {true_file} --out {out} "
        f"--set iterations={ITERATIONS}"
    )
    say(f"   {command}")
    inverted = invert(
        shots, start_file, out, wavelet=f"ricker:{PEAK_HZ:g}", truth=true_file, settings=settings, figure_every=10**6
    )
    return Chapter(
        question="Which velocities explain these shots?",
        data=f"Synthetic data: {SHOTS} shots over a section with folds, faults and a salt body, simulated by finite "
        "differences without noise; the inversion starts from the true section smoothed over 160 m.",
        commands=[command],
        answer=inverted.report(),
        pictures=[
            Picture(
                out / "overview.png",
                "Synthetic: the start, what the inversion found, the truth, and their difference; depth below the "
                "surface, sources and receivers on it.",
            )
        ],
    )

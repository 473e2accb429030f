"""A line of SEG-Y as large as asked for: memory to read it and to make its survey, and a gradient within apertures.

    python benchmarks/field_line.py                       120 shots x 96 channels x 750 samples
    python benchmarks/field_line.py 1000 480 2000         3.8 GB, a line of 25 km

Memory is the peak of the process above what it takes with everything imported and compiled (Linux). Model: 2 km deep,
cells of 25 m, receivers every 12.5 m that move with the shots, apertures of 500 m.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SPACING_M, APERTURE_M, STEP_S = 25.0, 500.0, 0.004
GRADIENTS = 8
"""Shots whose gradient is measured: a part of an accumulated one."""


def write_line(path: Path, shots: int, channels: int, samples: int) -> float:
    """Write a moving spread with a direct wave; return the length of the line in m."""
    trace = np.dtype([("header", "u1", 240), ("samples", ">f4", samples)])
    head = bytearray(3600)
    for byte, value in {3217: round(1e6 * STEP_S), 3221: samples, 3225: 5, 3255: 1}.items():
        head[byte - 1 : byte + 1] = value.to_bytes(2, "big")
    time_s, offset_m = STEP_S * np.arange(samples), 12.5 * np.arange(channels)
    phase = 8 * np.pi * (time_s - offset_m[:, None] / 2200 - 0.2)
    block = np.zeros(channels, trace)
    block["samples"] = (1 - 0.2 * phase**2) * np.exp(-0.1 * phase**2)
    block["header"][:, 28:30] = (0, 1)
    apart_m = 19 if shots > 500 else 100
    with open(path, "wb") as file:
        file.write(head)
        for shot in range(shots):
            fields = {9: shot + 1, 73: apart_m * shot, 81: apart_m * shot + np.round(offset_m), 41: -10, 49: 10}
            for byte, values in fields.items():
                column = np.broadcast_to(np.asarray(values, ">i4"), channels).copy()
                block["header"][:, byte - 1 : byte + 3] = column.view("u1").reshape(channels, 4)
            file.write(block.tobytes())
    return apart_m * (shots - 1) + offset_m[-1]


def memory_mb(what: str) -> float:
    """Return a line of this process's status in MB: VmRSS, RssAnon, VmHWM."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{what}:")) / 1000


def measured(work) -> tuple[object, float, float]:
    """Return what a function returns, its CPU-seconds and the peak of memory above what there was before, in MB."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before_mb, start_s = memory_mb("VmRSS"), time.process_time()
    found = work()
    return found, time.process_time() - start_s, memory_mb("VmHWM") - before_mb


def gradient(survey, model, shots: np.ndarray):
    """Simulate some shots and take the gradient of their misfit."""
    from zoo.fwi.models.wave_apertures import waves_of

    part = survey.some(shots)
    waves = waves_of(model.velocity_m_s, model.spacing_m, part, bounds=(1500.0, 3400.0))
    traces, number = waves.simulate(model.velocity_m_s, part.wavelet, part.numbered)
    return waves.differentiate(model.velocity_m_s, part.wavelet, part.numbered, traces - part.observed, number)


def main() -> None:
    from dataclasses import replace

    from table import print_table

    from zoo.fwi import VelocityModel, read_shots
    from zoo.fwi.inversion.shots_on_grid import to_survey

    size = tuple(map(int, sys.argv[1:])) or (120, 96, 750)
    with tempfile.TemporaryDirectory() as folder:
        small, path = Path(folder) / "small.sgy", Path(folder) / "line.sgy"
        write_line(small, 3, *size[1:])
        length_m = write_line(path, *size)
        columns = int(length_m / SPACING_M) + 2
        model = VelocityModel(np.tile(1800 + 16 * np.arange(80.0)[:, None], (1, columns)), SPACING_M)
        warm, _ = to_survey(read_shots(small), model, "ricker:6", aperture_m=APERTURE_M)
        gradient(warm, model, np.arange(1))  # compiles
        shots, read_s, read_mb = measured(lambda: read_shots(path))
        made, survey_s, survey_mb = measured(lambda: to_survey(shots, model, "ricker:6", aperture_m=APERTURE_M))
        survey = made[0]
        some = np.arange(0, size[0], max(1, size[0] // GRADIENTS))[:GRADIENTS]
        _, near_s, near_mb = measured(lambda: gradient(survey, model, some))
        whole = replace(survey, columns=np.tile([0, columns], (size[0], 1)))
        _, whole_s, whole_mb = measured(lambda: gradient(whole, model, some))
        data_mb = path.stat().st_size / 1e6
    share = np.diff(survey.columns, axis=1).mean() / columns
    near = f"gradient of {len(some)} shots within apertures, {share:.0%} of the model"
    rows = [
        ("read: headers, and every sample once", f"{read_s:.1f}", f"{read_mb:.0f}"),
        ("survey: gathered, resampled, amplitude checked", f"{survey_s:.1f}", f"{survey_mb:.0f}"),
        (near, f"{near_s:.1f}", f"{near_mb:.0f}"),
        (f"gradient of {len(some)} shots over the whole model", f"{whole_s:.1f}", f"{whole_mb:.0f}"),
    ]
    shape = " x ".join(map(str, size))
    print_table(f"A line of {shape} ({data_mb:.0f} MB)", ("what", "CPU-s", "peak of memory, MB"), rows)


if __name__ == "__main__":
    main()

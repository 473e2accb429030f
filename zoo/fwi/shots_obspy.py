"""Shots in files of other formats, through ObsPy: SEG-2, miniSEED and the like, whose geometry is in a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import ZooError
from zoo.fwi.segy.samples import shifted
from zoo.interrupts import uninterrupted

_SAME_STEP = 1e-6
"""Time steps that differ by less than this part are the same, rounded."""


def read_obspy(paths: Sequence[Path], columns: Sequence[str] = ()) -> dict[str, Any]:
    """Return the fields of `zoo.fwi.shots.Shots` without geometry from files that ObsPy reads.

    Args:
        paths: of the files, whose traces follow each other.
        columns: columns of a geometry's table, to name that it is missing; empty if one is given.

    Raises:
        ZooError: a file is cut short or of no known format, or has traces of different lengths, or no geometry.
    """
    traces, first_s, steps = [], [], []
    for path in paths:
        for trace in _read(path):
            traces.append(np.asarray(trace.data, np.float32))
            steps.append(trace.stats.delta)
            # SEG-2's delay counts from the trigger; negative where recording began before it.
            first_s.append(float(getattr(trace.stats, "seg2", {}).get("DELAY", 0) or 0))
    if columns:
        raise ZooError(
            f"{paths[0]} says nothing about sources and receivers that could be used. Give --geometry, a CSV with the "
            f"columns {', '.join(columns)} and one row for each of its {len(traces)} traces."
        )
    for row, (trace, step) in enumerate(zip(traces, steps, strict=True)):
        if len(trace) != len(traces[0]) or abs(step - steps[0]) > _SAME_STEP * steps[0]:
            raise ZooError(
                f"{paths[0]}: trace {row + 1} has {len(trace)} samples of {step:g} s, trace 1 {len(traces[0])} of "
                f"{steps[0]:g} s. Cut or resample them to the same."
            )
    shifts, samples = (np.array(first_s) - min(first_s)) / steps[0], len(traces[0])
    notes = ()
    if any(first_s):
        notes = (f"Traces begin {1e3 * min(first_s):g} to {1e3 * max(first_s):g} ms after the trigger, as SEG-2 says.",)
    aligned = shifted(np.stack(traces), shifts, samples)
    return {"traces": aligned, "time_step_s": float(steps[0]), "first_sample_s": min(first_s), "notes": notes}


def _read(path: Path) -> Any:
    import obspy

    try:
        with uninterrupted():
            found = obspy.read(path)
    except Exception as error:  # ObsPy's readers raise whatever their parser met
        why = " ".join(str(error).split())
        raise ZooError(f"{path} is cut short or not of a format that ObsPy knows ({why}).") from error
    kind = found[0].stats.get("_format")
    if kind in ("SU", "SEGY"):
        raise ZooError(f"{path} is {kind}. Rename it to end in .su or .segy, so that its headers are read.")
    return found

"""Single dispersion curves: `period velocity [sd]`, surf96, the tables that Computer Programs in Seismology write.

A curve has no place. Several may stand in one table with a column that numbers them.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from zoo.crust.maps import DispersionMap
from zoo.crust.names import kind_of, says_depth
from zoo.crust.tables import VELOCITIES, VELOCITY_KM_S, Table
from zoo.errors import ZooError

_KINDS = ("rayleigh_phase", "rayleigh_group", "love_phase", "love_group")
_LARGEST_PART = 0.5  # of a velocity that a column of sds is
_PERIOD_S = (0.1, 1000.0)


def read_curve(path: Path, kind: str | None = None) -> DispersionMap | None:
    """Return the curves of a file without places, None if it is no such file.

    Args:
        path: text.
        kind: of waves, where the file does not say it.

    Raises:
        ZooError: if it is such a file and something in it is wrong.
    """
    if path.is_dir() or path.suffix.lower() in (".npz", ".nc", ".grd", ".mat", ".pix", ".h5"):
        return None
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = [line for line in (next(file, "") for _ in range(400)) if line.strip()]
    except OSError:
        return None
    if lines and "\0" not in "".join(lines):
        if re.match(r"\s*SURF96\s", lines[0]):
            return _surf96(path)
        if any(re.search(r"(?i)period", line) and re.search(r"(?i)nfreq", line) for line in lines[:5]):
            return _cps(path, kind)
    try:
        table = Table.read(path, places=False)
    except ZooError:
        return None
    if "longitude" in table.names or "latitude" in table.names:
        return None
    if not table.headed:
        width = len(table.names)
        if width > 3 or width < 2:
            return None
        period, velocity = table.values[:, 0], table.values[:, 1]
        if width == 3:
            part = table.values[:, 2] / velocity
            if not (np.nan_to_num(part) < _LARGEST_PART).all():
                return None
        plausible = (velocity > VELOCITY_KM_S[0]) & (velocity < VELOCITY_KM_S[1]) | ~np.isfinite(velocity)
        if not plausible.all() or len(np.unique(period)) < len(period):
            return None
        if says_depth(path.name) and not kind and kind_of(path.stem) is None:
            raise ZooError(f"{path} looks like a model of velocity by depth by its name; say --kind rayleigh_phase.")
        table.names = ["period", "velocity", "sd"][:width]
    steps = [name for name in ("period", "frequency_hz", "frequency_mhz") if name in table.names]
    found = [name for name in VELOCITIES if name in table.names]
    if not steps or not found:
        return None
    step = table.column(steps[0])
    with np.errstate(divide="ignore"):
        period = {"period": step, "frequency_hz": 1 / step, "frequency_mhz": 1000 / step}[steps[0]]
    number = table.column("curve") if "curve" in table.names else np.zeros(len(period))
    rows = []
    for name in found:
        values = table.plausible(name, VELOCITY_KM_S, "km/s")
        own = table._sd_of(name) or ("sd" if "sd" in table.names and len(found) == 1 else None)
        sd = table.plausible(own, (0, 1.0), "km/s") if own else np.full(len(values), np.nan)
        told = kind if len(found) == 1 and kind else None
        stated = _KINDS[VELOCITIES.index(name)] if name != "velocity" else kind_of(path.stem, *table.comments)
        rows += [(told or stated or "rayleigh_phase", *row) for row in zip(number, period, values, sd, strict=True)]
    return _join(rows, path)


def _surf96(path: Path) -> DispersionMap:
    """Read `SURF96 R C X 0 period value sd` lines: fundamental modes of Rayleigh (R) and Love (L), C and U."""
    rows, left = [], 0
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        fields = line.split()
        if not fields:
            continue
        try:
            wave, quantity, mode, period, value = (
                fields[1],
                fields[2],
                int(fields[4]),
                float(fields[5]),
                float(fields[6]),
            )
            sd = float(fields[7]) if len(fields) > 7 else np.nan
            kind = {"R": "rayleigh", "L": "love"}[wave] + "_" + {"C": "phase", "U": "group"}[quantity]
        except (IndexError, ValueError, KeyError) as error:
            raise ZooError(
                f"{path}, line {number}: expected SURF96 R|L C|U X mode period velocity sd ({error})."
            ) from error
        if mode:
            left += 1
            continue
        rows.append((kind, 0, period, value, sd if sd > 0 else np.nan))
    notes = (f"{left} measurements of overtones are left out.",) if left else ()
    return _join(rows, path, notes)


def _cps(path: Path, kind: str | None) -> DispersionMap:
    """Read the tables of sdpegn96, sdpsrf96 and the like: columns named PERIOD, C(KM/S), U(KM/S), for each mode."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    head = next(i for i, line in enumerate(lines) if re.search(r"(?i)period", line))
    names = [re.sub(r"\(.*", "", word).lower() for word in re.sub(r"\(\s*", "(", lines[head]).split()]
    wave = "love" if re.search(r"(?i)love|^sl|SLEGN", path.name + " " + " ".join(lines[:head])) else "rayleigh"
    rows = []
    for number, line in enumerate(lines[head + 1 :], head + 2):
        fields = line.split()
        if not fields:
            continue
        if len(fields) < len(names):
            raise ZooError(f"{path}, line {number}: {len(fields)} columns, the header names {len(names)}.")
        try:
            value = dict(zip(names, (float(field) for field in fields), strict=False))
        except ValueError as error:
            raise ZooError(f"{path}, line {number}: {error}.") from error
        if next((value[n] for n in ("rmode", "lmode", "mode") if n in value), 0) > 0:
            continue
        for column, quantity in (("c", "phase"), ("u", "group")):
            if value.get(column, 0) > 0:
                rows.append((kind or f"{wave}_{quantity}", 0, value["period"], value[column], np.nan))
    return _join(rows, path)


def _join(rows: list[tuple], path: Path, notes: tuple[str, ...] = ()) -> DispersionMap:
    """Arrange (kind, curve, period, velocity, sd) in curves by periods."""
    if not rows:
        raise ZooError(f"{path} holds no velocity of a fundamental mode.")
    kinds, number, period, value, sd = zip(*rows, strict=True)
    period = np.round(np.array(period, float), 6)
    if not ((period >= _PERIOD_S[0]) & (period <= _PERIOD_S[1])).all():
        raise ZooError(f"{path}: periods run from {period.min():g} to {period.max():g}; expected {_PERIOD_S} s.")
    periods, column = np.unique(period, return_inverse=True)
    curves, row = np.unique(np.array(number), return_inverse=True)
    layers = {}
    for kind in ("rayleigh_phase", *_KINDS[1:]):
        here = np.array([k == kind for k in kinds])
        if not here.any() and kind != "rayleigh_phase":
            continue
        velocity, error = (np.full((len(curves), len(periods)), np.nan) for _ in range(2))
        velocity[row[here], column[here]] = np.array(value, float)[here]
        error[row[here], column[here]] = np.array(sd, float)[here]
        layers[kind] = velocity, error if np.isfinite(error).any() else None
    nowhere = np.full(len(curves), np.nan)
    main = layers.pop("rayleigh_phase")
    return DispersionMap(nowhere, nowhere.copy(), periods, *main, path.name, layers, notes)

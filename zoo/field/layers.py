"""Layered earths: depth, speed of P and speed of S, read from tables and from the files of NonLinLoc and VELEST."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo.errors import ZooError
from zoo.field.nonlinloc import is_control_file, read_layer_lines
from zoo.field.text_tables import named, needed, numbers, plain, read_columns, read_text
from zoo.foreign import reader

VP_VS = 1.73
"""Ratio of speeds that is used where a table gives one of them and nobody says another."""
SPEEDS_KM_S = 0.05, 15.0
"""Slower and faster than any rock: then the unit is wrong."""
_CENTRE_KM = 6371.0
_METRES = 100.0, 1000.0  # least step and largest depth of tables that are in metres


@dataclass(frozen=True)
class Layers:
    """Speeds by depth; above the first depth and below the last one they go on unchanged.

    Raises:
        ZooError: depths do not increase or speeds are impossible.

    >>> earth = Layers(np.array([0.0, 10.0]), np.array([5.0, 6.0]), np.array([3.0, 3.5]))
    >>> earth.speeds(np.array([-1.0, 3.0, 10.0]), "P").tolist()
    [5.0, 5.0, 6.0]
    """

    depth_km: np.ndarray
    """(layers,) top of each layer below sea level, km; the linear kind: the depth at which the speed is known."""
    vp_km_s: np.ndarray
    """(layers,) km/s"""
    vs_km_s: np.ndarray
    """(layers,) km/s"""
    linear: bool = False
    """Speeds change in straight lines from a depth to the next, instead of by steps."""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("depth_km", "vp_km_s", "vs_km_s"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), np.float64))
        sizes = {self.depth_km.shape, self.vp_km_s.shape, self.vs_km_s.shape}
        if len(sizes) != 1 or self.depth_km.ndim != 1 or not self.depth_km.size:
            raise ZooError(f"Layers have depths and speeds of shapes {sizes}; expected one shape (layers,).")
        steps = np.diff(self.depth_km)
        if not np.isfinite(self.depth_km).all() or (steps < 0).any() or (not self.linear and (steps == 0).any()):
            raise ZooError(
                f"Depths of layers are {self.depth_km.tolist()} km; expected numbers that increase (below sea level)."
            )
        if np.abs(self.depth_km).max() > _CENTRE_KM:
            raise ZooError(f"A layer begins at {self.depth_km[-1]:g} km; expected km. Are these metres?")
        for name in ("vp_km_s", "vs_km_s"):
            speed = getattr(self, name)
            odd = (speed > SPEEDS_KM_S[1]) | ((speed > 0) & (speed < SPEEDS_KM_S[0]))
            if odd.any():
                raise ZooError(
                    f"{name[:2]} is {speed[np.argmax(odd)]:g} km/s; expected {SPEEDS_KM_S[0]:g} to {SPEEDS_KM_S[1]:g}. "
                    "Is it in another unit? Columns that end in _m_s are taken as m/s, others as km/s."
                )
        good = (self.vs_km_s > 0) & (self.vp_km_s > self.vs_km_s) & np.isfinite(self.vp_km_s)
        if not good.all():
            i = int(np.argmin(good))
            raise ZooError(
                f"The layer at {self.depth_km[i]:g} km has vp {self.vp_km_s[i]:g} and vs {self.vs_km_s[i]:g} km/s; "
                "expected 0 < vs < vp (no water or air)."
            )

    def speeds(self, depth_km: np.ndarray, phase: str) -> np.ndarray:
        """Return the speeds in km/s of "P" or "S" at depths (any shape) in km below sea level."""
        speed = self.vp_km_s if phase == "P" else self.vs_km_s
        if self.linear:
            return np.interp(depth_km, self.depth_km, speed)
        return speed[np.clip(np.searchsorted(self.depth_km, depth_km, side="right") - 1, 0, None)]


@reader("Copy or write it again.")
def read_layers(path: str | os.PathLike, vp_vs: float | None = None, linear: bool = False) -> Layers:
    """Read a table of layers, LAYER lines of NonLinLoc's control file, or a model of VELEST (.mod).

    Args:
        path: columns `depth` and `vp` or `vs` or both, with or without units (km, m, km/s, m/s) in their names; without
            a header line: depth in km, vp and vs in km/s.
        vp_vs: ratio of the speeds, where the table has only one of them; None: `VP_VS`, which a note says.
        linear: speeds change in straight lines between the depths, instead of by steps; so they do where a depth stands
            twice, and where NonLinLoc's layers have gradients.

    Returns:
        The layers; their notes say what was assumed.

    Raises:
        ZooError: the file is no such table, its unit is in doubt, or its speeds are impossible.

    >>> _ = Path("layers.csv").write_text("depth_m,vp_m_s\\n-1000,5000\\n5000,6000\\n")
    >>> earth = read_layers("layers.csv")
    >>> earth.depth_km.tolist(), earth.vs_km_s.round(3).tolist(), earth.notes
    ([-1.0, 5.0], [2.89, 3.468], ('layers.csv has no vs: it is vp / 1.73',))
    """
    if vp_vs is not None and not 1.0 < vp_vs < 10.0:
        raise ZooError(f"The ratio vp/vs is {vp_vs:g}; expected a number above 1, like {VP_VS}.")
    path = Path(path)
    text, where = read_text(path, "Layers"), path.name
    lines = [line for line in text.splitlines() if line.strip() and line.strip()[0] != "#"]
    if is_control_file(text):
        depth, vp, vs, graded, notes = read_layer_lines(path)
        found = {"vp": vp} if np.isnan(vs).all() else {"vp": vp, "vs": vs}
    elif path.suffix.lower() == ".mod":
        depth, found, graded, notes = _velest(lines, where)
    elif lines and all(_is_number(word) for word in re.split(r"[\s,;|]+", lines[0].strip())):
        depth, found, graded, notes = _without_header(lines, where)
    else:
        depth, found, notes = _table(text, where)
        graded = False
    if graded and not linear:
        notes.append(f"{where}: speeds change in straight lines between its depths")
    ratio = VP_VS if vp_vs is None else vp_vs
    if len(found) == 2 and vp_vs is not None:
        notes.append(f"{where} has vp and vs: the ratio {vp_vs:g} is not used")
    if "vs" not in found:
        found["vs"] = found["vp"] / ratio
        notes.append(f"{where} has no vs: it is vp / {ratio:g}")
    if "vp" not in found:
        found["vp"] = found["vs"] * ratio
        notes.append(f"{where} has no vp: it is vs * {ratio:g}")
    return Layers(depth, found["vp"], found["vs"], linear or graded, tuple(notes))


def _table(text: str, where: str) -> tuple[np.ndarray, dict[str, np.ndarray], list[str]]:
    columns = read_columns(text, where)
    depth_name = needed(columns, r"(depth|z|top|depth_top|top_depth)(_b?sl)?(_k?m)?", "the depth", where)
    notes: list[str] = []
    depth = numbers(columns[depth_name], depth_name, where)
    if plain(depth_name).endswith("_m"):
        depth = depth / 1000.0
    elif not plain(depth_name).endswith("_km"):
        steps = np.diff(depth)[np.diff(depth) > 0]
        if len(steps) and steps.min() >= _METRES[0] and np.abs(depth).max() >= _METRES[1]:
            raise ZooError(
                f"{where}: depths go to {np.abs(depth).max():g}, which looks like metres, under the name "
                f"{depth_name!r}. Name the column depth_m or depth_km."
            )
    found = {}
    for key in ("vp", "vs"):
        letter = key[1]
        name = named(columns, rf"(v{letter}|{letter}|v_{letter}|velocity_{letter}|{letter}_velocity)(_k?m_?(per_)?s)?")
        if name is not None:
            values = numbers(columns[name], name, where)
            in_metres = "_m_" in plain(name) or plain(name).endswith("_ms")
            if not in_metres and (values > 50).all() and "km" not in plain(name):
                in_metres = True
                notes.append(f"{where}: {name} is taken as m/s")
            found[key] = values / 1000.0 if in_metres else values
    if not found:
        raise ZooError(f"{where} has neither vp nor vs. It has: {', '.join(columns)}.")
    return depth, found, notes


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _without_header(lines: list[str], where: str) -> tuple[np.ndarray, dict[str, np.ndarray], bool, list[str]]:
    """Read rows of depth, vp, vs; names of boundaries between them, as in TauP's .nd, are passed over."""
    rows = [re.split(r"[\s,;|]+", line.strip()) for line in lines]
    rows = [[float(word) for word in row] for row in rows if all(map(_is_number, row))]
    width = min(map(len, rows))
    if width < 2:
        raise ZooError(f"{where} has rows of one number; expected depth in km, vp and vs in km/s.")
    made = np.array([row[:3] if width > 2 else row[:2] for row in rows])
    names = "depth in km, vp" + (", vs" if width > 2 else "") + " in km/s"
    found = {"vp": made[:, 1]} | ({"vs": made[:, 2]} if width > 2 else {})
    return made[:, 0], found, bool((np.diff(made[:, 0]) == 0).any()), [
        f"{where} has no header line: its columns are taken as {names}"
    ]  # fmt: skip


def _velest(lines: list[str], where: str) -> tuple[np.ndarray, dict[str, np.ndarray], bool, list[str]]:
    """Read a title, the number of layers, and speed and depth of each; the same again for S (Kissling 1995)."""
    blocks, at = [], 1
    try:
        while at < len(lines) and len(blocks) < 2:
            count = int(lines[at].split()[0])
            rows = [line.split()[:2] for line in lines[at + 1 : at + 1 + count]]
            if len(rows) < count:
                raise ValueError(f"{len(rows)} of {count} layers")
            blocks.append(np.array(rows, float))
            at += 1 + count
    except (ValueError, IndexError) as error:
        raise ZooError(
            f"{where}, line {at + 1}: no model of VELEST ({error}); expected a title, the number of layers, and a line "
            "of speed in km/s and depth in km for each."
        ) from error
    if not blocks:
        raise ZooError(f"{where} holds no layer; expected a title, the number of layers, and their speeds and depths.")
    p = blocks[0]
    if len(blocks) == 1:
        return p[:, 1], {"vp": p[:, 0]}, False, []
    s = blocks[1]
    depth = np.union1d(p[:, 1], s[:, 1])
    found = {
        key: block[np.clip(np.searchsorted(block[:, 1], depth, side="right") - 1, 0, None), 0]
        for key, block in (("vp", p), ("vs", s))
    }
    return depth, found, False, []

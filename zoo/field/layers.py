"""Layered earths: depth, speed of P and speed of S, read from tables."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo.errors import ZooError
from zoo.field.text_tables import named, needed, numbers, plain, read_columns, read_text

VP_VS = 1.73
"""Ratio of speeds that is used where a table gives one of them and nobody says another."""


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
            raise ZooError(f"Depths of layers are {self.depth_km.tolist()} km; expected numbers that increase.")
        good = (self.vs_km_s > 0) & (self.vp_km_s > self.vs_km_s) & np.isfinite(self.vp_km_s)
        if not good.all():
            i = int(np.argmin(good))
            raise ZooError(
                f"The layer at {self.depth_km[i]:g} km has vp {self.vp_km_s[i]:g} and vs {self.vs_km_s[i]:g} km/s; "
                "expected 0 < vs < vp."
            )

    def speeds(self, depth_km: np.ndarray, phase: str) -> np.ndarray:
        """Return the speeds in km/s of "P" or "S" at depths (any shape) in km below sea level."""
        speed = self.vp_km_s if phase == "P" else self.vs_km_s
        if self.linear:
            return np.interp(depth_km, self.depth_km, speed)
        return speed[np.clip(np.searchsorted(self.depth_km, depth_km, side="right") - 1, 0, None)]


def read_layers(path: str | os.PathLike, vp_vs: float | None = None, linear: bool = False) -> Layers:
    """Read a table of layers with a header line.

    Args:
        path: columns `depth` and `vp` or `vs` or both, with or without units (km, m, km/s, m/s) in their names.
        vp_vs: ratio of the speeds, where the table has only one of them; None: `VP_VS`, which a note says.
        linear: speeds change in straight lines between the depths, instead of by steps.

    Returns:
        The layers; their notes say what was assumed.

    Raises:
        ZooError: the file is no such table, or its speeds are impossible.

    >>> _ = Path("layers.csv").write_text("depth_m,vp_m_s\\n-1000,5000\\n5000,6000\\n")
    >>> earth = read_layers("layers.csv")
    >>> earth.depth_km.tolist(), earth.vs_km_s.round(3).tolist(), earth.notes
    ([-1.0, 5.0], [2.89, 3.468], ('layers.csv has no vs: it is vp / 1.73',))
    """
    where = Path(path).name
    columns = read_columns(read_text(path, "Layers"), where)
    depth_name = needed(columns, r"(depth|z|top|depth_top|top_depth)(_b?sl)?(_k?m)?", "the depth", where)
    notes: list[str] = []
    depth = numbers(columns[depth_name], depth_name, where)
    if plain(depth_name).endswith("_m"):
        depth = depth / 1000.0
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
    ratio = VP_VS if vp_vs is None else vp_vs
    if len(found) == 2 and vp_vs is not None:
        notes.append(f"{where} has vp and vs: the ratio {vp_vs:g} is not used")
    if "vs" not in found:
        found["vs"] = found["vp"] / ratio
        notes.append(f"{where} has no vs: it is vp / {ratio:g}")
    if "vp" not in found:
        found["vp"] = found["vs"] * ratio
        notes.append(f"{where} has no vp: it is vs * {ratio:g}")
    return Layers(depth, found["vp"], found["vs"], linear, tuple(notes))

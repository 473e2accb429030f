"""From Vs at depths back to an Earth, and what single curves say: the answer of `zoo crust curve.txt`."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from zoo.crust.models.wave_network import KINDS
from zoo.crust.physics.earth import COLUMNS, EARTH_RADIUS_KM, EarthModel, prem
from zoo.crust.physics.love import love_velocity
from zoo.crust.physics.rayleigh import group_velocity, phase_velocity
from zoo.errors import ZooError
from zoo.files import write_json, write_with

_CRUST_VP, _MANTLE_VP = 1.76, 1.79  # vp over vs
_LAYERS_KM = 2.0  # thickness of the layers of a crust that is made of depths
_FASTEST_CRUST, _LEAST_VS = 4.3, 0.3


def earth_of(moho_km: float, depth_km: np.ndarray, vs_km_s: np.ndarray) -> EarthModel:
    """Return an Earth with a Moho and Vs (D,) in km/s at depths (D,): linear in the crust and in the mantle.

    vp follows from vs by a ratio, density of the crust from vp by Brocher (2005); below the last depth it is PREM.

    >>> earth = earth_of(35.0, np.array([5.0, 20.0, 50.0, 150.0]), np.array([3.3, 3.6, 4.4, 4.5]))
    >>> earth.moho_depth_km
    35.0
    """
    depth_km, vs_km_s = np.asarray(depth_km, float), np.maximum(np.asarray(vs_km_s, float), _LEAST_VS)
    crust, mantle = depth_km < moho_km, depth_km > moho_km
    if not crust.any() or not mantle.any():
        raise ZooError(f"The Moho at {moho_km:g} km has no depth on one of its sides.")
    base = prem(moho_depth_km=max(moho_km, 10.0))
    below = base.radius_km <= EARTH_RADIUS_KM - max(depth_km.max(), moho_km + 1)
    columns = {name: list(getattr(base, name)[below]) for name in COLUMNS}

    def add(depth: float, vs: float, ratio: float, density: float, qmu: float) -> None:
        knot = (EARTH_RADIUS_KM - depth, density, ratio * vs, vs, 57823.0, qmu, ratio * vs, vs, 1.0)
        for name, value in zip(COLUMNS, knot, strict=True):
            columns[name].append(value)

    def linear(z: np.ndarray, side: np.ndarray) -> np.ndarray:
        return np.interp(z, depth_km[side], vs_km_s[side])

    top = EARTH_RADIUS_KM - columns["radius_km"][-1]
    for z in sorted({top, *depth_km[mantle & (depth_km < top)], moho_km}, reverse=True):
        vs = float(linear(np.array(z), mantle))
        add(z, vs, _MANTLE_VP, 3.37, 600.0 if z < 80 else 143.0)
    edges = np.linspace(moho_km, 0.0, max(int(np.ceil(moho_km / _LAYERS_KM)), 2) + 1)
    for lower, upper in zip(edges[:-1], edges[1:], strict=True):
        vs = float(min(linear(np.array((lower + upper) / 2), crust), _FASTEST_CRUST))
        vp = _CRUST_VP * vs
        density = 1.6612 * vp - 0.4721 * vp**2 + 0.0671 * vp**3 - 0.0043 * vp**4 + 0.000106 * vp**5
        add(lower, vs, _CRUST_VP, density, 300.0)
        add(upper, vs, _CRUST_VP, density, 300.0)
    return EarthModel(*[np.array(columns[name]) for name in COLUMNS], title=f"Earth with its Moho at {moho_km:.1f} km")


def predicted(earth: EarthModel, kind: str, period_s: np.ndarray) -> np.ndarray:
    """Return the velocities (P,) in km/s of one of `KINDS` at periods (P,) in s."""
    frequency_hz = 1 / np.asarray(period_s, float)
    if kind.startswith("love"):
        return love_velocity(earth, frequency_hz)[KINDS.index(kind) - 2]
    return (phase_velocity if kind.endswith("phase") else group_velocity)(earth, frequency_hz)


@dataclass(frozen=True)
class CurveAnswer:
    """What n curves without a place say. NaN where a curve says nothing.

    Attributes:
        thickness_km, sd_km: (n,); interval_68_km (n, 2).
        depth_km, vs_km_s, vs_lower_68_km_s, vs_upper_68_km_s: (D,), (n, D), of the shear velocity.
        unfamiliarity: (n,), above 1: unlike the curves of the prior.
        misfit_km_s: kind -> (n,), RMS of what was measured less the curve of the posterior's mean, by the solver.
        curves: what was measured, see `zoo.crust.waves.Curves`.
        effective_samples: (n,), of importance weights by the solver; None: not asked for.
        model, source: names.
        notes, warnings: sentences for the report.
    """

    thickness_km: np.ndarray
    sd_km: np.ndarray
    interval_68_km: np.ndarray
    depth_km: np.ndarray
    vs_km_s: np.ndarray
    vs_lower_68_km_s: np.ndarray
    vs_upper_68_km_s: np.ndarray
    unfamiliarity: np.ndarray
    misfit_km_s: Mapping[str, np.ndarray]
    curves: Mapping[str, Any]
    model: str
    source: str
    effective_samples: np.ndarray | None = None
    notes: tuple[str, ...] = field(default=())
    warnings: tuple[str, ...] = field(default=())

    def report(self) -> str:
        """Return a text: how thick the crust is, how sure that is, and what to doubt."""
        lines = []
        for i, thickness in enumerate(self.thickness_km):
            low, high = self.interval_68_km[i]
            name = f"curve {i + 1}: " if len(self.thickness_km) > 1 else ""
            misfit = ", ".join(f"{k.replace('_', ' ')} {1e3 * v[i]:.0f} m/s" for k, v in self.misfit_km_s.items())
            flag = "; UNLIKE the curves of the prior" if self.unfamiliarity[i] > 1 else ""
            lines.append(
                f"{name}crust {thickness:.1f} +- {self.sd_km[i]:.1f} km (68 %: {low:.1f} to {high:.1f}); misfit of the "
                f"mean profile: {misfit}{flag}"
            )
        if self.effective_samples is not None:
            lines.append(
                "importance weights by the solver, effective samples: "
                + ", ".join(f"{n:.0f}" for n in self.effective_samples)
            )
        lines += [f"note: {note}" for note in self.notes]
        return "\n".join([*lines, *(f"warning: {warning}" for warning in self.warnings)])

    def summary(self) -> dict[str, Any]:
        """Return what `summary.json` holds."""
        return {
            "model": self.model,
            "source": self.source,
            "crustal_thickness_km": self.thickness_km.tolist(),
            "standard_deviation_km": self.sd_km.tolist(),
            "unfamiliarity": self.unfamiliarity.tolist(),
            "misfit_km_s": {kind: values.tolist() for kind, values in self.misfit_km_s.items()},
            "effective_samples": None if self.effective_samples is None else self.effective_samples.tolist(),
            "notes": self.notes,
            "warnings": self.warnings,
        }

    def write(self, folder: str | os.PathLike) -> Path:
        """Write profile.csv, profile.png and summary.json to a folder; return the folder."""
        from zoo.crust.figures import profile_figure

        folder = Path(folder)
        write_with(folder / "profile.csv", self._write_csv)
        figure = profile_figure(self)
        write_with(folder / "profile.png", lambda path: figure.savefig(path, dpi=110, format="png"))
        write_json(folder / "summary.json", self.summary())
        return folder

    def _write_csv(self, path: Path) -> None:
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["curve", "depth_km", "vs_km_s", "vs_lower_68_km_s", "vs_upper_68_km_s"])
            for i in range(len(self.thickness_km)):
                for j, depth in enumerate(self.depth_km):
                    values = (self.vs_km_s[i, j], self.vs_lower_68_km_s[i, j], self.vs_upper_68_km_s[i, j])
                    writer.writerow([i + 1, f"{depth:g}", *(f"{value:.4f}" for value in values)])


def misfits(posterior: Any, curves: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return kind -> (n,), RMS in km/s of the measured velocities less those of the posterior's mean Earth."""
    out = {kind: np.full(len(posterior.mean_km), np.nan) for kind in curves}
    for i, (moho, vs) in enumerate(zip(posterior.mean_km, posterior.vs_mean_km_s, strict=True)):
        if not np.isfinite(moho):
            continue
        earth = earth_of(float(moho), posterior.depth_km, vs)
        for kind, (period_s, velocity, _) in curves.items():
            has = np.isfinite(velocity[i])
            if has.any():
                out[kind][i] = np.sqrt(np.mean((predicted(earth, kind, period_s[has]) - velocity[i, has]) ** 2))
    return out

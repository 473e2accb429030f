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
from zoo.crust.physics import prior_tables as tables
from zoo.crust.physics.earth import COLUMNS, EARTH_RADIUS_KM, EarthModel, prem
from zoo.crust.physics.love import love_velocity
from zoo.crust.physics.rayleigh import group_velocity, phase_velocity
from zoo.errors import ZooError
from zoo.files import write_json, write_with

_CRUST_VP = 1.775  # over vs: the middle of the prior's
_LAYERS_KM = 2.0  # thickness of the layers of a crust that is made of depths
_FASTEST_CRUST, _LEAST_VS = 4.3, 0.3


def _mean_q(log_range: np.ndarray) -> np.ndarray:
    """Return one over the mean of 1 / Q, to which velocities are proportional, of Q (..., 2) uniform in log10."""
    low, high = np.moveaxis(10**log_range, -1, 0)
    return np.log(high / low) / (1 / low - 1 / high)


_QMU_BELOW_80, _QMU = _mean_q(tables.QMU[-2:])
_QKAPPA = _mean_q(tables.QKAPPA[-1])
# PREM between 220 km and the Moho: density, vpv, vsv, vph, vsh, eta on radii from below.
_LID = tables.PREM[:, tables.LID_KNOT :]
_LID_RADIUS_KM = np.linspace(6151.0, 6346.6, _LID.shape[1])


def earth_of(moho_km: float, depth_km: np.ndarray, vs_km_s: np.ndarray) -> EarthModel:
    """Return an Earth with a Moho and isotropic Vs (D,) in km/s at depths (D,): linear in the crust and in the mantle.

    What is not given is the mean of the prior (`zoo.crust.physics.prior`): attenuation, and vp over vs in the crust,
    whose density follows from vp by Brocher (2005). In the mantle it is PREM's, in which vertical S waves are slower
    than the average; below the last depth, down to 220 km, Vs departs from PREM as much as it does there.

    >>> earth = earth_of(35.0, np.array([5.0, 20.0, 50.0, 150.0]), np.array([3.3, 3.6, 4.4, 4.5]))
    >>> earth.moho_depth_km
    35.0
    """
    depth_km, vs_km_s = np.asarray(depth_km, float), np.maximum(np.asarray(vs_km_s, float), _LEAST_VS)
    crust, mantle = depth_km < moho_km, depth_km > moho_km
    if not crust.any() or not mantle.any():
        raise ZooError(f"The Moho at {moho_km:g} km has no depth on one of its sides.")
    base = prem()
    deep = base.radius_km <= _LID_RADIUS_KM[0]
    columns = {name: list(getattr(base, name)[deep][:-1]) for name in COLUMNS}  # the last one begins the lid

    def add(depth: float, **values: float) -> None:
        knot = {"radius_km": EARTH_RADIUS_KM - depth, "qkappa": _QKAPPA, "eta": 1.0} | values
        knot["qmu"] = _QMU_BELOW_80 if depth > tables.Q_LID_KM else _QMU
        for name, value in knot.items():
            columns[name].append(value)

    lid_km = EARTH_RADIUS_KM - _LID_RADIUS_KM  # from below
    for z in sorted({*lid_km[lid_km > moho_km], *depth_km[mantle & (depth_km < lid_km[0])], moho_km}, reverse=True):
        factor = np.interp(z, depth_km[mantle], vs_km_s[mantle] / _lid_vs(depth_km[mantle]))
        density, *speeds, eta = (np.interp(-z, -lid_km, row) for row in _LID)
        named = zip(("vpv_km_s", "vsv_km_s", "vph_km_s", "vsh_km_s"), speeds, strict=True)
        add(z, density_g_cm3=density, eta=eta, **{name: factor * value for name, value in named})
    edges = np.linspace(moho_km, 0.0, max(int(np.ceil(moho_km / _LAYERS_KM)), 2) + 1)
    for lower, upper in zip(edges[:-1], edges[1:], strict=True):
        vs = min(float(np.interp((lower + upper) / 2, depth_km[crust], vs_km_s[crust])), _FASTEST_CRUST)
        vp = _CRUST_VP * vs
        density = 1.6612 * vp - 0.4721 * vp**2 + 0.0671 * vp**3 - 0.0043 * vp**4 + 0.000106 * vp**5
        for edge in (lower, upper):
            add(edge, density_g_cm3=density, vpv_km_s=vp, vph_km_s=vp, vsv_km_s=vs, vsh_km_s=vs)
    return EarthModel(*[np.array(columns[name]) for name in COLUMNS], title=f"Earth with its Moho at {moho_km:.1f} km")


def _lid_vs(depth_km: np.ndarray) -> np.ndarray:
    """Return the isotropic average of PREM's vs between 220 km and the Moho, in km/s, continued upwards."""
    vsv, vsh = (
        np.interp(EARTH_RADIUS_KM - depth_km, _LID_RADIUS_KM, _LID[i]) for i in (tables.PREM_VSV, tables.PREM_VSH)
    )
    return np.sqrt((2 * vsv**2 + vsh**2) / 3)


def predicted(earth: EarthModel, kind: str, period_s: np.ndarray) -> np.ndarray:
    """Return the velocities (P,) in km/s of one of `KINDS` at periods (P,) in s."""
    frequency_hz = 1 / np.asarray(period_s, float)
    if kind.startswith("love"):
        return love_velocity(earth, frequency_hz)[KINDS.index(kind) - 2]
    if kind.endswith("phase"):
        return phase_velocity(earth, frequency_hz)
    return group_velocity(earth, frequency_hz, cowling=True)  # 1e-5 apart at these periods, for a third of the cost


@dataclass(frozen=True)
class CurveAnswer:
    """What n curves without a place say. NaN where a curve says nothing.

    Attributes:
        thickness_km, sd_km: (n,); interval_68_km (n, 2).
        depth_km, vs_km_s, vs_lower_68_km_s, vs_upper_68_km_s: (D,), (n, D), of the shear velocity: mean, interval.
        vs_fitted_km_s: (n, D), of the profile whose curve is the measured one (`zoo.crust.profile_fit`).
        unfamiliarity: (n,), above 1: unlike the curves of the prior.
        misfit_km_s: kind -> (n,), RMS of what was measured less the curve of the fitted profile, by the solver.
        curves: what was measured, see `zoo.crust.waves.Curves`.
        predicted_km_s: kind -> (n, P), the fitted profile's velocities at the periods of `curves`.
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
    vs_fitted_km_s: np.ndarray
    unfamiliarity: np.ndarray
    misfit_km_s: Mapping[str, np.ndarray]
    curves: Mapping[str, Any]
    predicted_km_s: Mapping[str, np.ndarray]
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
                f"fitted profile: {misfit}{flag}"
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
            names = ("vs_km_s", "vs_lower_68_km_s", "vs_upper_68_km_s", "vs_fitted_km_s")
            writer.writerow(["curve", "depth_km", *names])
            for i in range(len(self.thickness_km)):
                for j, depth in enumerate(self.depth_km):
                    values = (getattr(self, name)[i, j] for name in names)
                    writer.writerow([i + 1, f"{depth:g}", *(f"{value:.4f}" for value in values)])

"""Radial Earth models: PREM as its published polynomials, and the nine-column deck of normal-mode codes.

Sources
    Dziewonski & Anderson 1981, Phys. Earth Planet. Inter. 25, 297, table 1: the polynomials of PREM.
    Masters, Barmine & Kientz, Mineos user manual: the deck.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo.errors import ZooError
from zoo.files import write_with
from zoo.foreign import reader

EARTH_RADIUS_KM = 6371.0
COLUMNS = (
    "radius_km",
    "density_g_cm3",
    "vpv_km_s",
    "vsv_km_s",
    "qkappa",
    "qmu",
    "vph_km_s",
    "vsh_km_s",
    "eta",
)
# The places of these columns, by which kernels find them.
RADIUS, DENSITY, VPV, VSV, QKAPPA, QMU, VPH, VSH, ETA = range(9)

# PREM, anisotropic, at a reference period of 1 s. Each region has its bottom radius in km, the polynomials in
# r / 6371 km of density, vpv, vsv, vph, vsh and eta, Qkappa, and Qmu (0: infinite).
_IC_RHO = (13.0885, 0, -8.8381)
_LM_RHO = (7.9565, -6.4761, 5.5283, -3.0807)
_ONE = (1.0,)
_QK = 57823.0


def _isotropic(bottom_km, density, vp, vs, qkappa, qmu):
    return bottom_km, density, vp, vs, vp, vs, _ONE, qkappa, qmu


_LID = (
    (2.6910, 0.6924),
    (0.8317, 7.2180),
    (5.8582, -1.4678),
    (3.5908, 4.6172),
    (-1.0839, 5.7176),
    (3.3687, -2.4778),
)
PREM_REGIONS = (
    _isotropic(0.0, _IC_RHO, (11.2622, 0, -6.3640), (3.6678, 0, -4.4475), 1327.7, 84.6),
    _isotropic(1221.5, (12.5815, -1.2638, -3.6426, -5.5281), (11.0487, -4.0362, 4.8023, -13.5732), (0.0,), _QK, 0.0),
    _isotropic(3480.0, _LM_RHO, (15.3891, -5.3181, 5.5242, -2.5514), (6.9254, 1.4672, -2.0834, 0.9783), _QK, 312.0),
    _isotropic(
        3630.0, _LM_RHO, (24.9520, -40.4673, 51.4832, -26.6419), (11.1671, -13.7818, 17.4575, -9.2777), _QK, 312.0
    ),
    _isotropic(5600.0, _LM_RHO, (29.2766, -23.6027, 5.5242, -2.5514), (22.3459, -17.2473, -2.0834, 0.9783), _QK, 312.0),
    _isotropic(5701.0, (5.3197, -1.4836), (19.0957, -9.8672), (9.9839, -4.9324), _QK, 143.0),
    _isotropic(5771.0, (11.2494, -8.0298), (39.7027, -32.6166), (22.3512, -18.5856), _QK, 143.0),
    _isotropic(5971.0, (7.1089, -3.8045), (20.3926, -12.2569), (8.9496, -4.4597), _QK, 143.0),
    (6151.0, *_LID, _QK, 80.0),
    (6291.0, *_LID, _QK, 600.0),
    _isotropic(6346.6, (2.900,), (6.800,), (3.900,), _QK, 600.0),
    _isotropic(6356.0, (2.600,), (5.800,), (3.200,), _QK, 600.0),
    _isotropic(6368.0, (1.020,), (1.450,), (0.0,), _QK, 0.0),
)
PREM_MOHO_KM = 24.4
# Numbers of the lid, of the crust's two layers and of the ocean in PREM_REGIONS.
_LID_REGION, _LOWER_CRUST, _UPPER_CRUST, _OCEAN = 9, 10, 11, 12
# Knots of each region in Mineos' deck of PREM: 185 without an ocean.
_KNOTS = (33, 33, 5, 55, 4, 2, 7, 9, 6, 3, 11, 17, 2)
_MOHO_KM = (5.0, 200.0)  # where PREM's Moho can be put: above the 220 km discontinuity
# A Moho is a jump of vsv by 5 % or more, no deeper than this.
_MOHO_JUMP, _DEEPEST_MOHO_KM = 0.95, 150.0
# Integrals of density in g/cm3 over radius in km to kg and kg m2: 4 pi, and 8 pi / 3 for the distance from an axis.
TO_KG, TO_KG_M2 = 4e12 * np.pi, 8e18 / 3 * np.pi
_LARGEST_VALUE = 100  # of a density in g/cm3 or a velocity in km/s


@dataclass(frozen=True)
class EarthModel:
    """A spherical, transversely isotropic, anelastic Earth on knots from the centre to the surface.

    All arrays are (knots,) float64. A radius that occurs twice is a discontinuity. Velocities hold at the reference
    period; qkappa and qmu of a knot hold up to the next; qmu 0 (in fluids) is infinite.

    Raises:
        ZooError: if a value is not finite or not physical, or radii do not ascend.
    """

    radius_km: np.ndarray
    density_g_cm3: np.ndarray
    vpv_km_s: np.ndarray
    vsv_km_s: np.ndarray
    qkappa: np.ndarray
    qmu: np.ndarray
    vph_km_s: np.ndarray
    vsh_km_s: np.ndarray
    eta: np.ndarray
    title: str = "earth model"
    reference_period_s: float = 1.0
    """Period at which the velocities hold; 0: they hold at every period, whatever the attenuation."""

    def __post_init__(self):
        for name in COLUMNS:
            object.__setattr__(self, name, np.array(getattr(self, name), np.float64))
        _check(self)

    @property
    def moho_depth_km(self) -> float:
        """Depth of the Moho: the deepest place above 150 km where vsv is smaller above by 5 % or more."""
        depth = self.radius_km[-1] - self.radius_km
        lower, upper = self.vsv_km_s[:-1], self.vsv_km_s[1:]
        jumps = (
            (np.diff(self.radius_km) == 0) & (upper > 0) & (upper < _MOHO_JUMP * lower) & (depth[1:] < _DEEPEST_MOHO_KM)
        )
        if not jumps.any():
            raise ZooError(f"{self.title}: no discontinuity above 150 km depth looks like a Moho.")
        return float(depth[1:][jumps][0])

    @property
    def mass_kg(self) -> float:
        """Mass, with density linear between knots."""
        return TO_KG * _moment(self.radius_km, self.density_g_cm3, 2)

    @property
    def inertia_kg_m2(self) -> float:
        """Moment of inertia about an axis through the centre."""
        return TO_KG_M2 * _moment(self.radius_km, self.density_g_cm3, 4)


def _moment(radius: np.ndarray, density: np.ndarray, power: int) -> float:
    """Return the integral of density times radius^power over radius, with density linear between knots."""
    r0, r1, d0, d1 = radius[:-1], radius[1:], density[:-1], density[1:]
    step = np.where(r1 > r0, r1 - r0, 1.0)
    slope = np.where(r1 > r0, (d1 - d0) / step, 0.0)
    first = (r1 ** (power + 1) - r0 ** (power + 1)) / (power + 1)
    second = (r1 ** (power + 2) - r0 ** (power + 2)) / (power + 2)
    return float(np.sum((d0 - slope * r0) * first + slope * second))


def prem(ocean: bool = False, moho_depth_km: float | None = None) -> EarthModel:
    """Return PREM (transversely isotropic), on the 185 knots of its usual deck.

    Args:
        ocean: with its ocean of 3 km; without, the upper crust goes up to the surface.
        moho_depth_km: another thickness of the crust, 5 to 200 km: its two layers are stretched in proportion, and the
            lid ends at the new Moho.

    Raises:
        ZooError: if the Moho cannot be there.

    >>> prem(moho_depth_km=40.0).moho_depth_km
    40.0
    """
    moho = PREM_MOHO_KM if moho_depth_km is None else float(moho_depth_km)
    if not _MOHO_KM[0] <= moho <= _MOHO_KM[1]:
        raise ZooError(
            f"PREM's Moho can be put between {_MOHO_KM[0]:g} and {_MOHO_KM[1]:g} km; received {moho_depth_km} km."
        )
    stretch = moho / PREM_MOHO_KM
    edges = [region[0] for region in PREM_REGIONS] + [EARTH_RADIUS_KM]
    edges[_LOWER_CRUST] = EARTH_RADIUS_KM - moho
    edges[_UPPER_CRUST] = EARTH_RADIUS_KM - (EARTH_RADIUS_KM - edges[_UPPER_CRUST]) * stretch
    regions, counts = list(PREM_REGIONS), list(_KNOTS)
    if not ocean:
        del regions[_OCEAN], counts[_OCEAN], edges[_OCEAN]
    if edges[_LID_REGION] >= edges[_LOWER_CRUST]:  # the crust reaches below 80 km: no lid
        del regions[_LID_REGION], counts[_LID_REGION], edges[_LID_REGION]
    columns: list[list[np.ndarray]] = [[] for _ in COLUMNS]
    for (_, density, vpv, vsv, vph, vsh, eta, qkappa, qmu), count, bottom, top in zip(
        regions, counts, edges[:-1], edges[1:], strict=True
    ):
        radius = np.linspace(bottom, top, count)
        density, vpv, vsv, vph, vsh, eta = (_polynomial(p, radius) for p in (density, vpv, vsv, vph, vsh, eta))
        q = np.full(count, qkappa), np.full(count, qmu)
        for column, values in zip(columns, (radius, density, vpv, vsv, *q, vph, vsh, eta), strict=True):
            column.append(values)
    title = "PREM" + ("" if ocean else ", no ocean") + ("" if moho_depth_km is None else f", Moho at {moho:g} km")
    return EarthModel(*[np.concatenate(column) for column in columns], title=title)


def _polynomial(coefficients, radius_km):
    return np.polynomial.polynomial.polyval(radius_km / EARTH_RADIUS_KM, np.asarray(coefficients, float))


@reader("Expected a deck of nine columns, as Mineos takes it.")
def read_deck(path: str | os.PathLike) -> EarthModel:
    """Read a nine-column deck (radius in m, density in kg/m3, velocities in m/s), as Mineos takes it.

    Args:
        path: a text file: three header lines (title; anisotropy, reference period in s, deck; number of knots, last
            knots of the inner and the outer core), then a line per knot.

    Raises:
        ZooError: if the file is missing, cut off, or not such a deck; the message names the line.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise ZooError(f"The deck {path} cannot be read ({error.strerror or error}).") from error
    try:
        title, (anisotropic, period_s, is_deck) = lines[0].strip(), (float(v) for v in lines[1].split()[:3])
        count = int(lines[2].split()[0])
    except (IndexError, ValueError) as error:
        raise ZooError(
            f"{path} does not begin like a deck: a title, then three numbers (anisotropy, reference period, "
            f"deck), then three (knots, inner core, outer core) ({error})."
        ) from error
    if not is_deck:
        raise ZooError(f"{path} holds polynomials; only decks are read (the third number of line 2 is 1).")
    rows = []
    for number, line in enumerate(lines[3 : 3 + count], 4):
        try:
            rows.append([float(v) for v in line.split()])
        except ValueError as error:
            raise ZooError(f"{path}, line {number}: {error}.") from error
        if len(rows[-1]) not in (6, 9):
            raise ZooError(f"{path}, line {number} has {len(rows[-1])} columns; a deck has 9 (6 if isotropic).")
    if len(rows) < count or len({len(row) for row in rows}) > 1:
        raise ZooError(f"{path} states {count} knots and has {len(rows)} whole lines of them; it seems to be cut off.")
    table = np.array(rows)
    if not anisotropic or table.shape[1] == 6:
        table = np.column_stack([table[:, :6], table[:, 2], table[:, 3], np.ones(count)])
    table[:, [0, 1, 2, 3, 6, 7]] /= 1e3
    return EarthModel(*table.T, title=title or path.stem, reference_period_s=max(period_s, 0.0))


def write_deck(model: EarthModel, path: str | os.PathLike) -> Path:
    """Write a model as a deck that `read_deck` and Mineos read; return the path."""
    fluid = model.vsv_km_s == 0
    solid = np.flatnonzero(~fluid)
    # Number of knots in the inner core, and up to the top of the outer core, if there is one.
    core = int(np.argmax(fluid)) if fluid.any() else 0
    mantle = int(solid[solid > core][0]) if core and (solid > core).any() else core
    scale = 1e3
    lines = [model.title.replace("\n", " "), f" 1 {model.reference_period_s:.5f} 1"]
    lines.append(f" {len(model.radius_km)} {core} {mantle}")
    for r, density, vpv, vsv, qkappa, qmu, vph, vsh, eta in np.column_stack([getattr(model, c) for c in COLUMNS]):
        lines.append(
            f"{r * scale:10.2f} {density * scale:10.4f} {vpv * scale:11.4f} {vsv * scale:11.4f} {qkappa:10.3f} "
            f"{qmu:9.3f} {vph * scale:11.4f} {vsh * scale:11.4f} {eta:9.6f}"
        )
    return write_with(path, lambda temporary: Path(temporary).write_text("\n".join(lines) + "\n", encoding="utf-8"))


def _check(model: EarthModel) -> None:
    table = np.column_stack([getattr(model, name) for name in COLUMNS])
    if len(table) < 3:
        raise ZooError(f"{model.title}: an earth model needs at least 3 knots; received {len(table)}.")
    bad = ~np.isfinite(table)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise ZooError(f"{model.title}: {COLUMNS[column]} of knot {row + 1} is not finite.")
    if (np.diff(model.radius_km) < 0).any():
        row = int(np.argmax(np.diff(model.radius_km) < 0))
        raise ZooError(f"{model.title}: radii must ascend; after {model.radius_km[row]:g} km comes a smaller one.")
    for name in ("density_g_cm3", "vpv_km_s", "vph_km_s", "eta"):
        if (getattr(model, name) <= 0).any():
            row = int(np.argmax(getattr(model, name) <= 0))
            raise ZooError(f"{model.title}: {name} of knot {row + 1} is {getattr(model, name)[row]:g}; it must be > 0.")
    if (model.vsv_km_s < 0).any() or ((model.vsv_km_s == 0) != (model.vsh_km_s == 0)).any():
        raise ZooError(f"{model.title}: vsv and vsh must be positive, or both zero in a fluid.")
    if (model.density_g_cm3 > _LARGEST_VALUE).any() or (model.vpv_km_s > _LARGEST_VALUE).any():
        raise ZooError(
            f"{model.title}: units are g/cm3 and km/s; values above {_LARGEST_VALUE} look like kg/m3 or m/s. "
            "Divide them by 1000."
        )


def layered(
    thickness_km: np.ndarray, vp_km_s: np.ndarray, vs_km_s: np.ndarray, density_g_cm3: np.ndarray
) -> EarthModel:
    """Return an Earth of uniform layers on PREM's mantle, as a table of layers gives them.

    Args:
        thickness_km: (n,), from the surface down. A last thickness of 0 is a half-space: it goes down to the next
            of PREM's boundaries (220 km, or 400, 670 where the layers reach deeper).
        vp_km_s, vs_km_s: (n,). A first vs of 0 is a sea.
        density_g_cm3: (n,).

    Returns:
        The Earth. Its layers are elastic (Q of PREM's crust, 600) and velocities hold at 1 s.

    Raises:
        ZooError: if the columns differ in length, a thickness is negative, or the layers reach below 670 km.

    >>> layered([35, 0], [6.3, 8.0], [3.6, 4.5], [2.8, 3.3]).moho_depth_km
    35.0
    """
    columns = [np.atleast_1d(np.asarray(c, np.float64)) for c in (thickness_km, vp_km_s, vs_km_s, density_g_cm3)]
    if len({c.shape for c in columns}) != 1 or columns[0].ndim != 1:
        raise ZooError(f"Layers need columns of one length; received {[c.shape for c in columns]}.")
    thickness, vp, vs, density = columns
    if (thickness[:-1] <= 0).any() or thickness[-1] < 0:
        raise ZooError("Thicknesses must be positive; only the last may be 0, for a half-space.")
    depth = float(thickness.sum())
    boundaries = EARTH_RADIUS_KM - np.array([region[0] for region in PREM_REGIONS[5:9]])[::-1]
    deeper = boundaries[boundaries > depth]
    if not deeper.size:
        raise ZooError(f"The layers reach {depth:g} km; at most {boundaries.max():g} km.")
    base = prem()
    if thickness[-1] == 0:
        thickness = thickness.copy()
        thickness[-1] = deeper[0] - depth
        depth = float(deeper[0])
    bottom = EARTH_RADIUS_KM - depth
    count = int(np.searchsorted(base.radius_km, bottom, side="left"))
    kept = {name: list(getattr(base, name)[:count]) for name in COLUMNS}
    if kept["radius_km"][-1] < bottom:  # PREM goes on up to the layers
        for name in COLUMNS:
            value = bottom if name == "radius_km" else float(np.interp(bottom, base.radius_km, getattr(base, name)))
            kept[name].append(value)
    edges = EARTH_RADIUS_KM - np.concatenate([[0.0], np.cumsum(thickness)])
    for i in range(len(thickness) - 1, -1, -1):
        q = 600.0 if vs[i] else 0.0
        for r in (edges[i + 1], edges[i]):
            for name, value in zip(COLUMNS, (r, density[i], vp[i], vs[i], _QK, q, vp[i], vs[i], 1.0), strict=True):
                kept[name].append(value)
    return EarthModel(*[np.array(kept[name]) for name in COLUMNS], title=f"{len(thickness)} layers on PREM")

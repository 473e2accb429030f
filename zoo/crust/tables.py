"""Columns of numbers by point, from whatever file a seismologist has; for `zoo.crust.maps`.

What is read is text with commas, semicolons, tabs or blanks, with or without a header, `.npz`, and HDF5-based netCDF.
Nothing is guessed where a guess could be wrong: a file that could mean two things is refused, and the message says what
to write instead.
"""

from __future__ import annotations

import gzip
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo.crust.arrays import read_arrays
from zoo.crust.names import says_dispersion, stated_in_comments
from zoo.errors import ZooError

VELOCITY_KM_S = (0.5, 8.0)  # no surface wave of the Earth is slower or faster
PLACE_DECIMALS = 5  # coordinates are compared after rounding: 1e-5 degrees is a metre
# In a long table without a header a point occurs at several periods: there are fewer different points than this part of
# the rows.
_REPEATED = 0.75
# A fill value is 999, 999.99, 9999.9 ... (this much below a power of ten at most), -99, -1, or this large.
_LEAST_FILL, _BELOW_POWER, _HUGE, _FILLS = 999, 1, 1e10, (-99, -1)
# A typical value above these is in m/s, or in m.
_METRES_PER_SECOND, _METRES = 100, 3000
_MISSING = {"", "na", "n/a", "none", "null", "-", "--"}
_SD = r"(sd|std|stdev|sigma|err|error|unc|uncertainty)"
# What a header may call a column, after `_plain`.
_COLUMNS = {
    "longitude": r"(lon|long|longitude|x)(_deg|_degrees?|_e|_east)?",
    "latitude": r"(lat|latitude|y)(_deg|_degrees?|_n|_north)?",
    "period": r"(t|per|period)(_s|_sec|_seconds?)?",
    "frequency_hz": r"(f|freq|frequency)_hz",
    "frequency_mhz": r"(f|freq|frequency)_mhz",
    "frequency": r"(f|freq|frequency)",
    "velocity": r"(c|v|vel|velocity|phv|ph_?vel|phase_?vel|phase_?velocity|c_ph|vph)(_km_s|_kms|_m_s)?",
    "sd": rf"{_SD}(_c|_phase_velocity)?(_km_s|_kms|_m_s)?|(c|phase_velocity)_{_SD}(_km_s)?",
    "group_velocity": r"(u|gv|grv|gr_?vel|group|group_?vel|group_?velocity|u_gr)(_km_s|_kms|_m_s)?",
    "love_velocity": r"love(_(c|phv|phase_?vel|phase_?velocity))?(_km_s|_kms|_m_s)?",
    "love_group_velocity": r"love_(u|gv|group|group_?vel|group_?velocity)(_km_s|_kms|_m_s)?",
    "percent": r"(per_?cent|pct|dc(_c)?|dv_v|dlnc|perturbation|anomaly|deviation)(_(in_)?(per_?cent|pct))?",
    "pixel_size": r"(pixel_?size|pix_?size|size|pixel)(_deg)?",
    "curve": r"(curve|station|id|point|node|site)(_?id|_?name|_?no)?",
    "thickness": r"(thk|thick|thickness|crust(al)?_?thick(ness)?|moho|moho_?depth|h|sed_?thick(ness)?"
    r"|sediment_?thickness)(_km)?",
}


def _named_period(name: str, path: Path) -> float:
    """Return the period in s that the name of a file or a column states in s, Hz or mHz; `T020` is a period in s.

    >>> _named_period("c_12.5mHz", Path("map.csv"))
    80.0
    """
    number = r"(\d+(?:[.p]\d+)?)"
    stated = re.findall(rf"(?i)(?<![0-9.])(?<!\dp)(?<!\d-){number}[ _-]?(s|secs?|seconds?|mhz|hz)(?![a-z])", name)
    stated = stated or [(n, "s") for n in re.findall(rf"(?i)(?<![a-z])(?:t|per|period)[ _-]?{number}", name)]
    periods = set()
    for digits, unit in stated:
        value = float(digits.lower().replace("p", "."))
        if value > 0:
            periods.add({"mhz": 1000 / value, "hz": 1 / value}.get(unit.lower(), value))
    if len(periods) == 1:
        return periods.pop()
    what = "states more than one period" if periods else "states no period with its unit"
    where = "the name" if name == path.name else f"the column {name!r}"
    raise ZooError(f"{path}: {where} {what}. Rename it: the number with s, Hz or mHz, once, as in R_20s or c_12.5mHz.")


def _plain(name: str) -> str:
    """Return a column name in lower case with everything but letters, digits and points as `_`."""
    return re.sub(r"[^a-z0-9.]+", "_", name.strip().strip("\"'").lower()).strip("_")


def _known(name: str) -> str:
    """Return what `_COLUMNS` calls a column, or its plain name."""
    plain = _plain(name)
    return next((known for known, pattern in _COLUMNS.items() if re.fullmatch(pattern, plain)), plain)


VELOCITIES = ("velocity", "group_velocity", "love_velocity", "love_group_velocity")
"""Columns of velocities: Rayleigh phase, Rayleigh group, Love phase, Love group."""


def _first_runs(first: np.ndarray, second: np.ndarray) -> bool:
    """Return whether the first of two coordinates runs fastest from row to row, as programs write lon lat."""
    changes = np.mean(np.diff(first) != 0), np.mean(np.diff(second) != 0)
    return len(first) > 1 and changes[1] < 0.5 < changes[0]


def _by_step(path, name, values, told, east: int, north: int, steps, axis, curves: bool) -> tuple[np.ndarray, bool]:
    """Return a variable as rows by step, then latitude, then longitude; and whether it is on a grid.

    Named dimensions decide what is what. Without them shapes do, and a shape that fits two orders is refused.
    """
    count = len(steps) if curves else 1
    wanted = ([axis] if curves else []) + ["latitude", "longitude"]
    if told and len(told) == values.ndim and set(wanted) == set(told):
        return np.transpose(values, [told.index(part) for part in wanted]).ravel(), True
    squeezed = values if curves else np.squeeze(values)
    points = (east, count) if curves else (east,)
    if squeezed.ndim == len(points) and east == north and squeezed.shape in (points, points[::-1]):
        return (squeezed.T if squeezed.shape == points else squeezed).ravel(), False
    sizes = [count, north, east] if curves else [north, east]
    if sorted(squeezed.shape) == sorted(sizes):
        if (
            len(set(sizes)) < len(sizes)
            and told is not None
            or len(set(sizes)) < len(sizes)
            and told is None
            and path.suffix != ".npz"
        ):
            raise ZooError(
                f"{path}: {name} has shape {squeezed.shape}, and nothing says which dimension is which: "
                f"{' x '.join(wanted)} or another order. Name its dimensions (dimension scales of netCDF), or write a "
                "table lon lat period_s phase_velocity."
            )
        if squeezed.shape == tuple(sizes):
            return squeezed.ravel(), True
        if len(set(sizes)) == len(sizes):
            return np.transpose(squeezed, [squeezed.shape.index(size) for size in sizes]).ravel(), True
    expected = f"{points} (points) or {tuple(sizes)} (grid)"
    raise ZooError(f"{path}: {name} has shape {values.shape}, expected {expected}.")


@dataclass
class Table:
    """Columns of numbers with the line that each row came from."""

    path: Path
    names: list[str]
    """What `_known` calls them; without a header `column 1`, `column 2`, ..."""
    values: np.ndarray
    """(rows, columns), NaN where a field is empty"""
    lines: np.ndarray
    """(rows,), counted from 1; 0 in binary files"""
    headed: bool
    """Whether the file names its columns."""
    comments: tuple[str, ...] = ()
    """Comment lines before the numbers."""
    order: str = ""
    """"lon-lat" or "lat-lon", where a user has said it."""
    asks_order: bool = True
    """Settle the order of coordinates without a header; False: lon lat."""
    told: bool = False
    """A user has said that it is dispersion."""
    period_s: float | None = None
    """Of the whole file, where neither a column nor the name with a unit says it."""

    @classmethod
    def read(cls, path: Path, places: bool = True) -> Table:
        """Read a file, whatever its form.

        Args:
            path: the file.
            places: it must have coordinates; without, a table of curves may have none.

        Raises:
            ZooError: if it cannot be read, or could mean two things.
        """
        if path.is_dir():
            raise ZooError(f"{path} is a folder; name the file in it.")
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ZooError(f"Cannot read {path} ({error.strerror}).") from error
        if content[:2] == b"\x1f\x8b":
            try:
                content = gzip.decompress(content)
            except (EOFError, OSError, zlib.error) as error:
                raise ZooError(f"{path} is cut short or damaged ({error}); copy it again.") from error
        if content[:4] in (b"\x89HDF", b"PK\x03\x04") or content[:3] == b"CDF":
            arrays, axes = read_arrays(path, content)
            return cls._of_arrays(path, arrays, axes)
        if content[:6] == b"MATLAB":
            return cls._of_arrays(path, *read_arrays(path, content))
        utf16 = content[:2] in (b"\xff\xfe", b"\xfe\xff")
        if not utf16 and b"\0" in content:
            raise ZooError(f"{path} is neither text, .npz nor HDF5-based netCDF; export it as text: lon lat value.")
        try:
            text = content.decode("utf-16" if utf16 else "utf-8-sig")
        except UnicodeDecodeError:
            text = content.decode("latin-1")  # comments in another encoding; numbers are ASCII
        return cls._of_text(path, text, places)

    @classmethod
    def _of_text(cls, path: Path, text: str, places: bool = True) -> Table:
        """Read lines of fields: find the separator and the header, then every number."""
        rows, comments = [], [""]
        for number, line in enumerate(text.splitlines(), 1):
            data = re.split("[#%>]", line, maxsplit=1)[0].lstrip().rstrip(" ")  # a tab at the end is an empty field
            if data:
                rows.append((number, data))
            elif not rows and line.strip():
                comments.append(line.strip("#%> \t"))
        if not rows:
            raise ZooError(f"{path} is empty: it holds no line of numbers.")
        split = _separator(rows[0][1], rows[-1][1])
        names = split(rows[0][1])
        leading = _number(names[0])
        if all(_number(name) is not None for name in names) or (leading is not None and np.isfinite(leading)):
            names = []
        rows = rows[1:] if names else rows
        if not rows:
            raise ZooError(f"{path} has a header and nothing below it.")
        width = len(names) or len(split(rows[0][1]))
        # A header may be the last comment above the numbers.
        commented = _separator(comments[-1], comments[-1])(comments[-1])
        told = [_known(name) for name in commented]
        if not names and {"longitude", "latitude"} <= set(told):
            if len(told) != width and told[:2] != ["longitude", "latitude"]:
                raise ZooError(
                    f"{path}: the comment {comments[-1]!r} names {len(told)} columns, {width} follow. Give it one word "
                    "(without blanks) for each column, or put lon lat first."
                )
            names = commented if len(told) == width else []
        known = [_known(name) for name in names] or [f"column {i + 1}" for i in range(width)]
        # Station names and flags may stand in a column that nobody asks for; a name with digits is that of a period.
        words = [
            (name not in _COLUMNS or name == "curve") and width > 3 and not re.search(r"\d", name) for name in known
        ]
        values = np.empty((len(rows), width))
        for row, (number, line) in enumerate(rows):
            fields = split(line)
            if len(fields) == width + 1 and not fields[-1]:
                fields.pop()  # a separator at the end of the line
            if len(fields) != width:
                last = row == len(rows) - 1 and len(fields) < width
                raise ZooError(
                    f"{path}, line {number}: {len(fields)} columns, expected {width} as in the lines above. "
                    + ("The file looks cut short; copy it again." if last else "Complete or remove that line.")
                )
            try:
                values[row] = [float(field) for field in fields]  # right for nearly every line, and ten times as fast
                continue
            except ValueError:
                pass
            for column, field in enumerate(fields):
                value = _number(field)
                if value is None and names and words[column]:
                    value = np.nan
                if value is None:
                    raise ZooError(f"{path}, line {number}, column {column + 1}: {field!r} is not a number.")
                values[row, column] = value
        values[~np.isfinite(values)] = np.nan
        lines = np.array([number for number, _ in rows])
        table = cls(path, known, values, lines, bool(names))
        if not names:
            if not places:
                return table
            if width < 3:
                raise ZooError(f"{path}, line {lines[0]}: {width} columns, expected at least 3: lon lat value.")
            table.names[:2] = ["longitude", "latitude"]
            if path.suffix.lower() == ".pix" and width == 4:
                table.names, table.headed = ["latitude", "longitude", "pixel_size", "percent"], True
        table.comments = tuple(comments[1:])
        if places:
            table._check_names()
        return table

    @classmethod
    def _of_arrays(cls, path: Path, arrays: dict[str, np.ndarray], axes: dict[str, tuple[str, ...]]) -> Table:
        """Flatten points or a grid, times periods, to rows.

        Args:
            path: the file.
            arrays: its variables.
            axes: the names of the dimensions of those whose file tells them.
        """
        cls(path, [_known(name) for name in arrays], np.empty(0), np.zeros(0, int), True)._check_names()
        found = {_known(name): value for name, value in arrays.items()}
        told = {_known(name): tuple(_known(axis) for axis in names) for name, names in axes.items()}
        lon, lat = found["longitude"], found["latitude"]
        value = next((name for name in (*VELOCITIES, "thickness", "z") if name in found), None)
        if value is None:
            raise ZooError(f"{path} has {', '.join(found)}; expected phase_velocity_km_s or crustal_thickness_km.")
        axis = next((name for name in ("period", "frequency_hz", "frequency_mhz") if name in found), None)
        if lon.ndim == lat.ndim == 2 and lon.shape == lat.shape:
            found, told = {**found, "longitude": lon.ravel(), "latitude": lat.ravel()}, {}
            for name in [*VELOCITIES, "sd", "thickness", "z"]:
                if name in found and found[name].shape[-2:] == lon.shape:
                    found[name] = np.moveaxis(found[name].reshape(*found[name].shape[:-2], -1), -1, 0)
            lon, lat = found["longitude"], found["latitude"]
        curves = value in VELOCITIES and axis is not None
        if value in VELOCITIES and axis is None and found[value].shape not in ((len(lon),), (len(lat), len(lon))):
            raise ZooError(f"{path} has {', '.join(found)}; expected period_s, frequency_hz or frequency_mhz too.")
        steps = np.atleast_1d(found[axis]) if curves else np.zeros(1)
        if not lon.ndim == lat.ndim == steps.ndim == 1:
            raise ZooError(f"{path}: longitude, latitude and {axis or 'period'} must each be one-dimensional.")
        flat: dict[str, np.ndarray] = {}
        for name in [
            *(v for v in VELOCITIES if v in found),
            "sd",
            *(["thickness"] if "thickness" in found else []),
            "z",
        ]:
            if name not in found or (name == "z" and name != value):
                continue
            by_step, grid = _by_step(path, name, found[name], told.get(name), len(lon), len(lat), steps, axis, curves)
            if not flat:
                east, north = (lon, lat) if not grid else (g.ravel() for g in np.meshgrid(lon, lat))
                flat = {"longitude": np.tile(east, len(steps)), "latitude": np.tile(north, len(steps))}
                if curves:
                    flat[axis] = np.repeat(steps, len(east))
            flat["velocity" if name == "z" else name] = by_step
        values = np.stack([np.asarray(v, float) for v in flat.values()], 1)
        return cls(path, list(flat), values, np.zeros(len(values), int), True)

    def where(self, line: int) -> str:
        """Return the place for a message."""
        return f"{self.path}, line {line}" if line else str(self.path)

    def column(self, name: str) -> np.ndarray:
        """Return a column (rows,) by name."""
        return self.values[:, self.names.index(name)]

    def _check_names(self) -> None:
        for name in ("longitude", "latitude"):
            if name not in self.names:
                raise ZooError(f"{self.path} has the columns {', '.join(self.names)}; a {name} (lon, lat) is missing.")
        twice = {n for n in self.names if self.names.count(n) > 1 and n in _COLUMNS}
        if twice:
            raise ZooError(f"{self.path} has more than one column for the {', '.join(sorted(twice))}; keep one.")

    def _settle_order(self) -> None:
        """Decide whether a file without a header writes lon lat or lat lon; refuse where both fit."""
        if self.order:
            self.names[:2] = ["longitude", "latitude"] if self.order == "lon-lat" else ["latitude", "longitude"]
            return
        first, second = self.values[:, 0], self.values[:, 1]
        if not np.isfinite(first + second).all():
            return
        swapped = ["latitude", "longitude"]
        beyond = np.abs(first).max() > 90, np.abs(second).max() > 90
        if beyond[1] and not beyond[0]:
            self.names[:2] = swapped
        elif not any(beyond):
            told = re.search(r"(?i)lat\w*[\s,;/|]+lon", " ".join(self.comments))
            if told or re.search(r"(?i)helmholtz|eikonal|lh[zt]", self.path.name):  # as ASWMS writes them
                self.names[:2] = swapped
            elif not re.search(r"(?i)lon\w*[\s,;/|]+lat", " ".join(self.comments)) and not _first_runs(first, second):
                raise ZooError(
                    f"{self.path} may be lon lat or lat lon: both columns fit either. Say it: --order lon-lat or "
                    "--order lat-lon, or give the file a header, lon lat ..."
                )

    def coordinates(self) -> tuple[np.ndarray, np.ndarray]:
        """Return longitude and latitude (rows,), checked."""
        if not self.headed and self.asks_order:
            self._settle_order()
        longitude, latitude = self.column("longitude"), self.column("latitude")
        for wrong, what in (
            (~np.isfinite(longitude + latitude), "a coordinate is missing"),
            (np.abs(latitude) > 90, "a latitude is beyond 90 degrees"),
            ((longitude < -180) | (longitude > 360), "a longitude is outside -180 to 360 degrees"),
        ):
            if wrong.any():
                i = int(np.argmax(wrong))
                swapped = np.nanmax(np.abs(latitude)) > 90 >= np.nanmax(np.abs(longitude))
                hint = " Longitude and latitude look swapped: longitude comes first." if swapped else ""
                raise ZooError(f"{self.where(self.lines[i])}: {what} ({longitude[i]:g} {latitude[i]:g}).{hint}")
        return longitude, latitude

    def refuse_duplicates(self, longitude: np.ndarray, latitude: np.ndarray) -> None:
        """Refuse a point that is there twice."""
        points = np.round(np.stack([longitude, latitude], 1), PLACE_DECIMALS)
        _, first, which = np.unique(points, axis=0, return_index=True, return_inverse=True)
        again = first[which.ravel()] != np.arange(len(points))
        if again.any():
            i = int(np.argmax(again))
            before = self.lines[first[which.ravel()[i]]]
            raise ZooError(
                f"{self.where(self.lines[i])}: the point {longitude[i]:g} {latitude[i]:g} is there already"
                + (f" (line {before})." if before else ".")
            )

    def plausible(self, name: str, limits: tuple[float, float], unit: str, zero_is_missing: bool = True) -> np.ndarray:
        """Return a column (rows,) with NaN for what is missing; refuse what cannot be in that unit.

        Args:
            name: the column's.
            limits: lowest and highest plausible value.
            unit: the limits' unit, for the message.
            zero_is_missing: 0 stands for a missing value.

        Raises:
            ZooError: if a value is outside the limits; the message guesses the cause.
        """
        values = self.column(name).copy()
        size = np.abs(values)
        below = 10 ** np.ceil(np.log10(np.maximum(size, 1))) - size
        fill = (size >= _LEAST_FILL) & (below > 0) & (below <= _BELOW_POWER) | (size >= _HUGE) | np.isin(values, _FILLS)
        values[fill | ((size == 0) & zero_is_missing)] = np.nan
        wrong = (values < limits[0]) | (values > limits[1])
        if wrong.any():
            i = int(np.argmax(wrong))
            hint = ""
            if name.startswith("sd"):
                hint = " Give one standard deviation in km/s, not in m/s or per cent."
            elif np.nanmedian(values) > (_METRES_PER_SECOND if unit == "km/s" else _METRES):
                hint = f" It looks like {'m/s' if unit == 'km/s' else 'm'}: divide by 1000."
            elif unit == "km/s" and np.nanmin(values) < 0:
                hint = " It looks like a deviation from a reference: give absolute velocities."
            elif unit == "km" and np.nanmax(values) < 0:
                hint = " It looks like an elevation: give the thickness, positive."
            raise ZooError(
                f"{self.where(self.lines[i])}: {name.replace('_', ' ')} {values[i]:g}; expected "
                f"{limits[0]:g} to {limits[1]:g} {unit}.{hint}"
            )
        return values

    def curves(self) -> list[tuple[np.ndarray | float, str, str | None]]:
        """Return the curves' columns: (period in s, name of the velocity column, name of the sd column or None).

        There is one entry for each kind of velocity whose periods are a column (rows,) or the file's own, or in a wide
        table one per period.
        """
        if "percent" in self.names:
            self._from_percent()
        if not self.headed:
            self._name_dispersion()
        sd = "sd" if "sd" in self.names else None
        has = [name for name in ("period", "frequency_hz", "frequency_mhz") if name in self.names]
        velocities = [name for name in VELOCITIES if name in self.names]
        if velocities:
            if "frequency" in self.names:
                raise ZooError(f"{self.path}: a frequency in Hz or in mHz? Call it frequency_hz or frequency_mhz.")
            sds = {name: self._sd_of(name) for name in velocities}
            if not has:
                period_s = self.own_period()
                return [(period_s, name, sds[name] or (sd if len(velocities) == 1 else None)) for name in velocities]
            step = self.column(has[0])
            if np.isnan(step).any():
                line = self.lines[int(np.argmax(np.isnan(step)))]
                raise ZooError(f"{self.where(line)}: the {has[0]} is missing.")
            with np.errstate(divide="ignore"):
                period_s = {"period": step, "frequency_hz": 1 / step, "frequency_mhz": 1000 / step}[has[0]]
            return [(period_s, name, sds[name] or (sd if len(velocities) == 1 else None)) for name in velocities]
        found: dict[bool, dict[float, str]] = {False: {}, True: {}}
        for name in self.names[:]:
            if name in _COLUMNS or not re.search(r"\d", name):
                continue
            period_s = _named_period(name, self.path)
            part = found[bool(re.search(rf"(^|_){_SD}(_|\d|$)", name))]
            if period_s in part:
                raise ZooError(f"{self.path}: the columns {part[period_s]!r} and {name!r} are for the same period.")
            part[period_s] = name
        if not found[False]:
            raise ZooError(
                f"{self.path} has the columns {', '.join(self.names)}; expected a phase_velocity, or a column per "
                "period such as 20s or c_12.5mHz."
            )
        return [(period_s, name, found[True].get(period_s)) for period_s, name in found[False].items()]

    def _sd_of(self, velocity: str) -> str | None:
        """Return the column with the sd of one kind of velocity, where it is named after it."""
        stems = {
            "velocity": "phase|c",
            "group_velocity": "group|u",
            "love_velocity": "love_phase|love",
            "love_group_velocity": "love_group",
        }
        for name in self.names:
            if re.fullmatch(rf"({_SD}_({stems[velocity]})|({stems[velocity]})_{_SD})(_velocity)?(_km_s)?", name):
                return name
        return None

    def own_period(self) -> float:
        """Return the period in s of a file that holds one: its name, a comment, or what `period_s` was set to."""
        try:
            return _named_period(self.path.name, self.path)
        except ZooError:
            stated = stated_in_comments(self.comments, "period") or self.period_s
            if stated is None:
                raise
            return stated

    def _from_percent(self) -> None:
        """Turn per cent of a reference velocity that a comment states into a velocity."""
        reference = stated_in_comments(self.comments, "reference")
        if reference is None or "velocity" in self.names:
            raise ZooError(
                f"{self.path} holds per cent of a reference velocity and no comment states one. Write it above the "
                "numbers, such as `# reference velocity: 3.19`, or give absolute velocities in km/s."
            )
        at = self.names.index("percent")
        self.names[at] = "velocity"
        self.values[:, at] = reference * (1 + self.values[:, at] / 100)

    def _name_dispersion(self) -> None:
        """Name the columns of a file without a header: `lon lat period c [sd]`, or the period is in the file's name."""
        width = len(self.names)
        points = len(np.unique(self.values[:, :2], axis=0))
        third, fourth = self.values[:, 2], np.nan_to_num(self.values[:, min(3, width - 1)])
        # With the period in a column every point occurs several times, or that column is constant, then velocities.
        constant = (third == third[0]).all() and np.median(fourth) >= VELOCITY_KM_S[0]
        long = width > 3 and (points < _REPEATED * len(third) or constant)
        names = ["period", "velocity", "sd"] if long else ["velocity", "sd"]
        if width > 2 + len(names):  # what other programs add: only the velocity is sure
            names = names[:-1]
        self.names[2 : 2 + len(names)] = names[: width - 2]
        if long and not self.told and not says_dispersion(self.path.name, *self.comments):
            raise ZooError(
                f"{self.path} has no header, and its third column may be a period (a map of dispersion) or a depth (a "
                "model of Vs). Say which: --kind rayleigh_phase, or a header such as lon lat period_s phase_velocity."
            )


def _separator(first: str, last: str):
    """Return the function that splits a line into fields, chosen by the first and the last line of a file."""
    if ";" in first:
        return lambda line: [field.strip().replace(",", ".") for field in line.rstrip(";").split(";")]
    if "," in first:
        return lambda line: [field.strip() for field in line.split(",")]
    if "\t" in first and not any(re.search(r"\S +\S", field) for field in last.split("\t")):
        return lambda line: [field.strip() for field in line.split("\t")]
    return str.split


def _number(field: str) -> float | None:
    """Return a number, NaN for what stands for a missing one, None for anything else."""
    try:
        value = float(field)
    except ValueError:
        field = field.strip("\"' ").lower()
        if field in _MISSING or not field.strip("*"):
            return np.nan
        try:
            value = float(re.sub(r"(?<=[0-9.])d(?=[-+0-9])", "e", field))  # Fortran's 1.0D+01
        except ValueError:
            return None
    return value if np.isfinite(value) else np.nan

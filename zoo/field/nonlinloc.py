"""NonLinLoc's control files: stations (GTSRCE), layers (LAYER) and the projection (TRANS) out of one file or several.

Source: the users' guide of NonLinLoc (Lomax, alomax.free.fr/nlloc), sections Generic, Vel2Grid and Grid2Time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo.errors import ZooError
from zoo.field.text_tables import read_text

_DEEP_KM = 100.0  # to which a gradient of the last layer goes on
_SPEEDS_KM_S = 2.0, 14.0  # ... if the speed of P stays between these
_KM_OF_DEGREE = 111.111  # of TRANS SIMPLE: 10000 km from the equator to the pole
_ELLIPSOIDS = {
    "WGS-84": "WGS84", "WGS84": "WGS84", "GRS-80": "GRS80", "WGS-72": "WGS72", "Clarke-1880": "clrk80",
    "Clarke-1866": "clrk66", "International": "intl", "Krasovsky": "krass", "Bessel": "bessel", "Airy": "airy",
    "Hayford-1909": "intl", "Australian": "aust_SA", "Everest": "evrst30", "Sphere": "sphere",
}  # fmt: skip


def statements(path: Path) -> list[tuple[str, int, list[str]]]:
    """Return the lines of a control file as (file, line number, words), with those of the files that it includes.

    Raises:
        ZooError: a file that is included is missing, or includes itself.

    >>> _ = Path("nll.in").write_text("# a remark\\nTRANS SIMPLE 43.0 7.0 0.0\\nINCLUDE sta.in\\n")
    >>> _ = Path("sta.in").write_text("GTSRCE AAA LATLON 43.1 7.1 0.0 0.5\\n")
    >>> [words[0] for _, _, words in statements(Path("nll.in"))]
    ['TRANS', 'GTSRCE']
    """
    return _statements(path, ())


def _statements(path: Path, within: tuple[Path, ...]) -> list[tuple[str, int, list[str]]]:
    if path in within:
        raise ZooError(f"{path.name} includes itself.")
    made = []
    for number, line in enumerate(read_text(path, "Control file").splitlines(), start=1):
        words = line.split("#")[0].split()
        if words[:1] == ["INCLUDE"] and len(words) > 1:
            # NonLinLoc reads names from the folder it runs in, which is often the one above.
            places = [folder / words[1] for folder in (path.parent, path.parent.parent, Path())]
            found = next((place for place in places if place.is_file()), None)
            if found is None:
                raise ZooError(f"{path.name}, line {number}: there is no {words[1]} to include, beside it or above.")
            made += _statements(found, (*within, path))
        elif words:
            made.append((path.name, number, words))
    return made


def is_control_file(text: str) -> bool:
    """Return whether a text has lines of stations or layers as NonLinLoc has them.

    >>> is_control_file("LAYER 0.0 5.0 0.0 2.9 0.0 2.7 0.0"), is_control_file("station,latitude")
    (True, False)
    """
    first = {line.split(maxsplit=1)[0] for line in text.splitlines() if line.strip()}
    return bool(first & {"GTSRCE", "LOCSRCE", "LAYER", "INCLUDE", "TRANS"})


def read_sources(path: Path) -> tuple[list[tuple[str, float, float, float]], list[str]]:
    """Return stations as (name, longitude, latitude, elevation in m) of GTSRCE lines, and notes.

    Raises:
        ZooError: a line cannot be read, or has kilometres of no projection that is known.

    >>> _ = Path("sta.in").write_text("GTSRCE AAA LATLONDM 42 30.0 S 13 15.0 W 0.1 0.0\\n")
    >>> read_sources(Path("sta.in"))[0]
    [('AAA', -13.25, -42.5, -100.0)]
    """
    rows, notes = [], []
    lines = statements(path)
    transform = _projection(lines)
    for where, number, words in lines:
        if words[0] not in ("GTSRCE", "LOCSRCE"):
            continue
        try:
            kind, values = words[2].upper(), words[3:]
            if kind == "LATLON":
                latitude, longitude, depth_km, elevation_km = map(float, values[:4])
            elif kind in ("LATLONDM", "LATLONDS"):
                count = 3 if kind == "LATLONDM" else 4
                latitude, longitude = _sexagesimal(values[:count]), _sexagesimal(values[count : 2 * count])
                depth_km, elevation_km = map(float, values[2 * count : 2 * count + 2])
            elif kind == "XYZ":
                x_km, y_km, depth_km, elevation_km = map(float, values[:4])
                if transform is None:
                    raise ZooError(
                        f"{where}, line {number}: station {words[1]} has kilometres of no projection that is known. "
                        "Expected coordinates LATLON, LATLONDM or LATLONDS, or a line TRANS SIMPLE, LAMBERT, "
                        "TRANS_MERC or AZIMUTHAL_EQUIDIST in the same file."
                    )
                longitude, latitude = transform.inverse(x_km, y_km)
            else:
                raise ZooError(
                    f"{where}, line {number}: coordinates {words[2]}; expected LATLON, LATLONDM, LATLONDS or XYZ."
                )
        except (ValueError, IndexError) as error:
            raise ZooError(f"{where}, line {number}: {' '.join(words)!r} is no station ({error}).") from error
        rows.append((words[1], longitude, latitude, 1000.0 * (elevation_km - depth_km)))
    for key, meaning in (("LOCDELAY", "delays of stations"), ("LOCEXCLUDE", "phases that are left out"),
                         ("LOCALIAS", "other names of stations")):  # fmt: skip
        count = sum(words[0] == key for _, _, words in lines)
        if count:
            notes.append(f"{path.name}: {count} lines {key} ({meaning}) are not used")
    return rows, notes


def _sexagesimal(words: Sequence[str]) -> float:
    value = sum(float(word) / 60**i for i, word in enumerate(words[:-1]))
    hemisphere = words[-1].upper()
    if hemisphere not in "NSEW":
        raise ValueError(f"hemisphere {hemisphere}")
    return -value if hemisphere in "SW" else value


def read_layer_lines(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, bool, list[str]]:
    """Return depths in km, vp and vs in km/s, whether they change in straight lines, and notes, of LAYER lines.

    A vs of 0 becomes NaN: none is given. A ratio vp/vs in LOCMETH replaces vs, as NonLinLoc does.

    Raises:
        ZooError: there are no such lines, or one cannot be read.

    >>> _ = Path("nll.in").write_text("LAYER 0.0 5.0 0.1 2.9 0.05 2.7 0.0\\nLAYER 10.0 6.5 0.0 3.7 0.0 2.7 0.0\\n")
    >>> [np.round(values, 2).tolist() for values in read_layer_lines(Path("nll.in"))[:3]]
    [[0.0, 10.0, 10.0], [5.0, 6.0, 6.5], [2.9, 3.4, 3.7]]
    """
    lines, notes = statements(path), []
    layers = []
    for where, number, words in lines:
        if words[0] != "LAYER":
            continue
        try:
            layers.append([float(word) for word in words[1:6]])
            if len(layers[-1]) < 5:
                raise ValueError("too few numbers")
        except ValueError as error:
            raise ZooError(
                f"{where}, line {number}: {' '.join(words)!r} is no layer ({error}); expected LAYER depth vp gradient "
                "vs gradient, in km and km/s."
            ) from error
    if not layers:
        raise ZooError(f"{path.name} has no line LAYER; expected LAYER depth vp gradient vs gradient density gradient.")
    made = np.array(layers)
    ratio = next((float(w[6]) for _, _, w in lines if w[0] == "LOCMETH" and len(w) > 6), -1.0)
    if ratio > 0:
        made[:, 3:5] = made[:, 1:3] / ratio
        notes.append(f"{path.name}: LOCMETH has vp/vs {ratio:g}: vs is vp divided by it")
    shares = [float(words[1]) for _, _, words in lines if words[0] == "LOCGAU2" and len(words) > 1]
    if shares:
        notes.append(f"{path.name}: for errors of travel times as in LOCGAU2 set travel_time_error={shares[0]:g}")
    made[:, 3] = np.where(made[:, 3] > 0, made[:, 3], np.nan)
    if not made[:, [2, 4]].any():
        return made[:, 0], made[:, 1], made[:, 3], False, notes
    depth = np.repeat(made[:, 0], 2)[1:]
    if made[-1, [2, 4]].any():
        limits = [(v - made[-1, 1]) / made[-1, 2] for v in _SPEEDS_KM_S if made[-1, 2] != 0]
        depth = np.append(depth, depth[-1] + min([_DEEP_KM, *(limit for limit in limits if limit > 0)]))
    layer = np.repeat(np.arange(len(made)), 2)[: len(depth)]
    below = depth - made[layer, 0]
    if len(depth) == 2 * len(made):
        notes.append(f"{path.name}: the gradient of the last layer goes on to {depth[-1]:g} km")
    return depth, made[layer, 1] + below * made[layer, 2], made[layer, 3] + below * made[layer, 4], True, notes


@dataclass(frozen=True)
class Transform:
    """A projection as NonLinLoc has it: the same numbers as its own of the same name, to about a metre."""

    forward: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
    """longitudes and latitudes in degrees to km along x and y"""
    inverse: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
    """km along x and y to longitudes and latitudes in degrees"""


def transform_of(words: Sequence[str]) -> Transform | None:
    """Return the projection of the words after TRANS, or None for NONE, SDC, GLOBAL and others.

    Raises:
        ValueError, KeyError, IndexError: the words are no projection.

    >>> [round(float(x), 3) for x in transform_of(["SIMPLE", "43.0", "7.0", "0.0"]).forward(7.0, 44.0)]
    [0.0, 111.111]
    """
    kind = words[0].upper() if words else "NONE"
    if kind not in ("SIMPLE", "LAMBERT", "TRANS_MERC", "AZIMUTHAL_EQUIDIST"):
        return None
    ellipsoid = "sphere" if kind == "SIMPLE" else _ELLIPSOIDS[words[1]]
    numbers = [float(word) for word in words[1 if kind == "SIMPLE" else 2 :]]
    latitude, longitude, rest = numbers[0], numbers[1], numbers[2:]
    from pyproj import Geod, Transformer

    if kind == "SIMPLE":
        # Its degrees are all of one length, so a circle of them is the equator of an equirectangular map.
        radius_m = 1000.0 * math.degrees(_KM_OF_DEGREE)
        pipeline = f"+proj=eqc +lat_ts={latitude} +lat_0={latitude} +lon_0={longitude} +R={radius_m!r}"
    elif kind == "LAMBERT":
        pipeline = f"+proj=lcc +lat_0={latitude} +lon_0={longitude} +lat_1={rest[0]} +lat_2={rest[1]}"
        pipeline, rest = f"{pipeline} +ellps={ellipsoid}", rest[2:]
    elif kind == "TRANS_MERC":
        pipeline = f"+proj=tmerc +lat_0={latitude} +lon_0={longitude} +ellps={ellipsoid}"
    else:  # on the sphere of the equator's radius, as NonLinLoc's own locations show
        pipeline = f"+proj=aeqd +lat_0={latitude} +lon_0={longitude} +R={Geod(ellps=ellipsoid).a}"
    turn_deg = rest[0] if rest else 0.0
    flat = Transformer.from_pipeline(pipeline + " +units=km").transform
    return Transform(
        lambda lon, lat: _turned(*flat(lon, lat), -turn_deg),
        lambda x_km, y_km: flat(*_turned(x_km, y_km, turn_deg), direction="INVERSE"),
    )


def _projection(lines: Sequence[tuple[str, int, list[str]]]) -> Transform | None:
    where, number, words = next((line for line in lines if line[2][0] == "TRANS"), ("", 0, []))
    try:
        return transform_of(words[1:])
    except (KeyError, ValueError, IndexError) as error:
        raise ZooError(f"{where}, line {number}: {' '.join(words)!r} is no projection ({error}).") from error


def _turned(x_km: np.ndarray, y_km: np.ndarray, turn_deg: float) -> tuple[np.ndarray, np.ndarray]:
    """Return coordinates east and north; north lies `turn_deg` clockwise of the y axis of the file."""
    angle = math.radians(turn_deg)
    return x_km * math.cos(angle) - y_km * math.sin(angle), y_km * math.cos(angle) + x_km * math.sin(angle)

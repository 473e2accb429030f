"""Earthquake catalogues: times, places and magnitudes from whatever file a seismologist has.

    catalogue = read_catalogue("catalogue.csv")
    catalogue = read_catalogue("events.txt", columns={"time": 1, "x_m": "Easting", "y_m": "Northing"})
    print(catalogue.describe(), *catalogue.notes, sep="\\n")

A file passes through these modules:

    layout          rows and names of a table, with `lines` (encoding, separator) and `header`
    columns         which column holds what: by what the user says, by `names` (`time_columns`), by `content` (`guess`)
    text            the columns as arrays, with `times` (`dates`, `numbers`, `parts`), `places` (`coordinates`) and
                    `magnitudes`; `asked` holds what the user says, and chooses between two readings
    programs        fixed columns of location programs: hypoinverse, HYPO71, VELEST, hypoDD, `jma`, Nordic, NonLinLoc
    bulletins       IMS 1.0 and ISF, SeisComP
    formats         JSON and GeoJSON, MATLAB's .mat, and what ObsPy reads (QuakeML, SCML, NDK ...)
    catalogue       what was read as a `Catalogue`, without blasts, second origins and duplicates

Nothing is assumed in silence: `Catalogue.notes` says what was read and each assumption. What can be read in two ways is
refused, and the message says what to add. Rows that cannot be used are set aside and counted; a file is refused if most
of its rows cannot be used.
"""

from __future__ import annotations

import gzip
import os
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from zoo.errors import UsageError, ZooError
from zoo.foreign import reader
from zoo.seismicity.catalogues.asked import Asked
from zoo.seismicity.catalogues.catalogue import Catalogue, from_columns
from zoo.seismicity.catalogues.coordinates import open_ocean, point
from zoo.seismicity.catalogues.layout import lay_out
from zoo.seismicity.catalogues.lines import encoding_of, sample_lines
from zoo.seismicity.catalogues.text import read_table
from zoo.seismicity.catalogues.times import check

__all__ = ["Catalogue", "from_columns", "read_catalogue"]

_SPREADSHEETS = {b"PK\x03\x04": "a spreadsheet or another archive", b"\xd0\xcf\x11\xe0": "an old Excel file"}


@reader("Copy or export it again.")
def read_catalogue(
    path: str | os.PathLike,
    columns: Mapping[str, str | int] | None = None,
    *,
    time_format: str | None = None,
    year: int | None = None,
    epsg: int | None = None,
) -> Catalogue:
    """Read an earthquake catalogue.

    Args:
        path: CSV or other columns of text, the output of a location program, a bulletin, GeoJSON, QuakeML, .mat or
            anything that `obspy.read_events` reads; also compressed by gzip.
        columns: which column of a table holds what, where its header does not say: from `time` (or `date` and
            `time`, or `year`, `month`, `day`, `hour`, `minute`, `second`), `longitude` and `latitude` or `x` and `y`
            (`x_m`, `x_km`), `depth`, `magnitude`, `type`, `id` to the name of a column or its number, counted from 1.
        time_format: how times are to be read where the file does not settle it: "dmy", "mdy" or "ymd"; "epoch",
            "epoch_ms", "decimal_year", "excel", "matlab", "jd" or "mjd" for numbers; "days since 2019-01-01"; or the
            codes of `datetime.strptime`, such as "%d.%m.%Y %H:%M:%S" (of date and time of day together).
        year: of files whose dates have none.
        epsg: number of the coordinate system of x and y, which become degrees; needs pyproj.

    Returns:
        Events sorted by time; duplicates (same time, place, depth and magnitude) are dropped. The first of its notes
        says what was read.

    Raises:
        ZooError: if there is no such file or no time or place in it, if it can be read in two ways, or if most of its
            rows cannot be used.
        UsageError: if `columns` names a column that is not there, or `time_format` is not known.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "events.csv"
    >>> _ = file.write_text("when,E,N,M\\n2020-01-02T12:00:00,1500,200,0.9\\n2020-01-01T06:30:00,2500,250,1.2\\n")
    >>> catalogue = read_catalogue(file, {"time": "when", "x_m": "E", "y_m": "N", "magnitude": "M"})
    >>> catalogue.x_km.tolist(), catalogue.magnitude.tolist()
    ([2.5, 1.5], [1.2, 0.9])
    >>> catalogue.describe()
    '2 events, 2020-01-01 to 2020-01-02; first: 2020-01-01 06:30:00 UTC, x 2.500 km, y 0.250 km, no depth, M 1.2'
    """
    path = Path(path)
    if not path.is_file():
        what = "is a folder; name the file in it" if path.is_dir() else "does not exist"
        raise ZooError(f"{path} {what}. Expected a catalogue: CSV, GeoJSON, QuakeML or whatever else ObsPy reads.")
    asked = Asked(time_format, year, str(path))
    check(asked)
    if year is not None and not 1000 <= year <= 2200:
        raise UsageError(f"--year {year}: expected a year of four digits.")
    with open(path, "rb") as file:
        start = file.read(4096)
    if start[:2] == b"\x1f\x8b":
        return _unpacked(path, columns, time_format, year, epsg)
    found, notes = _read(path, start, columns, asked, epsg)
    read = from_columns(found, path.stem, notes)
    if not len(read):
        raise ZooError(f"{path} holds no earthquake that can be used ({'; '.join(read.notes)}).")
    _not_in_the_future(path, read.time)
    read = _at_sea(read)
    return replace(read, notes=(f"read: {read.describe()}", *read.notes))


def _at_sea(read: Catalogue) -> Catalogue:
    """Return a catalogue, with a note where small earthquakes lie where no network sees them: a sign may be missing."""
    if (
        not read.geographic
        or np.nanmedian(np.r_[read.magnitude, 0.0] if np.isnan(read.magnitude).all() else read.magnitude) > 3
    ):
        return read
    x, y = float(np.median(read.longitude_deg)), float(np.median(read.latitude_deg))
    if not open_ocean(x, y):
        return read
    note = f"the events lie near {point(y, x)}, in an open ocean: is a sign of their longitude or latitude missing?"
    return replace(read, notes=(*read.notes, note))


def _unpacked(path: Path, columns, time_format, year, epsg) -> Catalogue:
    with tempfile.TemporaryDirectory() as folder:
        inner = Path(folder) / path.name.removesuffix(".gz")
        try:
            with gzip.open(path) as packed:
                inner.write_bytes(packed.read())
        except (OSError, EOFError) as error:
            raise ZooError(f"{path} is not a whole file of gzip ({error}). Download or pack it again.") from error
        return read_catalogue(inner, columns, time_format=time_format, year=year, epsg=epsg)


def _read(path: Path, start: bytes, columns, asked: Asked, epsg: int | None) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return columns and notes of a file, by the reader that its first bytes and lines call for."""
    bare = start.lstrip(b"\xef\xbb\xbf \t\r\n\0")
    if not bare:
        raise ZooError(f"{path} is empty: expected a row for each earthquake.")
    if what := _SPREADSHEETS.get(start[:4]):
        raise ZooError(f"{path} is {what}. Save the sheet as CSV, and read that.")
    if start.startswith(b"MATLAB 5.0 MAT-file") or start.startswith(b"MATLAB 7.3 MAT-file"):
        from zoo.seismicity.catalogues.formats import mat_table

        return read_table(mat_table(path), columns, asked, epsg)
    wide = start[:2] in (b"\xff\xfe", b"\xfe\xff") or start[:1000].count(0) > 0.2 * len(start[:1000])
    if bare[:1] in b"{[" and not wide:
        from zoo.seismicity.catalogues.formats import json_table

        return read_table(json_table(path), columns, asked, epsg)
    if bare[:1] == b"<" or (not wide and b"\0" in start):
        from zoo.seismicity.catalogues.formats import read_obspy

        return read_obspy(path)
    return _read_text(path, columns, asked, epsg)


def _read_text(path: Path, columns, asked: Asked, epsg: int | None) -> tuple[dict[str, np.ndarray], list[str]]:
    from zoo.seismicity.catalogues import bulletins, formats, programs

    encoding = encoding_of(path)
    lines = sample_lines(path, encoding)[0][:400]
    if not columns:
        if bulletins.is_ims(lines):
            return bulletins.read_ims(path, encoding)
        if bulletins.is_seiscomp(lines):
            return bulletins.read_seiscomp(path, encoding)
        if program := programs.program_of(lines):
            return programs.read_program(path, encoding, program, asked)
        if formats.is_ndk(lines):
            return formats.read_obspy(path)
    try:
        numbered = bool(columns) and all(str(value).isdigit() for value in columns.values())
        return read_table(lay_out(path, numbered), columns, asked, epsg)
    except UsageError:
        raise
    except ZooError:
        # Where the text is no table, ObsPy may know it; it is believed only if it finds
        # an event in most blocks of lines.
        filled = sum(bool(line.strip()) for line in lines)
        events = None if columns or not _other_format(lines) else formats.obspy_events(path)
        if not events or filled > 400 * len(events):
            raise
        return formats.read_obspy(path)


def _other_format(lines: list[str]) -> bool:
    """Return whether lines at the top of a file may be of a format that ObsPy knows: lines of letters, not a table."""
    filled = [line for line in lines if line.strip()]
    lettered = sum(line.lstrip()[:1].isalpha() for line in filled)
    return lettered > 0.3 * len(filled)


def _not_in_the_future(path: Path, time: np.ndarray) -> None:
    now = np.datetime64("now", "ms") + np.timedelta64(2, "D")
    late = time > now
    if late.any():
        raise ZooError(
            f"{path}: {late.sum()} of {len(time)} times lie in the future, up to {str(time[-1])[:19]}: they were read "
            "wrongly. Say how they are written: --time-format dmy, mdy, epoch, excel, '%d/%m/%Y %H:%M' ..."
        )

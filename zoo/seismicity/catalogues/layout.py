"""How a text file is laid out: encoding, separator, comments, title lines, header; and its rows, split.

A sample of lines from all parts of the file settles this, so that a file of a million rows is read once.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from zoo.errors import ZooError
from zoo.seismicity.catalogues.header import find_header, fitted_names
from zoo.seismicity.catalogues.lines import (
    blank_fields,
    encoding_of,
    is_row,
    lead_of,
    sample_lines,
    separator,
    split,
    values_in,
)

_POINT = re.compile(r"\s*(?:SRID=4326;)?\s*POINT(?:\s*Z)?\s*\(\s*([-+.\deE]+)\s+([-+.\deE]+)", re.IGNORECASE)
_USUAL = frozenset('0123456789"')
"""How most rows begin: they need no closer look."""


@dataclass
class Table:
    """Rows of text under names, whatever they came from."""

    where: str
    names: list[str]
    """[] where there is no header"""
    width: int
    sample: list[list[str]]
    """rows from all parts of the file"""
    rows: Iterable[list[str]]
    notes: list[str] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    """the lines above the rows that are not the header"""
    exact: bool = False
    """whether only rows of exactly `width` fields are whole (blanks as separators), not also longer ones"""


def lay_out(path: Path, numbered: bool = False) -> Table:
    """Return the table that a text file holds.

    Args:
        path: the file.
        numbered: whether the user says by numbers which columns there are, so that a header that does not stand above
            its columns does no harm.

    Raises:
        ZooError: if it holds no rows.
    """
    encoding = encoding_of(path)
    top, others = sample_lines(path, encoding)
    filled = [line for line in top if line.strip()]
    if not filled:
        raise ZooError(f"{path} holds no rows: expected one for each earthquake.")
    mark = separator([*filled[:300], *others[:100]])
    header, first, names, titles = find_header(top, mark)
    body = [line for line in top[first:] if is_row(line)]
    if not body:
        raise ZooError(f"{path} has a header and no rows below it: expected one for each earthquake.")
    sample = [split(line, mark) for line in [*body[:1500], *(line for line in others if is_row(line))]]
    width = _width(sample, names, mark)
    spans = None
    if mark is None:
        shown = [*body[:1500], *(line for line in others if is_row(line))]
        lead = lead_of(sample)
        if lead and len(names) in (lead, lead + 1) and any(len(row) > len(names) for row in sample):
            width, names = lead, names[:lead]  # words at the end, such as a region, are any number of columns
        elif any(len(row) != width for row in sample) and (spans := _spans(shown, width)):
            sample = [_cut(line, spans) for line in shown]  # fields are missing: columns are places in the line
    table = Table(str(path), names, width, [], (), titles=titles, exact=mark is None and not spans)
    if encoding not in ("utf-8", "utf-8-sig", "utf-16"):
        table.notes.append(f"the text was read as {encoding}")
    if names:
        try:
            table.names = fitted_names(names, header, body, sample, width, mark, str(path), table.notes)
        except ZooError:
            if not numbered:
                raise
            table.names = []
        table.width = width = max(width, len(table.names)) if mark else width
    # Rows of places with commas or of unequal numbers of magnitudes are longer; those that are shorter lack something.
    table.sample = [row for row in sample if len(row) >= width and values_in(row) >= 2] or [
        row for row in sample if len(row) >= 0.6 * width
    ]
    if mark is None and not spans and (odd := sum(len(row) != width for row in sample)) > 0.02 * len(sample):
        _refuse_holes(path, sample, width, odd)
    if not table.sample:
        raise ZooError(f"{path}: no row has the {width} columns that most have.")
    table.rows = _rows(path, encoding, mark, first, spans)
    if spans:
        table.notes.append("fields are missing: the columns were told apart by their places in the lines")
    return _points(table)


def _spans(lines: Sequence[str], width: int) -> list[tuple[int, int | None]] | None:
    """Return start and end of each column of lines with blanks between them; None if they stand in no columns."""
    lines = [line.expandtabs() for line in lines if values_in(line.split()) >= 3]
    longest = max(map(len, lines), default=0)
    used = [False] * longest
    for line in lines:
        for found in re.finditer(r"\S+", line):
            used[found.start() : found.end()] = [True] * (found.end() - found.start())
    edges = [n for n in range(longest) if used[n] and (n == 0 or not used[n - 1])]
    if len(edges) != width or len(lines) < 10:
        return None
    ends = [next((m for m in range(n, longest) if not used[m]), longest) for n in edges]
    starts = [0, *ends[:-1]]
    spans = [(a, b) for a, b in zip(starts, [*ends[:-1], None], strict=True)]
    # Rows that lack nothing have to come out as blanks divide them.
    whole = all(_cut(line, spans) == line.split() for line in lines if len(line.split()) == width)
    return spans if whole else None


def _cut(line: str, spans: Sequence[tuple[int, int | None]]) -> list[str]:
    line = line.expandtabs()
    return [line[a:b].strip() for a, b in spans]


def _points(table: Table) -> Table:
    """Return a table in which POINT (longitude latitude), as GIS programs write places, is two columns."""
    at = next(
        (n for n in range(table.width) if all(n < len(row) and _POINT.match(row[n]) for row in table.sample[:20])), None
    )
    if at is None:
        return table

    def expanded(rows: Iterable[list[str]]) -> Iterator[list[str]]:
        for row in rows:
            found = _POINT.match(row[at]) if at < len(row) else None
            yield [*row[:at], *(found.groups() if found else ("", "")), *row[at + 1 :]]

    table.sample, table.rows = list(expanded(table.sample)), expanded(table.rows)
    table.width += 1
    if table.names:
        table.names = [*table.names[:at], "longitude", "latitude", *table.names[at + 1 :]]
    return table


def _refuse_holes(path: Path, sample: Sequence[Sequence[str]], width: int, odd: int) -> None:
    """Refuse rows separated by blanks in which fields are missing: the fields behind a hole would move to the left.

    Words at the end (a region's name) may be any number.
    """
    if lead_of(sample) < 3:
        raise ZooError(
            f"{path}: {odd} of the first {len(sample)} rows have another number of fields than the {width} of most: "
            "where fields are empty, blanks do not tell columns apart. Save it with commas or tabs between the columns."
        )


def _width(sample: Sequence[Sequence[str]], names: Sequence[str], mark: str | None) -> int:
    widths = Counter(map(len, sample))
    common = widths.most_common(1)[0][0]
    if names and mark is not None:  # rows as wide as the header count, longer ones end with something repeated
        return min(common, len(names)) if widths[common] < 0.9 * len(sample) else common
    return common


def _rows(
    path: Path, encoding: str, mark: str | None, first: int, spans: Sequence[tuple[int, int | None]] | None
) -> Iterator[list[str]]:
    """Yield the rows of a file from line number `first` on, comments and blank lines left out."""
    with open(path, encoding=encoding, errors="replace", newline="" if mark else None) as file:
        kept = (
            line
            for line in islice(file, first, None)
            if line[0] in _USUAL or line.strip() and (line[0] not in "#%!*>/- \t" or is_row(line))
        )
        if spans:
            yield from (_cut(line.rstrip("\r\n"), spans) for line in kept)
        elif mark is None:
            yield from (line.split() if '"' not in line else blank_fields(line) for line in kept)
        else:
            yield from csv.reader(kept, delimiter=mark, skipinitialspace=True)


def chunks(rows: Iterable[list[str]], size: int) -> Iterator[list[list[str]]]:
    """Yield lists of rows."""
    rows = iter(rows)
    while chunk := list(islice(rows, size)):
        yield chunk

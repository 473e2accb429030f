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
from zoo.seismicity.catalogues.dates import CLOCK, ISO, parse
from zoo.seismicity.catalogues.names import meaning, run

_BLOCKS, _BLOCK_BYTES, _HEAD_BYTES = 8, 60_000, 200_000
_MARKS = (";", "\t", "|", ",", "^", "~")
_NUMBER = re.compile(r"[-+]?(?:\d+[.,]?\d*|[.,]\d+)(?:[eE][-+]?\d+)?")
_COMMENT = re.compile(r"\s*(?:#|%|//|!|\*|>|--)")
_POINT = re.compile(r"\s*(?:SRID=4326;)?\s*POINT(?:\s*Z)?\s*\(\s*([-+.\deE]+)\s+([-+.\deE]+)", re.IGNORECASE)
_USUAL = frozenset('0123456789"')
"""How most rows begin: they need no closer look."""
_RULE = re.compile(r"[\s\-=_+|*.#]*")
_ENCODINGS = ("gb18030", "shift_jis", "euc_kr", "cp1251", "cp1253", "cp1254", "cp1252")


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


def encoding_of(path: Path) -> str:
    """Return the encoding of a text file: by its byte-order mark, by zeros, by what makes its header readable."""
    head = b"".join(_blocks(path))
    for mark, name in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if head.startswith(mark):
            return name
    start = head[:1000]
    if start.count(0) > 0.2 * len(start):
        return "utf-16-le" if start[1::2].count(0) > start[::2].count(0) else "utf-16-be"
    try:
        first = head[:_HEAD_BYTES]
        first[: first.rfind(b"\n") + 1 or None].decode("utf-8")
        return "utf-8"
    except UnicodeDecodeError:
        pass
    known = {}
    for name in _ENCODINGS:
        try:
            top = head[:4000].decode(name, "ignore").splitlines()[:30]
        except UnicodeError:
            continue
        fields = [re.split(r"[;\t|,]", line) for line in top]
        known[name] = max((sum(bool(meaning(each).role) for each in row) for row in fields), default=0)
    best = max(known.values(), default=0)
    return next((name for name in reversed(_ENCODINGS) if known.get(name) == best), "cp1252")


def _blocks(path: Path) -> Iterator[bytes]:
    """Yield the start of a file and blocks from all its parts, whole lines each."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        head = file.read(_HEAD_BYTES)
        yield head if size <= _HEAD_BYTES else head[: head.rfind(b"\n") + 1] or head
        for number in range(1, _BLOCKS if size > 2 * _HEAD_BYTES else 0):
            file.seek((size * number // _BLOCKS) // 2 * 2)
            block = file.read(_BLOCK_BYTES)
            lines = block.split(b"\n")
            if len(lines) > 2 and size > 2 * _HEAD_BYTES:
                yield b"\n".join([*lines[1:-1], b""])


def sample_lines(path: Path, encoding: str) -> tuple[list[str], list[str]]:
    """Return the lines at the top of a file, and lines from its other parts."""
    blocks = list(_blocks(path))
    if encoding.startswith("utf-16"):  # lines cannot be cut byte by byte: the top has to do
        return _lines(blocks[0].decode(encoding, "ignore")), []
    texts = [_lines(block.decode(encoding, "replace")) for block in blocks]
    return texts[0], [line for lines in texts[1:] for line in lines[:200]]


def _lines(text: str) -> list[str]:
    return re.split(r"\r\n|\n|\r", text)  # as files are read; splitlines would also split at form feeds


def split(line: str, mark: str | None) -> list[str]:
    """Return the fields of a line; `mark` None is for blanks."""
    if mark is None:
        return _blank_fields(line)
    return next(csv.reader([line], delimiter=mark, skipinitialspace=True), [])


def _blank_fields(line: str) -> list[str]:
    if '"' not in line:
        return line.split()
    return next(csv.reader([re.sub(r"\s+", " ", line.strip())], delimiter=" "), [])


def is_value(text: str) -> bool:
    """Return whether a field is a number, a date or a time of day, as those of rows are and those of headers are not."""
    text = text.strip()
    if not text or not re.search(r"\d", text):
        return False
    if _NUMBER.fullmatch(text) or CLOCK.fullmatch(text) or ISO.fullmatch(text):
        return True
    return len(text) >= 6 and bool(parse([text]).kind[0]) or bool(re.fullmatch(r"\d+\.?\d*\s*[NSEWO]", text))


def _values(fields: Sequence[str]) -> int:
    return sum(map(is_value, fields))


def separator(lines: Sequence[str]) -> str | None:
    """Return what separates the fields: the mark under which most fields are values; None for blanks."""
    body = [line for line in lines[len(lines) // 3 :] if line.strip() and not _COMMENT.match(line)][:120]
    body = body or [line for line in lines if line.strip()][:120]
    scores = {}
    for mark in (*_MARKS, None):
        rows = [split(line, mark) for line in body]
        widths = Counter(map(len, rows))
        width = widths.most_common(1)[0][0]
        if width < 3 and mark is not None:
            continue
        values = sorted(_values(row) for row in rows)[len(rows) // 2]
        # ISC's rows end with as many magnitudes as there are: they differ in width.
        scores[mark] = values
    if not any(scores.values()):  # a header alone
        return max(scores, key=lambda mark: len(split(body[0], mark)))
    marked = {mark: score for mark, score in scores.items() if mark is not None and score >= 3}
    if marked:
        best = max(marked.values())
        # 36,33;-117,65: under the comma there are values too, but the semicolon keeps the numbers whole.
        for mark in _MARKS:
            if marked.get(mark, 0) >= min(3, best) and (mark != "," or marked[mark] == best):
                other = scores.get(None, 0)
                return mark if marked[mark] >= 4 or other <= marked[mark] + 1 else None
    return None


def lay_out(path: Path, given: bool = False) -> Table:
    """Return the table that a text file holds.

    Args:
        path: the file.
        given: whether the user says which columns there are, so that a header of unknown names will do.

    Raises:
        ZooError: if it holds no rows.
    """
    encoding = encoding_of(path)
    top, others = sample_lines(path, encoding)
    filled = [line for line in top if line.strip()]
    if not filled:
        raise ZooError(f"{path} holds no rows: expected one for each earthquake.")
    mark = separator([*filled[:300], *others[:100]])
    header, first, names, titles = _header(top, mark)
    body = [line for line in top[first:] if _is_row(line)]
    if not body:
        raise ZooError(f"{path} has a header and no rows below it: expected one for each earthquake.")
    sample = [split(line, mark) for line in [*body[:1500], *(line for line in others if _is_row(line))]]
    width = _width(sample, names, mark)
    spans = None
    if mark is None:
        shown = [*body[:1500], *(line for line in others if _is_row(line))]
        lead = _lead(sample)
        if lead and len(names) in (lead, lead + 1) and any(len(row) > len(names) for row in sample):
            width, names = lead, names[:lead]  # words at the end, such as a region, are any number of columns
        elif any(len(row) != width for row in sample) and (spans := _spans(shown, width)):
            sample = [_cut(line, spans) for line in shown]  # fields are missing: columns are places in the line
    table = Table(str(path), names, width, [], (), titles=titles, exact=mark is None and not spans)
    if encoding not in ("utf-8", "utf-8-sig", "utf-16"):
        table.notes.append(f"the text was read as {encoding}")
    if names:
        table.names = _fitted(names, header, body, sample, width, mark, table)
        table.width = width = max(width, len(table.names)) if mark else width
    # Rows of places with commas or of unequal numbers of magnitudes are longer; those that are shorter lack something.
    table.sample = [row for row in sample if len(row) >= width and _values(row) >= 2] or [
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


def _lead(sample: Sequence[Sequence[str]]) -> int:
    """Return how many fields at the start of nearly all rows are values; 0 where that differs from row to row."""
    counts = Counter(next((n for n, text in enumerate(row) if not is_value(text)), len(row)) for row in sample)
    lead, rows = counts.most_common(1)[0]
    return lead if rows >= 0.95 * len(sample) else 0


def _spans(lines: Sequence[str], width: int) -> list[tuple[int, int | None]] | None:
    """Return start and end of each column of lines with blanks between columns; None if they do not stand in columns."""
    lines = [line.expandtabs() for line in lines]
    longest = max(map(len, lines))
    used = [False] * longest
    for line in lines:
        for found in re.finditer(r"\S+", line):
            used[found.start() : found.end()] = [True] * (found.end() - found.start())
    edges = [n for n in range(longest) if used[n] and (n == 0 or not used[n - 1])]
    if len(edges) != width or len(lines) < 10:
        return None
    ends = [next((m for m in range(n, longest) if not used[m]), longest) for n in edges]
    starts = [0, *ends[:-1]]
    return [(a, b) for a, b in zip(starts, [*ends[:-1], None], strict=True)]


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
    if _lead(sample) < 3:
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


def _is_row(line: str) -> bool:
    return bool(line.strip()) and not _COMMENT.match(line) or bool(re.match(r"\s*-+[\d.]", line))


def _header(top: Sequence[str], mark: str | None) -> tuple[str, int, list[str], list[str]]:
    """Return the line of the header ("" for none), the number of the line below it, its names, and the title lines.

    Rows of data hold values; the header is the last line above them whose fields name columns.
    """
    limit = len(top)
    first = next(
        (n for n in range(limit) if _is_row(top[n]) and _values(split(top[n], mark)) >= 3),
        next((n for n in range(limit) if _is_row(top[n]) and _values(split(top[n], mark)) >= 1), None),
    )
    if first is None:
        first = limit
    best, found = (0, 0), None
    for number in range(max(0, first - 60), first):
        line = top[number]
        if not line.strip() or _RULE.fullmatch(line):
            continue
        bare = re.sub(r"^\s*[#%!*]+\s?", lambda hit: " " * len(hit[0]), line)
        names = split(bare, mark) if mark else bare.split()
        known = sum(bool(meaning(name).role) for name in names) + len(run(names))
        share = known / max(len(names), 1)
        if known >= 2 and share >= 0.2 and (known, number) > best:
            best, found = (known, number), (bare, names)
    if found is None:
        # A header none of whose names is known is still a header: a line of words as wide as the rows.
        wide = len(split(top[first], mark)) if first < limit else 0
        for number in range(first - 1, -1, -1):
            names = split(top[number], mark)
            if len(names) == wide and wide > 1 and not _values(names) and not _RULE.fullmatch(top[number]):
                return top[number], number + 1, [name.strip() for name in names], list(top[:number])
        return "", first if first < limit else 0, [], [line for line in top[:first] if line.strip()]
    number = best[1]
    titles = [line for n, line in enumerate(top[:first]) if n != number and line.strip()]
    return found[0], number + 1, [name.strip() for name in found[1]], titles


def _fitted(
    names: list[str],
    header: str,
    body: Sequence[str],
    sample: Sequence[Sequence[str]],
    width: int,
    mark: str | None,
    table: Table,
) -> list[str]:
    """Return the names, one for each column of the rows: pandas and R write an index, headers have blanks in names."""
    if mark is not None:
        if names and names[0].lstrip("#% ") != names[0]:
            names = [names[0].lstrip("#% "), *names[1:]]
        if len(names) == width - 1 and sum(not row[-1].strip() for row in sample if len(row) == width) < len(sample) / 2:
            table.notes.append("the rows have a name each before the first column, as R writes them")
            return ["", *names]
        return names
    if len(names) == width:
        return names
    if len(names) == width - 1 and all(is_value(row[0]) or row[0].isalnum() for row in sample if len(row) == width):
        shifted = _aligned(header, body, width)
        if shifted is None or shifted[0] == "":
            table.notes.append("the rows have a name each before the first column, as R writes them")
            return ["", *names]
    wide = re.split(r"\s{2,}|\t", header.strip())
    if len(wide) == width:
        return wide
    aligned = _aligned(header, body, width)
    if aligned:
        table.notes.append(f"the header has {len(names)} words above {width} columns: they were matched by their places")
        return aligned
    raise ZooError(
        f"{table.where}: the header has {len(names)} words ({header.strip()[:100]}) above {width} columns, and they do "
        "not stand above each other. Say which column is which by number: --columns time=1 latitude=2 ..., after "
        "removing the header."
    )


def _aligned(header: str, body: Sequence[str], width: int) -> list[str] | None:
    """Return names for columns of a text with blanks, by the places at which words and fields stand; None if they do not."""
    rows = [line for line in body[:200] if len(line.split()) == width]
    if not rows:
        return None
    spans = [
        (
            min(found[n].start() for found in matches),
            max(found[n].end() for found in matches),
        )
        for matches in [[list(re.finditer(r"\S+", line)) for line in rows]]
        for n in range(width)
    ]
    if any(left[1] > right[0] for left, right in zip(spans, spans[1:], strict=False)):
        return None  # the fields wander
    names = [""] * width
    for word in re.finditer(r"\S+", header):
        over = [min(word.end(), end) - max(word.start(), start) for start, end in spans]
        best = max(range(width), key=lambda n: over[n])
        if over[best] < -2:
            continue
        names[best] = f"{names[best]} {word[0]}".strip()
    return names


def _rows(
    path: Path, encoding: str, mark: str | None, first: int, spans: Sequence[tuple[int, int | None]] | None
) -> Iterator[list[str]]:
    """Yield the rows of a file from line number `first` on, comments and blank lines left out."""
    with open(path, encoding=encoding, errors="replace", newline="" if mark else None) as file:
        kept = (line for line in islice(file, first, None) if line[0] in _USUAL or line.strip() and (line[0] not in "#%!*>/- \t" or _is_row(line)))
        if spans:
            yield from (_cut(line.rstrip("\r\n"), spans) for line in kept)
        elif mark is None:
            yield from (line.split() if '"' not in line else _blank_fields(line) for line in kept)
        else:
            yield from csv.reader(kept, delimiter=mark, skipinitialspace=True)


def chunks(rows: Iterable[list[str]], size: int) -> Iterator[list[list[str]]]:
    """Yield lists of rows."""
    rows = iter(rows)
    while chunk := list(islice(rows, size)):
        yield chunk

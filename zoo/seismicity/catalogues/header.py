"""The header of a table: the line that names its columns, and which name stands above which column."""

from __future__ import annotations

import re
from collections.abc import Sequence

from zoo.errors import ZooError
from zoo.seismicity.catalogues.lines import is_row, split, values_in
from zoo.seismicity.catalogues.names import meaning, run

_RULE = re.compile(r"[\s\-=_+|*.#]*")


def find_header(top: Sequence[str], mark: str | None) -> tuple[str, int, list[str], list[str]]:
    """Return the line of the header ("" for none), the number of the line below it, its names, and the title lines.

    Rows of data hold values; the header is the last line above them whose fields name columns.
    """
    limit = len(top)
    first = next(
        (n for n in range(limit) if is_row(top[n]) and values_in(split(top[n], mark)) >= 3),
        next((n for n in range(limit) if is_row(top[n]) and values_in(split(top[n], mark)) >= 1), None),
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
            if len(names) == wide and wide > 1 and not values_in(names) and not _RULE.fullmatch(top[number]):
                return top[number], number + 1, [name.strip() for name in names], list(top[:number])
        return "", first if first < limit else 0, [], [line for line in top[:first] if line.strip()]
    number = best[1]
    titles = [line for n, line in enumerate(top[:first]) if n != number and line.strip()]
    return found[0], number + 1, [name.strip() for name in found[1]], titles


def fitted_names(
    names: list[str],
    header: str,
    body: Sequence[str],
    sample: Sequence[Sequence[str]],
    width: int,
    mark: str | None,
    where: str,
    notes: list[str],
) -> list[str]:
    """Return the names, one for each column of the rows: pandas and R write an index, headers have blanks in names."""
    if mark is not None:
        if names and names[0].lstrip("#% ") != names[0]:
            names = [names[0].lstrip("#% "), *names[1:]]
        if (
            len(names) == width - 1
            and sum(not row[-1].strip() for row in sample if len(row) == width) < len(sample) / 2
        ):
            if _numbered(sample, width, header):
                notes.append("the rows have a name each before the first column, as R writes them")
                return ["", *names]
            notes.append("the rows have a column more than the header: the last was taken to have no name")
        return names
    if len(names) == width:
        return names
    if len(names) == width - 1 and _numbered(sample, width, header):
        shifted = _aligned(header, body, width)
        if shifted is None or shifted[0] == "":
            notes.append("the rows have a name each before the first column, as R writes them")
            return ["", *names]
    wide = re.split(r"\s{2,}|\t", header.strip())
    if len(wide) == width:
        return wide
    aligned = _aligned(header, body, width)
    # A name over several columns, or two over one, says that the header stands elsewhere than its columns.
    astray = aligned and (
        any(not name for name in aligned[1:])
        or any(len({meaning(word).role for word in name.split()} - {""}) > 1 for name in aligned)
    )
    if aligned and not astray:
        notes.append(f"the header has {len(names)} words above {width} columns: they were matched by their places")
        return aligned
    raise ZooError(
        f"{where}: the header has {len(names)} words ({header.strip()[:100]}) above {width} columns, and they do "
        "not stand above each other. Say which column is which by number: --columns time=1 latitude=2 ...."
    )


def _numbered(sample: Sequence[Sequence[str]], width: int, header: str) -> bool:
    """Return whether the first column numbers the rows, or has names in quotes as the header has."""
    first = [row[0].strip() for row in sample if len(row) == width]
    if len(set(first)) < len(first):
        return False
    if header.lstrip().startswith('"'):
        return True
    return all(text.isdigit() for text in first) and int(first[-1]) - int(first[0]) >= len(first) - 1


def _aligned(header: str, body: Sequence[str], width: int) -> list[str] | None:
    """Return names for columns by the places at which words and fields stand in their lines; None if they wander."""
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

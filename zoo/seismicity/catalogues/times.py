"""Origin times in whatever form a catalogue writes them, as datetime64[ms] in UTC; NaT where there is none.

Forms are settled by the whole column: which of two numbers is the day, in which century a two-digit year lies, what a
number counts. Where two readings remain, the column is refused, and the message names both (`--time-format` answers).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from datetime import UTC

import numpy as np

from zoo.errors import UsageError, ZooError
from zoo.seismicity.catalogues import numbers
from zoo.seismicity.catalogues.asked import ORDERS, Asked, choose
from zoo.seismicity.catalogues.dates import CLOCK, ISO, Parsed, clock_ms, parse
from zoo.seismicity.catalogues.parts import calendar, full_year, with_clock

_NAT = np.datetime64("NaT", "ms")
# What lies beyond is no time of an earthquake but a number that happened to look like one.
_FIRST, _LAST = np.datetime64("1000-01-01", "ms"), np.datetime64("2200-01-01", "ms")
_DAY_MS = 86_400_000


def check(asked: Asked) -> None:
    """Raise a UsageError if the form is none that is known."""
    form = (asked.form or "").strip()
    known = (*ORDERS, *numbers.FORMS)
    if (
        form
        and "%" not in form
        and form not in known
        and form.lower() not in known
        and not numbers.SINCE.fullmatch(form)
    ):
        raise UsageError(
            f"--time-format {asked.form!r} is not known. Expected one of {', '.join(known)}, "
            '"days since 2019-01-01", or codes such as "%d.%m.%Y %H:%M:%S".'
        )


def moments(texts: Sequence[str], asked: Asked | None = None) -> np.ndarray:
    """Return the times that texts state.

    Args:
        texts: (n,), such as 2019-07-04T17:33:49.040Z, 04/07/2019 5:33:49 PM, 4 Jul 2019, 20190704173349, 2019.5, or
            seconds, milliseconds, micro- or nanoseconds since 1970. A zone such as +02:00 is taken into account;
            without one a time is UTC.
        asked: how the user says that they are to be read; notes are added to it.

    Returns:
        (n,) datetime64[ms], NaT where a text is not a time.

    Raises:
        ZooError: if the texts can be read in two ways.

    >>> moments(["2019-07-04T19:33:49+02:00", "soon"]).astype(str).tolist()
    ['2019-07-04T17:33:49.000', 'NaT']
    >>> moments(["13/07/2019 5:33:49 PM", "1/8/2019 10:00:00 AM"]).astype(str).tolist()
    ['2019-07-13T17:33:49.000', '2019-08-01T10:00:00.000']
    """
    asked = asked or Asked()
    if len(texts) == 0:
        return np.array([], "datetime64[ms]")
    if asked.form and "%" in asked.form:
        return _by_codes(texts, asked)
    made = None if asked.form else _iso(texts)
    if made is not None:
        return made
    texts = [_text(text) for text in texts]
    if numbers.are_numbers(texts):
        return numbers.moments(texts, asked)
    parsed = parse(texts)
    made = _days(parsed, asked) + parsed.ms.astype("timedelta64[ms]")
    made[(made < _FIRST) | (made > _LAST)] = _NAT
    return made


def _text(text: str | bytes) -> str:
    return (text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)).strip()


def _iso(texts: Sequence[str]) -> np.ndarray | None:
    """Return ISO times by numpy, which is ten times as fast as patterns; None where one text is not ISO."""
    head = [_text(text) for text in texts[:: max(1, len(texts) // 50)]]
    if not all(ISO.fullmatch(text) for text in head):
        return None
    if isinstance(texts, np.ndarray):
        texts = np.char.rstrip(texts, b"Zz " if texts.dtype.kind == "S" else "Zz ")
        shortest = np.char.str_len(texts).min()
    else:
        texts = [text.strip().rstrip("Zz") for text in texts]
        shortest = min(map(len, texts))
    if shortest < len("2019-01-05T13:11"):  # numpy takes 2019 and 2019-01 as dates
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # numpy warns where it ignores a time zone
            made = np.asarray(texts).astype("datetime64[ms]")
    except (ValueError, UserWarning):
        return None
    return None if (np.isnat(made) | (made < _FIRST) | (made > _LAST)).any() else made


def _by_codes(texts: Sequence[str], asked: Asked) -> np.ndarray:
    """Return times read by strptime's codes."""
    from datetime import datetime

    made = np.full(len(texts), _NAT)
    for number, text in enumerate(texts):
        try:
            # strptime knows six digits of a second at most
            found = datetime.strptime(re.sub(r"(\.\d{6})\d+", r"\1", _text(text)), asked.form)
        except ValueError:
            continue
        if found.tzinfo:
            found = found.astimezone(UTC).replace(tzinfo=None)
        if asked.year and not re.search("%[yYGcxDs]", asked.form):
            found = found.replace(year=asked.year)
        made[number] = np.datetime64(found, "ms")
    if np.isnat(made).all():
        raise ZooError(
            f"{asked.where}: no time reads as --time-format {asked.form!r}; the first is {_text(texts[0])!r}."
        )
    return made


def _days(parsed: Parsed, asked: Asked) -> np.ndarray:
    """Return the days (n,), datetime64[ms], with the order of day, month and year that the whole column tells."""
    made = calendar(parsed.a, parsed.b, parsed.c)  # where the order is known: year, month, day
    made[parsed.kind != 1] = _NAT
    for kind, orders in ((2, ("dmy", "mdy")), (3, ("ymd", "dmy", "mdy"))):
        mine = parsed.kind == kind
        if not mine.any():
            continue
        fields = {"a": parsed.a[mine], "b": parsed.b[mine], "c": parsed.c[mine]}
        own = Asked(asked.form, asked.year, asked.where, asked.name)
        readings = {}
        for order in orders:
            at = {letter: fields["abc"[order.index(letter)]] for letter in "ymd"}
            readings[order] = calendar(full_year(at["y"], own), at["m"], at["d"])
        given = (asked.form or "").lower()
        if given in readings:
            chosen = given
        elif parsed.dots and "dmy" in readings and not np.isnat(readings["dmy"]).any():
            chosen = "dmy"  # nobody writes dots with the month first
        else:
            chosen = choose({o: r for o, r in readings.items()}, asked, parsed.example, "dates")
        asked.notes += [note for note in own.notes if note not in asked.notes][:1]
        if kind == 2:
            asked.notes.append(
                f"dates such as {parsed.example!r} have the {'day' if chosen == 'dmy' else 'month'} first"
            )
        else:
            asked.notes.append(f"dates such as {parsed.example!r} were taken as {ORDERS[chosen]}")
        made[mine] = readings[chosen]
    return made


def days_of(texts: Sequence[str], asked: Asked) -> np.ndarray:
    """Return the days (n,), datetime64[ms], of a column of dates; a time of day in it is kept."""
    return moments(texts, asked)


def clocks(texts: Sequence[str], asked: Asked) -> np.ndarray:
    """Return milliseconds since midnight (n,), NaN where a text is no time of day: 13:11:10.7, 1:11 PM, 1311, 131110.7.

    >>> clocks(["13:11:10.7", "1:11:10.7 PM"], Asked()).tolist()
    [47470700.0, 47470700.0]
    """
    texts = [_text(text) for text in texts]
    if numbers.are_numbers(texts):
        return numbers.clocks(texts, asked)
    return np.array([clock_ms(found) if (found := CLOCK.fullmatch(text)) else np.nan for text in texts], float)


def from_date_and_clock(dates: Sequence[str], times: Sequence[str], asked: Asked | None = None) -> np.ndarray:
    """Return the times (n,), datetime64[ms], that dates and times of day in two columns make."""
    asked = asked or Asked()
    if asked.form and "%" in asked.form:
        joined = [f"{_text(date)} {_text(clock)}" for date, clock in zip(dates, times, strict=True)]
        return moments(joined, asked)
    # Days repeat: parse each once, in the order in which they come, which tells day from month.
    unique, index, which = np.unique(np.asarray(dates), return_index=True, return_inverse=True)
    if asked.form in (None, *ORDERS) and len(unique) < 0.5 * len(which):
        order = np.argsort(index)
        rank = np.argsort(order)
        return with_clock(days_of(unique[order], asked)[rank[which]], clocks(times, asked))
    return with_clock(days_of(dates, asked), clocks(times, asked))

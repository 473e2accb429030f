"""Dates and times of day in letters and figures, as patterns: what each text says, before the column as a whole settles
which number is the day (`zoo.seismicity.catalogues.times`)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_MONTHS = """
jan janv januar january enero ene gennaio gen janeiro oca ocak янв一月|feb fevr fev febrero febbraio sub subat фев|
mar mars marzo mrt mart mae marz marco мар|apr avr avril abr abril aprile nis nisan апр|
may mai mayo mag maggio maio mei мая май|
jun juin junio giu giugno junho haz haziran июн|jul juil julio lug luglio julho tem temmuz июл|
aug aout ago agosto agu agustos авг|sep sept septembre septiembre set settembre setembro eyl eylul сен|
oct okt oktober octubre ott ottobre out outubro eki ekim окт|nov kas kasim novembre noviembre ноя|
dec dez dic des diciembre dicembre dezembro ara aralik дек
"""
MONTHS = {name: number for number, names in enumerate(_MONTHS.split("|"), 1) for name in names.split()}

_WORD = r"[^\W\d_]{3,12}\.?"
_MON = rf"\d{{1,2}}|{_WORD}"
_CLOCK_TEXT = (
    r"(?P<h>\d{1,2})\s*[:h時时]\s*(?P<mi>\d{1,2})\s*"
    r"(?:[:m分'´]?\s*(?<=[:m分'´\s])(?P<s>\d{1,2}(?:[.,:]\d*)?)\s*(?:s|秒|\"|'')?|[分m'])?"
)
_DOTS = r"(?P<h2>\d{1,2})\.(?P<mi2>\d{2})\.(?P<s2>\d{2}(?:[.,]\d*)?)"
_COMPACT = r"(?P<h3>\d{2})(?P<mi3>\d{2})(?P<s3>\d{2}(?:[.,]\d*)?)?"
_HALF = r"\s*(?P<half>[ap]\.?\s?m\.?)?"
_ZONE = r"\s*(?:Z|UTC|GMT|UT|(?P<sign>[+-])(?P<zh>\d{1,2}):?(?P<zm>\d{2})?)?"
_ANY_CLOCK = rf"(?:{_CLOCK_TEXT}|{_DOTS}|{_COMPACT}){_HALF}{_ZONE}"
CLOCK = re.compile(rf"(?:{_CLOCK_TEXT}|{_DOTS}){_HALF}{_ZONE}", re.IGNORECASE)
"""A time of day; numbers such as 1311 are not one for themselves."""
ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d*)?)?[Zz]?")
_TAIL = rf"(?:(?:\s*[T_,;]\s*|\s+|-|:){_ANY_CLOCK})?"
_DATES = (
    (1, r"(?P<y>\d{4})\s*[-/.\s_:年]\s*(?P<m>MON)\s*[-/.\s_:月]\s*(?P<d>\d{1,2})日?"),
    (2, r"(?P<d>\d{1,2})\s*[-/.\s]\s*(?P<m>MON)\s*[-/.\s,]\s*(?P<y>\d{4})"),
    (1, r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})"),
    (0, r"(?P<y>\d{4})[-/.:\s]?(?P<j>\d{3})"),
    (3, r"(?P<y>\d{1,2})\s*[-/.\s]\s*(?P<m>MON)\s*[-/.\s]\s*(?P<d>\d{1,2})"),
    (1, r"(?P<m>WORD)\s*[-\s]\s*(?P<d>\d{1,2})(?:st|nd|rd|th)?\s*[-,\s]\s*(?P<y>\d{4})"),
)
_PATTERNS = [
    (kind, re.compile(date.replace("MON", _MON).replace("WORD", _WORD) + _TAIL, re.IGNORECASE)) for kind, date in _DATES
]
_WEEKDAY = re.compile(r"^(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s+(?=\w)", re.IGNORECASE)


@dataclass
class Parsed:
    """What texts say: three numbers of a date each and a time of day."""

    a: np.ndarray
    """(n,): the year where `kind` is 1, the first number of the date otherwise"""
    b: np.ndarray
    """(n,): the month, or the second number"""
    c: np.ndarray
    """(n,): the day, or the third number"""
    kind: np.ndarray
    """(n,): 0 no date, 1 year, month, day; 2 two numbers and a year of four digits; 3 three short numbers"""
    ms: np.ndarray
    """(n,) milliseconds since midnight, UTC"""
    clock: np.ndarray
    """(n,) whether there is a time of day"""
    example: str
    dots: bool
    """whether the dates are written with dots"""


_LETTERS = str.maketrans({"ı": "i", "ł": "l", "ø": "o", "đ": "d", "ß": "ss", "æ": "ae"})


def plain(text: str) -> str:
    """Return a word in lower case, without accents."""
    text = unicodedata.normalize("NFKD", text.strip().lower().translate(_LETTERS))
    return "".join(letter for letter in text if not unicodedata.combining(letter))


def month_number(word: str) -> int:
    """Return the month that a word or number names, 0 for none."""
    if word.isdigit():
        return int(word)
    word = plain(word).rstrip(".")
    return next((MONTHS[word[:size]] for size in (len(word), 4, 3) if word[:size] in MONTHS), 0)


def clock_ms(found: re.Match) -> float:
    """Return milliseconds since midnight that a match of a time of day says, NaN for an impossible one."""
    groups = found.groupdict()
    hour = groups.get("h") or groups.get("h2") or groups.get("h3")
    if hour is None:
        return 0.0
    minute = groups.get("mi") or groups.get("mi2") or groups.get("mi3")
    second = groups.get("s") or groups.get("s2") or groups.get("s3") or "0"
    hours, minutes, seconds = int(hour), int(minute), float(second.replace(",", ".").replace(":", "."))
    if groups.get("half"):
        if not 1 <= hours <= 12:
            return float("nan")
        hours = hours % 12 + (12 if groups["half"][0] in "pP" else 0)
    if hours > 24 or minutes > 60 or seconds > 61:  # some programs round to 60 s
        return float("nan")
    if groups.get("sign"):
        ahead = 60 * int(groups["zh"]) + int(groups["zm"] or 0)
        minutes -= ahead if groups["sign"] == "+" else -ahead
    return float(round(1000 * (3600 * hours + 60 * minutes + seconds)))


def parse(texts: Sequence[str]) -> Parsed:
    """Read texts one by one; patterns that fitted the last one are tried first."""
    count = len(texts)
    a, b, c, kinds, ms = (np.zeros(count) for _ in range(5))
    clock = np.zeros(count, bool)
    patterns, example, dots = list(_PATTERNS), "", False
    for number, text in enumerate(texts):
        text = _WEEKDAY.sub("", text)
        for at, (kind, pattern) in enumerate(patterns):
            found = pattern.fullmatch(text)
            if not found:
                continue
            fields = found.groupdict()
            if kind == 0:  # day of the year
                first = np.datetime64(f"{fields['y']}-01-01") + (int(fields["j"]) - 1)
                year, month, day = map(int, str(first).split("-"))
                kind = 1 if 1 <= int(fields["j"]) <= 366 else 0
                values = year, month, day
            else:
                month = month_number(fields["m"])
                values = int(fields["y"]), month, int(fields["d"])
                if kind == 2:  # 05-Jan-2019 says itself which is the month
                    values = (int(fields["d"]), month, values[0]) if fields["m"].isdigit() else values
                    kind = 2 if fields["m"].isdigit() else 1
                elif kind == 3 and not fields["m"].isdigit():  # 05-Jan-19
                    values, kind = (_century(int(fields["d"])), month, int(fields["y"])), 1
            if not month or (kind == 1 and not 1000 <= values[0] <= 2199):
                continue
            time_ms = clock_ms(found)
            if time_ms == time_ms:
                a[number], b[number], c[number] = values
                kinds[number], ms[number] = kind, time_ms
                clock[number] = any(fields.get(name) for name in ("h", "h2", "h3"))
                if kind > 1 and not example:
                    example, dots = text, "." in text.split(" ")[0]
            if at:
                patterns.insert(0, patterns.pop(at))
            break
    return Parsed(a, b, c, kinds.astype(int), ms.astype(np.int64), clock, example, dots)


def _century(year: int) -> int:
    now = int(str(np.datetime64("now", "Y")))
    return year + (1900 if year + 2000 > now else 2000) if year < 100 else year

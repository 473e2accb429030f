"""Times that are numbers: 20190105131110, seconds since 1970, decimal years, serial days of Excel and MATLAB.

A form holds for a whole column or not at all; of those that hold, the likely one is taken and said, or the column is
refused (`zoo.seismicity.catalogues.times.choose`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from zoo.errors import ZooError
from zoo.seismicity.catalogues.asked import Asked, choose
from zoo.seismicity.catalogues.parts import calendar, full_year

_NAT = np.datetime64("NaT", "ms")
_NUMBER = re.compile(r"[-+]?\d+(?:[.,]\d*)?(?:[eE][-+]?\d+)?")
_UNITS_MS = {"epoch": 1000.0, "epoch_ms": 1.0, "epoch_us": 1e-3, "epoch_ns": 1e-6}
_DAYS = {"excel": "1899-12-30", "mjd": "1858-11-17"}  # day 0
_JD_1970, _MATLAB_1970 = 2440587.5, 719529.0
COMPACT = (
    "yyyymmdd", "ddmmyyyy", "mmddyyyy", "yymmdd", "ddmmyy", "mmddyy", "yyyyddd", "yyyymmddHH", "yymmddHHMM",
    "yyyymmddHHMM", "yymmddHHMMSS", "yyyyddddHHMMSS", "yyyymmddHHMMSS", "yyyymmddHHMMSSss", "yyyymmddHHMMSSsss",
)  # fmt: skip
FORMS = (*_UNITS_MS, "decimal_year", "excel", "matlab", "jd", "mjd", *COMPACT)
"""What `--time-format` may say of a column of numbers."""
SINCE = re.compile(r"(days|hours|minutes|seconds|years)\s+since\s+(\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?)?)", re.I)
_SINCE_MS = {"days": 86.4e6, "hours": 3.6e6, "minutes": 6e4, "seconds": 1e3, "years": 365.25 * 86.4e6}
_SAID = {
    "epoch": "seconds since 1970", "epoch_ms": "milliseconds since 1970", "epoch_us": "microseconds since 1970",
    "epoch_ns": "nanoseconds since 1970", "decimal_year": "decimal years", "excel": "Excel's days since 1899-12-30",
    "matlab": "MATLAB's datenum", "jd": "Julian days", "mjd": "modified Julian days",
}  # fmt: skip


def are_numbers(texts: Sequence[str]) -> bool:
    """Return whether nine in ten texts that are not empty are numbers."""
    texts = [text for text in texts[:: max(1, len(texts) // 2000)] if text.strip()]
    return bool(texts) and sum(bool(_NUMBER.fullmatch(text)) for text in texts) >= 0.9 * len(texts)


def _whole_and_part(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return whole number, fraction and value (n,) of texts: a float alone cannot hold 20190105131110.711."""
    whole, part, value = np.zeros(len(texts), np.int64), np.zeros(len(texts)), np.full(len(texts), np.nan)
    for number, text in enumerate(texts):
        try:
            left, _, right = text.replace(",", ".").partition(".")
            if "e" in text or "E" in text:
                value[number] = float(text)
                whole[number] = int(value[number])
                part[number] = value[number] - whole[number]
                continue
            whole[number] = int(left)
            part[number] = float(f"0.{right}") if right else 0.0
            value[number] = whole[number] + (-part[number] if left.startswith("-") else part[number])
        except (ValueError, OverflowError):
            value[number] = np.nan
    return whole, part, value


def moments(texts: Sequence[str], asked: Asked) -> np.ndarray:
    """Return times (n,), datetime64[ms], of texts that are numbers.

    Raises:
        ZooError: if no form fits, or several.
    """
    whole, part, value = _whole_and_part(texts)
    example = next((text for text in texts if text), "")
    form = (asked.form or "").strip()
    since = SINCE.fullmatch(form)
    if since:
        start = np.datetime64(since[2].replace(" ", "T"), "ms")
        return _offset(start, value * _SINCE_MS[since[1].lower()])
    if form in COMPACT:
        made = _compact(form, whole, part, texts)
        if made is None or np.isnat(made).all():
            raise ZooError(f"{asked.where}: no time reads as --time-format {form}; the first is {example!r}.")
        return made
    if form.lower() in FORMS:
        return _of(form.lower(), whole, part, value)
    good = np.isfinite(value)
    name = re.sub(r"[^a-z]", "", asked.name.lower())
    likely = _likely(value[good], part[good], name)
    readings = {}
    for each in COMPACT:
        made = _compact(each, whole, part, texts)
        if made is not None and np.isnat(made[good]).mean() <= 0.01:
            readings[each] = made
    orders = {"dmy": ("dd",), "mdy": ("mm",), "ymd": ("yy",)}.get(form.lower())
    if orders:
        readings = {each: made for each, made in readings.items() if each.startswith(orders)}
    short = np.max(whole[good], initial=0) < 100_000 and not any(
        text.startswith("0") for text in texts
    )  # five figures may be a serial day as well as a date
    if not readings or short or (len(readings) == 1 and good.sum() == 1 and likely):  # one number alone proves nothing
        readings |= {each: _of(each, whole, part, value) for each in likely}
    now = np.datetime64("now", "ms") + np.timedelta64(1, "D")
    readings = {each: made for each, made in readings.items() if not (made > now).any()}
    if not readings:
        raise ZooError(_no_form(asked, example, value[good]))
    # ddmmyyyy and the like are read only where the year cannot come first.
    first = {each: made for each, made in readings.items() if each.startswith("yyyy")}
    readings = first or readings
    chosen = next(iter(readings)) if len(readings) == 1 else choose(readings, asked, example, "times")
    if chosen in _SAID:
        asked.notes.append(f"times such as {example} were taken as {_SAID[chosen]}")
        if chosen == "excel" and (_of("mjd", whole, part, value)[good] <= now).all():
            asked.notes.append("they could also be modified Julian days (--time-format mjd)")
    elif not chosen.startswith("yyyymmdd"):
        asked.notes.append(f"times such as {example} were taken as {chosen}")
    return readings[chosen]


def _no_form(asked: Asked, example: str, value: np.ndarray) -> str:
    years = len(value) and ((value >= 1000) & (value <= 2200)).all()
    what = "are years without a date or a time of day" if years else "are in no form that is known for certain"
    return (
        f"{asked.where}: the times such as {example!r} {what}. Say which columns hold date and time of day "
        "(--columns date=NAME time=NAME, or year=, month=, day=, hour=, minute=, second=) or what the numbers count: "
        f'--time-format {", ".join(_SAID)}, or "days since 2019-01-01".'
    )


def _likely(value: np.ndarray, part: np.ndarray, name: str) -> list[str]:
    """Return the forms that count something and fit the size of the numbers, the likeliest alone where one is."""
    if not len(value):
        return []
    low, high, middle = np.min(value), np.max(value), float(np.median(np.abs(value)))
    year = int(str(np.datetime64("now", "Y")))
    if low >= 1000 and high < year + 1:
        return ["decimal_year"] if (part > 0).mean() > 0.5 else []
    if "mjd" in name and 1e4 < low and high < 1e5:
        return ["mjd"]
    if 1e4 < low and high < 1e5:
        return ["excel"] if high < 5e4 else ["mjd"]
    if 6.5e5 < low and high < 8e5:
        return ["matlab"]
    if 2.2e6 < low and high < 2.6e6:
        return ["jd"]
    epochs = any(word in name for word in ("epoch", "unix", "timestamp", "posix", "since"))
    # Numbers that start near 0 count from a start that the file does not say.
    if not epochs and (middle < 5e6 or (0 <= low and high < 1.5e8)):
        return []
    latest_ms = float(np.datetime64("now", "ms").astype(np.int64)) + 86.4e6
    for form, unit_ms in _UNITS_MS.items():  # the coarsest unit that fits: finer ones would put all near 1970
        if -4e12 < low * unit_ms and high * unit_ms <= latest_ms:
            return [form]
    return []


def _offset(start: np.datetime64, ms: np.ndarray) -> np.ndarray:
    fine = np.isfinite(ms) & (np.abs(ms) < 9e15)
    made = start + np.where(fine, np.round(ms), 0).astype("timedelta64[ms]")
    made[~fine] = _NAT
    return made


def _of(form: str, whole: np.ndarray, part: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Return times (n,) of numbers that count something."""
    epoch = np.datetime64("1970-01-01", "ms")
    if form == "epoch_ns":  # a float cannot hold it
        made = whole // 1_000_000
        made = epoch + made.astype("timedelta64[ms]")
        made[~np.isfinite(value)] = _NAT
        return made
    if form in _UNITS_MS:
        return _offset(epoch, value * _UNITS_MS[form])
    if form in _DAYS:
        return _offset(np.datetime64(_DAYS[form], "ms"), value * 86.4e6)
    if form in ("jd", "matlab"):
        return _offset(epoch, (value - (_JD_1970 if form == "jd" else _MATLAB_1970)) * 86.4e6)
    good = np.isfinite(value) & (whole >= 1000) & (whole < 2200)
    year = np.where(good, whole, 1970).astype(np.int64)
    start = (year - 1970).astype("datetime64[Y]").astype("datetime64[ms]")
    length = (year - 1969).astype("datetime64[Y]").astype("datetime64[ms]") - start
    made = start + np.round(part * length.astype(np.int64)).astype("timedelta64[ms]")
    made[~good] = _NAT
    return made


def _compact(form: str, whole: np.ndarray, part: np.ndarray, texts: Sequence[str]) -> np.ndarray | None:
    """Return times (n,) of numbers whose digits are a date, None where they have the wrong number of digits."""
    fields = re.findall(r"yyyy|yy|mm|dddd|ddd|dd|HH|MM|sss|ss|SS", form)
    if form == "yyyyddddHHMMSS":
        fields = ["yyyy", "ddd", "HH", "MM", "SS"]
    digits = sum(map(len, fields))
    short = fields[0] in ("yy", "dd", "mm")
    if fields[-1] in ("yy", "yyyy", "dd") and fields[0] != "yyyy" and (part > 0).mean() > 0.5:
        return None  # a date of six figures with a fraction is a serial day
    top = whole.max(initial=0)
    # Years before 2010 lose the 0 of their two digits, days and months that of theirs.
    if (whole < 0).any() or top >= 10**digits or top < 10 ** (digits - 1) / (10 if short else 1):
        return None
    if not short and np.median(whole) < 10 ** (digits - 1):
        return None
    rest, got = whole.copy(), {}
    for each in reversed(fields):
        rest, got[each] = np.divmod(rest, 10 ** len(each))
    year = got["yyyy"] if "yyyy" in got else full_year(got["yy"].astype(float), Asked())
    if "ddd" in got:
        made = calendar(year, np.ones(len(year)), np.ones(len(year)))
        bad = (got["ddd"] < 1) | (got["ddd"] > 366)
        made = made + (got["ddd"] - 1) * np.timedelta64(86_400_000, "ms")
        made[bad] = _NAT
    else:
        made = calendar(year, got["mm"], got["dd"])
    hour, minute, second = (got.get(each, np.zeros(len(year), int)) for each in ("HH", "MM", "SS"))
    made[(hour > 24) | (minute > 60) | (second > 61)] = _NAT
    last_ms = {"HH": 3.6e6, "MM": 6e4, "SS": 1e3, "ss": 10.0, "sss": 1.0}.get(fields[-1], 86.4e6)
    ms = 3_600_000 * hour + 60_000 * minute + 1000 * second + 10 * got.get("ss", 0) + got.get("sss", 0)
    ms = np.round(ms + part * last_ms).astype(np.int64)
    made = made + ms.astype("timedelta64[ms]")
    made[np.array([not text for text in texts])] = _NAT
    return made


def clocks(texts: Sequence[str], asked: Asked) -> np.ndarray:
    """Return milliseconds since midnight (n,) of 1311, 131110, 131110.71 or 13111071, NaN for what is none.

    Raises:
        ZooError: if the numbers are no times of day.
    """
    whole, part, value = _whole_and_part(texts)
    good = np.isfinite(value)
    top = whole[good].max(initial=0)
    name = re.sub(r"[^a-z]", "", asked.name.lower())
    if good.any() and value[good].min() >= 0 and value[good].max() < 1 and (part[good] > 0).mean() > 0.5:
        asked.notes.append("times of day between 0 and 1 were taken as parts of a day, as spreadsheets keep them")
        return np.where(good, part * 86.4e6, np.nan)
    if top <= 24 and not (part[good] > 0).any():
        hour, minute, second = whole, 0 * whole, 0 * part
    elif top <= 24 and ("hour" in name or "stunde" in name) and (part[good] > 0).any():
        hour, minute, second = whole, 0 * whole, part * 3600
    elif top < 2401 and not (part[good] > 0).any():
        hour, minute, second = whole // 100, whole % 100, 0 * part
    elif 2400 < top < 240_001:
        hour, minute, second = whole // 10_000, whole // 100 % 100, whole % 100 + part
    elif 240_000 < top < 24_000_001:
        hour, minute, second = whole // 1_000_000, whole // 10_000 % 100, whole % 10_000 / 100
    elif 24_000_000 < top < 240_000_001:
        hour, minute, second = whole // 10_000_000, whole // 100_000 % 100, whole % 100_000 / 1000
    else:
        hour = np.full(len(whole), 99)
        minute, second = hour, hour
    bad = ~good | (hour > 24) | (minute > 60) | (second > 61)
    if "hour" in name and hour is whole:
        bad = ~good | (hour > 24)
    if bad[good].mean() > 0.01 if good.any() else True:
        raise ZooError(
            f"{asked.where}: the times of day such as {next((t for t in texts if t), '')!r} are in no form that is "
            "known. Expected 13:11:10.7, 1:11:10 PM, 1311, 131110.7 or 13111070; or say --time-format, with the codes "
            "of date and time of day, such as '%Y-%m-%d %H.%M'."
        )
    return np.where(bad, np.nan, 1000.0 * (3600.0 * hour + 60.0 * minute + second))

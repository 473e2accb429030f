"""What names say: the kind of wave and the period, in the name of a file, a column or a comment."""

from __future__ import annotations

import re
from collections.abc import Sequence

_LOVE = {"love", "lov", "lht", "l", "lg", "lu", "lc", "lp", "lr", "lph", "lgr", "toroidal"}
_RAYLEIGH = {"rayleigh", "rayl", "lhz", "r", "rg", "ru", "rc", "rp", "rph", "rgr"}
_GROUP = {"group", "grp", "gv", "gvel", "ugr", "rg", "lg", "ru", "lu", "u", "rgr", "lgr", "groupvel", "groupvelocity"}
_PHASE = {"phase", "phv", "ph", "pvel", "phvel", "rc", "lc", "rp", "lp", "c", "rph", "lph", "phasevel", "phasevelocity"}
_DISPERSION = {"period", "periods", "disp", "dispersion", "phasevmod"}


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower()))


def kind_of(*texts: str) -> str | None:
    """Return the kind of wave that the first telling text names, None if none does.

    Love or Rayleigh alone means phase velocities; group or phase alone means Rayleigh waves.

    >>> kind_of("RG_20"), kind_of("L_10s"), kind_of("love_group_velocity"), kind_of("map")
    ('rayleigh_group', 'love_phase', 'love_group', None)
    """
    wave = velocity = None
    for text in texts:
        words = _words(text)
        wave = wave or ("love" if words & _LOVE else "rayleigh" if words & _RAYLEIGH else None)
        velocity = velocity or ("group" if words & _GROUP else "phase" if words & _PHASE else None)
    if wave is None and velocity is None:
        return None
    return f"{wave or 'rayleigh'}_{velocity or 'phase'}"


def says_dispersion(*texts: str) -> bool:
    """Return whether texts say that velocities go with periods, and not with depths."""
    return any(_words(text) & _DISPERSION for text in texts) or kind_of(*texts) is not None


def says_depth(*texts: str) -> bool:
    """Return whether texts speak of a model of shear velocity by depth."""
    return any(_words(text) & {"vs", "vsv", "vsh", "depth", "depths", "dep", "model", "mod"} for text in texts)


def varying_numbers(names: Sequence[str]) -> list[float] | None:
    """Return the number in which several names differ, for each of them; None if there is not exactly one.

    >>> varying_numbers(["helmholtz_stack_LHZ_40.xyz", "helmholtz_stack_LHZ_60.xyz"])
    [40.0, 60.0]
    >>> varying_numbers(["20.1", "30.1"])
    [20.0, 30.0]
    """
    for pattern in (r"\d+(?:[.p]\d+)?", r"\d+"):
        found = [re.findall(pattern, name) for name in names]
        if len({len(numbers) for numbers in found}) != 1 or len({re.sub(pattern, "#", name) for name in names}) != 1:
            continue
        columns = [column for column in zip(*found, strict=True) if len(set(column)) > 1]
        if len(columns) != 1:
            continue
        ends = {text.split(".")[1] if "." in text else "" for text in columns[0]}
        if len(ends) == 1 and ends != {""} and pattern != r"\d+":
            continue  # 20.1, 30.1: the part behind the point is another number
        values = [float(text.replace("p", ".")) for text in columns[0]]
        return values if len(set(values)) == len(values) else None
    return None


def stated_in_comments(comments: Sequence[str], what: str) -> float | None:
    """Return a number that comments state, such as `PERIOD: 10` or `PVELREF: 3.19`; None if none does.

    Args:
        comments: lines.
        what: "period" or "reference".
    """
    pattern = {
        "period": r"(?i)\bper(?:iod)?\b[^0-9\n]{0,16}?([0-9]+(?:\.[0-9]+)?)",
        "reference": r"(?i)\b(?:[pgcu]?vel_?ref|ref\w*(?:[ _]\w+){0,3})\b[^0-9\n]{0,12}?([0-9]+(?:\.[0-9]+)?)",
    }[what]
    for comment in comments:
        found = re.search(pattern, comment)
        if found:
            return float(found.group(1))
    return None

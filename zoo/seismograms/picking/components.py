"""Which channel is the vertical, which are the horizontals: the names of the field, and what a user says of them.

| letters of an instrument | Z, N, E |
|---|---|
| Z N E | as they are |
| Z with 1 2, or 2 3 | the horizontals unrotated |
| Z with R T | rotated where all traces state one back-azimuth (`stats.back_azimuth`, or SAC's `baz`), else unrotated |
| Z with X Y, or L T | the horizontals unrotated |
| U or V for Z; D (positive down) for Z | likewise; D changes its sign |
| U V W, or A B C, all three | a symmetric triaxial sensor (Galperin), rotated; the horizontals' azimuths are nominal |
| 1 2 3, and no other digit | 1 is the vertical, 2 and 3 the horizontals, unrotated |
| DP2 DP3 DP4 without DP1 and DPZ (nodes; GP too) | Z N E |
| UD NS EW (K-NET); UD1 NS1 EW1, UD2 NS2 EW2 (KiK-net: borehole, surface) | Z N E of one, or of two instruments |

Never a vertical: 1 without 2 and 3 or beside 0 or 4, 0, any horizontal. Left out: hydrophones (H), and channels whose
instrument code is not that of a seismometer (pressure D, magnetometer F, mass position M, tilt A, temperature K, strain
S ...). Upper and lower case are the same. What a user says (`components`) goes before all of this.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from zoo.errors import UsageError

if TYPE_CHECKING:
    from obspy import Trace

COMPONENTS = "ZNE"
_JAPANESE = re.compile(r"(UD|NS|EW)([12]?)")
_JAPANESE_LETTERS = {"UD": "Z", "NS": "N", "EW": "E"}
_NODES = re.compile(r"[DG]P")
_NO_SEISMOMETER = "ACDFIKMOQRSVW"  # instrument codes (second of three letters) of SEED
_TRIAXIAL = ("UVW", "ABC")
_VERTICALS = "ZUVD"
_HORIZONTALS = ("NE", "12", "23", "RT", "XY", "LT")
_GALPERIN = np.array([[2, 2, 2], [0, np.sqrt(6), -np.sqrt(6)], [2 * np.sqrt(2), -np.sqrt(2), -np.sqrt(2)]]) / (
    2 * np.sqrt(3)
)
"""Rows Z, N, E from three axes at 54.7 degrees to the vertical, the first of them to the east."""


class Roles(NamedTuple):
    """Which letter of an instrument is which component."""

    letters: dict[str, str]
    """By component (Z, N, E): the letter."""
    turn: str
    """What becomes of the components: "" nothing, "galperin", "radial" (R T), "down" (the vertical changes sign)."""
    note: str
    """What a user should know: a sentence, or nothing."""


def components_of(given: Mapping[str, str] | str | None) -> dict[str, str]:
    """Return what a user says of channels: codes or last letters in capitals, and the component each one is.

    >>> components_of("UD=Z,NS=N,EW=E")
    {'UD': 'Z', 'NS': 'N', 'EW': 'E'}

    Raises:
        UsageError: if a text does not look like this, or a component is not Z, N or E.
    """
    if isinstance(given, str):
        pairs = [part.partition("=") for part in given.split(",")]
        if not all(sign for _, sign, _ in pairs):
            raise UsageError(f"Components look like UD=Z,NS=N,EW=E; received {given!r}.")
        given = {code: component for code, _, component in pairs}
    said = {code.strip().upper(): component.strip().upper() for code, component in (given or {}).items()}
    for code, component in said.items():
        if len(component) != 1 or component not in COMPONENTS:
            raise UsageError(f"Component {code or 'of channels without a code'} is {component!r}; expected Z, N or E.")
    return said


def parse(code: str, said: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the instrument's part of a channel code, and the letter of the component; None if it is left out.

    >>> parse("HHZ", {}), parse("UD2", {}), parse("EDH", {}), parse("0", {"0": "Z"})
    (('HH', 'Z'), ('2', 'Z'), None, ('', 'Z'))
    """
    code = code.strip().upper()
    japanese = _JAPANESE.fullmatch(code)
    component = said.get(code, said.get(code[-1:]))
    if japanese:
        return japanese[2], component or _JAPANESE_LETTERS[japanese[1]]
    if component:
        return code[:-1] if len(code) != 2 or code[1:] in said else "", component
    if not code or code[-1] == "H" or (len(code) == 3 and code[1] in _NO_SEISMOMETER):
        return None
    return code[:-1], code[-1]


def is_accelerometer(band: str, channel: str) -> bool:
    """Return whether codes are those of an accelerometer: ?N? of SEED, K-NET's and KiK-net's."""
    return band[1:] == "N" or bool(_JAPANESE.fullmatch(channel.strip().upper()))


def roles(letters: set[str], band: str = "") -> Roles | None:
    """Return which letters of an instrument are its components; None if it has no vertical.

    >>> roles({"Z", "1", "2"}).letters
    {'Z': 'Z', 'N': '1', 'E': '2'}
    >>> roles({"1", "2"}) is None
    True
    """
    if "Z" not in letters:
        for axes in _TRIAXIAL:
            if set(axes) <= letters:
                text = (
                    f"components {axes} are taken for the axes of a symmetric triaxial sensor and rotated to Z, N, E."
                )
                return Roles(dict(zip(COMPONENTS, axes, strict=True)), "galperin", text)
    vertical = next((letter for letter in _VERTICALS if letter in letters), None)
    if vertical is None and _NODES.fullmatch(band) and "1" not in letters and {"2", "4"} <= letters:
        found = {component: letter for component, letter in zip(COMPONENTS, "234", strict=True) if letter in letters}
        return Roles(found, "", "components 234 of a node are taken for Z, N, E.")
    if vertical is None:
        if {letter for letter in letters if letter.isdigit()} != set("123"):  # a recorder's channels 0 to 5 are not it
            return None
        vertical = "1"
    others = letters - {vertical}
    pairs = ["23"] if vertical == "1" else _HORIZONTALS
    best = max(pairs, key=lambda pair: len(set(pair) & others))  # the first of those with most
    found = {"Z": vertical} | {c: letter for c, letter in zip("NE", best, strict=True) if letter in others}
    turn = "radial" if best == "RT" and set("RT") <= others else "down" if vertical == "D" else ""
    note = ""
    if vertical != "Z" or best != "NE" and len(found) > 1:
        names = "".join(sorted(found.values()))
        note = f"components {names} are taken for Z, N, E as they are, unrotated."
        if vertical == "D":
            note += " D is taken to be positive downwards."
    return Roles(found, turn, note)


def matrix_of(turn: str, parts: Mapping[str, Sequence[Trace]]) -> np.ndarray | None:
    """Return the matrix (3, 3) that makes Z, N, E of the components of an instrument; None if they stay as they are.

    Args:
        turn: as in `Roles`.
        parts: traces by component.
    """
    if turn == "galperin":
        return _GALPERIN
    if turn == "down":
        return np.diag([-1.0, 1.0, 1.0])
    if turn == "radial":
        azimuths = {_back_azimuth(trace) for component in "NE" for trace in parts[component]}
        if len(azimuths) == 1 and None not in azimuths:
            from obspy.signal.rotate import rotate_rt_ne

            north, east = rotate_rt_ne(np.array([1.0, 0.0]), np.array([0.0, 1.0]), azimuths.pop())
            return np.vstack([[1, 0, 0], [0, *north], [0, *east]])
    return None


def _back_azimuth(trace: Trace) -> float | None:
    """Return the back-azimuth (degrees) that a trace states."""
    stats = trace.stats
    value = stats.get("back_azimuth", stats.get("sac", {}).get("baz"))
    return None if value is None or not 0 <= float(value) <= 360 else float(value)

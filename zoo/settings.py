"""What `zoo prepare DATASET/NAME --set key=value` says, as values: each parser takes the key and the text.

All raise `UsageError` for a text that is not meant.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from zoo.errors import UsageError, did_you_mean

Parser = Callable[[str, str], Any]


def parse(dataset: str, settings: Mapping[str, Any], parsers: Mapping[str, Parser]) -> dict[str, Any]:
    """Return the values of settings, by key.

    Args:
        dataset: its name, for errors.
        settings: texts by key.
        parsers: of the keys that there are.
    """
    for key in settings:
        if key not in parsers:
            raise UsageError(f"{dataset} has no setting {key!r}.{did_you_mean(key, parsers)}")
    return {key: parsers[key](key, str(text)) for key, text in settings.items()}


def one_of(choices: Sequence[str]) -> Parser:
    """Return a parser of one of the choices."""

    def parser(key: str, text: str) -> str:
        if text not in choices:
            raise UsageError(f"{key} knows no {text!r}.{did_you_mean(text, choices)}")
        return text

    return parser


def some_of(choices: Sequence[str]) -> Parser:
    """Return a parser of a comma list of choices; the value has them in the order of the choices."""

    def parser(key: str, text: str) -> tuple[str, ...]:
        asked = [one_of(choices)(key, name.strip()) for name in text.split(",")]
        return tuple(choice for choice in choices if choice in asked)

    return parser


def real(low: float, high: float) -> Parser:
    """Return a parser of a number from `low` to `high`."""

    def parser(key: str, text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise UsageError(f"{key} takes a number from {low:g} to {high:g}; received {text!r}.")
        return value

    return parser


def whole(low: int) -> Parser:
    """Return a parser of a whole number from `low`."""

    def parser(key: str, text: str) -> int:
        if not (text.isascii() and text.isdecimal() and int(text) >= low):
            raise UsageError(f"{key} takes a whole number from {low}; received {text!r}.")
        return int(text)

    return parser


def flag(key: str, text: str) -> bool:
    """Return whether a text says `true`."""
    return one_of(("true", "false"))(key, text.lower()) == "true"

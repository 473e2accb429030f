"""What can be set, in one form for recipes, datasets, inversions and experiments.

A `Setting` says what it is set to by default, what it means, in which unit, within which limits, and where it comes
from. It reads the text of `--set key=value`, writes a row of `zoo info`, and gives its JSON schema:

>>> latent = Setting(5, "dimension of the code", "section 2.2.6", low=1)
>>> latent.read("latent", "8")
8
>>> read("cvae_emulator", {"latent": latent}, {"laten": "8"})
Traceback (most recent call last):
zoo.errors.UsageError: cvae_emulator has no setting 'laten'. Did you mean latent?
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.errors import UsageError, did_you_mean

_KINDS = ("flag", "whole", "number", "text", "file", "folder")
_SCHEMA = {"flag": "boolean", "whole": "integer", "number": "number"}


@dataclass(frozen=True)
class Setting:
    """One thing that can be set.

    Raises:
        ValueError: if it says neither what it means nor where it comes from, or its default is not allowed.
    """

    default: Any
    """A flag, a number, a text, None, or a sequence of them."""
    meaning: str
    """What it is, in a few words."""
    source: str
    """Section, equation or table of the paper; or "ours" and why."""
    unit: str = ""
    """"km/s", "Hz" ...; empty for what has none."""
    low: float = -math.inf
    high: float = math.inf
    """Limits of each number, both allowed."""
    choices: Sequence[str] = ()
    """What a text, or each of several, may be; empty: anything."""
    kind: str = ""
    """flag, whole, number, text, file or folder; by default that of `default`, or of its first item."""
    several: bool | None = None
    """Whether it is a sequence; by default whether `default` is."""
    separator: str = ","
    """Between the items of a sequence, as text."""
    length: int = 0
    """How many items a sequence has; 0: any number."""
    optional: bool = False
    """Whether it may be None, `none` as text."""
    reader: Callable[[str, str], Any] | None = None
    """reader(key, text) -> value, for a form of its own; raises UsageError."""

    def __post_init__(self):
        if not self.meaning or not self.source:
            raise ValueError(f"A setting says what it means and where it comes from; this one, {self}, does not.")
        items = self.default if isinstance(self.default, (list, tuple)) else [self.default]
        if self.several is None:
            object.__setattr__(self, "several", isinstance(self.default, (list, tuple)))
        if not self.kind:
            object.__setattr__(self, "kind", _kind_of(items[0] if items else 0.0))
        if self.kind not in _KINDS:
            raise ValueError(f"A setting is a {', '.join(_KINDS)}; received {self.kind!r}.")
        if self.default is None and not self.optional:
            raise ValueError(f"The default is None, but the setting is not optional: {self}.")
        try:
            if not self.reader:
                self.read("The default", self.default)
        except UsageError as error:
            raise ValueError(str(error)) from error

    def read(self, key: str, value: Any) -> Any:
        """Return the value of a text (or a value of the right type, or several), checked.

        Args:
            key: name of the setting, for errors.
            value: text as on the command line, or a value.

        Raises:
            UsageError: if it is of another type, outside the limits, or not one of the choices.
        """
        if value is None or (self.optional and isinstance(value, str) and value.lower() == "none"):
            if self.optional:
                return None
            raise self._refusal(key, value)
        if self.reader:
            return self.reader(key, value) if isinstance(value, str) else value
        if not self.several:
            return self._item(key, value, value)
        parts = value
        if isinstance(value, str):
            parts = [part.strip() for part in value.split(self.separator) if part.strip()]
        if not isinstance(parts, Sequence) or self.length and len(parts) not in (0, self.length):
            raise self._refusal(key, value)
        if not parts and self.default and (self.length or self.choices):  # none of the choices is no choice
            raise self._refusal(key, value)
        read = [self._item(key, part, value) for part in parts]
        return tuple(read) if isinstance(self.default, tuple) or self.default is None else read

    def _item(self, key: str, value: Any, received: Any) -> Any:
        if self.kind == "flag":
            said = {"true": True, "1": True, "false": False, "0": False}.get(str(value).lower())
            if said is None:
                raise self._refusal(key, received)
            return said
        if self.kind in ("whole", "number"):
            return self._number(key, value, received)
        if not isinstance(value, str):
            raise self._refusal(key, received)
        if self.choices and value not in self.choices:
            raise UsageError(f"{key} knows no {value!r}.{did_you_mean(value, self.choices)}")
        if value and self.kind in ("file", "folder"):
            return _existing(key, value, self.kind)
        return value

    def _number(self, key: str, value: Any, received: Any) -> int | float:
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise self._refusal(key, received) from None
        whole = self.kind == "whole"
        if isinstance(value, bool) or not math.isfinite(number) or not self.low <= number <= self.high:
            raise self._refusal(key, received)
        if whole and number != int(number):
            raise self._refusal(key, received)
        return int(number) if whole else number

    def _refusal(self, key: str, received: Any) -> UsageError:
        return UsageError(f"{key} takes {self.form}; received {received!r}.")

    @property
    def form(self) -> str:
        """What it takes, in words: "a whole number from 1", "numbers in Hz, with ',' between them" ..."""
        words = {"flag": "true or false", "whole": "a whole number", "number": "a number", "text": "a text"}
        one = words.get(self.kind, f"the path of a {self.kind}")
        if self.choices:
            one = f"one {'or more ' if self.several else ''}of {', '.join(self.choices)}"
        limits = f" from {self.low:g}" if math.isfinite(self.low) else ""
        limits += f"{' up' if not limits else ''} to {self.high:g}" if math.isfinite(self.high) else ""
        unit = f" in {self.unit}" if self.unit else ""
        if self.several:
            many = {"a whole number": "whole numbers", "a number": "numbers", "a text": "texts"}
            count = f"{self.length} " if self.length else ""
            one = f"{count}{many.get(one, one)}, with {self.separator!r} between them"
        return f"{one}{unit}{limits}{' or none' if self.optional else ''}"

    @property
    def unit_in_words(self) -> str:
        """The unit; "1" for a number without, else what it is."""
        if self.unit or self.kind in ("whole", "number"):
            return self.unit or "1"
        return "true or false" if self.kind == "flag" else self.kind

    @property
    def default_as_text(self) -> str:
        """The default as `--set` takes it."""
        if isinstance(self.default, (list, tuple)):
            return self.separator.join(str(item) for item in self.default)
        return str(self.default).lower() if self.default is None or self.kind == "flag" else str(self.default)

    def described(self) -> dict[str, str]:
        """Return the row of a table: default, unit, takes, meaning, source."""
        return {
            "default": self.default_as_text,
            "unit": self.unit_in_words,
            "takes": self.form,
            "meaning": self.meaning,
            "source": self.source,
        }

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema."""
        one: dict[str, Any] = {"type": _SCHEMA.get(self.kind, "string")}
        one |= {"minimum": self.low} if math.isfinite(self.low) else {}
        one |= {"maximum": self.high} if math.isfinite(self.high) else {}
        one |= {"enum": list(self.choices)} if self.choices else {}
        if self.several:
            one = {"type": "array", "items": one}
            one |= {"minItems": self.length, "maxItems": self.length} if self.length else {}
        if self.reader:
            one = {"type": ["string", "array", "number"]}
        default = list(self.default) if isinstance(self.default, tuple) else self.default
        if self.optional:
            one = {"anyOf": [one, {"type": "null"}]}
        about = f"{self.meaning} [{self.unit_in_words}]. {self.source}"
        return {**one, "default": default, "description": about}


Settings = Mapping[str, Setting]


def read(what: str, settings: Settings, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the settings that are given, by key.

    Args:
        what: name of the recipe or dataset, for errors.
        settings: those there are.
        given: values or texts by key.

    Raises:
        UsageError: if there is no such setting, or a value is not meant.
    """
    for key in given:
        if key not in settings:
            raise UsageError(f"{what} has no setting {key!r}.{did_you_mean(key, settings)}")
    return {key: settings[key].read(key, value) for key, value in given.items()}


def defaults(settings: Settings) -> dict[str, Any]:
    """Return the default of every setting."""
    return {key: setting.default for key, setting in settings.items()}


def changed(settings: Settings, **values: Any) -> dict[str, Setting]:
    """Return settings with other defaults: those of a recipe that shares them with others."""
    import dataclasses

    unknown = [key for key in values if key not in settings]
    if unknown:
        raise ValueError(f"There is no setting {unknown[0]!r}.{did_you_mean(unknown[0], settings)}")
    return {k: dataclasses.replace(s, default=values[k]) if k in values else s for k, s in settings.items()}


def table(settings: Settings) -> list[dict[str, str]]:
    """Return a row for each setting: setting, default, unit, takes, meaning, source."""
    return [{"setting": key, **setting.described()} for key, setting in settings.items()]


def schema(what: str, settings: Settings) -> dict[str, Any]:
    """Return the JSON schema of an object of these settings."""
    properties = {key: setting.schema() for key, setting in settings.items()}
    return {"title": what, "type": "object", "properties": properties, "additionalProperties": False}


def _kind_of(value: Any) -> str:
    for kind, types in (("flag", bool), ("whole", int), ("number", float), ("text", str)):
        if isinstance(value, types):
            return kind
    return "text"


def _existing(key: str, text: str, kind: str) -> str:
    path = Path(text).expanduser().resolve()
    if not (path.is_file() if kind == "file" else path.is_dir()):
        raise UsageError(f"{key}={text}: there is no such {kind} ({path}).")
    return str(path)

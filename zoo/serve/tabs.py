"""The tabs: which command each asks, which of its options it offers, and how a form becomes the command's arguments.

An option's help, choices and default are those of the command's own parser, a setting's those of its `Setting`: a tab
only names them. What a browser sends is never taken as a path: files are named by the server, models are chosen from a
list, and a text that a command might read as an option is refused.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from zoo.errors import UsageError

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_LONGEST_TEXT = 200
SET = "set."
"""What the name of a setting's field begins with."""


@dataclass(frozen=True)
class Tab:
    """A form for a command.

    Attributes:
        name: of the tab, in its address.
        title: what it is called.
        system: which of the zoo's systems it belongs to.
        command: as it is typed.
        question: that it answers.
        files: argument -> what to drop there; the first is needed.
        options: those of the command that the form offers, beside the files.
        answering: questions (`zoo list`) of the models that may be chosen, where the command takes one.
        texts: option -> pattern that a text must have; others take letters, digits and `_.,:=+%/ -` but no path.
        example: what is shipped to try it: a sentence.
        makes: function of a folder that writes the example: "module:function", which returns argument -> files.
        set_on_example: options that go with the example.
    """

    name: str
    title: str
    system: str
    command: str
    question: str
    files: Mapping[str, str]
    options: Sequence[str]
    example: str
    makes: str
    answering: Sequence[str] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    set_on_example: Mapping[str, str] = field(default_factory=dict)

    @property
    def needed(self) -> list[str]:
        """Arguments without which the command does not run."""
        return [action.dest for action in actions(self.command) if action.dest in self.files and _is_needed(action)]


TABS = {
    tab.name: tab
    for tab in (
        Tab(
            "picks",
            "Phase picks",
            "seismograms",
            "annotate",
            "Where do P and S arrive? Earthquake, explosion or noise?",
            {"files": "miniSEED, SAC, or any file that ObsPy reads; several", "inventory": "StationXML"},
            ("model", "threshold", "false_per_hour", "overlap", "max_gap_s", "components", "origin_time"),
            "six real records of earthquakes in southern California (STEAD)",
            "zoo.serve.examples:records",
            ("seismograms.picks", "seismograms.class", "seismograms.event_class", "seismograms.arrival"),
        ),
        Tab(
            "catalogue",
            "Catalogue",
            "seismograms",
            "catalogue",
            "Which events were there, where, and how large?",
            {
                "what": "picks (CSV, QuakeML, .obs) or waveforms; several",
                "stations": "StationXML, CSV ...",
                "velocity_model": "CSV: depth_km, vp_km_s, vs_km_s",
            },
            ("relative", "associated", "linear", "vp_vs", "pages"),
            "two hours of real picks of the 2016 Central Italy sequence",
            "zoo.serve.examples:picks",
        ),
        Tab(
            "locate",
            "Location",
            "microseismic",
            "locate",
            "Where did an event happen?",
            {
                "traces": "npz, or a file that ObsPy reads; by arrivals also picks",
                "receivers": "CSV: station, x_km, y_km, z_km",
                "velocity_model": "npz, by arrivals: the earth",
            },
            ("by", "model", "noise_sd", "origin_time", "velocity_error", "clock_error_ms", "gain_error", "strength")
            + ("pulse", "likelihood", "pick_sd", "pulse_sigma", "seed"),
            "synthetic traces of one event at four receivers",
            "zoo.serve.examples:traces",
            ("microseismic.traces",),
        ),
        Tab(
            "mechanism",
            "Mechanism",
            "microseismic",
            "mechanism",
            "What kind of source was it?",
            {"traces": "npz, or a file that ObsPy reads", "receivers": "CSV: station, x_km, y_km, z_km"},
            (
                "model",
                "noise_sd",
                "origin_time",
                "constraint",
                "velocity_error",
                "clock_error_ms",
                "gain_error",
                "seed",
            ),
            "synthetic traces of a double couple at four receivers",
            "zoo.serve.examples:mechanism_traces",
            ("microseismic.greens_functions",),
        ),
        Tab(
            "crust",
            "Crust",
            "crust",
            "crust",
            "How thick is the crust?",
            {
                "map": "table of velocities by point and period, or one curve",
                "compare": "table: a known thickness",
                "prior": "table: its thickness around the map is the prior",
            },
            ("model", "kind", "order", "smoothness", "correlation", "profile", "noise"),
            "real phase velocities below Yunnan",
            "zoo.serve.examples:velocities",
            ("crust.thickness",),
            set_on_example={"smoothness": "100"},
        ),
        Tab(
            "fwi",
            "Full-waveform inversion",
            "fwi",
            "fwi",
            "Which velocities explain these shots?",
            {
                "shots": "SEG-Y, Seismic Unix or npz; several",
                "start": "first guess: npz, segy, nc",
                "geometry": "CSV, where the shots have none",
                "true": "the true model, to measure the error",
            },
            ("corner", "aperture_m", "datum_m", "wavelet", "density"),
            "six synthetic shots over folds and salt, and a smooth start",
            "zoo.serve.examples:shots",
            texts={"wavelet": r"ricker:\d+(\.\d+)?", "density": "gardner"},
            set_on_example={"wavelet": "ricker:6", "set.iterations": "8"},
        ),
        Tab(
            "seismicity",
            "Seismicity",
            "seismicity",
            "seismicity",
            "When and where was seismicity anomalous?",
            {"catalogue": "CSV, GeoJSON, QuakeML ...", "manual": "CSV: start, end of periods marked by hand"},
            ("model", "method", "columns", "time_format", "year", "epsg", "region", "pixel_km", "window", "stride")
            + ("completeness", "false_alarms", "no_movie"),
            "a synthetic catalogue of 240 days with a swarm, a burst and a mainshock",
            "zoo.serve.examples:catalogue",
            ("seismicity.anomaly",),
            set_on_example={"window": "3", "completeness": "none", "false_alarms": "0.5", "no_movie": "on"},
        ),
    )
}
"""Name -> tab."""


@lru_cache
def actions(command: str) -> tuple[argparse.Action, ...]:
    """Return the arguments of a command."""
    from zoo.cli import command_parser

    (commands,) = command_parser()._subparsers._group_actions
    return tuple(commands.choices[command]._actions)


def action(tab: Tab, name: str) -> argparse.Action:
    """Return an argument of a tab's command."""
    return next(found for found in actions(tab.command) if found.dest == name)


def settings(tab: Tab) -> dict[str, Any]:
    """Return what the command's `--set` takes and a form may send: all but files and folders."""
    from zoo.cli import SYSTEM_COMMANDS

    for system in SYSTEM_COMMANDS:
        if tab.command in getattr(system, "SETTINGS", {}):
            found = system.SETTINGS[tab.command]
            return {key: setting for key, setting in found.items() if setting.kind not in ("file", "folder")}
    return {}


def models(tab: Tab) -> list[str]:
    """Return the names of the models that a tab may choose."""
    from zoo import registry

    names = [name for question in tab.answering for name in registry.list_models(answering=question)]
    return [*names, "none"] if tab.command == "seismicity" else names


def arguments(tab: Tab, files: Mapping[str, Sequence[Path]], form: Mapping[str, str], out: Path) -> list[str]:
    """Return the command with its arguments; the command's own parser has accepted them.

    Args:
        tab: whose form it is.
        files: argument -> paths that the server chose.
        form: option, or `set.KEY` -> text; empty texts are left out.
        out: folder that the command writes.

    Raises:
        UsageError: if a file is missing, an option is not of this tab, or a value is not meant.
    """
    from zoo.settings import read

    given = {key: text.strip() for key, text in form.items() if text.strip()}
    known = settings(tab)
    for key in given:
        if key not in tab.options and not (key.startswith(SET) and key.removeprefix(SET) in known):
            raise UsageError(f"The form {tab.title} has no field {key!r}.")
    if missing := [name for name in tab.needed if not files.get(name)]:
        raise UsageError(f"{tab.title} needs {' and '.join(tab.files[name] for name in missing)}.")
    words: list[str] = [tab.command]
    positional: list[str] = []
    for name, paths in files.items():
        found = action(tab, name)
        if len(paths) > 1 and found.nargs not in ("+", "*"):
            raise UsageError(f"{tab.title} takes one file as {name.replace('_', ' ')}; received {len(paths)}.")
        if found.option_strings:
            words += [f"{found.option_strings[0]}={paths[0]}"] if paths else []
        else:
            positional += [str(path) for path in paths]
    for name, text in given.items():
        if not name.startswith(SET):
            words += _words(tab, action(tab, name), text)
    chosen = {key.removeprefix(SET): text for key, text in given.items() if key.startswith(SET)}
    for key, text in chosen.items():
        _check_text(key, text, None)
    read(tab.title, known, chosen)
    pairs = [f"{key}={text}" for key, text in chosen.items()]
    words += ["--set", *pairs] if pairs else []
    words += [f"--out={out}", *positional]
    _parse(words)
    return words


def _words(tab: Tab, found: argparse.Action, text: str) -> list[str]:
    """Return what an option is on the command line, as a text of the form sets it."""
    option = found.option_strings[0]
    if found.nargs == 0:
        return [option] if text in ("on", "true") else []
    if found.dest == "model" and text not in models(tab):
        raise UsageError(f"{tab.title} takes one of the models {', '.join(models(tab))}; received {text!r}.")
    if found.choices and text not in found.choices:
        raise UsageError(f"{option} takes one of {', '.join(map(str, found.choices))}; received {text!r}.")
    _check_text(option, text, tab.texts.get(found.dest))
    if found.nargs in ("+", "*") or isinstance(found.nargs, int):
        parts = text.split()
        return [option, *parts]
    return [f"{option}={text}"]


def _check_text(option: str, text: str, pattern: str | None) -> None:
    """Refuse what is no value but an option, a path or too long."""
    numbers = all(_NUMBER.fullmatch(part) for part in re.split(r"[\s,]+", text))
    if pattern and not re.fullmatch(pattern, text):
        raise UsageError(f"{option} takes a text like {pattern!r} here; received {text!r}.")
    if len(text) > _LONGEST_TEXT or not text.isprintable():
        raise UsageError(f"{option} takes a text of at most {_LONGEST_TEXT} characters on a line.")
    if not numbers and (text.startswith(("-", "/", "~", "\\")) or ".." in text or " -" in text or Path(text).exists()):
        raise UsageError(f"{option} takes a value, not an option or a path; received {text!r}.")


def _parse(words: Sequence[str]) -> None:
    """Let the command's own parser read its arguments; what it says of them is the error."""
    from zoo.cli import command_parser

    try:
        command_parser(_Refusing).parse_args(words)
    except argparse.ArgumentError as error:
        raise UsageError(str(error)) from error


def _refusing() -> type:
    from zoo.terminal import Parser

    class Refusing(Parser):
        """A parser that raises instead of ending the process."""

        def error(self, message: str) -> None:
            raise argparse.ArgumentError(None, message)

    return Refusing


_Refusing = _refusing()


def _is_needed(found: argparse.Action) -> bool:
    return not found.option_strings or found.required

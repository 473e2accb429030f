"""What all commands share: how they are declared, how text becomes settings, how tables and JSON are printed.

A system adds its commands in `zoo/SYSTEM/commands.py`:

    EXAMPLES = "  zoo crust velocities.csv --out crust       crustal thickness from maps of phase velocity"

    def add(commands: Commands) -> None:
        crust = commands.add("crust", run_crust, "invert maps of phase velocity for crustal thickness", data=True)
        crust.add_argument("map", metavar="MAP", help="a table, folder or npz")
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from zoo.errors import PartError, PassedOver, UsageError, did_you_mean


class Parser(argparse.ArgumentParser):
    """An argument parser that says which command was probably meant."""

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:
        args = list(sys.argv[1:] if args is None else args)
        if "--beam" in args[:-1]:  # argparse takes the dashes of --beam "--runner=..." for another option
            at = args.index("--beam")
            args[at : at + 2] = [f"--beam={args[at + 1]}"]
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> None:
        if "invalid choice" in message and self._subparsers:
            received = next((a for a in sys.argv[1:] if not a.startswith("-")), "")
            names = self._subparsers._group_actions[0].choices
            message = f"there is no command {received!r}.{did_you_mean(received, names)}"
        print(f"zoo: {message} (zoo --help)", file=sys.stderr)
        raise SystemExit(2)


class Commands:
    """The commands of `zoo`.

    Args:
        parser: that they become commands of.
        kind: class of their own parsers.
    """

    def __init__(self, parser: Parser, kind: type[Parser] = Parser):
        self._commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=kind)

    def add(
        self,
        name: str,
        function: Callable[[argparse.Namespace], None],
        help: str,
        *,
        data: bool = False,
        settings: bool = False,
        resumes: bool = False,
        examples: Sequence[str] = (),
    ) -> Parser:
        """Add a command and return its parser, which takes further arguments.

        Args:
            name: as it is typed.
            function: what it does with the parsed arguments.
            help: one line.
            data: whether it reads prepared datasets (`--data-dir`).
            settings: whether it takes `--set KEY=VALUE`.
            resumes: whether the same command goes on after an interruption.
            examples: lines as they are typed, perhaps with a `# comment`, that its help ends with.
        """
        shown = "".join(f"\n  {line}" for line in examples)
        made = self._commands.add_parser(
            name,
            help=help,
            description=help,
            epilog=f"examples:{shown}" if examples else None,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        made.set_defaults(function=function, resumes=resumes)
        made.add_argument("--debug", action="store_true", help="show the traceback of an error")
        made.add_argument("--json", action="store_true", help="print JSON")
        if data:
            made.add_argument("--data-dir", metavar="DIR", help="folder of prepared datasets")
        if settings:
            pairs = {"metavar": "KEY=VALUE", "nargs": "+", "action": "extend", "default": []}
            made.add_argument("--set", help="change settings", **pairs)
        return made


def settings_of(pairs: Sequence[str], option: str = "--set") -> dict[str, str]:
    """Return the texts of `KEY=VALUE`, by key.

    Raises:
        UsageError: if one has no "=".
    """
    for pair in pairs:
        if "=" not in pair:
            raise UsageError(f"{option} takes KEY=VALUE; received {pair!r}.")
    return dict(pair.split("=", 1) for pair in pairs)


def positive(text: str) -> int:
    """Read a positive whole number, as the `type` of an argument."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")
    return int(text)


def add_cluster(command: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add the option `--cluster` to a command whose work is independent: `zoo.cluster`."""
    command.add_argument(
        "--cluster",
        metavar="local:N|tcp://HOST:PORT",
        help="N processes, or a Dask scheduler's workers (docs/cluster.md)",
    )


def number_or(word: str) -> Callable[[str], float | str]:
    """Return a reader of a number, or of a word, as the `type` of an argument."""

    def number(text: str) -> float | str:
        return text if text == word else float(text)

    return number


def print_json(value: Any) -> None:
    """Print a value; arrays become lists."""
    print(json.dumps(value, indent=2, default=lambda item: item.tolist()))


def width() -> int:
    """Return how many columns the terminal has; without one, 0: nothing is folded there."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 0


def folded(text: str, columns: int) -> list[str]:
    """Return a text in lines of so many columns, without a broken word; a longer word has a line of its own.

    >>> folded("one two three", 8), folded("seismicity_resnet18", 8), folded("", 8)
    (['one two', 'three'], ['seismicity_resnet18'], [''])
    """
    return textwrap.wrap(text, max(columns, 1), break_long_words=False, break_on_hyphens=False) or [""]


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; without a terminal, tab-separated lines without a header."""
    if not sys.stdout.isatty():
        for row in rows:
            print("\t".join(row))
        return
    print_columns([header, *rows], _widths([header, *rows], width()))


def _widths(rows: Sequence[Sequence[str]], columns: int) -> list[int]:
    """Return widths of columns that hold every word and, together with two blanks between them, fit if they can."""
    whole = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    least = [max(len(word) for row in rows for word in row[i].split() or [""]) for i in range(len(rows[0]))]
    room = columns - 2 * (len(whole) - 1)
    while sum(whole) > room and whole != least:
        widest = max((i for i in range(len(whole)) if whole[i] > least[i]), key=lambda i: whole[i])
        whole[widest] -= 1
    return whole


def print_columns(rows: Sequence[Sequence[str]], widths: Sequence[int], indent: str = "") -> None:
    """Print rows in columns of these widths; what is longer goes on below, in whole words."""
    for row in rows:
        cells = [folded(cell, columns) for cell, columns in zip(row, widths, strict=True)]
        for i in range(max(map(len, cells))):
            parts = [(cell[i] if i < len(cell) else "").ljust(w) for cell, w in zip(cells, widths, strict=True)]
            print((indent + "  ".join(parts)).rstrip())


def print_paragraph(text: str, indent: str = "") -> None:
    """Print a text, on a terminal in lines of its width."""
    for line in folded(text, width() - len(indent)) if width() else [text]:
        print(indent + line)


def print_entry(key: str, value: Any) -> None:
    """Print one `key  value` line; lists and dicts below each other; on a terminal no word is broken."""
    if isinstance(value, Mapping):
        value = [f"{name}: {item}" for name, item in value.items()]
    lines = [str(v) for v in value] if isinstance(value, list) else str(value).splitlines()
    if columns := width():
        lines = [
            part for line in lines for part in (folded(line, columns - 25) if len(line) > columns - 25 else [line])
        ]
    if len(key) > 24:
        print(key)
        key = ""
    for i, line in enumerate(lines):
        print(f"{key if i == 0 else '':<24} {line}")


def check_passed_over(answer: Any, strict: bool) -> None:
    """Say how many members of a run were passed over.

    Args:
        answer: what was found, with `notes`, of which those of `zoo.errors.PassedOver` count, and, of an archive,
            `problems`.
        strict: whether that ends the command with exit code 3.

    Raises:
        PartError: then, if there are any.
    """
    notes = [note for note in answer.notes if isinstance(note, PassedOver)]
    lost = [*notes, *(f"{name}: {problem}" for name, problem in getattr(answer, "problems", ()))]
    if not lost:
        return
    said = f"{len(lost)} passed over, {lost[0]}"
    if strict:
        raise PartError(f"{said} (--strict). The rest is done; mend or remove what was passed over.")
    print(f"zoo: {said}", file=sys.stderr)


def print_answer(answer: Any, as_json: bool, where: str) -> None:
    """Print what a task found: its report, or its summary as JSON; say on stderr where its files are."""
    print(f"zoo: {where}", file=sys.stderr)
    print_json(answer.summary()) if as_json else print(answer.report())

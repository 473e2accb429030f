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
import sys
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
    """

    def __init__(self, parser: Parser):
        self._commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)

    def add(
        self,
        name: str,
        function: Callable[[argparse.Namespace], None],
        help: str,
        *,
        data: bool = False,
        settings: bool = False,
        resumes: bool = False,
    ) -> Parser:
        """Add a command and return its parser, which takes further arguments.

        Args:
            name: as it is typed.
            function: what it does with the parsed arguments.
            help: one line.
            data: whether it reads prepared datasets (`--data-dir`).
            settings: whether it takes `--set KEY=VALUE`.
            resumes: whether the same command goes on after an interruption.
        """
        made = self._commands.add_parser(name, help=help, description=help)
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


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; without a terminal, tab-separated lines without a header."""
    if not sys.stdout.isatty():
        for row in rows:
            print("\t".join(row))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for title in header:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def print_entry(key: str, value: Any) -> None:
    """Print one `key  value` line; lists and dicts below each other."""
    if isinstance(value, Mapping):
        value = [f"{name}: {item}" for name, item in value.items()]
    lines = [str(v) for v in value] if isinstance(value, list) else str(value).splitlines()
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

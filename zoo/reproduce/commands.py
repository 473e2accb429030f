"""The command `zoo reproduce`."""

from __future__ import annotations

import argparse
import sys

from zoo.errors import UsageError
from zoo.terminal import Commands, add_cluster, print_json, print_table, settings_of


def add(commands: Commands) -> None:
    """Add the command."""
    again = "repeat an experiment of a paper (goes on with an interrupted one)"
    reproduce = commands.add(
        "reproduce",
        _reproduce,
        again,
        data=True,
        settings=True,
        resumes=True,
        examples=("zoo reproduce --list", "zoo reproduce fwi-1d --quick", "zoo reproduce all --only-report"),
    )
    says = "all: each that has no result yet, and a report on all; without a name: list them"
    reproduce.add_argument("name", nargs="?", metavar="NAME", help=says)
    says = "folder for checkpoints, table and figure, default runs/NAME; of all: for results and report"
    reproduce.add_argument("--out", metavar="DIR", help=says)
    reproduce.add_argument("--list", action="store_true", help="list them, with cost, and whether there is a result")
    reproduce.add_argument("--only-report", action="store_true", help="of all: run nothing, write the report anew")
    reproduce.add_argument("--quick", action="store_true", help="on a small dataset, to see that all works")
    add_cluster(reproduce)
    reproduce.add_argument("--train", action="store_true", help="train anew where shipped checkpoints would do")


def _reproduce(args: argparse.Namespace) -> None:
    from zoo import reproduce

    if args.list or not args.name:
        known = reproduce.experiments()
        there = reproduce.results(args.out or reproduce.default_folder(), known)
        header = ("name", "paper", "title", "cost", "result")
        rows = [(n, m.paper, m.title, m.cost, there[n]["date"] if n in there else "none") for n, m in known.items()]
        as_dicts = [dict(zip(header, row, strict=True)) for row in rows]
        if args.json:
            print_json(as_dicts)
        elif sys.stdout.isatty():
            told = [(n, f"{title} ({paper}). Cost: {cost}.", result) for n, paper, title, cost, result in rows]
            print_table(("name", "what is repeated", "result"), told)
        else:
            print_table(header, rows)
        return
    if args.name == "all":
        for option, given in (("--set", args.set), ("--quick", args.quick), ("--train", args.train)):
            if given:
                text = "zoo reproduce NAME takes it, and zoo reproduce all takes over what that leaves"
                raise UsageError(f"zoo reproduce all has no {option}: {text}; a quick run never enters the report.")
        made = reproduce.run_all(args.out, only_report=args.only_report, data_dir=args.data_dir)
        counts = [
            (paper["paper"], ", ".join(f"{n} {v}" for v, n in paper["counts"].items())) for paper in made["papers"]
        ]
        print_json(made) if args.json else print_table(("paper", "verdicts"), counts)
        return
    if args.only_report:
        raise UsageError("--only-report is of zoo reproduce all.")
    rows = reproduce.run(
        args.name,
        args.out,
        quick=args.quick,
        data_dir=args.data_dir,
        settings=settings_of(args.set),
        train=args.train,
        cluster=args.cluster,
    )
    if args.json:
        print_json(rows)
        return
    print_table(list(rows[0]), [["" if v is None else str(v) for v in row.values()] for row in rows])

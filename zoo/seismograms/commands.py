"""The commands `zoo annotate`, `zoo show` and `zoo export`."""

from __future__ import annotations

import argparse

from zoo.terminal import Commands, positive, print_answer, print_json

EXAMPLES = """\
  zoo annotate DAY.mseed --out picked        P and S picks of continuous seismograms
  zoo show stead/mini                        draw some seismograms of a dataset with their picks
"""


def add(commands: Commands) -> None:
    """Add the commands of this system."""
    annotate = commands.add("annotate", _annotate, "pick phases in continuous seismograms, or label their windows")
    annotate.add_argument("files", nargs="+", metavar="FILE", help="anything that ObsPy reads, folders, wildcards")
    annotate.add_argument("--model", default="phase_picker", help="a picker or classifier (default %(default)s)")
    annotate.add_argument("--out", required=True, metavar="DIR", help="folder for tables, probabilities and figures")
    annotate.add_argument("--threshold", metavar="P=0.3,S=0.3", help="least probability of a pick")
    annotate.add_argument(
        "--false-per-hour", type=float, metavar="N", help="... or false P, and S, in an hour of noise, default 1"
    )
    annotate.add_argument("--overlap", type=float, metavar="SHARE", help="of a window with the next one, default 0.5")
    annotate.add_argument("--max-gap-s", type=float, metavar="S", help="gaps up to this length are filled, default 1 s")
    annotate.add_argument("--components", metavar="UD=Z,NS=N,EW=E", help="which channel is which component")
    annotate.add_argument("--inventory", metavar="FILE", help="StationXML: amplitudes in metres")
    show = commands.add("show", _show, "draw some waveforms of a dataset with their picks", data=True)
    show.add_argument("name", metavar="NAME/CONFIG")
    show.add_argument("--split", default="train", help="train (default), validation, test, or a part of one")
    show.add_argument("--count", type=positive, default=12, metavar="N", help="how many, default 12")
    show.add_argument("--out", metavar="PNG", help="default NAME_CONFIG.png")
    show.add_argument("--seed", type=int, default=0, metavar="N", help="which ones are chosen, default 0")
    export = commands.add("export", _export, "write a dataset of waveforms as a SeisBench dataset", data=True)
    export.add_argument("name", metavar="NAME/CONFIG")
    export.add_argument("--out", required=True, metavar="DIR", help="a new folder: metadata.csv and waveforms.hdf5")
    export.add_argument("--split", nargs="+", metavar="SPLIT", help="train, validation, test or parts, default all")


def _annotate(args: argparse.Namespace) -> None:
    from zoo.seismograms.picking.annotate import annotate_files

    given = {
        name: getattr(args, name) for name in ("false_per_hour", "overlap", "max_gap_s", "components", "inventory")
    }
    given = {name: value for name, value in given.items() if value is not None}
    annotated = annotate_files(args.files, args.model, args.out, args.threshold, **given)
    where = f"tables, probabilities and figures are in {args.out}; look at overview.png first"
    print_answer(annotated, args.json, where)


def _show(args: argparse.Namespace) -> None:
    from zoo.seismograms.archives.show import show

    out = args.out or f"{args.name.replace('/', '_')}.png"
    picture = show(args.name, out, args.split, args.count, args.seed, args.data_dir)
    print_json({"dataset": args.name, "picture": str(picture)}) if args.json else print(picture)


def _export(args: argparse.Namespace) -> None:
    from zoo.seismograms.archives.export import export

    folder = export(args.name, args.out, args.split, args.data_dir)
    print_json({"dataset": args.name, "folder": str(folder)}) if args.json else print(folder)

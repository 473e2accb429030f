"""The `zoo` command.

Data goes to stdout, progress and logs to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage,
130 interrupted. Errors are one line with a remedy; `--debug` shows the traceback. Whatever is heavy is
imported inside the command that needs it, so that `zoo --help`, `list` and `info` start at once.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zoo.errors import UsageError, ZooError, did_you_mean

_EXAMPLES = """\
examples:
  zoo list                                   which pretrained models there are
  zoo info cvae_emulator                     what one does, its units, its scores
  zoo datasets                               which datasets there are
  zoo prepare microseismic/marine_small      download or simulate a dataset
  zoo prepare stead/mini --manual-dir STEAD  ... or read an archive's own files
  zoo show stead/mini                        draw some of its seismograms with their picks
  zoo train cvae_emulator --seed 1           train a recipe on its dataset
  zoo evaluate cvae_emulator --json          score a model on its test split
  zoo locate traces.npz --model cvae_emulator --out event
  zoo crust velocities.csv --out crust       crustal thickness from maps of phase velocity
  zoo fwi line.segy --start smooth.npz --out line   velocities by full-waveform inversion
  zoo annotate DAY.mseed --out picked        P and S picks of continuous seismograms
  zoo seismicity catalogue.csv --out found   anomalous periods and places of a catalogue
  zoo reproduce                              which experiments of the papers can be repeated
"""


class _Parser(argparse.ArgumentParser):
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


def _list(args: argparse.Namespace) -> None:
    from zoo import checkpoint, registry

    names = registry.list_models(args.pattern)
    if not names and args.pattern != "*":
        near = did_you_mean(args.pattern.strip("*"), registry.list_models())
        raise ZooError(f"No model matches {args.pattern!r}.{near}")
    cards = [checkpoint.read_card(registry._checkpoints()[name]) for name in names]
    if args.json:
        keys = ("name", "summary", "dataset", "default")
        _print_json([{key: card.get(key) for key in keys} for card in cards])
        return
    rows = [(c["name"], "default" if c.get("default") else "", c["summary"]) for c in cards]
    _table(("model", "", "what it does"), rows)


def _info(args: argparse.Namespace) -> None:
    from zoo import registry

    info = registry.info(args.name)
    if args.json:
        _print_json(info)
        return
    for key in ("kind", "name", "summary", "inputs", "outputs", "dataset", "configs", "prepared"):
        if info.get(key):
            _entry(key, info[key])
    for split, score in (info.get("scores") or {}).items():
        for metric, value in score["metrics"].items():
            _entry(f"{split} {metric}", value)
        _entry(f"{split} by", score["command"])
    for key in ("command", "seed", "cost", "licence", "citation", "about"):
        if info.get(key) not in (None, ""):
            _entry(key, info[key])


def _datasets(args: argparse.Namespace) -> None:
    from zoo.data import builders, datasets

    found = [datasets.describe(name, args.data_dir) for name in builders.list_datasets()]
    if args.json:
        _print_json([{k: d[k] for k in ("name", "configs", "prepared")} for d in found])
        return
    rows = [
        (f"{d['name']}/{config}", d["prepared"].get(f"{d['name']}/{config}", "not prepared"))
        for d in found
        for config in sorted({*d["configs"], *(key.split("/")[1] for key in d["prepared"])})
    ]
    _table(("dataset", "where"), rows)


def _prepare(args: argparse.Namespace) -> None:
    from zoo.data import datasets

    folder = datasets.prepare(
        args.name, args.data_dir, args.manual_dir, args.limit, _settings(args.set), args.workers, args.beam
    )
    _print_json({"dataset": args.name, "folder": str(folder)}) if args.json else print(folder)


def _export(args: argparse.Namespace) -> None:
    from zoo.seismograms.archives.export import export

    folder = export(args.name, args.out, args.split, args.data_dir)
    _print_json({"dataset": args.name, "folder": str(folder)}) if args.json else print(folder)


def _show(args: argparse.Namespace) -> None:
    from zoo.seismograms.archives.show import show

    out = args.out or f"{args.name.replace('/', '_')}.png"
    picture = show(args.name, out, args.split, args.count, args.seed, args.data_dir)
    _print_json({"dataset": args.name, "picture": str(picture)}) if args.json else print(picture)


def _train(args: argparse.Namespace) -> None:
    from zoo.training import trainer

    folder = trainer.recipe(args.recipe).train(
        settings=_settings(args.set),
        epochs=args.epochs,
        seed=args.seed,
        out=args.out,
        data_dir=args.data_dir,
        smoke=args.smoke,
    )
    print(folder)


def _evaluate(args: argparse.Namespace) -> None:
    from zoo.training import trainer as training

    scores = training.evaluate(args.name, args.split, args.data_dir, args.dataset)
    if args.json:
        _print_json(scores)
        return
    for metric, value in scores.items():
        _entry(metric, f"{value:.5g}")


def _locate(args: argparse.Namespace) -> None:
    from zoo.microseismic.location.observation import read_traces

    observation = read_traces(args.traces, args.receivers)
    if args.noise_sd is not None:
        observation = dataclasses.replace(observation, noise_sd=args.noise_sd, noise=None)
    unknown = args.origin_time == "unknown"
    if args.by == "waveforms":
        from zoo import registry
        from zoo.microseismic.location.by_waveforms import UNKNOWN_ORIGIN_TIME_S, locate

        location = locate(
            observation,
            registry.load(args.model),
            seed=args.seed,
            sampler=args.sampler,
            origin_time_s=UNKNOWN_ORIGIN_TIME_S if unknown else None,
        )
    else:
        from zoo.microseismic.location.by_arrivals import locate_arrivals

        location = locate_arrivals(
            observation,
            args.velocity_model,
            likelihood=args.likelihood,
            pick_sd_s=args.pick_sd,
            pulse_sigma_s=args.pulse_sigma,
            origin_time_known=not unknown,
            seed=args.seed,
            sampler=args.sampler,
        )
    folder = location.write(args.out)
    print(f"zoo: posterior and figures are in {folder}", file=sys.stderr)
    _print_json(location.summary()) if args.json else print(location.report())


def _mechanism(args: argparse.Namespace) -> None:
    from zoo import registry
    from zoo.microseismic.location.mechanism import invert_source, read_traces

    observation = read_traces(args.traces, args.receivers)
    found = invert_source(observation, registry.load(args.model), noise_sd=args.noise_sd, seed=args.seed)
    folder = found.write(args.out)
    print(f"zoo: posterior and figures are in {folder}", file=sys.stderr)
    _print_json(found.summary()) if args.json else print(found.report())


def _crust(args: argparse.Namespace) -> None:
    from zoo.crust import inversion as crust

    velocities = crust.read_map(args.map, args.data_dir)
    reference = crust.read_reference(args.compare, args.data_dir) if args.compare else None
    name = args.compare and Path(args.compare).stem
    inverted = crust.invert(velocities, args.model, noise_relative=args.noise, reference=reference, reference_name=name)
    folder = inverted.write(args.out)
    print(f"zoo: maps, tables and figures are in {folder}; look at overview.png first", file=sys.stderr)
    _print_json(inverted.summary()) if args.json else print(inverted.report())


def _fwi(args: argparse.Namespace) -> None:
    from zoo.fwi.inversion.invert import fwi, read_model

    inverted = fwi(
        args.shots,
        read_model(args.start, "start_m_s", args.data_dir),
        args.out,
        geometry=args.geometry,
        wavelet=args.wavelet,
        truth=args.true and read_model(args.true, "velocity_m_s", args.data_dir),
        settings=_settings(args.set),
        figure_every=args.every,
    )
    print(f"zoo: models, tables and figures are in {args.out}; look at overview.png first", file=sys.stderr)
    _print_json(inverted.summary()) if args.json else print(inverted.report())


def _annotate(args: argparse.Namespace) -> None:
    from zoo.seismograms.picking.annotate import annotate_files

    annotated = annotate_files(args.files, args.model, args.out, args.threshold)
    print(f"zoo: tables, probabilities and figures are in {args.out}; look at overview.png first", file=sys.stderr)
    _print_json(annotated.summary()) if args.json else print(annotated.report())


def _seismicity(args: argparse.Namespace) -> None:
    from zoo.seismicity import catalogues
    from zoo.seismicity.anomalies import find_anomalies
    from zoo.seismicity.manual import read_periods

    manual = read_periods(args.manual) if args.manual else []
    found = find_anomalies(
        catalogues.read(args.catalogue, _settings(args.columns, "--columns")),
        args.model,
        region=args.region,
        pixel_km=args.pixel_km,
        window_days=args.window,
        stride_days=args.stride,
        completeness=args.completeness,
        false_alarms_per_year=args.false_alarms,
    )
    found.manual = manual
    found.write(args.out, movie=not args.no_movie)
    print(f"zoo: tables, figures and movie are in {args.out}; look at overview.png first", file=sys.stderr)
    if args.json:
        _print_json(found.summary())
        return
    print(found.report())
    _table(*found.table())


def _reproduce(args: argparse.Namespace) -> None:
    from zoo import reproduce

    if not args.name:
        rows = [(name, made.paper, made.title) for name, made in reproduce.REPRODUCTIONS.items()]
        _print_json([dict(zip(("name", "paper", "title"), row, strict=True)) for row in rows]) if args.json else _table(
            ("name", "paper", "what is repeated"), rows
        )
        return
    settings = _settings(args.set)
    rows = reproduce.run(
        args.name, args.out, quick=args.quick, data_dir=args.data_dir, settings=settings, train=args.train
    )
    if args.json:
        _print_json(rows)
        return
    _table(list(rows[0]), [["" if v is None else str(v) for v in row.values()] for row in rows])


def _where(args: argparse.Namespace) -> None:
    from zoo import registry
    from zoo.data import datasets
    from zoo.files import cache_folder, room

    places: dict[str, Any] = {
        "package": str(room("recipes").parent),
        "checkpoints": [str(folder) for folder in registry._search_folders()],
        "datasets": str(datasets.data_dir(args.data_dir)),
        "cache": str(cache_folder()),
    }
    if args.json:
        _print_json(places)
        return
    for key, value in places.items():
        _entry(key, value)


def _demo(args: argparse.Namespace) -> None:
    from zoo import demo

    demo.run(args.out)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="zoo",
        description="A model zoo for seismology and exploration geophysics.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    from zoo import __version__

    parser.add_argument("--version", action="version", version=f"seismic-zoo {__version__}")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--debug", action="store_true", help="show the traceback of an error")
    shared.add_argument("--json", action="store_true", help="print JSON")
    data = argparse.ArgumentParser(add_help=False)
    data.add_argument("--data-dir", metavar="DIR", help="folder of prepared datasets")
    changes = argparse.ArgumentParser(add_help=False)
    changes.add_argument("--set", metavar="KEY=VALUE", nargs="+", action="extend", default=[], help="change a setting")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)

    def command(name: str, function: Any, help: str, *parents: argparse.ArgumentParser) -> Any:
        made = commands.add_parser(name, help=help, description=help, parents=[shared, *parents])
        made.set_defaults(function=function)
        return made

    listing = command("list", _list, "list pretrained models")
    listing.add_argument("pattern", nargs="?", default="*", help="a wildcard like '*emulator*'")
    info = command("info", _info, "say what a model, a dataset or a recipe is")
    info.add_argument("name")
    command("datasets", _datasets, "list datasets and where they are prepared", data)
    prepare = command("prepare", _prepare, "download or generate a dataset", data, changes)
    prepare.add_argument("name", metavar="NAME[/CONFIG]")
    prepare.add_argument("--manual-dir", metavar="DIR", help="folder with files already at hand")
    prepare.add_argument("--limit", type=_positive, metavar="N", help="at most N examples a split")
    prepare.add_argument("--workers", type=_positive, metavar="N", help="threads, default one for each core")
    prepare.add_argument("--beam", metavar="OPTIONS", help='generate by Apache Beam instead: "--runner=... --..."')
    export = command("export", _export, "write a dataset of waveforms as a SeisBench dataset", data)
    export.add_argument("name", metavar="NAME/CONFIG")
    export.add_argument("--out", required=True, metavar="DIR", help="a new folder: metadata.csv and waveforms.hdf5")
    export.add_argument("--split", nargs="+", metavar="SPLIT", help="train, validation, test or parts, default all")
    show = command("show", _show, "draw some waveforms of a dataset with their picks", data)
    show.add_argument("name", metavar="NAME/CONFIG")
    show.add_argument("--split", default="train", help="train (default), validation, test, or a part of one")
    show.add_argument("--count", type=_positive, default=12, metavar="N", help="how many, default 12")
    show.add_argument("--out", metavar="PNG", help="default NAME_CONFIG.png")
    show.add_argument("--seed", type=int, default=0, metavar="N", help="of the choice, default 0")
    train = command("train", _train, "train a recipe (goes on with an interrupted run)", data, changes)
    train.add_argument("recipe", metavar="RECIPE[.TAG]")
    train.add_argument("--epochs", type=_positive, metavar="N", help="at most N epochs")
    train.add_argument("--seed", type=int, default=0, metavar="N", help="default 0")
    train.add_argument("--out", metavar="DIR", help="checkpoint folder, default runs/NAME")
    train.add_argument("--smoke", action="store_true", help="a run of seconds, to see that all works")
    evaluate = command("evaluate", _evaluate, "score a model on a split of its dataset", data)
    evaluate.add_argument("name", metavar="MODEL", help="a name or a checkpoint folder")
    evaluate.add_argument("--split", default="test", help="train, validation or test (default)")
    evaluate.add_argument("--dataset", metavar="NAME/CONFIG", help="another dataset than the model's own")
    locate = command("locate", _locate, "locate an event by its waveforms or its arrival times")
    locate.add_argument("traces", help="npz, or any file that ObsPy reads")
    locate.add_argument("--model", default="pca_gp_emulator", help="an emulator (default %(default)s)")
    locate.add_argument("--out", required=True, metavar="DIR", help="folder for posterior and figures")
    locate.add_argument("--receivers", metavar="CSV", help="station,x_km,y_km,z_km of an ObsPy file")
    locate.add_argument("--noise-sd", type=float, metavar="A", help="white noise, in the unit of the traces")
    locate.add_argument("--sampler", default="smc", help="smc, tfp-smc, ultranest or pymultinest (default smc)")
    locate.add_argument(
        "--origin-time", choices=("known", "unknown"), default="known", help="known: it is the first sample (default)"
    )
    locate.add_argument("--by", choices=("waveforms", "arrivals"), default="waveforms", help="default waveforms")
    locate.add_argument(
        "--velocity-model", metavar="NPZ", help="by arrivals: the earth; default the marine model at its receivers"
    )
    locate.add_argument("--likelihood", default="gaussian", help="by arrivals: gaussian (default) or edt")
    locate.add_argument(
        "--pick-sd",
        type=_seconds_or("auto"),
        default=0.005,
        metavar="S|auto",
        help="by arrivals: their error, default 0.005; auto takes it from the noise",
    )
    locate.add_argument(
        "--pulse-sigma",
        type=_seconds_or("unknown"),
        default=0.014,
        metavar="S|unknown",
        help="by arrivals: of the source's pulse, default 0.014; unknown picks onsets",
    )
    locate.add_argument("--seed", type=int, default=0, metavar="N", help="default 0")
    mechanism = command("mechanism", _mechanism, "infer place and moment tensor of an event by its waveforms")
    mechanism.add_argument("traces", help="npz, or any file that ObsPy reads")
    mechanism.add_argument("--model", default="greens_emulator", help="of Green's functions (default %(default)s)")
    mechanism.add_argument("--out", required=True, metavar="DIR", help="folder for posterior and figures")
    mechanism.add_argument("--receivers", metavar="CSV", help="station,x_km,y_km,z_km of an ObsPy file")
    mechanism.add_argument("--noise-sd", type=float, metavar="A", help="white noise, in the unit of the traces")
    mechanism.add_argument("--seed", type=int, default=0, metavar="N", help="default 0")
    crust = command("crust", _crust, "invert maps of Rayleigh phase velocity for crustal thickness", data)
    crust.add_argument("map", metavar="MAP", help="a table, folder or npz, or a dataset like phase_velocity_maps/NAME")
    crust.add_argument("--model", default="mdn_crust", help="a crust model or its folder (default %(default)s)")
    crust.add_argument("--out", required=True, metavar="DIR", help="folder for maps, tables and figures")
    crust.add_argument("--compare", metavar="NAME", help="a known thickness: crust1, or a table")
    crust.add_argument("--noise", type=float, metavar="R", help="relative sd where there are no error bars, as 0.01")
    fwi = command("fwi", _fwi, "invert shot gathers for velocity (goes on with an interrupted run)", data, changes)
    fwi.add_argument("shots", metavar="SHOTS", help="npz, SEG-Y, or any file that ObsPy reads with --geometry")
    fwi.add_argument(
        "--start", required=True, metavar="MODEL", help="first guess: npz, segy, nc, or velocity_models/CONFIG"
    )
    fwi.add_argument("--out", required=True, metavar="DIR", help="folder for models, tables and figures")
    fwi.add_argument("--geometry", metavar="CSV", help="shot,source_x_m,source_depth_m,receiver_x_m,receiver_depth_m")
    fwi.add_argument("--wavelet", metavar="FILE|ricker:HZ", help="default: the one with the shots, else estimated")
    fwi.add_argument("--true", metavar="MODEL", help="the true model, likewise, to measure the error")
    fwi.add_argument(
        "--every", type=_positive, default=10, metavar="N", help="a picture every N iterations, default 10"
    )
    annotate = command("annotate", _annotate, "pick phases in continuous seismograms, or label their windows")
    annotate.add_argument("files", nargs="+", metavar="FILE", help="anything that ObsPy reads, folders, wildcards")
    annotate.add_argument("--model", default="phase_picker", help="a picker or classifier (default %(default)s)")
    annotate.add_argument("--out", required=True, metavar="DIR", help="folder for tables, probabilities and figures")
    annotate.add_argument("--threshold", metavar="P=0.3,S=0.3", help="least probability of a pick, default 0.3")
    seismicity = command("seismicity", _seismicity, "find anomalous periods and places in an earthquake catalogue")
    seismicity.add_argument("catalogue", metavar="CATALOG", help="CSV, ComCat GeoJSON, QuakeML, or what ObsPy reads")
    seismicity.add_argument("--out", required=True, metavar="DIR", help="folder for tables, figures and a movie")
    seismicity.add_argument("--model", default="seismicity_resnet18.history", help="on maps (default %(default)s)")
    seismicity.add_argument(
        "--columns", metavar="WHAT=NAME", nargs="+", action="extend", default=[],
        help="which columns are time, latitude, longitude (or x_km, y_m ...), depth, magnitude: names or numbers",
    )  # fmt: skip
    seismicity.add_argument(
        "--region", metavar=("W", "E", "S", "N"), nargs=4, type=float, help="degrees, or km; default: nearly all events"
    )
    seismicity.add_argument("--pixel-km", type=float, metavar="KM", help="default: 64 pixels span the region")
    seismicity.add_argument("--window", type=float, metavar="DAYS", help="default 1, or what holds enough events")
    seismicity.add_argument("--stride", type=float, metavar="DAYS", help="default half a window")
    seismicity.add_argument("--completeness", metavar="M", help="magnitude, or none; default by maximum curvature")
    seismicity.add_argument("--false-alarms", type=float, default=4.0, metavar="N", help="a year, default 4")
    seismicity.add_argument("--manual", metavar="CSV", help="start,end of periods picked by hand, to compare with")
    seismicity.add_argument("--no-movie", action="store_true", help="leave the movie out")
    again = "repeat an experiment of a paper (goes on with an interrupted one)"
    reproduce = command("reproduce", _reproduce, again, data, changes)
    reproduce.add_argument("name", nargs="?", metavar="NAME", help="without a name: list them")
    reproduce.add_argument("--out", metavar="DIR", help="folder for checkpoints, table and figure, default runs/NAME")
    reproduce.add_argument("--quick", action="store_true", help="on a small dataset, to see that all works")
    reproduce.add_argument("--train", action="store_true", help="train anew where shipped checkpoints would do")
    command("where", _where, "say where models, datasets and downloads are", data)
    demo = command("demo", _demo, "show in minutes what the zoo does")
    demo.add_argument("--out", default="demo", metavar="DIR", help="folder for the figures")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # spinning threads double the CPU time of a busy machine
    parser = _parser()
    args = parser.parse_args(argv)
    if not args.command:
        parser.print_help()
        return 2
    try:
        args.function(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        if args.debug:
            raise
        print("zoo: interrupted; the same command goes on from here.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if args.debug:
            raise
        known = isinstance(error, ZooError)
        text = str(error) if known else f"{type(error).__name__}: {error} (--debug shows where)"
        print("zoo: " + " ".join(text.split()), file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    return 0


def _settings(pairs: Sequence[str], option: str = "--set") -> dict[str, str]:
    for pair in pairs:
        if "=" not in pair:
            raise UsageError(f"{option} takes KEY=VALUE; received {pair!r}.")
    return dict(pair.split("=", 1) for pair in pairs)


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")
    return int(text)


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, default=lambda item: item.tolist()))


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
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


def _seconds_or(word: str) -> Any:
    """Return a reader of seconds, or None for that word."""

    def seconds(text: str) -> float | None:
        return None if text == word else float(text)

    return seconds


def _entry(key: str, value: Any) -> None:
    """Print one `key  value` line; lists and dicts below each other."""
    if isinstance(value, dict):
        value = [f"{name}: {item}" for name, item in value.items()]
    lines = [str(v) for v in value] if isinstance(value, list) else str(value).splitlines()
    for i, line in enumerate(lines):
        print(f"{key if i == 0 else '':<24} {line}")


if __name__ == "__main__":
    sys.exit(main())

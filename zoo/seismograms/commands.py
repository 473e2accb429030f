"""The commands `zoo annotate`, `zoo catalogue` and `zoo show`, and what `zoo export` does with a dataset."""

from __future__ import annotations

import argparse

from zoo.errors import UsageError
from zoo.progress import say
from zoo.terminal import Commands, add_cluster, check_passed_over, positive, print_answer, print_json, settings_of

EXAMPLES = """\
  zoo annotate DAY.mseed --out picked        P and S picks of continuous seismograms; also of archives and streams
  zoo annotate EVENT/*.mseed --model explosion_earthquake --out classified
                                             explosion or earthquake, by event
  zoo catalogue SDS --stations stations.xml --velocity-model layers.csv --out made
                                             from waveforms, or anybody's picks, to located events with magnitudes
  zoo show stead/mini                        draw some seismograms of a dataset with their picks
"""


def add(commands: Commands) -> None:
    """Add the commands of this system."""
    annotate = commands.add(
        "annotate",
        _annotate,
        "pick phases in continuous seismograms, or label their windows",
        resumes=True,
        examples=(
            "zoo annotate day.mseed --out picked",
            "zoo annotate sds --start 2020-01-31 --workers 2 --out picked   # an archive, in pieces",
            "zoo annotate event/*.mseed --model explosion_earthquake --out classified",
        ),
    )
    annotate.add_argument(
        "files", nargs="*", metavar="WHAT", help="files that ObsPy reads, wildcards, folders, SDS trees of any size"
    )
    annotate.add_argument(
        "--model", default="phase_picker", help="a picker or classifier, or a model of events (default %(default)s)"
    )
    annotate.add_argument("--out", required=True, metavar="DIR", help="folder for tables, probabilities and figures")
    annotate.add_argument("--strict", action="store_true", help="exit status 3 if a file or station was passed over")
    annotate.add_argument("--threshold", metavar="P=0.3,S=0.3", help="least probability of a pick")
    annotate.add_argument(
        "--false-per-hour", type=float, metavar="N", help="... or false P, and S, in an hour of noise, default 1"
    )
    annotate.add_argument("--overlap", type=float, metavar="SHARE", help="of a window with the next one, default 0.5")
    annotate.add_argument("--max-gap-s", type=float, metavar="S", help="gaps up to this length are filled, default 1 s")
    annotate.add_argument("--components", metavar="UD=Z,NS=N,EW=E", help="which channel is which component")
    annotate.add_argument("--inventory", metavar="FILE", help="StationXML: amplitudes in metres")
    annotate.add_argument(
        "--origin-time", nargs="+", default=[], metavar="UTC", help="for a model of events: when they began"
    )
    _add_archive_options(annotate)
    _add_catalogue(commands)
    show = commands.add(
        "show",
        _show,
        "draw some waveforms of a dataset with their picks",
        data=True,
        examples=("zoo show stead/mini", "zoo show local_seismograms/mini --count 6 --out some.png"),
    )
    show.add_argument("name", metavar="NAME/CONFIG")
    show.add_argument("--split", default="train", help="train (default), validation, test, or a part of one")
    show.add_argument("--count", type=positive, default=12, metavar="N", help="how many, default 12")
    show.add_argument("--out", metavar="PNG", help="default NAME_CONFIG.png")
    show.add_argument("--seed", type=int, default=0, metavar="N", help="which ones are chosen, default 0")


def _add_archive_options(annotate: argparse.ArgumentParser) -> None:
    """Add what concerns archives and streams; any of these makes files an archive."""
    archive = annotate.add_argument_group("archives (more than 200 MB, or with one of these; go on where they stopped)")
    archive.add_argument("--stations", metavar="NET.STA,...", type=lambda text: text.split(","), help="default all")
    archive.add_argument("--start", metavar="TIME", help="like 2020-01-31 or 2020-01-31T12:00, default all")
    archive.add_argument("--end", metavar="TIME", help="results before it")
    archive.add_argument("--workers", type=positive, metavar="N", help="processes of one thread each, default 1")
    add_cluster(archive)
    archive.add_argument("--shard", metavar="I/N", help="this part of N, for job arrays that share DIR")
    archive.add_argument("--piece-hours", type=float, metavar="H", help="length of a unit of work, default 6")
    archive.add_argument("--probabilities", action="store_const", const=True, help="write them, as miniSEED")
    live = annotate.add_argument_group("live streams")
    live.add_argument("--seedlink", metavar="HOST:PORT", help="a SeedLink server instead of files")
    live.add_argument("--streams", metavar="NET_STA:LOCCHA,...", help="like GE_WLF:00HH?,IU_KONO:HH?")


_OF_PICKERS = (
    *("threshold", "false_per_hour", "overlap", "max_gap_s", "components", "inventory", "stations", "start", "end"),
    *("workers", "cluster", "shard", "piece_hours", "probabilities", "seedlink", "streams"),
)
"""Options of `zoo annotate` that a model of events does not take."""


def _classify_events(args: argparse.Namespace) -> None:
    from zoo.seismograms.events.classify import classify_files

    given = [name for name in _OF_PICKERS if getattr(args, name) is not None]
    if given or not args.files:
        what = f"not --{given[0].replace('_', '-')}" if given else "at least one file"
        raise UsageError(f"{args.model} classifies events: it takes files, --origin-time and --out; {what}.")
    args.resumes = False  # done in one go
    classified = classify_files(args.files, args.model, args.out, args.origin_time)
    print_answer(classified, args.json, f"events.csv and windows.csv (a row a station) are in {args.out}")


def _add_catalogue(commands: Commands) -> None:
    catalogue = commands.add(
        "catalogue",
        _catalogue,
        "from waveforms, or picks, to located events with magnitudes",
        resumes=True,
        examples=(
            "zoo catalogue picks.csv --stations stations.csv --velocity-model layers.csv --out made",
            "zoo catalogue sds --stations stations.xml --velocity-model layers.csv --relative --out made",
        ),
    )
    catalogue.add_argument(
        "what", nargs="+", metavar="WHAT",
        help="picks: CSV, QuakeML, .obs, the folder of zoo annotate; or waveforms, as zoo annotate takes them",
    )  # fmt: skip
    catalogue.add_argument(
        "--stations", required=True, metavar="FILE", help="StationXML, SCML, CSV, NonLinLoc's .in ..."
    )
    catalogue.add_argument(
        "--velocity-model",
        required=True,
        metavar="FILE",
        help="CSV: depth_km, vp_km_s, vs_km_s; .in, .mod; 3-D: .npz, .nc, .hdr",
    )
    catalogue.add_argument(
        "--associated", action="store_true", help="keep the events that picks have: only locate them"
    )
    catalogue.add_argument(
        "--relative", action="store_true", help="also relocate events relative to their neighbours (double differences)"
    )
    catalogue.add_argument("--linear", action="store_true", help="speeds change in lines between depths, not by steps")
    catalogue.add_argument("--vp-vs", type=float, metavar="RATIO", help="where only one speed is given, default 1.73")
    catalogue.add_argument(
        "--inventory", metavar="FILE", help="StationXML with responses, for local magnitudes; default --stations"
    )
    catalogue.add_argument(
        "--waveforms", nargs="+", metavar="FILE", help="those of the picks: local magnitudes, traces of events"
    )
    catalogue.add_argument("--pages", type=int, default=10, metavar="N", help="largest events with a page, default 10")
    catalogue.add_argument(
        "--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE",
        help="like least_picks=6 least_depth_km=-2 likelihood=edt; summary.json lists all",
    )  # fmt: skip
    catalogue.add_argument("--out", required=True, metavar="DIR", help="folder for tables, QuakeML and figures")
    picker = catalogue.add_argument_group("picking of waveforms (goes on where it stopped, in DIR/picks)")
    picker.add_argument("--model", metavar="NAME", help="a picker, default phase_picker")
    picker.add_argument("--threshold", metavar="P=0.3,S=0.3", help="least probability of a pick, default 0.1")
    picker.add_argument("--false-per-hour", type=float, metavar="N", help="... or false P, and S, in an hour of noise")
    picker.add_argument("--start", metavar="TIME", help="like 2020-01-31 or 2020-01-31T12:00, default all")
    picker.add_argument("--end", metavar="TIME", help="picks before it")
    picker.add_argument("--workers", type=positive, metavar="N", help="processes of one thread each, default 1")
    add_cluster(picker)
    picker.add_argument("--components", metavar="UD=Z,NS=N,EW=E", help="which channel is which component")


_OF_PICKING = "model", "threshold", "false_per_hour", "start", "end", "workers", "cluster", "components"
"""Options of `zoo catalogue` that picks do not take."""


def _catalogue(args: argparse.Namespace) -> None:
    from zoo.seismograms.association.catalogue import make_catalogue
    from zoo.seismograms.association.waveforms import holds_picks

    args.resumes = not holds_picks(args.what)  # what goes on is picking
    picker = {name: value for name in _OF_PICKING if (value := getattr(args, name)) is not None}
    made = make_catalogue(
        args.what,
        args.stations,
        args.velocity_model,
        out=args.out,
        waveforms=args.waveforms,
        inventory=args.inventory,
        linear=args.linear,
        vp_vs=args.vp_vs,
        associated=args.associated,
        relative=args.relative,
        settings=settings_of(args.set),
        picker=picker,
    )
    made.write(args.out, args.pages)
    first = "; look at map.png first" if len(made) else ""
    print_answer(made, args.json, f"tables, QuakeML and figures are in {args.out}{first}")


def _annotate(args: argparse.Namespace) -> None:
    from zoo import checkpoint, registry

    if checkpoint.read_card(registry.find(args.model)).get("answers") == "seismograms.event_class":
        return _classify_events(args)
    if args.origin_time:
        raise UsageError(f"--origin-time is for models of events, like explosion_earthquake; {args.model} is none.")
    from zoo.seismograms.picking.running import ARCHIVE_MB, annotate_archive, is_archive

    if args.seedlink:
        return _annotate_seedlink(args)
    if not args.files:
        raise UsageError("zoo annotate needs files, folders or wildcards, or --seedlink HOST:PORT.")

    def given(*names: str) -> dict:
        return {name: value for name in names if (value := getattr(args, name)) is not None}

    how = given("false_per_hour", "overlap", "max_gap_s", "components", "inventory")
    options = given("stations", "start", "end", "workers", "cluster", "shard", "piece_hours", "probabilities")
    if options or is_archive(args.files):
        if not options:
            say(f"zoo: more than {ARCHIVE_MB} MB: no figures, and --probabilities writes those")
        found = annotate_archive(args.files, args.model, args.out, args.threshold, **options, **how)
        print_answer(found, args.json, f"tables of each day are in {args.out}/days")
        return check_passed_over(found, args.strict)
    from zoo.seismograms.picking.annotate import annotate_files

    args.resumes = False  # done in one go
    annotated = annotate_files(args.files, args.model, args.out, args.threshold, **how)
    where = f"tables, probabilities and figures are in {args.out}; look at overview.png first"
    print_answer(annotated, args.json, where)
    check_passed_over(annotated, args.strict)


def _annotate_seedlink(args: argparse.Namespace) -> None:
    from zoo.seismograms.picking.seedlink import annotate_seedlink

    if not args.streams or args.files:
        raise UsageError("--seedlink HOST:PORT goes with --streams NET_STA:LOCCHA,... and without files.")

    def shown(line: str) -> None:
        if line and not args.json:
            print(line, flush=True)

    found = annotate_seedlink(
        args.seedlink,
        args.streams,
        args.model,
        args.out,
        args.threshold,
        false_per_hour=args.false_per_hour,
        shown=shown,
    )
    print_answer(found, args.json, f"tables of each day are in {args.out}/days")


def _show(args: argparse.Namespace) -> None:
    from zoo.seismograms.archives.show import show

    out = args.out or f"{args.name.replace('/', '_')}.png"
    picture = show(args.name, out, args.split, args.count, args.seed, args.data_dir)
    print_json({"dataset": args.name, "picture": str(picture)}) if args.json else print(picture)


def export_dataset(args: argparse.Namespace) -> None:
    """Write a dataset of waveforms as a SeisBench dataset: `zoo export NAME/CONFIG`."""
    from zoo.seismograms.archives.export import export

    folder = export(args.name, args.out, args.split, args.data_dir)
    print_json({"dataset": args.name, "folder": str(folder)}) if args.json else print(folder)

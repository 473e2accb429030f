"""The commands `zoo locate` and `zoo mechanism`."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from zoo.errors import UsageError, ZooError
from zoo.progress import say
from zoo.terminal import Commands, add_cluster, number_or, print_answer, print_json

EXAMPLES = """\
  zoo locate traces.npz --out event          where was the event, by waveforms or --by arrivals?
  zoo mechanism traces.npz --out source      where was it, and what kind of source?
"""


def add(commands: Commands) -> None:
    """Add the commands of this system."""
    locate = commands.add(
        "locate",
        _locate,
        "locate an event by its waveforms or its arrival times",
        examples=(
            "zoo locate traces.npz --out event",
            "zoo locate picks.csv --by arrivals --receivers stations.csv --velocity-model earth.npz --out event",
        ),
    )
    locate.add_argument(
        "traces", nargs="+", help="npz, any file that ObsPy reads, or (by arrivals) picks; one event a file"
    )
    locate.add_argument("--model", default="pca_gp_emulator", help="emulator of traces (default %(default)s)")
    locate.add_argument("--out", required=True, metavar="DIR", help="folder for posterior and figures")
    locate.add_argument("--receivers", metavar="CSV", help="station,x_km,y_km,z_km of an ObsPy file")
    locate.add_argument("--noise-sd", type=float, metavar="A", help="white noise, in the unit of the traces")
    locate.add_argument(
        "--sampler",
        help="population (default by waveforms); smc (default by arrivals), tfp-smc, ultranest or pymultinest",
    )
    locate.add_argument(
        "--origin-time",
        choices=("known", "unknown"),
        help="known: it is the first sample (default by arrivals); unknown: within 0.5 s of it (default by waveforms)",
    )
    _add_world(locate)
    locate.add_argument("--by", choices=("waveforms", "arrivals"), default="waveforms", help="default waveforms")
    locate.add_argument("--velocity-model", metavar="NPZ", help="by arrivals: the earth (default: the marine model)")
    locate.add_argument("--likelihood", default="gaussian", help="by arrivals: gaussian (default) or edt")
    locate.add_argument(
        "--pick-sd",
        type=number_or("auto"),
        metavar="S|auto",
        help="by arrivals: error of each, s; auto estimates it from the noise. The default, 0.005 (the paper's), is "
        "right for the marine earth only: set it for another one",
    )
    locate.add_argument(
        "--pulse-sigma",
        type=number_or("unknown"),
        metavar="S|unknown",
        help="by arrivals: sigma of the source's pulse, s; unknown picks onsets. The default, 0.014, is right for the "
        "marine dataset only: set it for other events",
    )
    locate.add_argument("--seed", type=int, default=0, metavar="N", help="default 0")
    add_cluster(locate)
    mechanism = commands.add(
        "mechanism",
        _mechanism,
        "infer location and moment tensor of an event by its waveforms",
        examples=(
            "zoo mechanism traces.npz --out source",
            "zoo mechanism traces.npz --constraint double_couple --out dc",
        ),
    )
    mechanism.add_argument("traces", help="npz, or any file that ObsPy reads")
    mechanism.add_argument(
        "--model", default="greens_emulator", help="emulator of Green's functions (default %(default)s)"
    )
    mechanism.add_argument("--out", required=True, metavar="DIR", help="folder for posterior and figures")
    mechanism.add_argument("--receivers", metavar="CSV", help="station,x_km,y_km,z_km of an ObsPy file")
    mechanism.add_argument("--noise-sd", type=float, metavar="A", help="white noise, in the unit of the traces")
    mechanism.add_argument(
        "--origin-time", choices=("known", "unknown"), default="unknown",
        help="known: it is the first sample; unknown (default): within 0.5 s of it",
    )  # fmt: skip
    mechanism.add_argument(
        "--constraint", choices=("full", "deviatoric", "double_couple"), default="full",
        help="what the tensor may be (default full, anything); the evidence of each is given in any case",
    )  # fmt: skip
    _add_errors(mechanism)
    mechanism.add_argument("--seed", type=int, default=0, metavar="N", help="default 0")


def _add_errors(command: argparse.ArgumentParser) -> None:
    """Add errors of the earth, the clocks and the gains."""
    command.add_argument(
        "--velocity-error", type=float, default=0.02, metavar="SHARE",
        help="by waveforms: error of the earth's travel times, as a share of them (default %(default)s); 0: none",
    )  # fmt: skip
    command.add_argument(
        "--clock-error-ms", type=float, default=1.0, metavar="MS", help="error of each clock (default %(default)s)"
    )
    command.add_argument(
        "--gain-error", type=float, default=0.1, metavar="SHARE", help="error of each gain (default %(default)s)"
    )


def _add_world(command: argparse.ArgumentParser) -> None:
    """Add what is not known of the world, and by how much."""
    _add_errors(command)
    command.add_argument(
        "--strength", choices=("known", "unknown"), default="unknown",
        help="known: that of the emulator's sources (default unknown)",
    )  # fmt: skip
    command.add_argument(
        "--pulse", choices=("known", "unknown"), default="unknown", help="known: the emulator's (default unknown)"
    )


def _world(args: argparse.Namespace):
    from zoo.microseismic.location.world import UNKNOWN_ORIGIN_TIME_S, World

    return World(
        velocity_error=args.velocity_error,
        clock_error_s=args.clock_error_ms / 1000.0,
        gain_error=args.gain_error,
        strength_known=getattr(args, "strength", "unknown") == "known",
        pulse_known=getattr(args, "pulse", "unknown") == "known",
        origin_time_s=None if args.origin_time == "known" else UNKNOWN_ORIGIN_TIME_S,
    )


def _locate(args: argparse.Namespace) -> None:
    if len(args.traces) == 1:
        if args.cluster:
            raise UsageError("--cluster is for many events, a file each; received one file.")
        location = _located(args, args.traces[0], args.seed)
        print_answer(location, args.json, f"posterior and figures are in {location.write(args.out)}")
        return
    _locate_many(args)


def _located(args: argparse.Namespace, path: str, seed: int):
    from zoo.field.picks import holds_picks
    from zoo.microseismic.location.trace_files import read_event_picks, read_traces

    if args.by == "arrivals" and holds_picks(path):
        picks, notes = read_event_picks(path, args.receivers)
        # Times of day say nothing of the origin.
        found = _by_arrivals(args, picks, seed, known=args.origin_time == "known", pick_sd="auto")
        return dataclasses.replace(found, notes=(*notes, *found.notes))
    observation = read_traces(path, args.receivers)
    if args.noise_sd is not None:
        observation = dataclasses.replace(observation, noise_sd=args.noise_sd, noise=None)
    if args.by == "waveforms":
        from zoo.microseismic.location.by_waveforms import ENGINE, locate

        return locate(observation, args.model, seed=seed, sampler=args.sampler or ENGINE, world=_world(args))
    return _by_arrivals(args, observation, seed, known=args.origin_time != "unknown")


def _by_arrivals(args: argparse.Namespace, data, seed: int, known: bool, pick_sd: str | None = None):
    from zoo.microseismic.location.by_arrivals import locate_by_arrivals

    return locate_by_arrivals(
        data,
        args.velocity_model,
        likelihood=args.likelihood,
        pick_sd_s=pick_sd if args.pick_sd is None else args.pick_sd,
        pulse_sigma_s=args.pulse_sigma,
        origin_time_known=known,
        seed=seed,
        sampler=args.sampler or "smc",
    )


def _locate_many(args: argparse.Namespace) -> None:
    """Locate each file into a folder of its name, and all of them into `locations.csv`."""
    from zoo.cluster import Job, run
    from zoo.files import write_csv
    from zoo.progress import bar

    stems = [Path(path).stem for path in args.traces]
    if twice := sorted({stem for stem in stems if stems.count(stem) > 1}):
        raise UsageError(f"Several files are called {', '.join(twice)}; each event's folder has the name of its file.")
    shared = argparse.Namespace(**{name: value for name, value in vars(args).items() if name != "function"})
    if args.cluster:  # workers may have another current folder
        for name in ("receivers", "velocity_model", "out"):
            setattr(shared, name, getattr(args, name) and str(Path(getattr(args, name)).resolve()))
        shared.traces = [str(Path(path).resolve()) for path in args.traces]
    found = {}
    with bar(f"{len(stems)} events", len(stems)) as advance:
        for number, result in run(Job(_locate_one, shared, _with_model), range(len(stems)), cluster=args.cluster):
            found[number] = result
            advance()
    found = [found[number] for number in range(len(stems))]
    passed_over = [result for result in found if isinstance(result, str)]
    located = [(stem, *result) for stem, result in zip(stems, found, strict=True) if not isinstance(result, str)]
    answers = {stem: summary for stem, summary, _, _ in located}
    header = next((["event", *names] for _, _, names, _ in located), [])
    rows = [[stem, *row] for stem, _, _, row in located]
    for said in passed_over:
        say(f"Passed over: {said}")
    if not rows:
        raise ZooError(f"None of {len(args.traces)} files could be located; the lines above say why.")
    table = write_csv(Path(args.out) / "locations.csv", [*header, "converged", "warnings"], rows)
    passed = f", {len(passed_over)} of {len(args.traces)} files were passed over" if passed_over else ""
    print_json(answers) if args.json else print(f"{len(rows)} events are in {table}{passed}")


def _with_model(args: argparse.Namespace) -> argparse.Namespace:
    """Return the arguments with the model in the place of its name: loaded once in each process, for all its events."""
    from zoo import registry

    if args.by != "waveforms":
        return args
    return argparse.Namespace(**{**vars(args), "model": registry.model_for(args.model, "microseismic.traces")[0]})


def _locate_one(args: argparse.Namespace, number: int) -> tuple[dict, list[str], list[str]] | str:
    """Locate a file into its folder; return summary, names of columns, row of the table, or what was wrong with it."""
    path = args.traces[number]
    try:
        location = _located(args, path, args.seed + number)
    except ZooError as error:  # one bad file does not end a run over many
        return str(error)
    location.write(Path(args.out) / Path(path).stem)
    summary = location.summary()
    names = [f"{name}{end}" for name in location.parameters for end in ("", "_sd")]
    values = [f"{summary[name][what]:.5g}" for name in location.parameters for what in ("mean", "sd")]
    return summary, names, [*values, "yes" if location.converged else "no", " ".join(location.warnings)]


def _mechanism(args: argparse.Namespace) -> None:
    from zoo.microseismic import mechanism, read_traces

    observation = read_traces(args.traces, args.receivers)
    found = mechanism(
        observation,
        args.model,
        noise_sd=args.noise_sd,
        seed=args.seed,
        world=_world(args),
        constraint=args.constraint,
    )
    print_answer(found, args.json, f"posterior and figures are in {found.write(args.out)}")

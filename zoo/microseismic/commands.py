"""The commands `zoo locate` and `zoo mechanism`."""

from __future__ import annotations

import argparse
import dataclasses

from zoo.terminal import Commands, number_or, print_answer

EXAMPLES = """\
  zoo locate traces.npz --out event          where was the event, by waveforms or --by arrivals?
  zoo mechanism traces.npz --out source      where was it, and what kind of source?
"""


def add(commands: Commands) -> None:
    """Add the commands of this system."""
    locate = commands.add("locate", _locate, "locate an event by its waveforms or its arrival times")
    locate.add_argument("traces", help="npz, or any file that ObsPy reads")
    locate.add_argument("--model", default="pca_gp_emulator", help="emulator of traces (default %(default)s)")
    locate.add_argument("--out", required=True, metavar="DIR", help="folder for posterior and figures")
    locate.add_argument("--receivers", metavar="CSV", help="station,x_km,y_km,z_km of an ObsPy file")
    locate.add_argument("--noise-sd", type=float, metavar="A", help="white noise, in the unit of the traces")
    locate.add_argument("--sampler", default="smc", help="smc, tfp-smc, ultranest or pymultinest (default smc)")
    locate.add_argument(
        "--origin-time", choices=("known", "unknown"), default="known", help="known: it is the first sample (default)"
    )
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
    mechanism = commands.add("mechanism", _mechanism, "infer location and moment tensor of an event by its waveforms")
    mechanism.add_argument("traces", help="npz, or any file that ObsPy reads")
    mechanism.add_argument(
        "--model", default="greens_emulator", help="emulator of Green's functions (default %(default)s)"
    )
    mechanism.add_argument("--out", required=True, metavar="DIR", help="folder for posterior and figures")
    mechanism.add_argument("--receivers", metavar="CSV", help="station,x_km,y_km,z_km of an ObsPy file")
    mechanism.add_argument("--noise-sd", type=float, metavar="A", help="white noise, in the unit of the traces")
    mechanism.add_argument("--seed", type=int, default=0, metavar="N", help="default 0")


def _locate(args: argparse.Namespace) -> None:
    from zoo.microseismic.location.trace_files import read_traces

    observation = read_traces(args.traces, args.receivers)
    if args.noise_sd is not None:
        observation = dataclasses.replace(observation, noise_sd=args.noise_sd, noise=None)
    unknown = args.origin_time == "unknown"
    if args.by == "waveforms":
        from zoo.microseismic.location.by_waveforms import UNKNOWN_ORIGIN_TIME_S, locate

        location = locate(
            observation,
            args.model,
            seed=args.seed,
            sampler=args.sampler,
            origin_time_s=UNKNOWN_ORIGIN_TIME_S if unknown else None,
        )
    else:
        from zoo.microseismic.location.by_arrivals import locate_by_arrivals

        location = locate_by_arrivals(
            observation,
            args.velocity_model,
            likelihood=args.likelihood,
            pick_sd_s=args.pick_sd,
            pulse_sigma_s=args.pulse_sigma,
            origin_time_known=not unknown,
            seed=args.seed,
            sampler=args.sampler,
        )
    print_answer(location, args.json, f"posterior and figures are in {location.write(args.out)}")


def _mechanism(args: argparse.Namespace) -> None:
    from zoo.microseismic import mechanism, read_traces

    observation = read_traces(args.traces, args.receivers)
    found = mechanism(observation, args.model, noise_sd=args.noise_sd, seed=args.seed)
    print_answer(found, args.json, f"posterior and figures are in {found.write(args.out)}")

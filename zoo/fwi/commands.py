"""The command `zoo fwi`."""

from __future__ import annotations

import argparse
from contextlib import nullcontext

from zoo.fwi.settings import ENGINES
from zoo.fwi.settings import SETTINGS as INVERSION
from zoo.terminal import Commands, add_cluster, positive, print_answer, settings_of

SETTINGS = {"fwi": INVERSION}
"""Command -> what its --set takes."""

EXAMPLES = """\
  zoo fwi line.segy --start smooth.npz --out line   which velocities explain these shots?
  zoo fwi shots/ --start smooth.segy --datum-m 320 --out line   a folder of field files, on land
"""


def add(commands: Commands) -> None:
    """Add the commands of this system."""
    fwi = commands.add(
        "fwi",
        _fwi,
        "invert shot gathers for velocity (goes on with an interrupted run)",
        data=True,
        settings=True,
        resumes=True,
        examples=(
            "zoo fwi line.segy --start smooth.npz --wavelet ricker:8 --out line",
            "zoo fwi shots/ --start smooth.segy --datum-m 320 --set iterations=20 --out line",
        ),
    )
    fwi.add_argument(
        "shots",
        metavar="SHOTS",
        nargs="+",
        help="SEG-Y, Seismic Unix or npz, several of them or a folder; or files that ObsPy reads, with --geometry",
    )
    fwi.add_argument(
        "--start", required=True, metavar="MODEL", help="first guess: npz, segy, nc, or velocity_models/CONFIG"
    )
    fwi.add_argument("--out", required=True, metavar="DIR", help="folder for models, tables and figures")
    fwi.add_argument("--geometry", metavar="CSV", help="shot,source_x_m,source_depth_m,receiver_x_m,receiver_depth_m")
    fwi.add_argument(
        "--corner",
        type=_corner,
        metavar="X,Y",
        help="map coordinates of the model's top left corner; default: where the line begins",
    )
    fwi.add_argument(
        "--aperture-m",
        type=float,
        metavar="M",
        help="simulate each shot up to this far beyond its source and receivers; default: over the whole model",
    )
    fwi.add_argument(
        "--datum-m",
        type=float,
        metavar="M",
        help="elevation of the model's top; default: 0, on land the highest surface",
    )
    fwi.add_argument(
        "--wavelet", metavar="FILE|ricker:HZ", help="default: the one stored with the shots, else estimated"
    )
    fwi.add_argument(
        "--engine",
        choices=ENGINES,
        help="what simulates: compiled kernels on the CPU (default), or XLA through JAX on its default device",
    )
    fwi.add_argument(
        "--density",
        metavar="FILE|gardner",
        help="density on the start's grid, or Gardner's of its velocities; it stays as it is; default: constant",
    )
    fwi.add_argument("--true", metavar="MODEL", help="the true model, in any of these forms, to measure the error")
    add_cluster(fwi)
    fwi.add_argument("--every", type=positive, default=10, metavar="N", help="a picture every N iterations, default 10")


def _corner(text: str) -> tuple[float, float]:
    """Read two numbers with a comma between them, as the `type` of an argument."""
    try:
        east_m, north_m = map(float, text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not two numbers such as 456000,5812345") from error
    return east_m, north_m


def _fwi(args: argparse.Namespace) -> None:
    from zoo.cluster import opened

    with opened(args.cluster) if args.cluster else nullcontext() as client:
        _invert(args, client)


def _invert(args: argparse.Namespace, client) -> None:
    from zoo.fwi import invert, read_model

    inverted = invert(
        args.shots if len(args.shots) > 1 else args.shots[0],
        read_model(args.start, "start_m_s", args.data_dir),
        args.out,
        geometry=args.geometry,
        corner_m=args.corner,
        datum_m=args.datum_m,
        aperture_m=args.aperture_m,
        wavelet=args.wavelet,
        truth=args.true and read_model(args.true, "velocity_m_s", args.data_dir),
        settings=settings_of(args.set),
        figure_every=args.every,
        client=client,
        engine=args.engine,
        density=args.density,
    )
    print_answer(inverted, args.json, f"models, tables and figures are in {args.out}; look at overview.png first")

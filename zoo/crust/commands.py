"""The command `zoo crust`."""

from __future__ import annotations

import argparse
from pathlib import Path

from zoo.terminal import Commands, print_answer

EXAMPLES = """\
  zoo crust velocities.csv --out crust       how thick is the crust? from maps of phase velocity
"""


def add(commands: Commands) -> None:
    """Add the commands of this system."""
    crust = commands.add(
        "crust",
        _crust,
        "invert maps of Rayleigh phase velocity for crustal thickness",
        data=True,
        examples=(
            "zoo crust velocities.csv --out crust",
            "zoo crust curve.csv --kind rayleigh_group --noise 0.01 --out point   # one curve: Vs with depth",
            "zoo crust velocities.csv --smoothness 50 --compare crust1 --out crust",
            "zoo crust velocities.csv --smoothness 100 --points receiver_functions.csv --out crust",
        ),
    )
    crust.add_argument(
        "map", metavar="MAP", help="a table, folder, npz, netCDF, one curve, or a dataset like phase_velocity_maps/NAME"
    )
    crust.add_argument("--model", default="surface_waves", help="a crust model or its folder (default %(default)s)")
    crust.add_argument("--out", required=True, metavar="DIR", help="folder for maps, tables and figures")
    crust.add_argument("--compare", metavar="NAME", help="a known thickness: crust1, or a table")
    crust.add_argument("--kind", help="rayleigh_phase, rayleigh_group, love_phase or love_group: what the file holds")
    crust.add_argument("--order", default="", choices=("lon-lat", "lat-lon"), help="of columns without a header")
    crust.add_argument("--prior", metavar="NAME", help="crust1 or a table: its thickness around the map is the prior")
    crust.add_argument("--smoothness", type=float, metavar="KM", help="length over which the thickness varies")
    crust.add_argument(
        "--points", metavar="FILE", help="known thickness, lon lat thickness sd, or H-k grids; with --smoothness"
    )
    crust.add_argument(
        "--correlation", type=float, default=0.0, metavar="R", help="of errors at a distance of 0.1 in ln(period)"
    )
    crust.add_argument("--profile", action="store_true", help="draw Vs with depth and its interval, the map's mean")
    crust.add_argument(
        "--noise", type=float, metavar="R", help="relative sd where there are no error bars, such as 0.01"
    )


def _crust(args: argparse.Namespace) -> None:
    from zoo.crust import inversion as crust
    from zoo.crust.points import read_points

    velocities = crust.read_map(args.map, args.data_dir, kind=args.kind, order=args.order)
    reference = crust.read_reference(args.compare, args.data_dir) if args.compare else None
    name = args.compare and Path(args.compare).stem
    inverted = crust.invert(
        velocities,
        args.model,
        noise_relative=args.noise,
        noise_correlation=args.correlation,
        prior=crust.read_reference(args.prior, args.data_dir) if args.prior else None,
        smoothness_km=args.smoothness,
        points=read_points(args.points) if args.points else None,
        reference=reference,
        reference_name=name,
    )
    folder = inverted.write(args.out)
    if not hasattr(inverted, "flag"):
        print_answer(inverted, args.json, f"profile.png and profile.csv are in {folder}")
        return
    if args.profile:
        from zoo.crust.figures import draw_profile

        draw_profile(inverted, folder / "profile.png")
    print_answer(inverted, args.json, f"maps, tables and figures are in {folder}; look at overview.png first")

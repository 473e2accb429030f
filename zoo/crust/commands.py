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
    crust = commands.add("crust", _crust, "invert maps of Rayleigh phase velocity for crustal thickness", data=True)
    crust.add_argument("map", metavar="MAP", help="a table, folder or npz, or a dataset like phase_velocity_maps/NAME")
    crust.add_argument("--model", default="mdn_crust", help="a crust model or its folder (default %(default)s)")
    crust.add_argument("--out", required=True, metavar="DIR", help="folder for maps, tables and figures")
    crust.add_argument("--compare", metavar="NAME", help="a known thickness: crust1, or a table")
    crust.add_argument(
        "--noise", type=float, metavar="R", help="relative sd where there are no error bars, such as 0.01"
    )


def _crust(args: argparse.Namespace) -> None:
    from zoo.crust import inversion as crust

    velocities = crust.read_map(args.map, args.data_dir)
    reference = crust.read_reference(args.compare, args.data_dir) if args.compare else None
    name = args.compare and Path(args.compare).stem
    inverted = crust.invert(velocities, args.model, noise_relative=args.noise, reference=reference, reference_name=name)
    folder = inverted.write(args.out)
    print_answer(inverted, args.json, f"maps, tables and figures are in {folder}; look at overview.png first")

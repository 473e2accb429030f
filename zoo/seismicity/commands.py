"""The command `zoo seismicity`."""

from __future__ import annotations

import argparse
import sys

from zoo.terminal import Commands, print_answer, print_table, settings_of

EXAMPLES = """\
  zoo seismicity catalogue.csv --out found   when and where was seismicity anomalous?
"""


def add(commands: Commands) -> None:
    """Add the commands of this system."""
    seismicity = commands.add(
        "seismicity",
        _seismicity,
        "find anomalous periods and regions in an earthquake catalogue",
        examples=(
            "zoo seismicity catalogue.csv --out found",
            "zoo seismicity catalogue.csv --window 3 --false-alarms 1 --columns time=datum magnitude=Ml --out found",
        ),
    )
    seismicity.add_argument("catalogue", metavar="CATALOG", help="CSV, a location program's output, GeoJSON ...")
    seismicity.add_argument("--out", required=True, metavar="DIR", help="folder for tables, figures and a movie")
    seismicity.add_argument(
        "--model", default="seismicity_resnet18.etas",
        help="network to stand beside the scan, or none; default %(default)s",
    )  # fmt: skip
    seismicity.add_argument(
        "--method", choices=("etas", "both", "network", "scan", "count", "pixel"),
        help="score whose alarms count; default both, the scan against background and aftershocks with the network "
        "that was trained on them; etas, that scan, without such a network",
    )  # fmt: skip
    seismicity.add_argument(
        "--columns", metavar="WHAT=NAME", nargs="+", action="extend", default=[],
        help="which columns are time, latitude, longitude (or x_km, y_m ...), depth, magnitude: names or numbers",
    )  # fmt: skip
    seismicity.add_argument(
        "--time-format", metavar="FORM",
        help="dmy, mdy, epoch, excel, decimal_year, 'days since 2019-01-01', '%%d.%%m.%%Y %%H:%%M'; default: found",
    )  # fmt: skip
    seismicity.add_argument("--year", type=int, metavar="YEAR", help="of a catalogue whose dates have none")
    seismicity.add_argument("--epsg", type=int, metavar="NUMBER", help="coordinate system of x and y; needs pyproj")
    seismicity.add_argument(
        "--region", metavar=("W", "E", "S", "N"), nargs=4, type=float, help="degrees, or km; default: nearly all events"
    )
    seismicity.add_argument("--pixel-km", type=float, metavar="KM", help="default: 64 pixels span the region")
    seismicity.add_argument("--window", type=float, metavar="DAYS", help="default 1, or what holds enough events")
    seismicity.add_argument("--stride", type=float, metavar="DAYS", help="default half a window")
    seismicity.add_argument("--completeness", metavar="M", help="magnitude, or none; default the most frequent one")
    seismicity.add_argument("--false-alarms", type=float, default=4.0, metavar="N", help="a year, default 4")
    seismicity.add_argument("--manual", metavar="CSV", help="start,end of periods marked by hand, to compare with")
    seismicity.add_argument("--no-movie", action="store_true", help="leave the movie out")


def _seismicity(args: argparse.Namespace) -> None:
    from zoo.seismicity import find_anomalies, read_catalogue, read_periods

    manual = read_periods(args.manual) if args.manual else []
    catalogue = read_catalogue(
        args.catalogue,
        settings_of(args.columns, "--columns"),
        time_format=args.time_format,
        year=args.year,
        epsg=args.epsg,
    )
    print(f"zoo: {args.catalogue}: {catalogue.describe()}", file=sys.stderr)
    found = find_anomalies(
        catalogue,
        None if args.model == "none" else args.model,
        method=args.method,
        region=args.region,
        pixel_km=args.pixel_km,
        window_days=args.window,
        stride_days=args.stride,
        completeness=args.completeness,
        false_alarms_per_year=args.false_alarms,
    )
    found.manual = manual
    found.write(args.out, movie=not args.no_movie)
    where = f"tables, figures and movie are in {args.out}; look at overview.png first"
    print_answer(found, args.json, where)
    if not args.json:
        print_table(*found.table())

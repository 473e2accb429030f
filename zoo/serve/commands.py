"""The command `zoo serve`."""

from __future__ import annotations

import argparse

from zoo.terminal import Commands, positive


def add(commands: Commands) -> None:
    """Add the command."""
    serve = commands.add(
        "serve",
        _serve,
        "the commands as a page in the browser, on this machine",
        examples=("zoo serve", "zoo serve --port 8123 --minutes 20 --megabytes 500"),
    )
    serve.add_argument(
        "--host", default="127.0.0.1", metavar="NAME", help="that browsers ask; default 127.0.0.1, this machine alone"
    )
    serve.add_argument("--port", type=positive, default=8750, metavar="N", help="default %(default)s")
    serve.add_argument(
        "--megabytes", type=positive, default=200, metavar="N", help="the largest upload (default %(default)s)"
    )
    serve.add_argument(
        "--minutes", type=positive, default=10, metavar="N", help="the longest run of a command (default %(default)s)"
    )


def _serve(args: argparse.Namespace) -> None:
    from zoo.serve import Limits, serve

    serve(args.host, args.port, Limits(upload_bytes=args.megabytes * 10**6, run_s=60.0 * args.minutes))

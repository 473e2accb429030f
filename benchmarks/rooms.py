"""How many rooms does a run walk through: a catalogue to its anomalies, and shots to a velocity model?

    python benchmarks/rooms.py [--calls]

A room is a folder directly under zoo/. Files directly under zoo/ (errors.py, files.py, progress.py, registry.py, ...)
are the core, which every run uses, and no rooms; nor are recipes/, datasets/ and checkpoints/, found by name.

Each run is traced in a process of its own (`sys.setprofile`). Every call of a function counts, also one made while a
module is imported; the bodies of modules and classes, which an import runs, are no calls. Of each module the first call
is kept, in order of time. Two numbers follow from this list, in the same way for both runs:

    changes   how often a call is in another room than the call before it. This is the stricter number, as coming back
              counts again, and the one that the target is for.
    entered   how many different rooms there are beside the first

Both runs are SYNTHETIC and small: two years of a region's earthquakes with a burst, given as a CSV file to
`zoo.seismicity.find_anomalies` with the shipped network, whose result writes all its files; and three shots over a
model of 30 x 40 cells, given as files to `zoo.fwi.invert`.
"""

from __future__ import annotations

import argparse
import inspect
import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType

import numpy as np
from table import print_table

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

TARGETS = {"catalogue": 2, "shots": 4}
NO_ROOMS = {"recipes", "datasets", "checkpoints"}
"""Folders that a wheel has under zoo/ and a checkout beside it."""
DAYS, EVENTS, BURST_EVENTS = 730, 3000, 60
SPACING_M, TIME_STEP_S, SAMPLES, PEAK_HZ = 10.0, 0.002, 200, 12.0


class Trace:
    """The first call of each module of a package, in order of time.

    Args:
        package: the package's folder.
    """

    def __init__(self, package: Path) -> None:
        self._inside = f"{package}{os.sep}"
        self._known: set[CodeType] = set()
        self.calls: dict[str, str] = {}
        """module, as a path below the package -> the function that was called first"""

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if event != "call" or code in self._known:
            return
        self._known.add(code)
        # Bodies of modules and classes are compiled without fast local variables, functions with them.
        if code.co_filename.startswith(self._inside) and code.co_flags & inspect.CO_OPTIMIZED:
            self.calls.setdefault(code.co_filename.removeprefix(self._inside), code.co_name)

    def of(self, run: Callable[[], object]) -> None:
        """Trace a run, in all its threads."""
        threading.setprofile(self)
        sys.setprofile(self)
        try:
            run()
        finally:
            sys.setprofile(None)
            threading.setprofile(None)


def room(module: str) -> str | None:
    """Return the room of a module, None for the core."""
    folder = Path(module).parts[0]
    return None if folder == module or folder in NO_ROOMS else folder


def rooms_of(modules: list[str]) -> list[str]:
    """Return the rooms that modules lead through, one for each stay."""
    return [name for name, _ in itertools.groupby(filter(None, map(room, modules)))]


def write_catalogue(path: Path) -> None:
    """Write two years of earthquakes, and a burst on day 400."""
    rng = np.random.default_rng(0)
    time_days = np.append(rng.random(EVENTS) * DAYS, 400 + rng.random(BURST_EVENTS))
    x_km = np.append(rng.normal(0, 8, EVENTS), rng.normal(5, 0.4, BURST_EVENTS))
    y_km = np.append(rng.normal(0, 8, EVENTS), rng.normal(-5, 0.4, BURST_EVENTS))
    magnitude = 1 + rng.exponential(1 / np.log(10), EVENTS + BURST_EVENTS)
    time = np.datetime64("2020-01-01", "ms") + np.round(86_400_000 * time_days).astype("timedelta64[ms]")
    rows = zip(time, x_km, y_km, magnitude, strict=True)
    path.write_text("time,x_km,y_km,mag\n" + "".join(f"{t},{x:.3f},{y:.3f},{m:.1f}\n" for t, x, y, m in rows))


def write_shots_and_start(folder: Path) -> None:
    """Write what three shots record over two layers, and the smoothed model to start from."""
    from zoo.fwi import Shots, Survey, VelocityModel, ricker, simulate
    from zoo.fwi.physics.velocity_models import write_velocity_model
    from zoo.fwi.shots import write_shots

    velocity_m_s = np.full((30, 40), 1800.0)
    velocity_m_s[14:] = 2200.0
    truth = VelocityModel(velocity_m_s, SPACING_M)
    sources = np.array([[2, 5], [2, 20], [2, 34]], np.int32)
    receivers = np.array([[1, column] for column in range(0, 40, 3)], np.int32)
    wavelet = np.tile(ricker(PEAK_HZ, TIME_STEP_S, SAMPLES), (len(sources), 1))
    observed = simulate(velocity_m_s, SPACING_M, Survey(wavelet, sources, receivers, TIME_STEP_S))
    shot, receiver = (part.ravel() for part in np.indices((len(sources), len(receivers))))
    shots = Shots(
        traces=np.asarray(observed).transpose(0, 2, 1).reshape(-1, SAMPLES),
        time_step_s=TIME_STEP_S,
        shot=shot + 1,
        source_x_m=sources[shot, 1] * SPACING_M,
        source_depth_m=sources[shot, 0] * SPACING_M,
        receiver_x_m=receivers[receiver, 1] * SPACING_M,
        receiver_depth_m=receivers[receiver, 0] * SPACING_M,
        first_sample_s=TIME_STEP_S,
    )
    write_shots(shots, folder / "shots.npz")
    write_velocity_model(truth.smoothed(60.0), folder / "start.npz")


def from_catalogue(folder: Path) -> None:
    """Find the anomalies of the catalogue in a folder, and write them."""
    from zoo import seismicity

    seismicity.find_anomalies(folder / "catalogue.csv", window_days=60.0).write(folder / "anomalies")


def from_shots(folder: Path) -> None:
    """Invert the shots in a folder, and write the model."""
    from zoo import fwi

    settings = {"iterations": 3, "width": 8}
    files = (folder / "shots.npz", folder / "start.npz", folder / "inverted")
    fwi.invert(*files, wavelet=f"ricker:{PEAK_HZ:g}", settings=settings, figure_every=3)


RUNS = {"catalogue": from_catalogue, "shots": from_shots}


def traced(name: str, folder: Path) -> dict[str, str]:
    """Return the first call of each module in a run, from a process of its own."""
    out = folder / f"{name}.json"
    subprocess.run([sys.executable, __file__, "--trace", name, str(folder), str(out)], check=True)
    return json.loads(out.read_text())


def trace(name: str, folder: Path, out: Path) -> None:
    """Trace a run in this process, and write the first call of each module as JSON."""
    import zoo

    made = Trace(Path(zoo.__file__).parent)
    made.of(lambda: RUNS[name](folder))
    out.write_text(json.dumps(made.calls))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", action="store_true", help="print the first call of each module too")
    parser.add_argument("--trace", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.trace:
        name, folder, out = args.trace
        trace(name, Path(folder), Path(out))
        return
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_catalogue(folder / "catalogue.csv")
        write_shots_and_start(folder)
        for name, target in TARGETS.items():
            calls = traced(name, folder)
            if args.calls:
                print(*(f"{module}: {function}" for module, function in calls.items()), sep="\n")
            rooms = rooms_of(list(calls))
            rows.append([name, len(calls), " > ".join(rooms), len(rooms) - 1, f"<= {target}", len(set(rooms)) - 1])
    header = ("run", "modules called", "rooms", "changes", "target", "entered")
    print_table("Rooms (folders directly under zoo/) along one traced run, SYNTHETIC data", header, rows)


if __name__ == "__main__":
    main()

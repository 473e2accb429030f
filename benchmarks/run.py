"""Run every benchmark of this folder and print its table: `make bench`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ORDER = (
    "elastic.py",
    "emulators.py",
    "eikonal.py",
    "location.py",
    "microseismic_world.py",
    "samplers.py",
    "mechanism.py",
    "crust.py",
    "waves.py",
    "field_line.py",
    "seismograms.py",
    "waveforms.py",
    "reading.py",
    "picking.py",
    "continuous.py",
    "autoencoder.py",
    "explosions.py",
    "annotate.py",
    "association.py",
    "catalogue_day.py",
    "seismicity.py",
    "catalogue.py",
    "catalogue_formats.py",
    "rooms.py",
)


def main() -> int:
    failed = 0
    for name in ORDER:
        print(f"\n== {name}", flush=True)
        failed += subprocess.run([sys.executable, str(HERE / name)]).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())

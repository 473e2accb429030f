"""One catalogue in the forms of archives, location programs, spreadsheets and scripts: how many are read right?

    python benchmarks/catalogue_formats.py [--regions California Italy ...] [--form NAME] [--show]

SYNTHETIC events, written by `tests/catalogue_forms.py`, read by `zoo.seismicity.read_catalogue`. Right is what agrees
in every event with time, place, depth and magnitude as far as the form holds them; a form that holds too little (years
alone) is right if it is refused. Asked is a refusal that says what to add: a file without a header in a region where
both numbers may be a latitude. Wrong is the only failure.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from table import print_table

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from catalogue_forms import FORMS
from catalogue_truth import REGIONS, Truth, options, verdict

from zoo.errors import ZooError
from zoo.seismicity import read_catalogue

VERDICTS = ("right", "partly", "wrong", "asked or refused")


def measure(region: str, chosen: str, show: bool) -> Counter:
    """Write and read each form in a region; return how many got which verdict."""
    truth, tally = Truth.of(region), Counter()
    with tempfile.TemporaryDirectory() as folder:
        for form in FORMS.values():
            if chosen and chosen != form.name:
                continue
            path = form.write(truth, Path(folder))
            try:
                read = read_catalogue(path, **options(form, truth))
                found, why = verdict(read, truth, form)
                found, why = ("wrong", "read, though it holds too little") if form.refused else (found, why)
                told = " | ".join(read.notes[1:])
            except ZooError as error:
                found, why, told = ("right" if form.refused else "asked or refused"), "refused", str(error)
            tally[found] += 1
            if show or found in ("partly", "wrong"):
                print(f"{region}, {form.name}: {found} {why} [{told[:300]}]", flush=True)
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--regions", nargs="+", choices=REGIONS, default=list(REGIONS))
    parser.add_argument("--form", default="", help="only this one")
    parser.add_argument("--show", action="store_true", help="print each form and what was said of it")
    args = parser.parse_args()
    rows = []
    for region in args.regions:
        tally = measure(region, args.form, args.show)
        rows.append([region, *(str(tally[name]) for name in VERDICTS)])
    print_table(f"One SYNTHETIC catalogue in {1 if args.form else len(FORMS)} forms", ("region", *VERDICTS), rows)


if __name__ == "__main__":
    main()

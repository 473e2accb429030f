"""What it costs to meet the zoo: the chapters of `zoo demo`, and the first answers of `zoo serve`, in CPU-seconds.

    python benchmarks/front_door.py [--chapters 1 4] [--tabs picks crust]

Each runs in a process of its own, as in the demo and in the page, with one thread. The first to need a compiled kernel
compiles it (the cache of kernels begins empty), as after an installation; that of Python's own byte code is warm.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from table import print_table  # noqa: E402

from zoo.demo import CHAPTERS  # noqa: E402
from zoo.serve import TABS, Jobs, Limits  # noqa: E402

_CHAPTER = "import sys; from pathlib import Path; from zoo import demo; demo._begin(1); demo._chapter({}, Path({!r}))"


def cost() -> float:
    """Return the CPU-seconds of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chapters", type=int, nargs="*", default=list(range(1, len(CHAPTERS) + 1)))
    parser.add_argument("--tabs", nargs="*", default=["picks"], choices=list(TABS))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"ZOO_CACHE": f"{folder}/cache", "OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1"}
        os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        rows, before = [], cost()
        for number in args.chapters:
            code = _CHAPTER.format(number, f"{folder}/demo")
            subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
            rows.append([[*CHAPTERS][number - 1], f"{cost() - before:.0f}"])
            before = cost()
        if rows:
            rows.append(["together", f"{sum(float(row[1]) for row in rows):.0f}"])
            print_table("zoo demo: chapters", ["chapter", "CPU-s"], rows)
        rows = []
        for name in args.tabs:
            jobs = Jobs(Limits(run_s=3600.0))
            job = jobs.submit(TABS[name], {}, TABS[name].set_on_example, example=True)
            while not job.is_over:
                time.sleep(0.5)
            rows.append([TABS[name].title, job.state, f"{cost() - before:.0f}"])
            before = cost()
            jobs.close()
        if rows:
            print_table("zoo serve: the example of a tab, asked first", ["tab", "state", "CPU-s"], rows)


if __name__ == "__main__":
    main()

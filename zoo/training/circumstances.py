"""When, by which code and on what kind of machine something was measured; no name and no path of the machine."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

from zoo.files import cores

_CODE = ("zoo", "recipes", "datasets", "checkpoints", "benchmarks")


def circumstances() -> dict[str, str]:
    """Return `date` (UTC), `commit` and `machine`, the machine's class.

    >>> sorted(circumstances())
    ['commit', 'date', 'machine']
    """
    python = f"Python {platform.python_version()}"
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "commit": commit(),
        "machine": f"{cores()} shared cores, {platform.machine()}, {accelerators()}, {python}",
    }


def commit() -> str:
    """Return the commit of the checkout, and whether its code was changed since; "unknown" outside of one."""
    root = Path(__file__).resolve().parents[2]

    def git(*arguments: str) -> str:
        try:
            done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
        except OSError:  # there is no git
            return ""
        return done.stdout.strip()

    if not (root / ".git").exists() or not (found := git("rev-parse", "--short=12", "HEAD")):
        return "unknown"
    changed = git("status", "--porcelain", "--untracked-files=no", "--", *(f"{name}/**/*.py" for name in _CODE))
    return f"{found} with local changes" if changed else found


def accelerators() -> str:
    """Return how many GPUs TensorFlow sees where it is loaded, else whether the system has one."""
    if "tensorflow" in sys.modules:
        count = len(sys.modules["tensorflow"].config.list_physical_devices("GPU"))
        return f"{count} GPU" if count else "no GPU"
    return "a GPU" if any(os.path.exists(device) for device in ("/dev/nvidia0", "/dev/kfd")) else "no GPU"


def spent_cpu_s() -> float:
    """Return the CPU-seconds of this process and of the children that have ended."""
    children = os.times()
    return time.process_time() + children.children_user + children.children_system


def versions_of(packages: tuple[str, ...]) -> dict[str, str]:
    """Return the versions of packages; "not installed" for what is not there.

    >>> versions_of(("no-such-package",))
    {'no-such-package': 'not installed'}
    """
    found = {}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found

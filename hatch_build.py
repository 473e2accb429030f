"""What of the checkpoints goes into a package: all but large weights (`LIMIT_BYTES`), which are fetched at first use.

python hatch_build.py        prints what stays out
"""

from __future__ import annotations

import json
from pathlib import Path

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run as a script
    BuildHookInterface = object

ROOT = Path(__file__).parent
# Of a file of weights of a recipe's default model, and of another one, so that a wheel stays below 60 MB.
LIMIT_BYTES = {True: 10_000_000, False: 5_000_000}


def left_out() -> list[Path]:
    """Return the files of weights that no package carries."""

    def limit(path: Path) -> int:
        return LIMIT_BYTES[json.loads(path.with_name("card.json").read_text(encoding="utf-8"))["default"]]

    return sorted(path for path in (ROOT / "checkpoints").glob("*/*.h5") if path.stat().st_size > limit(path))


def packed() -> list[Path]:
    """Return the files of the checkpoints that the packages carry."""
    out = set(left_out())
    return sorted(path for path in (ROOT / "checkpoints").rglob("*") if path.is_file() and path not in out)


class CheckpointHook(BuildHookInterface):
    """Puts them into the wheel; an editable installation uses the checkout."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict) -> None:
        if version != "editable":
            inside = "zoo/" if self.target_name == "wheel" else ""
            for path in packed():
                build_data["force_include"][str(path)] = inside + path.relative_to(ROOT).as_posix()


if __name__ == "__main__":
    for path in left_out():
        print(path.relative_to(ROOT), path.stat().st_size)

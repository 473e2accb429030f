"""Mutation check of the modules that handle faults: how many small changes of them no test notices.

    python benchmarks/mutants.py [--count N] [--modules store gate ...]

Each mutant is one change of one module, in a copy of the package: a comparison turned round, `and` for `or`, a `raise`
or a call that stands alone left out, a number off by one, a condition that always or never holds. The tests of faults
that `make test` runs are run on it until the first fails. A mutant that they let pass has survived; it is printed. One
that uses many times the processor time of the unchanged module, or hangs, was noticed.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Module -> the tests that hold it.
MODULES = {
    "store": ["test_kills.py", "test_two_processes.py", "test_readonly.py"],
    "gate": ["test_tampered_checkpoints.py"],
    "foreign": ["test_fuzz.py", "test_tampered_checkpoints.py"],
    "compiled": ["test_readonly.py"],
    "data/prepared": ["test_damaged_datasets.py"],
    "data/mending": ["test_damaged_datasets.py"],
    "data/random_access": ["test_damaged_datasets.py"],
    "data/download": ["test_lying_servers.py", "../data/test_download.py"],
}
_CPU_S, _HANGS_S = 300, 7200
"""What the tests of a module may use of a processor; the clock tells nothing on a busy machine."""
_TURNED = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip


def mutants(source: str) -> Iterator[tuple[int, str, str]]:
    """Yield line, what was changed, and the changed source."""
    tree = ast.parse(source)
    for number, node in enumerate(ast.walk(tree)):
        for what, change in changes(node):
            changed = copy.deepcopy(tree)
            twin = next(other for place, other in enumerate(ast.walk(changed)) if place == number)
            change(twin)
            yield getattr(node, "lineno", 0), what, ast.unparse(ast.fix_missing_locations(changed))


def changes(node: ast.AST):
    """Yield what can be changed at a node of the syntax tree, as a name and what does it to a copy of the node."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _TURNED:
        yield "comparison turned round", lambda twin: twin.ops.__setitem__(0, _TURNED[type(twin.ops[0])]())
    if isinstance(node, ast.BoolOp):
        other = ast.Or if isinstance(node.op, ast.And) else ast.And
        yield "and <-> or", lambda twin: setattr(twin, "op", other())
    if isinstance(node, ast.If):
        for value in (True, False):
            yield f"if {value}", lambda twin, value=value: setattr(twin, "test", ast.Constant(value))
    if isinstance(node, ast.Constant) and type(node.value) is int:
        yield "number off by one", lambda twin: setattr(twin, "value", twin.value + 1)
    for field in ("body", "orelse", "finalbody"):
        block = getattr(node, field, None)
        for place, statement in enumerate(block if isinstance(block, list) else ()):
            call = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
            if call or isinstance(statement, ast.Raise):
                kind = "call left out" if call else "raise left out"
                yield kind, lambda twin, f=field, p=place: getattr(twin, f).__setitem__(p, ast.Pass())


def survives(package: Path, module: str, source: str) -> bool:
    """Return whether the tests of a module pass on a changed source; they run in a fork of this process."""
    path = package / "zoo" / f"{module}.py"
    kept = path.read_text(encoding="utf-8")
    path.write_text(source, encoding="utf-8")
    tests = [str((ROOT / "tests" / "faults" / name).resolve()) for name in MODULES[module]]
    child = os.fork()
    if child == 0:
        _test(package, tests)
    try:
        until = time.monotonic() + _HANGS_S
        while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < until:
            time.sleep(0.1)
        if ended != (0, 0):
            return ended[1] == 0
        os.killpg(child, signal.SIGKILL)  # it hangs: noticed
        os.waitpid(child, 0)
        return False
    finally:
        path.write_text(kept, encoding="utf-8")


def _test(package: Path, tests: list[str]) -> None:
    """Be the process that tests a mutant: TensorFlow is imported already, the zoo is not."""
    os.setpgid(0, 0)
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
    os.chdir(package)
    os.environ |= {"PYTHONPATH": str(package), "ZOO_FUZZ": "30", "PYTHONDONTWRITEBYTECODE": "1"}
    sys.path[:] = [
        str(package),
        *(place for place in sys.path if Path(place or ".").resolve() not in (ROOT, ROOT / "benchmarks")),
    ]
    sys.dont_write_bytecode = True
    silent = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(silent, number)
    code = 1
    try:
        import pytest

        import zoo

        if not Path(zoo.__file__).is_relative_to(package):
            raise ImportError(f"the tests would test {zoo.__file__}")
        code = int(pytest.main(["-q", "-x", "-p", "no:cacheprovider", "--rootdir", str(ROOT), *tests]))
    finally:
        os._exit(code)


def main() -> None:
    from rich.progress import track
    from table import print_table

    for library in ("tensorflow", "keras", "h5py", "obspy", "numba"):  # once; the zoo itself in each process anew
        importlib.import_module(library)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10, metavar="N", help="mutants of each module, drawn at random")
    parser.add_argument("--modules", nargs="+", choices=MODULES, default=list(MODULES))
    args = parser.parse_args()
    rows, survivors = [], []
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder)
        for name in ("zoo", "recipes", "datasets", "checkpoints"):
            shutil.copytree(ROOT / name, package / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        for module in args.modules:
            source = (ROOT / "zoo" / f"{module}.py").read_text(encoding="utf-8")
            every = list(mutants(source))
            if not survives(package, module, source):
                raise SystemExit(f"The tests of zoo/{module}.py fail without any change: nothing can be said.")
            drawn = random.Random(0).sample(every, min(args.count, len(every)))
            left = []
            for line, what, changed in track(drawn, f"Mutants of {module}"):
                if survives(package, module, changed):
                    left.append((line, what))
            survivors += [f"zoo/{module}.py:{line}: {what}" for line, what in left]
            rows.append(
                [module, str(len(every)), str(len(drawn)), str(len(left)), f"{100 * len(left) / len(drawn):.0f} %"]
            )
            print(*survivors[len(survivors) - len(left) :], sep="\n", file=sys.stderr, flush=True)
    header = ["module", "mutants that there are", "tried", "survived", "share"]
    print_table("Mutants of the modules that handle faults (target: below 20 % survive)", header, rows)


if __name__ == "__main__":
    main()

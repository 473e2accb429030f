"""The walls of the house: no import between systems, no arrow up, no circle, physics without Keras and TensorFlow."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import zoo
from zoo.data.code import foundations, imported

ROOT = Path(zoo.__file__).parent
# From the top to the bottom: a module imports its own floor and those below.
FLOORS = (
    {"cli", "demo", "reproduce", "contracts", "new", "listing", "serve"},
    set(zoo.SYSTEMS),
    {"training"},
    {"registry"},
    {"checkpoint", "recipe_files"},
    {"data"},
    {"sampling", "field", "terminal", "metrics", "figures", "serving", "settings", "gate", "compiled", "files"}
    | {"cluster", "foreign", "store", "progress", "errors", "own", "quiet", "chapters", "interrupts"},
)
MODULES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


def name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def room(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").parts[0]


def floor(path: Path) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if room(path) in rooms)


def imports(path: Path) -> list[Path]:
    """The modules that a file imports, also inside functions; not what is for type checkers alone."""
    return [found for found in imported(path) if found != path]


def at_import(path: Path) -> set[str]:
    """The modules that importing a file imports, by their full names."""
    names = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def test_every_room_has_a_floor():
    assert {room(path) for path in MODULES} <= set().union(*FLOORS)


def test_no_system_imports_another():
    between = [
        f"{name(path)} -> {name(other)}"
        for path in MODULES
        for other in imports(path)
        if room(path) in zoo.SYSTEMS and room(other) in zoo.SYSTEMS and room(path) != room(other)
    ]
    assert not between


def test_no_arrow_goes_up():
    up = [f"{name(path)} -> {name(other)}" for path in MODULES for other in imports(path) if floor(other) < floor(path)]
    assert not up


def test_there_is_no_circle():
    """An import inside a function runs later, so it closes no circle."""
    graph = {}
    for path in MODULES:
        at_once = at_import(path)
        graph[path] = {other for other in imports(path) if f"zoo.{name(other)}" in at_once}
    graph = {path: others for path, others in graph.items() if path.name != "__init__.py"}
    done: set[Path] = set()

    def visit(path: Path, way: tuple[Path, ...]) -> None:
        assert path not in way, " -> ".join(name(step) for step in (*way[way.index(path) :], path))
        if path in done:
            return
        for other in graph.get(path, ()):
            visit(other, (*way, path))
        done.add(path)

    for path in graph:
        visit(path, ())


FRAMEWORKS = {"keras", "tensorflow", "tf_keras", "tensorflow_probability", "gpflow"}


def packages(path: Path) -> set[str]:
    """The packages that a file names in its imports, also inside functions."""
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
    return {found.split(".")[0] for found in names}


@pytest.mark.parametrize("system", zoo.SYSTEMS)
def test_physics_stands_without_keras_and_tensorflow(system):
    """Nor do the modules that it stands on name them: of its system, and of `field`, which all share."""
    files = sorted((ROOT / system / "physics").rglob("*.py"))
    assert len(files) > 2
    for path in {*files, *foundations(files)}:
        assert not packages(path) & FRAMEWORKS, name(path)
        assert room(path) in (system, "field"), name(path)

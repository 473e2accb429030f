"""What TensorFlow runs of a compiled step: which of its reads and writes of a variable nothing puts in order."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from graphlib import TopologicalSorter

from tensorflow.core.framework import types_pb2
from tensorflow.python.eager import context

_READS = ("ReadVariableOp", "ResourceGather")
_HANDED_ON = ("Identity", "Switch", "Merge", "Enter", "Exit", "NextIteration")
"""What a variable's handle passes through on its way."""


@contextlib.contextmanager
def recorded():
    """Yield a list, which is filled with the graphs that were run, as optimised, when the block ends."""
    graphs = []
    context.context().enable_graph_collection()
    context.context().enable_run_metadata()
    try:
        yield graphs
    finally:
        for function in context.context().export_run_metadata().function_graphs:
            graphs += function.partition_graphs
        context.context().disable_run_metadata()
        context.context().disable_graph_collection()


def unordered(graph) -> list[tuple[str, str]]:
    """Return pairs of a write of a variable and another use of it that may run in either order.

    In a loop, the uses of one pass and those of the next count as well.
    """
    nodes = {node.name: node for node in graph.node}
    inputs = {node.name: {_source(given) for given in node.input} for node in graph.node}
    uses = _uses(nodes)
    bit = {name: 1 << number for number, name in enumerate({name for names in uses.values() for name in names})}
    # Which uses come before a node, each a bit: in the same pass of a loop, and in the pass before.
    same, last, looped = {}, {}, set()
    for name in _sorted(nodes, inputs):
        given = [source for source in inputs[name] if nodes[source].op != "NextIteration"]
        same[name] = _either(same[source] | bit.get(source, 0) for source in given)
        if nodes[name].op == "Enter" or any(source in looped and nodes[source].op != "Exit" for source in given):
            looped.add(name)
    for name in _sorted(nodes, inputs):
        last[name] = _either(
            same[source] | bit.get(source, 0) if nodes[source].op == "NextIteration" else last[source]
            for source in inputs[name]
        )
    found = []
    for names in uses.values():
        for write in (name for name in names if nodes[name].op not in _READS):
            for other in names:
                if other != write and not (bit[write] & same[other] or bit[other] & same[write]):
                    found.append((write, other))
                if looped.issuperset((write, other)) and not (bit[write] & last[other] and bit[other] & last[write]):
                    found.append((write, f"{other}, one pass away"))
    return found


def _source(given: str) -> str:
    return given.lstrip("^").split(":")[0]


def _either(sets) -> int:
    joined = 0
    for some in sets:
        joined |= some
    return joined


def _uses(nodes) -> dict[str, list[str]]:
    """Return argument of the function that is the handle of a variable -> the operations on it."""
    uses = defaultdict(list)
    for node in nodes.values():
        if node.op in _HANDED_ON or node.op == "_Retval":
            continue
        handles = set()
        for given in node.input:
            source = nodes[_source(given)]
            while source.op in _HANDED_ON:
                source = nodes[_source(source.input[0])]
            kinds = source.attr["T"].type, source.attr["dtype"].type
            if not given.startswith("^") and source.op in ("_Arg", "VarHandleOp") and types_pb2.DT_RESOURCE in kinds:
                handles.add(source.name)
        for handle in handles:
            uses[handle].append(node.name)
    return uses


def _sorted(nodes, inputs) -> list[str]:
    """Return the names of nodes, each after its inputs; what comes from the pass before of a loop does not count."""
    sorter = TopologicalSorter()
    for name in nodes:
        sorter.add(name, *(source for source in inputs[name] if nodes[source].op != "NextIteration"))
    return list(sorter.static_order())

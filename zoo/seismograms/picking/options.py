"""What a user may say to `annotate`, `classify` and `annotate_files`, brought into one form."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from zoo.errors import UsageError, ZooError, did_you_mean
from zoo.seismograms.picking.calibration import FALSE_PER_HOUR
from zoo.seismograms.picking.picks import THRESHOLD
from zoo.seismograms.picking.windows import ARRIVAL, CLASS, Shape

if TYPE_CHECKING:
    from obspy import Inventory, Stream, Trace

_AGREEMENT = 0.5  # share of windows that agree on an arrival, where a caller names no threshold


def traces_in(stream: Stream | Trace | Sequence[Trace]) -> Sequence[Trace]:
    """Return the traces of a stream, or the one trace."""
    return [stream] if hasattr(stream, "stats") else list(stream)


def inventory_of(given: Inventory | str | os.PathLike | None) -> Inventory | None:
    """Return an inventory, read from its file if it is one.

    Raises:
        ZooError: if ObsPy cannot read it.
    """
    if not isinstance(given, (str, os.PathLike)):
        return given
    import obspy

    try:
        return obspy.read_inventory(str(given))
    except Exception as error:  # ObsPy raises whatever a format's library leads to
        raise ZooError(f"ObsPy cannot read {given} as an inventory ({error}). Give it StationXML.") from error


def thresholds_of(
    given: Mapping[str, float] | float | str | None, shape: Shape, false_per_hour: float | None = None
) -> dict[str, float]:
    """Return the least peak of a pick by phase; an empty dict for a classifier.

    Of a calibrated picker, peaks that give a rate of false picks, or whose probability is the one given.

    Args:
        given: least probability of a pick, for all phases or by phase.
        shape: what the model takes and gives.
        false_per_hour: false picks of each phase in an hour of noise, instead of probabilities; default 1.

    Raises:
        UsageError: if a phase is not picked, a value is not a probability or a rate, both are given, or the model is a
            classifier or was not calibrated.
    """
    if shape.answers == CLASS:
        if given is not None or false_per_hour is not None:
            raise UsageError(f"{shape.name} labels windows and lists all their probabilities: it has no threshold.")
        return {}
    phases = [label for label in shape.labels if label != "noise"]
    known = shape.calibration
    if false_per_hour is not None:
        if given is not None:
            raise UsageError("Thresholds or false picks an hour: one says what the other does. Leave one out.")
        if known is None:
            raise UsageError(
                f"{shape.method} was not calibrated on real noise: give thresholds, not false picks an hour."
            )
        if not false_per_hour > 0:
            raise UsageError(f"False picks an hour are a positive number like 1; received {false_per_hour:g}.")
    if given is None and known is not None:
        return {phase: known.threshold(phase, false_per_hour or FALSE_PER_HOUR) for phase in phases}
    least = _probabilities(given, phases, shape)
    return {phase: known.size(phase, value) for phase, value in least.items()} if known else least


def _probabilities(
    given: Mapping[str, float] | float | str | None, phases: list[str], shape: Shape
) -> dict[str, float]:
    """Return the least probability of each phase that a user names in one of three forms."""
    if isinstance(given, str):
        pairs = [part.partition("=") for part in given.split(",")]
        try:
            if len(pairs) == 1 and not pairs[0][1]:
                given = float(given)
            else:
                given = {phase.strip(): float(value) for phase, _, value in pairs}
        except ValueError:
            raise UsageError(f"Thresholds look like 0.3, or P=0.3,S=0.3; received {given!r}.") from None
    if given is None:
        given = _AGREEMENT if shape.answers == ARRIVAL else THRESHOLD
    if not isinstance(given, Mapping):
        given = dict.fromkeys(phases, float(given))
    for phase, value in given.items():
        if phase not in phases:
            raise UsageError(f"{shape.name} does not pick {phase!r}.{did_you_mean(phase, phases)}")
        if not 0 < value <= 1:
            raise UsageError(f"The threshold of {phase} is {value:g}; expected a probability like 0.3.")
    return {phase: float(given.get(phase, THRESHOLD)) for phase in phases}

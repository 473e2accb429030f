"""What a receiver records: pressure (P), or the particle velocity up (Z), to the north (N) or to the east (E)."""

from __future__ import annotations

from zoo.errors import ZooError

AXIS = {"E": 0, "N": 1, "Z": 2}
"""Axis of the grid along which each component of the velocity points."""
PRESSURE, GEOPHONE = "P", "ZNE"
RECORDED = (PRESSURE, GEOPHONE)
"""What the receivers of a dataset may record: pressure, or three components of velocity in this order."""


def axis_of(component: str) -> int | None:
    """Return the axis of a component of velocity; None of pressure.

    Raises:
        ZooError: there is no such component.

    >>> axis_of("Z"), axis_of("P")
    (2, None)
    """
    if component != PRESSURE and component not in AXIS:
        raise ZooError(
            f"component is {component!r}; expected P (pressure), or Z, N, E (velocity up, to the north, to the east)."
        )
    return AXIS.get(component)

"""What goes wrong for a reason a user can act on, said in a sentence."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ZooError(Exception):
    """A failure the user can mend. Its message says what was received, what was expected, what to do.

    The command line prints it on one line without a traceback (`--debug` shows the traceback).
    """


class UsageError(ZooError):
    """A setting or name on the command line that does not exist: exit code 2."""


class PartError(ZooError):
    """Members of a run over many were passed over, and `--strict` was given: exit code 3."""


class PassedOver(str):
    """A note that a member of a run over many, or a part of one, was passed over; a text like other notes.

    >>> note = PassedOver("no vertical component").about("XX.S01")
    >>> note, isinstance(note, PassedOver)
    ('XX.S01: no vertical component', True)
    """

    def about(self, name: str) -> PassedOver:
        """Return the note with the name of whom it is about."""
        return PassedOver(f"{name}: {self}")


def did_you_mean(name: str, candidates: Iterable[str], limit: int = 3) -> str:
    """Return " Did you mean ...?" with the candidates nearest to `name`, or a list of all of them."""
    candidates = sorted(set(candidates))
    near = difflib.get_close_matches(name, candidates, n=limit, cutoff=0.5)
    if not near:
        near = [c for c in candidates if name and (name in c or c in name)][:limit]
    if near:
        return f" Did you mean {' or '.join(near)}?"
    return f" Known: {', '.join(candidates)}." if candidates else ""

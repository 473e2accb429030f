"""What Sun et al. claim of each run, in our words, and how it is judged by the numbers of a table.

"Fitted" is a loss of at most 1 % of the first one. "Near the truth" is a model that shows the three interfaces, on
average within 50 m, and has a lower RMSE than the start. (One cell between an interface and where it should be is an
RMSE of 70 m/s in this column, so a bound on the RMSE alone would judge little else.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Row = Mapping[str, Any]
Predicate = Callable[[Row, Mapping[Any, Row]], bool]
Claim = tuple[str, Predicate | None, Predicate | None]
"""What is claimed, and whether it holds of a row, given all rows by key: of its loss, of its model; None: no claim."""


def judged(rows: Mapping[Any, dict[str, Any]], claims: Mapping[Any, Claim], enough: bool = True) -> None:
    """Add the columns `paper`, and `loss_agrees`, `model_agrees`, `agrees` (both), each yes, no or empty (no claim).

    Args:
        rows: by the keys of `claims`.
        claims: key -> claim.
        enough: whether the runs are long enough to judge; without, nothing is judged.
    """
    for key, row in rows.items():
        claim, *predicates = claims[key]
        verdicts = [holds(row, rows) if enough and holds else None for holds in predicates]
        given = [verdict for verdict in verdicts if verdict is not None]
        words = {True: "yes", False: "no", None: ""}
        row["paper"] = claim
        row["loss_agrees"], row["model_agrees"] = (words[verdict] for verdict in verdicts)
        row["agrees"] = words[all(given) if given else None]


def _smooth(row: Row) -> bool:
    return row["oscillated"] == "no"


def _at_first(row: Row) -> bool:
    return row["oscillated"].startswith("first")


def _unstable(row: Row) -> bool:
    return row["oscillated"] in ("yes", "diverged") or row["not_lower_percent"] > 50


def _near(row: Row) -> bool:
    return row["interfaces"] == 3 and abs(row["interfaces_too_deep_m"]) <= 50 and row["rmse_ratio"] < 1


def _within(row: Row, iterations: int) -> bool:
    needed = row["iterations_to_1_percent"]
    return needed != "never" and needed <= iterations


def _sooner(row: Row, other: Row, factor: float = 1.0) -> bool:
    """Whether a run fits the data `factor` times sooner than another; where neither does, which loss is lower."""
    needed, limit = row["iterations_to_1_percent"], other["iterations_to_1_percent"]
    if needed == limit == "never":
        return row["loss_ratio"] < other["loss_ratio"]
    return limit == "never" or (needed != "never" and needed * factor < limit)


def _alike(*rows: Row) -> bool:
    """Whether runs fit the data about as soon as each other: within a factor of two."""
    needed = [row["iterations_to_1_percent"] for row in rows]
    return "never" not in needed and max(needed) <= 2 * min(needed)


_GD, _ADAGRAD, _ADAM, _MOMENTUM = ("gd", 0.4), ("adagrad", 40.0), ("adam", 40.0), ("momentum", 0.8)
_RMSPROP = ("rmsprop", 4.0)
COMPARED = (_GD, _MOMENTUM, _ADAGRAD, _RMSPROP, _ADAM)
"""The best rate of each optimizer, as the paper has it (figure 11)."""

_MIDDLE = [("momentum", rate) for rate in (0.4, 0.6, 0.8)]
_FIRST_ONLY = "only the first interface shows after 1000 iterations"


def _is_near(row: Row, rows: Mapping[Any, Row]) -> bool:
    return _near(row)


def _shows_one(row: Row, rows: Mapping[Any, Row]) -> bool:
    return row["interfaces"] == 1


LEARNING_RATES: dict[Any, Claim] = {
    ("gd", 0.2): (
        f"smooth, slower than 0.4; {_FIRST_ONLY}",
        lambda row, rows: _smooth(row) and _sooner(rows[_GD], row),
        _shows_one,
    ),
    _GD: (
        f"smooth, faster than 0.2; {_FIRST_ONLY}",
        lambda row, rows: _smooth(row) and _sooner(row, rows["gd", 0.2]),
        _shows_one,
    ),
    ("gd", 0.6): (f"oscillates; {_FIRST_ONLY}", lambda row, rows: not _smooth(row), _shows_one),
    ("gd", 0.8): (f"oscillates; {_FIRST_ONLY}", lambda row, rows: not _smooth(row), _shows_one),
    ("momentum", 0.1): (
        "much faster than gd, no oscillation; near the truth",
        lambda row, rows: _smooth(row) and _sooner(row, rows[_GD]),
        _is_near,
    ),
    **{
        key: (
            "much faster than gd; 0.4 to 0.8 alike in speed; near the truth",
            lambda row, rows: (
                not _unstable(row)
                and _sooner(row, rows["gd", row["learning_rate"]], 2.0)
                and _alike(*(rows[one] for one in _MIDDLE))
            ),
            _is_near,
        )
        for key in _MIDDLE[:-1]
    },
    _MOMENTUM: (
        "like 0.4 and 0.6; fitted within 200 iterations; near the truth",
        lambda row, rows: not _unstable(row) and _within(row, 200) and _alike(*(rows[one] for one in _MIDDLE)),
        _is_near,
    ),
    ("momentum", 1.0): (
        "unlike 0.4 to 0.8 in speed",
        lambda row, rows: _unstable(row) or not _alike(row, *(rows[one] for one in _MIDDLE)),
        None,
    ),
    ("adagrad", 0.4): (
        "smooth, slow; hardly off the start after 1000 iterations",
        lambda row, rows: _smooth(row) and not _within(row, 1000),
        lambda row, rows: abs(row["rmse_ratio"] - 1) < 0.1,
    ),
    ("adagrad", 4.0): (
        "smooth, faster than 0.4",
        lambda row, rows: _smooth(row) and _sooner(row, rows["adagrad", 0.4]),
        None,
    ),
    _ADAGRAD: (
        "smooth; fitted within 200 iterations; near the truth",
        lambda row, rows: _smooth(row) and _within(row, 200),
        _is_near,
    ),
    ("adagrad", 100.0): (
        "oscillates at first, then faster than 40; near the truth",
        lambda row, rows: _at_first(row) and _sooner(row, rows[_ADAGRAD]),
        _is_near,
    ),
    **{
        ("rmsprop", rate): (
            "smooth, slow: needs many iterations",
            lambda row, rows: _smooth(row) and _sooner(rows[_RMSPROP], row, 2.0),
            None,
        )
        for rate in (0.4, 0.8)
    },
    _RMSPROP: (
        "stable; fitted within 200 iterations; near the truth",
        lambda row, rows: not _unstable(row) and _within(row, 200),
        _is_near,
    ),
    ("rmsprop", 40.0): (
        "oscillates and does not converge",
        lambda row, rows: _unstable(row) and not _within(row, 1000),
        None,
    ),
    **{
        ("adam", rate): (
            "smooth, slower than 40; near the truth all the same",
            lambda row, rows: _smooth(row) and _sooner(rows[_ADAM], row),
            _is_near,
        )
        for rate in (0.8, 4.0)
    },
    _ADAM: (
        "fitted within 50 iterations, the fastest of all; near the truth",
        lambda row, rows: _within(row, 50) and all(_sooner(row, rows[one]) for one in COMPARED if one != _ADAM),
        _is_near,
    ),
    ("adam", 100.0): (
        "oscillates at first, then smooth and fast; near the truth",
        lambda row, rows: _at_first(row) and _within(row, 1000),
        _is_near,
    ),
}
"""(optimizer, learning rate) -> claim, figures 6 to 11."""

_CG, _LBFGS, _TNC = ("cg", 0.0), ("l-bfgs-b", 0.0), ("tnc", 0.0)
ONE_DIMENSION: dict[Any, Claim] = {
    _GD: (
        "the slowest; only the first interface shows",
        lambda row, rows: all(_sooner(one, row) for one in rows.values() if one is not row),
        _shows_one,
    ),
    _ADAM: (
        "as fast as L-BFGS, faster than CG; near the truth",
        lambda row, rows: _alike(row, rows[_LBFGS]) and _sooner(row, rows[_CG]),
        _is_near,
    ),
    _CG: ("much faster than gd; near the truth", lambda row, rows: _sooner(row, rows[_GD], 2.0), _is_near),
    _LBFGS: ("about half of CG's gradients; near the truth", lambda row, rows: _sooner(row, rows[_CG], 1.5), _is_near),
    _TNC: (
        "oscillates strongly (here: half of the evaluations lower nothing); biased at interfaces",
        lambda row, rows: row["not_lower_percent"] >= 50,
        lambda row, rows: not _near(row),
    ),
}
"""(optimizer, learning rate; 0 where it takes none) -> claim, figures 12 to 15."""


def _highest(column: str, row: Row, rows: Mapping[Any, Row]) -> bool:
    return all(row[column] > rows[one][column] for one in ("adam", "cg", "l-bfgs-b") if rows[one] is not row)


def _lowest(column: str, row: Row, rows: Mapping[Any, Row]) -> bool:
    return all(row[column] < rows[one][column] for one in ("adam", "cg", "l-bfgs-b") if rows[one] is not row)


SECTION: dict[Any, Claim] = {
    "adam": (
        "loss below CG's and L-BFGS's; the best model, in the deep too",
        lambda row, rows: _lowest("loss_ratio", row, rows),
        lambda row, rows: _lowest("last_rmse_m_s", row, rows) and _lowest("deep_last_rmse_m_s", row, rows),
    ),
    "cg": (
        "the slowest; no details below 400 gradients, the worst model",
        lambda row, rows: _highest("loss_ratio", row, rows),
        lambda row, rows: _highest("last_rmse_m_s", row, rows),
    ),
    "l-bfgs-b": (
        "loss between CG's and Adam's; lags behind Adam in the deep",
        lambda row, rows: rows["adam"]["loss_ratio"] < row["loss_ratio"] < rows["cg"]["loss_ratio"],
        lambda row, rows: row["deep_last_rmse_m_s"] > rows["adam"]["deep_last_rmse_m_s"],
    ),
    "practice": ("", None, None),
    "tnc": ("", None, None),
}
"""Optimizer, or "practice" -> claim, figures 18 to 22."""

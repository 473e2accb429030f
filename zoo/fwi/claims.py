"""What Sun et al. state, run by run, and how our rows answer.

The claims and their predicates stand in `zoo.fwi.reproduce.claims`, which judges the rows where they are made; here is
where in the paper each is, and what no experiment repeats.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zoo.fwi.reproduce import claims
from zoo.training.claims import DOWNLOAD, OPEN, Claim, Finding, LeftOut, Row, Rows, holds, the

_LINEAR = (
    "from a linear start the trend of the velocity is not held by reflections at the surface; "
    "--set smooth_m=100 starts from the smoothed truth, the paper does not say from what"
)
_FIGURES = {"gd": 6, "momentum": 7, "adagrad": 8, "rmsprop": 9, "adam": 10}
_NAMES = {"cg": "CG", "l-bfgs-b": "L-BFGS-B", "tnc": "TNC", "adam": "Adam", "gd": "gradient descent"}
_LATER = {"cg": 12, "l-bfgs-b": 13, "tnc": 14, "adam": 15, "gd": 15}


def _judged(row: Row, ours: str) -> Finding:
    """Return what the row says of itself: `agrees` is yes, no, or empty where the run was too short."""
    if not row["agrees"]:
        raise LeftOut("too few iterations to judge")
    said = {"yes": "is as stated", "no": "is not"}
    parts = [f"the {part} {said[row[f'{part}_agrees']]}" for part in ("loss", "model") if row[f"{part}_agrees"]]
    if row["model_agrees"] == "no" and "interfaces" in row:
        parts.append(_LINEAR)
    return holds(row["agrees"] == "yes", ours, "; ".join(parts) if row["agrees"] == "no" else "")


def _of_run(optimizer: str, rate: float) -> Callable[[Rows], Finding]:
    def judge(rows: Rows) -> Finding:
        row = the(rows, optimizer=optimizer, learning_rate=rate or "")
        needed = row["iterations_to_1_percent"]
        fitted = "never within 1 %" if needed == "never" else f"within 1 % after {needed} gradients"
        model = f"model RMSE {row['rmse_ratio']:g} of the start's, {row['interfaces']} interfaces"
        return _judged(
            row, f"loss {row['loss_ratio']:g} of the first, {fitted}, oscillates: {row['oscillated']}; {model}"
        )

    return judge


LEARNING_RATES = tuple(
    Claim(f"figure {_FIGURES[optimizer]}: {optimizer}, rate {rate:g}", said[0], _of_run(optimizer, rate))
    for (optimizer, rate), said in claims.LEARNING_RATES.items()
)


def _fastest(rows: Rows) -> Finding:
    needed = {
        optimizer: the(rows, optimizer=optimizer, learning_rate=rate)["iterations_to_1_percent"]
        for optimizer, rate in claims.COMPARED
    }
    counts = {name: count for name, count in needed.items() if count != "never"}
    order = sorted(counts, key=lambda name: counts[name])
    shown = ", ".join(f"{name} {counts[name]}" for name in order) + " gradients to 1 %"
    return holds(bool(order) and order[0] == "adam" and "gd" not in order[:-1], shown)


LEARNING_RATES += (
    Claim("figure 11", "of the best of each: Adam is the fastest, gradient descent the slowest", _fastest),
)

ONE_DIMENSION = tuple(
    Claim(f"figure {_LATER[optimizer]}: {_NAMES[optimizer]}", said[0], _of_run(optimizer, rate))
    for (optimizer, rate), said in claims.ONE_DIMENSION.items()
)


def _of_section(name: str) -> Callable[[Rows], Finding]:
    def judge(rows: Rows) -> Finding:
        row: dict[str, Any] = dict(the(rows, optimizer=name))
        shown = f"loss {row['loss_ratio']:g} of the first after {row['gradients']} gradients; model RMSE "
        shown += f"{row['rmse_ratio']:g} of the start's, in the deep {row['deep_last_rmse_m_s']:g} m/s"
        return _judged(row, shown)

    return judge


_WHY = "equal gradients for all; the paper gives CG 1420, L-BFGS 1000, Adam 100"
MARMOUSI = tuple(
    Claim(f"figures {figures}, 21, 22: {_NAMES[name]}", claims.SECTION[name][0], _of_section(name), _WHY)
    for name, figures in (("adam", "18"), ("cg", "19"), ("l-bfgs-b", "20"))
)


def _behind_adam(optimizer: str, gradients: int) -> Callable[[Rows], Finding]:
    """Judge whether a model after so many gradients is further from the truth than Adam's after 100."""

    def judge(rows: Rows) -> Finding:
        adam, other = the(rows, optimizer="adam"), the(rows, optimizer=optimizer, gradients=gradients)
        shown = f"model RMSE {other['rmse_ratio']:g} of the start's after {other['done']} gradients in "
        shown += f"{other['cpu_s']:g} CPU-s; Adam {adam['rmse_ratio']:g} after {adam['done']} in {adam['cpu_s']:g}"
        return holds(other["rmse_m_s"] > adam["rmse_m_s"], shown)

    return judge


COUNTS = (
    Claim("figures 19, 22: CG", "still far from the truth after 1420 gradients", _behind_adam("cg", 1420)),
    Claim("figure 20: L-BFGS", "fewer details after 200 gradients than Adam's", _behind_adam("l-bfgs-b", 200)),
    Claim("figures 20, 22: L-BFGS", "after 1000 only a part of Adam's after 100", _behind_adam("l-bfgs-b", 1000)),
)

_FILE = (
    "needs Marmousi-II: zoo prepare velocity_models/marmousi2_fwi --manual-dir FOLDER, then zoo reproduce fwi-marmousi"
)
ELSEWHERE = (
    Claim(
        "figures 16 to 18 on Marmousi-II",
        "after 100 gradients Adam shows layers, the deep ones too",
        why=f"{_FILE}; run once by hand, zoo/fwi/README.md has Adam 0.599 of the start's RMSE",
        verdict=DOWNLOAD,
    ),
    Claim(
        "figure 22 on Marmousi-II",
        "profiles at x = 200, 1500, 2500 m: Adam closest in the deep",
        why=_FILE,
        verdict=DOWNLOAD,
    ),
    Claim(
        "figure 5", "four layers of 2000 to 5000 m/s, start and record", why="the setup: fwi-1d draws it", verdict=OPEN
    ),
    Claim("figure 17", "the first 10 of 12 shots", why="a picture only: fwi-marmousi draws shots.png", verdict=OPEN),
    Claim("figures 1 to 4", "drawings of the recurrent network", why="a drawing: nothing to measure", verdict=OPEN),
    Claim(
        "equations 9 to 12, appendix A",
        "training the network is full-waveform inversion: its gradient is the adjoint's",
        why="open here, and measured by python benchmarks/waves.py: 1.4e-6 in float32",
        verdict=OPEN,
    ),
)
"""What no experiment repeats."""

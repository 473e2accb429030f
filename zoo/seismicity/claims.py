"""What Zhang & Yang state in their supporting information, and how our rows answer: tables S1 to S6, figure S1, movies.

Their maps are not published, so losses are compared within a table. A cell counts as the lowest of its table if no
other is lower by more than `SAME` nats, about what two seeds of one cell differ by.
"""

from __future__ import annotations

from collections.abc import Callable

from zoo.training.claims import DOWNLOAD, Claim, Finding, Row, Rows, holds, not_comparable, the, those

SAME = 0.01
_LOSS = "final_validation_loss"
# Network, table, what varies, the cell that the paper chose, its loss.
_CHOSEN = (
    ("ResNet-18", "S1", "weight_decay", 0.005, 0.161),
    ("ResNet-18", "S2", "learning_rate", 0.005, 0.128),
    ("ResNet-34", "S3", "weight_decay", 0.005, 0.133),
    ("ResNet-34", "S4", "learning_rate", 0.003, 0.133),
    ("ResNet-101", "S5", "weight_decay", 0.005, 0.145),
    ("ResNet-101", "S6", "learning_rate", 0.0007, 0.145),
)


def _varied(rows: Rows, table: str, key: str) -> list[Row]:
    return sorted(those(rows, table=table), key=lambda row: row[key])


def _losses(rows: list[Row], key: str) -> str:
    return ", ".join(f"{row[key]:g}: {row[_LOSS]:.3f}" for row in rows)


def _lowest_at(table: str, key: str, chosen: float) -> Callable[[Rows], Finding]:
    def judge(rows: Rows) -> Finding:
        line = _varied(rows, table, key)
        ours, best = the(line, **{key: chosen})[_LOSS], min(row[_LOSS] for row in line)
        return holds(ours <= best + SAME, _losses(line, key), f"equal within {SAME:g} nats")

    return judge


def _ends_worse(table: str, key: str, chosen: float) -> Callable[[Rows], Finding]:
    def judge(rows: Rows) -> Finding:
        line = _varied(rows, table, key)
        ours = the(line, **{key: chosen})[_LOSS]
        return holds(
            min(line[0][_LOSS], line[-1][_LOSS]) > ours, _losses([line[0], the(line, **{key: chosen}), line[-1]], key)
        )

    return judge


def _loss_of(table: str, key: str, chosen: float) -> Callable[[Rows], Finding]:
    def judge(rows: Rows) -> Finding:
        row = the(those(rows, table=table), **{key: chosen})
        why = f"their maps are not published; ours: width {row['width']}, at most {row['maps']:,} maps a training"
        return not_comparable(f"{row[_LOSS]:.3f}", why)

    return judge


def _word(key: str) -> str:
    return key.replace("_", " ")


GRID = tuple(
    claim
    for network, table, key, chosen, loss in _CHOSEN
    for claim in (
        Claim(
            f"table {table}: {network}",
            f"the lowest loss is at a {_word(key)} of {chosen:g}",
            _lowest_at(table, key, chosen),
        ),
        Claim(
            f"table {table}: {network}",
            f"the smallest and the largest {_word(key)} are worse",
            _ends_worse(table, key, chosen),
        ),
        Claim(f"table {table}: {network}", f"final validation loss there {loss:g}", _loss_of(table, key, chosen)),
    )
)


def _more_than_five(rows: Rows) -> Finding:
    largest = {kind: [row["largest_pixel"] for row in those(rows, kind=kind)] for kind in ("concentrated", "scattered")}
    shown = "; ".join(f"{kind}: largest pixel {min(found)} to {max(found)}" for kind, found in largest.items())
    return holds(min(largest["concentrated"]) > 5 >= max(largest["scattered"]), shown)


def _drawn(rows: Rows) -> Finding:
    return not_comparable(
        f"{len(rows)} maps drawn, movie-S1.gif made", "of a simulated catalogue, over time; theirs of artificial maps"
    )


FIGURES = (
    Claim(
        "figure S1", "concentrated maps, unlike scattered ones, have pixels of more than five events", _more_than_five
    ),
    Claim("movie S1", "artificial maps whose events grow in number", _drawn),
)

_CATALOGUES = "needs the catalogues of Changning and Weiyuan, which are not published with the paper"
ELSEWHERE = (
    Claim(
        "figure S3",
        "Weiyuan 2019: periods found by the network beside those marked by hand",
        why=_CATALOGUES,
        verdict=DOWNLOAD,
    ),
    Claim(
        "figures S4, S5", "Changning, subregions 1 and 2 during anomalous periods", why=_CATALOGUES, verdict=DOWNLOAD
    ),
    Claim("movies S2, S3", "Weiyuan 2018 to 2020, Changning 2016 to 2019", why=_CATALOGUES, verdict=DOWNLOAD),
    Claim(
        "figure S2", "the blocks of ResNet-18, -34 and of ResNet-101", why="a drawing: zoo.seismicity.models has both"
    ),
    Claim(
        "text S1",
        "too large a rate stalls, too small a one falls nearly linearly and ends high",
        why="read off curves that are not shown; history.csv of each training of seismicity-grid has ours",
    ),
    Claim(
        "the paper itself",
        "precision, recall, F1 of the three networks",
        why="its text was not at hand, the supporting information alone",
    ),
)
"""What no experiment repeats."""

"""What Kong et al. (2021) state, and how our rows answer: figure after figure.

The paper's scores stand in pictures, so what it says of them is judged: which schema, encoder, head, number of labels
is better. "From scratch" is its baseline, "the last layers" its schema 1, "all layers" its schema 2. Two scores count
as equal within `SAME` of their joint standard deviation over the runs.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable

from zoo.training.claims import (
    DOWNLOAD,
    Claim,
    Finding,
    LeftOut,
    Row,
    Rows,
    holds,
    in_most,
    the,
    those,
)

SAME = 1.0
SCRATCH, LAST, ALL = "baseline", "frozen", "finetune"
FEW_LABELS = 1_500


def _mae(rows: Rows, bottleneck: int, maps: int) -> float:
    row = the(rows, bottleneck=bottleneck, maps=maps)
    if row["collapsed"]:
        raise LeftOut(f"the training of bottleneck {bottleneck} with {maps} maps collapsed")
    return row["mae"]


def _pairs(rows: Rows, key: str, other: str) -> Iterable[tuple[Row, Row]]:
    """Yield neighbours in `key` (smaller first) at the same `other`, where neither training collapsed."""
    kept = [row for row in rows if not row["collapsed"]]
    for value in sorted({row[other] for row in kept}):
        line = sorted((row for row in kept if row[other] == value), key=lambda row: row[key])
        yield from zip(line, line[1:], strict=False)


def _falls_with(key: str, other: str, of: str) -> Callable[[Rows], Finding]:
    def judge(rows: Rows) -> Finding:
        collapsed = sum(bool(row["collapsed"]) for row in rows)
        why = f"{collapsed} of {len(rows)} trainings collapsed and are left out" if collapsed else ""
        return in_most([longer["mae"] < shorter["mae"] for shorter, longer in _pairs(rows, key, other)], of, why)

    return judge


def _over_beats_under(rows: Rows) -> Finding:
    under, over = _mae(rows, 68, 8), _mae(rows, 68, 128)
    return holds(over < under, f"mean absolute error {over:.4f} with 128 maps, {under:.4f} with 8, bottleneck 68")


FIGURE_3 = (
    Claim(
        "figure 3, (1)",
        "the longer the bottleneck, at equal maps, the lower the error",
        _falls_with("bottleneck", "maps", "steps of the bottleneck"),
    ),
    Claim(
        "figure 3, (2)",
        "the more maps, at equal bottleneck, the lower the error",
        _falls_with("maps", "bottleneck", "steps of the maps"),
    ),
    Claim(
        "figure 3, (3)", "overcomplete autoencoders reconstruct better than the undercomplete one", _over_beats_under
    ),
    Claim(
        "figure 3, (4)",
        "with fewer than 32 maps the lines bend the other way",
        why="read off a picture, and the paper leaves it open",
    ),
)


def _better(one: Row, other: Row) -> bool:
    """Whether a row's score is better than another's, whatever the measure."""
    gain = one["mean"] - other["mean"]
    return gain > 0 if one["measure"] == "accuracy" else gain < 0


def _clearly_better(one: Row, other: Row) -> bool:
    return _better(one, other) and abs(one["mean"] - other["mean"]) > SAME * (one["sd"] ** 2 + other["sd"] ** 2) ** 0.5


def _two(rows: Rows, key: str, one: str, other: str, task: str, **fixed: object) -> list[tuple[Row, Row]]:
    """Return rows of a task that differ in `key` alone."""
    kept = those(rows, task=task, **fixed)
    same = [name for name in ("encoder", "head", "schema", "labels") if name != key]
    first = {tuple(row[name] for name in same): row for row in those(kept, **{key: one})}
    second = {tuple(row[name] for name in same): row for row in those(kept, **{key: other})}
    return [(first[at], second[at]) for at in sorted(first.keys() & second.keys(), key=str)]


def _shown(pairs: Iterable[tuple[Row, Row]]) -> str:
    return ", ".join(f"{a['labels']} labels {a['mean']:.3g} against {b['mean']:.3g}" for a, b in pairs)


def _more_labels(task: str) -> Callable[[Rows], Finding]:
    def judge(rows: Rows) -> Finding:
        kept, outcomes = those(rows, task=task), []
        for line in {(row["encoder"], row["head"], row["schema"]) for row in kept}:
            ordered = sorted(
                (r for r in kept if (r["encoder"], r["head"], r["schema"]) == line), key=lambda r: r["labels"]
            )
            outcomes += [_better(more, fewer) for fewer, more in zip(ordered, ordered[1:], strict=False)]
        return in_most(outcomes, "steps of the number of labels")

    return judge


def _all_beat_last(task: str) -> Callable[[Rows], Finding]:
    def judge(rows: Rows) -> Finding:
        pairs = _two(rows, "schema", ALL, LAST, task)
        return in_most([_better(a, b) for a, b in pairs], "comparisons", _shown(pairs))

    return judge


def _over_beat_under(task: str) -> Callable[[Rows], Finding]:
    def judge(rows: Rows) -> Finding:
        pairs = _two(rows, "encoder", "over68", "under68", task)
        pairs = [(a, b) for a, b in pairs if a["schema"] != SCRATCH]
        return in_most([_better(a, b) for a, b in pairs], "comparisons", _shown(pairs))

    return judge


def _cnn_beats_dense(task: str) -> Callable[[Rows], Finding]:
    def judge(rows: Rows) -> Finding:
        pairs = _two(rows, "head", "cnn", "dense", task)
        return in_most([_better(a, b) for a, b in pairs], "comparisons", _shown(pairs))

    return judge


def _helps_when_few(task: str) -> Callable[[Rows], Finding]:
    def judge(rows: Rows) -> Finding:
        pairs = [p for p in _two(rows, "schema", ALL, SCRATCH, task, head="cnn") if p[0]["labels"] <= FEW_LABELS]
        return in_most([_better(a, b) for a, b in pairs], f"numbers of labels up to {FEW_LABELS}", _shown(pairs))

    return judge


def _scratch_wins_when_many(task: str) -> Callable[[Rows], Finding]:
    def judge(rows: Rows) -> Finding:
        pairs = [p for p in _two(rows, "schema", SCRATCH, ALL, task, head="cnn") if p[0]["labels"] > FEW_LABELS]
        return in_most([_better(a, b) for a, b in pairs], f"numbers of labels beyond {FEW_LABELS}", _shown(pairs))

    return judge


def _no_gain(task: str) -> Callable[[Rows], Finding]:
    def judge(rows: Rows) -> Finding:
        pairs = _two(rows, "schema", ALL, LAST, task, encoder="over68", head="cnn")
        return in_most([not _clearly_better(a, b) for a, b in pairs], "numbers of labels", _shown(pairs))

    return judge


def _not_ahead(rows: Rows) -> Finding:
    pairs = [
        p
        for p in _two(rows, "schema", ALL, SCRATCH, "p_picker", encoder="over68", head="cnn")
        if p[0]["labels"] <= FEW_LABELS
    ]
    return in_most(
        [not _clearly_better(a, b) for a, b in pairs], f"numbers of labels up to {FEW_LABELS}", _shown(pairs)
    )


def _common(figure: str, task: str) -> tuple[Claim, ...]:
    return (
        Claim(figure, "more labels, better scores", _more_labels(task)),
        Claim(figure, "tuning all layers beats training the last layers alone", _all_beat_last(task)),
        Claim(figure, "overcomplete encoders beat undercomplete ones", _over_beat_under(task)),
        Claim(
            f"{figure}, section 2.3", "a convolution on top beats a fully connected layer alone", _cnn_beats_dense(task)
        ),
        Claim(
            figure,
            f"beyond about {FEW_LABELS} labels training from scratch is better than an encoder",
            _scratch_wins_when_many(task),
        ),
    )


_NOISE, _EXPLOSION, _P = "noise_earthquake", "explosion_window", "p_picker"
FIGURES_5_6_7 = (
    *_common("figure 5", _NOISE),
    Claim(
        "figure 5",
        f"up to about {FEW_LABELS} labels an encoder is better than training from scratch",
        _helps_when_few(_NOISE),
    ),
    *_common("figure 6", _EXPLOSION),
    Claim(
        "figure 6",
        f"up to about {FEW_LABELS} labels an encoder is better than training from scratch",
        _helps_when_few(_EXPLOSION),
    ),
    Claim(
        "figure 6 (b)",
        "with overcomplete encoders tuning all layers gains nothing over the last ones",
        _no_gain(_EXPLOSION),
    ),
    *_common("figure 7", _P),
    Claim(
        "figure 7 (d)",
        "with few labels, too, no encoder of bottleneck 68 is ahead of training from scratch",
        _not_ahead,
    ),
)


def _gap_closes(rows: Rows) -> Finding:
    pairs = sorted(_two(rows, "schema", ALL, SCRATCH, _P), key=lambda pair: pair[0]["labels"])
    if len(pairs) < 2:
        raise LeftOut("two numbers of labels")
    gaps = [a["mean"] - b["mean"] for a, b in pairs]
    shown = ", ".join(f"{a['labels']:,} labels {gap:+.3f} s" for (a, _), gap in zip(pairs, gaps, strict=True))
    return holds(abs(gaps[-1]) < abs(gaps[0]), shown)


def _improves(schema: str) -> Callable[[Rows], Finding]:
    def judge(rows: Rows) -> Finding:
        line = sorted(those(rows, task=_P, schema=schema), key=lambda row: row["labels"])
        shown = ", ".join(f"{row['labels']:,} labels {row['mean']:.3g} s" for row in line)
        return in_most([b["mean"] < a["mean"] for a, b in zip(line, line[1:], strict=False)], "steps", shown)

    return judge


FIGURE_8 = (
    Claim("figure 8", "from scratch, errors go on falling with more labels", _improves(SCRATCH)),
    Claim("figure 8", "with all layers tuned, errors go on falling with more labels", _improves(ALL)),
    Claim("figure 8", "the gap between tuning all layers and training from scratch closes", _gap_closes),
)


def _spread(row: Row) -> float:
    return row["p84_s"] - row["p16_s"]


def _approaches(rows: Rows) -> Finding:
    labels = sorted({row["labels"] for row in rows})
    gaps = [_spread(the(rows, labels=n, schema=ALL)) - _spread(the(rows, labels=n, schema=SCRATCH)) for n in labels]
    shown = "spread (16 to 84 %) beyond that from scratch: " + ", ".join(
        f"{n} {g:+.2f} s" for n, g in zip(labels, gaps, strict=True)
    )
    return holds(gaps[-1] <= gaps[0], shown)


def _last_slowest(rows: Rows) -> Finding:
    labels = sorted({row["labels"] for row in rows})
    gains = {
        s: _spread(the(rows, labels=labels[0], schema=s)) - _spread(the(rows, labels=labels[-1], schema=s))
        for s in (SCRATCH, LAST, ALL)
    }
    shown = f"spread falls from {labels[0]} to {labels[-1]} labels by " + ", ".join(
        f"{s} {g:.2f} s" for s, g in gains.items()
    )
    return holds(min(gains, key=lambda schema: gains[schema]) == LAST, shown)


FIGURE_9 = (
    Claim("figure 9", "with more labels the errors with all layers tuned approach those from scratch", _approaches),
    Claim("figure 9", "with the last layers alone they improve slowly", _last_slowest),
)


def _costliest(schema: str, most: bool) -> Callable[[Rows], Finding]:
    def judge(rows: Rows) -> Finding:
        outcomes = []
        for at in {(row["task"], row["encoder"], row["head"], row["labels"]) for row in rows}:
            costs = {
                r["schema"]: r["mean_cpu_s"] for r in rows if (r["task"], r["encoder"], r["head"], r["labels"]) == at
            }
            pick = max if most else min
            outcomes.append(pick(costs, key=lambda name, costs=costs: costs[name]) == schema)
        means = {s: statistics.mean(r["mean_cpu_s"] for r in those(rows, schema=s)) for s in (SCRATCH, LAST, ALL)}
        shown = "mean CPU-seconds: " + ", ".join(f"{name} {value:.0f}" for name, value in means.items())
        return in_most(outcomes, "cases", shown)

    return judge


def _alike_when_few(rows: Rows) -> Finding:
    few = [row for row in rows if row["labels"] <= FEW_LABELS]
    outcomes = []
    for at in {(row["task"], row["encoder"], row["head"], row["labels"]) for row in few}:
        costs = [r["mean_cpu_s"] for r in few if (r["task"], r["encoder"], r["head"], r["labels"]) == at]
        outcomes.append(max(costs) <= 2 * min(costs))
    return in_most(outcomes, f"cases of up to {FEW_LABELS} labels", "judged as: within a factor of two")


FIGURE_10 = (
    Claim("figure 10", "with few labels the three cost about the same", _alike_when_few),
    Claim("figure 10", "tuning all layers takes longest to converge", _costliest(ALL, most=True)),
    Claim("figure 10", "training from scratch takes least", _costliest(SCRATCH, most=False)),
)


def _at_snr(rows: Rows, low_snr: bool) -> list[tuple[Row, Row]]:
    edges = sorted({row["snr_from_db"] for row in rows})
    if low_snr:
        edges = edges[: max(1, len(edges) // 2)]
    found = []
    for encoder in {row["encoder"] for row in rows}:
        for edge in edges:
            pair = [
                [r for r in rows if (r["encoder"], r["snr_from_db"], r["schema"]) == (encoder, edge, s)]
                for s in (ALL, SCRATCH)
            ]
            if all(pair):
                found.append((pair[0][0], pair[1][0]))
    return found


def _no_better_in_noise(rows: Rows) -> Finding:
    pairs = _at_snr(rows, low_snr=True)
    shown = ", ".join(
        f"{a['snr_from_db']} dB {a['sd_of_absolute_s']:.2f} against {b['sd_of_absolute_s']:.2f} s" for a, b in pairs
    )
    return in_most([a["sd_of_absolute_s"] >= b["sd_of_absolute_s"] for a, b in pairs], "bins of low SNR", shown)


def _better_when_few(rows: Rows) -> Finding:
    pairs = _at_snr(rows, low_snr=False)
    shown = ", ".join(
        f"{a['snr_from_db']} dB {a['sd_of_absolute_s']:.2f} against {b['sd_of_absolute_s']:.2f} s" for a, b in pairs
    )
    return in_most([a["sd_of_absolute_s"] < b["sd_of_absolute_s"] for a, b in pairs], "bins of SNR", shown)


FIGURE_S26 = (
    Claim(
        "figure S26",
        "with many labels an encoder is no better in noise than training from scratch",
        _no_better_in_noise,
    ),
)
FIGURE_S27 = (Claim("figure S27", "with 500 labels an encoder is slightly better", _better_when_few),)

_STEAD = "needs STEAD (zoo prepare stead/... --manual-dir FOLDER): the rows above are on synthetic stand-ins"
ELSEWHERE = (
    Claim("figures 3, 4 on STEAD", "errors of autoencoders trained on 576,434 windows", why=_STEAD, verdict=DOWNLOAD),
    Claim(
        "figure 5 on LEN-DB",
        "accuracy levels off above 15,000 labels",
        why="needs LEN-DB: zoo prepare len_db/kong2021_noise_earthquake",
        verdict=DOWNLOAD,
    ),
    Claim(
        "figure 6 on SPE, iMUSH, BASE",
        "accuracy grows linearly with the logarithm of the labels",
        why="needs the records of the three experiments; zoo prepare explosions/... takes others",
        verdict=DOWNLOAD,
    ),
    Claim("figure 7 on STEAD", "errors of P within 100 km, M > 2", why=_STEAD, verdict=DOWNLOAD),
    Claim("figures 8, 9, S26 on STEAD", "up to 300,000 labels", why=_STEAD, verdict=DOWNLOAD),
    Claim(
        "figures 5 to 7, (5)",
        "it is not clear whether a bottleneck of 34 or of 68 is better",
        why="open: zoo reproduce kong-figures-5-6-7 --set encoders=over68,over34; the paper states no winner",
    ),
    Claim(
        "figures S2 to S5, S12 to S15",
        "each line of figures 5 to 7 with its spread",
        why="read off pictures; the table of kong-figures-5-6-7 has mean and sd of each",
    ),
    Claim(
        "figures S6 to S9",
        "the same without the convolution on top",
        why="open: zoo reproduce kong-figures-5-6-7 --set heads=cnn,dense",
    ),
    Claim("figures S10, S11", "score and time of trainings with up to 300,000 labels", why=_STEAD, verdict=DOWNLOAD),
    Claim("figure S16", "figure 10 near its origin", why="a closer look: the table of kong-figure-10 has each cell"),
    Claim(
        "figures S17 to S25",
        "magnitudes, distances, depths of the records",
        why="of the archives' records",
        verdict=DOWNLOAD,
    ),
    Claim(
        "table 1",
        "learning rates, monitors, batch n/100, patience of 20 epochs",
        why="a setup: --set schedule=literal takes it",
    ),
    Claim("figures 1, 2, S1", "drawings of the networks, example windows", why="nothing to measure"),
)
"""What no experiment repeats."""

"""What `zoo list` and `zoo datasets` show: what helps to choose a model or a dataset, a row for each.

The headline of a model's scores is one figure of its card (`HEADLINE`), on real data where there is such a score. What
a dataset says of itself lies beside its builder (`datasets/NAME/listing.json`); one of a user's own may have none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo.errors import ZooError
from zoo.own import note
from zoo.terminal import print_columns, print_paragraph, width

HEADLINE = {
    "microseismic.traces": ("r2d",),
    "microseismic.greens_functions": ("r2d_double_couple",),
    "crust.thickness": ("rms_km", "short_period_both_rms_km"),
    "fwi.velocity": ("model_rmse_m_s",),
    "seismograms.picks": ("p_within_0.5_s",),
    "seismograms.arrival": ("mae_s",),
    "seismograms.class": ("accuracy",),
    "seismograms.event_class": ("balanced_accuracy",),
    "seismograms.features": ("correlation",),
    "seismicity.anomaly": ("auc",),
}
"""Question -> the metrics that say most of a model that answers it; the first that a score has is shown."""

OPENS_WITH = {
    "microseismic.traces": "zoo locate",
    "microseismic.greens_functions": "zoo mechanism",
    "crust.thickness": "zoo crust",
    "fwi.velocity": "zoo.load, zoo fwi",
    "seismograms.picks": "zoo annotate, zoo catalogue",
    "seismograms.arrival": "zoo annotate",
    "seismograms.class": "zoo annotate",
    "seismograms.event_class": "zoo annotate",
    "seismograms.features": "zoo.load",
    "seismicity.anomaly": "zoo seismicity",
}
"""Question -> what asks it."""

_LISTING = "listing.json"


def dataset_listing(name: str) -> dict[str, str]:
    """Return what a dataset or config is: `kind` (real, synthetic), `size`, `source`, `licence`; "" where not stated.

    Args:
        name: `dataset` or `dataset/config`.

    >>> dataset_listing("stead/mini")["licence"]
    'CC BY 4.0'
    """
    from zoo.data import builders

    dataset, _, config = name.partition("/")
    stated: dict[str, Any] = {}
    if dataset in builders.list_datasets():
        path = builders.home(dataset) / _LISTING
        try:
            stated = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        except (OSError, ValueError) as error:
            note(f"{path} cannot be read ({error}); its dataset is listed without size, source and licence.")
    own = stated.get("configs", {}).get(config, {})
    return {key: own.get(key, stated.get(key, "")) for key in ("kind", "size", "source", "licence")}


def datasets(data_dir: str | None = None) -> list[dict[str, str]]:
    """Return a row for each config: `name`, `kind`, `size`, `source`, `licence`, `prepared` (a folder, or "").

    Args:
        data_dir: where prepared datasets lie.
    """
    from zoo.data import builders
    from zoo.data import datasets as data

    rows = []
    for dataset in builders.list_datasets():
        try:
            found = data.describe(dataset, data_dir)
        except ZooError as error:
            note(f"Left out: {error}")
            continue
        names = sorted({*(f"{dataset}/{config}" for config in found["configs"]), *found["prepared"]}) or [dataset]
        for name in names:
            own = "" if name.partition("/")[2] in {*found["configs"], ""} else "a config of your own"
            about = dataset_listing(name)
            rows.append({"name": name, **about, "prepared": found["prepared"].get(name, "")})
            rows[-1]["size"] = about["size"] or own
    return rows


def models(cards: Mapping[str, Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return a row for each card, with `score`, `scored_on`, `size` (of its weights), and `learned_from`.

    Args:
        cards: by full name, as `zoo.registry.cards` gives them.
    """
    return [
        {
            "name": name,
            "default": "default" if card.get("default") else "",
            "answers": card.get("answers") or "",
            **_headline(card),
            "size": _size(card),
            "learned_from": _learned_from(card),
            "summary": card.get("summary") or "",
        }
        for name, card in cards.items()
    ]


def _headline(card: Mapping[str, Any]) -> dict[str, str]:
    """Return the most telling score: on real data before the own test split, and that before the validation split."""
    wanted = HEADLINE.get(card.get("answers") or "", ())
    found = []
    for number, (where, score) in enumerate((card.get("scores") or {}).items()):
        metrics = score.get("metrics") or {}
        name = next((metric for metric in wanted if metric in metrics), next(iter(metrics), ""))
        real = _is_real(where)
        on = where.removeprefix("real: ") + (" (real)" if real else "")
        rank = 3 if real else {"test": 2, "validation": 1}.get(where, 0)
        if name:
            found.append((rank, number, f"{name} {metrics[name]:.3g}", f"own {where}" if rank in (1, 2) else on))
    _, _, score, on = max(found, default=(0, 0, "", ""))
    return {"score": score, "scored_on": on}


def _is_real(where: str) -> bool:
    return where.startswith("real") or dataset_listing(where.partition(":")[0])["kind"] == "real"


def _size(card: Mapping[str, Any]) -> str:
    size = sum(file.get("bytes", 0) for name, file in (card.get("files") or {}).items() if ".weights" in name)
    return f"{max(size / 1e6, 0.1):.1f} MB" if size else ""  # 0.1 MB: so much or less


def _learned_from(card: Mapping[str, Any]) -> str:
    """Return real, synthetic or both, by the datasets that a model was trained on; "" where no card says."""
    beside = (card.get("settings") or {}).get("beside") or []
    named = [str(card.get("dataset") or "").split(" ")[0], *(beside if isinstance(beside, Sequence) else [])]
    kinds = {dataset_listing(str(name).partition(":")[0])["kind"] for name in named} & {"real", "synthetic"}
    return "both" if len(kinds) > 1 else "".join(kinds)


def print_models(rows: Sequence[Mapping[str, str]]) -> None:
    """Print the rows of `models` by the question that they answer, within the terminal."""
    print_paragraph(
        "* what the name without its tag means; score, and what it was measured on; size; data it learned from. "
        "zoo info NAME says more."
    )
    names, sizes = (max(len(row[key]) for row in rows) for key in ("name", "size"))
    made = len("synthetic")
    columns = [names + 2, max(width() - names - sizes - made - 10, 12), sizes, made]
    for question in dict.fromkeys(row["answers"] for row in rows):
        asks = OPENS_WITH.get(question, "")
        print(f"\n{question or 'no question of the zoo'}{f'  ({asks})' if asks else ''}")
        those = [row for row in rows if row["answers"] == question]
        for row in sorted(those, key=lambda row: not row["default"]):
            score = f"{row['score']}, {row['scored_on']}" if row["score"] else "no score"
            mark = " *" if row["default"] else ""
            print_columns([(row["name"] + mark, score, row["size"].rjust(sizes), row["learned_from"])], columns, "  ")


def print_datasets(rows: Sequence[Mapping[str, str]], where: str) -> None:
    """Print the rows of `datasets`, configs below their dataset, within the terminal.

    Args:
        rows: those of `datasets`.
        where: folder of prepared datasets.
    """
    print_paragraph(f"Prepared ones lie in {_with_tilde(where)}; zoo info NAME says more.")
    by_dataset: dict[str, list[Mapping[str, str]]] = {}
    for row in rows:
        by_dataset.setdefault(row["name"].split("/")[0], []).append(row)
    for name, configs in by_dataset.items():
        shared = _words(dataset_listing(name))
        print()
        print_paragraph(f"{name}: {'; '.join(part for part in shared if part)}".rstrip(": "))
        for row in configs:
            own = [part for part in _words(row) if part not in shared]
            here = "prepared" if row["prepared"] else "not prepared"
            label = row["name"].partition("/")[2] or name
            first = max(26, len(label))
            text = "; ".join(part for part in (row["size"], *own, here) if part)
            print_columns([(label, text)], [first, max(width() - first - 5, 20)], "  ")


def _words(row: Mapping[str, str]) -> list[str]:
    """Return kind, source and licence of a dataset, in words."""
    return [row["kind"], row["source"], f"licence: {row['licence']}" if row["licence"] else ""]


def _with_tilde(folder: str) -> str:
    """Return a folder as a person writes it, with `~` for the home."""
    home = str(Path.home())
    return f"~{folder[len(home) :]}" if folder.startswith(home + "/") else folder

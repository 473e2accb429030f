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
    named = [(card.get("dataset") or "").split(" ")[0], *(beside if isinstance(beside, Sequence) else [])]
    kinds = {dataset_listing(str(name).partition(":")[0])["kind"] for name in named} & {"real", "synthetic"}
    return "both" if len(kinds) > 1 else "".join(kinds)


def saved_in(folder: str) -> str:
    """Return a folder as a person writes it, with `~` for the home."""
    home = str(Path.home())
    return f"~{folder[len(home) :]}" if folder.startswith(home + "/") else folder

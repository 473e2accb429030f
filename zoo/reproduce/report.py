"""How the results answer the papers: each claim with the paper's value, ours, the data, a verdict and why."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from zoo import SYSTEMS
from zoo.training.claims import VERDICTS, Claim
from zoo.training.experiment import Experiment

REPORT = "report.json"
PAPERS = {
    "microseismic": "Spurio Mancini, Piras, Ferreira, Hobson and Joachimi (2021), Solid Earth: "
    "Accelerating Bayesian microseismic event location with deep learning",
    "crust": "Cheng, Liu, Li and Liu (2019): Inverting Rayleigh surface wave velocities for crustal thickness in "
    "eastern Tibet and the western Yangtze craton based on deep learning neural networks",
    "fwi": "Sun, Niu, Innanen, Li and Trad: A deep learning perspective of the forward and inverse problems in "
    "exploration geophysics",
    "seismograms": "Kong, Chiang, Aguiar, Fernández-Godino, Myers and Lucas (2021): Deep convolutional autoencoders as "
    "generic feature extractors in seismological applications",
    "seismicity": "Zhang and Yang: An automated, deep-learning-based method for investigating spatial-temporal "
    "evolution of seismicity (the supporting information alone was at hand)",
}


def claims_of(made: Experiment) -> tuple[Claim, ...]:
    """Return what the paper states where an experiment repeats it; nothing where `no_claims` says why."""
    return _named(made.claims) if made.claims else ()


def _named(name: str) -> tuple[Claim, ...]:
    module, attribute = name.split(":")
    return getattr(importlib.import_module(module), attribute)


def system_of(made: Experiment) -> str:
    """Return the system of an experiment."""
    return made.function.split(".")[1]


def report(
    results: Mapping[str, Mapping[str, Any]],
    known: Mapping[str, Experiment],
    failed: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the report: `papers` with their claims and counts of verdicts, `experiments`, and which `failed`.

    Args:
        results: what lies in NAME.json, by name.
        known: the experiments.
        failed: name -> why.

    Raises:
        ValueError: if a result is of a quick run.
    """
    if quick := [name for name, result in results.items() if result["quick"]]:
        raise ValueError(f"{quick[0]} is of a quick run, whose figures say nothing.")
    failed = dict(failed or {})
    papers = []
    for system in SYSTEMS:
        rows = []
        for name, made in known.items():
            if system_of(made) == system:
                rows += _answers(name, made, results.get(name), failed.get(name, ""))
        if any(system_of(made) == system for made in known.values()):
            rows += [_row("", claim, None, "", "") for claim in _named(f"zoo.{system}.claims:ELSEWHERE")]
        if rows:
            counts = Counter(row["verdict"] for row in rows)
            ordered = {verdict: counts[verdict] for verdict in VERDICTS if counts[verdict]}
            papers.append({"system": system, "paper": PAPERS[system], "counts": ordered, "claims": rows})
    return {
        "papers": papers,
        "experiments": [_experiment(name, made, results.get(name)) for name, made in known.items()],
        "failed": failed,
    }


def _answers(name: str, made: Experiment, result: Mapping[str, Any] | None, failed: str) -> list[dict[str, Any]]:
    rows = result["rows"] if result else None
    command = result["command"] if result else f"zoo reproduce {name}"
    found = [_row(name, claim, rows, data_of(made, rows), command) for claim in claims_of(made)]
    if rows is None:
        why = f"failed: {failed}" if failed else "not run yet"
        found = [{**row, "why": "; ".join(part for part in (why, row["why"]) if part)} for row in found]
    return found


def _row(name: str, claim: Claim, rows: Sequence[Mapping[str, Any]] | None, data: str, command: str) -> dict[str, Any]:
    found = claim.answer(rows)
    why = found.why
    if rows is None and claim.judge is not None:  # who calls says why there are no rows
        why = claim.why
    shown = data if found.ours else ""
    return {
        "where": claim.where,
        "paper": claim.paper,
        "ours": found.ours,
        "data": shown,
        "verdict": found.verdict,
        "why": why,
        "experiment": name,
        "command": command,
    }


def data_of(made: Experiment, rows: Sequence[Mapping[str, Any]] | None) -> str:
    """Return what was measured on: the datasets that the rows name, else what the experiment says."""
    named = dict.fromkeys(str(row["dataset"]) for row in rows or () if row.get("dataset"))
    return ", ".join(named) or made.data


def _experiment(name: str, made: Experiment, result: Mapping[str, Any] | None) -> dict[str, Any]:
    about = {"name": name, "title": made.title, "paper": made.paper, "system": system_of(made), "cost": made.cost}
    if made.no_claims:
        about["no_claims"] = made.no_claims
    if not result:
        return {**about, "there": False, "command": f"zoo reproduce {name}"}
    keys = ("command", "cost_cpu_s", "date", "commit", "machine", "versions")
    return {**about, "there": True, **{key: result[key] for key in keys}}

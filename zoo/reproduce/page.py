"""The report as one page of HTML that needs nothing else, and is readable on a phone."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from zoo.training.claims import VERDICTS

_COLUMNS = (
    ("where", "where"),
    ("paper", "the paper"),
    ("ours", "ours"),
    ("verdict", "verdict"),
    ("why", "why"),
)
_MEANING = {
    "better": "ours is better than the paper's by more than the tolerance, which the claim states",
    "met": "as the paper has it, within the tolerance; or the statement holds of our rows",
    "not met": "worse than the paper's, or the statement does not hold of our rows",
    "not comparable": "measured, but on other data or in another unit than the paper's",
    "needs a download": "the data are not ours to make, and were not at hand",
    "not repeated": "nothing was run for it yet, or nothing can be read from the paper's text; the reason is given",
}
_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.45 system-ui, sans-serif; color: #1c1c1c; background: #fff; margin: 0 auto; max-width: 1180px;
  padding: 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; } h3 { font-size: 1rem; margin-bottom: .3rem; }
table { border-collapse: collapse; width: 100%; font-size: .88rem; }
th, td { text-align: left; vertical-align: top; padding: .35rem .5rem; border-bottom: 1px solid #ddd;
  overflow-wrap: anywhere; }
th { white-space: nowrap; border-bottom: 2px solid #888; }
code { font: .85em ui-monospace, monospace; overflow-wrap: anywhere; }
.v { display: inline-block; padding: .05rem .45rem; border-radius: .7rem; font-size: .85em; white-space: nowrap; }
.better { background: #b7e4c7; } .met { background: #d8f3dc; } .not-met { background: #ffd6d1; }
.not-comparable { background: #e6e6f5; } .needs-a-download { background: #fff1c9; } .not-repeated { background: #eee; }
figure { margin: 1rem 0; } figure img { max-width: 100%; height: auto; } figcaption { font-size: .85rem; color: #444; }
@media (max-width: 760px) {
  thead { display: none; } table, tbody, tr, td { display: block; }
  tr { border-bottom: 2px solid #888; padding: .4rem 0; } td { border: 0; padding: .12rem 0; }
  td:empty { display: none; } td::before { content: attr(data-label) ": "; color: #555; font-size: .85em; }
}
"""


def page(report: Mapping[str, Any], figures: Mapping[str, Sequence[Path]]) -> str:
    """Return the page.

    Args:
        report: of `zoo.reproduce.report`.
        figures: small PNG files by experiment.
    """
    counts = {v: sum(paper["counts"].get(v, 0) for paper in report["papers"]) for v in VERDICTS}
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>Five papers, repeated</title><style>{_STYLE}</style></head><body>",
        "<h1>Five papers, repeated</h1>",
        "<p>What five papers state, and what this code gives. Written by <code>zoo reproduce all</code> from the "
        "JSON files beside this page; the papers' statements are in our words.</p>",
        f"<p>{sum(counts.values())} statements. {_counted(counts)}</p>",
        "<details><summary>What the verdicts mean</summary><ul>",
        *(f"<li>{_badge(verdict)} {escape(_MEANING[verdict])}</li>" for verdict in VERDICTS),
        "</ul></details>",
    ]
    if report["failed"]:
        items = "".join(f"<li><code>{escape(n)}</code>: {escape(why)}</li>" for n, why in report["failed"].items())
        parts.append(f"<h2>Experiments that failed</h2><ul>{items}</ul>")
    for paper in report["papers"]:
        parts += _paper(paper, [one for one in report["experiments"] if one["system"] == paper["system"]], figures)
    return "\n".join(parts) + "\n</body></html>\n"


def _paper(paper: Mapping[str, Any], made: Sequence[Mapping[str, Any]], figures: Mapping[str, Sequence[Path]]) -> list:
    parts = [f'<h2 id="{escape(paper["system"])}">{escape(paper["paper"])}</h2>']
    parts.append(f"<p>System <code>{escape(paper['system'])}</code>. {_counted(paper['counts'])}</p>")
    for one in made:
        claims = [claim for claim in paper["claims"] if claim["experiment"] == one["name"]]
        parts.append(f"<h3><code>{escape(one['command'])}</code></h3><p>{escape(_how(one, claims))}</p>")
        if claims:
            parts.append(_statements(claims))
        for path in figures.get(one["name"], ()) if one["there"] else ():
            data = base64.b64encode(path.read_bytes()).decode()
            said = escape(f"{one['title']} ({one['paper']})")
            picture = f'<img alt="{said}" src="data:image/png;base64,{data}">'
            parts.append(f"<figure>{picture}<figcaption>{said}</figcaption></figure>")
    if rest := [claim for claim in paper["claims"] if not claim["experiment"]]:
        parts += ["<h3>What no experiment repeats</h3>", _statements(rest)]
    return parts


def _how(one: Mapping[str, Any], claims: Sequence[Mapping[str, Any]]) -> str:
    """Return a line on what was run, on which data, at what cost."""
    parts = [f"{one['title']}."]
    if data := dict.fromkeys(claim["data"] for claim in claims if claim["data"]):
        parts.append(f"Data: {'; '.join(data)}.")
    if "no_claims" in one:
        parts.append(f"Not judged: {one['no_claims']}.")
    if one["there"]:
        parts.append(f"{one['cost_cpu_s']:.0f} CPU-seconds, {one['date']}, commit {one['commit']}, {one['machine']}.")
    else:
        parts.append(f"Not run yet: {one['cost']}.")
    return " ".join(parts)


def _statements(claims: Sequence[Mapping[str, Any]]) -> str:
    # A column that is empty throughout is left out.
    columns = [(key, label) for key, label in _COLUMNS if any(claim[key] for claim in claims)]
    rows = [[_cell(key, label, claim[key]) for key, label in columns] for claim in claims]
    return _table([label for _, label in columns], rows)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(label)}</th>" for label in header)
    body = "\n".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>"


def _cell(key: str, label: str, text: str) -> str:
    shown = escape(str(text))
    if key == "verdict":
        shown = _badge(text)
    return f'<td data-label="{escape(label)}">{shown}</td>'


def _badge(verdict: str) -> str:
    return f'<span class="v {verdict.replace(" ", "-")}">{escape(verdict)}</span>'


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{counts[v]} {_badge(v)}" for v in VERDICTS if counts.get(v)) + "."

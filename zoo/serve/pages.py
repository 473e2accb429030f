"""What the page shows, as HTML: forms made from the options of a command, a job and what it wrote, models, datasets.

Everything that is not written here goes through `markupsafe`, which escapes it.
"""

from __future__ import annotations

import argparse
import csv
import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from zoo.serve.jobs import Job, Limits
from zoo.serve.tabs import SET, TABS, Tab, action, models, settings

_TABLE_ROWS = 20
_FIRST = "overview", "map", "location", "corner", "profile", "thickness"
"""Stems of the pictures that come first."""
_MOST_PICTURES, _MOST_TABLES = 24, 6


def page(title: str, body: Markup, here: str = "", refresh: bool = False) -> str:
    """Return a whole page.

    Args:
        title: of the window.
        body: what stands below the tabs.
        here: name of the tab that is shown.
        refresh: whether the browser loads it again after two seconds.
    """
    places = [*((f"/tab/{tab.name}", tab.title, tab.name) for tab in TABS.values())]
    places += [("/models", "Models", "models"), ("/datasets", "Datasets", "datasets")]
    links = Markup("").join(
        Markup('<a href="{}"{}>{}</a>').format(to, Markup(' class="here"') if name == here else "", text)
        for to, text, name in places
    )
    again = Markup('<meta http-equiv="refresh" content="2">') if refresh else ""
    return Markup(
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">{}'
        '<title>{} - zoo</title><link rel="stylesheet" href="/style.css"></head>\n'
        '<body><header><a href="/"><strong>zoo</strong></a>{}</header><main>{}</main></body></html>\n'
    ).format(again, title, links, body)


def home(limits: Limits) -> Markup:
    """Return the questions, each with its tab."""
    rows = Markup("").join(
        Markup('<section><h2>{}</h2><p>Example: {}.</p><a class="button" href="/tab/{}">{}</a></section>').format(
            tab.question, tab.example, tab.name, tab.title
        )
        for tab in TABS.values()
    )
    return Markup(
        "<h1>Which question?</h1><p>Drop a file or take an example. Each answer is what the command in the terminal "
        "gives; files stay on this machine, in a temporary folder. One command runs at a time, for at most {} "
        "minutes, on at most {} MB.</p>{}"
    ).format(f"{limits.run_s / 60:.0f}", f"{limits.upload_bytes / 1e6:.0f}", rows)


def form(tab: Tab, token: str, error: str = "", given: Mapping[str, str] | None = None) -> Markup:
    """Return the form of a tab.

    Args:
        tab: whose.
        token: that the server knows its own forms by.
        error: what was wrong with the form that was sent.
        given: what was chosen in it.
    """
    given = given or {}
    files = Markup("").join(_file(tab, name) for name in tab.files)
    options = Markup("").join(_option(tab, action(tab, name), given) for name in tab.options)
    known = settings(tab)
    chosen = Markup("").join(_setting(key, setting, given) for key, setting in known.items())
    more = Markup("<details><summary>{} settings</summary>{}</details>").format(len(known), chosen) if known else ""
    wrong = Markup('<p class="error" role="alert">{}</p>').format(error) if error else ""
    sets = {key.removeprefix(SET): value for key, value in tab.set_on_example.items()}
    with_ = f" (with {', '.join(f'{key} {value}' for key, value in sets.items())})" if sets else ""
    return Markup(
        '<h1>{}</h1><p>{}</p>{}<section><form method="post" action="/tab/{}/example" enctype="multipart/form-data">'
        '<input type="hidden" name="token" value="{}"><h2>Example</h2><p>Shipped: {}{}.</p>'
        '<button id="example">Run the example</button></form></section>'
        '<section><form method="post" action="/tab/{}" enctype="multipart/form-data">'
        '<input type="hidden" name="token" value="{}"><h2>Your files: drop each on its field</h2>{}'
        '<details{}><summary>{} options</summary>{}</details>{}<button id="run">Run</button></form></section>'
    ).format(
        tab.title, tab.question, wrong, tab.name, token, tab.example, with_, tab.name, token, files,
        Markup(" open") if given else "", len(tab.options), options, more,
    )  # fmt: skip


def _file(tab: Tab, name: str) -> Markup:
    many = action(tab, name).nargs in ("+", "*")
    needed = name in tab.needed
    return Markup(
        '<label for="{0}">{1}{2}<small>{3}</small></label><input type="file" id="{0}" name="{0}"{4}{5}>'
    ).format(
        name, name.replace("_", " "), "" if needed else " (optional)", tab.files[name],
        Markup(" multiple") if many else "", Markup(" required") if needed else "",
    )  # fmt: skip


def _option(tab: Tab, found: argparse.Action, given: Mapping[str, str]) -> Markup:
    """Return the field of an option: a choice, a box to tick, a number or a text."""
    name, help_ = found.dest, (found.help or "") % {**vars(found), "prog": "zoo"}
    value = given.get(name, "")
    if found.nargs == 0:
        ticked = Markup(" checked") if value else ""
        field = Markup('<input type="checkbox" id="{0}" name="{0}" value="on"{1}>').format(name, ticked)
    elif name == "model" or found.choices:
        from zoo import registry

        names = models(tab) if name == "model" else list(found.choices)
        usual = found.default
        if name == "model" and usual in [*names, *(known.split(".")[0] for known in names)]:
            usual = registry.full_name(usual)
        first = Markup('<option value="">{}</option>').format("default" if found.default is None else usual)
        field = Markup('<select id="{0}" name="{0}">{1}{2}</select>').format(
            name, first, _choices((n for n in names if n != usual), value)
        )
    else:
        kind = "number" if found.type in (float, int) else "text"
        step = Markup(' step="any"') if kind == "number" and found.nargs is None else ""
        field = Markup('<input type="{1}" id="{0}" name="{0}" value="{2}" placeholder="{3}"{4}>').format(
            name, kind if found.nargs is None else "text", value, _hint(found), step
        )
    return Markup('<label for="{}">{}<small>{}</small></label>{}').format(name, name.replace("_", " "), help_, field)


def _hint(found: argparse.Action) -> str:
    if isinstance(found.metavar, tuple):
        return " ".join(found.metavar)
    return str(found.default) if found.default not in (None, [], "") else str(found.metavar or "")


def _choices(names: Iterable[str], value: str) -> Markup:
    return Markup("").join(
        Markup("<option{}>{}</option>").format(Markup(" selected") if name == value else "", name)
        for name in names
        if name
    )


def _setting(key: str, setting: Any, given: Mapping[str, str]) -> Markup:
    """Return the field of a setting, by its JSON schema: a choice, or a number or text with its limits."""
    name, value, schema = f"{SET}{key}", given.get(f"{SET}{key}", ""), setting.schema()
    unit = f" [{setting.unit}]" if setting.unit else ""
    choices = schema.get("enum") or (["true", "false"] if schema.get("type") == "boolean" else [])
    if choices:
        first = Markup('<option value="">{}</option>').format(setting.default_as_text)
        others = _choices((c for c in choices if c != setting.default_as_text), value)
        field = Markup('<select id="{0}" name="{0}">{1}{2}</select>').format(name, first, others)
    elif schema.get("type") in ("number", "integer"):
        low, high = (
            Markup(' {}="{}"').format(end, schema[limit]) if limit in schema else ""
            for end, limit in (("min", "minimum"), ("max", "maximum"))
        )
        field = Markup(
            '<input type="number" id="{0}" name="{0}" value="{1}" placeholder="{2}" step="{3}"{4}{5}>'
        ).format(name, value, setting.default_as_text, "1" if schema["type"] == "integer" else "any", low, high)
    else:
        field = Markup('<input type="text" id="{0}" name="{0}" value="{1}" placeholder="{2}">').format(
            name, value, setting.default_as_text
        )
    about = f"{setting.meaning}. Takes {setting.form}. Source: {setting.source}"
    return Markup('<label for="{}">{}{}<small>{}</small></label>{}').format(name, key, unit, about, field)


def job(job: Job, ahead: int, token: str) -> Markup:
    """Return what there is to see of a job.

    Args:
        job: that was asked for.
        ahead: how many come before it.
        token: that the server knows its own forms by.
    """
    lines = [line for line in job.progress() if line.strip()]
    head = Markup('<h1>{}</h1><pre class="command">{}</pre>').format(job.tab.title, job.as_typed())
    remove = Markup(
        '<form method="post" action="/job/{}/remove" enctype="multipart/form-data">'
        '<input type="hidden" name="token" value="{}"><button class="plain">{}</button></form>'
    ).format(job.identity, token, "Remove all of it" if job.is_over else "Stop")
    if not job.is_over:
        where = f"waiting, {ahead} before it" if job.state == "waiting" else f"running, {job.seconds:.0f} s"
        last = lines[-1] if lines else "starting"
        shown = Markup('<section id="state"><h2>{}</h2><progress></progress><p>{}</p>{}</section>')
        return head + shown.format(where, last, remove)
    if job.state != "done":
        said = "\n".join(lines[-12:])
        shown = Markup('<section id="state"><h2>{} after {} s</h2><p class="error" role="alert">{}</p>{}{}</section>')
        error = next((line for line in reversed(lines) if line.startswith("zoo: ")), said or f"exit code {job.code}")
        rest = Markup("<details><summary>all that it said</summary><pre>{}</pre></details>").format(said)
        return head + shown.format(job.state, f"{job.seconds:.0f}", error, rest, remove)
    top = Markup('<section id="state"><h2>done in {} s</h2><pre>{}</pre>{}</section>')
    return head + top.format(f"{job.seconds:.0f}", job.said(), _notes(lines)) + _results(job) + remove


def _notes(lines: Sequence[str]) -> Markup:
    if not lines:
        return Markup("")
    return Markup("<details><summary>progress</summary><pre>{}</pre></details>").format("\n".join(lines))


def _results(job: Job) -> Markup:
    """Return pictures, tables and downloads of what a job wrote; each file is named by its number."""
    files = job.files()
    numbered = list(enumerate(files))
    pictures = [(n, path) for n, path in numbered if path.suffix in (".png", ".gif")]
    pictures.sort(key=lambda pair: (pair[1].stem not in _FIRST, len(pair[1].parts), pair[0]))
    tables = [(n, path) for n, path in numbered if path.suffix == ".csv"]
    shown = Markup("").join(
        Markup(
            '<figure><img loading="lazy" alt="{1}" src="/job/{0}/file/{2}"><figcaption>{1}</figcaption></figure>'
        ).format(job.identity, _name(job, path), n)
        for n, path in pictures[:_MOST_PICTURES]
    )
    rows = Markup("").join(
        Markup("<h2>{}</h2>{}").format(_name(job, path), _table(path)) for _, path in tables[:_MOST_TABLES]
    )
    left = [
        f"{len(those) - most} more {what} are among the files"
        for those, most, what in ((pictures, _MOST_PICTURES, "pictures"), (tables, _MOST_TABLES, "tables"))
        if len(those) > most
    ]
    links = Markup("").join(
        Markup('<li><a href="/job/{}/file/{}" download>{}</a> ({} kB)</li>').format(
            job.identity, n, _name(job, path), f"{max(path.stat().st_size / 1000, 0.1):.1f}"
        )
        for n, path in numbered
    )
    return Markup(
        '<section id="pictures">{}</section><section id="tables">{}<p>{}</p></section>'
        '<section id="files"><h2>Files</h2><a class="button" href="/job/{}/all.zip">All as a zip</a>'
        "<ul>{}</ul></section>"
    ).format(shown, rows, "; ".join(left), job.identity, links)


def _name(job: Job, path: Path) -> str:
    return path.relative_to(job.folder / "out").as_posix()


def _table(path: Path) -> Markup:
    """Return the first rows of a CSV."""
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        rows = [
            row
            for row in itertools.islice(csv.reader(line for line in file if not line.startswith("#")), _TABLE_ROWS + 2)
        ]
    return _html_table(rows[0] if rows else [], rows[1 : _TABLE_ROWS + 1]) + (
        Markup("<p>The first {} rows.</p>").format(_TABLE_ROWS) if len(rows) > _TABLE_ROWS + 1 else Markup("")
    )


def _html_table(header: Sequence[Any], rows: Iterable[Sequence[Any]], kind: str = "table") -> Markup:
    """Return a table; on a phone, one of the kind `cards` has a row's cells below each other, with their headers."""
    names = Markup("").join(Markup("<th>{}</th>").format(name) for name in header)
    lines = Markup("")
    for row in rows:
        cells = itertools.zip_longest(header, row, fillvalue="")
        one = Markup("").join(Markup('<td data-header="{}">{}</td>').format(name, cell) for name, cell in cells)
        lines += Markup("<tr>{}</tr>").format(one)
    return Markup('<div class="{}"><table><tr>{}</tr>{}</table></div>').format(kind, names, lines)


def listing(what: str) -> Markup:
    """Return the models, or the datasets, as a table with links to what is known of each."""
    from zoo import listing, registry

    if what == "models":
        rows = listing.models(registry.cards())
        keys = ("name", "answers", "score", "scored_on", "size", "learned_from")
    else:
        rows = [{**row, "prepared": "prepared" if row["prepared"] else ""} for row in listing.datasets()]
        keys = ("name", "kind", "size", "source", "licence", "prepared")
    table = _html_table(
        [key.replace("_", " ") for key in keys],
        [
            [Markup('<a href="/{0}/{1}">{2}</a>').format(what, row["name"].split("/")[0], row["name"])]
            + [row[key] for key in keys[1:]]
            for row in rows
        ],
        "table cards",
    )
    return Markup("<h1>{}</h1><section>{}</section>").format(what.capitalize(), table)


def _plain(value: Any) -> Any:
    """Return an entry of a card as text; what holds others as a list."""
    if isinstance(value, Mapping):
        items = [Markup("{}: {}").format(key, _plain(item)) for key, item in value.items()]
    elif isinstance(value, list) and any(isinstance(item, Mapping | list) for item in value):
        items = [_plain(item) for item in value]
    else:
        return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return Markup("<ul>{}</ul>").format(Markup("").join(Markup("<li>{}</li>").format(item) for item in items))


def card(name: str, about: Mapping[str, Any]) -> Markup:
    """Return what is known of a model (its card) or a dataset (its page)."""
    texts = Markup("").join(
        Markup("<h2>{}</h2><pre>{}</pre>").format(key, about[key]) for key in ("about", "citation") if about.get(key)
    )
    rows = [
        (key, _plain(value))
        for key, value in about.items()
        if key not in ("about", "citation", "settings_table", "files", "prepared") and value not in (None, "", {}, [])
    ]
    entries = Markup("").join(
        Markup("<dt>{}</dt><dd>{}</dd>").format(key.replace("_", " "), text) for key, text in rows
    )
    stated = about.get("settings_table") or []
    keys = ("setting", "default", "unit", "takes", "meaning", "source")
    settings_ = _html_table(keys, [[row[key] for key in keys] for row in stated]) if stated else ""
    return Markup("<h1>{}</h1><section><dl>{}</dl>{}{}</section>").format(name, entries, texts, settings_)

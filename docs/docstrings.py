"""Docstrings of the project, which are read in an editor, as Sphinx wants them: blocks of code, lists of attributes."""

from __future__ import annotations

import re


def prepare(app, what, name, obj, options, lines: list[str]) -> None:
    """Change the lines of a docstring in place (event autodoc-process-docstring, before napoleon)."""
    if what == "data" and lines[:1] == (type(obj).__doc__ or "").splitlines()[:1]:
        lines.clear()  # a value without a docstring has that of its type
    lines[:] = as_code(several(attributes([plain(line) for line in lines])))


def plain(line: str) -> str:
    r"""Return a line with what reStructuredText would take for markup, outside of doctests, marked as text.

    >>> print(plain("`build`, `f(**a)`; build(**settings) makes `Window`s"))
    `build`, `f(**a)`; build(\*\*settings) makes `Window`\ s
    """
    if line.lstrip().startswith((">>>", "...")):
        return line
    parts = line.split("`")  # every other one is code
    text = [part.replace("**", r"\*\*") for part in parts[::2]]
    parts[::2] = [("\\ " if number and re.match(r"\w", part) else "") + part for number, part in enumerate(text)]
    return "`".join(parts)


def several(lines: list[str]) -> list[str]:
    """Return the lines with a section "Returns:" of several names as a list.

    >>> several(["Returns:", "    a: (n,)", "    b: (n,), where", "        it is", "", "Raises:"])
    ['Returns:', '    By name', '', '    - a: (n,)', '    - b: (n,), where', '      it is', '', 'Raises:']
    """
    changed, at = [], 0
    while at < len(lines):
        changed.append(lines[at])
        at += 1
        if changed[-1] not in ("Returns:", "Yields:"):
            continue
        body = []
        while at < len(lines) and lines[at].startswith("    "):
            body.append(lines[at][4:])
            at += 1
        entries = [line for line in body if re.match(r"\w[\w, ]*: ", line)]
        tops = [line for line in body if not line.startswith(" ")]
        if len(entries) < 2 or len(entries) < len(tops):
            changed += ["    " + line for line in body]
            continue
        changed += ["    By name", ""]
        changed += ["    - " + line if not line.startswith(" ") else "      " + line.strip() for line in body]
    return changed


def attributes(lines: list[str]) -> list[str]:
    """Return the lines with "Attributes, in addition to those of `X`:" as a sentence and the section "Attributes:".

    >>> attributes(["Attributes, in addition to those of `X`:", "    a: b"])
    ['In addition to those of `X`:', '', 'Attributes:', '    a: b']
    """
    changed = []
    for line in lines:
        if match := re.fullmatch(r"Attributes, (.)(.*:)", line):
            changed += [match[1].upper() + match[2], "", "Attributes:"]
        else:
            changed.append(line)
    return changed


def as_code(lines: list[str]) -> list[str]:
    """Return the lines with blocks that are indented after a blank line marked as code.

    >>> as_code(["Use it:", "", "    f(1)", "", "    f(2)", "then"])
    ['Use it:', '', '.. code-block:: python', '', '    f(1)', '', '    f(2)', '', 'then']
    """
    changed: list[str] = []
    blank, base, inside = True, True, False  # base: the last line with text was not indented
    for line in lines:
        indented = line.startswith("    ")
        if indented and blank and base and changed and not inside:
            python = not re.search(r"\S {4,}[^#\s]", line) and re.match(
                r"\s+(import |from |[\w.]+(, \w+)* = |[\w.]+\()", line
            )
            changed += [f".. code-block:: {'python' if python else 'none'}", ""]
            inside = True
        elif line.strip() and not indented:
            if inside and not blank:
                changed.append("")
            inside = False
        changed.append(line.replace(r"\*", "*").replace("`\\ ", "`") if inside else line)
        blank = not line.strip()
        if not blank:
            base = not indented
    return changed

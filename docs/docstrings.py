"""Docstrings of the project, which are read in an editor, as Sphinx wants them: blocks of code, lists of attributes."""

from __future__ import annotations

import re


def prepare(app, what, name, obj, options, lines: list[str]) -> None:
    """Change the lines of a docstring in place (event autodoc-process-docstring, before napoleon)."""
    lines[:] = as_code(attributes(lines))


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
            python = re.match(r"\s+(import |from |[\w.]+(, \w+)* = |[\w.]+\()", line) is not None
            changed += [f".. code-block:: {'python' if python else 'none'}", ""]
            inside = True
        elif line.strip() and not indented:
            if inside and not blank:
                changed.append("")
            inside = False
        changed.append(line)
        blank = not line.strip()
        if not blank:
            base = not indented
    return changed

"""A figure that was measured stands on a page in a block that a measuring command wrote, or on a card: nowhere else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import zoo

ROOT = Path(__file__).parents[1]
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "recipes/README.md",
    "checkpoints/README.md",
    *(f"zoo/{system}/README.md" for system in zoo.SYSTEMS),
    *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))),
]
PAGES.remove("docs/scaling.md")  # benchmarks/scaling.py writes all of it

_TIME = r"CPU-?[a-z]+|minutes?|seconds?|hours?|ms|s"
_UNIT = rf"(?:%|per cent|points?|times|of (?:the )?\d+|{_TIME}|(?:km|m)(?:/s)?|GB|MB|degrees?)"
FIGURE = re.compile(
    rf"(?<![\w.`=-])[+-]?\d[\d,.]*(?: to \d[\d,.]*)? ?{_UNIT}(?![\w/-])|(?<![\d.])0\.\d{{2,}}\b|\b\d(?:\.\d+)?e-\d+|±"
)
"""A number with a unit, a share or a score of two digits or more, a small number, an error."""

SAID = {
    # What can be set, and what code does by definition: no outcome of a measurement.
    "a setting or a rule of the code": (
        "| 2 % |",
        "strength and pulse unknown, the earth 2 % uncertain",
        "(20 times on `local:N`",
        "| 1 ms |",
        "| 10 % |",
        "origin time, within 0.5 s of the first sample",
        "Their defaults, 0.005 and 0.014, are right for the marine earth only",
        "takes any three or more periods from 4 to 150 s",
        "(Vs under 1 km/s, periods below 10 s)",
        "Waves longer than 333 s reach the core",
        "Sources stay 150 m below it",
        "Beyond 512 MB nothing is held",
        "in as many shots as 64 MB hold",
        "`ssae_crust` is trained at 0.5 % and takes no error bars: at 1 % and without noise",
        "without errors (1 % was assumed)",
        "another one serves where it has no data for 30 s or longer",
        "up to `--max-gap-s` (1 s) filled by straight lines",
        "segments from 5 s on",
        "pieces below 5 s",
        "of P in its first 3 s or until S, of S in 6 s",
        "More than 200 MB, or any of these options",
        "when no later window can change it, 37 to 67 s after its arrival",
        "a wheel carries no weights above 10 MB (5 MB if not a recipe's default)",
        "An event costs more than the 0.5 CPU-seconds that we aim at",
    ),
    # Intervals by their name, and what is known without a measurement.
    "a name, or arithmetic": (
        "the regions that hold 68 and 95 % of the probability",
        "the mean, its 68 % interval, and a profile",
        "mean, 68 and 95 % intervals, evidence, convergence",
        "Vs and its 68 % interval",
        "the half width of the interval that holds the arrival in 68.3 % of cases",
        "68 % intervals are wider than they need be",
        "bfloat16 knows 3.5 km/s to 0.02 km/s",
    ),
    "which data there are, or which were simulated": (
        "1800 of the 2000 published k-Wave training traces",
        "a field of 0.8 x 0.8 x 1.2 km",
        "simulates itself on a grid of 5 m",
        "No real map of 28 to 100 s was at hand",
        "Where the earth varies smoothly by 4 %, more than most regions do over 15 km",
    ),
    "a paper's": (
        '("x 1e-6")',
        "in the order of the table: 0.950, 0.944, 0.943, 0.950, 0.947, 0.948, 0.921, about 0.89",
    ),
    # Bounds that a test holds (tests/test_export.py).
    "held by a test": (
        "which agree with differences to 1e-3",
        "to 1e-5 of the largest answer",
        "records are the kernels' to 1e-5, gradients too",
        "of a column to 2e-5, where both are as far",
        "gradients of inversion to 1e-6 (relative norm",
        "Emulators differ by up to 0.1 % of the largest",
        "`d18_emulator`, whose dominant samples have such sums as positions, by 1 %",
    ),
}


def sentences(text: str) -> list[str]:
    """Return what is written by hand: without blocks that commands write, and without code.

    >>> sentences("It takes 3 s.\\n<!-- measured: x -->\\n4 s\\n<!-- end -->\\nAnd no more.")
    ['It takes 3 s.', 'And no more.']
    """
    text = re.sub(r"<!-- [a-z]+(?:: [^>]*?)? -->\n.*?<!-- end -->", "\n\n", text, flags=re.S)
    text = re.sub(r"```.*?```", "\n\n", text, flags=re.S)
    text = re.sub(r"(?<=\n\n)(?: {4}.*\n+)+", "\n\n", text)  # code, too
    text = re.sub(r"^\| setting \|.*\n(?:\|.*\n)+", "\n", text, flags=re.M)  # what can be set, and its defaults
    parts = [" ".join(part.split()) for part in re.split(r"\n\s*\n|\n(?=\||- )", text)]
    return [one.strip() for part in parts for one in re.split(r"(?<=[.;])\s+(?=[A-Z*`])", part) if one.strip()]


def claimed(text: str) -> list[str]:
    """Return the figures with units that stand in what is written by hand, each with its sentence."""
    known = [" ".join(fragment.split()) for fragments in SAID.values() for fragment in fragments]
    found = []
    for part in sentences(text):
        left = part
        for fragment in known:
            left = left.replace(fragment, "")
        left = re.sub(r"`[^`]*`", "", left)
        found += [f"{match[0]}: {part}" for match in FIGURE.finditer(left)]
    return found


@pytest.mark.parametrize("page", PAGES)
def test_a_page_claims_no_figure_outside_what_commands_and_cards_wrote(page):
    found = claimed((ROOT / page).read_text(encoding="utf-8"))
    assert not found, f"measure it (make publish), reword it, or say in {Path(__file__).name} where it is from"


@pytest.mark.parametrize("fragment", [fragment for fragments in SAID.values() for fragment in fragments])
def test_what_is_let_through_is_still_said(fragment):
    pages = " ".join(" ".join((ROOT / page).read_text(encoding="utf-8").split()) for page in PAGES)
    assert fragment in pages, "take it off the list"


@pytest.mark.parametrize(
    "claim",
    [
        "A map takes 3.4 CPU-s.",
        "Epicentres differ by 0.37 km.",
        "It finds 19 of 20 events.",
        "The accuracy is 0.959.",
        "It is 8 times faster.",
        "In 92 % of all cases.",
        "The crust has 59.9 ± 3.9.",
        "| cost | 12 minutes |",
    ],
)
def test_a_claim_is_seen(claim):
    assert len(claimed(f"# A page\n\nText before. {claim} Text after.\n")) == 1


def test_a_claim_in_a_block_that_a_command_wrote_is_backed():
    assert not claimed("before\n\n<!-- measured: x -->\n| a map | 3.4 CPU-s |\n<!-- end -->\nafter\n")
    assert not claimed("```\nzoo crust map.csv   # 3.4 CPU-s\n```\n")

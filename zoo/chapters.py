"""What a chapter of `zoo demo` hands back: a question, pictures, what was asked, what came out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Picture:
    """A picture and what is drawn in it.

    Attributes:
        path: of a PNG.
        caption: what is drawn; whether the data are real or synthetic.
    """

    path: Path
    caption: str


@dataclass(frozen=True)
class Chapter:
    """A card of the demo's page.

    Attributes:
        question: that a person asks.
        data: which data, and whether they are real or synthetic: a sentence that begins with one of the two.
        commands: that repeat it, as they are typed.
        answer: what came out, the text of the command.
        pictures: with their captions.

    Raises:
        ValueError: if `data` begins otherwise, or there is no picture.
    """

    question: str
    data: str
    commands: Sequence[str]
    answer: str
    pictures: Sequence[Picture]

    def __post_init__(self):
        if not self.data.startswith(("Real", "Synthetic")):
            raise ValueError(f"What the data are begins with Real or Synthetic; received {self.data!r}.")
        if not self.pictures:
            raise ValueError(f"The chapter {self.question!r} has no picture.")

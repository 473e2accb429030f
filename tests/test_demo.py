"""The page of `zoo demo`: it holds its pictures and needs nothing else."""

from __future__ import annotations

import base64
import importlib
import re

import pytest

from zoo import demo
from zoo.chapters import Chapter, Picture


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG and more")
    return path


def made(path, **changed) -> Chapter:
    known = {
        "question": "Where <b>?",
        "data": "Real data: some.",
        "commands": ["zoo crust a & b"],
        "answer": "5 < 6 km",
        "pictures": [Picture(path, 'real "dots"')],
    }
    return Chapter(**{**known, **changed})


def test_every_chapter_is_there():
    for where in demo.CHAPTERS.values():
        module, _, function = where.partition(":")
        assert callable(getattr(importlib.import_module(module), function))


def test_the_page_holds_its_pictures_and_loads_nothing(picture):
    page = demo.page_of([("One", made(picture)), ("Two", made(picture, data="Synthetic data: drawn."))])
    held = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    assert [base64.b64decode(text) for text in held] == [picture.read_bytes()] * 2
    assert not re.search(r"https?://|<script|<link|@import|url\(", page)
    assert 'name="viewport"' in page and "default-src 'none'" in page
    assert "Where &lt;b&gt;?" in page and "5 &lt; 6 km" in page and "<b>" not in page
    assert page.count("real data</span>") == 1 and page.count("synthetic data</span>") == 1
    assert page.count('href="#c') == page.count("<article id=") == 2


def test_a_chapter_says_what_its_data_are(picture):
    with pytest.raises(ValueError, match="Real or Synthetic"):
        made(picture, data="Data of ours.")
    with pytest.raises(ValueError, match="no picture"):
        made(picture, pictures=[])


def test_the_samples_of_real_data_say_whose_they_are():
    from zoo.crust.demo import SAMPLE as crust
    from zoo.seismograms.demo import RECORDS, SAMPLE

    for folder in (crust, RECORDS, SAMPLE):
        text = (folder / "README.md").read_text()
        assert "real" in text and ("MIT licence" in text or "CC BY 4.0" in text)
        assert "CC BY" in text or (folder / "LICENSE.txt").is_file()


def quick(folder):
    """A chapter of no time: what `run` hands to its processes."""
    folder.mkdir(parents=True)
    (folder / "a.png").write_bytes(b"\x89PNG")
    return made(folder / "a.png", answer=f"in {folder.name}")


def test_chapters_run_in_processes_and_the_page_has_all_in_their_order(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(demo, "CHAPTERS", {"Second thing": f"{__name__}:quick", "A first": f"{__name__}:quick"})
    monkeypatch.setattr(demo, "_chapter", _chapter_here)
    page = demo.run(tmp_path / "out").read_text()
    assert page.index("in 1-second-thing") < page.index("in 2-a-first") and page.count("<article") == 2
    assert "2. A first" in capsys.readouterr().out


def _chapter_here(number: int, folder):
    return quick(folder / f"{number}-{['second-thing', 'a-first'][number - 1]}")

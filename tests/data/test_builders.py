"""What every builder must have, whatever its corpus."""

from __future__ import annotations

import re

import pytest

from zoo.data import builders, corpora
from zoo.files import room


@pytest.mark.parametrize("corpus", builders.list_datasets())
def test_a_builder_says_what_it_is(corpus, tmp_path):
    cls = builders.builder_class(corpus)
    folder = room("datasets") / corpus
    readme = (folder / "README.md").read_text()
    assert readme.startswith(f"# {corpus}")
    assert "@" in (folder / "CITATIONS.bib").read_text() and (folder / "checksums.tsv").is_file()
    tags = (folder / "TAGS.txt").read_text().splitlines()
    assert tags and all(re.match(r"[a-z-]+\.[\w.-]+ # ", tag) for tag in tags)
    # `zoo datasets` reads the names from the source, without TensorFlow.
    assert sorted(builders.config_names(corpus)) == sorted(cls.builder_configs)
    for config in cls.builder_configs:
        name = f"{corpus}/{config}"
        assert f"`{config}`" in readme or re.search(rf"`{config[:-1]}\d` to|to `{config}`", readme), f"{name}: README"
        made = corpora.builder(name, tmp_path)
        assert made.info.features and made.info.metadata["origin"]

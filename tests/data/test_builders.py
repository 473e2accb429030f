"""What every builder must have, whatever its dataset."""

from __future__ import annotations

import re

import pytest

from zoo.data import builders, datasets
from zoo.files import room


@pytest.mark.parametrize("dataset", builders.list_datasets())
def test_a_builder_says_what_it_is(dataset, tmp_path):
    cls = builders.builder_class(dataset)
    folder = room("datasets") / dataset
    readme = (folder / "README.md").read_text()
    assert readme.startswith(f"# {dataset}")
    assert "@" in (folder / "CITATIONS.bib").read_text() and (folder / "checksums.tsv").is_file()
    tags = (folder / "TAGS.txt").read_text().splitlines()
    assert tags and all(re.match(r"[a-z-]+\.[\w.-]+ # ", tag) for tag in tags)
    # `zoo datasets` reads the names from the source, without TensorFlow.
    assert sorted(builders.config_names(dataset)) == sorted(cls.builder_configs)
    for config in cls.builder_configs:
        name = f"{dataset}/{config}"
        assert f"`{config}`" in readme or re.search(rf"`{config[:-1]}\d` to|to `{config}`", readme), f"{name}: README"
        made = datasets.builder(name, tmp_path)
        assert made.info.features and made.info.metadata["origin"]

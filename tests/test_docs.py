"""The pages of docs/: each is in a list of contents, links lead to pages, scripts of the gallery name what is shipped.

`make docs` builds them, runs the scripts, and takes every warning for an error; here is what can be told in seconds.
"""

from __future__ import annotations

import ast
import doctest
import fnmatch
import re
import sys
from pathlib import Path

import pytest

import zoo
from zoo import registry

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
SCRIPTS = sorted((DOCS / "gallery").glob("*/*.py"))
MADE_BY_SPHINX = {"made/gallery/index", "made/api/index", "made/commands"}


@pytest.fixture(scope="module")
def made_pages():
    sys.path.insert(0, str(DOCS))
    try:
        import made_pages

        yield made_pages
    finally:
        sys.path.remove(str(DOCS))


@pytest.fixture(scope="module")
def made(made_pages) -> dict[str, str]:
    """Page, without suffix and relative to docs/ -> text; those of cards, READMEs and recipes."""
    found = {}
    for source, target in made_pages.readmes().items():
        if source == "README.md":
            continue  # docs/index.md stands for it
        found[f"made/{target}"] = made_pages.moved((ROOT / source).read_text(encoding="utf-8"), source, target, {})
    for some in (made_pages.model_cards(), made_pages.dataset_pages(), made_pages.recipe_pages()):
        found.update({f"made/{name}": text for name, text, _ in some})
    return found


def contents(text: str) -> list[str]:
    """Return the entries of the toctrees of a page."""
    blocks = re.findall(r"```\{toctree\}\n(.*?)```", text, re.S)
    return [line for block in blocks for line in block.splitlines() if line and not line.startswith(":")]


def test_every_page_is_in_the_list_of_contents_and_every_entry_is_a_page(made):
    entries = contents((DOCS / "index.md").read_text(encoding="utf-8"))
    pages = {path.stem for path in DOCS.glob("*.md")} - {"index"}
    assert pages and all(any(fnmatch.fnmatch(page, entry) for entry in entries) for page in pages)
    indexes = {f"made/{folder}/index" for folder in ("systems", "models", "datasets")}
    for entry in entries:
        assert "*" in entry or entry in pages | set(made) | indexes | MADE_BY_SPHINX, entry


def test_links_of_written_and_of_made_pages_lead_to_pages(made):
    pages = {path.stem: path.read_text(encoding="utf-8") for path in DOCS.glob("*.md")} | made
    for page, text in pages.items():
        for link in re.findall(r"\]\(([^)\s#]+)(?:#[^)]*)?\)", text):
            if "://" in link or link.endswith(".png"):
                continue
            there = (DOCS / page).parent / link
            name = there.resolve().relative_to(DOCS).with_suffix("").as_posix()
            known = name in pages or name in MADE_BY_SPHINX or name == "index"
            assert known or name.startswith("made/") and name.endswith("/index"), (page, link)


def test_a_link_to_what_is_no_page_is_refused(made_pages):
    with pytest.raises(ValueError, match="nowhere.md, which is no page"):
        made_pages.moved("[x](nowhere.md)", "zoo/crust/README.md", "systems/crust", {})


def test_every_shipped_checkpoint_has_its_card(made):
    text = "".join(made[f"made/models/{system}"] for system in zoo.SYSTEMS)
    shipped = [path.name for path in (ROOT / "checkpoints").glob("*/")]
    assert shipped and all(f"\n## {name}\n" in text for name in shipped)


def test_examples_in_the_modules_of_the_pages_run(made_pages):
    import docstrings

    for module in (made_pages, docstrings):
        done = doctest.testmod(module)
        assert done.attempted and not done.failed


def test_the_gallery_covers_every_system():
    rooms = [path.parent.name for path in SCRIPTS]
    assert len(SCRIPTS) >= 25 and all(rooms.count(room) >= 4 for room in (*zoo.SYSTEMS, "common"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_script_asks_a_question_says_what_is_real_and_names_what_is_shipped(path):
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    about = ast.get_docstring(tree)
    assert about.split("\n")[0].endswith("?") and re.search(r"synthetic|real", about, re.I)
    assert text.count("plt.show()") == 1 and "savefig" not in text
    assert text.rstrip().rsplit("# %%", 1)[-1].lstrip().startswith("# ")  # what one sees
    recipes = set(registry.list_recipes())
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.split(".")[0] in recipes:
            folder = registry.folders()[registry.full_name(node.value)]
            assert folder.parent == ROOT / "checkpoints", node.value


def test_samples_of_real_data_have_their_licence_beside_them():
    about = (DOCS / "gallery" / "data" / "SOURCES.md").read_text(encoding="utf-8")
    folders = [path for path in (DOCS / "gallery" / "data").glob("*/") if path.is_dir()]
    assert len(folders) >= 3
    for folder in folders:
        assert (folder / "LICENSE.txt").is_file() and f"`{folder.name}`" in about


def _is_there(name: str) -> bool:
    """Return whether a dotted name of the package is a module, or is defined in one (told from the files)."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        stem = ROOT.joinpath(*parts[:length])
        file = stem / "__init__.py" if stem.is_dir() else stem.with_suffix(".py")
        if file.is_file():
            rest = parts[length : length + 1]
            text = file.read_text(encoding="utf-8")
            return (
                not rest
                or re.search(rf'^\s*(def |class |"|import |from \S+ import .*)?{rest[0]}\b', text, re.M) is not None
            )
    return False


def test_names_of_the_package_on_pages_exist():
    pages = [*ROOT.glob("*.md"), *ROOT.glob("zoo/*/README.md"), *ROOT.glob("datasets/*/README.md"), *DOCS.glob("*.md")]
    pages += [ROOT / "recipes" / "README.md", ROOT / "checkpoints" / "README.md"]
    named = {
        (page, name) for page in pages for name in re.findall(r"`(zoo(?:\.\w+)+)", page.read_text(encoding="utf-8"))
    }
    named = {(page, name) for page, name in named if not name.endswith((".csv", ".json"))}
    assert len(named) > 30
    assert not [f"{page.relative_to(ROOT)}: {name}" for page, name in sorted(named) if not _is_there(name)]

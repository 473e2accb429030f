"""Write what a release puts on a mirror: a folder for each checkpoint, an archive of each, an index. `make release`.

    python benchmarks/release.py [--out dist/mirror] [--archives]

A mirror is what `ZOO_MIRRORS` names: OUT/NAME/FILE for each checkpoint NAME, and OUT/index.json, which says of each its
digest (`zoo info NAME`), and of each file its SHA-256 and size. Each byte is compared with the card first.
"""

from __future__ import annotations

import argparse
import shutil
import tarfile
from pathlib import Path

from zoo import checkpoint
from zoo.files import write_json, write_with
from zoo.store import atomic_folder

ROOT = Path(__file__).resolve().parents[1]


def release(source: Path, out: Path, archives: bool = False) -> dict:
    """Copy the checkpoints of a folder to a mirror; return its index."""
    index = {}
    for folder in sorted(card.parent for card in source.glob(f"*/{checkpoint.CARD}")):
        card = checkpoint.verify(folder)
        with atomic_folder(out / folder.name) as there:
            for name in (checkpoint.CARD, *card["files"]):
                (there / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(folder / name, there / name)
        index[folder.name] = {"digest": checkpoint.digest(folder), "files": card["files"]}
        if archives:
            archive = write_with(out / f"{folder.name}.tar", lambda path, folder=folder: _pack(out / folder.name, path))
            index[folder.name]["archive_bytes"] = archive.stat().st_size
    write_json(out / "index.json", index)
    return index


def _pack(folder: Path, path: Path) -> None:
    """Write a tar of a folder that has the same bytes whoever packs it."""

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname, entry.mode = 0, 0, 0, "", "", 0o644
        return entry

    with tarfile.open(path, "w") as archive:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            archive.add(file, f"{folder.name}/{file.relative_to(folder).as_posix()}", filter=plain)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "dist" / "mirror")
    parser.add_argument("--archives", action="store_true", help="also NAME.tar of each")
    arguments = parser.parse_args()
    index = release(ROOT / "checkpoints", arguments.out, arguments.archives)
    size = sum(file["bytes"] for entry in index.values() for file in entry["files"].values())
    print(f"{arguments.out}: {len(index)} checkpoints, {size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()

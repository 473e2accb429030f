"""STEAD's files: finding them in a folder, or downloading them."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

from zoo.data.archives import extract
from zoo.data.download import fetch
from zoo.errors import ZooError
from zoo.foreign import check_npy, check_zip, read_npy
from zoo.progress import say
from zoo.seismograms.archives.hdf5 import TraceFile

from . import table

CHUNKS = range(1, 7)
_SIZE_GB = {0: 85.0, 1: 14.6, 2: 13.7, 3: 13.7, 4: 13.7, 5: 13.7, 6: 15.7}  # as STEAD's README states them
_MB_PER_S = 10.0
TEST_LIST = "test.npy"
TEST_LIST_URL = f"https://github.com/smousavi05/EQTransformer/raw/master/ModelsAndSampleData/{TEST_LIST}"
GROUPS_2019 = {"earthquake_local": "earthquake/local/", "noise": "non_earthquake/noise/"}
_NAMES_COMPARED = 100


def groups(file: TraceFile) -> dict[str, str]:
    """Return by category the group of a file that holds its traces: the current layout's, or that of 2019.

    Raises:
        ZooError: if it has neither.
    """
    if "data" in file:
        return dict.fromkeys(GROUPS_2019, "data/")
    if any(group.strip("/") in file for group in GROUPS_2019.values()):
        return GROUPS_2019
    raise ZooError(
        f"{file.path} is not STEAD's: it has neither a group data nor earthquake/local, non_earthquake/noise."
    )


def count(file: TraceFile) -> int:
    """Return how many traces a file holds."""
    return sum(file.count(group.rstrip("/")) for group in set(groups(file).values()))


def find(folder: Path, config: str, chunk: int) -> list[tuple[Path, Path]]:
    """Return the pairs of HDF5 and CSV in a user's folder that a config reads.

    Args:
        folder: the manual folder.
        config: `stead/NAME`, for errors.
        chunk: 1 to 6, or 0 for everything: merge.* or merged.*, else all chunks, else the only HDF5 in the folder.

    Raises:
        ZooError: if they are missing, or it is not clear which CSV belongs to the HDF5.
    """
    stems = [f"chunk{chunk}"] if chunk else ["merge", "merged"]
    for stem in stems:
        if _is_pair(folder / stem):
            return [_pair(folder / stem)]
    if not chunk:
        there = [number for number in CHUNKS if _is_pair(folder / f"chunk{number}")]
        if there:
            if len(there) < len(CHUNKS):
                say(f"{config}: of STEAD's six chunks, {folder} has {', '.join(map(str, there))}; only these are read.")
            return [_pair(folder / f"chunk{number}") for number in there]
    hdf5s, csvs = (sorted(folder.glob(f"*{end}")) for end in (".hdf5", ".csv"))
    if len(hdf5s) == 1 and csvs:
        return [(hdf5s[0], _its_csv(hdf5s[0], csvs))]
    names = ", ".join(path.name for path in (*hdf5s, *csvs)) or "no .hdf5 and no .csv"
    raise ZooError(
        f"{config}: expected {' or '.join(f'{stem}.hdf5 and {stem}.csv' for stem in stems)} in {folder}, or one .hdf5 "
        f"with its .csv; found {names}. datasets/stead/README.md says where they come from."
    )


def _pair(stem: Path) -> tuple[Path, Path]:
    return stem.with_name(f"{stem.name}.hdf5"), stem.with_name(f"{stem.name}.csv")


def _is_pair(stem: Path) -> bool:
    return all(path.is_file() for path in _pair(stem))


def _its_csv(hdf5: Path, csvs: list[Path]) -> Path:
    """Return the CSV of an HDF5: the one with its name, the only one, or the one whose first names are found in it."""
    if hdf5.with_suffix(".csv") in csvs:
        return hdf5.with_suffix(".csv")
    if len(csvs) == 1:
        return csvs[0]
    file = TraceFile(hdf5)
    where = set(groups(file).values())
    shares = {}
    for path in csvs:
        try:
            first = [fields[-1] for _, fields in itertools.islice(table.rows(path), _NAMES_COMPARED)]
        except ZooError:  # some other table
            continue
        found = sum(any(f"{group}{name}" in file for group in where) for name in first)
        shares[path] = found / len(first) if first else 0
    file.close()
    best = max(shares.values(), default=0)
    chosen = [path for path, share in shares.items() if share == best]
    if best == 0 or len(chosen) > 1:
        raise ZooError(
            f"Which of {', '.join(path.name for path in csvs)} belongs to {hdf5.name}? The names of "
            f"{'several are' if best else 'none are'} in it. Leave one CSV beside it, or name it {hdf5.stem}.csv."
        )
    return chosen[0]


def download(folder: Path, chunk: int) -> list[tuple[Path, Path]]:
    """Download and unpack a chunk, or everything (chunk 0), from the links in STEAD's README; return the pair of files.

    Raises:
        ZooError: if the download fails, the disk is too full, or the link leads elsewhere.
    """
    name = f"chunk{chunk}" if chunk else "whole"
    here, url, size_gb = folder / name, f"https://rebrand.ly/{name}", _SIZE_GB[chunk]
    if not _unpacked(here):
        here.mkdir(parents=True, exist_ok=True)
        arrived_gb = sum(path.stat().st_size for path in here.iterdir()) / 1e9
        free_gb = shutil.disk_usage(here).free / 1e9
        hours = size_gb * 1e3 / _MB_PER_S / 3600
        say(
            f"STEAD {name}: {size_gb:g} GB from {url}, {hours:.1f} hours at {_MB_PER_S:g} MB/s, and about "
            "as much again unpacked. An interrupted download goes on. If you have the files: --manual-dir."
        )
        if free_gb + arrived_gb < 2 * size_gb:
            raise ZooError(
                f"STEAD {name} needs about {2 * size_gb:g} GB, packed and unpacked, and {here} has {free_gb:.1f} GB. "
                "Free some space or choose another folder (--data-dir)."
            )
        archive = fetch(url, here / f"{name}.zip", opens=_opens)
        extract(archive, ["*.hdf5", "*.csv"], here)
        archive.unlink()
    found = _unpacked(here)
    if found is None:
        raise ZooError(f"The zip from {url} did not hold one .hdf5 and one .csv: look into {here}.")
    return [found]


def _opens(archive: Path) -> None:
    with open(archive, "rb") as file:
        begin = file.read(4)
    if not begin.startswith(b"PK"):
        raise ZooError(
            f"not a zip (it begins with {begin!r}), perhaps a page that asks to sign in: open the address in a "
            "browser, unpack what it gives and name the folder"
        )
    check_zip(archive)


def _unpacked(folder: Path) -> tuple[Path, Path] | None:
    hdf5s, csvs = list(folder.glob("[!.]*.hdf5")), list(folder.glob("[!.]*.csv"))
    return (hdf5s[0], csvs[0]) if len(hdf5s) == len(csvs) == 1 else None


def test_list(manual: Path | None, folder: Path) -> Path:
    """Return EQTransformer's list of test traces: the user's, else downloaded.

    Raises:
        ZooError: if neither has it.
    """
    if manual is not None and (manual / TEST_LIST).is_file():
        return manual / TEST_LIST
    try:
        return fetch(TEST_LIST_URL, folder / TEST_LIST, opens=check_npy)
    except ZooError as error:
        raise ZooError(
            f"The published split needs EQTransformer's list of test traces, {TEST_LIST_URL}. {error} A dataset that "
            "is split by event needs no list: zoo prepare stead/NAME --set like=kong2021_picking split=event."
        ) from error


def test_names(path: Path) -> set[str]:
    """Read the list of test traces.

    Raises:
        ZooError: if it is not a list of texts.
    """
    names = read_npy(path, "It is not the list of test traces: delete it and fetch it again.")
    if names.ndim != 1 or names.dtype.kind not in "US" or not names.size:
        raise ZooError(f"{path} holds {names.dtype} of shape {names.shape}; expected a list of trace names.")
    return set(names.astype(str).tolist())

"""Published crustal-thickness models, for comparison, as TFDS."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

from zoo.crust.maps import read_thickness_map
from zoo.data.builders import manual_file, manual_folder
from zoo.errors import ZooError

from . import crust2


@dataclasses.dataclass
class CrustConfig(tfds.core.BuilderConfig):
    """A model of crustal thickness."""

    files: tuple[str, ...] = ()
    """Names under which its table may lie in the manual folder, plain or with .gz; the first that is there is read."""
    sediments: str = ""
    """The same for the thickness of sediments; need not be there."""
    cells: int = 0
    """How many it has, 0 where that is not known."""
    origin: str = ""
    """Where it comes from, for the metadata and for whom lacks it."""


class Builder(tfds.core.GeneratorBasedBuilder):
    """Crustal thickness in km of published models; all from files that the user has (--manual-dir)."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = "Every config needs the model's files in --manual-dir: README.md says which."
    BUILDER_CONFIGS = [
        CrustConfig(
            name="crust1",
            description="CRUST1.0, 1 degree, global.",
            files=("crsthk.xyz",),
            sediments="sedthk.xyz",
            cells=64_800,
            origin="CRUST1.0 (Laske et al. 2013), crsthk.xyz from https://igppweb.ucsd.edu/~gabi/crust1.html",
        ),
        CrustConfig(
            name="crust2",
            description="CRUST2.0, 2 degrees, global.",
            files=(crust2.TYPES, "crust2.xyz"),
            cells=16_200,
            origin="CRUST2.0 (Bassin et al. 2000), from https://igppweb.ucsd.edu/~gabi/crust2.html",
        ),
        CrustConfig(
            name="cub2",
            description="CUB2, a global model from surface waves.",
            files=("cub2.xyz", "cub2.txt", "cub2.csv"),
            origin="CUB2 (Shapiro & Ritzwoller 2002), from the authors (http://ciei.colorado.edu)",
        ),
        CrustConfig(
            name="zjs",
            description="Crust of China from receiver functions.",
            files=("zjs.xyz", "zjs.txt", "zjs.csv"),
            origin="ZJS (Zhu et al. 2012), from the authors",
        ),
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        names = "longitude_deg", "latitude_deg", "thickness_km", "sediment_thickness_km"
        about = {"unit": "km", "origin": self.builder_config.origin}
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict({name: np.float32 for name in names}),
            metadata=tfds.core.MetadataDict(about),
            disable_shuffling=True,  # cells keep the order of the file
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        config = self.builder_config
        folder = manual_folder(dl_manager)
        path = manual_file(folder, f"crust_models/{config.name}", config.files, config.origin, ("", ".gz"))
        records = crust2.read(folder) if path.name == crust2.TYPES else self._read(path)
        if config.cells and len(records["thickness_km"]) != config.cells:
            raise ZooError(
                f"{path} has {len(records['thickness_km'])} cells, {config.name} has {config.cells}: it is cut short "
                "or another file; copy it again."
            )
        self.info.metadata["source"] = path.name
        return {"map": self._generate_examples(records)}

    def _read(self, path: Path) -> dict[str, np.ndarray]:
        """Return the records of a table, with the sediments of the table beside it."""
        crust = read_thickness_map(path)
        sediments = np.full_like(crust.thickness_km, np.nan)
        beside = _first(path.parent, (self.builder_config.sediments,)) if self.builder_config.sediments else None
        if beside:
            given = read_thickness_map(beside, minimum_km=0)
            same = np.array_equal(given.longitude_deg, crust.longitude_deg)
            if not (same and np.array_equal(given.latitude_deg, crust.latitude_deg)):
                raise ZooError(f"{beside} does not have the cells of {path.name} in the same order; copy both again.")
            sediments = given.thickness_km
        return {
            "longitude_deg": crust.longitude_deg,
            "latitude_deg": crust.latitude_deg,
            "thickness_km": crust.thickness_km,
            "sediment_thickness_km": sediments,
        }

    def _generate_examples(self, records: dict[str, np.ndarray]):
        for i in range(len(records["thickness_km"])):
            yield i, {name: values[i] for name, values in records.items()}


def _first(folder: Path | None, names: tuple[str, ...]) -> Path | None:
    """Return the first file of these names that is in the folder, plain or with .gz."""
    candidates = [folder / f"{name}{end}" for name in names for end in ("", ".gz")] if folder else []
    return next((path for path in candidates if path.is_file()), None)

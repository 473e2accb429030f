"""Rayleigh-wave phase velocities by map point and period, as TFDS."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

from zoo.crust.maps import DispersionMap, read_dispersion_map
from zoo.data.builders import check_own_name, manual_folder
from zoo.data.download import fetch
from zoo.errors import ZooError
from zoo.files import sha256
from zoo.settings import Setting, read

_YUNNAN_COMMIT = "df176589e34e460cc46a52b65a1aa0af4d62bffa"
YUNNAN_URL = (
    f"https://raw.githubusercontent.com/Chuanming-Liu/DAzimSurfTomo/{_YUNNAN_COMMIT}"
    "/example/test4_Yunnan/plot_script/Period_Azm_reSmp.inv"
)
YUNNAN_SHA256 = "02044689918673331dd3ca922c5aa2ffffa28513e056d6b1d50c1d1664ee5dfa"
YUNNAN_NAMES = ("yunnan_liu2019_rayleigh.csv", "Period_Azm_reSmp.inv", "yunnan_liu2019_period_azimuthal.inv")


@dataclasses.dataclass
class MapConfig(tfds.core.BuilderConfig):
    """A map of phase velocities."""

    origin: str = "a user's own table"
    file: str = ""
    """A user's own file or folder; the other configs find theirs in the manual folder."""
    sha256: str = ""
    """Of a user's own file, so that a changed file is not taken for the prepared one."""


class Builder(tfds.core.GeneratorBasedBuilder):
    """Phase velocities of the fundamental Rayleigh mode at map points."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    SETTINGS = {
        "file": Setting("", "a table, or a folder with a file for each period", "zoo.crust.maps.read_dispersion_map")
    }
    MANUAL_DOWNLOAD_INSTRUCTIONS = "xie2013 needs the authors' files, yunnan_liu2019 downloads without them: README.md."
    BUILDER_CONFIGS = [
        MapConfig(
            name="yunnan_liu2019",
            description="Yunnan, 5 to 40 s on 0.5 degrees, predicted by the 3-D model of Liu et al. (2019).",
            origin="Liu et al. 2019 through DAzimSurfTomo (MIT)",
        ),
        MapConfig(
            name="xie2013",
            description="Eastern Tibet and western Yangtze craton; the authors' files, by --manual-dir.",
            origin="Xie et al. 2013, files of the authors",
        ),
    ]

    @classmethod
    def custom_config(cls, name: str, settings: dict[str, str]) -> MapConfig:
        """Return a user's own config, from `zoo prepare phase_velocity_maps/NAME --set file=TABLE`.

        Args:
            name: what to call it.
            settings: `file`, anything that `zoo.crust.maps.read_dispersion_map` reads.
        """
        settings = read("phase_velocity_maps", cls.SETTINGS, settings)
        check_own_name("phase_velocity_maps", name, cls.builder_configs)
        path = Path(settings["file"]).expanduser().resolve()
        if not path.exists():
            raise ZooError(f"There is no {path}; file= names a table or a folder with one file per period.")
        checksum = "" if path.is_dir() else sha256(path)
        return MapConfig(name=name, description="A user's own map.", file=str(path), sha256=checksum)

    def _info(self) -> tfds.core.DatasetInfo:
        # The periods are the file's; before it is read (or found prepared) there are none.
        prepared = Path(self.data_dir) / "metadata.json"
        period_s = json.loads(prepared.read_text())["period_s"] if prepared.is_file() else []
        config = self.builder_config
        about = {
            "period_s": period_s,
            "origin": config.origin,
            "unit": "km/s",
            "settings": {"origin": config.origin, "file": config.file, "sha256": config.sha256},
        }
        coordinates = {"longitude_deg": np.float32, "latitude_deg": np.float32}
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict({**coordinates, **_curves(len(period_s))}),
            metadata=tfds.core.MetadataDict(about),
            disable_shuffling=True,  # points keep the order of the file
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        if self.builder_config.file:
            found = read_dispersion_map(self.builder_config.file)
        elif self.builder_config.name == "yunnan_liu2019":
            found = read_yunnan(_yunnan_file(dl_manager))
        else:
            found = read_dispersion_map(_authors_folder(dl_manager))
        # TFDS wants shapes before it gives files, and has no public way to set them afterwards.
        self.info.features._feature_dict.update(_curves(len(found.period_s)))
        self.info.metadata["period_s"] = found.period_s.tolist()
        self.info.metadata["source"] = found.source
        return {"map": self._generate_examples(found)}

    def _generate_examples(self, found: DispersionMap):
        velocity = found.phase_velocity_km_s
        deviation = np.full_like(velocity, np.nan) if found.sd_km_s is None else found.sd_km_s
        for i in range(len(velocity)):
            yield (
                i,
                {
                    "longitude_deg": found.longitude_deg[i],
                    "latitude_deg": found.latitude_deg[i],
                    "phase_velocity_km_s": velocity[i].astype(np.float32),
                    "sd_km_s": deviation[i].astype(np.float32),
                },
            )


def _curves(periods: int) -> dict[str, tfds.features.Tensor]:
    """Return the features that have one value per period."""
    names = "phase_velocity_km_s", "sd_km_s"
    bytes_ = tfds.features.Encoding.BYTES
    return {name: tfds.features.Tensor(shape=(periods,), dtype=np.float32, encoding=bytes_) for name in names}


def read_yunnan(path: Path) -> DispersionMap:
    """Read the map of Yunnan: the CSV, or the authors' `Period_Azm_reSmp.inv`.

    The columns of the latter are longitude, latitude, period in s, deviation from the mean of that period in per cent,
    that mean in km/s, and five of azimuthal anisotropy (`Resample_period.py` beside it).
    """
    if path.suffix != ".inv":
        return read_dispersion_map(path)
    try:
        columns = np.loadtxt(path)
    except (ValueError, OSError) as error:
        raise ZooError(f"{path} is damaged ({error}); copy it again.") from error
    if columns.ndim != 2 or columns.shape != (12960, 10):
        raise ZooError(f"{path} has {columns.shape} rows and columns; the published file has (12960, 10).")
    points, periods = 360, 36
    table = columns.reshape(periods, points, 10)
    if (table[:, :, :2] != table[:1, :, :2]).any() or (table[:, :, 2] != table[:, :1, 2]).any():
        raise ZooError(f"{path} is not in the order of the published file: all points of one period, then the next.")
    velocity = (table[:, :, 4] * (1 + table[:, :, 3] / 100)).T
    return DispersionMap(table[0, :, 0], table[0, :, 1], table[:, 0, 2], velocity, None, path.name)


def _yunnan_file(dl_manager: tfds.download.DownloadManager) -> Path:
    """Return the file in the manual folder, else download the authors'."""
    folder = manual_folder(dl_manager)
    if folder is None:
        target = Path(dl_manager.download_dir) / "yunnan_liu2019" / "Period_Azm_reSmp.inv"
        return fetch(YUNNAN_URL, target, sha256=YUNNAN_SHA256, size_bytes=1_296_000)
    found = next((folder / name for name in YUNNAN_NAMES if (folder / name).is_file()), None)
    if found is None:
        raise ZooError(f"{folder} holds none of {', '.join(YUNNAN_NAMES)}. Without --manual-dir it is downloaded.")
    return found


def _authors_folder(dl_manager: tfds.download.DownloadManager) -> Path:
    folder = manual_folder(dl_manager)
    if folder is None:
        raise ZooError(
            "phase_velocity_maps/xie2013 needs the authors' files: ask the authors of Xie et al. (2013, "
            "doi:10.1002/jgrb.50296), put the Rayleigh phase velocities into a folder of their own (one file per "
            "period, named like R_20s.txt) and name it with --manual-dir."
        )
    return folder

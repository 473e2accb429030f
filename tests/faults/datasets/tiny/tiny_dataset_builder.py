"""A generated dataset of two splits with few, small records, for tests of faults."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds

from zoo.data import shards


@dataclass(eq=False, kw_only=True)
class TinyConfig(tfds.core.BuilderConfig):
    """Records in all."""

    records: int = 50


class Builder(shards.Sharded, tfds.core.GeneratorBasedBuilder):
    """Numbers that depend on the number of the record alone."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS: ClassVar = [TinyConfig(name="small"), TinyConfig(name="other", records=60)]
    GENERATED_CONFIG = TinyConfig

    @classmethod
    def shard_count(cls, config: TinyConfig) -> int:
        return 2

    @classmethod
    def make_shard(cls, config: TinyConfig, index: int) -> dict[str, np.ndarray]:
        count = config.records // 2
        return {"x": np.random.default_rng(index).normal(size=(count, 16)).astype(np.float32)}

    def _info(self) -> tfds.core.DatasetInfo:
        features = tfds.features.FeaturesDict(
            {"number": np.int64, "x": tfds.features.Tensor(shape=(16,), dtype=np.float32)}
        )
        return self.dataset_info_from_configs(features=features)

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        folder = Path(dl_manager.download_dir)
        files = shards.make(self, folder, self.workers, self.beam_options)
        x = np.concatenate([shards.load(file)["x"] for file in files])
        rows = list(enumerate(x))
        parts = {"train": rows[: len(rows) * 4 // 5], "test": rows[len(rows) * 4 // 5 :]}
        return {split: self._generate_examples(part) for split, part in parts.items()}

    def _generate_examples(self, rows):
        for number, x in rows:
            yield number, {"number": number, "x": x}

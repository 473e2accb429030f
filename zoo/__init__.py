"""zoo: a model zoo with a dataset registry for seismology and exploration geophysics.

    import zoo

    zoo.list_models()                                  # names of checkpoints
    model = zoo.load("cvae_emulator")                  # a keras.Model, physical units in and out
    data = zoo.load_dataset("microseismic/marine", "test", batch_size=256)
    recipe = zoo.recipe("cvae_emulator")               # how it was made; .train() makes another

Importing `zoo` imports neither TensorFlow nor Keras; the first call that needs them does.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

SYSTEMS = ("microseismic", "crust", "fwi", "seismograms", "seismicity")
"""The five systems, each a package with a face of its own: `zoo.crust.invert(...)`."""

# Name in this face -> module that defines it.
_FACE = {
    "load": "zoo.registry",
    "save": "zoo.registry",
    "recipe": "zoo.training.trainer",
    "info": "zoo.registry",
    "list_models": "zoo.registry",
    "list_recipes": "zoo.recipe_files",
    "list_datasets": "zoo.data.builders",
    "load_dataset": "zoo.data.datasets",
    "data_source": "zoo.data.datasets",
    "ZooError": "zoo.errors",
}

__all__ = [*_FACE, *SYSTEMS, "SYSTEMS", "__version__"]

if TYPE_CHECKING:
    from zoo.data.builders import list_datasets  # noqa: F401
    from zoo.data.datasets import data_source, load_dataset  # noqa: F401
    from zoo.errors import ZooError  # noqa: F401
    from zoo.registry import info, list_models, load, save  # noqa: F401
    from zoo.training.trainer import recipe  # noqa: F401


def __getattr__(name: str):
    if name in SYSTEMS:
        return importlib.import_module(f"zoo.{name}")
    if name not in _FACE:
        raise AttributeError(f"module 'zoo' has no attribute {name!r}")
    return getattr(importlib.import_module(_FACE[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_FACE, *SYSTEMS])

"""A damaged heap of texts, which the HDF5 library reads for ever, is refused by every reader of HDF5."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from zoo.crust.maps import read_dispersion_map
from zoo.errors import ZooError
from zoo.field.grid_files import read_earth
from zoo.fwi import read_model
from zoo.seismicity.catalogues import read_catalogue

READERS = {"map.nc": read_dispersion_map, "earth.nc": read_earth, "model.nc": read_model, "c.mat": read_catalogue}


@pytest.mark.parametrize("name", READERS)
def test_a_text_without_a_length_is_refused(tmp_path, name):
    path = tmp_path / name
    with h5py.File(path, "w") as file:
        file["velocity_m_s"] = np.full((4, 5), 2000.0)
        file["velocity_m_s"].attrs["units"] = "m s-1"
        file["heap"] = np.full(4096, 7.0)  # content that is no heap, whatever it holds
    content = bytearray(path.read_bytes())
    heap = content.index(b"GCOL")
    content[heap + 16 + 8 : heap + 16 + 16] = bytes(8)
    content[heap + 16 : heap + 18] = bytes(2)  # free space of no length
    path.write_bytes(content)
    with pytest.raises(ZooError, match=name):
        READERS[name](path)

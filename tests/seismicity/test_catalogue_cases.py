"""Catalogues that were once read wrongly: the right values are those of the cases' README."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.errors import ZooError
from zoo.seismicity.catalogues import read_catalogue

CALIFORNIA = ("2019-01-05T13:11:10", -117.6581, 36.3331, 4.74, 1.3)
RIGHT = {  # file -> events, with a magnitude, first event
    "01-scedc.txt": (60, 60, CALIFORNIA),
    "02-pandas-to-csv-default-index.csv": (60, 60, CALIFORNIA),
    "03-date-column-hour-minute-second-columns.csv": (60, 60, CALIFORNIA),
    "04-year-month-day-time-hh-mm-ss.csv": (60, 60, CALIFORNIA),
    "06-year-month-day-hour-utc-min-sec.csv": (60, 60, CALIFORNIA),
    "08-yyyymmddhhmm-header-time.csv": (60, 60, ("2019-01-05T13:11:00", *CALIFORNIA[1:])),
    "10-growclust-out-ids-1-n.cat": (400, 400, CALIFORNIA),
    "12-csep-headerless-lon-lat-mag-time-depth-cat-id.csv": (60, 60, CALIFORNIA),
    "13-headerless-lon-lat-iso-first.txt": None,
    "15-hemisphere-columns.csv": (60, 60, CALIFORNIA),
    "17-mag-0-0-unknown-45.csv": (400, 228, (*CALIFORNIA[:4], np.nan)),
    "20-year-as-time-column-integer.csv": None,
    "21-yyyymmddhhmmss-sss-headerless.csv": (60, 60, CALIFORNIA),
    "22-mm-dd-yyyy-hh-mm.csv": (60, 60, ("2019-01-05T13:11:00", *CALIFORNIA[1:])),
    "24-hypodd-reloc.reloc": (60, 60, CALIFORNIA),
    "26-dd-mon-yyyy-hh-mm-ss-matlab-zmap7.csv": (60, 60, CALIFORNIA),
    "27-zmap-10-col-blanks-decimal-year.dat": (60, 60, CALIFORNIA),
    "29-comment-lines-with-numbers-before-header.csv": (60, 60, CALIFORNIA),
    "31-csep-ascii-lon-lat-m-time-string.csv": (60, 60, CALIFORNIA),
    "32-magnitude-ml-header.csv": (60, 60, CALIFORNIA),
    "35-ssn-mexico-spanish-local-utc.csv": (60, 60, CALIFORNIA),
    "38-geojson-geonet-wfs.json": (60, 60, CALIFORNIA),
    "39-ims-without-solution.txt": (2, 2, ("2024-09-01T12:33:19", 18.5593, 49.8219, 1.0, 1.2)),
    "41-sparse-mw-beside-ml.csv": (400, 400, CALIFORNIA),
    "45-all-hypocentres.csv": (2, 2, ("2011-03-11T05:46:23", 142.5, 38.3, 19.7, 9.1)),
}


@pytest.mark.parametrize("name", RIGHT)
def test_the_cases_are_right(real_cases, name):
    path = real_cases / "catalogues" / name
    if not path.is_file():
        pytest.skip(f"no {name}")
    if RIGHT[name] is None:
        with pytest.raises(ZooError, match="--columns"):
            read_catalogue(path)
        return
    events, magnitudes, (time, longitude, latitude, depth, magnitude) = RIGHT[name]
    catalogue = read_catalogue(path)
    assert len(catalogue) == events and np.isfinite(catalogue.magnitude).sum() == magnitudes
    assert str(catalogue.time[0])[:19] == time
    first = (catalogue.longitude_deg, catalogue.latitude_deg, catalogue.depth_km, catalogue.magnitude)
    expected = (longitude, latitude, depth, magnitude)
    for values, value, step in zip(first, expected, (0.001, 0.001, 0.051, 0.01), strict=True):
        assert np.isclose(values[0], value, atol=step, equal_nan=True)

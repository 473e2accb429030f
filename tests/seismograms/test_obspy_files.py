"""Every waveform file that ObsPy brings for its own tests, all formats: no crash, and what is left out has a note."""

from __future__ import annotations

import glob
import os
import re
import warnings

import obspy
import pytest
from test_annotate import Energy

from zoo.errors import ZooError
from zoo.seismograms.picking.annotate import classify
from zoo.seismograms.picking.files import find, read_headers, stream_of

FOLDER = os.path.dirname(obspy.__file__)
SECONDS = 180.0


def files():
    return [p for p in sorted(glob.glob(FOLDER + "/**/tests/data/**/*", recursive=True)) if os.path.isfile(p)]


@pytest.mark.slow
@pytest.mark.skipif(len(files()) < 100, reason="this ObsPy was installed without its tests")
def test_no_file_crashes(capsys):
    model = Energy()
    readable = picked = refused = 0
    for path in files():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                headers, _ = read_headers(find([path]))
                stream = stream_of(headers)
            except ZooError:  # no waveform, or one that ObsPy itself cannot read
                continue
            readable += 1
            for trace in stream:  # the first minutes
                trace.trim(endtime=trace.stats.starttime + SECONDS)
            try:
                classify(stream[:300], model)
                picked += 1
            except ZooError as error:
                why = re.search("Nothing to annotate. (.+) energy needs the vertical", str(error))
                assert why and not re.search(r"[a-z]Error: ", why[1]), (path, str(error))
                refused += 1
    said = capsys.readouterr().err
    print(f"{readable} readable, {picked} annotated, {refused} refused")
    assert readable >= 200 and picked >= 70 and picked + refused == readable
    assert not re.search(r"[a-z]Error: ", said)

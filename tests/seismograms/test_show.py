"""`zoo show`: which waveforms are chosen, and what is drawn of them."""

from __future__ import annotations

import csv
from collections import Counter

import h5py
import numpy as np
import pytest

from zoo.cli import main
from zoo.data import datasets
from zoo.seismograms.archives.show import choose
from zoo.seismograms.figures.waveforms import waveforms_figure

NAME = "seisbench_format/shown"


def test_choice_is_spread_over_categories():
    categories = ["earthquake"] * 500 + ["noise"] * 30 + ["explosion"] * 2
    chosen = choose(categories, 12, seed=0)
    assert Counter(categories[row] for row in chosen) == {"earthquake": 5, "noise": 5, "explosion": 2}
    assert len(set(chosen)) == 12 and chosen == choose(categories, 12, seed=0) != choose(categories, 12, seed=1)
    assert sorted(choose(["a"] * 5, 12, seed=0)) == list(range(5))


def records(count):
    time_s = np.arange(600) / 20
    shape = np.exp(-(((time_s - 12) / 2) ** 2))[:, None] * np.sin(6 * time_s)[:, None] * [1000, 500, -250] + 40
    return [
        {
            "waveform": shape.astype(np.float32) * (i + 1),
            "trace_name": f"trace{i}",
            "trace_category": "earthquake_local" if i else "",
            "trace_p_arrival_sample": 200.5 if i != 1 else np.nan,
            "trace_s_arrival_sample": 300.0 if i == 2 else np.nan,
            "station_network_code": "NC",
            "station_code": "ABC",
            "source_magnitude": 2.345 if i else np.nan,
            "source_magnitude_type": "ml",
            "path_ep_distance_km": 7.25 if i < 3 else 123.4,
        }
        for i in range(count)
    ]


def test_panels_say_what_they_show():
    figure = waveforms_figure(records(5), 20.0, "ZNE", "counts", "title")
    panels = figure.axes
    assert len(panels) == 5
    assert panels[0].get_title(loc="left") == "NC.ABC" and panels[2].get_title(loc="left") == "NC.ABC, earthquake local"
    assert [panels[i].texts[0].get_text() for i in (0, 2, 4)] == ["7.2 km", "ml 2.3, 7.2 km", "ml 2.3, 123 km"]
    assert panels[0].texts[1].get_text().endswith("counts") and panels[4].texts[1].get_text() == "max 4,920 counts"
    picks = [[line.get_xdata()[0] for line in panel.lines if len(line.get_xdata()) == 2] for panel in panels]
    assert picks == [[10.025], [], [10.025, 15.0], [10.025], [10.025]]
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["P arrival", "S arrival"] and len(figure.legends) == 1
    trace = panels[3].lines[0]
    assert trace.get_xdata()[-1] == pytest.approx(599 / 20) and np.abs(trace.get_ydata()).max() == pytest.approx(1)


def test_show_draws_a_prepared_dataset(tmp_path, capsys):
    (tmp_path / "set").mkdir()
    with open(tmp_path / "set" / "metadata.csv", "w", newline="") as file:
        csv.writer(file).writerows([["trace_name", "split"], *([f"b${i}", "train"] for i in range(8))])
    with h5py.File(tmp_path / "set" / "waveforms.hdf5", "w") as file:
        file["data/b"] = np.random.default_rng(0).standard_normal((8, 3, 50))
        file["data_format/component_order"], file["data_format/sampling_rate"] = "ZNE", 10.0
    datasets.prepare(NAME, tmp_path / "data", settings={"folder": str(tmp_path / "set")})
    shown = ["show", NAME, "--data-dir", str(tmp_path / "data"), "--count", "3", "--out", str(tmp_path / "a.png")]
    assert main(shown) == 0 and capsys.readouterr().out.strip() == str(tmp_path / "a.png")
    first = (tmp_path / "a.png").read_bytes()
    assert first.startswith(b"\x89PNG")
    assert main(shown) == 0 and (tmp_path / "a.png").read_bytes() == first
    assert main([*shown, "--seed", "1"]) == 0 and (tmp_path / "a.png").read_bytes() != first


def test_show_of_what_has_no_waveforms(tmp_path, capsys):
    (tmp_path / "t.csv").write_text("lon,lat,10s\n100,30,3.1\n")
    datasets.prepare("phase_velocity_maps/own", tmp_path / "data", settings={"file": str(tmp_path / "t.csv")})
    assert main(["show", "phase_velocity_maps/own", "--data-dir", str(tmp_path / "data")]) == 1
    assert "are not waveforms (samples, components). Prepared here are: none" in capsys.readouterr().err

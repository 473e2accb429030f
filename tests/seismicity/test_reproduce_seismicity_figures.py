"""Figure S1 and movie S1 are drawn by a command."""

from __future__ import annotations

from PIL import Image

from zoo import reproduce


def test_figure_and_movie(tmp_path, monkeypatch):
    monkeypatch.setattr("zoo.seismicity.scores._YEARS", 1.0)
    rows = reproduce.run("seismicity-figures", tmp_path, quick=True, settings={"seed": "1"})
    assert [row["kind"] for row in rows] == ["scattered", "scattered", "concentrated", "concentrated"]
    assert all((row["largest_pixel"] > 5) == (row["kind"] == "concentrated") for row in rows)
    with Image.open(tmp_path / "figure-S1.png") as figure:
        assert min(figure.size) > 300
    with Image.open(tmp_path / "movie-S1.gif") as movie:
        assert movie.n_frames > 20  # two months in windows of four days, every two

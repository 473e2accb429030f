"""A movie of the maps over time: the events of each window, the pixels that are anomalous in it, the score below.

A GIF, and an MP4 where ffmpeg is installed, in the manner of movies S1 to S3 of Zhang & Yang.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm
from matplotlib.dates import date2num
from matplotlib.figure import Figure

from zoo.figures import BLACK, GREEN, VERMILLION, style
from zoo.files import write_with
from zoo.progress import track
from zoo.seismicity.figures.axes import (
    COUNTS,
    count_ticks,
    draw_scale,
    excess_of,
    outline,
    set_map,
    set_score,
    set_time,
)
from zoo.seismicity.physics.maps import MAP_PIXELS
from zoo.seismicity.scan import significant_pixels

FRAMES = 240
"""Most frames of a movie: of a longer catalogue every second, third, ... window is shown."""
_MILLISECONDS = 125  # that a frame is shown for
_DPI = 80
_COLOURS = 128  # of the GIF's palette


def write_movie(found: Any, folder: Path, name: str = "movie") -> None:
    """Write a GIF, and an MP4 where there is ffmpeg, into a folder.

    Args:
        found: a `zoo.seismicity.Seismicity`.
        folder: where to.
        name: of the files, without .gif and .mp4.
    """
    from PIL import Image

    step = -(-found.windows.count // FRAMES)
    shown = range(0, found.windows.count, step)
    frames = [Image.fromarray(frame) for frame in track(_frames(found, shown), "Drawing the movie", len(shown))]
    # One palette for all frames, as colours would flicker otherwise: that of the frames with the most events and with
    # the highest score.
    extremes = [np.max([tile.maps.events for tile in found.tiles], axis=0), excess_of(found)]
    both = np.concatenate([np.asarray(frames[int(np.argmax(values[::step]))]) for values in extremes])
    palette = Image.fromarray(both).quantize(_COLOURS, method=Image.Quantize.FASTOCTREE)
    pictures = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    write_with(
        folder / f"{name}.gif",
        lambda path: pictures[0].save(
            path, save_all=True, append_images=pictures[1:], duration=_MILLISECONDS, loop=0, optimize=False
        ),
    )
    if shutil.which("ffmpeg"):
        write_with(folder / f"{name}.mp4", lambda path: _write_mp4(pictures, path))


def _frames(found: Any, shown: range) -> Iterator[np.ndarray]:
    """Yield a picture (height, width, 3) uint8 for each window that is shown."""
    grid, windows = found.grid, found.windows
    row, column = grid.pixels(found.catalogue.x_km, found.catalogue.y_km)
    bounds = np.searchsorted(found.catalogue.time, [windows.start, windows.end])
    excess = excess_of(found)
    with style():
        figure = Figure(figsize=(6.4, 7.4), dpi=_DPI)
        canvas = FigureCanvasAgg(figure)
        top, bottom = figure.subplots(2, 1, height_ratios=[5, 1])
        fullest = max(_map(grid, row, column, low, high).max() for low, high in bounds[:, list(shown)].T)
        image = top.imshow(
            np.zeros((grid.rows, grid.columns)), cmap=COUNTS, norm=LogNorm(1, max(fullest, 4)), origin="lower",
            extent=grid.extent_km, interpolation="none",
        )  # fmt: skip
        figure.colorbar(image, ax=top, shrink=0.8, pad=0.02, label="events in a pixel", **count_ticks(max(fullest, 4)))
        edges = LineCollection([], colors=VERMILLION, linewidths=1.4, capstyle="round")
        top.add_collection(edges, autolim=False)
        set_map(top, found.catalogue, grid.extent_km)
        draw_scale(top, grid.extent_km)
        middle = windows.start + windows.length // 2
        bottom.fill_between(middle, 0, np.maximum(excess, 0), color=GREEN, alpha=0.35, lw=0, step="mid")
        bottom.step(middle, excess, where="mid", color=GREEN, lw=0.9)
        bottom.axhline(0, color=BLACK, lw=0.7, ls="--")
        set_score(bottom, excess)
        set_time(bottom, *found.span)
        now = bottom.axvspan(windows.start[0], windows.end[0], color=VERMILLION, alpha=0.35, lw=0)
        title = top.text(0, 1.015, "anomalous", transform=top.transAxes, va="bottom")
        canvas.draw()
        figure.set_layout_engine("none")  # laid out once: a map that moves is hard to watch
        # What changes is drawn over a picture of what does not, which is ten times as fast.
        changing = [image, *top.get_lines(), *top.texts, *top.spines.values(), edges, now]
        for artist in changing:
            artist.set_visible(False)
        canvas.draw()
        still = canvas.copy_from_bbox(figure.bbox)
        for artist in changing:
            artist.set_visible(True)
        for number in shown:
            low, high = bounds[:, number]
            counts = _map(grid, row, column, low, high)
            image.set_data(np.where(counts > 0, counts, np.nan))
            anomalous = _anomalous(found, number)
            edges.set_segments(list(outline(*np.nonzero(anomalous), grid)))
            now.set_x(date2num(windows.start[number]))
            start, end = (
                str(t[number].astype("datetime64[m]")).replace("T", " ") for t in (windows.start, windows.end)
            )
            title.set_text(f"{start} to {end}: {high - low} events{', anomalous' if excess[number] > 0 else ''}")
            title.set_color(VERMILLION if excess[number] > 0 else BLACK)
            canvas.restore_region(still)
            for artist in changing:
                figure.draw_artist(artist)
            yield np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _map(grid: Any, row: np.ndarray, column: np.ndarray, low: int, high: int) -> np.ndarray:
    """Return the events from number `low` to before `high` in each pixel, (rows, columns)."""
    counts = np.zeros((grid.rows, grid.columns))
    np.add.at(counts, (row[low:high], column[low:high]), 1)
    return counts


def _anomalous(found: Any, window: int) -> np.ndarray:
    """Return the significant pixels (rows, columns) of a window, of the maps that are above their threshold."""
    made = np.zeros((found.grid.rows, found.grid.columns), bool)
    for tile in found.tiles:
        if tile.above()[window]:
            counts, expected = (maps(window, window + 1)[0] for maps in (tile.maps.counts, tile.maps.expected))
            pixels, _ = significant_pixels(counts, expected)
            made[tile.row : tile.row + MAP_PIXELS, tile.column : tile.column + MAP_PIXELS] |= pixels
    return made


def _write_mp4(pictures: list[Any], path: Path) -> None:
    """Pipe the frames through ffmpeg: H.264 in a form that every player knows."""
    import subprocess

    width, height = (size - size % 2 for size in pictures[0].size)
    command = ["ffmpeg", "-loglevel", "error", "-y", "-f", "image2pipe", "-framerate", f"{1000 / _MILLISECONDS:g}"]
    command += ["-c:v", "png", "-i", "-", "-vf", f"crop={width}:{height}:0:0", "-pix_fmt", "yuv420p", str(path)]
    frames = io.BytesIO()
    for picture in pictures:
        picture.convert("RGB").save(frames, "png", compress_level=1)
    subprocess.run(command, input=frames.getvalue(), check=True)

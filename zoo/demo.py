"""`zoo demo`: a chapter for each question (`zoo/SYSTEM/demo.py`), and a page of all of them, `index.html`.

The page holds its pictures and needs nothing else: it can be sent by mail, and be read on a phone.
"""

from __future__ import annotations

import base64
import html
import importlib
import multiprocessing
import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from zoo.chapters import Chapter
from zoo.files import cores, write_with
from zoo.interrupts import unheard
from zoo.progress import say
from zoo.quiet import quiet

CHAPTERS = {
    "Microseismic location": "zoo.microseismic.demo:chapter",
    "Crustal thickness": "zoo.crust.demo:chapter",
    "Full-waveform inversion": "zoo.fwi.demo:chapter",
    "Phase picking": "zoo.seismograms.demo:picking",
    "Picks to a catalogue": "zoo.seismograms.demo:chapter",
    "Anomalous seismicity": "zoo.seismicity.demo:chapter",
}
"""Title -> function that takes a folder and returns a `Chapter`."""
_CHAPTER_BYTES = 2_500_000_000
"""Memory that a chapter may need."""

_STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; background: #f3f4f6; color: #1c2733; font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.6rem; margin: .5rem 0; } h2 { font-size: 1.25rem; margin: 0 0 .25rem; }
nav a { display: inline-block; margin: 0 .9rem .3rem 0; color: #0b5a8a; }
article { background: #fff; border: 1px solid #d5dae0; border-radius: .6rem; padding: 1rem; margin: 1rem 0; }
.kind { display: inline-block; padding: .1rem .6rem; border-radius: 1rem; font-size: .85rem; color: #fff; }
.real { background: #00704a; } .synthetic { background: #9a4500; }
figure { margin: 1rem 0; }
.picture { overflow-x: auto; }
img { width: 100%; height: auto; border: 1px solid #e5e8ec; background: #fff; }
figcaption { font-size: .9rem; color: #44505c; }
pre { overflow-x: auto; background: #f6f8fa; border-radius: .4rem; padding: .6rem .8rem; font-size: .85rem;
  line-height: 1.4; white-space: pre-wrap; }
pre.command { background: #16212c; color: #e8eef4; white-space: pre-wrap; overflow-wrap: anywhere; }
@media (max-width: 40rem) { img { width: 42rem; max-width: none; } }
h3 { font-size: .95rem; margin: .8rem 0 .2rem; }
"""


def run(out: str | os.PathLike) -> Path:
    """Run every chapter, its files in a folder of its own below `out`; write the page of all and return its path.

    Where there are two cores and the memory, two chapters run side by side. The page grows with each that is done.
    """
    start = time.monotonic()
    folder, done = Path(out), {}
    at_once = 2 if cores() > 1 and _free_bytes() > 2 * _CHAPTER_BYTES else 1
    say(f"{len(CHAPTERS)} chapters, {'two at a time' if at_once > 1 else 'one after the other'}")
    context = multiprocessing.get_context("spawn")  # TensorFlow does not outlive a fork
    page = folder / "index.html"
    with ProcessPoolExecutor(at_once, context, initializer=_begin, initargs=(max(1, cores() // at_once),)) as pool:
        with unheard():
            tasks = {pool.submit(_chapter, number, folder): number for number in range(1, len(CHAPTERS) + 1)}
        try:
            for task in as_completed(tasks):
                number = tasks[task]
                done[number] = task.result()
                title = [*CHAPTERS][number - 1]
                print(f"\n{number}. {title}\n{done[number].answer}", flush=True)
                shown = [([*CHAPTERS][n - 1], done[n]) for n in sorted(done)]
                write_with(page, lambda path, shown=shown: path.write_text(page_of(shown), encoding="utf-8"))
                took = f"{time.monotonic() - start:.0f} s"
                say(f"== {title} is done; {len(done)} of {len(CHAPTERS)} after {took}")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():  # nobody waits for chapters that nobody will see
                process.terminate()
            raise
    say(f"\nThe demo took {time.monotonic() - start:.0f} s. Open {page.resolve()}")
    return page


def _begin(threads: int) -> None:
    """Prepare a process for chapters: a quiet TensorFlow, and no more threads than its share of the cores."""
    quiet()
    for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(name, str(threads))


def _chapter(number: int, folder: Path) -> Chapter:
    title, where = [*CHAPTERS.items()][number - 1]
    say(f"{number}. {title}")
    module, _, function = where.partition(":")
    return getattr(importlib.import_module(module), function)(folder / f"{number}-{title.lower().replace(' ', '-')}")


def _free_bytes() -> int:
    """Return how much memory there is for more; 0 where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:  # no Linux
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")), 0)


def page_of(chapters: Sequence[tuple[str, Chapter]]) -> str:
    """Return the page, with its pictures inside, as HTML.

    Args:
        chapters: title and chapter, in their order.
    """
    links = "".join(f'<a href="#c{number}">{html.escape(title)}</a>' for number, (title, _) in enumerate(chapters, 1))
    cards = "".join(_card(number, title, chapter) for number, (title, chapter) in enumerate(chapters, 1))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>zoo: what it does</title>
<style>{_STYLE}</style>
</head>
<body><main>
<h1>zoo: what it does</h1>
<p>A model zoo for seismology and exploration geophysics. Each card was computed by <code>zoo demo</code> on this
machine, with models that are shipped; the command below it repeats it.</p>
<nav>{links}</nav>
{cards}
</main></body>
</html>
"""


def _card(number: int, title: str, chapter: Chapter) -> str:
    kind = chapter.data.split()[0].rstrip(":,").lower()
    pictures = "".join(
        f'<figure><div class="picture"><img alt="{html.escape(picture.caption)}" '
        f'src="data:image/png;base64,{_encoded(picture.path)}"></div>'
        f"<figcaption>{html.escape(picture.caption)}</figcaption></figure>"
        for picture in chapter.pictures
    )
    commands = html.escape("\n".join(chapter.commands))
    return f"""<article id="c{number}">
<h2>{html.escape(chapter.question)}</h2>
<p>{html.escape(title)} <span class="kind {kind}">{kind} data</span></p>
<p>{html.escape(chapter.data)}</p>
{pictures}
<h3>What was asked</h3><pre class="command">{commands}</pre>
<h3>What came out</h3><pre>{html.escape(chapter.answer)}</pre>
</article>
"""


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode("ascii")

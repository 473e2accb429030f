"""`zoo demo`: a short chapter per system, each ending in figures and an answer."""

from __future__ import annotations

import os
import time
from pathlib import Path

from zoo.progress import say


def run(out: str | os.PathLike) -> None:
    """Run every chapter and write its figures into a folder of its own below `out`."""
    start = time.monotonic()
    folder = Path(out)
    for number, (title, chapter) in enumerate(CHAPTERS.items(), 1):
        say(f"\n{number}. {title}")
        chapter(folder / f"{number}-{title.lower().replace(' ', '-')}")
    say(f"\nThe demo took {time.monotonic() - start:.0f} s. Look at the pictures in {folder.resolve()}")


def microseismic(folder: Path) -> None:
    """Locate a held-out event with a pretrained emulator, from noisy traces at four receivers."""
    import numpy as np

    from zoo import registry
    from zoo.figures.microseismic import draw_elastic_model, draw_emulation
    from zoo.files import write_with
    from zoo.physics.marine import marine_model
    from zoo.tasks.locate import locate, read_traces

    name = registry.full_name("cvae_emulator")
    say(f"   zoo.load({name!r}): a network that stands for a simulator of elastic waves")
    model = registry.load(name)
    # Events that training has not seen, simulated by finite differences; they travel with the model.
    with np.load(registry.find(name) / "sample.npz", allow_pickle=False) as stored:
        sample = {key: stored[key] for key in stored.files}
    places, traces = sample["coordinates_km"], sample["traces"]
    emulated = np.asarray(model(places))
    chosen = np.argsort(places[:, 2])[[2, 10, 17]]
    folder.mkdir(parents=True, exist_ok=True)
    draw_emulation(
        traces[chosen, 0], emulated[chosen, 0], places[chosen], model.time_step_s, folder / "emulated-traces.png"
    )
    draw_elastic_model(marine_model(), folder / "earth-model.png", model.receivers_km, places)

    event = int(chosen[1])
    used = slice(1, 5)  # the paper's four receivers above the diagonal
    noise = np.random.default_rng(0).normal(scale=sample["noise_sd"], size=traces[event, used].shape)
    observed = write_with(
        folder / "observed.npz",
        lambda path: np.savez_compressed(
            path,
            traces=(traces[event, used] + noise).astype(np.float32),
            receivers_km=model.receivers_km[used],
            sampling_rate_hz=1 / model.time_step_s,
            noise_sd=sample["noise_sd"],
            source_km=places[event],
        ),
    )
    say(f"   zoo locate {observed} --model {name} --out {folder}")
    location = locate(read_traces(observed), model)
    location.write(folder)
    print(location.report())


CHAPTERS = {"Microseismic location": microseismic}

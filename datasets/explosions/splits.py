"""The splits: by event within each class, so that no event is in two of them."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.errors import ZooError
from zoo.seismograms.archives.events import Event
from zoo.seismograms.signals import draws

SPLITS = ("train", "validation", "test")


def by_event(events: Iterable[Event], shares: tuple[float, float, float], seed: int) -> dict[str, str]:
    """Return the split of each event_id.

    The events of each class are sorted by a seeded hash of their event_id and divided by the shares; every split with a
    share gets at least one of each class. (A hash threshold, which an added event would not
    disturb, leaves small classes out of splits: there are 5 to 23 explosions in an experiment.)

    Args:
        events: with at least one record each.
        shares: shares of train, validation and test, of any positive sum.
        seed: seed of the hash.

    Raises:
        ZooError: if a class has fewer events than there are splits with a share.
    """
    split: dict[str, str] = {}
    wanted = [name for name, share in zip(SPLITS, shares, strict=True) if share > 0]
    by_class: dict[str, list[str]] = {}
    for event in events:
        by_class.setdefault(event.category, []).append(event.event_id)
    for category, ids in sorted(by_class.items()):
        if len(ids) < len(wanted):
            raise ZooError(
                f"{len(ids)} {category} events with waveforms cannot be divided by event into {', '.join(wanted)}. Add "
                "events, or give all to one split: shares=100:0:0 (train:validation:test)."
            )
        key = dict(zip(ids, draws(ids, seed)[:, 0], strict=True))
        ordered = sorted(ids, key=lambda event_id: (key[event_id], event_id))
        total = sum(shares)
        counts = {name: round(len(ids) * share / total) for name, share in zip(SPLITS, shares, strict=True)}
        for name in wanted:
            counts[name] = max(counts[name], 1)
        largest = max(wanted, key=lambda name: counts[name])
        counts[largest] += len(ids) - sum(counts.values())
        places = [name for name in SPLITS for _ in range(counts[name])]
        split.update(zip(ordered, places, strict=True))
    return split

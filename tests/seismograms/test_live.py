"""Live streams: the picks of a replayed record are those of the whole, and come as soon as they are final."""

from __future__ import annotations

import numpy as np
import pytest
from obspy import Stream, UTCDateTime
from toy_picker import RATE_HZ, ToyClassifier, ToyPicker, record

from zoo.seismograms.picking.annotate import classify
from zoo.seismograms.picking.live import Live, annotate_live, latency_s

START = UTCDateTime("2021-07-01T11:59:20.03")
EVENTS = (12.0, 29.9, 95.0, 300.0, 629.93, 630.5, 899.95, 1195.0)


def packets(stream: Stream, samples: int = 37, seed: int = 0) -> list:
    """Records of a few seconds, in the order of their ends, each component with another delay."""
    rng = np.random.default_rng(seed)
    parts = []
    for trace in stream:
        delay_s = rng.uniform(0, 3)
        first = 0
        while first < trace.stats.npts:
            count = int(rng.integers(samples, 3 * samples))
            part = trace.copy()
            part.data = trace.data[first : first + count].copy()
            part.stats.starttime = trace.stats.starttime + first / RATE_HZ
            parts.append((part.stats.endtime.timestamp + delay_s, part))
            first += count
    return [part for _, part in sorted(parts, key=lambda pair: pair[0])]


def keys(picks):
    return sorted((p.waveform_id.get_seed_string(), p.phase_hint, p.time.ns) for p in picks)


def broken() -> Stream:
    """Two stations; one has gaps, one begins without horizontals, and a component ends."""
    stream = record(START, 1200.0, EVENTS)
    other = record(START + 3.31, 1190.0, EVENTS, station="BBB", seed=1)
    for trace in other:
        pieces = [trace.slice(endtime=START + 400.0), trace.slice(START + 417.6, None)]
        if trace.stats.channel == "HHN":
            pieces = [trace.slice(START + 250.0, START + 400), trace.slice(START + 500, START + 1000)]
        if trace.stats.channel == "HHZ":
            later = pieces.pop()
            pieces += [later.slice(endtime=START + 890), later.slice(START + 890.1, None)]  # short: filled
        stream += Stream(pieces)
    return stream


@pytest.mark.parametrize("seed", [0, 1])
def test_a_replayed_record_gives_the_picks_of_the_whole(seed):
    stream = broken()
    expected = classify(stream, ToyPicker())
    found = list(annotate_live(iter(packets(stream, seed=seed)), ToyPicker()))
    assert keys(found) == keys(expected) and len(found) >= 25
    of_one = [p.time for p in found if p.waveform_id.station_code == "BBB"]
    assert of_one == sorted(of_one)
    both = [sorted(float(p.comments[0].text.partition("=")[2]) for p in picks) for picks in (found, expected)]
    np.testing.assert_allclose(*both, atol=1e-3)


def test_a_pick_comes_when_no_later_window_can_change_it():
    live, delays_s = Live(ToyPicker()), []
    stream = record(START, 1200.0, EVENTS)
    for second in range(1200):  # a record a second
        for trace in stream.slice(START + second, START + second + 1 - 1 / RATE_HZ):
            delays_s += [START + second + 1 - row.time for row in live.take(trace)]
    assert len(delays_s) >= 12 and latency_s(live.shape) == 27
    assert min(delays_s) >= 17 and max(delays_s) <= 27 + 1
    assert [row.phase for row in live.end()] == ["P", "S"]  # 5 s before the end


def test_memory_is_that_of_the_latest_minutes():
    live, kept = Live(ToyPicker()), []
    for trace in packets(record(START, 1500.0, EVENTS), samples=100):
        list(live.take(trace))
        kept.append(sum(t.stats.npts for t in live._stations["XX.AAA"].stream))
    assert max(kept) < 3 * 120 * RATE_HZ and max(kept[len(kept) // 2 :]) <= 1.1 * max(kept[: len(kept) // 2])


def test_a_component_that_falls_silent_is_not_waited_for_long():
    stream = record(START, 600.0, (100.0, 400.0))
    stream.select(channel="HHE")[0].trim(endtime=START + 200)
    live = Live(ToyPicker())
    found = [row for trace in packets(stream) for row in live.take(trace)]
    assert [round(row.time - START) for row in found if row.phase == "P"] == [100, 400]


def test_late_records_are_named(capsys):
    stream = record(START, 600.0, (100.0,))
    parts = packets(stream)
    list(annotate_live([*parts, parts[0]], ToyPicker()))
    assert "came too late" in capsys.readouterr().err


def test_windows_of_a_classifier():
    stream = record(START, 300.0, (100.0,))
    expected = classify(stream, ToyClassifier())
    found = list(annotate_live(packets(stream), ToyClassifier()))
    assert [(w.start, w.end, w.label) for w in found] == [(w.start, w.end, w.label) for w in expected]

"""Picks of a SeedLink server's streams, written as they come.

The folder holds `live/2020-01-31.jsonl`, to which each pick is added the moment it is final, and `days/2020-01-31/`
with the tables of `zoo.seismograms.picking.tables`, written when a day is over and at the end. Started again in the
same folder, it adds to them.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from obspy.clients.seedlink.client.seedlinkconnection import SeedLinkConnection
from obspy.clients.seedlink.seedlinkexception import SeedLinkException
from obspy.clients.seedlink.slpacket import SLPacket

from zoo.errors import UsageError, ZooError
from zoo.progress import say
from zoo.seismograms.picking.live import Live, latency_s
from zoo.seismograms.picking.segments import MAX_GAP_S
from zoo.seismograms.picking.tables import Row, begins_ns, decode, encode, kind_of, write_day
from zoo.seismograms.picking.units import DAY_NS, day_of
from zoo.seismograms.picking.windows import CLASS, Shape
from zoo.seismograms.picking.work import Folder, Settings

if TYPE_CHECKING:
    from obspy import Trace

RETRY_S = 10.0
"""From a lost connection to the next attempt."""
_STREAM = re.compile(r"([\w*?]+)_([\w*?-]+)(?::(\S+(?: \S+)*))?")
_DATA = "???.D"  # all channels with waveforms
_LATE_NS = 3_600_000_000_000  # a day is over when a pick is this much later than its end


def annotate_seedlink(
    server: str,
    streams: str,
    model: Any = "phase_picker",
    out: str | os.PathLike = "annotated",
    thresholds: Mapping[str, float] | float | str | None = None,
    *,
    false_per_hour: float | None = None,
    retry_s: float = RETRY_S,
    shown: Callable[[str], Any] = lambda line: None,
) -> LiveReport:
    """Annotate the streams of a SeedLink server until it ends them, or until Ctrl-C.

    Args:
        server: `HOST:PORT`.
        streams: `NET_STA:SELECTOR,...` with selectors of SeedLink 3, like `GE_WLF:00HH?,IU_KONO:BH? HH?`.
        model, thresholds, false_per_hour: as in `classify`.
        out: folder of the results.
        retry_s: from a lost connection to the next attempt, s. The server is asked for what was missed.
        shown: called with a line for each result.

    Returns:
        What was found.

    Raises:
        ZooError: if the server cannot be reached, or has none of the streams, at the beginning; if the folder holds
            results of another model.
        UsageError: if the streams are not named like that.
    """
    wanted = parse_streams(streams)
    live = Live(model, thresholds, false_per_hour)
    settings = Settings(live.thresholds, None, MAX_GAP_S, None, 0, False)
    folder = Folder(out, settings.made_by(model, live.shape))
    report = LiveReport(live.shape, folder)
    say(f"zoo: results come up to {latency_s(live.shape):.0f} s after the arrival; Ctrl-C ends")
    try:
        for trace in seedlink_traces(server, wanted, retry_s):
            for row in live.take(trace):
                shown(report.add(row))
        say("zoo: the server has ended the streams")
    except KeyboardInterrupt:
        say("zoo: interrupted; what has come is annotated to its end and written")
    for row in live.end():
        shown(report.add(row))
    report.write()
    return report


def parse_streams(text: str) -> list[tuple[str, str, str]]:
    """Return network, station and selectors (joined by spaces) of each stream.

    >>> parse_streams("GE_WLF:00HH?,IU_KONO:BH? HH?,MN_AQU")
    [('GE', 'WLF', '00HH?'), ('IU', 'KONO', 'BH? HH?'), ('MN', 'AQU', '???.D')]

    Raises:
        UsageError: if one is not like that.
    """
    found = []
    for part in text.split(","):
        named = _STREAM.fullmatch(part.strip())
        if not named or any(len(selector) > 8 for selector in (named[3] or "").split()):
            raise UsageError(f"Streams are NET_STA:LOCCHA, like GE_WLF:00HH? or IU_KONO:BH?; received {part!r}.")
        found.append((named[1], named[2], named[3] or _DATA))
    return found


def seedlink_traces(server: str, streams: list[tuple[str, str, str]], retry_s: float = RETRY_S) -> Iterator[Trace]:
    """Yield the records of a SeedLink server as traces, until it ends the streams.

    After a lost connection the server is asked for what follows the last record of each station.

    Raises:
        ZooError: if the server cannot be reached, or accepts no stream, at the beginning.
    """
    connection = _Connection()
    connection.set_sl_address(server)
    connection.set_net_delay(retry_s)
    for network, station, selectors in streams:
        connection.add_stream(network, station, selectors, -1, None)
    try:
        while True:
            try:
                packet = connection.collect()
            except (SeedLinkException, OSError) as error:
                if not connection.times:
                    raise ZooError(f"No SeedLink server answers at {server} ({error}). Is it HOST:PORT?") from error
                say(f"zoo: {server}: {error}; next attempt in {retry_s:g} s")
                time.sleep(retry_s)
                continue
            if connection.refused:
                raise ZooError(f"The SeedLink server {server} accepts none of the streams ({connection.refused}).")
            if packet in (SLPacket.SLTERMINATE, SLPacket.SLERROR) or packet is None:
                return
            yield packet.get_trace()
    finally:
        connection.disconnect()


class _Connection(SeedLinkConnection):
    """ObsPy's connection, which tells when it was lost and does not wait where the server has closed it.

    Attributes:
        times: how often it was there.
        refused: why the server accepted no stream, if it did not from the beginning.
    """

    times, refused = 0, ""

    def is_connected(self, timeout: float | None = 1.0) -> bool:
        return super().is_connected(timeout or 1.0)  # ObsPy compares None with a number

    def connect(self) -> None:
        super().connect()
        say(f"zoo: connected to {self.sladdr}{' again' if self.times else ''}")
        self.times += 1

    def config_link(self) -> None:
        try:
            super().config_link()
        except SeedLinkException as error:
            if self.times == 1:
                self.refused = str(error)
                self.terminate()
            raise

    def receive_data(self, maxbytes: int, code: str) -> bytes:
        try:
            received = super().receive_data(maxbytes, code)
            if not received:
                raise OSError("the server has closed the connection")
        except OSError as error:
            say(f"zoo: {self.sladdr}: connection lost ({error}); next attempt in {self.netdly:g} s")
            raise
        return received


@dataclass
class LiveReport:
    """What was found in live streams, and its files.

    Attributes:
        shape: what the model takes and gives.
        folder: of the results.
        counts: how many picks of each phase, or windows of each label, since the start.
    """

    shape: Shape
    folder: Folder
    counts: Counter[str] = field(default_factory=Counter)
    _days: dict[str, dict[str, Row]] = field(default_factory=dict)  # those that are not over; rows by their JSON

    def add(self, row: Row) -> str:
        """Add a result to its file; return it as a line, empty if it was there already."""
        day = day_of(begins_ns(row))
        rows = self._days[day] if day in self._days else self._open(day)
        key = json.dumps(encode([row])[0])
        if key in rows:
            return ""
        rows[key] = row
        with open(self._file(day), "a", encoding="utf-8") as file:
            file.write(key + "\n")
        label = row.label if self.shape.answers == CLASS else row.phase
        self.counts[label] += 1
        for over in [name for name, held in self._days.items() if name < day and held]:
            last = max(begins_ns(held) for held in self._days[over].values())
            if begins_ns(row) > (last // DAY_NS + 1) * DAY_NS + _LATE_NS:
                self._write(over)
                del self._days[over]
        code = ".".join((row.network, row.station, row.location, row.channel))
        return f"{(row.start if self.shape.answers == CLASS else row.time)} {code} {label} {row.probability:.2f}"

    def write(self) -> None:
        """Write the tables of the days that are not over."""
        for day in self._days:
            self._write(day)

    def _file(self, day: str) -> Path:
        return self.folder.path / "live" / f"{day}.jsonl"

    def _open(self, day: str) -> dict[str, Row]:
        """Read what an earlier run has found; a line that it could not finish is taken away."""
        path = self._file(day)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        whole = text[: text.rfind("\n") + 1]
        if whole != text:
            os.truncate(path, len(whole.encode()))
        lines = whole.splitlines()
        found = decode([json.loads(line) for line in lines], kind_of(self.shape))
        self._days[day] = dict(zip(lines, found, strict=True))
        return self._days[day]

    def _write(self, day: str) -> None:
        write_day(list(self._days[day].values()), self.shape, self.folder.day(day))

    def summary(self) -> dict[str, Any]:
        """Return how much was found."""
        return {"model": self.shape.method, "windows" if self.shape.answers == CLASS else "picks": dict(self.counts)}

    def report(self) -> str:
        """Return a text on what was found."""
        found = ", ".join(f"{count} {label}" for label, count in sorted(self.counts.items()))
        return f"{self.shape.method}: {found or 'nothing'} since the start"

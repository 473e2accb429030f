"""A SeedLink 3 server on loopback, with the faults of real ones: miniSEED records of 512 bytes behind 8-byte headers.

It knows HELLO, STATION, SELECT, DATA, FETCH, TIME, END, INFO ID, CAT and BYE. Records are numbered from 1 in the order
they are given; `DATA N` (hexadecimal) begins with record N. A server that `ends` says END after the last record, as
after FETCH or a time window; another waits for more, which never come.
"""

from __future__ import annotations

import contextlib
import fnmatch
import io
import socketserver
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from obspy import Trace, UTCDateTime


@dataclass
class Record:
    """A miniSEED record, and what selects it."""

    network: str
    station: str
    location: str
    channel: str
    start: UTCDateTime
    end: UTCDateTime
    data: bytes


def records_of(traces: Iterable[Trace]) -> list[Record]:
    """Return traces as miniSEED records in order of their ends."""
    found = []
    for trace in traces:
        buffer = io.BytesIO()
        trace.write(buffer, format="MSEED", reclen=512, encoding="STEIM2")
        whole = buffer.getvalue()
        at = 0
        for place in range(0, len(whole), 512):
            data = whole[place : place + 512]
            start = trace.stats.starttime + at / trace.stats.sampling_rate
            at += int.from_bytes(data[30:32])  # samples in the record
            end = trace.stats.starttime + (at - 1) / trace.stats.sampling_rate
            codes = (trace.stats[key] for key in ("network", "station", "location", "channel"))
            found.append(Record(*codes, start, end, data))
    return sorted(found, key=lambda record: record.end)


@dataclass
class SeedLinkService:
    """What the server holds, what goes wrong with it, and what it was asked."""

    records: list[Record] = field(default_factory=list)
    address: str = ""
    asked: list[str] = field(default_factory=list)
    drop_after: list[int] = field(default_factory=list)
    """Close the connection after so many records: of the first connection, of the second ..."""
    ends: bool = True
    all_sent: threading.Event = field(default_factory=threading.Event)


def _selected(record: Record, selectors: list[str]) -> bool:
    if not selectors:
        return True
    for selector in selectors:
        code, _, kind = selector.partition(".")
        location = record.location.ljust(2, "-")
        name = record.channel if len(code) == 3 else location + record.channel
        if fnmatch.fnmatchcase(name, code) and kind in ("", "D"):
            return True
    return False


@contextlib.contextmanager
def serving(service: SeedLinkService) -> Iterator[SeedLinkService]:
    """Run the server."""
    stopping = threading.Event()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            wanted, station = [], None  # [network, station, selectors, first number, begin, end]
            while command := self.command():
                service.asked.append(command)
                verb, *words = command.split()
                if verb == "HELLO":
                    self.say("SeedLink v3.1 (zoo tests) :: SLPROTO:3.1\r\nLoopback\r\n")
                elif verb == "CAT":
                    self.say("".join(sorted({f"{r.network:2} {r.station:5} \r\n" for r in service.records})) + "END")
                elif verb == "STATION":
                    known = any(r.station == words[0] and r.network == words[1] for r in service.records)
                    station = [words[1], words[0], [], 0, None, None] if known else None
                    self.say("OK\r\n" if known else "ERROR\r\n")
                elif verb == "SELECT" and station:
                    station[2].append(words[0])
                    self.say("OK\r\n")
                elif verb in ("DATA", "FETCH") and station:
                    station[3] = int(words[0], 16) if words else 1
                    wanted.append(station)
                    self.say("OK\r\n")
                elif verb == "TIME" and station:
                    station[4:] = [UTCDateTime(*map(int, word.split(","))) for word in words] + [None] * (
                        2 - len(words)
                    )
                    wanted.append(station)
                    self.say("OK\r\n")
                elif verb == "END":
                    return self.stream(wanted)
                elif verb == "BYE":
                    return None
                else:
                    self.say("ERROR\r\n")

        def command(self) -> str:
            text = b""
            while not text.endswith(b"\r"):
                byte = self.rfile.read(1)
                if not byte:
                    return ""
                text += byte
            return text.decode().strip()

        def say(self, text: str):
            self.wfile.write(text.encode())

        def stream(self, wanted):
            left = service.drop_after.pop(0) if service.drop_after else None
            for number, record in enumerate(service.records, 1):
                if not any(
                    (record.network, record.station) == (network, station)
                    and number >= first
                    and _selected(record, selectors)
                    and (begin is None or record.end >= begin)
                    and (end is None or record.start <= end)
                    for network, station, selectors, first, begin, end in wanted
                ):
                    continue
                if left == 0:
                    return  # the connection is closed
                left = None if left is None else left - 1
                self.wfile.write(b"SL%06X" % number + record.data)
            self.wfile.flush()
            service.all_sent.set()
            if service.ends:
                self.wfile.write(b"END")
            else:
                stopping.wait()

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address, daemon_threads = True, True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        service.address = f"127.0.0.1:{server.server_address[1]}"
        try:
            yield service
        finally:
            stopping.set()
            server.shutdown()

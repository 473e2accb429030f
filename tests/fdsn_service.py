"""An FDSN web service on loopback: station, event and dataselect from ObsPy objects, with the faults of real ones."""

from __future__ import annotations

import contextlib
import http.server
import io
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from obspy import Catalog, Inventory, Stream, UTCDateTime
from obspy.clients.fdsn.header import DEFAULT_PARAMETERS

_LISTS = {"catalogs": "<Catalogs><Catalog>test</Catalog></Catalogs>", "contributors": "<Contributors></Contributors>"}


@dataclass
class FdsnService:
    """What the service holds, what goes wrong with it, and what it was asked."""

    stream: Stream = field(default_factory=Stream)
    inventory: Inventory | None = None
    catalogue: Catalog | None = None
    url: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """(service, query or body) of every request for data."""
    unavailable: int = 0
    """Answer 503 to so many requests."""
    unavailable_after: int | None = None
    """Answer 503 to all requests after so many."""
    drop: int = 0
    """Cut the connection in the middle of so many answers."""
    silent_s: float = 0.0
    """Wait so long before the first answer."""
    largest: int | None = None
    """Answer 413 to dataselect requests of more lines."""
    restricted: set[str] = field(default_factory=set)
    """Answer 403 to dataselect requests that name one of these "NET.STA"."""
    faulty: set[str] = field(default_factory=set)
    """Answer 500 to dataselect requests that name one of these."""
    truncate: dict[str, int] = field(default_factory=dict)
    """Leave out the last 100 bytes of so many answers with this "NET.STA", or of "station" and "event"; no
    Content-Length tells."""
    refuse: str = ""
    """Answer 400 with this text."""

    def select(self, lines: list[list[str]]) -> bytes:
        """Return the miniSEED records of bulk lines: network station location channel start end."""
        found = Stream()
        for network, station, location, channel, start, end in lines:
            part = self.stream.select(network, station, "" if location == "--" else location, channel)
            found += part.slice(UTCDateTime(start), UTCDateTime(end))
        if not found:
            return b""
        buffer = io.BytesIO()
        for trace in found:  # one by one, so that the records of one do not depend on others
            trace.write(buffer, format="MSEED", reclen=512)
        return buffer.getvalue()


@contextlib.contextmanager
def serving(service: FdsnService) -> Iterator[FdsnService]:
    """Run the service on a port of its own (ObsPy keeps what it discovers by address)."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.respond(urlsplit(self.path).query)

        def do_POST(self):
            self.respond(self.rfile.read(int(self.headers["Content-Length"])).decode())

        def respond(self, query: str):
            path = urlsplit(self.path).path.split("/")
            if path[1] != "fdsnws":
                return self.send(404, b"nothing here", "text/plain")
            kind, resource = path[2], path[4]
            if resource == "version":
                return self.send(200, b"1.2.3", "text/plain")
            if resource == "application.wadl":
                return self.send(200, _wadl(service.url, kind), "application/xml")
            if resource in _LISTS:
                return self.send(200, _LISTS[resource].encode(), "application/xml")
            service.asked.append((kind, query))
            if service.silent_s:
                wait_s, service.silent_s = service.silent_s, 0.0
                time.sleep(wait_s)
            late = service.unavailable_after is not None and len(service.asked) > service.unavailable_after
            if service.unavailable or late:
                service.unavailable -= not late
                return self.send(503, b"come back later", "text/plain")
            if service.refuse:
                return self.send(400, service.refuse.encode(), "text/plain")
            if kind == "dataselect":
                return self.dataselect(query)
            answer = self.station(query) if kind == "station" else self.event(query)
            if service.truncate.get(kind):
                service.truncate[kind] -= 1
                return self.send(200, answer[:-100], "application/xml", length=False)
            return self.send(200 if answer else 204, answer, "application/xml")

        def dataselect(self, query: str):
            if self.command == "POST":
                lines = [line.split() for line in query.splitlines() if "=" not in line and line.strip()]
            else:
                asked = {key: value[0] for key, value in parse_qs(query).items()}
                keys = "network", "station", "location", "channel", "starttime", "endtime"
                lines = [[asked.get(key, "*") for key in keys]]
            codes = {f"{line[0]}.{line[1]}" for line in lines}
            if service.largest is not None and len(lines) > service.largest:
                return self.send(413, b"too much", "text/plain")
            if codes & service.restricted:
                return self.send(403, b"not for you", "text/plain")
            if codes & service.faulty:
                return self.send(500, b"oops", "text/plain")
            data = service.select(lines)
            cut = next((code for code in codes if service.truncate.get(code)), None)
            if data and cut:
                service.truncate[cut] -= 1
                return self.send(200, data[:-100], "application/vnd.fdsn.mseed", length=False)
            return self.send(200 if data else 204, data, "application/vnd.fdsn.mseed")

        def station(self, query: str) -> bytes:
            asked = {key: value[0] for key, value in parse_qs(query).items()}
            time_of = UTCDateTime(asked["starttime"])
            near = {k: float(asked[k]) for k in ("latitude", "longitude", "maxradius") if k in asked}
            near |= {k: asked[k] for k in ("network", "station") if k in asked}
            found = Inventory(networks=[], source="test")
            for pattern in asked.get("channel", "*").split(","):
                found += service.inventory.select(channel=pattern, time=time_of, **near)
            buffer = io.BytesIO()
            if found.networks:
                found.write(buffer, format="STATIONXML")
            return buffer.getvalue()

        def event(self, query: str) -> bytes:
            asked = {key: value[0] for key, value in parse_qs(query).items()}
            found = service.catalogue.filter(f"time >= {asked['starttime']}", f"time <= {asked['endtime']}")
            buffer = io.BytesIO()
            if len(found):
                found.write(buffer, format="QUAKEML")
            return buffer.getvalue()

        def send(self, code: int, body: bytes, kind: str, length: bool = True):
            self.send_response(code)
            self.send_header("Content-Type", kind)
            if length:
                self.send_header("Content-Length", str(len(body)))
            else:
                self.send_header("Connection", "close")
                self.close_connection = True
            self.end_headers()
            if service.drop and code == 200 and body:
                service.drop -= 1
                body = body[: len(body) // 2]
                self.close_connection = True
            with contextlib.suppress(ConnectionError):
                self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    service.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()


def _wadl(url: str, kind: str) -> bytes:
    """Return a description of a service, as ObsPy's discovery reads it."""
    base = f"{url}/fdsnws/{kind}/1"
    parameters = "".join(f'<param name="{name}" style="query" type="xs:string"/>' for name in DEFAULT_PARAMETERS[kind])
    return (
        '<?xml version="1.0"?><application xmlns="http://wadl.dev.java.net/2009/02" '
        f'xmlns:xs="http://www.w3.org/2001/XMLSchema"><resources base="{base}"><resource path="">'
        f'<resource path="query"><method name="GET" id="query"><request>{parameters}</request></method></resource>'
        '<resource path="query"><method name="POST"/></resource></resource></resources></application>'
    ).encode()

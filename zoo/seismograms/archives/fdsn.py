"""Waveforms of events from FDSN web services (through ObsPy's client), one miniSEED file per event and station.

A download resumes where it stopped: files that exist are not requested again, nor are data that a service said it does
not have or does not give to us; `answers.json` in the folder remembers that (delete it to ask again).
"""

from __future__ import annotations

import http.client
import io
import re
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree

from zoo.errors import ZooError
from zoo.files import read_json, write_json, write_with
from zoo.progress import say, track
from zoo.seismograms.archives.checks import SKIPPED, Problem
from zoo.seismograms.archives.events import Event, Station, near, read_stations

if TYPE_CHECKING:
    from obspy.clients.fdsn import Client

NO_DATA = "no data at the service"
RESTRICTED = "restricted data"
TRUNCATED = "truncated records, asked for again"
TOO_LARGE = "too large a request for the service"
BROKEN = "an internal error of the service"
_REMEMBERED = (NO_DATA, RESTRICTED)
_STATIONS_TOGETHER = 50  # in one bulk request: some MB for a local event
_ATTEMPTS = 5
_WAIT_S = 2.0  # before the second attempt; twice as long before each further one
_TIMEOUT_S = 120
_KM_PER_DEGREE = 111.195  # on a sphere of 6371 km
_RADIUS_FACTOR = 1.01  # asked for on the sphere; `near` judges on the ellipsoid
_ANSWERS = "answers.json"


class Service:
    """An FDSN web service, which is asked patiently.

    Args:
        name: a name that ObsPy knows (`IRIS`, `NCEDC` ...) or an address.

    Raises:
        ZooError: (from each method, too) if the name is unknown, or the service refuses or does not answer.
    """

    def __init__(self, name: str) -> None:
        from obspy.clients.fdsn import Client
        from obspy.clients.fdsn.header import FDSNException

        self.name = name
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a warning that IRIS has another name now
                # ObsPy's discovery of services takes a busy server's 503 for "no such service", and remembers it.
                self._client: Client = Client(name, timeout=_TIMEOUT_S, _discover_services=False)
        except (ValueError, FDSNException) as error:
            raise ZooError(f"fdsn={name}: {error} Give a name that ObsPy knows, like IRIS, or an address.") from error

    def events(self, query: str, path: Path) -> Path:
        """Ask for a catalogue once and keep it as QuakeML; return the path of the file.

        Args:
            query: parameters of the event service, `starttime=2014-07-01&endtime=...&minmagnitude=1`.
            path: the file; if it exists, the service is not asked.
        """
        if path.is_file():
            return path
        arguments = dict(parse_qsl(query, strict_parsing=False))
        answer = self._ask_xml("the event service", lambda to: self._client.get_events(filename=to, **arguments))
        if isinstance(answer, str):
            raise ZooError(f"{self.name} has no catalogue for {query!r}: {answer}.")
        return write_with(path, lambda temporary: temporary.write_bytes(answer))

    def stations(self, event: Event, radius_km: float, channels: str, path: Path) -> Path | str:
        """Ask once for the stations around an event that operated at its origin time; keep them as StationXML.

        Args:
            event: the event.
            radius_km: largest epicentral distance.
            channels: patterns separated by blanks.
            path: the file; if it exists, the service is not asked.

        Returns:
            The file, or the reason why there is none.
        """
        if path.is_file():
            return path
        arguments = {
            "latitude": event.latitude_deg,
            "longitude": event.longitude_deg,
            "maxradius": _RADIUS_FACTOR * radius_km / _KM_PER_DEGREE,
            "starttime": event.origin_time,
            "endtime": event.origin_time + 1,
            "channel": ",".join(channels.split()),
            "level": "channel",
        }
        answer = self._ask_xml("the station service", lambda to: self._client.get_stations(filename=to, **arguments))
        if isinstance(answer, str):
            return answer
        return write_with(path, lambda temporary: temporary.write_bytes(answer))

    def waveforms(
        self, stations: list[Station], start: Any, end: Any, channels: str
    ) -> Iterator[tuple[str, bytes | str]]:
        """Yield each station's code with its miniSEED, or with the reason why it has none.

        A request that is refused, or whose answer is truncated twice, is repeated in halves, down to one station.

        Args:
            stations: the stations.
            start, end: UTCDateTime, begin and end of the waveforms.
            channels: patterns separated by blanks, for stations that name none.
        """
        lines = [
            (s.network, s.station, s.location, channel, start, end)
            for s in stations
            for channel in (s.channels or channels).split()
        ]
        answer: bytes | str = TRUNCATED
        for _ in range(2):
            answer = self._ask("dataselect", lambda to: self._client.get_waveforms_bulk(lines, filename=to))
            if isinstance(answer, str):
                break
            by_station, whole = split_records(answer)
            if whole:
                yield from ((s.code, by_station.get(s.code, NO_DATA)) for s in stations)
                return
            answer = TRUNCATED
        if len(stations) == 1 or answer == NO_DATA:
            yield from ((s.code, answer) for s in stations)
            return
        middle = len(stations) // 2
        yield from self.waveforms(stations[:middle], start, end, channels)
        yield from self.waveforms(stations[middle:], start, end, channels)

    def _ask_xml(self, what: str, request: Callable[[io.BytesIO], Any]) -> bytes | str:
        """Ask for XML; an answer that ends too early counts as a broken connection."""

        def checked(to: io.BytesIO) -> None:
            request(to)
            ElementTree.fromstring(to.getvalue())

        return self._ask(what, checked)

    def _ask(self, what: str, request: Callable[[io.BytesIO], Any]) -> bytes | str:
        """Return what a request writes, or the reason why this service will never answer it."""
        from obspy.clients.fdsn import header

        for attempt in range(_ATTEMPTS):
            answer = io.BytesIO()
            try:
                request(answer)
                return answer.getvalue()
            except header.FDSNNoDataException:
                return NO_DATA
            except (header.FDSNUnauthorizedException, header.FDSNForbiddenException):
                return RESTRICTED
            except header.FDSNRequestTooLargeException:
                return TOO_LARGE
            except header.FDSNInternalServerException as error:
                if attempt:  # one station that a service stumbles over must not stop the others
                    return BROKEN
                reason = _first(error)
            except (header.FDSNBadRequestException, header.FDSNInvalidRequestException, TypeError) as error:
                raise ZooError(f"{self.name}: {what} refuses the request: {_first(error)}") from error
            except (
                header.FDSNException,
                http.client.HTTPException,
                OSError,
                EOFError,
                ElementTree.ParseError,
            ) as error:
                reason = _first(error)
                if "HTTP code: 404" in reason:
                    raise ZooError(
                        f"{self.name} does not have {what} (404). Is fdsn= the address of the service?"
                    ) from error
            if attempt + 1 < _ATTEMPTS:
                wait_s = _WAIT_S * 2**attempt
                say(f"{self.name}: {what}: {reason}; asking again in {wait_s:g} s")
                time.sleep(wait_s)
        raise ZooError(
            f"{self.name}: {what} failed {_ATTEMPTS} times ({reason}). What has arrived is kept; the same command "
            "goes on from there."
        )


def split_records(data: bytes) -> tuple[dict[str, bytes], bool]:
    """Sort miniSEED records by station.

    Returns:
        The records of each "NET.STA", in the order of arrival; and whether all are complete and can be read.
    """
    from obspy.io.mseed.util import get_record_information

    file, offset, parts = io.BytesIO(data), 0, {}
    while offset < len(data):
        try:
            about = get_record_information(file, offset)
            end = offset + about["record_length"]
        except Exception:  # the rest is too short, or not a record: ObsPy has no exception of its own for that
            return {}, False
        if end > len(data):
            return {}, False
        parts.setdefault(f"{about['network']}.{about['station']}", []).append(data[offset:end])
        offset = end
    return {code: b"".join(records) for code, records in parts.items()}, True


def waveform_file(folder: Path, event: Event, code: str) -> Path:
    """Return the path of the waveforms of an event at a station ("NET.STA")."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", code):  # it may come from a service
        raise ZooError(
            f"{code!r} is not the code of a network and a station: letters and digits on both sides of a point."
        )
    return folder / event.file_name / f"{code}.mseed"


def download(
    service: Service,
    events: list[Event],
    stations: list[Station] | None,
    folder: Path,
    *,
    before_s: float,
    after_s: float,
    radius_km: float,
    channels: str,
) -> tuple[dict[str, list[Station]], list[Problem]]:
    """Fetch the waveforms around each origin time that are still missing.

    Args:
        service: the service to ask.
        events: the events whose waveforms are wanted.
        stations: the stations; None asks the service for those within `radius_km` of each event.
        folder: where the files go.
        before_s, after_s: how much to fetch before and after the origin time.
        radius_km: largest epicentral distance.
        channels: patterns separated by blanks, for stations that name none.

    Returns:
        By event_id, the stations whose file exists; and what is missing, with reasons.

    Raises:
        ZooError: if the service fails for good; what has arrived is kept.
    """
    remembered = folder / _ANSWERS
    answers: dict[str, dict[str, str]] = read_json(remembered, "Answers") if remembered.is_file() else {}
    found: dict[str, list[Station]] = {}
    problems = []
    for event in track(events, f"Waveforms of {len(events)} events from {service.name}"):
        said = answers.setdefault(event.event_id, {})
        known = dict(said)
        around = _around(service, event, stations, folder, radius_km, channels, said)
        if not around:
            reason = said.get("*", NO_DATA)
            nobody = f"no station within {radius_km:g} km"
            problems.append(Problem(event.file_name, nobody if reason == NO_DATA else f"stations: {reason}", SKIPPED))
        said.update({s.code: RESTRICTED for s in around if s.restricted})
        missing = [s for s in around if s.code not in said and not waveform_file(folder, event, s.code).is_file()]
        failed = {}
        start, end = event.origin_time - before_s, event.origin_time + after_s
        try:
            for first in range(0, len(missing), _STATIONS_TOGETHER):
                part = missing[first : first + _STATIONS_TOGETHER]
                for code, got in service.waveforms(part, start, end, channels):
                    if isinstance(got, bytes):
                        path = waveform_file(folder, event, code)
                        write_with(path, lambda temporary, got=got: temporary.write_bytes(got))
                    else:
                        failed[code] = got
        finally:
            said.update({code: reason for code, reason in failed.items() if reason in _REMEMBERED})
            if said != known:
                write_json(remembered, answers)
        found[event.event_id] = [s for s in around if waveform_file(folder, event, s.code).is_file()]
        reasons = {**said, **failed}
        problems += [
            Problem(f"{event.file_name}_{s.code}", reasons[s.code], SKIPPED) for s in around if s.code in reasons
        ]
    files = [waveform_file(folder, event, s.code) for event in events for s in found[event.event_id]]
    size_mb = sum(file.stat().st_size for file in files) / 1e6
    say(f"{len(files):,} files of waveforms ({size_mb:.1f} MB) are in {folder}; {len(problems):,} are not available.")
    return found, problems


def _around(
    service: Service,
    event: Event,
    stations: list[Station] | None,
    folder: Path,
    radius_km: float,
    channels: str,
    said: dict[str, str],
) -> list[Station]:
    """Return the stations near an event, from the service if none are given; enter a refusal in `said`."""
    if stations is None:
        if said.get("*") == NO_DATA:
            return []
        answer = service.stations(event, radius_km, channels, folder / event.file_name / "stations.xml")
        said.pop("*", None)
        if isinstance(answer, str):
            said["*"] = answer
            return []
        stations, _ = read_stations(answer)
    return near(stations, event, radius_km)


def _first(error: Exception) -> str:
    """Return the text of an error, with the server's detailed response, as one line."""
    return " ".join(str(error).split())[:300] or type(error).__name__

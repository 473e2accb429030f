"""What the name of a column says: its role, unit, zone and hemisphere, in the languages of catalogues."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from zoo.seismicity.catalogues.dates import plain

_WORDS = {
    "year": "year yr yyyy yyy yy annee ano anio anno an jahr yil god год rok jaar ar tahun 年 origyear",
    "month": "month mo mon mnth mes mois mese monat ay месяц miesiac maand manad maned bulan 月 mm",
    "day": "day dy da dd dia jour giorno tag gun день dzien dag hari 日 dayofmonth",
    "doy": "doy jday julianday dayofyear julday jd ddd jul",
    "hour": "hour hours hr hrs hh ho stunde heures horas ora час uur timme jam 時 时 h",
    "minute": "minute minutes min mi mn minuto minutos minuti minuten dakika dk минута минуты menit 分",
    "second": "second seconds sec secs sc ss se segundo segundos secondi sekunde sekunden sn saniye секунда detik 秒",
    "hhmm": "hhmm hrmn hrmin hourmin hm",
    "hhmmss": "hhmmss hms",
    "date": "date dates origindate fecha data datum tarih tarihi olustarihi дата tanggal 日期 日付 "
            "発震日 発生日 发震日期 "
            "发生日期 날짜 ημερομηνια dato pvm paivamaara fechautc daymonthyear origdate",
    "time": "time datetime origintime ot eventtime timestamp epoch unixtime unix timestring timestamps origtime when "
            "hora heure heures ora oraorigine zeit uhrzeit herdzeit saat olussaati oluszamani zaman zamani tarihsaat "
            "tarihzaman время waktu 时间 時間 時刻 发震时刻 発震時刻 発生時刻 "
            "发震时间 发生时间 시각 시간 발생시각 ωρα tid tijd czas "
            "fechahora fechayhora datumzeit dateheure dataora dateandtime dateoftime timeutc isotime datetimestring "
            "origintimestring decimalyear decyear yearfraction decimalyr tdec datenum matlabtime exceldate mjd "
            "epochtime posixtime unixtimestamp utc ut gmt horaorigen hypocentraltime",
    "longitude": "lon long longitude longi lng longitud longitudine laenge lange langengrad geographischelange geolon "
                 "boylam долгота bujur 经度 經度 経度 경도 lengtegraad μηκος lengde lengdegrad dlugosc lonx "
                 "evlo geogrlong "
                 "longitudeest xlon elon glon centroidlon evlon",
    "latitude": "lat latitude lati latitud latitudine breite breitengrad geographischebreite geolat enlem широта "
                "lintang 纬度 緯度 위도 breddegrad πλατος szerokosc evla breedtegraad ylat nlat glat centroidlat evlat",
    "x": "x east easting utmx utme utmeasting xutm xcoord xcoordinate coordx 東 ost",
    "y": "y north northing utmy utmn utmnorthing yutm ycoord ycoordinate coordy 北 nord",
    "depth": "depth dep dpt z prof profundidad profundidade profondeur profondita tiefe herdtiefe derinlik der глубина "
             "kedalaman 深さ 深度 震源深度 깊이 βαθος dyp djup diepte glebokosc tvd evdp evdep evdepth "
             "depthvalue focaldepth depthbsl zkm",
    "elevation": "elevation elev altitude height",
    "magnitude": "mag magnitude m magn magnitud magnitudo magnitudine magnituda buyukluk xm prefmag "
                 "preferredmagnitude 震级 震級 マグニチュード 규모 магнитуда μεγεθος magnitudevalue magvalue mpref "
                 "bestmag maxmag mag1 magnitude1 eqmag evmag primarymagnitude magni magnituden magnitude0",
    "type": "type eventtype et evtype etype evtyp",
    "id": "id eventid evid publicid cuspid evnum eventno no nr num number n index evento event deprem depremkodu kod "
          "eventcode nro 编号 idevento eventnumber uid objectid ogcfid gid origid originid",
    "prime": "prime preferred isprime ispreferred isprefered prefor",
    "magtype": "magtype magnitudetype magt tipomag typemag magnitudetyp mtype magscale",
    "zone": "tz timezone utcoffset gmtoffset zone offset zeitzone husohorario",
    "half": "ampm am pm",
    "ns": "ns nors latns nshem latdir latitudedir hemisphere1 latref latitudehemisphere lathem lath nshemisphere",
    "ew": "ew we eorw lonew ewhem londir longitudedir hemisphere2 lonref longitudehemisphere lonhem lonh ewhemisphere",
    "latitude_minute": "latm latmin latminute latminutes latitudeminutes latitudemin mlat minlat",
    "longitude_minute": "lonm lonmin lonminute lonminutes longm longmin longitudeminutes longitudemin mlon minlon",
    "latitude_second": "lats latsec latseconds latitudeseconds",
    "longitude_second": "lons lonsec longsec lonseconds longitudeseconds",
}  # fmt: skip
_ROLE = {plain(word): role for role, words in _WORDS.items() for word in words.split()}
_ROLE |= {"latd": "latitude", "latdeg": "latitude", "lond": "longitude", "longd": "longitude", "londeg": "longitude"}
_TYPED = {
    "mw", "mww", "mwc", "mwr", "mwb", "mwp", "mwg", "ml", "mlv", "mlr", "md", "mc", "mb", "mblg", "mlg", "mn", "ms",
    "ms20", "mj", "mjma", "mh", "mt", "mlh", "mpv", "mbb", "mwbb", "mlbb", "mdl", "me", "mag2", "mlvc", "ke",
    "mwmw",
} - {"ke"}  # fmt: skip
_PREFIXES = ("event", "ev", "origin", "orig", "source", "src", "epicenter", "epicentre", "epicentral", "epi", "hypo",
             "hypocenter", "hypocentre", "hypocentral", "preferred", "pref", "eq", "earthquake", "quake", "focal",
             "geometry", "properties", "relocated", "reloc", "initial")  # fmt: skip
_ZONES = {"utc": 0.0, "gmt": 0.0, "ut": 0.0, "jst": 9.0, "kst": 9.0, "wib": 7.0, "wita": 8.0, "wit": 9.0, "cest": 2.0,
          "cet": 1.0, "pst": -8.0, "pdt": -7.0, "nzst": 12.0, "nzdt": 13.0, "clt": -4.0, "trt": 3.0,
          "msk": 3.0}  # fmt: skip
_LOCAL = {"local", "lokal", "locale", "lt", "loc", "locala", "yerel", "ortszeit", "местное", "当地", "tsi", "lmt"}
# Several places use these for their own; times so named are local.
_VAGUE_ZONES = {"ist", "cst", "est", "edt", "cdt", "mst", "mdt", "bst", "ast", "hst", "art", "pht", "eet", "eest"}
_UNITS = {"km": "km", "kilometer": "km", "kilometers": "km", "kilometre": "km", "kilometres": "km", "m": "m",
          "meter": "m", "meters": "m", "metre": "m", "metres": "m", "metros": "m", "metri": "m",
          "千米": "km", "公里": "km", "米": "m", "ft": "ft", "feet": "ft"}  # fmt: skip
_DEGREES = {"deg", "degree", "degrees", "degr", "dd", "decimal", "grad", "grados", "gradi", "dec", "wgs84", "°", "o"}
_SIDES = {"n": 1, "north": 1, "s": -1, "south": -1, "e": 1, "east": 1, "w": -1, "west": -1, "oeste": -1, "ouest": -1}
_MINUTES, _SECONDS = {"min", "minute", "minutes", "minuten", "mn"}, {"sec", "second", "seconds"}
# Times of other things than the earthquake, and errors.
_OTHERS = re.compile(
    r"updat|modif|creat|insert|evaluat|review|load|publi(?!cid)|download|process|catalogued|err|unc|sigma|std(?:ev|dev)"
    r"|rms|gap|_nst|ptime|stime|duration|start|end(?:_|$)"
)


def is_other_time(name: str) -> bool:
    """Return whether a name is that of an error, or of when something else happened than the earthquake."""
    return bool(_OTHERS.search("_".join(tokens(name))))


@dataclass(frozen=True)
class Meaning:
    """What a name says of its column."""

    role: str = ""
    unit: str = ""
    """ "km", "m", "ft", "deg" or "" """
    zone_h: float | None = None
    """hours ahead of UTC where the name states a zone"""
    local: bool = False
    """whether the name says that times are local"""
    side: int = 0
    """1 for north or east, -1 for south or west, 0 where the name says nothing"""
    scale: str = ""
    """the magnitude scale, such as ml, where the name says so"""


def tokens(name: str) -> list[str]:
    """Return the words of a name, in lower case without accents: "originTime (UTC)" is origin, time, utc."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", "_", name.strip())
    return [word for word in re.split(r"[\W_]+", plain(name.replace("°", " deg "))) if word]


def key(name: str) -> str:
    """Return a name without case, accents and signs, to compare it with others."""
    return "".join(tokens(name)) or name.strip().lower()


@lru_cache(5000)
def meaning(name: str) -> Meaning:
    """Return what a name says.

    >>> meaning("Depth (km)").role, meaning("Depth (km)").unit, meaning("LongW").side, meaning("Magnitude (ML)").scale
    ('depth', 'km', -1, 'ml')
    """
    words = tokens(name)
    if not words or is_other_time(name):
        return Meaning()
    whole = "".join(words)
    clocklike = re.fullmatch(
        r"(y{2,4}m{1,3}d{1,3}|d{1,2}m{1,3}y{2,4})?(t?(?:h{2}|h(?=m))m{1,2}(?:s+f*)?)?(utc|z)?", whole
    )
    if clocklike and (clocklike[1] or clocklike[2]):
        both = clocklike[1] and clocklike[2]
        bare = {"hhmm": "hhmm", "hhmmss": "hhmmss"}.get(clocklike[2] or "", "clock")
        role = "time" if both else "date" if clocklike[1] else bare if ":" not in name else "clock"
        return Meaning(role, zone_h=0.0 if clocklike[3] else None)
    if whole in _ROLE and not (len(words) > 1 and words[0] in "xyz"):  # x_m is no xM
        role = _ROLE[whole]
        unit = "deg" if whole in ("latdeg", "londeg", "latd", "lond", "longd") else ""
        return Meaning(role, unit, 0.0 if set(words) & {"utc", "ut", "gmt"} else None)
    if whole in _TYPED:
        return Meaning("magnitude", scale=whole)
    zone, local, unit, side, scale = None, False, "", 0, ""
    rest: list[str] = []
    # What stands in brackets qualifies; "Time (yyyy/mm/dd)" is a time. A name all in brackets counts as a whole.
    outside = tokens(re.sub(r"\(.*?\)|\[.*?\]|（.*?）", " ", name))
    inside = words[len(outside) :] if outside and outside == words[: len(outside)] else []
    for number, word in enumerate(words):
        first = number == 0
        if word in _ZONES and not first:
            zone = _ZONES[word]
        elif word in _ZONES and len(words) > 1 and words[1] not in _ZONES:
            zone = _ZONES[word]
        elif (word in _LOCAL or word in _VAGUE_ZONES) and len(words) > 1:
            local = True
        elif word in _UNITS and not first:
            unit = _UNITS[word]
        elif word in _DEGREES and len(words) > 1:
            unit = unit or "deg"
        elif word in _SIDES and (not first or (len(words) > 1 and _ROLE.get(words[1]) in ("latitude", "longitude"))):
            side = _SIDES[word]
        elif word in _TYPED and len(words) > 1:
            scale = word
        elif word in _PREFIXES and first and len(words) > 1:
            continue
        elif inside and number >= len(outside):
            continue
        else:
            rest.append(word)
    if not rest and scale:
        rest = ["magnitude"]
    if not rest and (local or zone is not None):
        rest = ["time"]
    base = "".join(rest)
    role = _ROLE.get(base, "")
    if not role and len(rest) == 2 and rest[0] in ("lat", "latitude", "lon", "long", "longitude"):
        axis = _ROLE[rest[0]]
        role = f"{axis}_minute" if rest[1] in _MINUTES else f"{axis}_second" if rest[1] in _SECONDS else ""
    if not role and (found := re.fullmatch(r"(lat|long?|longitude|latitude)(n|s|e|w)", base)):
        role, side = _ROLE[found[1]], _SIDES[found[2]]
    if not role and (found := re.fullmatch(r"(.+?)(km|utc|gmt|deg)", base)) and found[1] in _ROLE:
        role = _ROLE[found[1]]
        unit, zone = ("km" if found[2] == "km" else unit), (0.0 if found[2] in ("utc", "gmt") else zone)
    if role in ("magnitude", "") and scale:
        if role != "magnitude" and rest and base not in ("value", "mag"):
            return Meaning()
        role = "magnitude"
    if role in ("longitude", "latitude"):
        if side and role == "latitude" and set(words) & {"e", "w", "east", "west"}:
            return Meaning()
        return Meaning(role, "deg" if unit == "deg" else unit, side=side)
    if role == "magnitude":
        unit = ""  # 震级(M): no metres
    if unit and role in ("time", "date", "id", "type", "year", "month"):
        return Meaning()
    return Meaning(role, unit, zone, local, side if role in ("x", "y") else 0, scale) if role else Meaning()


_RUN = {
    "year": {"y", "yy", "yyy", "yyyy", "yr", "year", "ano", "jahr", "anno", "annee", "yil"},
    "month": {"m", "mm", "mo", "mon", "month", "mes", "monat", "mese", "mois", "ay"},
    "day": {"d", "dd", "dy", "da", "day", "dia", "tag", "giorno", "jour", "gun"},
    "hour": {"h", "hh", "hr", "ho", "hour", "hrs", "hora", "ora", "heure", "saat"},
    "minute": {"m", "mm", "mi", "mn", "min", "minute", "minuto", "dk"},
    "second": {"s", "ss", "sc", "se", "sec", "second", "segundo", "sn"},
}


def run(names: Sequence[str]) -> dict[int, str]:
    """Return the roles of columns whose short names only their neighbours explain: Y M D h m s, YYYY MM DD HH MM SS."""
    keys = [key(re.sub(r"\(.*?\)|\[.*?\]", "", name)) for name in names]
    found: dict[int, str] = {}
    for order in (("year", "month", "day"), ("day", "month", "year"), ("month", "day", "year")):
        for start in range(len(keys) - 2):
            if all(keys[start + at] in _RUN[role] for at, role in enumerate(order)):
                found = {start + at: role for at, role in enumerate(order)}
                break
        if found:
            break
    after = max(found, default=-1) + 1
    for start in range(after, len(keys) - 1):
        last = start + 2 < len(keys) and keys[start + 2] in _RUN["second"]
        if keys[start : start + 2] == ["h", "m"] and not found and not last:
            continue  # H and M beside places are depth and magnitude
        if keys[start] in _RUN["hour"] and keys[start + 1] in _RUN["minute"]:
            found |= {start: "hour", start + 1: "minute"}
            if start + 2 < len(keys) and keys[start + 2] in _RUN["second"]:
                found[start + 2] = "second"
            break
    return found

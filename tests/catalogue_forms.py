# ruff: noqa: E501
"""The forms in which archives, location programs, spreadsheets and scripts write a catalogue.

A form is a line of a table: what stands above the rows, and how a row is written (`catalogue_truth`).
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from catalogue_truth import Form, Truth


def _zmap(r: dict[str, Any], year: str, mark: str) -> str:
    t = r["t"]
    return mark.join(
        map(str, (r["x"], r["y"], year, t.month, t.day, r["m"], r["z"], t.hour, t.minute, f"{r['sec']:.2f}"))
    )


def _jma(r: dict[str, Any]) -> str:
    y, x = (f"{r[s]}{r[d]}".rjust(size) for s, d, size in (("sy", "yd", 3), ("sx", "xd", 4)))
    return (
        f"J{r['t']:%Y%m%d%H%M}{r['hs']:04d} 010{y}{int(r['ym'] * 100):04d} 015{x}{int(r['xm'] * 100):04d} 020"
        f"{int(r['z'] * 100):5d}100{round(r['m'] * 10):2d}V   511   4167REGION              27K"
    )


def _y2000(r: dict[str, Any]) -> str:
    south, east = ("S" if r["y"] < 0 else " "), ("E" if r["x"] > 0 else " ")
    line = (
        f"{r['t']:%Y%m%d%H%M}{r['hs']:04d}{r['yd']:2d}{south}{int(r['ym'] * 100):4d}{r['xd']:3d}{east}"
        f"{int(r['xm'] * 100):4d}{int(r['z'] * 100):5d}  0 20 90  5   12"
    )
    return line.ljust(146) + f"L{round(r['m'] * 100):3d}"


def _ims(truth: Truth) -> str:
    text = "BEGIN IMS1.0\nMSG_TYPE DATA\nDATA_TYPE BULLETIN IMS1.0:short\nISC Bulletin\n"
    head = (
        "   Date       Time        Err   RMS Latitude Longitude  Smaj  Smin  Az Depth   Err Ndef Nsta Gap  mdist  Mdist "
        "Qual   Author      OrigID\n"
    )
    for r in truth.rows():
        for author, later, away, prime in (("NEIC", 3, 0.1, False), ("ISC", 0, 0.0, True)):
            moment = r["t"] + timedelta(seconds=later)
            line = f"{moment:%Y/%m/%d %H:%M:%S}.{r['cs']:02d}   0.60 0.900 {r['y'] + away:8.4f} {r['x']:9.4f}   6.2   4.7 163 "
            line += f"{r['z']:5.1f}   3.3   30   25  90   0.30   9.00     i ke {author:<9s} {r['n'] * 2 + prime:9d}\n"
            text += (f"Event {600_000_000 + r['n']:9d} Region\n\n{head}" if not prime else "") + line
            text += " (#PRIME)\n" if prime else ""
        text += "\nMagnitude  Err Nsta Author      OrigID\n"
        text += f"mb     4.9 0.1   12 NEIC       {r['n'] * 2:9d}\nML    {r['m']:4.1f} 0.1    5 ISC        {r['n'] * 2 + 1:9d}\n\n"
    return text + "STOP\n"


def _obspy(kind: str) -> Callable[[Truth], bytes]:
    def write(truth: Truth) -> bytes:
        import tempfile

        from obspy import UTCDateTime
        from obspy.core.event import Catalog, Event, Magnitude, Origin

        catalogue = Catalog()
        for r in truth.rows():
            origin = Origin(time=UTCDateTime(r["t"]), longitude=r["x"], latitude=r["y"], depth=1000 * r["z"])
            size = Magnitude(mag=r["m"], magnitude_type="ML", origin_id=origin.resource_id)
            catalogue.append(Event(origins=[origin], magnitudes=[size], event_type="earthquake"))
        with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
            warnings.simplefilter("ignore")
            catalogue.write(f"{folder}/catalogue", format=kind)
            return Path(folder, "catalogue").read_bytes()

    return write


def _mat(matrix: bool) -> Callable[[Truth], bytes]:
    def write(truth: Truth) -> bytes:
        import io

        from scipy.io import savemat

        rows = truth.rows()
        if matrix:
            content = {
                "a": np.array([[float(v) for v in _zmap(r, f"{r['decyear']:.12f}", ",").split(",")] for r in rows])
            }
        else:
            named = {"lon": "x", "lat": "y", "depth": "z", "mag": "m"}
            content = {"cat": {k: np.array([r[v] for r in rows]) for k, v in named.items()}}
            content["cat"]["datenum"] = np.array([r["days"] for r in rows]) + 719529
        made = io.BytesIO()
        savemat(made, content)
        return made.getvalue()

    return write


def _features(point: Callable, **properties: Callable) -> Callable[[Truth], str]:
    def write(truth: Truth) -> str:
        return json.dumps({
            "type": "FeatureCollection",
            "features": [
                {"type": "Feature", "id": str(r["n"]), "geometry": {"type": "Point", "coordinates": point(r)},
                 "properties": {name: value(r) for name, value in properties.items()}}
                for r in truth.rows()
            ],
        })  # fmt: skip

    return write


def _nordic(truth: Truth) -> str:
    made = ""
    for r in truth.rows():
        t = r["t"]
        line = (
            f" {t.year:4d} {t.month:2d}{t.day:2d} {t.hour:2d}{t.minute:2d} {r['sec']:4.1f} L {r['y']:7.3f}{r['x']:8.3f}"
        )
        line += f"{r['z']:5.1f}  TES 10 0.1{r['m']:4.1f}LTES"
        made += line.ljust(79) + "1\n" + " STAT SZ EP       1 1 10.00".ljust(79) + " \n" + "\n"
    return made


def _nonlinloc(r: dict[str, Any]) -> str:
    t = r["t"]
    return (
        'NLLOC "./loc" "LOCATED" "Location completed."\nSIGNATURE "X   run"\n'
        f"HYPOCENTER  x 1.0 y 2.0 z {r['z']:.2f}  OT {r['sec']:.3f}  ix -1 iy -1 iz -1\n"
        f"GEOGRAPHIC  OT {t.year:4d} {t.month:02d} {t.day:02d}  {t.hour:02d} {t.minute:02d} {r['sec']:9.6f}  Lat {r['y']:.6f} "
        f"Long {r['x']:.6f} Depth {r['z']:.6f}\nQUALITY  Pmax 1.0 MFmin 1 MFmax 2\nEND_NLLOC\n"
    )


def _seiscomp(r: dict[str, Any]) -> str:
    return (
        f"Event:\n    Public ID              ev{r['n']:06d}\n    Description\n      region name: Here\nOrigin:\n"
        f"    Date                   {r['t']:%Y-%m-%d}\n    Time                   {r['t']:%H:%M:%S}.{r['cs'] // 10}  +/-  0.3 s\n"
        f"    Latitude              {r['y']:8.4f} deg  +/-    2 km\n    Longitude             {r['x']:9.4f} deg  +/-    2 km\n"
        f"    Depth                 {r['z']:6.1f} km\n    Agency                 X\n\n2 Network magnitudes:\n"
        f"    MLv       {r['m'] + 0.5:.2f} +/- 0.20   5\n    ML        {r['m']:.2f} +/- 0.20   5 preferred\n"
    )


def _velest(r: dict[str, Any]) -> str:
    t = r["t"]
    line = f"{t:%y}{t.month:2d}{t.day:2d} {t.hour:2d}{t.minute:2d} {r['sec']:5.2f} {r['ay']:7.4f}{r['NS']} {r['ax']:8.4f}{r['EW']}"
    return f"{line} {r['z']:6.2f}  {r['m']:5.2f}     90      0.10\nSTA1P0  1.23STA2P1  2.34STA3S1  4.56\n"


_XYZM, _LATLON = "{y},{x},{z},{m}", "latitude,longitude,depth,mag"
_DEG_MIN = "{t:%y%m%d} {t:%H%M} {sec:5.2f} {yd:2d}{NS}{ym:5.2f} {xd:3d}{EW}{xm:5.2f} {z:6.2f}  {m:5.2f} 20 90 5.0 0.10 0.5 0.8 B1"
_RELOC = (
    "{n:9d} {y:10.6f} {x:11.6f} {z:9.3f} {n:10.1f} {n:10.1f} {n:10.1f}      5.1      4.2      6.3 {t.year:4d} {t.month:2d} "
    "{t.day:2d} {t.hour:2d} {t.minute:2d} {sec:6.3f} {m:4.1f}     0     0   200   100 -9.000  0.050   1"
)
_GROW = (
    "{t.year:4d} {t.month:2d} {t.day:2d} {t.hour:2d} {t.minute:2d} {sec:6.3f} {n:9d} {y:9.5f} {x:10.5f} {z:7.3f} {m:5.2f} "
    "{n:7d} {n:7d}       4    10    10    12   0.02   0.03   -1.000   -1.000   -1.000 {y:9.5f} {x:10.5f} {z:7.3f}"
)
_PARTS = "{t.year},{t.month},{t.day},{t.hour},{t.minute},{sec:.2f}," + _XYZM
_YMDHMS = "{t.year} {t.month} {t.day} {t.hour} {t.minute} {sec:.2f}"

_LIST = [
    # Scripts
    Form("pandas, index", ",time,longitude,latitude,depth,magnitude", "{n},{t:%Y-%m-%d %H:%M:%S.%f},{x},{y},{z},{m}"),
    Form("pandas, index and parts", ",year,month,day,hour,minute,second,lat,lon,depth,mag", "{n}," + _PARTS),
    Form("pandas, time as index", "time," + _LATLON, "{t:%Y-%m-%d %H:%M:%S.%f}+00:00," + _XYZM),
    Form("pandas, nanoseconds", "time," + _LATLON, "{ns}," + _XYZM),
    Form("microseconds", "origin_time," + _LATLON, "{us}," + _XYZM),
    Form("R, all quoted", '"","time","latitude","longitude","depth","mag"', '"{n}","{iso}","{y}","{x}","{z}","{m}"'),
    Form("R, write.table", '"time" "latitude" "longitude" "depth" "mag"', '"{n}" "{iso}" {y} {x} {z} {m}', "txt"),
    Form("R, NA for depth", "time;latitude;longitude;mag;depth", "{iso};{y};{x};{m};NA", depths=False),
    Form("numpy savetxt, epoch", "", lambda r: " ".join(f"{v:.18e}" for v in (r["since"], r["y"], r["x"], r["z"], r["m"])), "txt"),
    # Numbers as times
    Form("epoch ms", "time," + _LATLON, "{ms}," + _XYZM),
    Form("epoch s", "timestamp," + _LATLON, "{since:.3f}," + _XYZM),
    Form("epoch s, exponent", "time," + _LATLON, "{since:.12e}," + _XYZM),
    Form("headerless epoch lat lon", "", "{since:.3f},{y},{x},{z},{m}"),
    Form("headerless epoch lon lat", "", "{since:.3f},{x},{y},{z},{m}"),
    Form("yyyymmddHHMMSS.sss headerless", "", "{t:%Y%m%d%H%M%S}.{ms3:03d}," + _XYZM),
    Form("yyyymmddHHMM", "time,lat,lon,depth,mag", "{t:%Y%m%d%H%M}," + _XYZM, step_s=61),
    Form("yyyymmddHHMMSS", "time,lat,lon,depth,mag", "{t:%Y%m%d%H%M%S}," + _XYZM),
    Form("yymmddHHMMSS", "time,lat,lon,depth,mag", "{t:%y%m%d%H%M%S}," + _XYZM),
    Form("yyyymmddHHMMSSss", "datetime\tlat\tlon\tdepth\tmag", "{t:%Y%m%d%H%M%S}{cs:02d}\t{y}\t{x}\t{z}\t{m}", "tsv"),
    Form("yyyyddd and seconds", "date,time,lat,lon,depth,mag", "{t:%Y%j},{t:%H%M%S}," + _XYZM),
    Form("Excel serial", "time," + _LATLON, "{excel:.7f}," + _XYZM, step_s=1.5),
    Form("MATLAB datenum", "datenum," + _LATLON, "{datenum:.8f}," + _XYZM, step_s=1.5),
    Form("Julian day", "jd;lat;lon;depth;mag", "{jd:.8f};{y};{x};{z};{m}", step_s=1.5),
    Form("modified Julian day", "MJD,lat,lon,depth,mag", "{mjd:.8f}," + _XYZM, step_s=1.5),
    Form("decimal year", "decimal_year," + _LATLON, "{decyear:.10f}," + _XYZM),
    Form("time is decimal year", "time," + _LATLON, "{decyear:.10f}," + _XYZM),
    Form("year alone", "time," + _LATLON, "{t.year}," + _XYZM, refused=True),
    Form("days since the start", "time," + _LATLON, "{fromstart:.6f}," + _XYZM, refused=True),
    Form("seconds since the start", "t," + _LATLON, "{fromstart_s:.2f}," + _XYZM, refused=True),
    # Dates and clocks
    Form("yyyymmdd and clock", "date,time,lat,lon,depth,mag", "{t:%Y%m%d},{t:%H:%M:%S}.{ms3:03d}," + _XYZM),
    Form("yyyymmdd and HHMMSS.ss", "date,time,lat,lon,depth,mag", "{t:%Y%m%d},{t:%H%M%S}.{cs:02d}," + _XYZM),
    Form("HHMMSS without zeros", "date,time,lat,lon,depth,mag", "{t:%Y%m%d},{hms}," + _XYZM),
    Form("ISO date and HHMM", "date,time,lat,lon,depth,mag", "{t:%Y-%m-%d},{t:%H%M}," + _XYZM, step_s=61),
    Form("day first", "Date,Time,Latitude,Longitude,Depth,Magnitude", "{t:%d/%m/%Y},{t:%H:%M:%S}," + _XYZM),
    Form("day first, one column", "Origin time,Lat.,Long.,Depth,Mag.", "{t:%d-%m-%Y %H:%M:%S}," + _XYZM),
    Form("month first", "datetime," + _LATLON, "{t.month}/{t.day}/{t.year} {t.hour}:{t.minute:02d}," + _XYZM, step_s=61),
    Form("month first, AM and PM", "datetime," + _LATLON, "{t.month}/{t.day}/{t.year} {h12}," + _XYZM),
    Form("day first, two-digit year", "Date;Time;Lat;Lon;Depth;Mag", "{t:%d/%m/%y};{t:%H:%M:%S};{y};{x};{z};{m}"),
    Form("two-digit year first", "Date;Time;Lat;Lon;Depth;Mag", "{t:%y-%m-%d};{t:%H:%M:%S};{y};{x};{z};{m}"),
    Form("German Excel", "Datum;Zeit;Breite;Länge;Tiefe;Magnitude", "{t:%d.%m.%Y};{t:%H:%M:%S};{yc};{xc};{zc};{mc}", encoding="cp1252"),
    Form("decimal comma", "date;time;latitude;longitude;depth;magnitude", "{t:%Y-%m-%d};{t:%H:%M:%S};{yc};{xc};{zc};{mc}"),
    Form("decimal comma, blanks", "date time latitude longitude depth magnitude", "{t:%Y-%m-%d} {t:%H:%M:%S} {yc} {xc} {zc} {mc}", "txt"),
    Form("decimal comma, tabs, headerless", "", "{t:%Y-%m-%d %H:%M:%S}\t{yc}\t{xc}\t{zc}\t{mc}", "txt"),
    Form("headerless ; decimal comma", "", "{t:%Y-%m-%d %H:%M:%S};{yc};{xc};{zc};{mc}"),
    Form("date, hour, minute, second", "Date,Hour,Minute,Second,Lat,Lon,Depth,Mag", "{t:%Y-%m-%d},{t.hour},{t.minute},{sec:.2f}," + _XYZM),
    Form("year, month, day, clock", "Year,Month,Day,Time,Lat,Lon,Depth,Mag", "{t.year},{t.month},{t.day},{t:%H:%M:%S}," + _XYZM),
    Form("Year Mo Day Ho Mi Se", "Year Mo Day Ho Mi Se Lat Lon Depth Mag", _YMDHMS + " {y} {x} {z} {m}"),
    Form("Y,M,D,h,m,s", "Y,M,D,h,m,s,lat,lon,dep,mag", _PARTS),
    Form("YYYY MM DD HH MM SS", "YYYY MM DD HH MM SS LAT LON DEP MAG", _YMDHMS + " {y} {x} {z} {m}", "txt"),
    Form("day, month, year", "Day,Month,Year,Hour,Min,Sec,Lat,Lon,Depth,Mag", "{t.day},{t.month},{t.year},{t.hour},{t.minute},{sec:.2f}," + _XYZM),
    Form("hour in UTC", "Year,Month,Day,Hour (UTC),Min,Sec,Lat,Lon,Depth,Mag", _PARTS),
    Form("HHMM and seconds", "Year,Month,Day,HHMM,Sec,Lat,Lon,Depth,Mag", "{t.year},{t.month},{t.day},{t:%H%M},{sec:.2f}," + _XYZM),
    Form("two-digit years in columns", "yr,mo,dy,hr,mi,sc,lat,lon,dep,mag", "{yy},{t.month},{t.day},{t.hour},{t.minute},{sec:.2f}," + _XYZM),
    Form("day of year", "year,doy,hour,minute,second,lat,lon,dep,mag", "{t.year},{doy},{t.hour},{t.minute},{sec:.2f}," + _XYZM),
    Form("ISO day of year", "time,lat,lon,dep,mag", "{t:%Y-%jT%H:%M:%S}," + _XYZM),
    Form("hh:mm", "year,month,day,hh:mm,lat,lon,dep,mag", "{t.year},{t.month},{t.day},{t:%H:%M}," + _XYZM, step_s=61),
    Form("MATLAB date", "Date,Longitude,Latitude,Depth,Magnitude", "{t:%d-%b-%Y %H:%M:%S},{x},{y},{z},{m}"),
    Form("2019 Jul 04", "date,time,lat,lon,dep,mag", "{t:%Y %b %d},{t:%H:%M:%S}," + _XYZM),
    Form("July 4, 2019", "when|lat|lon|depth|mag", "{t:%B %d, %Y %H:%M:%S}|{y}|{x}|{z}|{m}", "txt"),
    Form("ISO with a zone", "time,lat,lon,depth,mag", "{ahead:%Y-%m-%dT%H:%M:%S}+02:00," + _XYZM),
    Form("ISO basic", "time,lat,lon,depth,mag", "{t:%Y%m%dT%H%M%S}.{ms3:03d}Z," + _XYZM),
    Form("local and UTC", "Local Time,UTC Time,Lat,Lon,Depth,Mag", "{local:%Y-%m-%d %H:%M:%S},{t:%Y-%m-%d %H:%M:%S}," + _XYZM),
    Form("clock with dots", "Tanggal;Waktu (UTC);Lintang;Bujur;Kedalaman;Magnitudo", "{t:%d-%m-%Y};{t:%H.%M.%S};{y};{x};{z};{m}"),
    Form("dates alone", "date,lat,lon,depth,mag", "{t:%Y-%m-%d}," + _XYZM, step_s=86401),
    Form("strptime given", "when,lat,lon,depth,mag", "{t:%H~%M~%S on %d %m %Y}," + _XYZM, options={"time_format": "%H~%M~%S on %d %m %Y"}),
    Form("year given", "month,day,hour,minute,second,lat,lon,depth,mag", "{t.month},{t.day},{t.hour},{t.minute},{sec:.2f}," + _XYZM, options={"year": "the year"}),
    # Archives
    Form("ComCat", "time,latitude,longitude,depth,mag,magType,nst,gap,dmin,rms,net,id,updated,place,type",
         '{iso}Z,{y},{x},{z},{m},ml,10,90,.1,.1,ci,ci{n},2021-01-01T00:00:00.000Z,"5 km N of A, B",earthquake'),
    Form("SCEDC", "#YYY/MM/DD HH:mm:SS.ss ET GT MAG  M    LAT     LON     DEPTH Q  EVID NPH NGRM",
         "{t:%Y/%m/%d %H:%M:%S}.{cs:02d} eq  l {m:4.2f} l   {y:7.3f} {x:9.3f}  {z:4.1f} A {n:8d}  30  100", "txt"),
    Form("NCEDC readable", "Date       Time             Lat       Lon  Depth   Mag Magt  Nst Gap  Clo  RMS  SRC   Event ID\n" + "-" * 94,
         "{t:%Y/%m/%d %H:%M:%S}.{cs:02d}  {y:8.4f} {x:9.4f} {z:6.2f} {m:5.2f}   Md   20  90   5 0.10 NCSN  {n:8d}", "txt"),
    Form("NCEDC", "DateTime,Latitude,Longitude,Depth,Magnitude,MagType,NbStations,Gap,Distance,RMS,Source,EventID",
         "{t:%Y/%m/%d %H:%M:%S}.{cs:02d}," + _XYZM + ",Md,20,90,5,0.1,NC,{n}"),
    Form("SCSN relocated", "", "{t.year} {t.month:02d} {t.day:02d} {t.hour:02d} {t.minute:02d} {sec:6.3f} {n:8d} {y:9.5f} {x:10.5f} {z:7.3f} "
         "{m:5.2f}  30  20 0.15  0   1 {n:6d}    90   15    21   0.120   0.230   0.010   0.020 le ct Poly5", "dat"),
    Form("FDSN text", "#EventID|Time|Latitude|Longitude|Depth/Km|Author|Catalog|Contributor|ContributorID|MagType|Magnitude|MagAuthor|EventLocationName|EventType",
         "{n}|{iso}|{y}|{x}|{z}|A||||ML|{m}|--|2 km N (AB)|earthquake", "txt"),
    Form("ISC", "ISC Bulletin: event catalogue search\nDATA_TYPE EVENT_CATALOGUE\n\n  EVENTID,TYPE,AUTHOR   ,DATE      ,TIME       ,LAT     ,LON      ,DEPTH,DEPFIX,AUTHOR   ,TYPE  ,MAG ",
         lambda r: f"{r['n']:9d},ke  ,ISC      ,{r['t']:%Y-%m-%d},{r['t']:%H:%M:%S}.{r['cs']:02d},{r['y']:8.4f},{r['x']:9.4f},{r['z']:5.1f},      ,ISC      ,ML    ,{r['m']:4.1f}" + ",NEIC     ,mb    , 4.9" * (r["n"] % 3), tail="\nSTOP\n"),
    Form("EMSC", "Date;Time (UTC);Latitude;Longitude;Region name;Depth;Depth Type;Magnitude Type;Magnitude;Source", "{t:%Y-%m-%d};{t:%H:%M:%S};{y};{x};SOMEWHERE;{z};f;ml;{m};X"),
    Form("GeoNet", "publicid,eventtype,origintime,modificationtime,longitude, latitude, magnitude, depth,magnitudetype,depthtype", "2019p{n:06d},,{iso}Z,2021-01-01T00:00:00Z,{x},{y},{m},{z},M,"),
    Form("KOERI", "No\tDeprem Kodu\tOluş tarihi\tOluş zamanı\tEnlem\tBoylam\tDer(km)\txM\tMD\tML\tMw\tMs\tMb\tTip\tYer",
         "{n:06d}\t{t:%Y%m%d%H%M%S}\t{t:%Y.%m.%d}\t{t:%H:%M:%S}.{cs:02d}\t{y}\t{x}\t{z:06.1f}\t{m}\t0.0\t{m}\t\t0.0\t0.0\tKe\tX (Y)", "txt"),
    Form("SSN", "Fecha,Hora,Magnitud,Latitud,Longitud,Profundidad,Referencia de localizacion,Fecha UTC,Hora UTC,Estatus",
         '{local:%Y-%m-%d},{local:%H:%M:%S},{m},{y},{x},{z},"5 km al N, X",{t:%Y-%m-%d},{t:%H:%M:%S},revisado'),
    Form("IGN", "Evento;Fecha;Hora;Latitud;Longitud;Prof. (Km);Inten.;Mag.;Tipo Mag.;Localización", "es{n:05d};{t:%d/%m/%Y};{t:%H:%M:%S};{y};{x};{z};;{m};4;X", encoding="latin-1"),
    Form("HORUS", "Year\tMo\tDa\tHo\tMi\tSe\tLat\tLon\tDepth\tMw\tsigMw\tGeo-Ita\tGeo-CPTI15", _YMDHMS.replace(" ", "\t") + "\t{y}\t{x}\t{z}\t{m}\t0.2\t*\t*", "txt"),
    Form("CENC, Chinese", "发震时刻,震级(M),纬度(°),经度(°),深度(千米),参考位置", "{t:%Y-%m-%d %H:%M:%S},{m},{y},{x},{z},某地", encoding="gb18030"),
    Form("Japanese", "発生時刻,緯度,経度,深さ,マグニチュード", "{t:%Y/%m/%d %H:%M:%S},{y},{x},{z},{m}", encoding="shift_jis"),
    Form("Russian", "Дата;Время;Широта;Долгота;Глубина;Магнитуда", "{t:%d.%m.%Y};{t:%H:%M:%S};{y};{x};{z};{m}", encoding="cp1251"),
    Form("French", "Date,Heure,Latitude,Longitude,Profondeur,Magnitude", "{t:%Y-%m-%d},{t:%Hh%Mm%Ss}," + _XYZM),
    Form("PDE screen", "", " PDE-Q  {t.year}  {t.month:2d} {t.day:2d} {t:%H%M%S}.{cs:02d} {y:7.3f} {x:8.3f} {z:5.1f} {m:4.1f} MLGS    ... .......", "txt"),
    Form("UTF-16", "time\tlatitude\tlongitude\tdepth\tmag", "{iso}\t{y}\t{x}\t{z}\t{m}", encoding="utf-16"),
    Form("byte-order mark", "time," + _LATLON, "{iso}," + _XYZM, encoding="utf-8-sig"),
    # Location programs
    Form("hypoDD .reloc", "", _RELOC, "reloc"),
    Form("hypoDD phases", "", "# " + _YMDHMS + " {y} {x} {z} {m} 0.0 0.0 0.1 {n}\nSTA1  1.23 1.000 P\nSTA2 -1.000 0.5 S", "pha"),
    Form("hypoDD events", "", "{t:%Y%m%d}  {t:%H%M%S}{cs:02d} {y:9.4f} {x:10.4f} {z:9.3f} {m:5.1f} 0.1 0.2 0.1 {n}", "dat"),
    Form("GrowClust", "", _GROW, "cat"),
    Form("hypoinverse .sum", "", _y2000, "sum"),
    Form("hypoinverse .arc", "", lambda r: _y2000(r) + "\n$1\nSTA  NC  EHZ  IPU0\n" + " " * 60 + f"{r['n']:10d}", "arc"),
    Form("HYPO71, letters", "  DATE    ORIGIN    LAT      LONG      DEPTH    MAG NO GAP DMIN  RMS  ERH  ERZ QM", _DEG_MIN, "txt"),
    Form("VELEST", "", _velest, "cnv"),
    Form("NonLinLoc", "", _nonlinloc, "hyp", magnitudes=False),
    Form("JMA", "", _jma, "txt"),
    Form("Nordic", "", "", "out", whole=_nordic),
    Form("SeisComP", "", _seiscomp, "txt"),
    Form("IMS 1.0", "", "", "txt", whole=_ims),
    # Coordinates
    Form("degrees and minutes", "time,lat_deg,lat_min,lat_ns,lon_deg,lon_min,lon_ew,depth,mag", "{iso},{yd},{ym:.3f},{NS},{xd},{xm:.3f},{EW},{z},{m}"),
    Form("degrees and minutes, signed", "time,LatD,LatM,LonD,LonM,depth,mag", "{iso},{sy}{yd},{ym:.3f},{sx}{xd},{xm:.3f},{z},{m}"),
    Form("35 42.0 N", "time;latitude;longitude;depth;mag", "{iso};{yd} {ym:.3f} {NS};{xd} {xm:.3f} {EW};{z};{m}"),
    Form("35°42.0'N", "time;latitude;longitude;depth;mag", "{iso};{yd}°{ym:.3f}'{NS};{xd}°{xm:.3f}'{EW};{z};{m}"),
    Form("ddmm.mm with letters", "time,lat,ns,lon,ew,depth,mag", "{iso},{ydm:.3f},{NS},{xdm:.3f},{EW},{z},{m}"),
    Form("35.7N", "time," + _LATLON, "{iso},{ay}{NS},{ax}{EW},{z},{m}"),
    Form("N35.7, headerless", "", "{iso} {NS}{ay} {EW}{ax} {z} {m}", "txt"),
    Form("columns of letters", "time,lat,ns,lon,ew,depth,mag", "{iso},{ay},{NS},{ax},{EW},{z},{m}"),
    Form("Spanish letters", "Fecha;Hora;Latitud;N/S;Longitud;E/O;Profundidad;Magnitud", "{t:%Y-%m-%d};{t:%H:%M:%S};{ay};{NS};{ax};{EO};{z};{m}"),
    Form("west positive", "time,lat,lon W,depth,mag", "{iso},{y},{west},{z},{m}"),
    Form("0 to 360", "time,latitude,longitude,depth,mag", "{iso},{y},{x360},{z},{m}"),
    Form("GIS, X and Y", "X,Y,time,mag,depth", "{x},{y},{iso},{m},{z}"),
    Form("WKT", "fid,geometry,time,mag,depth", "{n},POINT ({x} {y}),{iso},{m},{z}"),
    Form("heights for depths", "time,lat,lon,depth,mag", "{iso},{y},{x},-{z},{m}"),
    Form("depth in metres", "time,lat,lon,depth_m,mag", lambda r: f"{r['iso']},{r['y']},{r['x']},{r['z'] * 1000:.0f},{r['m']}"),
    # No header
    Form("headerless ISO lat lon", "", "{iso} {y} {x} {z} {m}", "txt"),
    Form("headerless ISO lon lat", "", "{iso} {x} {y} {z} {m}", "txt"),
    Form("headerless date time lon lat", "", "{t:%Y-%m-%d %H:%M:%S} {x} {y} {z} {m}", "txt"),
    Form("headerless parts mag depth", "", _YMDHMS + " {y} {x} {m} {z}", "txt"),
    Form("headerless id parts", "", "{n} " + _YMDHMS + " {y} {x} {z} {m}", "txt"),
    Form("headerless lat lon first", "", "{y},{x},{z},{m},{iso}"),
    Form("headerless mag first", "", "{m} {y} {x} {z} {t:%Y/%m/%d} {t:%H:%M:%S}", "txt"),
    Form("headerless, two columns of six figures", "", "{t:%y%m%d} {t:%H%M%S} {y} {x} {z} {m}", "txt"),
    Form("Zhuang's ETAS", "date time long lat mag", "{t:%Y-%m-%d} {t:%H:%M:%S} {x} {y} {m}", "txt", depths=False),
    Form("ZMAP, tabs", "", lambda r: _zmap(r, f"{r['decyear']:.12f}", "\t"), "dat"),
    Form("ZMAP, blanks", "", lambda r: _zmap(r, f"{r['decyear']:.12f}", "  "), "dat"),
    Form("ZMAP, commas, whole years", "", lambda r: _zmap(r, str(r["t"].year), ",")),
    Form("ZMAP .mat", "", "", "mat", whole=_mat(True), step_s=1.5),
    Form("vectors .mat", "", "", "mat", whole=_mat(False), step_s=1.5),
    Form("CSEP", "lon,lat,M,time_string,depth,catalog_id,event_id", "{x},{y},{m},{iso},{z},-1,"),
    Form("CSEP, headerless", "", "{x},{y},{m},{iso},{z},-1,{n}"),
    # Headers, titles, comments
    Form("names with units", "Event ID,Origin Time (UTC),Lat (deg),Lon (deg),Depth (km),Mag", "{n},{t:%Y-%m-%d %H:%M:%S.%f}," + _XYZM),
    Form("Magnitude Mw", "Time,Latitude,Longitude,Depth (km),Magnitude Mw", "{iso}," + _XYZM),
    Form("Magnitude (ML)", "Time,Latitude,Longitude,Depth (km),Magnitude (ML)", "{iso}," + _XYZM),
    Form("camel case", "eventId,originTime,hypoLatitude,hypoLongitude,hypoDepth,prefMag", "{n},{iso}," + _XYZM),
    Form("comments with numbers", "# 2019-07-04 to 2019-07-10, 400 events\n# Mc 1.5\ntime," + _LATLON, "{iso}," + _XYZM),
    Form("title lines", "Catalogue of the network\nSelected 400 events\n\nDate       Time        Lat     Lon    Depth  Mag", "{t:%Y-%m-%d %H:%M:%S} {y} {x} {z} {m}", "txt"),
    Form("a line of units", "time,latitude,longitude,depth,mag\n(UTC),(deg),(deg),(km),()", "{iso}," + _XYZM),
    Form("trailing commas", "time,latitude,longitude,depth,mag", "{iso}," + _XYZM + ","),
    Form("header of LaTeX", "time & lat & lon & depth & mag", "{iso} & {y} & {x} & {z} & {m}", "txt"),
    # JSON
    Form("GeoJSON, ComCat", "", "", "json", whole=_features(lambda r: [r["x"], r["y"], r["z"]], time=lambda r: r["ms"], mag=lambda r: r["m"], type=lambda r: "earthquake", updated=lambda r: 1_700_000_000_000)),
    Form("GeoJSON, EMSC", "", "", "json", whole=_features(lambda r: [r["x"], r["y"], -r["z"]], time=lambda r: r["iso"] + "Z", mag=lambda r: r["m"], evtype=lambda r: "ke", depth=lambda r: r["z"], lat=lambda r: r["y"], lon=lambda r: r["x"], lastupdate=lambda r: "2021-01-01T00:00:00Z")),
    Form("GeoJSON, GeoNet", "", "", "json", whole=_features(lambda r: [r["x"], r["y"]], origintime=lambda r: r["iso"] + "Z", magnitude=lambda r: r["m"], eventtype=lambda r: "earthquake", depth=lambda r: r["z"])),
    Form("list of events", "", "", "json", whole=lambda truth: json.dumps([{"time": r["iso"], "lat": r["y"], "lon": r["x"], "depth": r["z"], "mag": r["m"]} for r in truth.rows()])),
    Form("JSON lines", "", lambda r: json.dumps({"time": r["iso"], "lat": r["y"], "lon": r["x"], "depth": r["z"], "mag": r["m"]}), "json"),
    Form("pandas to_json", "", "", "json", whole=lambda truth: json.dumps({k: {str(r["n"]): r[v] for r in truth.rows()} for k, v in {"time": "ms", "lat": "y", "lon": "x", "depth": "z", "mag": "m"}.items()})),
    # ObsPy
    *(Form(f"ObsPy {kind}", "", "", extension, whole=_obspy(kind), step_s=step)
      for kind, extension, step in (("ZMAP", "zmap", 1.01), ("CSV", "csv", 1.01), ("QUAKEML", "xml", 1.01), ("SC3ML", "xml", 1.01), ("EVENTTXT", "txt", 1.01))),
]  # fmt: skip
FORMS = {form.name: form for form in _LIST}

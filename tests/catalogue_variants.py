# ruff: noqa: E501
"""Forms of a catalogue that are less usual: each once in the tests, and those that can be read in two ways."""

from __future__ import annotations

import numpy as np
from catalogue_truth import Form

_XYZM = "{y},{x},{z},{m}"
HEAD = "time,lat,lon,depth,mag"


VARIANTS = [
    Form("words at the end", "Date Time Lat Lon Depth Mag Region", lambda r: f"{r['t']:%Y-%m-%d} {r['t']:%H:%M:%S} {r['y']} "
         f"{r['x']} {r['z']} {r['m']} {'NEAR THE COAST' if r['n'] % 3 else 'INLAND'}", "txt"),
    Form("seconds beside a clock", "Date,Time,Sec,Lat,Lon,Depth,Mag", "{t:%Y-%m-%d},{t:%H:%M},{sec:.2f}," + _XYZM),
    Form("seconds beside a moment", "DateTime,Second,Lat,Lon,Depth,Mag", "{t:%Y-%m-%d %H:%M},{sec:.2f}," + _XYZM),
    Form("AM and PM of their own", "Date,Time,AMPM,Lat,Lon,Depth,Mag", "{t:%Y-%m-%d},{t:%I:%M:%S},{t:%p}," + _XYZM),
    Form("a zone of its own", "date,time,tz,lat,lon,depth,mag", "{ahead:%Y-%m-%d},{ahead:%H:%M:%S},+02:00," + _XYZM),
    Form("Excel's date and part of a day", "Date,Time,Lat,Lon,Depth,Mag", lambda r: f"{int(r['excel'])},{r['excel'] % 1:.8f},"
         f"{r['y']},{r['x']},{r['z']},{r['m']}"),
    Form("two-digit years, newest first", "", "", whole=lambda truth: "Date,Time,Lat,Lon,Depth,Mag\n" + "\n".join(
        "{t:%d/%m/%y},{t:%H:%M:%S},{y},{x},{z},{m}".format(**r) for r in truth.rows()[::-1])),
    Form("ddmmyy", "date,time,lat,lon,depth,mag", "{t:%d%m%y},{t:%H%M%S}," + _XYZM),
    Form("ddmmyyyy", "date,time,lat,lon,depth,mag", "{t:%d%m%Y},{t:%H%M%S}," + _XYZM),
    Form("names of months in a column", "Year,Month,Day,Hour,Minute,Second,Lat,Lon,Depth,Mag",
         "{t.year},{t:%b},{t.day},{t.hour},{t.minute},{sec:.2f}," + _XYZM),
    Form("brackets", "Origin Time (UTC) (yyyy/mm/dd hh:mm:ss),Latitude (deg. N),Longitude (deg. E),Depth (km),Magnitude (Mw)",
         "{t:%Y/%m/%d %H:%M:%S}," + _XYZM),
    Form("N Lat, W Long", "Date,Time,N Lat,W Long,Depth,Mag", "{t:%Y-%m-%d},{t:%H:%M:%S},{y},{west},{z},{m}"),
    Form("ML 2.3 and 5 km", HEAD, "{iso},{y},{x},{z} km,ML {m}"),
    Form("errors beside", "time,time_error,latitude,lat_err,longitude,lon_err,depth,depth_err,mag,mag_err",
         "{iso},0.1,{y},0.01,{x},0.02,{z},1.2,{m},0.3"),
    Form("when it was entered", "lat,lon,depth,mag,created_at,origin", _XYZM + ",2021-01-01T00:00:00,{iso}"),
    Form("clusters are no events", "cluster,time,lat,lon,depth,mag", lambda r: f"{r['n'] // 5}," + (r["iso"] + "," + _XYZM).format(**r)),
    Form("numbers of events that are none", "event,time,lat,lon,depth,mag", lambda r: f"{r['n'] // 5}," + (r["iso"] + "," + _XYZM).format(**r)),
    Form("mechanisms", "time,lat,lon,depth,mag,type", lambda r: ("{iso}," + _XYZM).format(**r) + f",{['TH', 'SS', 'NF'][r['n'] % 3]}"),
    Form("a Mw here and there", "time,lat,lon,depth,Mw,ML", lambda r: f"{r['iso']},{r['y']},{r['x']},{r['z']},{r['m'] + 1 if r['n'] % 20 == 0 else ''},{r['m']}"),
    Form("thousands", "time;lat;lon;depth_m;mag", lambda r: f"{r['iso']};{r['y']};{r['x']};{r['z'] * 1000:,.0f};{r['m']}"),
    Form("sexagesimal", HEAD, "{iso},{sy}{yd}:{ym:06.3f},{sx}{xd}:{xm:06.3f},{z},{m}"),
    Form("Markdown", "| time | lat | lon | depth | mag |\n|---|---|---|---|---|", "| {iso} | {y} | {x} | {z} | {m} |", "md"),
    Form("old Macintosh", "", "", whole=lambda truth: HEAD + "\r" + "\r".join(("{iso}," + _XYZM).format(**r) for r in truth.rows())),
    Form("UTF-16 without a mark", HEAD, "{iso}," + _XYZM, encoding="utf-16-le"),
    Form("Tokyo's time", "Time (JST),Lat,Lon,Depth,Mag", lambda r: f"{r['t'] + np.timedelta64(9, 'h').item():%Y-%m-%d %H:%M:%S}," + _XYZM.format(**r)),
    Form("headerless dd/mm/yyyy", "", "{t:%d/%m/%Y} {t:%H:%M:%S} {y} {x} {z} {m}", "txt"),
    Form("headerless d m y h m s", "", "{t.day} {t.month} {t.year} {t.hour} {t.minute} {sec:.2f} {y} {x} {z} {m}", "txt"),
    Form("headerless yyyymmdd HHMM s", "", "{t:%Y%m%d} {t:%H%M} {sec:.2f} {y} {x} {z} {m}", "txt"),
    Form("headerless datenum", "", "{datenum:.8f} {x} {y} {z} {m}", "txt", step_s=1.5),
    Form("headerless, errors behind", "", "{t:%Y/%m/%d} {t:%H:%M:%S} {y} {x} {z} {m} 0.12 0.5 0.7", "txt"),
    Form("old hypoinverse", "", lambda r: f"{r['t']:%y%m%d%H%M}{r['hs']:04d}{r['yd']:2d} {int(r['ym'] * 100):4d}{r['xd']:3d}"
         f"{'E' if r['x'] > 0 else ' '}{int(r['xm'] * 100):4d}{int(r['z'] * 100):5d}{round(r['m'] * 10):2d}", "sum"),
    Form("HYPO71's own heading", "  DATE    ORIGIN    LAT N    LONG W    DEPTH    MAG NO GAP DMIN  RMS  ERH  ERZ QM",
         "{t:%y%m%d} {t:%H%M} {sec:5.2f} {yd:2d}-{ym:5.2f} {xd:4d}-{xm:5.2f} {z:6.2f} {m:6.2f} 20 90 5.0 0.10 0.5 0.8 B1", "txt"),
]  # fmt: skip


REFUSED = {
    "holes that blanks do not show": ("", lambda r: f"{r['iso']} {r['y']} {r['x']} {'' if r['n'] % 3 else r['z']} {r['m']}", "fields are empty"),
    "time of day alone": (HEAD, "{t:%H:%M:%S}," + _XYZM, "a time .* is missing"),
    "a clock of an unknown name": ("date,abc,lat,lon,depth,mag", "{t:%Y-%m-%d},{t:%H:%M:%S}," + _XYZM, "looks like one"),
    "two times": ("a,b,lat,lon,depth,mag", lambda r: f"{r['iso']},{r['ahead'].isoformat()}," + _XYZM.format(**r), "may be column"),
    "scaled degrees": (HEAD, lambda r: f"{r['iso']},{r['y'] * 1e4:.0f},{r['x'] * 1e4:.0f},{r['z']},{r['m']}", "can be used"),
    "W and negative": ("time,lat,lon W,depth,mag", "{iso}," + _XYZM, "may be signed"),
    "O for east or west": ("time,lat,ns,lon,eo,depth,mag", "{iso},{ay},{NS},{ax},O,{z},{m}", "Oeste"),
    "the future": (HEAD, lambda r: f"{r['t'].year + 60}{r['t']:-%m-%dT%H:%M:%S}," + _XYZM.format(**r), "future"),
    "text": ("time,lat,lon,depth,mag", "{t:%G-W%V-%u},{y},{x},{z},{m}", "no time that can be read"),
    "degrees or kilometres": ("x,y,time,mag", lambda r: f"{r['n'] * 0.8 + 3:.3f},{r['n'] * 0.4 + 3:.3f},{r['iso']},{r['m']}", "degrees or kilometres"),
    "depth or magnitude": ("", lambda r: f"{r['iso']},{r['y']},{r['x']},{r['m']},{r['m'] + r['n'] % 7 / 10:.1f}", "either may be"),
}  # fmt: skip

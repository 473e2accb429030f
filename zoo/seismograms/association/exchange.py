"""A catalogue as NonLinLoc's hypocentre-phase file (.hyp) and as a phase file of hypoDD (.pha)."""

from __future__ import annotations

import collections
import datetime
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from zoo import __version__

if TYPE_CHECKING:
    from zoo.seismograms.association.catalogue import EventCatalogue

_ELLIPSOID = 3.53  # chi square that holds 68 % of three normal coordinates, as NonLinLoc has it


def labels(codes: Sequence[str]) -> list[str]:
    """Return the names of stations without their networks, but NET_STA for those of which there are several.

    >>> labels(["IV.ARRO", "IV.T12", "XO.T12"])
    ['ARRO', 'IV_T12', 'XO_T12']
    """
    names = [code.rpartition(".")[2] for code in codes]
    count = collections.Counter(names)
    return [name if count[name] == 1 else code.replace(".", "_") for name, code in zip(names, codes, strict=True)]


def hypodd(catalogue: EventCatalogue) -> str:
    """Return the text of a phase file for ph2dt: a line an event, then station, travel time, weight, phase.

    The id of an event is its number in events.csv. The weight is the picker's probability, 1 where there is none; a
    magnitude that is not known is 0, as hypoDD has no other word for it.
    """
    at, found = catalogue.located, catalogue.located.associated
    longitude, latitude = catalogue.degrees()
    names, lines = labels(found.stations.codes), []
    for e, rows in enumerate(_rows(catalogue)):
        time, seconds = _clock(at.origin_s[e])
        magnitude = catalogue.magnitude[e] if np.isfinite(catalogue.magnitude[e]) else 0.0
        lines.append(
            f"# {time:%Y %m %d %H %M} {seconds:.4f} {latitude[e]:.6f} {longitude[e]:.6f} {at.place_km[e, 2]:.4f} "
            f"{magnitude:.2f} {np.hypot(*at.sd_km[e, :2]):.3f} {at.sd_km[e, 2]:.3f} {at.rms_s[e]:.4f} {e + 1}"
        )
        for i in rows:
            weight = found.picks.probability[i] if np.isfinite(found.picks.probability[i]) else 1.0
            travel = found.picks.time_s[i] - at.origin_s[e]
            lines.append(f"{names[found.station[i]]:7s} {travel:9.4f} {weight:6.3f} {found.picks.phase[i]}")
    return "\n".join([*lines, ""])


def nonlinloc(catalogue: EventCatalogue) -> str:
    """Return the text of a file of NonLinLoc's format 1, which ObsPy and others read.

    Its hypocentre is the mean of the posterior, as in events.csv; x, y and z are km east, north and down from the
    centre of the catalogue's own projection (of the ellipsoid, where NonLinLoc's has a sphere); a pick's weight is that
    of its standard deviation; Tcorr is the station term.
    """
    return "\n".join([_hypocentre(catalogue, e, rows) for e, rows in enumerate(_rows(catalogue))])


def _rows(catalogue: EventCatalogue) -> list[np.ndarray]:
    """Return the picks of each event, the nearest station first."""
    found, distance = catalogue.located.associated, catalogue.distance_km()
    order = np.lexsort((found.picks.time_s, distance, found.event))
    edges = np.searchsorted(found.event[order], np.arange(len(catalogue) + 1))
    return [order[edges[e] : edges[e + 1]] for e in range(len(catalogue))]


def _clock(time_s: float) -> tuple[datetime.datetime, float]:
    """Return the minute of a time, and the seconds in it, to 0.1 ms."""
    ticks = round(time_s * 1e4)
    minute = datetime.datetime(1970, 1, 1) + datetime.timedelta(minutes=ticks // 600000)
    return minute, ticks % 600000 / 1e4


def _hypocentre(catalogue: EventCatalogue, e: int, rows: np.ndarray) -> str:
    at, found = catalogue.located, catalogue.located.associated
    time, seconds = _clock(at.origin_s[e])
    x, y, z = at.place_km[e]
    longitude, latitude = (float(value[e]) for value in catalogue.degrees())
    centre, now = found.projection, datetime.datetime.now(datetime.UTC)
    phases = _phases(catalogue, e, rows, labels(found.stations.codes))
    away = found.tables.station_km[found.station[rows], :2] - at.place_km[e, :2]
    away = away[np.unique(found.station[rows], return_index=True)[1]]
    each, azimuths = np.hypot(*away.T), np.sort(np.degrees(np.arctan2(*away.T)))
    major, minor, azimuth = at.ellipse[e]
    counts = f"{len(rows)}  usedPhCt {len(rows)}  assocStaCt {at.counts[e, 2]}  usedStaCt {at.counts[e, 2]}"
    low, size = found.low_km, found.high_km - found.low_km
    return f"""\
NLLOC "catalogue.{time:%Y%m%d.%H%M}{int(seconds):02d}.grid0" "LOCATED" "Location completed."
SIGNATURE "zoo catalogue   v{__version__} run:{now:%d%b%Y} {now:%Hh%Mm%S}"
COMMENT "event {e + 1}; the hypocentre is the mean of the posterior"
GRID  2 2 2  {low[0]:.4f} {low[1]:.4f} {low[2]:.4f}  {size[0]:.4f} {size[1]:.4f} {size[2]:.4f} PROB_DENSITY
SEARCH GRID numSamplesDraw -1
HYPOCENTER  x {x:.5f} y {y:.5f} z {z:.5f}  OT {seconds:.4f}  ix -1 iy -1 iz -1
GEOGRAPHIC  OT {time:%Y %m %d  %H %M} {seconds:.4f}  Lat {latitude:.6f} Long {longitude:.6f} Depth {z:.6f}
QUALITY  Pmax -1 MFmin -1 MFmax -1 RMS {at.rms_s[e]:.6f} Nphs {len(rows)} Gap {at.gap_deg[e]:.3f} \
Dist {at.nearest_km[e]:.4f} Mamp -9.9 0 Mdur -9.9 0
VPVSRATIO  VpVsRatio -1  Npair 0  Diff 0
STATISTICS  ExpectX {x:.5f} Y {y:.5f} Z {z:.5f}  {_statistics(at.covariance_km2[e])}
STAT_GEOG  ExpectLat {latitude:.6f} Long {longitude:.6f} Depth {z:.6f}
TRANSFORM  AZIMUTHAL_EQUIDIST RefEllipsoid WGS-84  LatOrig {centre.latitude_deg:.6f}  \
LongOrig {centre.longitude_deg:.6f}  RotCW 0.000000
QML_OriginQuality  assocPhCt {counts}  depthPhCt -1  stdErr {at.rms_s[e]:.6f}  azGap {at.gap_deg[e]:.3f}  \
secAzGap {_secondary_gap(azimuths):.3f}  gtLevel -  minDist {each.min():.4f} maxDist {each.max():.4f} \
medDist {np.median(each):.4f}
QML_OriginUncertainty  horUnc -1  minHorUnc {minor:.5f}  maxHorUnc {major:.5f}  azMaxHorUnc {azimuth:.3f}
FOCALMECH  Hyp  {latitude:.6f} {longitude:.6f} {z:.6f} Mech  0 0 0 mf  0 nObs 0
PHASE ID Ins Cmp On Pha  FM Date     HrMn   Sec     Err  ErrMag    Coda      Amp       Per  >   TTpred    Res       \
Weight    StaLoc(X  Y         Z)        SDist    SAzim  RAz  RDip RQual    Tcorr
{phases}
END_PHASE
END_NLLOC
"""


def _phases(catalogue: EventCatalogue, e: int, rows: np.ndarray, names: Sequence[str]) -> str:
    """Return the lines of an event's phases; the weights have the mean 1, as NonLinLoc's."""
    at, found = catalogue.located, catalogue.located.associated
    picks, lines = found.picks, []
    phase = (picks.phase[rows] == "S").astype(int)
    term = at.corrections.terms_s[phase, found.station[rows]]
    travel = picks.time_s[rows] - at.origin_s[e] - term - at.residual_s[rows]
    assumed = np.array([at.settings["sd_p_s"], at.settings["sd_s_s"]])[phase]
    sd = np.where(picks.uncertainty_s[rows] > 0, picks.uncertainty_s[rows], assumed)
    weight = 1 / at.errors.total(sd, phase, travel) ** 2
    weight /= weight.mean()
    for k, i in enumerate(rows):
        time, seconds = _clock(picks.time_s[i])
        station = found.tables.station_km[found.station[i]]
        east, north = station[:2] - at.place_km[e, :2]
        lines.append(
            f"{names[found.station[i]]:6s} ?    ?    ? {picks.phase[i]}      ? {time:%Y%m%d %H%M} {seconds:9.4f} "
            f"GAU {sd[k]:9.2e} -1.00e+00 -1.00e+00 -1.00e+00 > {travel[k]:9.4f} {at.residual_s[i]:9.4f} "
            f"{weight[k]:9.4f} {station[0]:9.4f} {station[1]:9.4f} {station[2]:9.4f} {np.hypot(east, north):9.4f} "
            f"{np.degrees(np.arctan2(east, north)) % 360:6.2f} -1.0  -1.0  0  {term[k]:9.4f}"
        )
    return "\n".join(lines)


def _statistics(covariance: np.ndarray) -> str:
    """Return the covariance in km^2, and the axes of the 68 % ellipsoid: azimuth and dip of two, lengths in km."""
    xx, xy, xz, yy, yz, zz = covariance[np.triu_indices(3)]
    values, axes = np.linalg.eigh(covariance)
    lengths = np.sqrt(_ELLIPSOID * np.maximum(values, 0))
    angles = [(np.degrees(np.arctan2(v[0], v[1])) % 360, np.degrees(np.arcsin(np.clip(v[2], -1, 1)))) for v in axes.T]
    return (
        f"CovXX {xx:.6g} XY {xy:.6g} XZ {xz:.6g} YY {yy:.6g} YZ {yz:.6g} ZZ {zz:.6g} "
        f"EllAz1  {angles[0][0]:.3f} Dip1  {angles[0][1]:.4f} Len1  {lengths[0]:.6g} "
        f"Az2  {angles[1][0]:.3f} Dip2  {angles[1][1]:.4f} Len2  {lengths[1]:.6g} Len3  {lengths[2]:.6e}"
    )


def _secondary_gap(azimuths: np.ndarray) -> float:
    """Return the largest gap in degrees that is left without one station, of sorted azimuths (stations,).

    >>> _secondary_gap(np.array([0.0, 90.0, 180.0, 270.0]))
    180.0
    """
    if len(azimuths) < 3:
        return 360.0
    return float((np.append(azimuths, azimuths[:2] + 360)[2:] - azimuths).max())

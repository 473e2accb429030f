"""The ETAS law over pairs of a source and a later event: the likelihood of a catalogue and its gradient.

A source is an event, or one of the points of a large event's rupture. Of a source of magnitude m, at a delay t and a
distance r, one expects

    A (p - 1) / c (1 + t / c)^-p  (q - 1) / (pi S) (1 + r^2 / S)^-q      events a day and square pixel,

A = K 10^(alpha (m - m0)), S = d 10^(gamma (m - m0)): `zoo.seismicity.physics.sequences.Etas`. Beyond a source's reach,
where hardly any of its aftershocks are, it counts as nothing; what is lost so is left out of its expected number too.
"""

from __future__ import annotations

import math

import numpy as np

from zoo.compiled import njit

OPTIONS = {"cache": True, "nogil": True, "fastmath": True}
SLOPES = 6
"""The gradient's first numbers: productivity, alpha, c, p, the width S, q (the last four as logarithms)."""
DIRECTIONS = 16
"""Directions in which the share of a source's aftershocks that lies in the region is added up."""


@njit(**OPTIONS)
def count_pairs(source_days, source_x, source_y, reach2, days, x, y):
    """Return how many earlier sources reach each event (n,), int64; all are sorted by time."""
    found = np.zeros(len(days), np.int64)
    for j in range(len(days)):
        number = 0
        for s in range(len(source_days)):
            if source_days[s] >= days[j]:
                break
            number += (source_x[s] - x[j]) ** 2 + (source_y[s] - y[j]) ** 2 < reach2[s]
        found[j] = number
    return found


@njit(**OPTIONS)
def list_pairs(source_days, source_x, source_y, reach2, days, x, y, first):
    """Return source, delay (days) and squared distance of the pairs of event j, from first[j] to first[j + 1]."""
    source = np.empty(first[-1], np.int32)
    delay, r2 = np.empty(first[-1], np.float32), np.empty(first[-1], np.float32)
    for j in range(len(days)):
        k = first[j]
        if k == first[j + 1]:
            continue
        for s in range(len(source_days)):
            if source_days[s] >= days[j]:
                break
            distance2 = (source_x[s] - x[j]) ** 2 + (source_y[s] - y[j]) ** 2
            if distance2 < reach2[s]:
                source[k], delay[k], r2[k] = s, days[j] - source_days[s], distance2
                k += 1
    return source, delay, r2


@njit(**OPTIONS)
def triggered(first, source, delay, r2, log_a, width, c, p, q, weight, background, above, wide_above, slopes):
    """Return the expected aftershocks a day and square pixel at each event (n,); add to the gradient.

    Args:
        first, source, delay, r2: the pairs.
        log_a, width: logarithm of A, and S, of each source.
        above, wide_above: the m - m0 that A and S are made of.
        c, p, q: the law.
        weight: (n,) what each event's logarithm counts.
        background: (n,) background at each event.
        slopes: (8,) the gradient of the sum of weight log(background + aftershocks): `SLOPES`, then that over gamma
            and that over the logarithm of the background's factor; added to.
    """
    found = np.zeros(len(first) - 1)
    # Logarithms of single precision are twice as fast, and exact to a millionth.
    one, p1, q1 = np.float32(1), np.float32(p), np.float32(q)
    per_c = np.float32(1 / c)
    peak = (log_a + math.log((p - 1) / c * (q - 1) / math.pi) - np.log(width)).astype(np.float32)
    per_width = (1 / width).astype(np.float32)
    amplitude, widening = above.astype(np.float32), wide_above.astype(np.float32)
    for j in range(len(first) - 1):
        total = a1 = a2 = a3 = a4 = a5 = a6 = 0.0
        for k in range(first[j], first[j + 1]):
            s = source[k]
            t, u = delay[k] * per_c, r2[k] * per_width[s]
            log_t, log_u = math.log(one + t), math.log(one + u)
            v = math.exp(peak[s] - p1 * log_t - q1 * log_u)
            wide = v * (q1 * u / (one + u) - one)
            total += v
            a1 += v * amplitude[s]
            a2 += v * (p1 * t / (one + t) - one)
            a3 += v * (one - (p1 - one) * log_t)
            a4 += wide
            a5 += v * (one - (q1 - one) * log_u)
            a6 += wide * widening[s]
        found[j] = total
        share = weight[j] / (background[j] + total)
        slopes[0] += share * total
        slopes[1] += share * a1
        slopes[2] += share * a2
        slopes[3] += share * a3
        slopes[4] += share * a4
        slopes[5] += share * a5
        slopes[6] += share * a6
        slopes[7] += share * background[j]
    return found


@njit(**OPTIONS)
def _passed(t, c, p):
    """Return the share of the aftershocks that come before a delay t, and its slopes over log c and log(p - 1)."""
    if t <= 0:
        return 0.0, 0.0, 0.0
    log_t = math.log1p(t / c)
    left = math.exp((1 - p) * log_t)
    return 1 - left, -(p - 1) * (t / c) / (1 + t / c) * left, (p - 1) * log_t * left


@njit(**OPTIONS)
def expected_aftershocks(
    source_days, log_a, width, above, wide_above, edge2, begin, end, gap_start, gap_end, gap_lost, c, p, q, slopes
):
    """Return how many aftershocks all sources have from `begin` to `end` in the region; subtract from the gradient.

    Args:
        source_days, log_a, width, above, wide_above: the sources (n,).
        edge2: (n, DIRECTIONS) squared distance to the region's edge, or the source's reach if that is shorter.
        begin, end: in days.
        gap_start, gap_end, gap_lost: times in which a share of the events is not seen, sorted by their start.
        c, p, q: the law.
        slopes: as in `triggered`.
    """
    whole = 0.0
    for s in range(len(source_days)):
        before, before_c, before_p = _passed(begin - source_days[s], c, p)
        after, after_c, after_p = _passed(end - source_days[s], c, p)
        g, g_c, g_p = after - before, after_c - before_c, after_p - before_p
        for n in range(len(gap_start)):
            low, high = max(gap_start[n], begin), min(gap_end[n], end)
            if high <= max(low, source_days[s]) or (low - source_days[s] > 2 and high - low < 1):
                continue
            before, before_c, before_p = _passed(low - source_days[s], c, p)
            after, after_c, after_p = _passed(high - source_days[s], c, p)
            g -= gap_lost[n] * (after - before)
            g_c -= gap_lost[n] * (after_c - before_c)
            g_p -= gap_lost[n] * (after_p - before_p)
        h = h_width = h_q = 0.0
        same = True
        for k in range(1, edge2.shape[1]):
            same = same and edge2[s, k] == edge2[s, 0]
        directions = 1 if same else edge2.shape[1]
        for k in range(directions):
            u = edge2[s, k] / width[s]
            log_u = math.log1p(u)
            left = math.exp((1 - q) * log_u)
            h += (1 - left) / directions
            h_width -= (q - 1) * u / (1 + u) * left / directions
            h_q += (q - 1) * log_u * left / directions
        a = math.exp(log_a[s])
        whole += a * g * h
        slopes[0] -= a * g * h
        slopes[1] -= a * g * h * above[s]
        slopes[2] -= a * g_c * h
        slopes[3] -= a * g_p * h
        slopes[4] -= a * g * h_width
        slopes[5] -= a * g * h_q
        slopes[6] -= a * g * h_width * wide_above[s]
    return whole


@njit(**OPTIONS)
def edges(x, y, reach2, rows, columns):
    """Return the squared distance from points (n,) to the region's edge in some directions, at most the reach."""
    found = np.empty((len(x), DIRECTIONS), np.float32)
    for s in range(len(x)):
        for k in range(DIRECTIONS):
            angle = 2 * math.pi * (k + 0.5) / DIRECTIONS
            east, north = math.cos(angle), math.sin(angle)
            across = (columns - 0.5 - x[s]) / east if east > 0 else (-0.5 - x[s]) / east
            up = (rows - 0.5 - y[s]) / north if north > 0 else (-0.5 - y[s]) / north
            distance = max(min(across, up), 1e-3)
            found[s, k] = min(distance * distance, reach2[s])
    return found


@njit(**OPTIONS)
def intensity_peak(log_a, width, c, p, q):
    """Return the logarithm of the aftershocks a day and square pixel at each source (n,) right after it."""
    return log_a + math.log((p - 1) / c * (q - 1) / math.pi) - np.log(width)


@njit(**OPTIONS)
def triggered_by(first, source_days, source_x, source_y, reach2, peak, width, day, x, y, c, p, q):
    """Return the expected aftershocks a day and square pixel at a time and place, of the sources from `first` on.

    Args:
        first: number of the first source that counts.
        source_days, source_x, source_y, reach2, width: the sources (n,), sorted by time.
        peak: (n,) `intensity_peak`.
        day, x, y: time and place; only sources before it count.
        c, p, q: the law.
    """
    one, p1, q1, per_c = np.float32(1), np.float32(p), np.float32(q), np.float32(1 / c)
    total = 0.0
    for s in range(first, len(source_days)):
        if source_days[s] >= day:
            break
        r2 = (source_x[s] - x) ** 2 + (source_y[s] - y) ** 2
        if r2 < reach2[s]:
            t, u = np.float32(day - source_days[s]) * per_c, np.float32(r2 / width[s])
            total += math.exp(np.float32(peak[s]) - p1 * math.log(one + t) - q1 * math.log(one + u))
    return total


@njit(**OPTIONS)
def triggered_at(source_days, source_x, source_y, reach2, log_a, width, days, x, y, c, p, q):
    """Return the expected aftershocks a day and square pixel at each event (n,), without a list of pairs."""
    found = np.zeros(len(days))
    peak = intensity_peak(log_a, width, c, p, q)
    for j in range(len(days)):
        found[j] = triggered_by(0, source_days, source_x, source_y, reach2, peak, width, days[j], x[j], y[j], c, p, q)
    return found

"""What can be set in association, location and magnitudes."""

from __future__ import annotations

from zoo.settings import Setting

_OCTO = "default of PyOcto (Münchmeyer 2024)"

ASSOCIATION = {
    "least_picks": Setting(8, "fewest picks of an event", _OCTO, low=4),
    "least_p": Setting(4, "fewest P picks of an event", _OCTO, low=0),
    "least_s": Setting(3, "fewest S picks of an event", _OCTO, low=0),
    "least_both": Setting(2, "fewest stations with P and S of an event", _OCTO, low=0),
    "least_log_odds": Setting(12.0, "logarithm of the odds of one event against chance", "ours", low=0.0),
    "seen": Setting(0.8, "share of an event's arrivals that are picked, near it", "ours", low=0.1, high=0.99),
    "chance_of_s": Setting(0.3, "how often S fits by chance where P does", "ours", low=0.01, high=0.9),
    "tolerance_s": Setting(0.7, "largest residual of a pick at travel time 0", "ours", unit="s", low=0.01),
    "tolerance_growth": Setting(0.02, "its growth with travel time", "ours", unit="s/s", low=0.0),
    "sd_p_s": Setting(0.1, "standard deviation of a residual of P at travel time 0", "ours", unit="s", low=0.001),
    "sd_s_s": Setting(0.15, "... of S", "ours", unit="s", low=0.001),
    "sd_growth": Setting(0.02, "growth of both with travel time", "ours", unit="s/s", low=0.0),
    "most_travel_time_s": Setting(60.0, "picks are not used beyond it", "ours: local events", unit="s", low=1.0),
    "margin_km": Setting(20.0, "how far around the stations events are searched", "ours", unit="km", low=0.0),
    "least_depth_km": Setting(0.0, "least depth of an event below sea level", "ours", unit="km"),
    "most_depth_km": Setting(30.0, "largest depth of an event", "ours", unit="km"),
    "cell_km": Setting(5.0, "size of cells in the first level", "ours", unit="km", low=0.1),
    "levels": Setting(3, "how often cells are halved", "ours", low=0, high=8),
}

LOCATION = {
    "likelihood": Setting(
        "gaussian", "of residuals: normal with outliers, or equal differential times", "Lomax 2005",
        choices=("gaussian", "edt"),
    ),
    "sd_p_s": Setting(0.1, "standard deviation of picks of P where it cannot be learnt", "ours", unit="s", low=0.001),
    "sd_s_s": Setting(0.15, "... of S", "ours", unit="s", low=0.001),
    "travel_time_error": Setting(
        0.02, "standard deviation of travel times, as a share of them, before it is learnt", "ours", unit="s/s", low=0.0
    ),
    "term_sd_s": Setting(
        0.15, "standard deviation of station terms before they are learnt; 0: there are none", "ours", unit="s", low=0.0
    ),
    "turns": Setting(3, "how often station terms and errors are learnt; 0: not", "ours", low=0),
}  # fmt: skip

_HUTTON = "Hutton & Boore 1987, southern California"

MAGNITUDE = {
    "ml_log": Setting(1.110, "local magnitude is log10(A / mm) + ml_log log10(r / 100 km) + ...", _HUTTON),
    "ml_km": Setting(0.00189, "... + ml_km (r - 100 km) + ...", _HUTTON, unit="1/km"),
    "ml_level": Setting(3.0, "... + ml_level", _HUTTON),
    "ml_gain": Setting(
        2080.0, "gain of the Wood-Anderson seismograph of 0.8 s and damping 0.7", "Uhrhammer & Collins 1990; IASPEI",
        low=1.0,
    ),
    "ml_low_hz": Setting(
        0.5, "amplitudes are taken from this frequency on (0: all), above the microseisms", "ours", unit="Hz", low=0.0
    ),
    "ml_snr": Setting(2.0, "least amplitude, in the largest of the noise before P", "ours", low=0.0),
    "ml_after_s": Setting(5.0, "amplitudes are looked for until half of S - P and this time after S", "ours", unit="s",
                          low=0.5),
    "amplitude_unit": Setting(
        "unknown", "of picks without waveforms; m: peak displacement, as zoo annotate has it with an inventory", "ours",
        choices=("unknown", "m"),
    ),
    "least_stations": Setting(2, "fewest stations of a local magnitude", "ours", low=1),
    "term_events": Setting(10, "fewest events from which a station's term is learnt", "ours", low=1),
}  # fmt: skip

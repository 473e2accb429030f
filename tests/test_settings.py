"""One form of settings: what it reads, what it refuses, how it describes itself."""

from __future__ import annotations

import pytest

from zoo import settings
from zoo.errors import UsageError
from zoo.settings import Setting

WHOLE = Setting(3, "how many", "table 1", unit="events", low=1)
MANY = Setting((3.0, 6.0), "corners", "ours", unit="Hz", low=0.0)
PAIR = Setting(None, "bounds", "ours", unit="m/s", kind="number", several=True, length=2, optional=True)
KIND = Setting("l2", "misfit", "eq. 3", choices=("l2", "envelope"))


@pytest.mark.parametrize(
    ("setting", "given", "value"),
    [
        (WHOLE, "7", 7),
        (WHOLE, 7.0, 7),
        (MANY, "1,2.5", (1.0, 2.5)),
        (MANY, "", ()),
        (MANY, [4], (4.0,)),
        (PAIR, "none", None),
        (PAIR, "1450,4900", (1450.0, 4900.0)),
        (KIND, "envelope", "envelope"),
        (Setting(False, "on", "ours"), "true", True),
        (Setting([18, 34], "depths", "ours"), "101", [101]),
        (Setting((8.0, 60.0), "band", "ours", separator=":"), "5:40", (5.0, 40.0)),
    ],
)
def test_texts_and_values_are_read(setting, given, value):
    found = setting.read("key", given)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("setting", "given", "message"),
    [
        (WHOLE, "0", "key takes a whole number in events from 1; received '0'"),
        (WHOLE, "2.5", "received '2.5'"),
        (WHOLE, True, "received True"),
        (WHOLE, None, "received None"),
        (MANY, "1,x", "numbers, with ',' between them in Hz from 0; received '1,x'"),
        (MANY, "-1", "received '-1'"),
        (MANY, "nan", "received 'nan'"),
        (MANY, "inf", "received 'inf'"),
        (WHOLE, "inf", "received 'inf'"),
        (Setting((8.0, 60.0), "band", "ours", separator=":", length=2), "", "2 numbers, with ':' between them"),
        (Setting(("l2",), "misfits", "ours", choices=("l2", "envelope")), "", "one or more of l2, envelope, with ','"),
        (PAIR, "1,2,3", "2 numbers"),
        (KIND, "envelop", "Did you mean envelope"),
        (Setting(False, "on", "ours"), "yes", "true or false"),
        (Setting("", "a table", "ours", kind="file"), "no_such.csv", "there is no such file"),
    ],
)
def test_what_is_not_meant_is_refused(setting, given, message):
    with pytest.raises(UsageError) as refused:
        setting.read("key", given)
    assert message in str(refused.value)


def test_a_setting_says_what_it_means_and_its_default_is_allowed():
    with pytest.raises(ValueError, match="what it means"):
        Setting(1, "", "ours")
    with pytest.raises(ValueError, match="what it means"):
        Setting(1, "how many", "")
    with pytest.raises(ValueError, match="received 0"):
        Setting(0, "how many", "ours", low=1)


def test_the_table_and_the_schema_say_all():
    (row,) = settings.table({"events": WHOLE})
    assert (
        row["setting"] == "events" and row["default"] == "3" and row["unit"] == "events" and row["source"] == "table 1"
    )
    schema = settings.schema("toy", {"events": WHOLE, "bands_hz": MANY, "bounds": PAIR, "misfit": KIND})["properties"]
    assert schema["events"] == {
        "type": "integer", "minimum": 1, "default": 3, "description": "how many [events]. table 1"
    }  # fmt: skip
    assert schema["bands_hz"]["items"] == {"type": "number", "minimum": 0.0}
    assert schema["bounds"]["anyOf"][1] == {"type": "null"} and schema["misfit"]["enum"] == ["l2", "envelope"]


def test_unknown_names_are_refused_and_defaults_change():
    with pytest.raises(UsageError, match="toy has no setting 'event'. Did you mean events"):
        settings.read("toy", {"events": WHOLE}, {"event": 1})
    assert settings.defaults(settings.changed({"events": WHOLE}, events=9)) == {"events": 9}
    with pytest.raises(ValueError, match="Did you mean events"):
        settings.changed({"events": WHOLE}, event=9)

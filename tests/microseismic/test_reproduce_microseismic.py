"""Tables of Spurio Mancini et al. (2021): the rows hold what was measured, on whatever data are at hand."""

from __future__ import annotations

import pytest

from zoo import checkpoint, registry, reproduce
from zoo.errors import UsageError
from zoo.files import read_json
from zoo.training import trainer as training


def test_table_1_quotes_the_card_where_the_traces_are_not_prepared(tmp_path):
    rows = reproduce.run(
        "microseismic-table-1", tmp_path / "out", quick=True, data_dir=tmp_path, settings={"methods": "pca_nn_emulator"}
    )
    (row,) = rows
    card = checkpoint.read_card(registry.find("pca_nn_emulator.kwave2021"))
    assert row["scored_on"] == "validation (card)"
    assert row["r2d"] == pytest.approx(card["scores"]["validation"]["metrics"]["r2d"], abs=1e-4)
    assert row["training_cpu_s"] == card["training_cpu_s"] and row["r2d_sd"] is None
    assert 0 < row["of_1000_sources_cpu_ms"] < row["one_source_cpu_ms"] < 100
    written = (tmp_path / "out" / "microseismic-table-1.md").read_text().splitlines()
    assert written[0].startswith("| method | r2d |") and written[2].startswith("| PCA + NN (B) | 0.9")
    assert read_json(tmp_path / "out" / "microseismic-table-1.json", "table")["rows"] == rows
    assert (tmp_path / "out" / "microseismic-table-1.png").stat().st_size > 10_000


@pytest.mark.slow
def test_table_1_trains_when_asked(tmp_path, small_dataset, capsys):
    settings = {"methods": "nn_direct_emulator", "epochs": 2}
    arguments = {"quick": True, "data_dir": small_dataset, "settings": settings, "train": True}
    (row,) = reproduce.run("microseismic-table-1", tmp_path, **arguments)
    scores = training.evaluate(tmp_path / "checkpoints-quick" / "nn_direct_emulator", "test", small_dataset)
    assert row["scored_on"] == "test" and row["r2d"] == pytest.approx(scores["r2d"], abs=1e-4)
    assert "trained already" not in capsys.readouterr().err
    reproduce.run("microseismic-table-1", tmp_path, **arguments)
    assert "trained already" in capsys.readouterr().err


def test_methods_that_are_none_are_refused(tmp_path):
    with pytest.raises(UsageError, match="Did you mean pca_gp_emulator"):
        reproduce.run("microseismic-table-1", tmp_path, settings={"methods": "pca_gp_emulatr"})


@pytest.mark.slow
def test_table_2_locates_by_waveforms_and_by_arrivals(tmp_path):
    pytest.importorskip("skfmm")
    rows = reproduce.run("microseismic-table-2", tmp_path, quick=True)
    best, d18, edt, gaussian = rows
    assert [row["events"] for row in rows] == [2, 1, 2, 2]
    assert best["covered_3_sd"] == edt["covered_3_sd"] == gaussian["covered_3_sd"] == 2
    for axis in "xyz":
        width = f"{axis}_half_width_median_km"
        assert 5 * best[width] < gaussian[width] < 5 * edt[width]
        assert best[f"{axis}_true_km"] == d18[f"{axis}_true_km"]
    assert all((tmp_path / f"microseismic-table-2-figure-{n}.png").stat().st_size > 10_000 for n in (10, 11))


@pytest.mark.slow
def test_the_paper_s_event_is_drawn_and_located(tmp_path):
    pytest.importorskip("skfmm")
    best, *arrivals, not_known = reproduce.run("microseismic-event", tmp_path, quick=True)
    assert all(row["largest_offset_sd"] < 3 for row in (best, *arrivals, not_known))
    # What is not known of the world widens the answer.
    assert float(best["z_km"].split()[-1]) < float(not_known["z_km"].split()[-1])
    assert all((tmp_path / f"microseismic-event-figure-{n}.png").stat().st_size > 10_000 for n in (1, 7, 9, 10, 11))

import numpy as np
import pytest
from body_measurements import NAMES, calibrated, print_check, print_row, print_totals, total_of

from engine.methods.measured_body import OF_SPREAD, OF_VALUE


def row(error: float, stated: float = 1.0, value: float = 100.0) -> dict:
    return {
        "sequence": "1 anny_000 00_throw",
        "child": False,
        "note": "",
        "noise_factor": 1.0,
        "values": dict.fromkeys(NAMES, value + error),
        "standard_errors": dict.fromkeys(NAMES, stated),
        "true": dict.fromkeys(NAMES, value),
        "anny": {"height": value},
    }


def test_a_bar_is_missed_by_one_body_that_is_off_by_more() -> None:
    total = total_of([row(0.5), row(-2.5)], "height")
    assert (total["mean_absolute_error"], total["largest_error"], total["mean_error"]) == (1.5, 2.5, -1.0)
    assert not total["passed"]
    assert total_of([row(0.5), row(-2.5)], "waist_girth")["passed"]
    assert "passed" not in total_of([row(9.0)], "volume")


def test_a_body_without_measurements_passes_no_bar() -> None:
    total = total_of([row(0.5), row(0.0) | {"values": {}, "standard_errors": {}}], "height")
    assert not total["passed"]


def test_coverage_counts_errors_within_one_and_two_standard_errors() -> None:
    total = total_of([row(0.5), row(1.5), row(3.0), row(-0.9)], "volume")
    assert (total["within_one"], total["within_two"]) == (0.5, 0.75)


def test_the_part_of_the_value_that_errors_have_is_found() -> None:
    draws = np.random.default_rng(2).normal(0, 2.0, 400)
    stated = {name: float(np.hypot(OF_SPREAD * 0.01, OF_VALUE[name] * 100)) for name in NAMES}
    rows = [
        row(0.0) | {"values": dict.fromkeys(NAMES, 100.0), "true": dict.fromkeys(NAMES, 100.0 - draw)} for draw in draws
    ]
    found = calibrated([each | {"standard_errors": stated} for each in rows])
    assert list(found["parts"].values()) == pytest.approx([0.02] * len(NAMES), rel=0.1)


def test_what_is_printed_names_the_bars(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row(1.0), row(-5.0)]
    for each in rows:
        print_row(each)
    print_totals({name: total_of(rows, name) for name in NAMES}, len(rows))
    print_check(rows)
    printed = capsys.readouterr().out
    assert "FAIL 2 cm" in printed and "FAIL 4 cm" in printed
    assert "50% within one standard error" in printed
    assert "height: true surfaces by these rules less Anny's own figure +0.0" in printed

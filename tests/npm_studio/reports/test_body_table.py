from engine.methods.measured_body import MeasuredBody
from npm_studio.reports.body_table import body_rows


def test_a_row_has_the_value_with_its_standard_error_and_unit() -> None:
    body = MeasuredBody({"height": 172.44, "volume": 61.0}, {"height": 0.93})
    assert body_rows(body) == [("height", "172.4 ± 0.9 cm"), ("volume", "61.0 l")]


def test_what_is_no_body_has_no_rows() -> None:
    assert body_rows(MeasuredBody(note="no legs")) == []

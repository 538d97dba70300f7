import numpy as np
import pytest

from npm_studio.session.portraits.direction_names import DirectionName, Measured, from_json, names_of, to_json
from npm_studio.session.portraits.measuring import measured_shapes
from tests.support.present import present

COUNT = 200


def columns(seed: int) -> np.ndarray:
    """Independent columns of unit variance."""
    return np.random.default_rng(seed).normal(size=(COUNT, 3))


def test_a_direction_is_named_after_the_measurement_that_follows_it_most_closely() -> None:
    along = columns(1)
    tall = Measured("Height", "cm", 170 + 6 * along[:, 0] + along[:, 1])
    wide = Measured("Girth", "cm", 90 - 8 * along[:, 1] + 0.5 * along[:, 2])
    first, second, third = names_of(along, [tall, wide])
    assert present(first).title == "Height"
    assert present(first).correlation == pytest.approx(6 / np.sqrt(37), abs=0.02)
    assert present(first).per_sigma == pytest.approx(6.0, abs=0.3)
    assert present(second).title == "Girth"
    assert present(second).correlation < -0.95
    assert present(second).per_sigma == pytest.approx(-8.0, abs=0.3)
    assert third is None


def test_a_direction_that_explains_less_than_half_has_no_name() -> None:
    along = columns(2)
    loose = Measured("Height", "cm", along[:, 0] + 1.3 * along[:, 1])
    assert names_of(along[:, :1], [loose]) == (None,)


def test_bodies_that_could_not_be_measured_are_left_out_and_few_give_no_name() -> None:
    along = columns(3)
    values = 2 * along[:, 0]
    values[::2] = np.nan
    assert present(names_of(along[:, :1], [Measured("Height", "cm", values)])[0]).correlation == pytest.approx(1.0)
    values[7:] = np.nan
    assert names_of(along[:, :1], [Measured("Height", "cm", values)]) == (None,)
    assert names_of(along[:, :1], [Measured("Height", "cm", np.full(COUNT, 3.0))]) == (None,)


def test_names_say_correlation_and_change_and_survive_the_disk() -> None:
    name = DirectionName("Height", -0.934, -5.81, "cm")
    assert name.short == "Height (r −0.93)"
    assert name.explanation == "Height: correlation −0.93 over the training codes, −5.8 cm from one σ to the next."
    assert from_json(to_json({"shape": (name, None)})) == {"shape": (name, None)}
    with pytest.raises(ValueError, match="titel"):
        from_json({"shape": [{"titel": "Height"}]})


def test_what_is_no_standing_body_is_measured_by_its_extents() -> None:
    shapes = [{"width": 8.0 + one, "tallness": 18.0, "depth": 3.0, "volume": 0.4} for one in range(9)]
    assert [one.title for one in measured_shapes(shapes)] == [
        "Extent upwards",
        "Extent sideways",
        "Extent in depth",
        "Volume",
    ]

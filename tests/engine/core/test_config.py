from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, ValidationError

from engine.core.config import Config, fields_of, read_config, set_fields
from engine.core.errors import ConfigField, InputError


class Walk(Config):
    """How to walk."""

    where: Path
    """A folder,
    or a file."""
    steps: Annotated[int, Field(ge=1, le=100)] = 10
    """How many."""
    length: Annotated[float, Field(gt=0)] = 0.7
    gait: Literal["slow", "fast"] = "slow"
    sizes: tuple[int, ...] = (1, 2)


def refusal(**values: Any) -> str:
    with pytest.raises(InputError) as caught:
        read_config(Walk, {"where": "x", **values})
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_values_of_json_become_a_configuration() -> None:
    walk = read_config(Walk, {"where": "/tmp/x", "steps": 3, "length": 1, "gait": "fast", "sizes": [4]})
    assert (walk.where, walk.steps, walk.length, walk.gait, walk.sizes) == (Path("/tmp/x"), 3, 1.0, "fast", (4,))


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"steps": 0}, "field steps: input should be greater than or equal to 1, is 0"),
        ({"steps": True}, "field steps: input should be a valid integer"),
        ({"steps": "3"}, "field steps: input should be a valid integer"),
        ({"length": float("nan")}, "field length: input should be a finite number"),
        ({"gait": "odd"}, "field gait: input should be 'slow' or 'fast', is 'odd'"),
        ({"stepps": 3}, "field stepps: is not among the fields; which are where, steps, length, gait, sizes"),
        ({"sizes": [1, "a"]}, "field sizes.1: "),
    ],
)
def test_what_is_not_of_the_type_or_range_is_refused_with_its_name(values: dict[str, Any], problem: str) -> None:
    assert problem in refusal(**values)


def test_a_field_without_a_default_must_be_given() -> None:
    with pytest.raises(InputError, match="field where: must be given"):
        read_config(Walk, {})


def test_configurations_do_not_change() -> None:
    walk = Walk(where=Path("x"))
    with pytest.raises(ValidationError):
        walk.steps = 3  # type: ignore[misc]


def test_fields_are_explained_by_the_text_below_them() -> None:
    where, steps, length, gait, sizes = fields_of(Walk)
    assert (where.kind, where.description, where.required) == ("path", "A folder, or a file.", True)
    assert (steps.kind, steps.default, steps.lowest, steps.highest) == ("integer", 10, 1, 100)
    assert (length.kind, length.lowest, length.highest, length.required) == ("number", 0, None, False)
    assert (gait.kind, gait.choices) == ("choice", ("slow", "fast"))
    assert sizes.kind == "value"


def test_fields_are_set_by_dotted_names_to_values_as_in_yaml() -> None:
    tree: dict[str, Any] = {"a": {"b": 1}, "c": 2}
    set_fields(tree, {"a.b": "[1, 2]", "a.d": "yes", "e.f": "3e-1", "c": "text"})
    assert tree == {"a": {"b": [1, 2], "d": True}, "c": "text", "e": {"f": 0.3}}


def test_names_that_lead_through_a_value_are_refused_as_each_front_end_says_it() -> None:
    with pytest.raises(InputError) as caught:
        set_fields({"c": 2}, {"c.d": "1"}, "see the manual")
    assert str(caught.value) == "the field c.d: no such field; see the manual"
    assert caught.value.line(lambda named: f"<{named.name}>" if isinstance(named, ConfigField) else "") == (
        "<c.d>: no such field; see the manual"
    )
    with pytest.raises(InputError, match="is not a value"):
        set_fields({}, {"c": "[1"})

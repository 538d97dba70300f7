"""Scale and centre between metres and canonical units, as files state them."""

from typing import Any

import pytest

from engine.core.errors import InputError
from engine.geometry.similarity import Similarity


def test_what_was_written_is_read_again() -> None:
    similarity = Similarity(0.4, (0.0, 0.125, 1.0))
    assert Similarity.from_dict(similarity.as_dict(), "dataset.json") == similarity


@pytest.mark.parametrize(
    "value",
    [
        None,
        {"scale": 1},
        {"scale": "a", "centre": [0, 0, 0]},
        {"scale": 1, "centre": [0, 0]},
        {"scale": 1, "centre": [0, 0, 10**400]},
        {"scale": -1, "centre": [0, 0, 0]},
        {"scale": float("nan"), "centre": [0, 0, 0]},
    ],
)
def test_what_is_no_similarity_is_refused_by_name(value: Any) -> None:
    with pytest.raises(InputError, match=r"dataset\.json: similarity (needs|must be)"):
        Similarity.from_dict(value, "dataset.json")

"""What must not be None, told to the reader, the type checker and, when it is, to who reads the failure."""

from typing import TypeVar

T = TypeVar("T")


def present(value: T | None) -> T:
    """``value``, which must not be None."""
    assert value is not None, "there is nothing here"
    return value

"""The paths in a value."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, cast

Value = TypeVar("Value")


def with_paths(value: Value, change: Callable[[Path], Path]) -> Value:
    """``value`` with every path in its dataclasses and tuples replaced by what ``change`` makes of it."""
    if isinstance(value, Path):
        return cast(Value, change(value))
    if isinstance(value, tuple) and value and not isinstance(value[0], float):  # a code has no paths
        items: list[Any] = [with_paths(item, change) for item in value]
        is_same = all(new is old for new, old in zip(items, value, strict=True))
        return value if is_same else cast(Value, tuple(items))
    if is_dataclass(value) and not isinstance(value, type):
        now = {field.name: getattr(value, field.name) for field in fields(value)}
        after = {name: with_paths(item, change) for name, item in now.items()}
        changed = {name: item for name, item in after.items() if item is not now[name]}
        return replace(value, **changed) if changed else value
    return value

"""Configurations: strict, with the reason of every field, and set by name from text."""

import ast
import inspect
import json
import re
import reprlib
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from engine.core.errors import ConfigField, InputError, Remedy


class Config(BaseModel):
    """Base of configurations: fields cannot be misspelt, changed or infinite; docstrings under them explain them."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


EXPONENT = re.compile(r"[-+]?[0-9]+\.?[0-9]*[eE][-+]?[0-9]+")
"""Numbers such as 1e-4, which are text in YAML."""
C = TypeVar("C", bound=BaseModel)


@dataclass(frozen=True)
class FieldInfo:
    """What a form or a help text says of a field."""

    name: str
    kind: str
    """``integer``, ``number``, ``boolean``, ``path``, ``choice``, or ``value`` for all else."""
    description: str
    default: Any
    """None where the field must be given."""
    required: bool
    lowest: float | None = None
    highest: float | None = None
    choices: tuple[str, ...] = ()


def fields_of(config_type: type[BaseModel]) -> tuple[FieldInfo, ...]:
    """The fields of a configuration in their order."""
    schema = config_type.model_json_schema()
    required, explained = set(schema.get("required", ())), _docstrings_under_fields(config_type)
    found = []
    for name, field in schema.get("properties", {}).items():
        choices = tuple(str(choice) for choice in field.get("enum", ()))
        kind = "choice" if choices else field.get("type", "value")
        if field.get("format") in ("path", "file-path", "directory-path"):
            kind = "path"
        if kind not in ("integer", "number", "boolean", "path", "choice"):
            kind = "value"
        lowest = field.get("minimum", field.get("exclusiveMinimum"))
        highest = field.get("maximum", field.get("exclusiveMaximum"))
        text = " ".join((field.get("description") or explained.get(name, "")).split())
        found.append(FieldInfo(name, kind, text, field.get("default"), name in required, lowest, highest, choices))
    return tuple(found)


def _docstrings_under_fields(config_type: type[BaseModel]) -> dict[str, str]:
    """By name. pydantic would read the source of every configuration when it is imported, which took longer than all
    else of importing the methods."""
    found: dict[str, str] = {}
    for kind in reversed(config_type.__mro__):
        if not issubclass(kind, BaseModel) or kind in (BaseModel, Config):
            continue
        try:
            (definition,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
        except (OSError, TypeError, SyntaxError):  # there is no source, as in an installation of compiled files alone
            continue
        assert isinstance(definition, ast.ClassDef)
        for field, text in pairwise(definition.body):
            match field, text:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                    found[name] = words
    return found


def set_fields(tree: dict[str, Any], overrides: Mapping[str, str], remedy: str | Remedy = "") -> None:
    """Set fields of ``tree`` by dotted name, in place, to values written as in YAML: ``{"a.b": "3"}``.

    Raises:
        InputError: a name leads through something that has no fields, or a text is not a value.
    """
    for dotted, text in overrides.items():
        node = tree
        *parents, leaf = dotted.split(".")
        for parent in parents:
            node = node.setdefault(parent, {})
            if not isinstance(node, dict):
                raise InputError(ConfigField(dotted), "no such field", remedy)
        try:
            node[leaf] = value_of(text)
        except ValueError:
            raise InputError(ConfigField(dotted, text), "is not a value", remedy) from None


def value_of(text: str) -> Any:
    """What ``text`` means as a value of YAML; 1e-4 is a number, too.

    Raises:
        ValueError: nothing, as 2024-13-45, which has the form of a date and is none.
    """
    try:
        return float(text) if EXPONENT.fullmatch(text) else yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise ValueError(f"{text[:60]!r} is not a value") from None


def read_config(config_type: type[C], values: Mapping[str, Any], remedy: str | Remedy = "") -> C:
    """A configuration from plain values, as JSON or YAML give them.

    Raises:
        InputError: a field is unknown, missing, of another type or out of its range.
    """
    try:
        return config_type.model_validate_json(json.dumps(dict(values), default=str), strict=True)
    except ValidationError as error:
        # a misspelt name is why another one is missing
        first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
        field = ConfigField(".".join(str(part) for part in first["loc"]))
        if first["type"] == "extra_forbidden":
            known = ", ".join(config_type.model_fields)
            raise InputError(field, "is not among the fields", remedy or f"which are {known}") from None
        if first["type"] == "missing":
            raise InputError(field, "must be given", remedy) from None
        problem = f"{first['msg'][0].lower()}{first['msg'][1:]}, is {_shown(first['input'])}"
        raise InputError(field, problem, remedy) from None


def _shown(value: Any) -> str:
    """``value`` in a message; lists of lists, which aliases of YAML make endless, are cut short."""
    return repr(value) if isinstance(value, str) else reprlib.repr(value)[:200]

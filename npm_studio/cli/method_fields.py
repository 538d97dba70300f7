"""Fields of the configurations of fitting methods as flags, and what help says of them."""

from __future__ import annotations

import argparse
import contextlib
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.core.config import FieldInfo
    from engine.methods.method import FitMethod, Requirements

_PREFIX = "field:"
_WIDTH, _INDENT = 110, 28
_LETTERS = {"integer": "N", "number": "X", "path": "PATH", "boolean": "true|false"}


def add_method_fields(parser: argparse.ArgumentParser) -> None:
    """Add a flag for each field of every installed method; help lists them method by method.

    Called last: a field whose flag the command has already cannot be set.
    """
    from engine.core.config import fields_of
    from engine.methods.method import installed_methods

    methods = installed_methods()
    settable = set()
    for name in sorted({field.name for method in methods for field in fields_of(method.config_type)}):
        with contextlib.suppress(argparse.ArgumentError):
            parser.add_argument(f"--{name}", dest=_PREFIX + name, metavar="VALUE", help=argparse.SUPPRESS)
            settable.add(name)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "\n\n".join(_describe(method, settable) for method in methods)


def stated_fields(options: argparse.Namespace) -> dict[str, str]:
    """Texts of the fields that were stated, by name."""
    values = vars(options)
    return {
        key.removeprefix(_PREFIX): value
        for key, value in values.items()
        if key.startswith(_PREFIX) and value is not None
    }


def _describe(method: FitMethod, settable: set[str]) -> str:
    from engine.core.config import fields_of

    head = f"--method {method.id}: {method.title}{_needs(method.requires)}"
    return "\n".join([head, *(_line(field) for field in fields_of(method.config_type) if field.name in settable)])


def _needs(requires: Requirements) -> str:
    model = "a model with a pose part" if requires.pose else "a model" if requires.model else ""
    surface = "a model with a pose part, or --template" if requires.surface else ""
    needs = [model, surface, "--template" if requires.template else "", "a GPU" if requires.gpu else ""]
    stated = [need for need in needs if need]
    return f" (needs {', '.join(stated)})" if stated else ""


def _line(field: FieldInfo) -> str:
    flag = f"  --{field.name} {'|'.join(field.choices) or _LETTERS.get(field.kind, 'VALUE')}"
    facts = [] if field.lowest is None or field.highest is None else [f"{field.lowest:g} to {field.highest:g}"]
    facts.append("must be given" if field.required else f"default: {field.default}")
    text = f"{field.description} ({'; '.join(facts)})".strip()
    lines = textwrap.wrap(text, _WIDTH - _INDENT)
    first = [] if len(flag) >= _INDENT else [flag.ljust(_INDENT) + lines[0]]
    rest = lines if not first else lines[1:]
    return "\n".join([*(first or [flag]), *(" " * _INDENT + line for line in rest)])

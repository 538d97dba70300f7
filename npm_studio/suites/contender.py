"""A method with its settings, as what is measured: a column of the table."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from engine.core.config import read_config, set_fields
from engine.core.errors import InputError
from engine.methods.method import FitMethod, load_method, method_names

_PLAIN = re.compile(r"[^A-Za-z0-9_.=+-]+")


@dataclass(frozen=True)
class Contender:
    """``npm``, or ``npm:precision=float32,steps=4`` with fields of its configuration."""

    text: str
    """As it was stated."""
    method: str
    fields: tuple[tuple[str, str], ...] = ()

    @property
    def slug(self) -> str:
        """As the name of a file."""
        return _PLAIN.sub("-", self.text.replace(":", "+")).strip("-")

    @property
    def is_usual(self) -> bool:
        """Whether its configuration is the usual one."""
        return not self.fields

    def config_for(self, case: str, setting: str) -> tuple[FitMethod, BaseModel]:
        """The method and its configuration; ``{case}`` and ``{setting}`` in a field stand for these.

        Raises:
            InputError: it is not installed, or has no such field.
        """
        method = load_method(self.method)
        values: dict[str, object] = {}
        named = {name: text.replace("{case}", case).replace("{setting}", setting) for name, text in self.fields}
        try:
            set_fields(values, named)
            return method, read_config(method.config_type, values)
        except InputError as error:
            raise InputError(f"method {self.text!r}", f"{error.name()}: {error.problem}", error.remedy) from None


def installed(texts: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Those of ``texts`` whose method is installed, and the others."""
    names = method_names()
    known = tuple(text for text in texts if text.partition(":")[0] in names)
    return known, tuple(text for text in texts if text not in known)


def contenders_of(texts: Sequence[str]) -> tuple[Contender, ...]:
    """What ``texts`` stand for, each once.

    Raises:
        InputError: one is not of that form, its method is not installed or has no such field, or two are alike.
    """
    found = tuple(_contender(text) for text in dict.fromkeys(texts))
    slugs = [each.slug for each in found]
    for each in found:
        if slugs.count(each.slug) > 1:
            raise InputError(f"method {each.text}", "is stated twice", "state each once")
        each.config_for("case", "setting")
    return found


def _contender(text: str) -> Contender:
    method, _, stated = text.partition(":")
    pairs = [part.partition("=") for part in stated.split(",")] if stated else []
    if any(not (name and equals and value) for name, equals, value in pairs):
        raise InputError(f"method {text!r}", "cannot be read", "write NAME or NAME:field=value,field=value")
    return Contender(text, method, tuple((name, value) for name, _, value in pairs))

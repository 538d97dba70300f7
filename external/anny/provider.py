"""Anny as a body model that is fitted, see `engine.methods.skinned.provider`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.core.errors import ConfigField, InputError

if TYPE_CHECKING:
    from engine.methods.skinned.body import SkinnedBody
    from engine.methods.skinned.provider import WantedBody

_PACKAGE = "'anny>=0.6.2,<0.7'"
_BODIES, _HANDS = "human bodies", "human hands"


class AnnyProvider:
    """The whole body, or the hand of the side that the network has learned."""

    id = "anny"

    def load(self, wanted: WantedBody) -> SkinnedBody:
        if wanted.file is not None:
            raise InputError(
                ConfigField("body_file"), "is not read: Anny has no file", "leave it out, or name its body"
            )
        try:
            import anny  # noqa: F401
        except ImportError as error:
            problem = f"needs the package anny ({error})"
            raise InputError("body model 'anny'", problem, f"pip install {_PACKAGE}") from error
        from external.anny.skinned import anny_body, anny_hand

        if wanted.category == _BODIES:
            return anny_body()
        if wanted.category == _HANDS and wanted.side is not None:
            return anny_hand(wanted.side)
        problem = f"has {_BODIES} and {_HANDS}, the network has learned {wanted.category}"
        raise InputError("body model 'anny'", problem, "use a built-in model of one of these")


BODY = AnnyProvider()

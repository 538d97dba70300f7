"""SMPL, SMPL-H, SMPL-X and MANO as body models that are fitted, see `engine.methods.skinned.provider`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.core.errors import ConfigField, InputError, remedy

if TYPE_CHECKING:
    from pathlib import Path

    from engine.methods.skinned.body import SkinnedBody
    from engine.methods.skinned.provider import WantedBody

_NEEDS = "needs its model file, which everybody has to download"


class SmplProvider:
    """A body, from the user's file or folder; of a folder the neutral one."""

    id = "smpl"

    def load(self, wanted: WantedBody) -> SkinnedBody:
        path = _file(self.id, wanted, "human bodies", "from smpl.is.tue.mpg.de")
        from external.smpl.clips import BODY_JOINTS
        from external.smpl.model_file import find_model_files, load_body_model
        from external.smpl.skinned import smpl_body

        file = next(iter(find_model_files(path, ("neutral", "female", "male")).values()))
        model = load_body_model(file)
        if model.joints < BODY_JOINTS:
            fix = remedy("for hands, state {}", ConfigField("body", "mano"))
            raise InputError(file, f"has {model.joints} joints, which is not a body model", fix)
        return smpl_body(model, wanted.similarity)


class ManoProvider:
    """The hand of the side that the network has learned, from the user's file or folder."""

    id = "mano"

    def load(self, wanted: WantedBody) -> SkinnedBody:
        path = _file(self.id, wanted, "human hands", "from mano.is.tue.mpg.de")
        from external.smpl.hands import load_hand
        from external.smpl.skinned import mano_hand

        model, side = load_hand(path, wanted.side)
        if side != "right":
            raise InputError(path, "is a left hand", "give MANO_RIGHT.pkl: left hands are fitted in a mirror")
        return mano_hand(model, wanted.similarity)


def _file(body: str, wanted: WantedBody, category: str, place: str) -> Path:
    """The file or folder that was stated.

    Raises:
        InputError: none was, or the network has learned something else.
    """
    if wanted.category != category:
        problem = f"is of {category}, the network has learned {wanted.category}"
        raise InputError(f"body model {body!r}", problem, "use a built-in model of these")
    if wanted.file is None:
        fix = remedy("state {}, " + place + " after registering there", ConfigField("body_file"))
        raise InputError(f"body model {body!r}", _NEEDS, fix)
    return wanted.file


SMPL, MANO = SmplProvider(), ManoProvider()

"""What tests of the live lane share: codes of the toy model."""

from npm_studio.session.document.explorer import Codes
from tests.support.toy_model import toy_model


def codes(identity: int, row: int | None) -> Codes:
    """Of a doll, in one of the poses or, for None, the canonical one."""
    model = toy_model()
    assert model.pose_codes is not None
    return Codes(model.shape_codes[identity], None if row is None else model.pose_codes[row])

"""People of scenes: an adult and a child."""

import pytest

from external.scenes.people import anny_casting
from external.scenes.scene import Person


@pytest.fixture(scope="package")
def people() -> dict[str, Person]:
    cast = anny_casting()
    return {"adult": cast(5, 0, False), "child": cast(5, 1, True)}

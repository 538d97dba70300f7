"""A method of somebody else in the window."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from tests.npm_studio.views.studio_window import StudioWindow
from tests.support.plugin_example import installed_plugin

SECONDS = 30_000


@pytest.fixture
def plugin(tmp_path: Path) -> Iterator[None]:
    with installed_plugin(tmp_path / "site"):
        yield


def test_the_window_lists_the_method_of_a_plug_in_and_fits_with_it(
    plugin: None, qtbot: QtBot, studio_window: StudioWindow, capture: Path
) -> None:
    studio_window.files.open_sequence(capture)
    qtbot.waitUntil(lambda: studio_window.fit.observation is not None, timeout=SECONDS)
    form = studio_window.fit.form
    assert "Visible surface" in [form.choice.itemText(row) for row in range(form.choice.count())]
    form.choose("visible-surface")
    studio_window.actions_by_id["fit.start"].trigger()
    qtbot.waitUntil(lambda: studio_window.fit.run is not None, timeout=SECONDS)
    run = studio_window.fit.run
    assert run is not None and run.method == "visible-surface"
    assert len(run.meshes) == 3

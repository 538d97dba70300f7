"""What is remembered between starts, of any version and however damaged."""

import json
from pathlib import Path

import pytest

from npm_studio.session.document.view_state import DisplaySettings
from npm_studio.session.settings import Settings, change_settings, load_settings, settings_path


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def test_without_a_file_there_are_defaults_and_nothing_is_written() -> None:
    assert load_settings() == Settings()
    assert not settings_path().exists()


def test_what_is_changed_is_remembered_and_the_rest_stays() -> None:
    change_settings(theme="light", panels=(200, 800, 300))
    change_settings(display=DisplaySettings(wireframe=True), recent=("/b", "/a"))
    assert load_settings() == Settings(
        theme="light", panels=(200, 800, 300), display=DisplaySettings(wireframe=True), recent=("/b", "/a")
    )


def test_settings_before_there_were_versions_are_taken_over() -> None:
    settings_path().parent.mkdir()
    text = '[General]\npanels=1, 2, 3\nrecent=/a b, "/c,d"\ntheme=light\n\n[look]\nwireframe=true\nfloor=false\n'
    settings_path().with_name("npm-studio.ini").write_text(text)
    settings = load_settings()
    assert settings.theme == "light"
    assert settings.recent == ("/a b", "/c,d")
    assert settings.display == DisplaySettings(wireframe=True, floor=False)
    change_settings(theme="dark")
    assert load_settings().recent == ("/a b", "/c,d")


@pytest.mark.parametrize("text", ["", "[]", "{", "\x00", '"x"', '{"version": "new"}'])
def test_a_damaged_file_is_no_reason_to_stop(text: str) -> None:
    settings_path().parent.mkdir()
    settings_path().write_text(text)
    assert load_settings() == Settings()


def test_what_cannot_be_used_has_its_default_and_unknown_fields_are_dropped() -> None:
    settings_path().parent.mkdir()
    wrong = {"version": 9, "theme": "pink", "recent": ["/a"], "panels": "wide", "sound": True}
    settings_path().write_text(json.dumps(wrong))
    assert load_settings() == Settings(recent=("/a",))


def test_a_folder_that_cannot_be_written_to_is_no_reason_to_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    change_settings(theme="light")
    assert load_settings() == Settings()

"""Built-in models and presets, and what a user may call them."""

import shutil
from email.message import Message
from pathlib import Path

import pytest

from engine.core.errors import InputError
from engine.training.config import load_training_config
from npm_studio import resources
from npm_studio.resources import built_in_models, demo_model, demo_sequence, model_path, preset_path, presets
from npm_studio.session.commands import table
from npm_studio.session.commands.table import commands_in, menus_with


def test_every_built_in_model_is_known_by_its_name() -> None:
    models = built_in_models()
    assert models["anny-compact"] == demo_model()
    assert all((folder / "model.json").is_file() for folder in models.values())


def test_a_name_of_a_built_in_model_stands_for_its_folder() -> None:
    assert model_path("anny-compact") == demo_model()


def test_a_path_that_exists_goes_before_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "anny-compact").mkdir()
    monkeypatch.chdir(tmp_path)
    assert model_path("anny-compact") == Path("anny-compact")


def test_what_is_neither_stays_what_the_user_said() -> None:
    assert model_path("no-such.npm") == Path("no-such.npm")


def test_every_built_in_preset_is_one_of_a_training() -> None:
    assert {"anny/tiny", "anny/compact", "hands/compact", "cape/full"} <= set(presets())
    for path in presets().values():
        load_training_config(path)


@pytest.mark.parametrize("text", ["anny/tiny", "anny/tiny.yaml", "configs/anny/tiny.yaml"])
def test_a_preset_is_found_by_its_name_and_by_its_file_from_anywhere(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert preset_path(text) == presets()["anny/tiny"]


def test_a_preset_that_exists_as_a_file_goes_before_a_built_in_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "anny").mkdir()
    (tmp_path / "anny" / "tiny").write_text("name: mine\n")
    monkeypatch.chdir(tmp_path)
    assert preset_path("anny/tiny") == Path("anny/tiny")


@pytest.mark.parametrize("text", ["anny/tinny", "anny/quality", "configs/anny"])
def test_an_unknown_preset_is_refused_with_the_names_of_those_there_are(text: str) -> None:
    with pytest.raises(
        InputError, match=rf"^{text}: no such preset; .*anny/full, anny/tiny, .*mano/full, own/compact, own/small$"
    ):
        preset_path(text)


def test_what_was_installed_inside_the_package_is_found_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site-packages" / "npm_studio"
    shutil.copytree(demo_sequence().parents[1] / "sequences", package / "assets" / "sequences")
    (package / "assets" / "models" / "mine.npm").mkdir(parents=True)
    (package / "configs" / "cats").mkdir(parents=True)
    (package / "configs" / "cats" / "small.yaml").touch()
    assert resources.is_checkout()
    monkeypatch.setattr(resources, "_PACKAGE", package)
    assert not resources.is_checkout()
    assert demo_sequence().is_relative_to(package)
    assert demo_sequence().is_dir()
    assert built_in_models() == {"mine": package / "assets" / "models" / "mine.npm"}
    assert presets() == {"cats/small": package / "configs" / "cats" / "small.yaml"}


def test_documents_are_files_beside_a_checkout_and_else_the_page_of_the_project_or_nowhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address = resources.document("tutorial")
    assert address is not None
    assert address.startswith("file:")
    assert address.endswith("docs/tutorial.md")
    monkeypatch.setattr(resources, "is_checkout", lambda: False)
    said = Message()
    monkeypatch.setattr(resources, "metadata", lambda name: said)
    assert resources.document("tutorial") is None
    said["Project-URL"] = "Homepage, https://example.org/npm"
    assert resources.document("tutorial") == "https://example.org/npm"


def test_help_has_the_documents_that_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    named = {command.title for _, command in commands_in(menus_with([]))}
    assert {"&Tutorial", "T&roubleshooting"} <= named
    monkeypatch.setattr(table, "document", lambda name: None)
    assert not {"&Tutorial", "T&roubleshooting"} & {command.title for _, command in commands_in(menus_with([]))}

"""Built-in models and what a user may call them."""

from pathlib import Path

import pytest

from npm_studio.resources import built_in_models, demo_model, model_path


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

from pathlib import Path

from npm_studio.session.document.document import Document
from npm_studio.session.document.recognise import Kind
from npm_studio.session.jobs.fitting import runs_folder
from npm_studio.views.dialog_places import folder_of, free_name, name_of_picture
from npm_studio.views.opening import remember


def test_a_dialog_begins_where_something_of_its_kind_was_opened_last(tmp_path: Path) -> None:
    for place, mark in (("models/doll.npm", "model.json"), ("fits/walk-1", "run.json"), ("taken/walk", "depth.mkv")):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / mark).write_text("{}")
        remember(tmp_path / place)
    assert folder_of(Kind.MODEL) == str(tmp_path / "models")
    assert folder_of(Kind.RUN) == str(tmp_path / "fits")
    assert folder_of(Kind.SEQUENCE) == str(tmp_path / "taken")
    assert folder_of(Kind.PROJECT) == str(tmp_path / "taken")


def test_a_picture_is_named_after_what_it_shows_and_replaces_none(tmp_path: Path) -> None:
    assert name_of_picture(Document()) == "npm-studio-explore"
    (tmp_path / "doll-fit.png").touch()
    assert free_name(tmp_path, "doll-fit") == tmp_path / "doll-fit-2.png"


def test_a_run_is_looked_for_where_fits_go_before_any_was_opened(tmp_path: Path) -> None:
    remember(tmp_path)
    assert folder_of(Kind.RUN) == str(tmp_path.parent)  # nothing was fitted
    runs_folder().mkdir(parents=True)
    assert folder_of(Kind.RUN) == str(runs_folder())
    assert folder_of(Kind.MODEL) == str(tmp_path.parent)

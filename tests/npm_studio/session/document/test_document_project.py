import json
from pathlib import Path

import pytest

from engine.core.errors import InputError
from npm_studio.session.document.project import Project, load_project, save_project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    for name in ("body.npm", "captures/walk", "runs/walk-1"):
        (tmp_path / name).mkdir(parents=True)
    return Project("study", tmp_path / "body.npm", (tmp_path / "captures/walk",), (tmp_path / "runs/walk-1",))


def test_a_project_comes_back_as_it_was_saved(project: Project, tmp_path: Path) -> None:
    save_project(project, tmp_path / "study")
    assert load_project(tmp_path / "study") == project


def test_a_project_that_moves_with_its_files_still_opens(project: Project, tmp_path: Path) -> None:
    save_project(project, tmp_path / "study")
    moved = tmp_path.with_name(tmp_path.name + "-moved")
    tmp_path.rename(moved)
    assert load_project(moved / "study").model == moved / "body.npm"


def test_paths_are_stored_relative_to_the_project(project: Project, tmp_path: Path) -> None:
    save_project(project, tmp_path / "study")
    stored = json.loads((tmp_path / "study" / "project.json").read_text())
    assert stored["model"] == "../body.npm"
    assert stored["runs"] == ["../runs/walk-1"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "../gone.npm"}, "which does not exist"),
        ({"format_version": 2}, "upgrade npm-studio"),
        ({"modle": "../body.npm"}, "modle"),
        ({"sequences": "walk"}, "sequences"),
        ({"format": "something else"}, "format"),
    ],
)
def test_a_project_file_that_is_wrong_is_refused_with_the_place(
    project: Project, tmp_path: Path, change: dict[str, object], words: str
) -> None:
    save_project(project, tmp_path / "study")
    path = tmp_path / "study" / "project.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(InputError, match=words) as caught:
        load_project(tmp_path / "study")
    assert "project.json" in str(caught.value)


def test_a_folder_without_a_project_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no project\.json"):
        load_project(tmp_path)


def test_a_project_file_that_is_a_list_is_refused(tmp_path: Path) -> None:
    (tmp_path / "project.json").write_text("[]")
    with pytest.raises(InputError, match=r"project\.json"):
        load_project(tmp_path)

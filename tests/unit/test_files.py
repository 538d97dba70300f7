"""Files and folders that are whole or not there."""

from pathlib import Path

import pytest

from engine.files import replacing_file, replacing_folder


@pytest.mark.parametrize("replacing", [replacing_file, replacing_folder])
def test_work_that_fails_leaves_nothing_behind_where_there_was_nothing(tmp_path: Path, replacing) -> None:
    with pytest.raises(RuntimeError), replacing(tmp_path / "a" / "b" / "target"):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("replacing", [replacing_file, replacing_folder])
def test_work_that_fails_leaves_the_files_beside_it(tmp_path: Path, replacing) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "letter.txt").write_text("dear")
    with pytest.raises(RuntimeError), replacing(tmp_path / "a" / "target"):
        raise RuntimeError
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["letter.txt"]


def test_finished_work_is_there_with_its_folders(tmp_path: Path) -> None:
    with replacing_file(tmp_path / "a" / "b.txt") as temporary:
        temporary.write_text("whole")
    with replacing_folder(tmp_path / "c" / "d") as folder:
        (folder / "e.txt").write_text("whole")
    assert (tmp_path / "a" / "b.txt").read_text() == (tmp_path / "c" / "d" / "e.txt").read_text() == "whole"


def test_an_old_folder_stays_when_the_work_fails(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "kept.txt").write_text("kept")
    with pytest.raises(RuntimeError), replacing_folder(tmp_path / "old"):
        raise RuntimeError
    assert (tmp_path / "old" / "kept.txt").read_text() == "kept"

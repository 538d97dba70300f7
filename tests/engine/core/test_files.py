"""Files and folders that are whole or not there."""

import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from engine.core.errors import InputError
from engine.core.files import check_name, read_json, replacing_file, replacing_folder

Replacing = Callable[[Path], AbstractContextManager[Path]]


@pytest.mark.parametrize("replacing", [replacing_file, replacing_folder])
def test_work_that_fails_leaves_nothing_behind_where_there_was_nothing(tmp_path: Path, replacing: Replacing) -> None:
    with pytest.raises(RuntimeError), replacing(tmp_path / "a" / "b" / "target"):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("replacing", [replacing_file, replacing_folder])
def test_work_that_fails_leaves_the_files_beside_it(tmp_path: Path, replacing: Replacing) -> None:
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


def killed_while_writing(target: Path, moved_away: bool = False) -> None:
    """A process that is killed in the middle of writing the folder ``target`` and the file ``target.txt``."""
    script = f"""
import os, signal
from pathlib import Path
from engine.core import files
target = Path({str(target)!r})
with files.replacing_file(target.with_suffix(".txt")), files.replacing_folder(target) as folder:
    (folder / "half.txt").write_text("half")
    if {moved_away}:
        files.os.replace = lambda source, goal, move=os.replace: (move(source, goal), os.kill(os.getpid(), 9))
    else:
        os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9


def test_the_next_write_removes_what_a_killed_process_left(tmp_path: Path) -> None:
    killed_while_writing(tmp_path / "model")
    assert len(list(tmp_path.iterdir())) == 2
    mine = tmp_path / ".model-notes-of-mine"
    mine.write_text("kept")
    with replacing_file(tmp_path / "model.txt") as writing:
        assert set(tmp_path.iterdir()) == {mine, writing}
        with replacing_folder(tmp_path / "other") as another:  # what is being written stays
            assert set(tmp_path.iterdir()) == {mine, writing, another}


def test_a_folder_that_was_moved_away_when_the_process_was_killed_comes_back(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "kept.txt").write_text("kept")
    killed_while_writing(tmp_path / "model", moved_away=True)
    assert not (tmp_path / "model").exists()
    with replacing_file(tmp_path / "something.txt"):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {"model", "something.txt"}
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["kept.txt"]


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\\b", "a\0b", "9" * 300, "é" * 130])
def test_names_that_no_file_can_have_are_refused_by_their_beginning(name: str) -> None:
    with pytest.raises(InputError) as caught:
        check_name(name, Path("run.json"))
    assert len(str(caught.value)) < 160 and caught.value.remedy.line()


def test_numbers_of_thousands_of_digits_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(f'{{"a": {"9" * 5000}}}')
    with pytest.raises(InputError, match="holds a number that is too long"):
        read_json(tmp_path / "a.json")

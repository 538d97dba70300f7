from pathlib import Path

import pytest

from engine.core.errors import InputError
from npm_studio.session.document.recognise import Kind, recognise


@pytest.mark.parametrize(
    ("mark", "kind"),
    [
        ("model.json", Kind.MODEL),
        ("run.json", Kind.RUN),
        ("project.json", Kind.PROJECT),
        ("intrinsics.json", Kind.SEQUENCE),
    ],
)
def test_a_folder_and_the_file_that_marks_it_are_the_same_thing(tmp_path: Path, mark: str, kind: Kind) -> None:
    (tmp_path / mark).write_text("{}")
    assert recognise(tmp_path) == (kind, tmp_path)
    assert recognise(tmp_path / mark) == (kind, tmp_path)


def test_a_depth_image_and_its_folder_stand_for_their_sequence(tmp_path: Path) -> None:
    (tmp_path / "intrinsics.json").write_text("{}")
    (tmp_path / "depth").mkdir()
    image = tmp_path / "depth" / "000000.png"
    image.write_bytes(b"")
    assert recognise(image) == (Kind.SEQUENCE, tmp_path)


def test_images_without_intrinsics_count_as_a_sequence_so_that_opening_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    assert recognise(tmp_path) == (Kind.SEQUENCE, tmp_path)


def test_what_is_nothing_of_ours_is_refused_with_what_can_be_dropped(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    for junk, words in ((tmp_path, "holds nothing"), (tmp_path / "letter.txt", "is not something")):
        with pytest.raises(InputError, match=words) as caught:
            recognise(junk)
        assert "depth-sequence folder" in caught.value.remedy.text


def test_an_empty_folder_and_a_missing_path_are_named_as_such(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is an empty folder"):
        recognise(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        recognise(tmp_path / "gone")


@pytest.mark.parametrize("name", ["walk.mkv", "walk.bag", "scene.sens"])
def test_a_folder_with_a_recording_counts_as_a_sequence(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    assert recognise(tmp_path) == (Kind.SEQUENCE, tmp_path)

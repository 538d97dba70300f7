"""`npm-studio dataset verify` and `dataset info` as a user runs them."""

import json
from pathlib import Path

import numpy as np
import pytest

from npm_studio.cli.main import main


@pytest.fixture
def bodies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    out = tmp_path / "bodies"
    assert main(["dataset", "anny", str(out), "--identities", "2", "--sequences", "2", "--frames", "4"]) == 0
    capsys.readouterr()
    return out


def test_a_new_dataset_is_clean(bodies: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "verify", str(bodies)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"{bodies}: clean (2 identities, 4 sequences, 16 frames checked)"
    assert main(["dataset", "verify", str(bodies), "--json"]) == 0
    results = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert results["problems"] == []
    assert results["checked"] == {"identities": 2, "sequences": 4, "frames": 16, "pools": 0}


def test_problems_are_listed_one_per_line_with_exit_code_2(bodies: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sequences = sorted(path for path in bodies.glob("anny_*/*.npy") if path.stem != "canonical")
    sequences[0].unlink()
    frames = np.load(sequences[1])
    frames[2, 100] = np.nan
    np.save(sequences[1], frames)
    assert main(["dataset", "verify", str(bodies)]) == 2
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith(f"{sequences[0]}: is missing")
    assert lines[1].startswith(f"{sequences[1]}: 1 of 4 frames (first 000002) are not finite")
    assert captured.err.splitlines()[-1].startswith(f"npm-studio: {bodies}: has 2 problems")
    assert main(["dataset", "verify", str(bodies), "--json"]) == 2
    results = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [problem["subject"] for problem in results["problems"]] == [str(path) for path in sequences[:2]]
    assert all(problem["problem"] and problem["cure"] for problem in results["problems"])


def test_what_is_no_dataset_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("verify", "info"):
        for place in (tmp_path, tmp_path / "nowhere"):
            assert main(["dataset", command, str(place)]) == 2
            captured = capsys.readouterr()
            assert captured.out == "" and len(captured.err.splitlines()) == 1


def test_info_says_what_a_dataset_and_a_split_hold(
    bodies: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dataset", "info", str(bodies), "--identities"]) == 0
    text = capsys.readouterr().out
    for words in ("human bodies", "CC0-1.0", "scale 0.4", "16 at 2 per second", "12182", "24360", "none for 2"):
        assert words in text
    assert [line.split()[0] for line in text.splitlines()[-2:]] == ["anny_000", "anny_001"]
    assert main(["split", "make", str(bodies), str(tmp_path / "one"), "--identities", "anny_001"]) == 0
    assert main(["dataset", "info", str(tmp_path / "one"), "--json"]) == 0
    results = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (results["identities"], results["frames"], results["class"]) == (1, 8, "human bodies")
    assert results["sources"] == {"anny-0": f"registered {bodies}"}
    assert main(["dataset", "verify", str(tmp_path / "one")]) == 0

"""Twelve ways to do a class of one's own wrong: each is told in one line with the cure, and nothing is lost in any."""

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import trimesh

from engine.methods.run import Run, RunInputs, frame_records, save_run
from engine.sequences.truth import load_truth
from engine.training.run import STAGES
from npm_studio.cli.main import main
from tests.support.fish import write_fish
from tests.support.own_class import CENTIMETRES, FEW, done, told
from tests.support.training import PRESET

pytestmark = pytest.mark.usefixtures("in_little")


@dataclass(frozen=True)
class Work:
    """A folder with meshes, a dataset, a model with its states, a recording and a run."""

    folder: Path

    @property
    def source(self) -> Path:
        return self.folder / "source"

    @property
    def data(self) -> Path:
        return self.folder / "fish"

    @property
    def model(self) -> Path:
        return self.folder / "fish.npm"

    def importing(self, *options: str) -> tuple[object, ...]:
        return ("dataset", "meshes", self.source, self.data, *(options or CENTIMETRES))

    def training(self, *more: object, stage: str = "all", out: Path | None = None) -> tuple[object, ...]:
        preset = self.folder / "tiny.yaml"
        words = ("--config", preset, "--data", self.data, "--out", out or self.model, "--device", "cpu")
        return ("train", stage, *words, *more)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The work of somebody who did all right; copy before changing."""
    work = Work(tmp_path_factory.mktemp("right"))
    (work.folder / "tiny.yaml").write_text(PRESET)
    for name in ("anna", "berta", "carla"):
        write_fish(work.source, name)
    recording, run = work.folder / "recording", work.folder / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.training.loop.preview_picture", lambda model: np.full((4, 4, 3), 200, np.uint8))
        patch.setattr("npm_studio.cli.prepare.os.cpu_count", lambda: 1)
        for words in (
            work.importing(),
            ("prepare", work.data, *FEW),
            work.training(),
            ("dataset", "render", work.data, recording, "--device", "cpu"),
        ):
            assert main([str(word) for word in words]) == 0
    meshes = replace(load_truth(recording / "truth").meshes, exact=None)
    run.mkdir()
    save_run(Run(run, "imported", RunInputs(recording), meshes, frame_records(meshes), {"total": 1.0}))
    return work.folder


@pytest.fixture
def work(finished: Path, tmp_path: Path) -> Work:
    folder = Path(shutil.copytree(finished, tmp_path / "work"))
    for path in folder.rglob("*.json"):  # as if all had been made here
        path.write_text(path.read_text().replace(str(finished), str(folder)))
    return Work(folder)


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(capsys: pytest.CaptureFixture[str], work: Work, *words: object) -> str:
    """The one line of a command that is refused and touches no file."""
    before = files(work.folder)
    code, _, err = told(capsys, *words)
    after = files(work.folder)
    assert code == 2, err
    assert before.keys() == after.keys()
    assert [path for path, content in before.items() if after[path] != content] == []
    (line,) = [line for line in err.splitlines() if line.startswith("npm-studio:")]
    assert "; " in line, f"no cure in: {line}"
    return line


def scaled(path: Path, factor: float) -> None:
    np.save(path, np.load(path) * np.float32(factor))


@pytest.mark.parametrize("stage", [*STAGES, "all"])
def test_1_training_again_where_a_training_is(stage: str, work: Work, capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(capsys, work, *work.training(stage=stage))
    assert "holds an earlier training, which would be lost" in line
    assert "add --resume to go on or --restart to begin anew" in line


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("--shape.code_weight", "0.5", "its shape stage was trained with code_weight 0.0001, not 0.5"),
        ("--pose.decoder.width", "48", "its pose stage was trained with decoder.width 32, not 48"),
        ("--pose_encoder.noise", "0.25", "its pose-encoder stage was trained with noise 0.5, not 0.25"),
    ],
)
def test_2_going_on_with_another_preset(
    field: str, value: str, said: str, work: Work, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused(capsys, work, *work.training("--resume", field, value))
    assert said in line
    assert f"begin on this model with --from {work.model} and another folder for --out" in line


def test_3_going_on_with_more_identities(work: Work, capsys: pytest.CaptureFixture[str]) -> None:
    write_fish(work.source, "dora", 0.9)
    done(capsys, *work.importing())
    done(capsys, "prepare", work.data, *FEW)
    line = refused(capsys, work, *work.training("--resume"))
    assert "trained on 3 identities in 30 frames, not 4 in 40" in line
    assert "--from" in line


@pytest.mark.parametrize(
    ("stage", "changed", "said"),
    [
        ("shape", "canonical.npy", "other names or canonical meshes"),
        ("pose", "dart.npy", "other posed meshes"),
        ("pose-encoder", "dart.npy", "other posed meshes"),
    ],
)
@pytest.mark.parametrize("finished_already", [True, False])
def test_4_going_on_where_meshes_of_the_same_names_are_others(
    stage: str, changed: str, said: str, finished_already: bool, work: Work, capsys: pytest.CaptureFixture[str]
) -> None:
    scaled(work.data / "berta" / changed, 0.99)
    done(capsys, "prepare", work.data, *FEW)
    if finished_already:
        line = refused(capsys, work, *work.training("--resume"))
    else:
        more = (f"--{stage.replace('-', '_')}.schedule.steps", "30")
        line = refused(capsys, work, *work.training("--resume", *more, stage=stage))
        assert f"{stage}.last.state" in line
    assert f"was trained on 3 identities in 30 frames with {said}" in line
    assert "begin anew with --restart" in line


def test_5_training_on_samples_of_an_earlier_mesh(work: Work, capsys: pytest.CaptureFixture[str]) -> None:
    scaled(work.data / "berta" / "canonical.npy", 0.98)
    line = refused(capsys, work, *work.training(out=work.folder / "new.npm"))
    assert "made of another canonical mesh" in line
    assert f"`npm-studio prepare {work.data}`" in line


def test_6_adding_an_individual_that_leaves_the_cube(work: Work, capsys: pytest.CaptureFixture[str]) -> None:
    meshes = {path: path.read_bytes() for path in work.data.rglob("*.npy")}
    write_fish(work.source, "dora", 1.3)
    _, err = done(capsys, *work.importing())
    assert "dora added" in err
    assert "leaves the cube" in err
    assert meshes == {path: path.read_bytes() for path in meshes}
    line = refused(capsys, work, "prepare", work.data, *FEW)
    assert "identity dora: is refused" in line and "leaves the cube" in line
    assert "run `npm-studio dataset normalise`" in line
    code, out, _ = told(capsys, "dataset", "verify", work.data)
    assert code == 2
    assert "dora" in out and "anna" not in out


def test_7_adding_an_individual_with_a_frame_of_another_topology(
    work: Work, capsys: pytest.CaptureFixture[str]
) -> None:
    write_fish(work.source, "dora", 0.9)
    bad = work.source / "dora" / "dart" / "003.ply"
    trimesh.creation.icosphere(2, 20.0).export(bad)
    line = refused(capsys, work, *work.importing())
    assert str(bad) in line
    assert "must have the same vertices and triangles in the same order" in line


def test_8_importing_again_in_another_unit(work: Work, capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(capsys, work, *work.importing("--up", "z"))
    assert "with other options: unit cm, not m" in line
    assert "import with those, or name another folder" in line


def test_9_frames_of_another_scale_than_their_canonical_mesh(work: Work, capsys: pytest.CaptureFixture[str]) -> None:
    for path in ("cruise.npy", "dart.npy"):
        frames = np.load(work.data / "berta" / path)
        np.save(work.data / "berta" / path, (frames.astype(np.float32) * 1.01).astype(np.float16))
    line = refused(capsys, work, "dataset", "verify", work.data)
    assert "has 1 problem; each is listed with its remedy" in line
    (problem,) = [line for line in told(capsys, "dataset", "verify", work.data)[1].splitlines() if "berta" in line]
    assert "does not belong to its frames" in problem
    assert "; " in problem


def test_10_beginning_on_a_model_of_another_scale(work: Work, capsys: pytest.CaptureFixture[str]) -> None:
    path = work.data / "dataset.json"
    description = json.loads(path.read_text())
    description["similarity"]["scale"] *= 1.2
    path.write_text(json.dumps(description))
    line = refused(capsys, work, *work.training("--from", work.model, out=work.folder / "new.npm"))
    assert "has a scale of" in line and "model fish one of" in line
    assert f"`npm-studio dataset normalise {work.data}` with --normalise" in line


def test_11_beginning_on_a_model_of_another_network(work: Work, capsys: pytest.CaptureFixture[str]) -> None:
    more = ("--from", work.model, "--shape.decoder.width", "40")
    line = refused(capsys, work, *work.training(*more, out=work.folder / "new.npm"))
    assert "has a shape network of other size than the preset asks for" in line
    assert "train with the preset of that model" in line


def test_12_comparing_with_meshes_in_another_unit(work: Work, capsys: pytest.CaptureFixture[str]) -> None:
    truth = work.source / "anna" / "cruise"
    line = refused(capsys, work, "evaluate", work.folder / "run", "--truth", truth, "--unit", "mm", "--up", "z")
    assert "those of the run are" in line
    assert line.endswith("state --unit cm")

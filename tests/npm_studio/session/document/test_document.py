"""The document as a whole: steps, what they touch, and what is loaded."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from engine.methods.run import load_run
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.isolation import Isolation
from npm_studio.session.document.bookmarks import with_bookmark, with_bookmark_renamed, without_bookmark
from npm_studio.session.document.document import Document
from npm_studio.session.document.explorer import Explorer
from npm_studio.session.document.keyframes import backwards, with_body, with_key, with_time, without_key
from npm_studio.session.document.loaded import Contents
from npm_studio.session.document.observation import Observation, open_observation
from npm_studio.session.document.state import DocumentState, Locks
from npm_studio.session.document.view_state import CameraState, ViewState
from tests.support.present import present
from tests.support.toy_model import toy_model

FAR = CaptureOptions(isolation=Isolation(far_m=9.0))


@pytest.fixture(scope="module")
def explorer() -> Explorer:
    return Explorer(toy_model(), seed=0)


@pytest.fixture
def document(explorer: Explorer, tmp_path: Path) -> Document:
    """With a model, and nothing to undo."""
    document = Document()
    document.set_model(tmp_path / "toy.npm", explorer)
    return document


@pytest.fixture(scope="module")
def observations(depth_capture: Path) -> tuple[Observation, Observation]:
    """One recording, opened in two ways."""
    return open_observation(depth_capture), open_observation(depth_capture, FAR)


def made(document: Document) -> DocumentState:
    """All of it but how one looks at it."""
    return replace(document.state, view=ViewState())


def shaped(document: Document, value: float, direction: int = 0) -> None:
    explorer = present(document.explorer)
    now = explorer.moved(document.state.explore, "shape", direction, value)
    document.change(f"Shape {direction + 1}", replace(document.state, explore=now), merge=f"Shape {direction + 1}")


def test_the_first_model_is_no_step_and_another_one_can_be_undone(
    document: Document, explorer: Explorer, tmp_path: Path
) -> None:
    assert document.undo_name is None and document.is_clean
    shaped(document, 1.0)
    before, models = document.state, list[Path | None]()
    document.model_changed.connect(lambda: models.append(document.model_folder))
    other = Explorer(toy_model(), seed=1)
    document.set_model(tmp_path / "other.npm", other)
    assert document.undo_name == "Open other.npm"
    assert document.state.explore == other.first()
    document.undo()
    assert document.state == before
    assert document.explorer is explorer
    assert models == [tmp_path / "other.npm", tmp_path / "toy.npm"]


def test_undo_goes_to_the_workspace_of_the_step_and_says_which(document: Document) -> None:
    shaped(document, 1.0)
    document.show_workspace("compare")
    assert document.undo_name == "Shape 1"
    document.undo()
    assert document.state.view.workspace == "explore"
    document.show_workspace("fit")
    document.redo()
    assert document.state.view.workspace == "explore"


def test_undo_leaves_cameras_and_display_alone(document: Document) -> None:
    shaped(document, 1.0)
    looked = replace(document.state.view, cameras=(CameraState((1.0, 2.0, 3.0), (0.0, 0.0, 0.0), (0.0, 1.0, 0.0)),))
    document.follow(replace(document.state, view=looked))
    document.undo()
    assert document.state.view == looked


def test_ten_seconds_of_playback_add_no_step_and_nothing_to_save(document: Document) -> None:
    explorer = present(document.explorer)
    rows = explorer.clip(document.state.explore.clip_row)
    for frame in range(600):
        now = explorer.with_frame(document.state.explore, rows[frame % len(rows)])
        document.follow(replace(document.state, explore=now))
    assert document.undo_name is None
    assert document.is_clean


def test_what_did_not_change_is_no_step(document: Document) -> None:
    told: list[object] = []
    document.changed.connect(lambda *states: told.append(states))
    document.change("Nothing", document.state)
    assert document.undo_name is None
    assert told == []


def test_every_change_is_told_once_with_both_values(document: Document) -> None:
    told: list[tuple[DocumentState, DocumentState]] = []
    document.changed.connect(lambda before, after: told.append((before, after)))
    first = document.state
    shaped(document, 1.0)
    second = document.state
    document.undo()
    assert told == [(first, second), (second, first)]


def test_a_recording_that_is_opened_in_another_way_is_a_step_that_brings_the_old_one_back(
    document: Document, observations: tuple[Observation, Observation]
) -> None:
    whole, cut = observations
    document.add_observation(whole, show=True)
    document.add_observation(cut)
    path = document.state.recordings[0].path
    assert document.observations == [cut]
    assert document.observation_at(path) is cut
    document.undo()
    assert document.observation_at(path) is whole
    document.undo()
    assert document.observations == []
    assert document.state.fit.recording is None
    document.redo()
    document.redo()
    assert document.observations == [cut]


def test_a_run_comes_on_show_over_its_recording(
    document: Document, observations: tuple[Observation, Observation], fitted_run: Path
) -> None:
    run = load_run(fitted_run)
    document.add_observation(observations[0], show=True)
    document.add_run(run, show=True, name="Fit doll")
    assert document.run_at(document.state.fit.run) is run
    assert document.runs_of(observations[0].sequence) == [run]
    assert document.observation_of(run) is observations[0]
    assert document.undo_name == "Fit doll"
    document.undo()
    assert document.runs == []
    assert document.state.fit.run is None


def test_another_document_has_nothing_to_undo_and_keeps_nothing_loaded(
    document: Document, observations: tuple[Observation, Observation]
) -> None:
    document.add_observation(observations[0])
    document.begin(DocumentState(), Contents())
    assert document.undo_name is None
    assert document.model is None
    assert document.observations == []


Act = Callable[[Document, random.Random], None]


def acts(
    observations: tuple[Observation, Observation], run_folder: Path, models: tuple[Explorer, Explorer]
) -> list[Act]:
    """What a person can do, and what merely follows."""
    run = load_run(run_folder)

    def change(document: Document, name: str, **parts: object) -> None:
        document.change(name, replace(document.state, **parts))  # type: ignore[arg-type]

    def drag(document: Document, chance: random.Random) -> None:
        direction = chance.randrange(3)
        for _ in range(chance.randrange(1, 4)):
            shaped(document, chance.uniform(-3, 3), direction)
        document.end_step()

    def randomise(document: Document, chance: random.Random) -> None:
        explorer, state = present(document.explorer), document.state
        change(document, "Random", explore=explorer.randomised(state.explore, chance.choice(("shape", "pose"))))

    def choose(document: Document, chance: random.Random) -> None:
        explorer, state = present(document.explorer), document.state
        change(document, "Pose", explore=explorer.with_frame(state.explore, chance.randrange(9)))

    def interpolate(document: Document, chance: random.Random) -> None:
        now, explorer = document.state.interpolate, present(document.explorer)
        place = chance.randrange(len(now.keys))
        after = chance.choice(
            [
                replace(now, frame=chance.randrange(2)),
                with_key(now, document.state.explore, chance.uniform(0, 3)),
                with_time(now, place, chance.uniform(0, 4)),
                with_body(now, place, explorer.trained(chance.randrange(3))),
                without_key(now, place),
                backwards(now),
            ]
        )
        change(document, "Way", interpolate=after)

    def transfer(document: Document, chance: random.Random) -> None:
        explorer = present(document.explorer)
        bodies = tuple(explorer.trained(chance.randrange(3)) for _ in range(chance.randrange(1, 5)))
        change(document, "Bodies", transfer=replace(document.state.transfer, bodies=bodies))

    def open_recording(document: Document, chance: random.Random) -> None:
        document.add_observation(chance.choice(observations), show=True)

    def show_run(document: Document, chance: random.Random) -> None:
        if document.runs and chance.random() < 0.5:
            document.show_run(chance.choice([None, *document.runs]))
        else:
            document.add_run_with_recording(run, chance.choice(observations))

    def open_model(document: Document, chance: random.Random) -> None:
        number = chance.randrange(2)
        document.set_model(Path(f"/models/{number}.npm"), models[number])

    def bookmark(document: Document, chance: random.Random) -> None:
        state, count = document.state, len(document.state.bookmarks)
        if count and chance.random() < 0.3:
            document.change("Rename", with_bookmark_renamed(state, chance.randrange(count), f"{chance.random()}"))
        elif count and chance.random() < 0.3:
            document.change("Delete", without_bookmark(state, chance.randrange(count)))
        else:
            document.change("Bookmark", with_bookmark(state, f"mark {chance.randrange(9)}", state.explore))

    def lock(document: Document, chance: random.Random) -> None:
        change(document, "Lock", locks=Locks(tuple(range(chance.randrange(3))), (chance.randrange(3),)))

    def play(document: Document, chance: random.Random) -> None:
        explorer, state = present(document.explorer), document.state
        document.follow(replace(state, explore=explorer.with_frame(state.explore, chance.randrange(9))))

    def look(document: Document, chance: random.Random) -> None:
        document.show_workspace(chance.choice(("explore", "interpolate", "transfer", "fit", "compare")))

    return [
        drag,
        randomise,
        choose,
        interpolate,
        transfer,
        open_recording,
        show_run,
        open_model,
        bookmark,
        lock,
        play,
        look,
    ]


@pytest.mark.parametrize("seed", range(3))
def test_300_random_actions_undone_and_redone_give_equal_documents(
    document: Document, observations: tuple[Observation, Observation], fitted_run: Path, seed: int
) -> None:
    chance, models = random.Random(seed), (Explorer(toy_model(), seed=1), Explorer(toy_model(), seed=2))
    choices = acts(observations, fitted_run, models)
    steps: list[tuple[DocumentState, list[object]]] = []  # before each step

    def loaded() -> list[object]:
        return [document.explorer, *document.observations, *document.runs]

    for _ in range(300):
        before, place = (made(document), loaded()), document.place
        chance.choice(choices)(document, chance)
        steps += [before] * (document.place != place)
    last = made(document), loaded()
    assert len(steps) > 150
    for before in reversed(steps):
        document.undo()
        assert (made(document), loaded()) == before
    assert document.undo_name is None
    assert document.is_clean
    for after in (*steps[1:], last):
        document.redo()
        assert (made(document), loaded()) == after
    assert document.redo_name is None


def test_a_recording_that_nobody_shows_keeps_no_frames_though_a_job_holds_it(
    document: Document, depth_capture: Path
) -> None:
    def decoded(observation: Observation) -> int:
        return len(observation._frames)

    first, again, last = (open_observation(depth_capture) for _ in range(3))
    document.add_observation(first)
    assert decoded(first)
    document.add_observation(again)
    assert not decoded(first) and decoded(again)
    document.begin(DocumentState(), Contents())
    assert not decoded(again)
    document.add_observation(last)
    assert decoded(last)
    assert len(again.frame(0).points_world) == len(last.frame(0).points_world)

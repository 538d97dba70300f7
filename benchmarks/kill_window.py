"""The application killed without warning (SIGKILL) at random moments of a scripted use: what is lost, what stays?

    python benchmarks/kill_window.py [--kills 20] [--seed S] [--json FILE.json]

On a virtual screen of its own, the real window does at random what people do in all workspaces: sliders, undo and redo,
bookmarks, keyframes, bodies for a transfer, fits that end, are stopped and kept or discarded, comparisons, a training
in a process of its own, saving. It is killed; the next window accepts the recovery that it is offered and goes on from
there, and so on. After each kill
- the document that is recovered is the one after the last step, or of the moment after it: no step is lost;
- every run can be read, meshes and all, the training's states and its model load;
- no process is left after a while, and no half-written file once the next window has come.
At the end the window is closed, and nothing temporary may be left. Exits 1 where it is not so.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from application import open_window, own_screen, run_for, wait_until
from pydantic import TypeAdapter

from engine.core.files import write_json
from engine.core.process import prepare_process
from npm_studio.resources import demo_model, demo_sequence

if TYPE_CHECKING:
    from npm_studio.session.document.state import DocumentState
    from npm_studio.views.main_window import MainWindow

ROOT = Path(__file__).parents[1]
FRAMES = 6
LATEST = 25.0
"""Seconds after its recovery within which a window is killed."""
PATIENCE = 240.0
_SECONDS_TO_END = 90.0
"""For processes that a killed window leaves: they end by themselves."""
OF_LIBRARIES = ("wp_pch_", "torchinductor_")
"""Temporary folders of Warp, of which each killed process leaves one, and of PyTorch, which is one for all."""
PRESET = """
name: ellipsoids
shape:
  code_size: 8
  decoder: {width: 64, layers: 4, skip_layer: 2, full_width_skip: true, frequencies: 4}
  points_per_identity: 512
  schedule: {steps: 3000, network_rate: 3.0e-3, warmup: 10}
pose:
  schedule: {steps: 100}
"""


class User:
    """Does something, and notes every document that comes of it."""

    def __init__(self, window: "MainWindow", work: Path, seed: int) -> None:
        self.window, self.work, self.chance = window, work, random.Random(seed)
        self.actions: dict[Callable[[], object], int] = {
            self.slide: 6, self.undo: 3, self.bookmark: 3, self.keyframe: 3, self.transfer: 2, self.fit: 4,
            self.stop_fit: 4, self.compare: 2, self.train: 3, self.save: 2,
        }  # fmt: skip

    def act(self) -> str:
        action = self.chance.choices(list(self.actions), list(self.actions.values()))[0]
        action()
        return action.__name__  # type: ignore[attr-defined,no-any-return]

    def command(self, name: str) -> None:
        self.window.refresh_actions()
        action = self.window.actions_by_id[name]
        if action.isEnabled():
            action.trigger()

    def show(self, workspace: str) -> None:
        self.window.session.document.show_workspace(workspace)
        run_for(0.1)

    def slide(self) -> None:
        from npm_studio.views.workspaces.explore import ExploreWorkspace

        self.show("explore")
        sliders = self.window.workspace_of(ExploreWorkspace).shape.sliders
        self.chance.choice(sliders).slider.setValue(self.chance.randint(-100, 100))

    def undo(self) -> None:
        self.command(self.chance.choice(("edit.undo", "edit.undo", "edit.redo")))

    def bookmark(self) -> None:
        self.show("explore")
        self.command("edit.random_pose")
        self.command("edit.add_bookmark")

    def keyframe(self) -> None:
        self.show("interpolate")
        self.window.session.document.timeline.seek(self.chance.randint(1, 40))
        self.command("edit.add_keyframe")

    def transfer(self) -> None:
        from npm_studio.session.document.state import Exploration

        self.show("transfer")
        document = self.window.session.document
        model, state = document.model, document.state
        assert model is not None
        pose = tuple(self.chance.uniform(-0.1, 0.1) for _ in state.explore.pose or ())
        document.change("Pose", replace(state, explore=Exploration(state.explore.shape, pose)))

    def fit(self) -> None:
        self.show("fit")
        self.command("fit.start")

    def stop_fit(self) -> None:
        self.show("fit")
        self.command(self.chance.choice(("fit.cancel", "fit.cancel", "fit.discard")))

    def compare(self) -> None:
        self.show("compare")
        self.command(self.chance.choice(("compare.add", "compare.swap")))

    def train(self) -> None:
        from npm_studio.views.workspaces.train import TrainWorkspace

        train = self.window.workspace_of(TrainWorkspace)
        data, out = self.work / "ellipsoids", self.work / "ellipsoids.npm"
        if train.now.dataset != data:
            self.window.files.open_dataset(data)
        if train.trainings.is_running(out):
            if self.chance.random() < 0.5:
                train.trainings.stop(out)
            return
        from npm_studio.session.jobs.training import TrainingChoice, can_go_on

        choice = TrainingChoice(data, str(self.work / "preset.yaml"), out, "cpu")
        train.trainings.start(choice, "on" if can_go_on(out) else "anew")

    def save(self) -> None:
        self.window.files.save_in(self.work / "study")


def use(work: Path, seed: int) -> None:
    """In a process of its own: recover what there is and go on, until it is killed."""
    prepare_process()
    from npm_studio import bootstrap
    from npm_studio.session.settings import change_settings

    application = bootstrap.create_application()
    change_settings(welcome=False)
    window = open_window()
    document, adapter = window.session.document, _adapter()
    window.session.failed.connect(lambda error, trace: print(f"error: {error}\n{trace}", flush=True))
    sys.excepthook = lambda kind, error, trace: print(f"exception: {kind.__name__}: {error}", flush=True)
    window.files.offer_recovery()
    question = window.files.question
    if question is not None:
        question.answer("Recover")
        wait_until(lambda: bool(document.state.model), "the recovery", PATIENCE)
    else:
        window.files.open_model(demo_model())
        wait_until(lambda: document.model is not None, "the model", PATIENCE)
        window.files.open_sequence(work / "sequence")
        wait_until(lambda: bool(document.observations), "the recording", PATIENCE)
    states = (work / "states.jsonl").open("w", encoding="utf-8")

    def note(kind: str) -> None:
        state = adapter.dump_python(document.state, mode="json")
        states.write(json.dumps({"kind": kind, "state": state, "clean": document.is_clean}) + "\n")
        states.flush()

    note("step")
    document.stepped.connect(lambda is_new: note("step"))
    document.changed.connect(lambda before, after: note("follow"))
    (work / "ready").write_text(str(os.getpid()))
    user = User(window, work, seed)
    while not (work / "end").exists():
        print(f"did {user.act()}", flush=True)
        run_for(user.chance.uniform(0.05, 1.0))
    window.close_unasked()
    application.processEvents()


def _adapter() -> "TypeAdapter[DocumentState]":
    from npm_studio.session.document.state import DocumentState

    return TypeAdapter(DocumentState)


def kill_often(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """See the text of this file."""
    work, temporary = folder / "work", folder / "temporary"
    temporary.mkdir()
    os.environ |= {"TMPDIR": str(temporary), "XDG_CACHE_HOME": str(folder / "cache")}
    write_data(work)
    moments, rows, failures, done = random.Random(options.seed), [], [], Counter[str]()
    for number in range(1, options.kills + 1):
        delay = moments.uniform(0.0, LATEST)
        process, log = start(work, options.seed + number, number)
        wait_ready(process, work, log)
        time.sleep(delay)
        if process.poll() is not None:
            failures.append(f"{number}: it ended by itself: {log.read_text()[-2000:]}")
            break
        process.kill()
        process.wait()
        killed = time.monotonic()
        said = log.read_text().splitlines()
        did = [line.removeprefix("did ") for line in said if line.startswith("did ")]
        done.update(did)
        wrong = [line for line in said if line.startswith(("error: ", "exception: "))]
        wrong += look_at_document(work) + look_at_rest(work, folder)
        left = seconds_until_alone(folder)
        wrong += [] if left is not None else [f"processes are left: {processes_of(folder)}"]
        failures += [f"{number}: {each}" for each in wrong]
        rows.append(
            {
                "seconds": delay,
                "actions": len(did),
                "last": did[-1] if did else "",
                "alone_after_s": left,
                "wrong": wrong,
            }
        )
        print(
            f"{number:3d}  {delay:5.1f} s  {len(did):3d} actions, last {rows[-1]['last'] or 'none':10s} "
            f"alone after {time.monotonic() - killed if left is None else left:4.1f} s  {'; '.join(wrong) or 'whole'}",
            flush=True,
        )
    process, log = start(work, 0, 0)
    wait_ready(process, work, log)
    (work / "end").touch()
    code = process.wait(PATIENCE)
    stray = stray_files(folder)
    failures += [f"it ended with {code}: {log.read_text()[-2000:]}"] if code else []
    failures += [f"left behind: {', '.join(map(str, stray))}"] if stray else []
    return {"kills": rows, "actions": dict(done), "failures": failures, "load": os.getloadavg()}


def start(work: Path, seed: int, number: int) -> tuple["subprocess.Popen[bytes]", Path]:
    (work / "ready").unlink(missing_ok=True)
    log = work / f"log-{number}.txt"
    with log.open("wb") as said:
        command = [sys.executable, __file__, "--use", str(work), "--seed", str(seed)]
        return subprocess.Popen(command, cwd=ROOT, stdout=said, stderr=subprocess.STDOUT), log


def wait_ready(process: "subprocess.Popen[bytes]", work: Path, log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while not (work / "ready").exists():
        if process.poll() is not None or time.monotonic() > until:
            process.kill()
            raise RuntimeError(f"the window did not come: {log.read_text()[-3000:]}")
        time.sleep(0.05)


def look_at_document(work: Path) -> list[str]:
    """What is wrong with the document that would be recovered."""
    from npm_studio.session.document.autosave import recoverable
    from npm_studio.session.document.project import AUTOSAVE_NAME, load_project

    noted = []
    for line in (work / "states.jsonl").read_text(encoding="utf-8").splitlines():
        try:
            noted.append(json.loads(line))
        except ValueError:  # the last one was being written
            break
    last_step = max(row for row, each in enumerate(noted) if each["kind"] == "step")
    study = work / "study"
    folders = recoverable([study] if study.exists() else [])
    if not folders:
        is_saved = noted[last_step]["clean"] and study.exists()
        return [] if is_saved else ["no recovery is offered"]
    adapter = _adapter()
    try:
        found = load_project(folders[0], AUTOSAVE_NAME).state
    except Exception as error:
        return [f"the recovery cannot be read: {error}"]
    states = [adapter.validate_python(each["state"]) for each in noted]
    places = [row for row, state in enumerate(states) if made(state) == made(found)]
    if places and places[-1] < last_step and made(states[last_step]) != made(found):
        lost = sum(each["kind"] == "step" for each in noted[places[-1] + 1 :])
        return [f"{lost} steps are lost"] if lost > 1 else []
    return []


def made(state: "DocumentState") -> "DocumentState":
    """``state`` without how one looks at it, and where its runs lie."""
    from npm_studio.session.document.paths import with_paths
    from npm_studio.session.document.view_state import ViewState

    return with_paths(replace(state, view=ViewState()), lambda path: Path(path.name))


def look_at_rest(work: Path, folder: Path) -> list[str]:
    """What is wrong with runs, and with the training."""
    from engine.core.files import clear_leftovers
    from engine.methods.run import load_run
    from engine.models.checkpoint import load_model
    from engine.training.state import training_folder
    from npm_studio.session.jobs.fitting import runs_folder

    wrong = []
    for place in (runs_folder(), work / "study" / "runs"):
        if not place.is_dir():
            continue
        clear_leftovers(place)
        for each in place.iterdir():
            try:
                load_run(each).meshes.read(0)
            except Exception as error:
                wrong.append(f"a run is damaged: {error}")
    out = work / "ellipsoids.npm"
    try:
        for state in training_folder(out).glob("*.state"):
            if not state.name.startswith("."):
                torch.load(state, weights_only=True)
        if out.exists():
            load_model(out)
    except Exception as error:
        wrong.append(f"the training is damaged: {error}")
    return wrong


def processes_of(folder: Path) -> list[int]:
    """Those that have this benchmark's folder in their environment, without this one and the screen."""
    from application import screen_process

    found = []
    for each in Path("/proc").iterdir():
        if not each.name.isdecimal() or int(each.name) in (os.getpid(), screen_process()):
            continue
        try:
            environment = (each / "environ").read_bytes()
            is_over = (each / "stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
        except OSError:
            continue
        if f"XDG_DATA_HOME={folder}".encode() in environment and not is_over:
            found.append(int(each.name))
    return found


def seconds_until_alone(folder: Path) -> float | None:
    """Until no process of a killed window is left; None where one stays."""
    since = time.monotonic()
    while processes_of(folder):
        if time.monotonic() - since > _SECONDS_TO_END:
            return None
        time.sleep(0.1)
    return time.monotonic() - since


def stray_files(folder: Path) -> list[Path]:
    """Half-written files, and what lies in the folder for temporary files, but for what libraries keep there."""
    hidden = [*folder.rglob(".*-new-*"), *folder.rglob(".*-old-*")]
    temporary = [path for path in (folder / "temporary").iterdir() if not path.name.startswith(OF_LIBRARIES)]
    return [path.relative_to(folder) for path in (*hidden, *temporary)]


def write_data(work: Path) -> None:
    """A short recording, and a prepared dataset with a preset."""
    sys.path.insert(0, str(ROOT))  # for tests/, which is not installed
    from engine.dataset.preparation.sdf_pools import prepare_pools
    from engine.dataset.registered import load_registered_dataset
    from engine.sequences.depth_sequence import load_depth_sequence, save_depth_sequence
    from tests.support.ellipsoids import write_ellipsoids

    work.mkdir()
    sequence = load_depth_sequence(demo_sequence()).subset(range(FRAMES))
    images = (sequence.depth_m(index) for index in range(FRAMES))
    save_depth_sequence(
        work / "sequence", images, sequence.camera, sequence.cameras_to_world, sequence.times_s, sequence.frame_names,
        world=sequence.world,
    )  # fmt: skip
    prepare_pools(load_registered_dataset(write_ellipsoids(work / "ellipsoids")), (4000, 2000, 1000))
    (work / "preset.yaml").write_text(PRESET)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--use", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.use is not None:
        use(options.use, options.seed)
        return 0
    with own_screen() as folder:
        results = kill_often(folder, options)
    print(f"{len(results['kills'])} kills, {results['actions']}, load {results['load'][0]:.1f}")
    print("\n".join(results["failures"]) or "nothing but the last action was lost, nothing is damaged, nothing is left")
    if options.json:
        write_json(options.json, results)
    return 1 if results["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())

"""Closing the application while something runs, or with unsaved work: how long until each answer has been obeyed.

    PYTHONPATH=benchmarks:. python benchmarks/closing.py [--cases NAME ...] [--pictures DIR] [--json FILE.json]

On a virtual screen of its own the application is started for each case as a user starts it, and closed while a fit by
one of several methods, a training in its process or a track goes on, or with unsaved work. Measured is, from the answer
to the last question that it asks, until the window is gone and until its process has ended. Afterwards

- what was to be kept is there and can be read, a training has a state of more than no step, and what was to be
  discarded is not;
- no other process is left, and nothing half written.

Exits 1 where it is not so, or where a window or a process is not gone within two seconds.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from application import own_screen
from kill_window import ROOT, processes_of, stray_files, write_data

from engine.core.files import write_json
from engine.core.process import prepare_process
from npm_studio.resources import demo_model

if TYPE_CHECKING:
    from npm_studio.views.main_window import MainWindow

LONGEST_S = 2.0
PATIENCE = 300.0
Steps = Iterator[Callable[[], object]]
"""Of a script: what has to hold before it goes on."""


@dataclass(frozen=True)
class Case:
    """What goes on when the window is closed, and how its questions are answered."""

    begin: Callable[["MainWindow", Path], Steps]
    answers: tuple[str, ...]
    keeps: str = ""
    """``run`` or ``state``, that must be there afterwards"""


def fitting(method: str, steps: int, seconds: float = 0.0, **values: object) -> Callable[["MainWindow", Path], Steps]:
    """Begins a fit, and goes on when ``steps`` of its main stage, and then ``seconds``, are over."""

    def begin(window: "MainWindow", work: Path) -> Steps:
        from engine.methods.method import load_method
        from npm_studio.session.jobs.fitting import fit_request
        from npm_studio.views.workspaces.fit import FitWorkspace

        yield from opened(window, work)
        fit, document = window.workspace_of(FitWorkspace), window.session.document
        assert fit.observation is not None
        request = fit_request(load_method(method), values, fit.observation, document, fill_lost=False)
        fit.fitting.start(request, fit.observation)
        stage = "deform" if method in ("nricp", "cpd", "pyramid") else "fit"  # these begin with a fit of one frame
        yield lambda: fit.fitting.status.stage == stage and fit.fitting.status.done >= steps
        until = time.monotonic() + seconds
        yield lambda: time.monotonic() > until

    return begin


def tracking(window: "MainWindow", work: Path) -> Steps:
    from engine.sequences.source_kind import Pace
    from npm_studio.session.jobs.tracking import recording_on_show
    from npm_studio.views.workspaces.fit import FitWorkspace

    yield from opened(window, work)
    fit = window.workspace_of(FitWorkspace)
    assert fit.observation is not None
    fit.tracking.start(recording_on_show(fit.observation, Pace.EVERY))
    yield lambda: fit.tracking.view is not None and fit.tracking.view.frames >= 3


def training(window: "MainWindow", work: Path) -> Steps:
    from npm_studio.session.jobs.training import TrainingChoice
    from npm_studio.views.workspaces.train import TrainWorkspace

    document = window.session.document
    yield lambda: document.model is not None
    document.show_workspace("train")
    train, data, out = window.workspace_of(TrainWorkspace), work / "ellipsoids", work / "ellipsoids.npm"
    window.files.open_dataset(data)
    yield lambda: train.shown is not None
    train.trainings.start(TrainingChoice(data, str(work / "preset.yaml"), out, "cpu"), "anew")

    def is_stepping() -> bool:
        job = train.trainings.job_of(out)
        return job is not None and job.stage.startswith("train") and job.done >= 100

    yield is_stepping


def unsaved(window: "MainWindow", work: Path) -> Steps:
    yield from opened(window, work)
    window.session.document.show_workspace("explore")
    command(window, "edit.random_pose")
    command(window, "edit.add_bookmark")
    yield lambda: not window.session.document.is_clean


def opened(window: "MainWindow", work: Path) -> Steps:
    """The model and the recording, saved as a project."""
    document = window.session.document
    yield lambda: document.model is not None
    window.files.open_sequence(work / "sequence")
    yield lambda: bool(document.observations)
    document.show_workspace("fit")
    window.files.save_in(work / "study")
    yield lambda: document.is_clean and document.folder is not None


def command(window: "MainWindow", name: str) -> None:
    window.refresh_actions()
    window.actions_by_id[name].trigger()


LIGHT = {"grid": 64, "points": 2000, "pool": 20_000}
"""Of the published recipe, whose steps take minutes otherwise."""
CASES = {
    "a fit, stopped and kept": Case(fitting("npm", 5), ("Stop and keep", "Save"), "run"),
    "a fit, discarded": Case(fitting("npm", 5), ("Stop and discard", "Discard")),
    "npm-reference, stopped and kept": Case(fitting("npm-reference", 5, **LIGHT), ("Stop and keep", "Save"), "run"),
    "skinned, stopped and kept": Case(fitting("skinned", 3), ("Stop and keep", "Save"), "run"),
    "nricp, stopped and kept": Case(fitting("nricp", 2, 0.5), ("Stop and keep", "Save"), "run"),
    "cpd, stopped and kept": Case(fitting("cpd", 2, 0.5), ("Stop and keep", "Save"), "run"),
    "pyramid, stopped and kept": Case(fitting("pyramid", 2, 0.5), ("Stop and keep", "Save"), "run"),
    "a track, stopped and kept": Case(tracking, ("Stop and keep", "Save"), "run"),
    "a track, discarded": Case(tracking, ("Stop and discard", "Discard")),
    "a training, stopped": Case(training, ("Stop and keep", "Discard"), "state"),
    "unsaved work, saved": Case(unsaved, ("Save",)),
    "unsaved work, not saved": Case(unsaved, ("Discard",)),
}


def use(name: str, work: Path, pictures: Path | None) -> None:
    """In a process of its own: bring about the case, close the window, and answer what it asks."""
    prepare_process()
    from npm_studio import bootstrap
    from npm_studio.session.settings import change_settings

    case = CASES[name]

    def prepare(window: "MainWindow") -> None:
        from PyQt6.QtCore import QTimer

        change_settings(welcome=False)
        script = closed(window, case, work, name, pictures)
        holds = next(script)
        timer = QTimer(window)

        def turn() -> None:
            nonlocal holds
            try:
                if holds():
                    holds = next(script)
            except StopIteration:
                timer.stop()

        window.session.failed.connect(lambda error, trace: print(f"error: {error}\n{trace}", flush=True))
        window.files.open_model(demo_model())
        timer.timeout.connect(turn)
        timer.start(20)

    bootstrap.run_application(lambda: prepare)


def closed(window: "MainWindow", case: Case, work: Path, name: str, pictures: Path | None) -> Steps:
    """Close the window in the middle of the case, and note when it was answered and when it was gone."""
    yield from case.begin(window, work)
    said = (work / "times").open("w", buffering=1, encoding="utf-8")
    window.close()
    for place, answer in enumerate(case.answers):
        yield lambda: question(window) is not None or not window.isVisible()
        asked = question(window)
        if asked is None:
            break
        if pictures is not None:
            until = time.monotonic() + 0.5
            yield lambda: time.monotonic() > until  # noqa: B023  held until it is over
            file = pictures / f"{name.replace(', ', '-').replace(' ', '-')}-{place + 1}.png"
            subprocess.run(["import", "-window", "root", str(file)], check=False)
        print(f"question: {asked.text()} / {asked.informativeText()}", flush=True)
        said.write(f"answered {time.monotonic()} {answer}\n")
        asked.answer(answer)
        until = time.monotonic() + 0.1
        yield lambda: not window.isVisible() or time.monotonic() > until  # noqa: B023
        if not window.isVisible():
            break
    yield lambda: not window.isVisible()
    said.write(f"gone {time.monotonic()}\n")


def question(window: "MainWindow") -> Any:
    return window.closing.question or window.files.question


def measure(folder: Path, name: str, pictures: Path | None) -> dict[str, Any]:
    """One case: seconds from the last answer until the window and its process are gone, and what is wrong."""
    case, work = CASES[name], folder / "work"
    (work / "times").unlink(missing_ok=True)
    before = set(runs_in(work)) | set(runs_in(folder))
    log = work / "log.txt"
    with log.open("wb") as out:
        words = [sys.executable, __file__, "--use", name, "--work", str(work)]
        words += [] if pictures is None else ["--pictures", str(pictures)]
        process = subprocess.Popen(words, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT)
    try:
        code = process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        return {"case": name, "wrong": [f"it did not end: {log.read_text()[-2000:]}"]}
    ended = time.monotonic()
    if not (work / "times").exists():
        return {"case": name, "wrong": [f"it was not asked anything: {log.read_text()[-2000:]}"]}
    lines = [line.split() for line in (work / "times").read_text().splitlines()]
    answered = [float(line[1]) for line in lines if line[0] == "answered"]
    gone = [float(line[1]) for line in lines if line[0] == "gone"]
    window_s = gone[0] - answered[-1] if gone else ended - answered[-1]
    said = log.read_text().splitlines()
    wrong = [line for line in said if line.startswith(("error: ", "Traceback"))] + ([f"code {code}"] if code else [])
    made = (set(runs_in(work)) | set(runs_in(folder))) - before
    wrong += look_at(case, made, work)
    wrong += [f"process {each} is left" for each in processes_of(folder)]
    wrong += [f"left: {each}" for each in stray_files(folder)]
    limits = {"window": window_s, "process": ended - answered[-1]}
    wrong += [f"the {what} took {seconds:.1f} s" for what, seconds in limits.items() if seconds > LONGEST_S]
    questions = [line for line in said if line.startswith("question: ")]
    return {
        "case": name,
        "window_s": window_s,
        "process_s": ended - answered[-1],
        "load": os.getloadavg()[0],
        "questions": questions,
        "wrong": wrong,
    }


def runs_in(folder: Path) -> list[Path]:
    return [path.parent for path in folder.rglob("run.json")]


def look_at(case: Case, made: set[Path], work: Path) -> list[str]:
    """What is wrong with what was kept."""
    from engine.methods.run import load_run
    from engine.training.state import read_state, state_file

    if case.keeps == "run":
        runs = [load_run(folder) for folder in made]
        for run in runs:
            run.meshes.read(0)
        return [] if runs else ["no run was kept"]
    if case.keeps == "state":
        step = read_state(state_file(work / "ellipsoids.npm", "shape", "last"))["step"]
        return [] if step >= 100 else [f"the state is of step {step}"]
    return [f"{len(made)} runs were kept"] if made else []


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES), metavar="NAME")
    parser.add_argument("--pictures", type=Path, help="folder for pictures of the questions")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--use", help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.use is not None:
        use(options.use, options.work, options.pictures)
    rows = []
    with own_screen() as folder:
        (folder / "temporary").mkdir()
        os.environ |= {"TMPDIR": str(folder / "temporary"), "XDG_CACHE_HOME": str(folder / "cache")}
        write_data(folder / "work")
        for name in options.cases:
            row = measure(folder, name, options.pictures)
            rows.append(row)
            times = f"window {row['window_s']:4.1f} s  process {row['process_s']:4.1f} s" if "window_s" in row else ""
            print(
                f"{name:34s} {times}  load {os.getloadavg()[0]:.1f}  {'; '.join(row['wrong']) or 'whole'}", flush=True
            )
    if options.json:
        write_json(options.json, rows)
    return 1 if any(row["wrong"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())

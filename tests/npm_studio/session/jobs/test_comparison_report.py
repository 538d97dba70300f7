import shutil
from dataclasses import replace
from pathlib import Path

from engine.methods.run import load_run
from engine.sequences.depth_sequence import load_depth_sequence
from npm_studio.session.document.comparison import ComparisonState, SideSource
from npm_studio.session.document.document import Document
from npm_studio.session.document.observation import Observation
from npm_studio.session.jobs.comparison_report import report_choice


def test_a_report_is_of_the_runs_on_show_against_what_the_window_measures_them_against(
    depth_capture: Path, fitted_run: Path, tmp_path: Path
) -> None:
    document, other = Document(), Path(shutil.copytree(fitted_run, tmp_path / "other"))
    document.add_observation(Observation(load_depth_sequence(depth_capture)))
    for folder in (fitted_run, other):
        document.add_run(load_run(folder))
    first, second = (SideSource("run", folder.resolve()) for folder in (fitted_run, other))
    truth, seen = (SideSource(kind, depth_capture.resolve()) for kind in ("truth", "observation"))
    state = ComparisonState((first, truth, second), layout=3)

    def told(state: ComparisonState) -> tuple[tuple[Path, ...], str] | None:
        document.set_comparison(state, "Compare")
        choice = report_choice(document)
        return None if choice is None else (choice.runs, choice.truth)

    runs = (first.path, second.path)
    assert told(state) == (runs, "")  # that of the recording
    assert told(replace(state, reference=seen)) == (runs, "none")
    assert told(replace(state, reference=first)) == (runs, "none")
    theirs = SideSource("meshes", tmp_path / "theirs")
    with_meshes = replace(state, sides=(first, theirs, second), mesh_files=(theirs.path,), reference=theirs)
    assert told(with_meshes) == (runs, str(theirs.path))
    assert told(replace(state, layout=2)) == (runs[:1], "")  # a report may be of one

"""How long a project with many recordings takes to open, from the command to the recording on show.

    python benchmarks/open_project.py [--recordings N] [--frames N] [--repeats N] [--out FILE.json]

The recordings are the built-in one over and over, forwards and backwards, each in a folder of its own. The window opens
on a screen of its own (Xvfb) with the built-in model; the clock runs from `Files.open_path` until the document has all
recordings and the first one is drawn. The processor time is that of all threads, and says more where other programs run
on the machine.
"""

import argparse
import json
import shutil
import statistics
import time
from dataclasses import replace
from pathlib import Path

from application import Finest, open_window, own_screen, run_for, wait_until

from engine.core.files import write_json
from engine.core.process import prepare_process
from engine.sequences.depth_sequence import load_depth_sequence, save_depth_sequence
from npm_studio.resources import demo_model, demo_sequence


def make_recordings(folder: Path, count: int, frames: int) -> list[Path]:
    """``count`` folders with ``frames`` frames each."""
    demo = load_depth_sequence(demo_sequence())
    way = [*range(len(demo)), *range(len(demo) - 2, 0, -1)]
    depths = (demo.depth_m(way[frame % len(way)]) for frame in range(frames))
    first = folder / "recording-00"
    save_depth_sequence(first, depths, demo.camera, demo.camera_at(0), demo.frame_rate)
    return [first, *(Path(shutil.copytree(first, folder / f"recording-{one:02d}")) for one in range(1, count))]


def main() -> None:
    prepare_process()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=int, default=10)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks/open_project.json"))
    options = parser.parse_args()
    with own_screen() as folder:
        from npm_studio import bootstrap
        from npm_studio.session.document.project import write_project
        from npm_studio.session.document.state import DocumentState, OpenRecording

        recordings = make_recordings(folder, options.recordings, options.frames)
        state = DocumentState(model=demo_model(), recordings=tuple(OpenRecording(path) for path in recordings))
        state = replace(state, fit=replace(state.fit, recording=recordings[0]))
        state = replace(state, view=replace(state.view, workspace="fit"))
        project = folder / "project"
        project.mkdir()
        write_project(state, project)
        app = bootstrap.create_application()
        window = open_window()
        window.files.open_model(demo_model())
        finest = Finest(window)
        wait_until(lambda: finest.is_newest, "the model")
        run_for(1.0)
        opened: list[dict[str, float]] = []
        document = window.session.document
        begun: list[int] = []
        document.begun.connect(lambda: begun.append(len(document.observations)))
        for _ in range(options.repeats):
            begun.clear()
            started, used = time.perf_counter(), time.process_time()
            window.files.open_path(project)
            wait_until(lambda: bool(begun), "the project")
            assert begun == [options.recordings], begun
            window.viewports.left.view.repaint()
            opened.append({"seconds": time.perf_counter() - started, "processor": time.process_time() - used})
            print(f"{opened[-1]['seconds']:.2f} s, processor {opened[-1]['processor']:.2f} s")
        window.close_unasked()
        del window, app
    figures = {name: statistics.median(one[name] for one in opened) for name in opened[0]}
    about = {"recordings": options.recordings, "frames": options.frames}
    write_json(options.out, about | figures)
    print(json.dumps(about | figures))


if __name__ == "__main__":
    main()

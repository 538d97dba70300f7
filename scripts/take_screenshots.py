"""Take the pictures of the application in ``docs/pictures`` with the built-in model and depth sequence.

Needs a display; without one: ``xvfb-run -s '-screen 0 1600x1000x24' python scripts/take_screenshots.py``.
The fit takes a minute or two on two cores.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SIZE = (1440, 900)
IDENTITY, SEQUENCE, FRAME = 62, "wave", 4
FITTED_FRAME = 8


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures")
    parser.add_argument("--run", type=Path, help="show this run of the built-in sequence instead of fitting")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["XDG_CONFIG_HOME"] = os.environ["XDG_DATA_HOME"] = scratch
        take_all(options.out, options.run)
    return 0


def take_all(out: Path, run: Path | None) -> None:
    from npm_studio import bootstrap, resources

    bootstrap.check_display()
    app = bootstrap.create_application()
    from npm_studio.views.main_window import MainWindow

    window = MainWindow()
    window.resize(*SIZE)
    window.show()

    def wait(condition: Callable[[], bool], seconds: float = 600) -> None:
        end = time.monotonic() + seconds
        while not condition():
            app.processEvents()
            time.sleep(0.01)
            if window.error is not None:
                sys.exit(window.error.details)
            if time.monotonic() > end:
                sys.exit("timed out")

    def pause(seconds: float) -> None:
        end = time.monotonic() + seconds
        wait(lambda: time.monotonic() > end)

    def take(name: str) -> None:
        window.say("")
        pause(0.5)
        out.mkdir(parents=True, exist_ok=True)
        window.grab().save(str(out / name))
        print(out / name)

    window.files.open_model(resources.demo_model())
    wait(lambda: window.badge.text == "Fine")
    model = window.studio.document.model
    assert model is not None
    rows = [row for row in model.frames_of(IDENTITY) if model.info.frames[row].sequence.endswith(SEQUENCE)]
    window.explore.identity_chosen(IDENTITY)
    window.library.select_identity(IDENTITY)
    window.library.reveal_poses_of(IDENTITY)
    window.explore.frame_chosen(rows[FRAME])
    pause(0.5)
    wait(lambda: window.badge.text == "Fine")
    window.stage.frame_all()
    take("explorer.png")

    if run is None:
        window.files.open_path(resources.demo_sequence(), fit=True)
    else:
        window.files.open_path(run)
    wait(lambda: window.fit.run is not None)
    window.studio.document.timeline.pause()
    window.studio.document.timeline.seek(FITTED_FRAME)
    window.stage.frame_all()
    take("fit.png")

    window.show_compare()
    wait(lambda: window.compare.comparison is not None and not window.studio.jobs.is_busy("measure"))
    window.studio.document.timeline.seek(FITTED_FRAME)
    window.stage.frame_all()
    take("comparison.png")
    window.close()


if __name__ == "__main__":
    sys.exit(main())

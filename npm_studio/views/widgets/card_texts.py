"""What the cards of runs say."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from engine.methods.run import Run
from engine.methods.run_summary import lost_rows, mean_distance_mm, refit_text, side_text
from npm_studio.session.document.observation import Observation
from npm_studio.session.document.run_steps import day_in_words, fitted_otherwise, made_at, method_title
from npm_studio.session.document.state import OpenRun
from npm_studio.session.jobs.status import taken_text
from npm_studio.views.widgets.run_card import CardText

_DISTANCE = (
    "{}: mean from what was seen to the mesh, without lost frames. Against a truth, Compare measures "
    "the whole surface, also what no camera saw"
)
_TRACKER = "npm-tracker"


def card_texts(runs: Sequence[Run], opened: Sequence[OpenRun], observation: Observation | None) -> list[CardText]:
    """A card for each of ``runs``, whose names ``opened`` has; ``observation`` is their recording as it is open."""
    names = {one.folder: one.name for one in opened}
    return [_card(run, names.get(run.folder.resolve(), ""), observation) for run in runs]


def stale_text(run: Run | None, observation: Observation | None) -> str:
    """In what ``run`` was fitted otherwise than its recording is open now; empty: in nothing."""
    if run is None or observation is None:
        return ""
    return fitted_otherwise(run.inputs.capture, observation.capture)


def _card(run: Run, name: str, observation: Observation | None) -> CardText:
    when = day_in_words(made_at(run), datetime.now())
    mean_mm, stale = mean_distance_mm(run), stale_text(run, observation)
    distance = "" if mean_mm is None else f"{mean_mm:.1f} mm"
    made_by = [method_title(run.method), run.inputs.model.stem if run.inputs.model is not None else ""]
    parts = [distance, f"took {taken_text(run.seconds)}", when if name else ""]
    tips = (str(run.folder), distance and _DISTANCE.format(distance), run.reason, side_text(run), refit_text(run))
    return CardText(
        folder=Path(run.folder),
        title=name or when,
        verdict=run.verdict,
        made_by=" · ".join(filter(None, made_by)),
        figures=" · ".join(filter(None, parts)),
        state=_state(run, stale),
        is_stale=bool(stale),
        tooltip="\n".join(filter(None, tips)),
    )


def _state(run: Run, stale: str) -> str:
    lost = len(lost_rows(run))
    said = (
        stale,
        "stopped early" if run.interrupted else "",
        "" if run.decoding is None else "meshes and verdict are still to come",
        "" if run.decoding is not None or run.is_complete else "the verdict is still to come",
        "tracked" if run.method == _TRACKER else "",
        "some frames were fitted again" if refit_text(run) else "",
        f"{lost} of {len(run.frames)} frames lost" if lost else "",
    )
    return " · ".join(filter(None, said))

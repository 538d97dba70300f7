"""From a suite to its cases on disk: what is there already is kept."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine.core.errors import Cancelled, InputError
from engine.core.progress import Progress
from npm_studio.batch.workers import Workers, every_core
from npm_studio.suites.cape_published import recorded_sequences
from npm_studio.suites.cases import DESCRIPTION, Case, CaseFile, is_there, load_case, write_case, write_subset
from npm_studio.suites.recorded import Recorded
from npm_studio.suites.suite import CasePlan, Generated, Scenes, Suite, made_from

PEOPLE = "people.npz"
"""In the folder of cases: who is in scenes, for machines without the Anny model."""


@dataclass(frozen=True)
class Sources:
    """What cases are made with."""

    device: str = "cpu"
    """That renders."""
    data: Path | None = None
    """The dataset of a suite of `npm_studio.suites.suite.Sequences`."""
    workers: Workers = field(default_factory=every_core)
    """Who records scenes; bodies and recorded sequences are rendered by this process."""


def make_cases(
    suite: Suite, plans: Sequence[CasePlan], folder: Path, sources: Sources, progress: Progress | None = None
) -> dict[str, Case]:
    """The cases of ``plans`` by name, each in a folder of its name below ``folder``.

    Raises:
        InputError: one cannot be made, or a folder is something else.
        Cancelled: ``progress`` asked to stop; those that are complete stay.
    """
    progress = progress or Progress()
    _check_folder(folder)
    missing = [plan for plan in plans if not is_there(folder / plan.name, suite, plan)]
    names = list(dict.fromkeys(plan.recording for plan in missing))
    if names:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".making-", dir=folder) as work:
            made = _recorded(suite, names, folder, Path(work), sources, progress)
            progress.stage("cases", len(names))
            for done, (name, recorded) in enumerate(zip(names, made, strict=True), 1):
                if progress.cancelled():
                    raise Cancelled
                _keep(suite, [plan for plan in missing if plan.recording == name], recorded, folder, Path(work))
                progress.advance(done)
    return {plan.name: load_case(folder / plan.name) for plan in plans}


def _check_folder(folder: Path) -> None:
    """Refuse to write beside what is no case."""
    if folder.exists() and not folder.is_dir():
        raise InputError(folder, "is a file", "name a folder for the cases")
    for path in sorted(folder.iterdir()) if folder.exists() else ():
        if not (path.name.startswith(".") or path.name == PEOPLE or (path / DESCRIPTION).is_file()):
            raise InputError(folder, f"holds {path.name}, which is no case", "name another folder for the cases")


def _recorded(
    suite: Suite, names: Sequence[str], folder: Path, work: Path, sources: Sources, progress: Progress
) -> Iterator[Recorded]:
    wanted, settings = suite.recordings, suite.settings
    if isinstance(wanted, Generated):
        from npm_studio.suites.canonical import recorded_bodies

        return recorded_bodies(wanted, names, settings, work, sources.device)
    if isinstance(wanted, Scenes):
        from npm_studio.suites.scenes import recorded_scenes

        people = folder / PEOPLE
        return recorded_scenes(
            wanted, names, settings, work, people if people.is_file() else None, sources.workers, progress
        )
    return recorded_sequences(wanted, names, settings, work, sources.data, sources.device)


def _keep(suite: Suite, plans: Sequence[CasePlan], recorded: Recorded, folder: Path, work: Path) -> None:
    """The whole of a recording, and its part; the part alone where only that is wanted."""
    whole = next((plan for plan in plans if not plan.is_subset), CasePlan("whole", plans[0].recording))
    place = (folder if whole in plans else work) / whole.name
    file = CaseFile(
        version=1,
        made_from=dict(made_from(suite, whole)),
        counts=[dict(each) for each in recorded.counts],
        in_room=recorded.in_room,
        sensor_scale=recorded.sensor_scale,
    )
    write_case(place, recorded.recordings, recorded.truths, file)
    for plan in plans:
        if plan.is_subset:
            write_subset(folder / plan.name, load_case(place), suite, plan)

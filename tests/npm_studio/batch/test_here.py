"""Tasks without Dask."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

from npm_studio.batch.log import FILE
from npm_studio.batch.workers import Workers
from tests.support.batch_runs import run, states, task
from tests.support.batch_work import copy_in_the_second_life, refuse, stumble
from tests.support.progress import Listener

ROOT = Path(__file__).parents[3]
HERE, BESIDE = Workers(count=0), Workers(count=0, here=2)


def events(source: Path) -> Counter[tuple[str, str]]:
    lines = map(json.loads, (source.parent / "batch" / FILE).read_text().splitlines())
    return Counter((line["task"], line["event"]) for line in lines)


def test_tasks_are_done_in_this_process_one_after_the_other_and_kept(source: Path) -> None:
    tasks = [task("a", source), task("refused", source, refuse), task("stumbled", source, stumble), task("b", source)]
    listener = Listener()
    assert states(run(tasks, HERE, listener)) == ["done", "failed", "failed", "done"]
    assert f"refused has failed: {source}: holds nothing; state the seed" in listener.messages
    assert states(run(tasks, HERE)) == ["kept", "failed", "failed", "kept"]  # those that failed are tried again
    assert events(source) == {
        ("a", "begun"): 1, ("a", "done"): 1, ("b", "begun"): 1, ("b", "done"): 1, ("refused", "begun"): 2,
        ("refused", "failed"): 2, ("stumbled", "begun"): 2, ("stumbled", "failed"): 2,
    }  # fmt: skip


def test_who_asks_this_process_to_stop_keeps_what_is_done(source: Path) -> None:
    tasks = [task(name, source) for name in "abc"]
    assert states(run(tasks, HERE, Listener(stop_after=2))) == ["done", "done", "open"]
    assert states(run(tasks, HERE)) == ["kept", "kept", "done"]


def test_what_plain_processes_do_is_kept_and_a_process_that_dies_is_a_failure(source: Path) -> None:
    tasks = [task(name, source) for name in "ab"]
    assert states(run(tasks, BESIDE)) == ["done", "done"]
    assert events(source) == {(name, event): 1 for name in "ab" for event in ("begun", "done")}
    killed = task("killed", source, copy_in_the_second_life)
    outcome = run([*tasks, killed], BESIDE)[-1]
    assert "a process has died" in str(outcome.error)
    assert states(run([*tasks, killed], BESIDE)) == ["kept", "kept", "done"]


def test_no_dask_is_needed(source: Path) -> None:
    code = f"""
import sys
sys.modules["distributed"] = sys.modules["dask"] = None
from pathlib import Path
from tests.npm_studio.batch.test_here import HERE, run, states, task
assert states(run([task("a", Path({str(source)!r}))], HERE)) == ["done"]
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import pytest
from distributed import Client, LocalCluster

from engine.core.errors import InputError
from npm_studio.batch.fitness import BatchStart, refuse_unfit
from npm_studio.batch.log import FILE
from npm_studio.batch.running import run_tasks
from npm_studio.batch.workers import Workers
from tests.support.batch_runs import run, states, task
from tests.support.batch_work import copy_in_the_second_life, refuse, stumble
from tests.support.progress import Listener

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Workers]:
    """A scheduler that somebody has started, with two workers in this process."""
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, protocol="tcp://", dashboard_address="127.0.0.1:0"
    ) as started:
        yield Workers(started.scheduler_address)


def begun(source: Path) -> Counter[str]:
    """How often each task was begun, by the log."""
    lines = map(json.loads, (source.parent / "batch" / FILE).read_text().splitlines())
    return Counter(line["task"] for line in lines if line["event"] == "begun")


def test_what_is_done_is_kept_and_a_second_start_needs_no_workers(source: Path, cluster: Workers) -> None:
    tasks = [task("a", source), task("b", source, times=2)]
    first = run(tasks, cluster)
    assert states(first) == ["done", "done"]
    assert [outcome.result for outcome in first] == [{"characters": 3}, {"characters": 6}]
    assert tasks[1].out.read_text() == "abcabc"
    second = run(tasks, Workers("tcp://127.0.0.1:1"))
    assert states(second) == ["kept", "kept"]
    assert [outcome.result for outcome in second] == [outcome.result for outcome in first]
    assert begun(source) == {"a": 1, "b": 1}
    assert not list((source.parent / "batch" / ".tasks").glob("start-*"))


def test_a_task_whose_arguments_inputs_or_result_have_changed_is_done_again_and_says_so(
    source: Path, cluster: Workers
) -> None:
    run([task(name, source) for name in "abc"], cluster)
    other = source.with_name("other.txt")
    other.write_text("abc")
    moved, changed = task("a", other), task("b", source, times=3)
    changed_twice = task("c", source)
    changed_twice.out.unlink()
    listener = Listener()
    assert states(run([moved, changed, changed_twice], cluster, listener)) == ["kept", "done", "done"]
    assert {"b is done again: changed: times", "c is done again: its result is gone"} <= set(listener.messages)
    source.write_text("abd")
    assert states(run([moved, changed], cluster, listener)) == ["kept", "done"]
    assert "b is done again: changed: source" in listener.messages
    assert changed.out.read_text() == "abdabdabd"
    os.utime(source)  # the same content
    assert states(run([changed], cluster)) == ["kept"]


def test_tasks_that_fail_stop_no_other_and_say_in_one_line_why(source: Path, cluster: Workers) -> None:
    gone = task("gone", source.with_name("nothing"))
    tasks = [gone, task("refused", source, refuse), task("stumbled", source, stumble), task("well", source)]
    listener = Listener()
    outcomes = list(run_tasks(tasks, source.parent / "batch", cluster, listener))
    assert states(outcomes) == ["failed", "failed", "failed", "done"]
    first, second, third = (outcome.error for outcome in outcomes[:3])
    assert first is not None and second is not None and third is not None
    assert str(first) == f"{source.with_name('nothing')}: no such file or folder"
    assert str(second) == f"{source}: holds nothing; state the seed"
    assert str(third).startswith(f"{tasks[2].out}: was not made, by an unexpected error (KeyError: 'x'); please report")
    assert f"refused has failed: {source}: holds nothing; state the seed" in listener.messages
    assert states(run(tasks[1:], cluster)) == ["failed", "failed", "kept"]  # tried again
    assert begun(source) == {"refused": 2, "stumbled": 2, "well": 1}


def test_two_tasks_of_one_name_and_names_that_are_paths_are_refused(source: Path, cluster: Workers) -> None:
    with pytest.raises(InputError, match="two tasks are called 'a'; give each a name of its own"):
        run([task("a", source), task("a", source)], cluster)
    with pytest.raises(InputError, match="has a name that is not allowed"):
        run([task("../a", source)], cluster)


def test_who_asks_to_stop_keeps_what_is_done(source: Path, cluster: Workers) -> None:
    tasks = [task(str(index), source, seconds=0.3) for index in range(5)]
    stopped = run(tasks, cluster, Listener(stop_after=1))
    done = [outcome.task.name for outcome in stopped if outcome.state == "done"]
    assert len(done) < 5
    assert set(states(stopped)) == {"done", "open"}
    outcomes = run(tasks, cluster)
    assert set(done) <= {outcome.task.name for outcome in outcomes if outcome.state == "kept"}
    assert set(states(outcomes)) == {"kept", "done"}


def test_no_scheduler_and_workers_that_cannot_do_the_tasks_are_refused_in_one_line(
    source: Path, cluster: Workers
) -> None:
    with pytest.raises(InputError, match=r"^tcp://127.0.0.1:1: no Dask scheduler answers at this address; start one"):
        run([task("a", source)], Workers("tcp://127.0.0.1:1"))
    here = version("npm-studio")
    with Client(cluster.scheduler, set_as_default=False) as client:
        gone = BatchStart(source.parent, source.with_name("gone"), here)
        with pytest.raises(InputError, match=f"does not see the folder {source.parent}; start it where"):
            refuse_unfit(client, gone)
        with pytest.raises(InputError, match=f"has npm-studio {here}, not 99; start it where"):
            refuse_unfit(client, BatchStart(source.parent, source, "99"))
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, protocol="tcp://", dashboard_address="127.0.0.1:0"
        ) as threads,
        pytest.raises(InputError, match=r"worker tcp://.* takes 2 tasks at once.*; start it with `--nthreads 1`"),
    ):
        run([task("a", source)], Workers(threads.scheduler_address))


@pytest.mark.slow
def test_a_killed_workers_task_is_done_again_on_this_machine(source: Path) -> None:
    check_killed(source, Workers(count=2))


@contextmanager
def started(*words: str) -> Iterator[subprocess.Popen[str]]:
    """A command of Dask, as a user starts it."""
    code = "import sys; from dask.__main__ import main; sys.exit(main())"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words], env=environment, cwd="/", stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


@pytest.mark.slow
def test_a_killed_workers_task_is_done_again_on_a_cluster(source: Path, tmp_path: Path) -> None:
    file = str(tmp_path / "scheduler.json")
    usual = "--no-dashboard", "--scheduler-file", file
    with (
        started("scheduler", "--host", "127.0.0.1", "--port", "0", *usual) as scheduler,
        started("worker", "--nthreads", "1", "--nworkers", "2", "--host", "127.0.0.1", *usual),
    ):
        assert scheduler.stderr is not None
        line = next(line for line in scheduler.stderr if "Scheduler at" in line)
        check_killed(source, Workers(line.split()[-1]))


def check_killed(source: Path, workers: Workers) -> None:
    tasks = [task("a", source), task("killed", source, copy_in_the_second_life), task("b", source), task("c", source)]
    listener = Listener()
    assert states(run(tasks, workers, listener)) == ["done"] * 4
    assert [each.out.read_text() for each in tasks] == ["abc"] * 4
    assert begun(source) == {"a": 1, "killed": 2, "b": 1, "c": 1}
    assert any(line.startswith("killed is done again, by tcp://") for line in listener.messages)

"""Writing files so that a reader never sees half of one, and reading JSON that a user may have touched."""

import json
import os
import platform
import re
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from engine.core.errors import InputError, Remedy
from engine.core.text_file import read_text

_LEFTOVER = re.compile(r"\.(?P<target>.+)-(?P<kind>new|old)-(?P<host>[0-9a-f]{8})-(?P<process>[0-9]{1,9})-.*")
"""Names of what a write makes beside its target."""
_LONGEST_NAME = 250
"""Bytes; file systems allow 255, and endings are added."""


@contextmanager
def replacing_file(target: Path) -> Iterator[Path]:
    """A temporary path beside ``target`` that takes its name when the block ends without an exception."""
    made = _make_folders(target.parent)
    _clear_leftovers_once(Path(os.path.abspath(target.parent)))
    prefix = f".{target.stem}-new-{_host()}-{os.getpid()}-"
    handle, name = tempfile.mkstemp(prefix=prefix, suffix=target.suffix, dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        os.chmod(temporary, 0o644)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
        _remove_empty(made)


@contextmanager
def replacing_folder(target: Path) -> Iterator[Path]:
    """A temporary folder beside ``target`` that replaces it when the block ends without an exception.

    Raises:
        InputError: ``target`` is the working directory, which nobody should pull away from under a shell.
    """
    target = Path(os.path.abspath(target))
    if target == Path.cwd():
        raise InputError(target, "is the working directory", "name a folder in it")
    made = _make_folders(target.parent)
    _clear_leftovers_once(target.parent)
    mark = f"{_host()}-{os.getpid()}-"
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}-new-{mark}", dir=target.parent))
    os.chmod(temporary, 0o755)
    previous = target.with_name(f".{target.name}-old-{mark}")
    try:
        yield temporary
        if target.exists():
            os.replace(target, previous)
        os.replace(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if previous.exists() and not target.exists():
            os.replace(previous, target)
        shutil.rmtree(previous, ignore_errors=True)
        _remove_empty(made)


@lru_cache  # once per process: folders can have very many files
def _clear_leftovers_once(folder: Path) -> None:
    clear_leftovers(folder)


def clear_leftovers(folder: Path) -> None:
    """Remove what processes of this machine left in ``folder`` when they were killed during a write.

    A folder that had been moved away, and whose successor never came, is moved back.
    """
    for path in folder.glob(".*-*"):
        name = _LEFTOVER.fullmatch(path.name)
        if name is None or name["host"] != _host() or _is_running(int(name["process"])):
            continue
        with suppress(OSError):  # of somebody else, or another process was quicker
            if name["kind"] == "old" and not (folder / name["target"]).exists():
                os.replace(path, folder / name["target"])
            elif path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def _is_running(process: int) -> bool:
    """Whether there is such a process, or one cannot know."""
    if os.name != "posix":
        return True  # elsewhere the signal that only asks would end it
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # of somebody else
        return True
    return True


@lru_cache
def _host() -> str:
    """Eight digits for this machine: folders may be shared."""
    return f"{zlib.crc32(platform.node().encode()):08x}"


def _make_folders(folder: Path) -> list[Path]:
    """Make ``folder`` and return what did not exist before, the deepest first."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def _remove_empty(folders: list[Path]) -> None:
    """Take away those of ``folders``, the deepest first, that nothing was written to in the end."""
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:  # in use, or gone
            return


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as readable JSON, atomically."""
    with replacing_file(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def read_json(path: Path, remedy: str | Remedy = "") -> Any:
    """Parsed JSON of ``path``, in any encoding that `engine.core.text_file.read_text` knows.

    Raises:
        InputError: the file is missing, unreadable or not JSON.
    """
    text = read_text(path, remedy)
    try:
        return json.loads(text)
    except RecursionError:
        raise InputError(path, "is nested too deeply", remedy) from None
    except json.JSONDecodeError as error:
        raise InputError(path, f"is not valid JSON (line {error.lineno}: {error.msg})", remedy) from None
    except ValueError:  # integers of thousands of digits
        raise InputError(path, "holds a number that is too long", remedy) from None


def natural_key(path: Path) -> tuple[list[tuple[int, int | str]], str]:
    """Sorting key that puts frame2 before frame10."""
    parts = re.split(r"([0-9]+)", path.stem)
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts if part], path.name


def check_name(name: Any, source: Path) -> str:
    """``name`` as text, where it can be used as the name of a file inside a folder.

    Raises:
        InputError: it is empty, a path, or leads out of the folder; ``source`` is the file that it came from.
    """
    text = str(name)
    if text in ("", ".", "..") or "/" in text or "\\" in text or "\0" in text:
        raise InputError(source, f"has a name that is not allowed: {text[:60]!r}", "use plain names")
    if len(text.encode("utf-8", "replace")) > _LONGEST_NAME:
        raise InputError(source, f"has a name that is too long for a file: {text[:60]!r}...", "use shorter names")
    return text

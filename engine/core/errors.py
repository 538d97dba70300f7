"""The exceptions that reach a user."""

from pathlib import Path


class InputError(ValueError):
    """Something the user handed over cannot be used; ``str(error)`` is one line with the cure.

    The command line prints it and exits with 2, the application shows it in a dialog.
    """

    def __init__(self, subject: str | Path, problem: str, cure: str = "") -> None:
        self.subject, self.problem, self.cure = str(subject), problem, cure
        line = f"{subject}: {problem}" + (f"; {cure}" if cure else "")
        super().__init__(" ".join(line.split()))


class Cancelled(Exception):
    """The user asked a long job to stop and it had nothing worth keeping yet."""

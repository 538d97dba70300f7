"""Who does what a command asks for, and when it can be asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from npm_studio.session.commands.command import Command

Handler = Callable[..., object]
"""Of a command that has a check mark: called with its new state. Of others: called without anything."""


@dataclass(frozen=True)
class Choice:
    """A line of a submenu."""

    title: str
    choose: Callable[[], object]


class Commands:
    """Handlers and conditions by name. Each part of the program registers those that it is responsible for."""

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}
        self._conditions: dict[str, Callable[[], bool]] = {}
        self._choices: dict[str, Callable[[], Sequence[Choice]]] = {}
        self._titles: dict[str, Callable[[], str]] = {}

    def handle(self, command: str, handler: Handler) -> None:
        """Have ``handler`` do what the command with this id asks for."""
        assert command not in self._handlers, f"{command} has a handler"
        self._handlers[command] = handler

    def provide(self, condition: str, value: Callable[[], bool]) -> None:
        """``value`` says whether the condition of this name holds now."""
        assert condition not in self._conditions, f"{condition} is provided"
        self._conditions[condition] = value

    def offer(self, submenu: str, choices: Callable[[], Sequence[Choice]]) -> None:
        """Fill the submenu with this id with ``choices``."""
        self._choices[submenu] = choices

    def entitle(self, command: str, title: Callable[[], str]) -> None:
        """The command with this id is called ``title`` at the moment."""
        self._titles[command] = title

    def holds(self, condition: str) -> bool:
        return self._conditions[condition]()

    def is_enabled(self, command: Command) -> bool:
        return not command.needs or self._conditions[command.needs]()

    def is_checked(self, command: Command) -> bool:
        return bool(command.checked) and self._conditions[command.checked]()

    def title(self, command: Command) -> str:
        """Of the command, as it is at the moment."""
        return self._titles[command.id]() if command.id in self._titles else command.title

    def choices(self, submenu: str) -> Sequence[Choice]:
        return self._choices[submenu]()

    def run(self, command: Command, checked: bool = False) -> bool:
        """Do what ``command`` asks for; False, and nothing is done, where it makes no sense now."""
        if not self.is_enabled(command):
            return False
        handler = self._handlers[command.id]
        handler(checked) if command.checked else handler()
        return True

    def lacks(self, command: Command) -> list[str]:
        """What nobody has registered that ``command`` names."""
        conditions = [name for name in (command.needs, command.checked) if name and name not in self._conditions]
        return [*conditions, *([] if command.id in self._handlers else [command.id])]

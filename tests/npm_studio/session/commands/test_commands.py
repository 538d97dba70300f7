import pytest

from npm_studio.session.commands.command import Command
from npm_studio.session.commands.registry import Choice, Commands
from npm_studio.session.commands.table import commands_in, menus_with
from npm_studio.session.commands.view import WorkspaceTitle
from npm_studio.views.theme import RESOURCES

MENUS = menus_with([WorkspaceTitle("paint", "Pa&int", "Paint something.")])
SAVE = Command("file.save", "Save", "Save it.", needs="has_something")
LOOP = Command("play.loop", "Loop", "Begin again.", checked="is_looping")


def test_every_command_has_a_title_and_a_sentence() -> None:
    for menu, command in commands_in(MENUS):
        assert menu.title
        assert command.title.replace("&", "").strip()
        assert command.tooltip.endswith(".")


def test_ids_and_shortcuts_are_unique() -> None:
    commands = [command for _, command in commands_in(MENUS)]
    ids = [command.id for command in commands]
    shortcuts = [command.shortcut.lower() for command in commands if command.shortcut]
    assert len(set(ids)) == len(ids)
    assert len(set(shortcuts)) == len(shortcuts)


def test_mnemonics_are_unique_within_a_menu() -> None:
    for menu in MENUS:
        titles = [entry.title for entry in menu.entries if entry is not None]
        letters = [title[title.index("&") + 1].lower() for title in titles if "&" in title]
        assert len(set(letters)) == len(letters), (menu.title, letters)


def test_every_icon_is_among_the_resources() -> None:
    for _, command in commands_in(MENUS):
        assert not command.icon or (RESOURCES / f"{command.icon}.svg").is_file(), command.id


def test_each_workspace_has_a_command_with_a_shortcut() -> None:
    command = next(command for _, command in commands_in(MENUS) if command.id == "view.paint")
    assert (command.title, command.shortcut, command.checked) == ("Pa&int", "Ctrl+1", "in_paint")


def test_a_command_runs_only_while_its_condition_holds() -> None:
    commands, calls, something = Commands(), list[str](), [False]
    commands.handle("file.save", lambda: calls.append("saved"))
    commands.provide("has_something", lambda: something[0])
    assert not commands.run(SAVE)
    something[0] = True
    assert commands.is_enabled(SAVE)
    assert commands.run(SAVE)
    assert calls == ["saved"]


def test_a_command_with_a_check_mark_tells_its_new_state() -> None:
    commands, states = Commands(), list[bool]()
    commands.handle("play.loop", states.append)
    commands.provide("is_looping", lambda: states[-1:] == [True])
    commands.run(LOOP, True)
    assert states == [True]
    assert commands.is_checked(LOOP)
    assert not commands.is_checked(SAVE)


def test_nobody_takes_a_command_away_from_another() -> None:
    commands = Commands()
    commands.handle("file.save", print)
    with pytest.raises(AssertionError, match=r"file\.save has a handler"):
        commands.handle("file.save", print)


def test_what_nobody_has_registered_is_named() -> None:
    commands = Commands()
    assert commands.lacks(SAVE) == ["has_something", "file.save"]
    commands.offer("recent", lambda: [Choice("walk", print)])
    assert [choice.title for choice in commands.choices("recent")] == ["walk"]


def test_a_command_is_called_what_it_would_do_now() -> None:
    commands = Commands()
    assert commands.title(SAVE) == "Save"
    commands.entitle("file.save", lambda: "Save study")
    assert commands.title(SAVE) == "Save study"

from npm_studio.session.commands.command import Submenu
from npm_studio.session.commands.table import MENUS, all_commands
from npm_studio.views.theme import RESOURCES


def test_every_command_has_a_title_a_sentence_and_something_to_call() -> None:
    for menu, command in all_commands():
        assert menu.title
        assert command.title.replace("&", "").strip()
        assert command.tooltip.endswith(".")
        assert command.callback


def test_ids_and_shortcuts_are_unique() -> None:
    commands = [command for _, command in all_commands()]
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
    for _, command in all_commands():
        assert not command.icon or (RESOURCES / f"{command.icon}.svg").is_file(), command.id


def test_submenus_name_who_fills_them() -> None:
    for menu in MENUS:
        for entry in menu.entries:
            if isinstance(entry, Submenu):
                assert "." in entry.provider

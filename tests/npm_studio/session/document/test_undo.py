from npm_studio.session.document.undo import UndoStack


def test_a_step_has_a_name_and_is_taken_back_and_done_again() -> None:
    stack = UndoStack(0)
    assert (stack.undo_name, stack.redo_name) == (None, None)
    stack.push("one", 1)
    stack.push("two", 2)
    assert stack.undo_name == "two"
    assert stack.undo() == 1
    assert (stack.undo_name, stack.redo_name) == ("one", "two")
    assert stack.redo() == 2
    assert stack.redo() == 2


def test_a_drag_is_one_step_until_it_ends() -> None:
    stack = UndoStack(0)
    assert [stack.push("drag", value, merge="slider") for value in (1, 2, 3)] == [True, False, False]
    stack.end_step()
    stack.push("drag", 4, merge="slider")
    assert stack.undo() == 3
    assert stack.undo() == 0


def test_what_follows_without_a_step_comes_back_when_the_next_step_is_undone() -> None:
    stack = UndoStack(0)
    stack.follow(5)
    stack.push("one", 6)
    stack.follow(7)
    assert stack.undo() == 5
    assert stack.redo() == 7


def test_clean_is_what_was_saved_however_one_gets_there() -> None:
    stack = UndoStack(0)
    assert stack.is_clean
    stack.push("one", 1)
    assert not stack.is_clean
    stack.mark_clean()
    stack.push("two", 2)
    assert not stack.is_clean
    stack.undo()
    assert stack.is_clean
    stack.undo()
    assert not stack.is_clean
    stack.push("one", 1)  # equal, but another way to get there
    assert not stack.is_clean


def test_a_drag_that_goes_on_after_saving_is_a_step_that_is_not_saved() -> None:
    stack = UndoStack(0)
    stack.push("drag", 1, merge="slider")
    stack.mark_clean()
    stack.push("drag", 2, merge="slider")
    assert not stack.is_clean
    assert stack.undo() == 1
    assert stack.is_clean


def test_what_was_saved_a_while_ago_is_clean_at_its_own_place() -> None:
    stack = UndoStack(0)
    stack.push("one", 1)
    place = stack.place
    stack.push("two", 2)
    stack.mark_clean(place)
    assert not stack.is_clean
    stack.undo()
    assert stack.is_clean


def test_the_oldest_steps_are_forgotten() -> None:
    stack = UndoStack(0, limit=3)
    for value in range(1, 6):
        stack.push("next", value)
    assert [stack.undo() for _ in range(4)] == [4, 3, 2, 2]
    assert list(stack.values()) == [2, 5, 4, 3]


def test_a_change_after_undo_forgets_what_was_undone() -> None:
    stack = UndoStack(0)
    stack.push("one", 1)
    stack.undo()
    stack.push("other", 2)
    assert stack.redo_name is None
    stack.map(lambda value: 10 * value)
    assert (stack.value, stack.undo()) == (20, 0)

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from app.store.records import Message
from app.store.tree import Tree


def message(name: str, parent: str = "") -> Message:
    return Message("user", name, parent, id=name)


def branched() -> Tree:
    """See the picture in app/store/tree.py."""
    pairs = [("u1", ""), ("a1", "u1"), ("u2", "a1"), ("a2", "u2"), ("v2", "a1"), ("b2", "v2"), ("w1", "")]
    return Tree([message(name, parent) for name, parent in pairs], "b2")


def ids(messages: list[Message]) -> list[str]:
    return [each.id for each in messages]


def test_the_path_leads_to_the_head() -> None:
    tree = branched()
    assert ids(tree.path()) == ["u1", "a1", "v2", "b2"]
    assert tree.siblings("v2") == ["u2", "v2"]
    assert tree.siblings("u1") == ["u1", "w1"]
    assert ids(Tree().path()) == []


def test_choosing_a_version_shows_its_newest_end() -> None:
    tree = branched()
    assert tree.choose("u2") == "a2"
    assert tree.choose("w1") == "w1"
    assert tree.choose("u1") == "b2"


def test_an_edit_deletes_nothing() -> None:
    tree = branched()
    before = len(tree)
    tree.add(message("x2", "a1"))
    tree.choose("x2")
    assert len(tree) == before + 1
    assert tree.siblings("u2") == ["u2", "v2", "x2"]


def test_removing_moves_the_head_and_can_be_undone() -> None:
    tree = branched()
    gone = tree.remove("v2")
    assert ids(gone) == ["v2", "b2"]
    assert tree.head == "a2"
    for each in gone:
        tree.add(each)
    tree.head = "b2"
    assert ids(tree.path()) == ["u1", "a1", "v2", "b2"]
    tree.remove("u1")
    assert tree.head == "w1"
    tree.remove("w1")
    assert tree.head == ""


def test_a_message_without_its_parent_is_a_first_one() -> None:
    tree = Tree([message("a", "lost"), message("b", "a")], "gone")
    assert ids(tree.path()) == ["a", "b"]


@given(st.lists(st.tuples(st.sampled_from(["add", "remove", "choose"]), st.integers(0, 99)), max_size=60))
def test_the_path_always_exists(steps: list[tuple[str, int]]) -> None:
    tree = Tree()
    for number, (step, pick) in enumerate(steps):
        names = ["", *ids(tree.messages)]
        target = names[pick % len(names)]
        if step == "add":
            tree.add(message(f"m{number}", target))
            tree.choose(f"m{number}")
        elif target and step == "remove":
            tree.remove(target)
        elif target:
            tree.choose(target)
        path = tree.path()
        assert all(after.parent == before.id for before, after in itertools.pairwise(path))
        assert not path or path[0].parent == ""
        assert all(each in tree.siblings(each) for each in ids(path))

"""A rebuild costs the disk what it changes, and leaves exactly what was put."""

from __future__ import annotations

from pathlib import Path

import pytest

from publisher.files.new_tree import NewTree, remove
from publisher.files.tree import SiteFile


def known(root: Path, **files: bytes) -> Path:
    """A folder with files; ``__`` in a name is a slash."""
    for name, data in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def contents(root: Path) -> dict[str, bytes]:
    """What stands below a folder."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def tree(new: Path, old: Path | None, steps: list[str] | None = None) -> NewTree:
    """A new tree, durable as in life."""
    return NewTree(new, old, step=(steps if steps is not None else []).append, durable=True)


def test_what_is_right_already_is_not_touched(tmp_path: Path) -> None:
    """No folder is made, and nothing has to take another's place."""
    old = known(tmp_path / "old", a=b"1", b__c=b"2", found__x=b"3")
    steps: list[str] = []
    new = tree(tmp_path / "new", old, steps)
    assert new.put([SiteFile("a", b"1"), SiteFile("b/c", b"2"), SiteFile("gone", None)]) == 2
    new.keep("found")
    assert not new.differs()
    assert (len(new), steps, (tmp_path / "new").exists()) == (3, [], False)


@pytest.mark.parametrize("different", ["a", "b/c", "d/e/f"])
def test_what_stays_is_shared_and_what_changes_is_written(tmp_path: Path, different: str) -> None:
    """Wherever the first difference comes, the tree is whole, and the old one as it was."""
    old = known(tmp_path / "old", a=b"1", b__c=b"2", d__e__f=b"3", found__x=b"4")
    before = contents(old)
    new = tree(tmp_path / "new", old)
    wanted = {**before, different: b"new"}
    for path in ("a", "b/c", "d/e/f"):
        new.put([SiteFile(path, wanted[path])])
    new.keep("found")
    assert new.differs()
    assert contents(tmp_path / "new") == wanted
    assert contents(old) == before
    same = {path for path in before if (tmp_path / "new" / path).samefile(old / path)}
    assert same == before.keys() - {different}


def test_what_must_not_be_there_is_left_out(tmp_path: Path) -> None:
    """A file that nobody put is a difference, though all that was put is right."""
    old = known(tmp_path / "old", a=b"1", stray__b=b"2")
    new = tree(tmp_path / "new", old)
    new.put([SiteFile("a", b"1")])
    assert new.differs()
    assert contents(tmp_path / "new") == {"a": b"1"}


def test_without_a_known_tree_every_file_is_its_own(tmp_path: Path) -> None:
    """A copy elsewhere shares nothing, and is there even when it is empty."""
    new = tree(tmp_path / "new", None)
    assert new.put([SiteFile("a/b", b"1")]) == 1
    assert new.differs()
    assert (contents(tmp_path / "new"), (tmp_path / "new/a/b").stat().st_nlink) == ({"a/b": b"1"}, 1)
    assert tree(tmp_path / "empty", tmp_path / "nowhere").differs()
    assert (tmp_path / "empty").is_dir()


def test_a_large_folder_is_removed_whole(tmp_path: Path) -> None:
    """In portions, and with whatever it has."""
    old = known(tmp_path / "old", **{f"d{number}__f": b"" for number in range(250)})
    (old / "loop").symlink_to(old)
    remove(old)
    assert not old.exists()
    remove(old)


def test_a_disk_that_gives_nothing_up_hides_no_other_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Removing is the last thing after a failure: what failed must stay in sight."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "read-only")

    old = known(tmp_path / "old", **{f"f{number}": b"" for number in range(120)})
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", refuse)
        patched.setattr("publisher.files.new_tree.flush_folders", refuse)
        patched.setattr("os.unlink", refuse)
        remove(old)
    assert len(contents(old)) == 120

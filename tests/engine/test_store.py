"""What nodes persist outlives their process."""

from __future__ import annotations

from pathlib import Path

from netsim.engine.store import FileStore, Journal


def test_a_successor_reads_what_was_flushed_and_goes_on_in_the_same_file(tmp_path: Path) -> None:
    """Node by node: the same key of two nodes is two values. The last one counts, and what was not flushed is lost."""
    path = tmp_path / "nodes-3.store"
    before = Journal(path)
    three, four = FileStore(before, 3), FileStore(before, 4)
    three.put("view", b"1")
    four.put("view", b"7")
    three.put("view", b"2")
    before.flush()
    three.put("view", b"3")  # the process is killed here

    after = Journal(path)
    assert FileStore(after, 3).get("view") == b"2"
    assert FileStore(after, 4).get("view") == b"7"
    assert FileStore(after, 4).get("height") is None
    FileStore(after, 4).put("height", b"5")
    after.close()

    last = FileStore(Journal(path), 4)
    assert (last.get("view"), last.get("height")) == (b"7", b"5")


def test_a_process_reads_its_own_values_at_once(tmp_path: Path) -> None:
    """Whether they were put before or after the journal was first read."""
    journal = Journal(tmp_path / "nodes-0.store")
    store, other = FileStore(journal, 0), FileStore(journal, 1)
    store.put("a", b"1")
    other.put("a", b"2")
    assert store.get("a") == b"1"
    store.put("b", b"3")
    other.put("a", b"4")
    assert (store.get("b"), other.get("a")) == (b"3", b"4")
    journal.close()


def test_who_persists_nothing_leaves_no_file(tmp_path: Path) -> None:
    """And an empty journal is no error."""
    journal = Journal(tmp_path / "nodes-0.store")
    assert FileStore(journal, 0).get("a") is None
    journal.close()
    assert not (tmp_path / "nodes-0.store").exists()


def test_what_a_kill_has_cut_is_not_read(tmp_path: Path) -> None:
    """A record that is not whole was not persisted."""
    path = tmp_path / "nodes-0.store"
    journal = Journal(path)
    FileStore(journal, 0).put("a", b"1")
    FileStore(journal, 0).put("b", b"2" * 100)
    journal.close()
    path.write_bytes(path.read_bytes()[:-50])
    after = FileStore(Journal(path), 0)
    assert (after.get("a"), after.get("b")) == (b"1", None)

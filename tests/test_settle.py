"""Settling is pure: the clock is a number, files are a dictionary, and no test waits."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from arwatch.daemon.settle import Gone, Refused, Settling, Waiting
from arwatch.errors import IncompleteError, NotRawError
from arwatch.model.job import Look, Source

FRAME = Path("/night/DSC00001.ARW")
NEEDED = 100


class Disk:
    """Files that a test changes as it likes; complete at NEEDED bytes."""

    def __init__(self):
        self.files = {}
        self.asked = 0

    def put(self, size, mtime_ns, path=FRAME):
        self.files[path] = Look(size, mtime_ns)

    def needed(self, path, size):
        self.asked += 1
        assert self.files[path].size == size
        if size == 13:
            raise NotRawError("the file is a text")
        return NEEDED

    def settling(self, settle_s=2.0, give_up_s=60.0):
        return Settling(settle_s, give_up_s, self.files.get, self.needed)


def advanced(settling, now):
    """Give what has become clear now."""
    return [verdict for verdict in settling.advance(now) if verdict is not None]


def run(settling, now, until):
    """Sleep exactly as long as the machine says; gives (time, verdict) pairs."""
    told = []
    while True:
        told += [(now, verdict) for verdict in advanced(settling, now)]
        nap = settling.sleep(now)
        if nap is None or now + nap > until:
            return told
        now += nap


def test_a_complete_file_settles_after_exactly_the_quiet_time():
    disk = Disk()
    disk.put(NEEDED, 1)
    settling = disk.settling(settle_s=2.0)
    assert settling.sighted(FRAME, 10.0)
    assert run(settling, 10.0, 100.0) == [(12.0, Source(FRAME, NEEDED, 1))]
    assert len(settling) == 0
    assert settling.sleep(12.0) is None


def test_an_event_makes_the_quiet_time_count_from_the_last_change():
    disk = Disk()
    disk.put(50, 1)
    settling = disk.settling(settle_s=2.0)
    settling.sighted(FRAME, 0.0)
    assert advanced(settling, 0.0) == []
    disk.put(NEEDED, 2)
    assert not settling.sighted(FRAME, 1.5), "it pends already"
    assert advanced(settling, 1.5) == []
    assert advanced(settling, 3.4) == []
    assert advanced(settling, 3.5) == [Source(FRAME, NEEDED, 2)]


def test_events_without_change_do_not_prolong_the_quiet_time():
    disk = Disk()
    disk.put(NEEDED, 1)
    settling = disk.settling(settle_s=2.0)
    for now in (0.0, 0.5, 1.0, 1.9):
        settling.sighted(FRAME, now)
        assert advanced(settling, now) == []
    assert advanced(settling, 2.0) == [Source(FRAME, NEEDED, 1)]


def test_a_stalled_file_is_told_once_and_given_up_after_its_time():
    disk = Disk()
    disk.put(99, 1)
    settling = disk.settling(settle_s=2.0, give_up_s=60.0)
    settling.sighted(FRAME, 0.0)
    (first, waiting), (last, refused) = run(settling, 0.0, 1000.0)
    assert (first, waiting) == (2.0, Waiting(FRAME, Look(99, 1), NEEDED))
    assert last == 60.0
    assert isinstance(refused, Refused)
    assert isinstance(refused.error, IncompleteError)
    assert "99 of 100 bytes" in str(refused.error)
    assert disk.asked == 2, "the tables are read when something can have changed, and once more at the end"


def test_growth_starts_the_patience_anew():
    disk = Disk()
    disk.put(50, 1)
    settling = disk.settling(settle_s=2.0, give_up_s=60.0)
    settling.sighted(FRAME, 0.0)
    assert [type(v) for _, v in run(settling, 0.0, 59.0)] == [Waiting]
    disk.put(60, 2)
    settling.sighted(FRAME, 59.0)
    told = run(settling, 59.0, 118.0)
    assert [type(v) for _, v in told] == [Waiting]
    disk.put(NEEDED, 3)
    assert [type(v) for _, v in run(settling, 118.0, 130.0)] == [Source]


def test_an_empty_file_waits_whatever_its_tables_say():
    disk = Disk()
    disk.put(0, 1)
    settling = Settling(1.0, 10.0, disk.files.get, lambda _path, _size: 0)
    settling.sighted(FRAME, 0.0)
    assert [type(v) for _, v in run(settling, 0.0, 100.0)] == [Waiting, Refused]


def test_what_is_no_frame_is_refused_as_soon_as_it_is_quiet():
    disk = Disk()
    disk.put(13, 1)
    settling = disk.settling(settle_s=2.0)
    settling.sighted(FRAME, 0.0)
    [(when, refused)] = run(settling, 0.0, 100.0)
    assert when == 2.0
    assert isinstance(refused.error, NotRawError)


def test_a_vanished_file_is_gone():
    disk = Disk()
    disk.put(50, 1)
    settling = disk.settling()
    settling.sighted(FRAME, 0.0)
    advanced(settling, 0.0)
    disk.files.clear()
    assert [v for _, v in run(settling, 0.0, 100.0)] == [Gone(FRAME)]


steps = st.lists(
    st.tuples(st.floats(0.0, 5.0), st.sampled_from(["write", "touch", "event", "nothing"]), st.integers(1, 40)),
    max_size=30,
)


@given(steps, st.floats(0.0, 3.0))
def test_nothing_settles_early_and_everything_ends(story, settle_s):
    """Whatever happens when: Source means quiet for settle_s and complete, and all that stops changing ends."""
    disk = Disk()
    disk.put(1, 0)
    settling = disk.settling(settle_s=settle_s, give_up_s=30.0)
    now = changed = 0.0
    settling.sighted(FRAME, now)
    verdicts = []
    for pause, what, amount in story:
        for when, verdict in run(settling, now, now + pause):
            verdicts.append(verdict)
            if isinstance(verdict, Source):
                assert when >= changed + settle_s
                assert verdict.size >= NEEDED
        now += pause
        before = disk.files[FRAME]
        if what == "write":
            disk.put(before.size + amount, before.mtime_ns + 1)
        elif what == "touch":
            disk.put(before.size, before.mtime_ns + 1)
        if what in {"write", "touch"}:
            changed = now
        if what != "nothing":
            settling.sighted(FRAME, now)
    verdicts += [verdict for _, verdict in run(settling, now, now + 100.0)]
    assert len(settling) == 0
    assert isinstance(verdicts[-1], Source if disk.files[FRAME].size >= NEEDED else Refused)


@given(st.lists(st.tuples(st.integers(0, 50), st.floats(0, 10)), min_size=1, max_size=50))
def test_each_of_many_files_settles_once(sightings):
    disk = Disk()
    settling = disk.settling(settle_s=1.0)
    now, told = 0.0, []
    for number, pause in sightings:
        told += run(settling, now, now + pause)
        now += pause
        path = Path(f"/night/DSC{number:05d}.ARW")
        disk.put(NEEDED, 1, path)
        settling.sighted(path, now)
    told += run(settling, now, now + 10.0)
    assert {v.path for _, v in told} == set(disk.files)
    assert all(isinstance(v, Source) for _, v in told)

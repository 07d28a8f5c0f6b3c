"""Names, and files that are replaced, touched, removed, or lead elsewhere."""

import os
import subprocess
import sys

from faults.harness import EVENTS_ONLY, SETTINGS, SUFFIX, End, fault, frame

NAMES = [
    *("plain space.ARW", "new\nline.ARW", "tab\tand\rreturn.ARW", "\x1b]0;title\x07\x1b[2J.ARW"),
    *("'quotes\" `id` $(id).ARW", "-rf.ARW", "%s{0}{path}.ARW", "*?[a].ARW", "\\back\\slash.ARW", "#;&|<>.ARW"),
    *("Ünïcödé 星空.ARW", os.fsdecode(b"latin\xe9\xff\x80.ARW"), "x" * 251 + ".ARW", "é" * 125 + "x.ARW"),
    *("a.ARW", "a.arw", "a.Arw", "two.dots.ARW", "twin/a.ARW", "/".join(["deep folder"] * 60) + "/deep.ARW"),
]


@fault(End(fits=len(NAMES)), watch=SETTINGS["watch"] | {"recursive": True})
def test_any_name(night):
    paths = {str(night.put(name, frame(number % 7))) for number, name in enumerate(NAMES)}
    night.wait("frame.written", count=len(NAMES))
    assert {event["path"] for event in night.daemon.named("frame.written")} == paths


@fault(End(fits=2))
def test_replaced_and_touched(night):
    """Numbers start again after 9999: same name, same length, another frame. A touched frame is the same frame."""
    path = night.put("DSC00001.ARW", frame(1))
    touched = night.put("DSC00002.ARW", frame(2))
    night.wait("frame.written", count=2)
    night.put("DSC00001.ARW", frame(3))
    os.utime(touched)
    night.wait("frame.written", count=2, path=str(path))
    night.wait("frame.skipped", path=str(touched))


@fault(End(fits=2), watch=EVENTS_ONLY)
def test_replaced_with_the_same_size_and_time(night):
    """A frame that got another mode is the same."""
    path, other = night.put("DSC00001.ARW", frame(1), taken=1.7e9), night.put("DSC00002.ARW", frame(2), taken=1.7e9)
    night.wait("frame.written", count=2)
    other.chmod(0o600)
    night.put("DSC00001.ARW", frame(3), taken=1.7e9)
    night.wait("frame.written", count=2, path=str(path))
    assert not night.daemon.named("frame.seen", path=str(other))[1:]


@fault(End(fits=1))
def test_replaced_while_in_work(night):
    (worker,) = night.stop_workers()
    path = night.put("DSC00001.ARW", frame(1))
    night.until(lambda: night.state_of(path) == "working")
    night.put("DSC00001.ARW", frame(2))
    worker.resume()


@fault(End(fits=4, half=1))
def test_outputs_in_the_way(night):
    """Folders, links and files of the output's name are left alone: the output gets a name of its own."""
    precious = night.home / "precious"
    precious.write_text("mine")
    (night.captures / f"folder{SUFFIX}").mkdir()
    (night.captures / f"full{SUFFIX}" / "something").mkdir(parents=True)
    (night.captures / f"link{SUFFIX}").symlink_to(precious)
    (night.captures / f"old{SUFFIX}").write_text("what was there")
    for name in ("folder.ARW", "full.ARW", "link.ARW", "old.ARW"):
        night.put(name)
    events = night.wait("frame.written", count=4)
    assert all("is not arwatch's" in event["reason"] for event in events)
    assert precious.read_text() == "mine"
    assert (night.captures / f"link{SUFFIX}").is_symlink()
    assert (night.captures / f"old{SUFFIX}").read_text() == "what was there"


@fault(
    End(fits=1, failed={"write": 1}),
    start=False,
    watch=SETTINGS["watch"] | {"recursive": True},
    workers=SETTINGS["workers"] | {"attempts": 1},
)
def test_no_link_leads_outputs_out_of_the_tree(night):
    outside = night.home / "outside"
    outside.mkdir()
    night.configure(output={"folder": str(night.home / "outputs")})
    (night.home / "outputs").mkdir()
    (night.home / "outputs" / "linked").symlink_to(outside)
    (night.captures / "followed").symlink_to(outside)
    night.start()
    night.put("linked/below/a.ARW")
    night.put("sound.ARW")
    night.until(night.ended)
    assert list(outside.iterdir()) == []


@fault(End(fits=3, half=1))
def test_outputs_and_sources_that_vanish(night):
    """Removed outputs are made again at the next start; one that was cut off might be anybody's, it stays beside the
    new one. Removed sources are no failures."""
    paths = [night.put(f"{name}.ARW") for name in "abc"]
    night.wait("frame.written", count=3)
    (worker,) = night.stop_workers()
    for name in ("in work.ARW", "in the queue.ARW"):
        night.put(name)
    night.wait("frame.settled", frame="in the queue.ARW")
    night.wait("frame.settled", frame="in work.ARW")
    for name in ("in work.ARW", "in the queue.ARW"):
        (night.captures / name).unlink()
        night.frames.remove(night.captures / name)
    worker.resume()
    night.wait("frame.gone", count=2)
    night.daemon.stop()
    paths[0].with_name(f"a{SUFFIX}").unlink()
    paths[1].with_name(f"b{SUFFIX}").write_bytes(b"cut off")
    for path in paths[:2]:
        night.expected_ends[path] += 1
    night.start()
    night.wait("frame.written", count=2)


@fault(End(fits=2), start=False, workers=SETTINGS["workers"] | {"attempts": 2, "retry_s": 0.1})
def test_a_file_that_must_not_be_read(night):
    """Tried again with growing delays, explained, and taken up on request (also by root, without its privileges)."""
    drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    night.start(before=drop)
    path = night.put("secret.ARW", ends=2)
    path.chmod(0)
    night.put("sound.ARW")
    (failed,) = night.wait("frame.failed", frame="secret.ARW")
    assert failed["code"] == "read"
    assert "denied" in failed["reason"]
    assert len(night.daemon.named("frame.retried", frame="secret.ARW")) == 1
    path.chmod(0o644)
    retry(night, path)


@fault(End(fits=1), start=False, workers=SETTINGS["workers"] | {"attempts": 1})
def test_what_failed_for_a_passing_reason_is_tried_again_after_a_restart(night):
    """A frame that may not be read (also by root, without its privileges)."""
    drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    path = night.put("a.ARW", ends=2)
    path.chmod(0)
    night.start(before=drop)
    (failed,) = night.wait("frame.failed")
    assert failed["code"] == "read"
    night.daemon.stop()
    path.chmod(0o644)
    night.start()
    night.wait("frame.written")


@fault(End(fits=1), start=False)
def test_a_missing_folder_for_outputs_is_not_made_but_waited_for(night):
    outputs = night.home / "disk" / "outputs"
    night.configure(output={"folder": str(outputs)})
    night.start()
    night.put("a.ARW")
    night.wait("watch.lost", folder=str(outputs))
    night.wait("frame.settled")
    assert not outputs.parent.exists()
    outputs.mkdir(parents=True)
    night.wait("watch.returned", folder=str(outputs))
    night.wait("frame.written")


@fault(End(fits=1), start=False)
def test_a_folder_that_must_not_be_read(night):
    """Told, and watched when it may be (also by root, without its privileges)."""
    drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    night.captures.chmod(0)
    night.start(before=drop)
    (lost,) = night.wait("watch.lost")
    assert "may not be read" in lost["reason"]
    night.captures.chmod(0o755)
    night.wait("watch.returned")
    night.put("a.ARW")


@fault(End(fits=1, failed={"not_raw": 1}), watch=SETTINGS["watch"])
def test_final_failures_are_final_until_asked_for(night):
    path = night.put("bad.ARW", b"no raw file at all", ends=2)
    night.wait("frame.failed")
    night.daemon.stop()
    night.start()
    night.put("good.ARW")
    night.wait("frame.written")  # scans have passed since
    assert not night.daemon.named("frame.failed")
    retry(night, path)
    night.wait("frame.failed")


def retry(night, path):
    subprocess.run(
        [sys.executable, "-m", "arwatch", "retry", str(path), "--config", str(night.config)], check=True, timeout=60
    )


@fault(End(fits=1), start=False, watch=EVENTS_ONLY)
def test_a_watched_folder_that_is_a_link(night):
    """Its events arrive; no scan helps."""
    real = night.home / "disk"
    night.captures.rename(real)
    night.captures.symlink_to(real)
    night.start()
    night.put("a.ARW")

"""Disks and shares that answer with errors now and then."""

from faults.failing_fs import SOUND, Faults, needs_fuse
from faults.harness import SETTINGS, End, fault, frame

FRAMES = 30
FORMS = ("uncompressed", "lossy", "lossless")
PATIENT = SETTINGS["workers"] | {"attempts": 100, "retry_s": 0.05}
"""What is tried is the kind of a failure, and not how many of them in a row are too many."""


def on_a_failing_disk(night, faults):
    """Process frames of all storage forms while the disk fails; some attempts have to be repeated."""
    disk = night.failing()
    for number in range(FRAMES):
        night.put(f"DSC{number:05}.ARW", frame(number % 5, FORMS[number % 3]))
    disk.set(faults)
    night.start()
    night.until(night.ended, "the end of every frame")
    disk.set(SOUND)
    assert night.daemon.named("frame.retried")


@needs_fuse
@fault(End(fits=FRAMES), start=False, workers=PATIENT)
def test_a_disk_that_fails_to_open_files(night):
    """LibRaw, too, would be refused now and then, and calls that damage."""
    on_a_failing_disk(night, Faults(fail={"open": 0.15}))


@needs_fuse
@fault(End(fits=FRAMES), start=False, workers=PATIENT)
def test_a_disk_that_fails_at_anything(night):
    """An attempt takes some dozens of steps on the disk: with more errors than this, few attempts would succeed."""
    on_a_failing_disk(night, Faults(fail={"*": 0.01}))

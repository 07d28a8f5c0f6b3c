"""Frames that arrive in pieces, damaged, or are no frames at all."""

import contextlib
import os
import random
import socket
import struct

from faults.harness import End, fault, frame
from storage import FORMS

DATA = 4096
"""Where the picture begins in simulated frames."""


def middle(data):
    return DATA + (len(data) - DATA) // 2


CUT = {
    "half": lambda data: data[: middle(data)],
    "last byte": lambda data: data[:-1],
    "header only": lambda data: data[:DATA],
    "half a header": lambda data: data[:100],
}
UNWRITTEN = {
    "second half": lambda data: data[: middle(data)] + bytes(len(data) - middle(data)),
    "4 kB": lambda data: data[: middle(data)] + bytes(4096) + data[middle(data) + 4096 :],
    "all": lambda data: data[:DATA] + bytes(len(data) - DATA),
}


@fault(End(fits=3, failed={"incomplete": 13, "damaged": 9}))
def test_cut_off_and_unwritten_frames_of_all_storage_forms(night):
    night.put("empty.ARW", b"")
    for form in FORMS:
        night.put(f"{form} sound.ARW", frame(form=form))
        for name, damage in (CUT | UNWRITTEN).items():
            night.put(f"{form} {name}.ARW", damage(frame(form=form)))


def claims(data, width, height):
    """Change the dimensions that a simulated frame's only IFD claims."""
    changed = bytearray(data)
    for entry in range(10, 10 + 12 * struct.unpack_from("<H", data, 8)[0], 12):
        (tag,) = struct.unpack_from("<H", data, entry)
        if tag in {256, 257}:
            struct.pack_into("<I", changed, entry + 8, width if tag == 256 else height)
    return bytes(changed)


@fault(End(fits=2, failed={"not_raw": 3, "damaged": 6}))
def test_foreign_oversized_and_absurd_files(night):
    night.put("text.ARW", b"this is a shopping list\n" * 100)
    night.put("photo.ARW", b"\xff\xd8\xff\xe0" + bytes(5000))
    night.put("tiff.ARW", b"II*\0\x08\0\0\0\x01\0\x00\x01\x03\0\x01\0\0\0\x05\0\0\0\0\0\0\0")
    for form in FORMS:
        night.put(f"{form} huge.ARW", claims(frame(form=form), 60_000, 60_000))
        night.put(f"{form} wide.ARW", claims(frame(form=form), 2**31 - 1, 192))
    night.put("trailing junk.ARW", frame() + b"junk" * 30_000)
    night.put("sound.ARW")


@fault(None)
def test_flipped_bits(night):
    """In header and data; what no reader can know may pass, but nothing may be lost, half, or end the daemon."""
    chance = random.Random(5)
    for form in FORMS:
        for number in range(12):
            data = bytearray(frame(form=form))
            for _ in range(20):
                data[chance.randrange(600 if number % 2 else len(data))] ^= 1 << chance.randrange(8)
            night.put(f"{form} {number}.ARW", bytes(data))
    night.put("sound.ARW")
    night.wait("frame.written", frame="sound.ARW")


@fault(End(fits=1))
def test_what_is_no_file_is_left_alone(night):
    os.mkfifo(night.captures / "pipe.ARW")
    (night.captures / "folder.ARW").mkdir()
    (night.captures / "dangling.ARW").symlink_to("nowhere")
    (night.captures / "loop.ARW").symlink_to("loop.ARW")
    with socket.socket(socket.AF_UNIX) as listening, contextlib.chdir(night.captures):  # its path has a limit
        listening.bind("socket.ARW")
    night.put("sound.ARW")
    night.until(night.ended)
    assert len(night.rows()) == 1


@fault(End(fits=2), watch={"settle_s": 0.2, "give_up_s": 0.4, "rescan_s": 3600.0})
def test_a_frame_given_up_is_taken_again_when_it_grows(night):
    for name in ("stalled.ARW", "preallocated.ARW"):
        data = frame(2)
        path = night.put(name, data[:50_000] if name == "stalled.ARW" else data[:50_000] + bytes(len(data) - 50_000))
        night.expected_ends[path] += 1
        night.wait("frame.failed", frame=name)
        with path.open("r+b") as file:
            file.seek(50_000)
            file.write(data[50_000:])
        night.wait("frame.written", frame=name)


@fault(End(fits=2), watch={"settle_s": 0.5, "give_up_s": 5.0, "rescan_s": 0.1})
def test_a_download_in_chunks_and_temporary_names(night):
    data = frame(1)
    path = night.captures / "slow.ARW"
    for start in range(0, len(data), 8192):
        with path.open("ab") as file:  # opened, written and closed again and again
            file.write(data[start : start + 8192])
            os.fsync(file.fileno())
    night.frames.add(path)
    night.expected_ends[path] = 1
    for name in (".DSC1.ARW.Xa3f2K", ".syncthing.DSC1.ARW.tmp", "DSC1.ARW.part", "~DSC1.ARW", "DSC1.ARW.tmp"):
        (night.captures / name).write_bytes(frame(2))
    night.put("DSC1.ARW", frame(2))
    night.until(night.ended)
    assert len(night.rows()) == 2

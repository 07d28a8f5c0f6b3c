"""A simulated frame in every storage form, ways to damage it, and a reader of bytes."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import storage
from arwatch import formats
from arwatch.model.frame import Frame
from arwatch.simulate import Scene, render

Read = Callable[[bytes], Frame]

SCENE = Scene(height=256, width=384, stars=10)
SKY = render(SCENE).mosaic
FORMS = {name: encode(SKY, SCENE.exposure) for name, encode in storage.FORMS.items()}


def reader(folder: Path) -> Read:
    """Give a function that writes bytes into a file of this folder and decodes it."""

    def write_and_read(data: bytes) -> Frame:
        path = folder / "DSC00001.ARW"
        path.write_bytes(data)
        return formats.read(path)

    return write_and_read


def clock(*numbers: int) -> datetime:
    return datetime(*numbers)  # type: ignore[arg-type]  # noqa: DTZ001  a camera's clock knows no zone


def hole(start: int, length: int) -> Callable[[bytearray], None]:
    def damage(data: bytearray) -> None:
        data[start : start + length] = bytes(length)

    return damage


def copy(source: int, target: int, length: int) -> Callable[[bytearray], None]:
    def damage(data: bytearray) -> None:
        data[target : target + length] = data[source : source + length]

    return damage

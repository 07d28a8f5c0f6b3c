"""What the tests of the FITS files share: small frames, and the programs that must be able to read them."""

from __future__ import annotations

import os
import resource
import shutil
import string
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st

from arwatch.model.figures import Figures
from arwatch.model.frame import Exposure, Frame
from arwatch.model.job import Source
from arwatch.output import fits
from arwatch.process.subtract import figures_of
from arwatch.settings import Background, Output, Settings
from arwatch.simulate import Scene, Star, colors_of, render
from arwatch.sky import BandModel, Subtraction, subtract_background

PATTERNS = ("RGGB", "BGGR", "GRBG", "GBRG")
METHOD = Background(box_size=40, filter_size=3)
FORMS = tuple(
    pytest.param(Output(profile=profile, compress=compress), id=profile + (", compressed" if compress else ""))
    for profile in ("notebook", "siril")
    for compress in (False, True)
)

anything = st.text() | st.text(alphabet=string.printable) | st.binary().map(os.fsdecode)
numbers = st.floats()
exposures = st.builds(
    Exposure,
    taken=st.none() | st.datetimes(),
    utc_offset=st.none() | st.timedeltas(),
    exposure_s=st.none() | numbers,
    iso=st.none() | st.integers(),
    f_number=st.none() | numbers,
    focal_length_mm=st.none() | numbers,
    make=st.none() | anything,
    model=st.none() | anything,
    lens=st.none() | anything,
    camera_temperature_c=st.none() | numbers,
)
"""Whatever a camera, or a broken file, may say."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """A frame and what the engine made of it."""

    frame: Frame
    subtraction: Subtraction

    def write(self, output: Path, settings: Settings | None = None, origin: fits.Origin | None = None) -> int:
        settings = settings or settings_for(Output())
        left, origin = self.subtraction, origin or ORIGIN
        return fits.write(output, self.frame, left, left.mosaic, origin=origin, figures=self.figures, settings=settings)

    @property
    def figures(self) -> Figures:
        exposure = self.frame.exposure
        return replace(
            figures_of(self.subtraction, self.frame.black_level),
            exposure_s=exposure.exposure_s,
            iso=exposure.iso,
            black_level=self.frame.black_level,
        )


ORIGIN = fits.Origin(
    source=Source(Path("/night/DSC00001.ARW"), size=25_221_888, mtime_ns=1_627_136_586_583_000_001),
    fingerprint="c0ffee",
    recipe="0123456789abcdef",
)


def settings_for(output: Output, **sections: object) -> Settings:
    return Settings.model_validate({"output": output, "background": METHOD, **sections})


def white(x: float, y: float, flux: float, fwhm: float = 4.5) -> Star:
    """A star that is equally bright in all bands after the normalisation."""
    return Star(x=x, y=y, fwhm=fwhm, flux=(flux / METHOD.red_norm, flux, flux / METHOD.blue_norm))


def subtracted(frame: Frame) -> Made:
    return Made(frame=frame, subtraction=subtract_background(frame.mosaic, frame.colors, METHOD))


def made(scene: Scene, number: int = 1) -> Made:
    shot = render(scene, number)
    return subtracted(
        Frame(
            mosaic=shot.mosaic,
            colors=colors_of(scene.pattern),
            black_level=scene.black_level,
            white_level=16383,
            exposure=scene.exposure,
        )
    )


def tiny(exposure: Exposure | None = None) -> Made:
    """A frame without a story, for tests of headers."""
    band = BandModel(mesh=np.full((2, 3), 600.0), rms=np.full((2, 3), 7.0))
    mosaic = np.full((8, 12), 601, np.uint16)
    frame = Frame(
        mosaic=mosaic,
        colors=colors_of("RGGB"),
        black_level=512,
        white_level=16383,
        exposure=exposure or Exposure(),
    )
    subtraction = Subtraction(mosaic=np.ones(mosaic.shape, np.float32), red=band, green=band, blue=band)
    return Made(frame=frame, subtraction=subtraction)


def names(folder: Path) -> list[str]:
    """What lies in a folder, hidden files too."""
    return sorted(entry.name for entry in folder.iterdir())


@contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """Let this process write no file beyond `size` bytes: the same error path as a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def need_tool(name: str) -> str:
    """The program's path; without it the test is skipped, or fails where the tools must be there."""
    path = shutil.which(name)
    if path is None:
        missing = f"{name} is not installed"
        if os.environ.get("ARWATCH_REQUIRE_TOOLS") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    return path


def run(*command: str | Path, folder: Path) -> str:
    """What a program says; it must succeed. Its home is the folder: no settings from elsewhere."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}:\n{done.stdout[-3000:]}"
    return done.stdout


def verify(*paths: Path) -> None:
    """Hold files against the FITS standard: 0 errors, 0 warnings, checksums included."""
    output = run(need_tool("fitsverify"), "-q", *paths, folder=paths[0].parent)
    assert output.count("verification OK") == len(paths), output

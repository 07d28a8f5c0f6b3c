"""What `arwatch process` tells in the end."""

from pathlib import Path

from arwatch.commands.process import Found, Tally
from arwatch.errors import FailureCode
from arwatch.model.figures import Figures
from arwatch.model.outcome import Failed, Skipped, Written


def test_dark_edges_are_counted_on_what_was_written():
    dark = Figures(sky_rim=-4.56, sky_rim_noise=0.52)
    ends = [
        Written(output=Path("a.fits"), size=1, figures=dark),
        Written(output=Path("b.fits"), size=1, figures=Figures(sky_rim=-0.1, sky_rim_noise=0.52)),
        Skipped(output=Path("c.fits"), size=1, reason="it is there", figures=dark),
        Failed(code=FailureCode.NO_SKY, reason="clouds"),
    ]
    found = [Found(Path(f"/night/{number}.ARW"), Path("/night")) for number in range(len(ends))]
    tally = Tally(found)
    assert tally.dark_rims() == []
    for frame, end in zip(found, ends, strict=True):
        tally.ended(frame.path, end)
    assert tally.dark_rims() == [4.56]


def test_why_there_are_no_previews_is_said_once():
    found = [Found(Path(f"/night/{number}.ARW"), Path("/night")) for number in range(3)]
    tally = Tally(found)
    for frame, reason in zip(found, (None, "no room", "no room"), strict=True):
        tally.ended(frame.path, Written(output=Path("a.fits"), size=1, figures=Figures(), no_preview=reason))
    assert tally.without_preview() == ["no room"]

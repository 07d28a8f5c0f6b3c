"""An output belongs to one frame: whose it is, and which name another frame's output gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from arwatch.errors import WriteError
from arwatch.model.figures import Figures
from arwatch.output.fits import Provenance
from arwatch.output.ownership import Candidate, Identity, Target, ask, choose

WANTED, SECOND, THIRD = (Path("/n") / f"{name}.fits" for name in ("a", "a~1", "a~2"))
EARLY, LATE = "2026-11-21T20:15:03.120+00:00", "2026-11-22T01:00:00.000+00:00"


def made(path: str = "/n/a.ARW", fingerprint: str = "other", taken: str | None = None) -> Provenance:
    return Provenance(
        name=Path(path).name,
        path=Path(path),
        size=1,
        mtime_ns=1,
        fingerprint=fingerprint,
        recipe="",
        length=1,
        figures=Figures(taken=taken),
    )


def frame(path: str = "/n/a.ARW", taken: str | None = None, *, fresh: bool = False) -> Identity:
    return Identity(path=Path(path), fingerprint="mine", taken=taken, fresh=fresh)


@pytest.mark.parametrize(
    ("before", "now", "same"),
    [
        (made(), frame(), True),
        (made(taken=EARLY), frame(), True),
        (made(), frame(taken=EARLY), True),
        (made(taken=EARLY), frame(taken=EARLY), True),
        (made(taken=EARLY.removesuffix("+00:00")), frame(taken=EARLY), True),
        (made(taken=EARLY), frame(taken=LATE), False),
        (made("/n/b.ARW"), frame(), False),
        (made("/card/a.ARW", taken=EARLY), frame(taken=EARLY), False),
        (made(), frame(fresh=True), False),
    ],
)
def test_whether_a_file_was_rewritten_in_place_or_is_another_frame(
    before: Provenance, now: Identity, *, same: bool
) -> None:
    assert now.rewrote(before) is same


def test_the_same_content_is_the_same_frame_whatever_its_path_and_time() -> None:
    place = Candidate(path=WANTED, free=False, made=made("/elsewhere/b.ARW", "mine", EARLY))
    target = choose([place], frame(taken=LATE, fresh=True))
    assert target == Target(path=WANTED, new=False, replaces=place.made)


def free(path: Path) -> Candidate:
    return Candidate(path=path, free=True)


def foreign(path: Path, provenance: Provenance | None = None) -> Candidate:
    return Candidate(path=path, free=False, made=provenance)


MINE, OTHERS = made(fingerprint="mine"), made("/card/a.ARW")


@pytest.mark.parametrize(
    ("candidates", "path", "left_alone"),
    [
        ([free(WANTED), free(SECOND)], WANTED, None),
        ([foreign(WANTED, OTHERS), free(SECOND)], SECOND, "a.fits belongs to another frame"),
        ([foreign(WANTED), free(SECOND)], SECOND, "a.fits is not arwatch's"),
        ([foreign(WANTED), foreign(SECOND, OTHERS), free(THIRD)], THIRD, "a.fits is not arwatch's"),
    ],
)
def test_the_first_free_name_is_taken(candidates: list[Candidate], path: Path, left_alone: str | None) -> None:
    assert choose(candidates, frame()) == Target(path=path, new=True, left_alone=left_alone)


def test_the_frame_s_own_output_goes_before_a_free_name() -> None:
    candidates = [free(WANTED), foreign(SECOND, MINE)]
    assert choose(candidates, frame()).path == SECOND
    assert choose(candidates, frame(), overwrite=True).path == SECOND


def test_a_name_that_was_given_away_is_not_free() -> None:
    target = choose([free(WANTED), free(SECOND)], frame(), given_away=True)
    assert target == Target(path=SECOND, new=True, left_alone="a.fits belongs to another frame")


@pytest.mark.parametrize("candidate", [foreign(WANTED), foreign(WANTED, OTHERS), free(WANTED)])
def test_the_wanted_name_is_taken_from_others_on_request(candidate: Candidate) -> None:
    assert choose([candidate, free(SECOND)], frame(), given_away=True, overwrite=True) == Target(path=WANTED, new=False)


def test_a_link_is_never_replaced_though_it_leads_to_the_frame_s_own_output() -> None:
    candidates = [Candidate(path=WANTED, free=False, link=True, made=MINE), free(SECOND)]
    assert choose(candidates, frame()).path == SECOND


def test_where_others_have_all_names_it_says_what_to_do() -> None:
    with pytest.raises(WriteError, match="--overwrite"):
        choose([foreign(WANTED), foreign(SECOND)], frame())


def test_what_lies_under_a_name(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("a shopping list")
    (tmp_path / "folder").mkdir()
    (tmp_path / "dead link").symlink_to("nowhere")
    for name in ("text", "folder", "dead link"):
        place = ask(tmp_path / name)
        assert (place.free, place.link, place.made) == (False, name == "dead link", None)
    assert ask(tmp_path / "nothing").free
    assert ask(tmp_path / "no folder" / "nothing").free

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arwatch.formats.names import is_frame
from arwatch.output.naming import NAME_MAX, output_path
from arwatch.settings import Output

SUFFIX = ".bkg_subtracted.fits"


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("DSC00001.ARW", True),
        ("dsc00001.arw", True),
        ("a b'c\n.ArW", True),
        ("DSC00001.JPG", False),
        ("DSC00001.ARW.part", False),
        ("DSC00001.ARW.tmp", False),
        (".DSC00001.ARW", False),
        (".DSC00001.ARW.Xa3f2K", False),
        (".syncthing.DSC00001.ARW.tmp", False),
        ("~DSC00001.ARW", False),
        ("DSC00001.bkg_subtracted.fits", False),
    ],
)
def test_which_names_are_frames(name, taken):
    assert is_frame(name, ["*.arw"], SUFFIX) is taken


def test_own_outputs_are_no_frames_whatever_the_patterns():
    assert not is_frame("a.bkg_subtracted.fits", ["*"], SUFFIX)
    assert not is_frame("a.bkg_subtracted.fits.fz", ["*"], SUFFIX)


def nobody(_path):
    return False


@pytest.mark.parametrize(
    ("source", "output", "expected"),
    [
        ("/n/DSC00001.ARW", Output(), "/n/DSC00001.bkg_subtracted.fits"),
        ("/n/sub/DSC00001.ARW", Output(), "/n/sub/DSC00001.bkg_subtracted.fits"),
        ("/n/DSC00001.ARW", Output(suffix=".sky.fits"), "/n/DSC00001.sky.fits"),
        ("/n/DSC00001.ARW", Output(compress=True), "/n/DSC00001.bkg_subtracted.fits.fz"),
        ("/n/sub/DSC00001.ARW", Output(folder="/out"), "/out/sub/DSC00001.bkg_subtracted.fits"),
        ("/elsewhere/DSC00001.ARW", Output(folder="/out"), "/out/DSC00001.bkg_subtracted.fits"),
    ],
)
def test_output_names(source, output, expected):
    assert output_path(Path(source), Path("/n"), output, nobody) == Path(expected)


def test_a_taken_name_gets_letters_that_depend_on_the_frame():
    owned = Path("/n/a.bkg_subtracted.fits")
    first, second = (
        output_path(Path(source), Path("/n"), Output(), lambda path: path == owned)
        for source in ("/n/a.ARW", "/n/a.arw")
    )
    assert len({owned, first, second}) == 3
    assert output_path(Path("/n/a.arw"), Path("/n"), Output(), lambda path: path == owned) == second


@given(st.binary(min_size=1, max_size=251).filter(lambda b: b"/" not in b and b"\0" not in b and b.strip(b".")))
def test_any_name_that_a_file_can_have_gives_one_that_a_file_can_have(stem):
    source = Path("/n") / os.fsdecode(stem + b".ARW")
    output = output_path(source, Path("/n"), Output(), nobody)
    assert len(os.fsencode(output.name)) <= NAME_MAX
    assert output.name.endswith(SUFFIX)
    assert output.parent == source.parent

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arwatch.formats.names import is_frame
from arwatch.output.naming import NAME_MAX, output_folder, output_names
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


def wanted(source, root, output):
    return output_folder(source, root, output) / output_names(source, output)[0]


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
    assert wanted(Path(source), Path("/n"), output) == Path(expected)


def test_further_names_depend_on_the_frame_s_path_and_content():
    first, second = (
        output_names(Path(source), Output(), fingerprint="c0ffee00") for source in ("/n/a.ARW", "/n/a.arw")
    )
    assert first[0] == second[0] == f"a{SUFFIX}"
    assert first[-1] == second[-1] == f"a~c0ffee00{SUFFIX}"
    assert (first[1], second[1]) == (f"a~1c9c2e6e{SUFFIX}", f"a~b15901b4{SUFFIX}"), "as version 0.1 made them"


def test_a_frame_found_over_a_link_gets_the_same_names():
    names = output_names(Path("/link/a.ARW"), Output(), real=Path("/n/a.ARW"))
    assert names[:2] == output_names(Path("/n/a.ARW"), Output())
    assert output_names(Path("/link/a.ARW"), Output())[1] in names, "what version 0.1 made over the link"


@given(st.binary(min_size=1, max_size=251).filter(lambda b: b"/" not in b and b"\0" not in b and b.strip(b".")))
def test_any_name_that_a_file_can_have_gives_one_that_a_file_can_have(stem):
    source = Path("/n") / os.fsdecode(stem + b".ARW")
    for name in output_names(source, Output(), fingerprint="c0ffee00"):
        assert len(os.fsencode(name)) <= NAME_MAX
        assert name.endswith(SUFFIX)

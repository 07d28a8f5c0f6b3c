import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arwatch.errors import SettingsError
from arwatch.settings import Settings, find, load
from arwatch.settings.files import VARIABLE, user_file
from arwatch.settings.slips import read

EXAMPLE = Path(__file__).parent.parent / "config.example.toml"


def written(tmp_path, text):
    path = tmp_path / "arwatch.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_example_is_valid_and_says_the_defaults():
    settings = load(EXAMPLE)
    assert settings == Settings()


def test_the_example_names_every_key():
    text = EXAMPLE.read_text(encoding="utf-8")
    for section, field in Settings.model_fields.items():
        table = re.search(rf"^\[{section}\]$(.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL)
        assert table, section
        for key in field.annotation.model_fields:
            assert re.search(rf"^#? ?{key} = ", table[1], re.MULTILINE), f"[{section}] {key}"


def test_every_wrong_key_is_named_at_once(tmp_path):
    path = written(
        tmp_path,
        """
        [watch]
        setle_s = 3
        folders = "x"
        [background]
        box_size = "big"
        filter_size = 10
        estimator = "mod"
        [worker]
        count = 1
        [camera]
        timezone = "Berln"
        """,
    )
    with pytest.raises(SettingsError) as error:
        load(path)
    assert str(error.value).splitlines() == [
        f"{path}: 7 settings cannot be used:",
        "  line 3: [watch] setle_s: no such key; did you mean settle_s?",
        '  line 4: [watch] folders = "x": expected a list of texts: folders = ["x"]',
        '  line 6: [background] box_size = "big": expected a whole number',
        "  line 7: [background] filter_size = 10: must be odd",
        "  line 8: [background] estimator = \"mod\": expected 'mode', 'median', 'mean' or 'sextractor'",
        "  line 9: [worker]: no such section; did you mean [workers]?",
        '  line 12: [camera] timezone = "Berln": must be a zone such as "Europe/Berlin" or a distance such as "+02:00"',
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("watch = 3", "line 1: watch = 3: watch is a section: write [watch] and its keys in the lines below"),
        ("[[watch]]", "line 1: [[watch]]: write [watch], in single brackets, and only once"),
        ("nonsense = 3", "line 1: nonsense: no such key, and it stands outside of a section; there are: watch"),
        ("[zebra]\n", "line 1: [zebra]: no such section; there are: watch"),
        ("[Watch]\n", "line 1: [Watch]: no such section; did you mean [watch]?"),
        ("[watch\n", "line 1: the ] of the section's heading is missing: write [watch]"),
        ("= 3", "line 1: = 3: is not valid TOML"),
        ('folders = ["/x"]', 'line 1: folders = ["/x"]: stands outside of its section: put it below [watch]'),
        ("name = 'x'", "put it below [observer] or [telescope] or [site] or [object]"),
        ("[log]\nsettle_s = 1", "line 2: [log] settle_s: no such key; it belongs to [watch]"),
        (
            "[watch]\nfolder = 'x'",
            'did you mean folders, a list: folders = ["x"]? (folder belongs to [output] or [state])',
        ),
        (
            "[watch]\nfolder = ['x']",
            'did you mean folders, a list: folders = ["x"]? (folder belongs to [output] or [state])',
        ),
        (
            "[watch]\nfolders = /x",
            '1 setting cannot be used:\n  line 2: [watch] folders = "/x": expected a list of texts: folders = ["/x"]',
        ),
        (
            "[background]\nbox_size = big",
            '1 setting cannot be used:\n  line 2: [background] box_size = "big": expected a whole number',
        ),
        ("[watch]\nfolders = ['/x', 3]", "line 2: [watch] folders, entry 2, 3: expected a text"),
        ("[watch]\nfolders = ['']", 'entry 1, "": an empty name is no folder'),
        (
            "[watch]\nfolders = ['$HOME/x']",
            "variables are not replaced here: write the whole path, or begin it with ~/",
        ),
        ("[output]\nfolder = '/x/${USER}'", "variables are not replaced here"),
        ("[state]\nfolder = '%USERPROFILE%\\x'", "variables are not replaced here"),
        ('[watch]\nfolders = ["C:\\temp"]', "holds a tab or line break"),
        ("[watch]\n[log]\n[watch]\n", "line 3: [watch] stands in line 1 already: put the keys of both under that one"),
        ("[log]\nlevel='info'\nlevel='debug'", "line 3: level stands twice in its section: keep one of them"),
        ("[log]\nformat: 'json'", "line 2: write = between format and its value, not a colon"),
        ("[log]\nformat =", "line 2: format has no value"),
        ("[log]\nformat = # none", "line 2: format has no value"),
        ("[x", "line 1: the ] of the section's heading is missing: write [x]"),
        ("[watch]\nfolders = [\n'a'", "line 3: 'a': is not valid TOML"),
        ("[watch]\nfolders = ['a'\n\n[log]\n", "line 2: folders = ['a': the ] of the list is missing"),
        ("[watch]\nfolders = ['a'\nrecursive = true\n", "line 2: folders = ['a': the ] of the list is missing"),
    ],
)
def test_mistakes_are_told_with_their_line_and_mend(tmp_path, text, reason):
    with pytest.raises(SettingsError, match=re.escape(reason)):
        load(written(tmp_path, text))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("folders = [/home/anna/M 31, '/b']", "folders = [\"/home/anna/M 31\", '/b']"),
        ("folders = ['/a'", "folders = ['/a']"),
        ('folders = ["C:\\Users\\anna"]', "folders = ['C:\\Users\\anna']"),
        ("folders = [“/a”]", 'folders = ["/a"]'),
        ("recursive = yes", "recursive = true"),
        ("recursive = False", "recursive = false"),
        ("settle_s = 2,5", "settle_s = 2.5"),
        ("settle_s = 10 min", "settle_s = 10"),
        ("observer = polling", 'observer = "polling"'),
        ('observer = "polling', 'observer = "polling"'),
        ("observer = polling # for the NAS", 'observer = "polling"'),
    ],
)
def test_what_is_no_toml_is_told_with_what_was_meant(tmp_path, typed, meant):
    """What is shown as meant is right: a file with it is read."""
    with pytest.raises(SettingsError) as error:
        load(written(tmp_path, f"[watch]\n{typed}\n"))
    assert str(error.value).endswith(f": {meant}")
    assert len(str(error.value).splitlines()) == 2, "no mistake follows from another one"
    load(written(tmp_path, f"[watch]\n{meant}\n"))


def test_a_slip_of_form_hides_no_other_mistake(tmp_path):
    with pytest.raises(SettingsError) as error:
        load(written(tmp_path, "[watch]\nrecursive = yes\nsetle_s = 3\nobserver = polling\n[output]\nfolder = ~/out\n"))
    assert [line.split(":")[0].strip() for line in str(error.value).splitlines()[1:]] == [
        f"line {n}" for n in (2, 3, 4, 6)
    ]


@given(st.text())
def test_every_text_is_read_or_explained(text):
    reading = read(text)
    assert isinstance(reading.table, dict)
    assert all(1 <= line <= text.count("\n") + 1 and what for line, what in reading.slips)


def test_a_byte_order_mark_is_no_mistake(tmp_path):
    path = tmp_path / "arwatch.toml"
    path.write_bytes("\ufeff[watch]\r\nsettle_s = 3.0\r\n".encode())
    assert load(path).watch.settle_s == 3.0


# -- which file ----------------------------------------------------------------------------------------------


@pytest.fixture
def places(tmp_path, monkeypatch):
    """The user's place and the system's, as an ordinary user sees them."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("arwatch.settings.files.SYSTEM", tmp_path / "etc.toml")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    user_file().parent.mkdir(parents=True)
    return user_file(), tmp_path / "etc.toml"


def test_the_first_file_that_is_there_is_taken(places, monkeypatch, tmp_path):
    mine, system = places
    assert find(None) is None
    system.touch()
    assert find(None) == system
    mine.touch()
    assert find(None) == mine
    monkeypatch.setenv(VARIABLE, str(tmp_path / "named.toml"))
    assert find(None) == tmp_path / "named.toml", "even where it is not there: that is a mistake to be told"
    assert find(tmp_path / "given.toml") == tmp_path / "given.toml"


def test_for_root_the_system_s_file_goes_first(places, monkeypatch):
    mine, system = places
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    mine.touch()
    assert find(None) == mine
    system.touch()
    assert find(None) == system


def test_a_missing_file_and_one_that_is_no_text(tmp_path):
    with pytest.raises(SettingsError, match="No such file"):
        load(tmp_path / "none.toml")
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="UTF-8"):
        load(binary)


def test_settings_do_not_change():
    with pytest.raises(ValueError, match="frozen"):
        Settings().watch.settle_s = 3.0


@pytest.mark.parametrize("text", ["x = " + "9" * 5000, "x = " + "[" * 5000])
def test_more_than_python_has_room_for(tmp_path, text):
    with pytest.raises(SettingsError, match="not valid TOML"):
        load(written(tmp_path, text))

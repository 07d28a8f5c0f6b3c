import re
from pathlib import Path

import pytest

from arwatch.errors import SettingsError
from arwatch.settings import Settings, load

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
        timezone = "Europe/Berlinn"
        """,
    )
    with pytest.raises(SettingsError) as error:
        load(path)
    lines = str(error.value).splitlines()
    assert "7 settings" in lines[0]
    for expected in (
        "[watch] setle_s: no such key; did you mean settle_s?",
        '[watch] folders = "x": expected a list of texts',
        '[background] box_size = "big": expected a whole number',
        "[background] filter_size = 10: must be odd",
        "[background] estimator = \"mod\": expected 'mode', 'median', 'mean' or 'sextractor'",
        "[worker]: no such section; did you mean workers?",
    ):
        assert f"  {expected}" in lines
    assert any(line.startswith('  [camera] timezone = "Europe/Berlinn": ') for line in lines)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[watch", "TOML"),
        ("watch = 3", "[watch]"),
        ("nonsense = 3", "no such section"),
        ("[zebra]\n", "there are: watch"),
    ],
)
def test_unusable_files(tmp_path, text, reason):
    with pytest.raises(SettingsError, match=re.escape(reason)):
        load(written(tmp_path, text))


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

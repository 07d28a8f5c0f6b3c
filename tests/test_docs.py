"""README and manual: short enough, readable on a terminal, and true where they can be held against the code."""

import re
import shlex
import tomllib
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import click
import pytest
from astropy.io import fits
from click.testing import CliRunner

import arwatch
from arwatch import cli
from arwatch.commands import manual, status
from arwatch.commands.mistakes import EX_CONFIG
from arwatch.daemon import service
from arwatch.errors import FailureCode, Fate
from arwatch.model.figures import MEANINGS
from arwatch.model.frame import Exposure
from arwatch.model.job import Job, Source
from arwatch.model.outcome import Written
from arwatch.platform.fs import look
from arwatch.process.run import process
from arwatch.settings import Output, Settings
from arwatch.simulate import Scene, camera
from arwatch.sky import Quality
from arwatch.telling.events import EVENTS
from fits_support import ORIGIN, settings_for, tiny

REPOSITORY = Path(__file__).parents[1]
PACKAGE = Path(arwatch.__file__).parent
DOCS = PACKAGE / "docs"
PAGES = [REPOSITORY / "README.md", *sorted(DOCS.glob("*.md"))]
each_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
each_topic = pytest.mark.parametrize("topic", manual.TOPICS)


def run(*args, width=80, **env):
    env = {"COLUMNS": str(width), "FORCE_COLOR": None, "NO_COLOR": None, "TERM": "xterm"} | env
    return CliRunner().invoke(cli.main, args, env=env, prog_name="arwatch")


def prose(path):
    """Give a page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def blocks(path, language):
    text = path.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def rows(topic, heading):
    """Give the cells of the table under a heading."""
    text = (DOCS / f"{topic}.md").read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    table = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return [tuple(cell.strip().strip("`") for cell in line) for line in table[2:]]


# -- form --------------------------------------------------------------------------------------------------


def test_the_readme_is_read_to_its_end():
    assert len((REPOSITORY / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


def test_every_page_is_a_topic():
    assert {path.stem for path in DOCS.iterdir()} == set(manual.TOPICS)


@each_page
def test_nothing_was_left_to_fill_in(path):
    assert "@" not in path.read_text(encoding="utf-8").replace("arwatch@", "")


@each_page
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)]+)\)", prose(path)):
        if not target.startswith("https://"):
            file, _, anchor = target.partition("#")
            found = path.parent / file if file else path
            assert found.exists(), target
            headings = re.findall(r"^#+ (.*)$", found.read_text(encoding="utf-8"), re.MULTILINE) if anchor else []
            assert not anchor or anchor in {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}


@each_topic
def test_code_fits_beside_the_margins_of_a_terminal(topic):
    code = "".join(blocks(DOCS / f"{topic}.md", r"\w*"))
    assert max(map(len, code.splitlines()), default=0) <= manual.WIDTH - 2


@each_topic
def test_drawn_boxes_have_straight_edges(topic):
    drawn = re.findall(r"^[┌│└].*$", "".join(blocks(DOCS / f"{topic}.md", "text")), re.MULTILINE)
    assert len(set(map(len, drawn))) <= 1


def test_the_command_of_the_tests_stands_where_the_checks_read_it():
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert re.search(r"^<!-- the tests -->\n```sh\n.*pytest.*\n```\n<!-- end -->$", readme, re.MULTILINE)


# -- arwatch help ------------------------------------------------------------------------------------------


def test_help_lists_every_page_with_a_sentence():
    shown = " ".join(run("help").output.split())
    for topic in manual.TOPICS:
        assert f" {topic} {manual.summary(topic)}" in shown
        assert re.fullmatch(r"[A-Z][^.]+\.", manual.summary(topic))


@each_topic
@pytest.mark.parametrize("width", [60, 80, 200])
def test_pages_fit_the_terminal(topic, width):
    done = run("help", topic, width=width)
    assert done.exit_code == 0
    assert max(map(len, done.output.splitlines())) <= min(width, 80)
    assert "\x1b" not in done.output, "no colours where it is no terminal"
    assert "…" not in done.output, "nothing is cut off"
    assert "](" not in done.output, "no link to a file that is not there"
    headings = re.findall(r"^#+ (.*)$", prose(DOCS / f"{topic}.md"), re.MULTILINE)
    assert set(headings) <= {line.strip() for line in done.output.splitlines()}


@each_topic
def test_a_terminal_shows_the_same_words_in_colour(topic):
    coloured, plain = run("help", topic, FORCE_COLOR="1").output, run("help", topic).output
    assert "\x1b[1" in coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == plain


def test_links_between_pages_become_what_can_be_typed():
    assert "arwatch help log lists them all" in " ".join(run("help", "service").output.split())


@pytest.mark.parametrize("command", cli.main.commands)
def test_help_of_a_command_is_that_of_the_command(command):
    assert command not in manual.TOPICS
    assert run("help", command).output == run(command, "--help").output


def test_help_has_an_example():
    assert "Example: arwatch help service" in run("help", "--help").output


@pytest.mark.parametrize(
    ("typed", "says"),
    [("servcie", "`arwatch help service`"), ("procces", "`arwatch help process`"), ("zzz", "lists what there is")],
)
def test_help_suggests_what_was_meant(typed, says):
    done = run("help", typed)
    assert done.exit_code == 2
    assert says in done.output


# -- truth -------------------------------------------------------------------------------------------------


def commands_of(path):
    """Give the arguments of each `arwatch ...` that a page tells to type."""
    lines = [line for block in blocks(path, "sh") for line in block.splitlines()]
    lines += re.findall(r"`((?:sudo )?arwatch [^`]+)`", prose(path))
    for line in lines:
        for command in line.split("&&"):
            words = shlex.split(command, comments=True)
            while words and (words[0] in {"sudo", "env"} or "=" in words[0] or words[:1] == ["-u"]):
                words = words[2 if words[0] == "-u" else 1 :]
            if words and Path(words[0]).name == "arwatch":
                yield words[1:]


def test_commands_are_found_in_pages():
    assert len(list(commands_of(REPOSITORY / "README.md"))) > 10
    assert ["retry", "--all"] in list(commands_of(DOCS / "service.md"))


@each_page
def test_commands_can_be_typed_as_they_stand_there(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("DSC00001.ARW", "DSC00001.bkg_subtracted.fits"):
        Path(name).touch()
    for words in commands_of(path):
        name, *arguments = words
        if name.startswith("-"):
            assert name == "--help", words
            continue
        assert name in cli.main.commands, words
        if name == "help" and arguments:
            assert arguments[0] in {*manual.TOPICS, *cli.main.commands, "TOPIC", "PAGE", "COMMAND"}, words
        try:
            cli.main.commands[name].make_context(name, list(arguments))
        except click.MissingParameter:
            assert not arguments, words  # a command that is only named
        except click.UsageError as error:
            pytest.fail(f"{words}: {error}")


@each_page
def test_settings_are_called_by_their_names(path):
    text = path.read_text(encoding="utf-8")
    for section, key in re.findall(r"\[(\w+)\] (\w+)", text):
        assert key in type(getattr(Settings(), section)).model_fields, f"[{section}] {key}"
    for section in re.findall(r"`\[(\w+)\]", text):
        assert section in Settings.model_fields, section
    known = {key for section in Settings.model_fields for key in type(getattr(Settings(), section)).model_fields}
    for line in re.findall(r"`(\w+ = [^`]+)`", text):
        assert set(tomllib.loads(line)) <= known, line


def test_every_event_is_documented():
    assert rows("log", "Events") == [(name, event.level, event.meaning) for name, event in EVENTS.items()]


def test_advice_is_given_for_events_that_exist():
    named = [name for cell, _ in rows("service", "What to do when the log says") for name in cell.split("`, `")]
    events = [name for name in named if re.fullmatch(r"\w+\.\w+", name)]
    assert set(events) <= set(EVENTS)
    needs_a_look = {name for name, event in EVENTS.items() if event.level in {"warning", "error"}}
    assert needs_a_look <= set(events)


def test_every_failure_is_documented_with_its_fate():
    follows = {
        Fate.FINAL: "has failed",
        Fate.MAY_PASS: "is tried again",
        Fate.WORKER: "is tried again",
        Fate.WAITS_FOR_ROOM: "waits for room",
    }
    documented = {code: fate for code, fate, _ in rows("log", "Failures")}
    assert documented == {str(code): follows[code.fate] for code in FailureCode}


def test_every_exit_code_is_documented():
    known = {service.EX_OK, 1, click.UsageError.exit_code, status.NOT_RUNNING, EX_CONFIG}
    known |= {service.EX_SOFTWARE, service.EX_TEMPFAIL}
    assert [int(code) for code, _ in rows("log", "Exit codes")] == sorted(known)


def test_profiles_are_those_of_the_settings():
    profiles = [cell.split()[0].strip('`"') for cell, *_ in rows("outputs", "Profiles")]
    assert profiles == list(Output.model_fields["profile"].annotation.__args__)


def test_every_card_is_documented(tmp_path):
    exposure = Exposure(
        taken=datetime(2026, 11, 21, 21, 14, 5),  # noqa: DTZ001 - a camera's clock knows no zone
        utc_offset=timedelta(hours=1),
        exposure_s=30.0,
        iso=800,
        f_number=4.0,
        focal_length_mm=135.0,
        make="SONY",
        model="A7",
        lens="a lens",
        camera_temperature_c=5.0,
    )
    settings = {
        "observer": {"name": "Ada"},
        "telescope": {"pixel_size_um": 3.9},
        "site": {"name": "hill", "latitude_deg": 1.0, "longitude_deg": 2.0, "elevation_m": 3.0},
        "object": {"name": "M 31"},
    }
    cards, names = set(), set()
    for profile in ("notebook", "siril"):
        output = tmp_path / f"{profile}.fits"
        origin = replace(ORIGIN, sha256="c0ffee")
        made = tiny(exposure)
        unsure = replace(made.subtraction, quality=Quality(used=0.4, residual=0.01, spread=0.0, doubt="clouds"))
        replace(made, subtraction=unsure).write(output, settings_for(Output(profile=profile), **settings), origin)
        with fits.open(output) as hdus:
            names |= {hdu.name for hdu in hdus} - {"PRIMARY", "MOSAIC"}
            mosaic = next(hdu for hdu in hdus if hdu.data is not None)
            cards |= {*hdus[0].header, *mosaic.header} - STRUCTURE
    cards |= {meaning.card for meaning in MEANINGS.values() if meaning.card}
    page = (DOCS / "outputs.md").read_text(encoding="utf-8")
    header = page.partition("## The header")[2].partition("## Undo")[0]
    assert set(re.findall(r"`([A-Z][A-Z_-]+)`", header)) == cards
    assert set(re.findall(r"`([A-Z]+(?:_[RGB])?)`", page.partition("## Undo")[2])) == names


STRUCTURE = {"SIMPLE", "XTENSION", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "EXTEND", "NEXTEND", "PCOUNT", "GCOUNT"} | {
    "EXTNAME",
    "CHECKSUM",
    "DATASUM",
}
"""Cards that FITS itself asks for."""


def test_the_python_that_is_shown_runs(tmp_path, monkeypatch):
    (frame,) = camera(tmp_path, frames=1, scene=Scene(height=300, width=400, stars=5))
    assert frame.name == "DSC00001.ARW"
    job = Job(
        source=Source(frame, *look(frame)),
        output=tmp_path / "DSC00001.bkg_subtracted.fits",
        root=tmp_path,
        settings=Settings(),
    )
    assert isinstance(process(job), Written)
    monkeypatch.chdir(tmp_path)
    (code,) = blocks(DOCS / "outputs.md", "python")
    exec(code, {})


def test_the_architecture_names_every_room_and_no_other():
    drawn = blocks(DOCS / "architecture.md", "text")[0]
    named = {line.split()[0].rstrip("/") for line in drawn.splitlines()}
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert named == rooms | {"cli.py", "errors.py"}


def test_the_architecture_names_modules_that_exist():
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"(?<![\w./])[a-z]\w*(?:/\w+)*(?:/|\.py\b|\.md\b)", text))
    assert len(named) > 50
    missing = {name for name in named if not [*PACKAGE.glob(f"**/{name}"), *REPOSITORY.glob(name)]}
    assert [name for name in missing if not (REPOSITORY / "tests" / name).exists()] == []


# -- one rule, in the same words ---------------------------------------------------------------------------------

RULE = (
    "Outputs that are missing are made. Those made with other settings are kept by arwatch run, also after a reload and"
    " a restart (the event outputs.kept says how many), and renewed by arwatch process (not with --keep). An output"
    " belongs to one frame: another frame's output, or a file that is not arwatch's, is never replaced unasked"
    " (--overwrite of arwatch process); the new output gets a name of its own, and log and table say so."
)


def words(text):
    """Give a text without the signs of Markdown and of comments, and without its line breaks."""
    return " ".join(re.sub(r"`|^#", "", text, flags=re.MULTILINE).split())


@pytest.mark.parametrize(
    "path",
    [*(REPOSITORY / name for name in ("README.md", "config.example.toml", "CHANGELOG.md")), DOCS / "promises.md"],
    ids=lambda path: path.stem,
)
def test_whose_an_output_is_is_told_in_the_same_words(path):
    assert RULE in words(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("command", ["run", "process"])
def test_the_help_of_commands_says_it_so_too(command):
    text = words(run(command, "--help").output)
    for begin, end in (("Outputs", " kept by"), ("An output", " (--overwrite"), ("the new output", " log")):
        assert RULE[RULE.index(begin) : RULE.index(end)] in text

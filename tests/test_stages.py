"""The stages of a frame, and the digest of what they put into its output."""

import pytest

from arwatch.model.figures import MEANINGS
from arwatch.process.stages import STAGES, is_current, recipe
from arwatch.settings import Background, Output, Settings, Workers

OLD_WAY = Background(box_size=35, filter_size=9, kernel_stddev=2.0, red_norm=1.60, blue_norm=1.39)


@pytest.mark.parametrize(
    ("settings", "same"),
    [
        (Settings(background=Background(box_size=101)), False),
        (Settings(background=Background(model="smooth")), False),
        (Settings(output=Output(profile="siril")), False),
        (Settings(output=Output(compress=True)), False),
        (Settings(workers=Workers(count=1)), True),
        (Settings(output=Output(suffix=".x.fits", folder="/elsewhere", sha256=True)), True),
    ],
)
def test_the_recipe_follows_what_shapes_the_output(settings, *, same):
    assert (recipe(settings) == recipe(Settings())) is same
    assert is_current(recipe(settings), Settings()) is same


@pytest.mark.parametrize(
    ("made_by", "settings"),
    [
        ("9ab7e3b0546ea8a3", Settings()),
        ("b774b12047f60012", Settings(background=OLD_WAY)),
        ("54f0e85cc98916e8", Settings(output=Output(profile="siril", compress=True))),
    ],
)
def test_outputs_of_version_0_1_are_up_to_date(made_by, settings):
    """Their digests, as that version wrote them: of all keys, at their default or not."""
    assert is_current(made_by, settings)
    assert not is_current(made_by, Settings(background=Background(box_size=77)))


def test_keys_at_their_default_contribute_nothing():
    """A new key must not make the outputs of an archive out of date."""
    assert recipe(Settings(background=Background(box_size=100))) == recipe(Settings())


def test_an_output_without_a_digest_is_not_current():
    assert not is_current(None, Settings())


def test_every_stage_s_time_is_a_figure():
    assert {f"{stage.name}_s" for stage in STAGES} <= MEANINGS.keys()

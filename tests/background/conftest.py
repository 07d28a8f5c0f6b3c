import pytest

from arwatch.background import warm_up


@pytest.fixture(scope="session", autouse=True)
def _compiled():
    warm_up()

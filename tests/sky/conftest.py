import pytest

from arwatch.sky import warm_up


@pytest.fixture(scope="session", autouse=True)
def _compiled():
    warm_up()

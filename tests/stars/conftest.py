import pytest

from arwatch import stars  # noqa: F401 -- so that its kernels are warmed up, too
from arwatch.sky import warm_up


@pytest.fixture(scope="session", autouse=True)
def _compiled():
    warm_up()

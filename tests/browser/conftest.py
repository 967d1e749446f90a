import pytest

from tests.browser.browsing import chromium, why_not


@pytest.fixture
async def browser():
    if reason := why_not():
        pytest.skip(reason)
    async with chromium() as browser:
        yield browser

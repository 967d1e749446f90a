"""Claims in the real page: every forgery is refused with its reason, and the true one is shown."""

import time

import pytest

from engine.verify.keys import new_keys, rotate
from tests.browser.browsing import open_page
from tests.browser.synthetic import Session
from tests.vouching import Forger, notary

FORGERIES = [
    ("another key", "key"),
    ("own key beside it", "signature"),
    ("forged rotation", "key"),
    ("another stream", "stream"),
    ("another viewer", "stream"),
    ("another engine", "stream"),
    ("stale", "stale"),
    ("from the future", "stale"),
    ("lasts a year", "malformed"),
    ("edited", "signature"),
    ("replay", "sequence"),
    ("no claim", "malformed"),
]


@pytest.fixture
def keys(tmp_path):
    return new_keys(tmp_path / "owner" / "key")


async def opened(browser, session, end=""):
    """The page, without pictures: what is claimed needs none, and a busy machine is spared them."""
    session.stop_drawing()
    return await open_page(browser, session.server.url + end, live=False)


async def badge(page, state, why=""):
    """Waits until the badge is so; answers with its words."""
    wanted = f'[data-why="{why}"]' if why else ""
    await page.wait_for_selector(f"#claim[data-claim={state}]{wanted}", timeout=60_000)
    return await page.inner_text("#claim")


async def test_every_forged_claim_is_refused_and_the_true_one_is_shown(browser, keys, tmp_path):
    forger = Forger(keys, tmp_path)
    async with Session(vouch=forger.attend) as session:
        page = await opened(browser, session, f"#key={keys.id}")
        said = await badge(page, "verified")
        print(f"\ntrue: {said!r}")
        assert "Verified: Anna" in said and "since" in said and keys.id[:4] in said
        for forgery, why in FORGERIES:
            forger.mode = forgery
            said = await badge(page, "refused", why)
            print(f"{forgery}: {said!r}")
            assert "Not verified" in said and "Anna" not in said and "Bert" not in said
            forger.mode = "true"
            await badge(page, "verified")
        forger.mode = "replay after disconnect"
        [viewer] = session.server.viewers
        await viewer.close("for the test")
        said = await badge(page, "refused", "stream")
        print(f"replayed after disconnect: {said!r}")
        forger.mode = "true"
        await badge(page, "verified")
        forger.mode = "replay"
        other = await opened(browser, session, f"#key={keys.id}")
        said = await badge(other, "refused", "stream")
        print(f"the first page's claim on a second page: {said!r}")
        forger.mode = "true"
        await badge(other, "verified")
        forger.mode = "nothing"
        said = await badge(page, "refused", "silent")
        print(f"no more claims: {said!r}")


async def test_without_a_pin_the_first_key_is_trusted_loudly_and_another_never(
    browser, keys, tmp_path
):
    forger = Forger(keys, tmp_path)
    async with Session(vouch=forger.attend) as session:
        page = await opened(browser, session)
        said = await badge(page, "first")
        assert "Verified" not in said and "Ask the owner" in said
        await page.reload()
        said = await badge(page, "verified")
        assert "Ask the owner" not in said
        forger.mode = "another key"
        await badge(page, "refused", "key")
        await page.goto("about:blank")
        await page.goto(f"{session.server.url}#key={forger.thief.keys.id}")
        said = await badge(page, "first")
        assert "Verified" not in said and "Not the key that was known here" in said


async def test_a_replaced_key_is_followed_and_the_old_one_is_refused_from_then_on(
    browser, keys, tmp_path
):
    old = notary(keys, every=0.5)
    new = notary(rotate(tmp_path / "owner" / "key"), every=0.5)
    now = [new]

    def attend(*ends):
        each = {who: who.attend(*ends) for who in (old, new)}
        return lambda: each[now[0]]()

    async with Session(vouch=attend) as session:
        page = await opened(browser, session, f"#key={keys.id}")
        assert new.keys.id[:4] in await badge(page, "verified")
        now[0] = old
        await badge(page, "refused", "replaced")


async def test_who_is_not_there_is_not_verified_and_the_page_says_why(browser, keys, tmp_path):
    made = notary(keys, every=0.5)
    async with Session(vouch=made.attend) as session:
        page = await opened(browser, session, f"#key={keys.id}")
        await badge(page, "verified")
        made.fusion.see(time.monotonic(), 2, None)
        await page.wait_for_selector("#claim[data-claim=none]", timeout=20_000)
        assert "not settled" in (await page.inner_text("#claim")).lower()


async def test_a_pinned_page_says_so_where_nothing_is_claimed_and_else_shows_no_badge(browser):
    async with Session() as session:
        plain = await opened(browser, session)
        assert not await plain.is_visible("#claim")
        pinned = await opened(browser, session, "#key=" + "0" * 64)
        assert "No claim" in await pinned.inner_text("#claim")
        await badge(pinned, "refused", "nothing")


SPOILT = """async ([claim, pin]) => {
  let seed = 7;
  const pick = (n) => (seed = (seed * 48271) % 2147483647) % n;
  const odd = [null, 0, -1, 1e308, "", "?", "A".repeat(43), "A".repeat(9000), [], {}, true];
  const accepted = [];
  likeness.badge.pin = pin;
  for (let i = 0; i < 400; i++) {
    const said = structuredClone(claim), field = Object.keys(said)[pick(4)];
    if (i % 2) said[field] = odd[pick(odd.length)];
    else {
      const at = pick(said.body.length), put = String.fromCharCode(32 + pick(95));
      said.body = said.body.slice(0, at) + put + said.body.slice(at + 1);
      if (said.body === claim.body) continue;
    }
    likeness.badge.last = 0;
    await likeness.badge.weigh(i % 10 === 9 ? odd[pick(odd.length)] : said, likeness.link.peer);
    const { claim: state } = document.getElementById("claim").dataset;
    if (state === "verified" && field !== "rotations") accepted.push(said);
  }
  return accepted;
}"""


async def test_no_claim_with_anything_changed_is_taken(browser, keys, tmp_path):
    forger = Forger(keys, tmp_path)
    errors = []
    async with Session(vouch=forger.attend) as session:
        page = await opened(browser, session, f"#key={keys.id}")
        page.on("pageerror", lambda error: errors.append(error))
        await badge(page, "verified")
        forger.mode = "nothing"
        assert await page.evaluate(SPOILT, [forger.given[-1], keys.id]) == []
    assert errors == []

"""A page of another site plays the session by WHEP in Chromium, where it is allowed to."""

from aiohttp import web

from engine.deliver import DeliverConfig
from tests.browser.browsing import open_page
from tests.browser.synthetic import Session

PAGE = """<!doctype html><video autoplay muted playsinline></video><script>
async function play(url) {
  const peer = new RTCPeerConnection();
  for (const kind of ["video", "audio"]) peer.addTransceiver(kind, { direction: "recvonly" });
  peer.ontrack = (e) => { if (e.track.kind === "video") document.querySelector("video").srcObject = e.streams[0]; };
  await peer.setLocalDescription(await peer.createOffer());
  const said = await fetch(url, { method: "POST", headers: { "Content-Type": "application/sdp" }, body: peer.localDescription.sdp });
  await peer.setRemoteDescription({ type: "answer", sdp: await said.text() });
  return new URL(said.headers.get("Location"), url).href;
}
async function leave(place) { return (await fetch(place, { method: "DELETE" })).status; }
</script>"""  # noqa: E501


async def site():
    """Another site: localhost is none of 127.0.0.1's."""
    app = web.Application()

    async def page(request):
        return web.Response(text=PAGE, content_type="text/html")

    app.router.add_get("/", page)
    runner = web.AppRunner(app)
    await runner.setup()
    place = web.TCPSite(runner, "127.0.0.1", 0)
    await place.start()
    return runner, f"http://localhost:{place._server.sockets[0].getsockname()[1]}"


async def test_a_page_of_another_site_plays_where_it_is_named_and_nowhere_else(browser):
    runner, player = await site()
    try:
        async with Session(DeliverConfig(port=0, origins=(player,))) as session:
            page = await open_page(browser, player, live=False)
            place = await page.evaluate("(url) => play(url)", session.server.url + "live/whep")
            await page.wait_for_function("document.querySelector('video').currentTime > 1")
            width = await page.evaluate("document.querySelector('video').videoWidth")
            assert width == 512 and len(session.server.viewers) == 1
            assert await page.evaluate("(place) => leave(place)", place) == 200
        async with Session(DeliverConfig(port=0)) as session:
            url = session.server.url + "live/whep"
            refused = await page.evaluate("(url) => play(url).catch((e) => e.name)", url)
            assert refused == "TypeError" and not session.server.viewers
    finally:
        await runner.cleanup()

"""A camera that moves the face alone: frames are shown as they come, the pace where none does."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from engine.channel import Channel
from engine.head import Head
from engine.session import Flow
from engine.stats import Stats
from engine.track import Drive
from engine.types import FaceMesh, Motion, Tracked, VideoFrame, World
from engine.watching import SILENT, Lead


def test_frames_lead_and_the_pace_fills_their_silence():
    head = Head.load()
    picture = np.zeros((48, 64, 3), np.uint8)

    def world(t):
        still = Motion(t, np.zeros(52, np.float32), np.zeros(3, np.float32))
        return World(t, FaceMesh(t, head.neutral), still)

    async def session():
        out, tracked = Channel("out", 64), Channel("tracked", 4)
        with ThreadPoolExecutor(1) as pool:
            async with asyncio.TaskGroup() as tasks:
                flow = Flow(tasks, pool, Stats(), live=True)
                lead = Lead(Drive(head, head.neutral), flow, [out])
                flow.start(lead.follow(tracked))
                await lead.rest(world(0.0))  # no frame yet: the pace is shown
                shown = [await anext(out)]
                for t in (0.02, 0.05):
                    await tracked.put(Tracked(t, VideoFrame(t, picture), None))
                    shown.append(await anext(out))
                    await lead.rest(world(t + 0.03))  # the next frame is on its way
                await lead.rest(world(0.06 + SILENT))  # it never came
                await tracked.put(Tracked(0.1, VideoFrame(0.1, picture), None))  # too late
                await lead.end()
                await lead.rest(world(2.0))
                await tracked.close()
        await out.close()
        shown += [w async for w in out]
        return [(w.t, w.face.t, w.motion.t) for w in shown]

    shown = asyncio.run(session())
    assert shown == [(t, t, t) for t in (0.0, 0.02, 0.05, 0.06 + SILENT)]

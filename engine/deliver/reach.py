"""Whether the network lets a session through: ICE on this machine, a TURN server, a broker."""

import asyncio
import os
import secrets
import time

import aiomqtt
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection

from ..errors import ConfigError, DeliveryError
from .broker import MqttConfig, credentials
from .mqtt import why

TURN_USER, TURN_PASSWORD = "LIKENESS_TURN_USER", "LIKENESS_TURN_PASSWORD"
_PATIENCE = 8.0  # seconds


async def connect_to_self() -> float:
    """Seconds until two peers on this machine have found each other; DeliveryError if never."""
    one = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    other = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    opened = asyncio.Event()
    one.createDataChannel("doctor").on("open", opened.set)
    began = time.perf_counter()
    try:
        await one.setLocalDescription(await one.createOffer())
        await other.setRemoteDescription(one.localDescription)
        await other.setLocalDescription(await other.createAnswer())
        await one.setRemoteDescription(other.localDescription)
        await asyncio.wait_for(opened.wait(), _PATIENCE)
    except TimeoutError as e:
        raise DeliveryError(
            "no path between two peers of this machine: does a firewall block UDP?"
        ) from e
    finally:
        await asyncio.gather(one.close(), other.close())
    return time.perf_counter() - began


async def allocate(url: str) -> str:
    """The address that the TURN server at `url` relays from; DeliveryError where it gives none."""
    user, password = os.environ.get(TURN_USER, ""), os.environ.get(TURN_PASSWORD, "")
    if not url.startswith(("turn:", "turns:")):
        raise ConfigError(f"{url!r} is no TURN server: write it as turn:HOST:PORT")
    try:
        server = RTCIceServer(urls=url, username=user, credential=password)
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[server]))
        peer.createDataChannel("doctor")
        try:
            await asyncio.wait_for(
                peer.setLocalDescription(await peer.createOffer()), _PATIENCE
            )  # fmt: skip
            lines = peer.localDescription.sdp.splitlines()
        finally:
            await peer.close()
    except (TimeoutError, OSError, ValueError) as e:
        raise DeliveryError(f"{url} does not answer: {e or 'no word from it'}") from e
    relayed = [
        line.split() for line in lines if line.startswith("a=candidate") and " relay" in line
    ]
    if not relayed:
        raise DeliveryError(
            f"{url} relays nothing: is it there, and are {TURN_USER} and {TURN_PASSWORD} right?"
        )
    return f"{relayed[0][4]} port {relayed[0][5]}"


async def echo(config: MqttConfig) -> float:
    """Seconds for a message to the broker and back; DeliveryError where that fails."""
    user, password = credentials()
    topic = f"{config.prefix}/doctor/{secrets.token_hex(4)}"
    try:
        async with aiomqtt.Client(
            config.host, config.port_used, username=user, password=password,
            tls_context=config.secure(), timeout=_PATIENCE,
        ) as client:  # fmt: skip
            await client.subscribe(topic, 1)
            began = time.perf_counter()
            await client.publish(topic, "?", qos=1)
            await asyncio.wait_for(anext(client.messages), _PATIENCE)
    except (aiomqtt.MqttError, TimeoutError) as e:
        reason = why(e) if isinstance(e, aiomqtt.MqttError) else "messages do not come back"
        raise DeliveryError(f"{config.host}:{config.port_used}: {reason}") from e
    return time.perf_counter() - began

// The connection to the engine: made, watched, and made again whenever it is lost.

import { Align } from "./align.js";

const WAITS = [0.3, 0.7, 1, 1.5, 2, 2, 3]; // seconds before each next attempt
const SILENCE = 2500; // ms without a word from the engine after which it is taken for gone
const GATHER = 2000; // ms for the browser to find its network addresses
const CONNECT = 8000; // ms for the media to begin
const REST = 20; // seconds before a line that was too slow is tried again

export const WORDS = {
  connecting: ["Connecting", "Finding the way to the engine"],
  live: ["Live", ""],
  lost: ["Connection lost", "Trying again"],
  gone: ["The engine is not running", "This page goes on by itself as soon as it is back"],
  ended: ["The session has ended", "This page goes on by itself when the next one begins"],
  cut: ["Connection too slow", "Trying again soon"],
  full: ["Every place is taken", "This page joins as soon as somebody leaves"],
  locked: ["This link is not valid", "Open the link that the engine printed when it started"],
  noroute: ["No network", "Browsers send no video without one, not even within a computer. Join any network, even one without internet, and this page goes on"],
  blocked: ["No way through", "The engine answers, but its video does not arrive: a firewall may block UDP"],
  refused: ["Refused", "The engine did not accept this page's request"],
};

class Failure extends Error {
  constructor(state, detail = "") {
    super(detail);
    this.state = state;
  }
}

/** Whatever else the browser throws, in the midst of a restart say, is one more lost connection. */
function asFailure(error) {
  if (error instanceof Failure) return error;
  console.error(error);
  return new Failure("lost");
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

export class Link {
  /** told: {state(name, detail, seconds), info(info), stream(stream, peer), message(object)} */
  constructor(told) {
    this.told = told;
    this.channel = null;
    this.peer = null;
    addEventListener("pagehide", () => this.peer?.close());
    const given = new URLSearchParams(location.hash.slice(1));
    this.token = given.get("token");
    this.pin = given.get("key"); // of the owner, see claim.js: it stays in the address
  }

  async run() {
    this.told.state("connecting");
    for (let failures = 0; ; failures++) {
      const began = performance.now();
      const failure = await this.watch().catch(asFailure);
      if (performance.now() - began > 5000) failures = 0;
      const wait = failure.state === "cut" ? REST : WAITS[Math.min(failures, WAITS.length - 1)];
      await this.countDown(failure, wait);
    }
  }

  send(message) {
    if (this.channel?.readyState === "open") this.channel.send(JSON.stringify(message));
  }

  async countDown(failure, seconds) {
    const until = performance.now() + seconds * 1000;
    for (let left; (left = until - performance.now()) > 0; ) {
      this.told.state(failure.state, failure.message, left / 1000);
      await pause(Math.min(left, 250));
    }
  }

  /** One connection, from the first question to its end, which is always a Failure. */
  async watch() {
    if (this.token) await this.login();
    this.told.info(await this.ask("/info"));
    const peer = (this.peer = new RTCPeerConnection(await this.ask("/ice")));
    try {
      const stream = new MediaStream();
      const ended = this.listen(peer);
      ended.catch(() => {}); // it is awaited below, unless something else fails before
      await this.negotiate(peer, stream);
      await Promise.race([connected(peer), ended]);
      this.told.stream(stream, peer);
      await ended;
    } finally {
      this.channel = null;
      peer.close();
    }
  }

  listen(peer) {
    const channel = peer.createDataChannel("likeness");
    return new Promise((_, fail) => {
      let heard = Infinity;
      const watchdog = setInterval(() => {
        if (performance.now() - heard > SILENCE) end("lost");
      }, 250);
      const end = (state, detail) => {
        clearInterval(watchdog);
        fail(new Failure(state, detail));
      };
      channel.onopen = () => {
        this.channel = channel;
        heard = performance.now();
      };
      channel.onmessage = (event) => {
        heard = performance.now();
        let message;
        try {
          message = JSON.parse(event.data);
        } catch (error) {
          console.error(error);
          return end("lost");
        }
        if (message.bye !== undefined) end(message.cut ? "cut" : "ended", message.bye);
        else this.told.message(message);
      };
      channel.onclose = () => end("lost");
      peer.onconnectionstatechange = () => {
        if (["failed", "closed"].includes(peer.connectionState)) end("lost");
      };
    });
  }

  async negotiate(peer, stream) {
    for (const kind of ["audio", "video"]) {
      const transceiver = peer.addTransceiver(kind, { direction: "recvonly", streams: [stream] });
      stream.addTrack(transceiver.receiver.track);
      if (kind === "video") transceiver.setCodecPreferences?.(vp8First());
    }
    await peer.setLocalDescription();
    await Promise.race([gathered(peer), pause(GATHER)]);
    if (!/^a=candidate:/m.test(peer.localDescription.sdp)) throw new Failure("noroute");
    const { sdp, type } = peer.localDescription;
    const answer = await this.ask("/offer", { sdp, type });
    if (!/^a=candidate:/m.test(answer.sdp)) throw new Failure("noroute");
    await peer.setRemoteDescription(Align.works ? { ...answer, sdp: apart(answer.sdp) } : answer);
  }

  async login() {
    await this.ask("/login", {}, { Authorization: `Bearer ${this.token}` });
    this.token = null;
    const rest = this.pin ? `#key=${this.pin}` : "";
    history.replaceState(null, "", location.pathname + location.search + rest);
  }

  async ask(path, body, headers = {}, patience = 5000) {
    const how = { signal: AbortSignal.timeout(patience), headers, cache: "no-store" };
    if (body !== undefined) {
      how.method = "POST";
      how.body = JSON.stringify(body);
      headers["Content-Type"] = "application/json";
    }
    const response = await fetch(path, how).catch(() => null);
    if (response === null) throw new Failure("gone");
    const answer = await response.json().catch(() => ({}));
    if (response.ok) return answer;
    throw new Failure({ 401: "locked", 503: "full" }[response.status] ?? "refused", answer.error);
  }
}

/** Sound in a stream of its own, so that the browser does not hold it to the pictures too. */
function apart(sdp) {
  const named = /^(a=msid:|a=ssrc:\d+ msid:)(\S+)/gm;
  const parts = sdp.split(/^(?=m=)/m);
  return parts.map((part) => (part.startsWith("m=audio") ? part.replace(named, "$1$2-sound") : part)).join("");
}

export function vp8First() {
  const codecs = RTCRtpReceiver.getCapabilities("video").codecs;
  const isVp8 = (c) => c.mimeType === "video/VP8";
  return [...codecs.filter(isVp8), ...codecs.filter((c) => !isVp8(c))];
}

export function gathered(peer) {
  return new Promise((done) => {
    const check = () => peer.iceGatheringState === "complete" && done();
    peer.addEventListener("icegatheringstatechange", check);
    check();
  });
}

export function connected(peer) {
  return new Promise((done, fail) => {
    const late = setTimeout(() => fail(new Failure("blocked")), CONNECT);
    const check = () => {
      if (peer.connectionState !== "connected") return;
      clearTimeout(late);
      done();
    };
    peer.addEventListener("connectionstatechange", check);
    check();
  });
}

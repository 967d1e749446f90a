// This browser's own camera and microphone, sent to the engine: only after a press, only while on.

import { connected, gathered, vp8First } from "./link.js";

const RETRY = 1500; // ms between a lost connection and the next attempt
const GATHER = 2000; // ms for the browser to find its network addresses
const WORD = 1000; // ms between two words to the engine, which takes silence for an end
const BITS = 1_500_000; // a second, at most: enough for 640 x 480
const WANTED = {
  audio: { echoCancellation: true, noiseSuppression: true, channelCount: 1 },
  video: { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30, max: 30 } },
};
const WHY = {
  NotAllowedError: "The browser was not allowed to: see the lock beside its address bar",
  NotFoundError: "No camera or microphone was found on this machine",
  NotReadableError: "Camera or microphone are in use by another program",
};
const INSECURE = "Browsers give these to secure pages only: open this page by https, or on the engine's own machine";

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

export class Sender {
  /** ask(path, body): the engine's answer. tell(state, words): "off", "asking", "on", "lost". */
  constructor(ask, tell) {
    this.ask = ask;
    this.tell = tell;
    this.stream = null;
    this.peer = null;
    addEventListener("pagehide", () => this.stop());
  }

  get on() {
    return this.stream !== null;
  }

  /** kinds: what the session takes, of "audio" and "video". */
  async start(kinds) {
    this.tell("asking", "");
    try {
      this.stream = await devices(kinds);
    } catch (error) {
      return this.tell("off", WHY[error.name] ?? error.message);
    }
    for (const track of this.stream.getTracks()) track.onended = () => this.stop("The device was unplugged");
    while (this.on) {
      const words = await this.once().catch((error) => error.message);
      if (!this.on) break;
      this.tell("lost", words);
      await pause(RETRY);
    }
  }

  stop(words = "") {
    if (!this.on) return;
    for (const track of this.stream.getTracks()) track.stop();
    this.stream = null;
    this.leave();
    this.tell("off", words);
  }

  leave() {
    if (this.channel?.readyState === "open") this.channel.send('{"bye": true}');
    const peer = this.peer;
    setTimeout(() => peer?.close(), 50); // the word goes out first
  }

  /** One connection, until its end, for which the words are answered. */
  async once() {
    const peer = (this.peer = new RTCPeerConnection(await this.ask("/ice")));
    try {
      const ended = this.speak(peer);
      for (const track of this.stream.getTracks()) add(peer, track, this.stream);
      await peer.setLocalDescription();
      await Promise.race([gathered(peer), pause(GATHER)]);
      const { sdp, type } = peer.localDescription;
      await peer.setRemoteDescription(await this.ask("/send", { sdp, type }));
      await connected(peer);
      if (this.on) this.tell("on", "");
      return await ended;
    } finally {
      if (this.on) peer.close();
    }
  }

  /** Says something every second; settles when the connection ends. */
  speak(peer) {
    const channel = (this.channel = peer.createDataChannel("likeness"));
    return new Promise((done) => {
      const talking = setInterval(() => channel.readyState === "open" && channel.send("{}"), WORD);
      const end = () => {
        clearInterval(talking);
        done("The connection was lost");
      };
      channel.onclose = end;
      peer.onconnectionstatechange = () => ["failed", "closed"].includes(peer.connectionState) && end();
    });
  }
}

/** One stream of what there is: a machine without a camera still has a microphone. */
async function devices(kinds) {
  if (!navigator.mediaDevices) throw new Error(INSECURE);
  const wanted = Object.fromEntries(kinds.map((kind) => [kind, WANTED[kind]]));
  try {
    return await navigator.mediaDevices.getUserMedia(wanted);
  } catch (error) {
    if (error.name !== "NotFoundError" || kinds.length < 2) throw error;
    const one = (kind) => navigator.mediaDevices.getUserMedia({ [kind]: WANTED[kind] });
    return await one("audio").catch(() => one("video"));
  }
}

function add(peer, track, stream) {
  const sendEncodings = track.kind === "video" ? [{ maxBitrate: BITS }] : undefined;
  const transceiver = peer.addTransceiver(track, { direction: "sendonly", streams: [stream], sendEncodings });
  if (track.kind === "video") transceiver.setCodecPreferences?.(vp8First());
}

// What this viewer measures of its own stream.
//
// The engine stamps sound and pictures in session time t. RTP timestamps are t in ticks plus a
// number that is random a connection; the engine tells that number, and its clock by ping. So
// for each picture shown and each sound played, session time now - t is the whole latency.
// Of the loudspeaker's share the browser tells when it is asked by an AudioContext.

import { Align } from "./align.js";

const TICKS = { video: 90000, audio: 48000 };
const SETTLED = 500; // ms after the first picture at which the browser has time for sound
const KEPT = 300; // samples: ten seconds of pictures
const RECENT = 6000; // ms whose median is the lip sync that is told

export class Meter {
  constructor(video, send) {
    this.video = video;
    this.send = send;
    this.peer = this.align = null;
    this.spark = [];
    this.speaker = 0; // seconds from the browser to the air
    this.showing = this.onPicture.bind(this);
    this.reset();
    setInterval(() => this.ping(), 500);
    setInterval(() => this.sound(), 100);
    setInterval(() => this.count(), 1000);
  }

  reset() {
    this.pings = [];
    this.ahead = null; // session time minus performance.now(), seconds
    this.origins = {};
    this.together = true;
    this.latency = { video: [], audio: [] }; // of { at, ms }: noted when, how late
    this.shown = [];
    this.before = null;
    this.receiver = {};
  }

  watch(peer) {
    this.reset();
    this.peer = peer;
    this.align = new Align(peer);
    for (let i = 0; i < 8; i++) setTimeout(() => this.ping(), 60 * i);
    const ready = () => setTimeout(() => this.send({ ready: true }), SETTLED);
    if (!this.video.requestVideoFrameCallback) return ready(); // an old browser: no figures
    this.video.requestVideoFrameCallback(this.showing);
    this.video.requestVideoFrameCallback(ready);
  }

  // Clock

  ping() {
    this.send({ ping: performance.now() });
  }

  message(message) {
    if (message.pong !== undefined) this.pong(message.pong, message.t);
    if (message.state === undefined) return;
    this.origins = message.state.rtp;
    this.together = message.state.path !== "camera alone"; // whose pictures wait only for sound that is heard
  }

  pong(sent, t) {
    const now = performance.now();
    this.pings.push({ trip: now - sent, ahead: t - (now + sent) / 2000 });
    if (this.pings.length > 40) this.pings.shift();
    const best = this.pings.reduce((a, b) => (b.trip < a.trip ? b : a));
    this.ahead = best.ahead;
  }

  /** Seconds between the moment that an RTP timestamp stands for and `ms` on this page's clock. */
  age(kind, rtp, ms) {
    const origin = this.origins[kind];
    if (this.ahead === null || origin === null || origin === undefined || rtp === undefined) return null;
    const now = Math.round((ms / 1000 + this.ahead) * TICKS[kind]);
    return ((now - ((rtp - origin) | 0)) | 0) / TICKS[kind];
  }

  // Readings

  onPicture(now, frame) {
    this.shown.push(now);
    this.note("video", this.age("video", frame.rtpTimestamp, frame.expectedDisplayTime));
    this.video.requestVideoFrameCallback(this.showing);
  }

  sound() {
    const receiver = this.peer?.getReceivers().find((r) => r.track.kind === "audio");
    for (const source of receiver?.getSynchronizationSources() ?? []) {
      const ms = source.timestamp - performance.timeOrigin + this.speaker * 1000;
      this.note("audio", this.age("audio", source.rtpTimestamp, ms));
    }
  }

  /** Asks for the loudspeaker's share of the latency; needs a click before. */
  async askSpeaker() {
    const context = new AudioContext();
    await context.resume();
    setTimeout(() => {
      this.speaker = context.outputLatency || context.baseLatency || 0;
      this.latency.audio = [];
      context.close();
    }, 1000);
  }

  note(kind, seconds) {
    if (seconds === null) return;
    const list = this.latency[kind];
    list.push({ at: performance.now(), ms: seconds * 1000 });
    if (list.length > KEPT) list.shift();
  }

  async count() {
    if (!this.peer || this.peer.connectionState !== "connected") return;
    const now = performance.now();
    const recent = this.shown.filter((ms) => ms > now - 2000);
    this.shown = recent.length ? recent : this.shown.slice(-1);
    const found = { now };
    for (const s of (await this.peer.getStats()).values()) {
      if (s.type === "inbound-rtp") found[s.kind] = s;
      if (s.type === "candidate-pair" && s.nominated) found.pair = s;
    }
    const bits = (s) => 8 * ((s?.video?.bytesReceived ?? 0) + (s?.audio?.bytesReceived ?? 0));
    const rate = this.before ? (bits(found) - bits(this.before)) / (now - this.before.now) : null;
    this.before = found;
    this.receiver = {
      kbits: rate,
      fps: this.shown.length > 1 ? (this.shown.length - 1) / ((now - this.shown[0]) / 1000) : 0,
      lost: (found.video?.packetsLost ?? 0) + (found.audio?.packetsLost ?? 0),
      dropped: found.video?.framesDropped ?? 0,
      frozen: found.video?.freezeCount ?? 0,
      patched_ms: ((found.audio?.concealedSamples ?? 0) - (found.audio?.silentConcealedSamples ?? 0)) / 48,
      rtt: found.pair?.currentRoundTripTime === undefined ? null : found.pair.currentRoundTripTime * 1000,
    };
    const heard = !this.video.muted && this.video.volume > 0;
    if (this.together || heard) this.align.step((moment) => this.skewSince(moment), found);
    else this.align.release();
    const median = late(this.latency.video.slice(-30), 50);
    if (median !== null) this.spark = [...this.spark.slice(-89), median];
    this.send({ report: Object.fromEntries(Object.entries(this.figures()).filter(([, v]) => v !== null)) });
  }

  /** ms by which sound came later than its pictures since a moment; null where either is missing. */
  skewSince(moment) {
    const of = (kind) => late(this.latency[kind].filter((s) => s.at > moment), 50);
    const [seen, heard] = [of("video"), of("audio")];
    return seen === null || heard === null ? null : heard - seen;
  }

  figures() {
    const { video, audio } = this.latency;
    const seen = late(video, 50);
    const heard = late(audio.slice(-60), 50);
    return {
      latency_p50: seen,
      latency_p95: late(video, 95),
      sound_latency_p50: heard,
      skew: this.skewSince(performance.now() - RECENT),
      ping: this.pings.length ? Math.min(...this.pings.map((p) => p.trip)) : null,
      ...this.receiver,
    };
  }
}

function late(samples, p) {
  const sorted = samples.map((s) => s.ms).sort((a, b) => a - b);
  if (!sorted.length) return null;
  return sorted[Math.min(sorted.length - 1, Math.floor((p / 100) * sorted.length))];
}

// Lip sync, by what this page measures: the stream that is early is asked to wait
// (RTCRtpReceiver.jitterBufferTarget). Browsers do that by estimates that know nothing of drawing,
// and take a minute to it where packets are sent again, so link.js keeps sound out of their hands.

const EVERY = 2000; // ms from one step to the next
const TAKES = 500; // ms until what was asked for shows
const STEADY = 20; // ms of skew that are left alone
const SHARE = 0.9; // of what is measured, at a time
const MOST = 1000; // ms

export class Align {
  static works =
    "jitterBufferTarget" in RTCRtpReceiver.prototype &&
    "requestVideoFrameCallback" in HTMLVideoElement.prototype;

  constructor(peer) {
    this.peer = peer;
    this.asked = { audio: 0, video: 0 };
    this.last = performance.now();
    this.before = {};
  }

  /** skewSince(ms of this page's clock): ms, positive where sound is late, null where nothing was
   * shown since. stats: inbound-rtp by kind, of this moment. */
  step(skewSince, stats) {
    const now = performance.now();
    if (now - this.last < EVERY) return;
    const skew = skewSince(this.last + TAKES);
    this.last = now;
    const waits = Object.fromEntries(["audio", "video"].map((kind) => [kind, this.wait(kind, stats[kind])]));
    if (skew === null || Math.abs(skew) < STEADY || waits.audio === null || waits.video === null) return;
    const [late, early] = skew > 0 ? ["audio", "video"] : ["video", "audio"];
    const gap = SHARE * Math.abs(skew);
    // Only what waits because it was asked to can come sooner.
    if (this.asked[late] > waits[late] - STEADY) return this.ask(late, waits[late] - gap);
    this.ask(late, 0);
    this.ask(early, waits[early] + gap);
  }

  /** Nothing waits any more. */
  release() {
    this.before = {};
    for (const kind of ["audio", "video"]) if (this.asked[kind] > 0) this.ask(kind, 0);
  }

  /** How long packets of a kind have waited since the step before, ms; null where nothing is known. */
  wait(kind, s) {
    const was = this.before[kind];
    this.before[kind] = s;
    const count = (s?.jitterBufferEmittedCount ?? 0) - (was?.jitterBufferEmittedCount ?? 0);
    return was && count > 0 ? ((s.jitterBufferDelay - was.jitterBufferDelay) / count) * 1000 : null;
  }

  ask(kind, ms) {
    const receiver = this.peer.getReceivers().find((r) => r.track.kind === kind);
    if (!receiver || !Align.works) return;
    this.asked[kind] = Math.round(Math.min(MOST, Math.max(0, ms)));
    receiver.jitterBufferTarget = this.asked[kind] || null;
  }
}

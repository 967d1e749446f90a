// Lip sync, by what this page measures: the stream that is early is asked to wait
// (RTCRtpReceiver.jitterBufferTarget). Browsers do that by estimates that know nothing of drawing,
// and take a minute to it where packets are sent again, so link.js keeps sound out of their hands.

const EVERY = 2000; // ms: what is measured is a median of two seconds
const STEADY = 20; // ms of skew that are left alone
const SHARE = 0.9; // of what is measured, at a time
const MOST = 1000; // ms

export class Align {
  static works = "jitterBufferTarget" in RTCRtpReceiver.prototype;

  constructor(peer) {
    this.peer = peer;
    this.asked = { audio: 0, video: 0 };
    this.last = performance.now();
    this.before = {};
  }

  /** skew: ms, positive where sound is late. stats: inbound-rtp by kind, of this moment. */
  step(skew, stats) {
    const now = performance.now();
    if (skew === null || now - this.last < EVERY) return;
    this.last = now;
    const waits = Object.fromEntries(["audio", "video"].map((kind) => [kind, this.wait(kind, stats[kind])]));
    if (Math.abs(skew) < STEADY || waits.audio === null || waits.video === null) return;
    const [late, early] = skew > 0 ? ["audio", "video"] : ["video", "audio"];
    const gap = SHARE * Math.abs(skew);
    // Only what waits because it was asked to can come sooner.
    if (this.asked[late] > waits[late] - STEADY) return this.ask(late, waits[late] - gap);
    this.ask(late, 0);
    this.ask(early, waits[early] + gap);
  }

  /** Nothing waits any more. */
  release() {
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

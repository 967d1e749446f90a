// Whether the claim of who is seen is true: its signature, its key, this very connection, its time.
//
// The engine signs a text (docs/claims.md). Nothing that it says beside that text is believed: the
// connection's certificates are asked of the browser, and the owner's key comes from the link that
// a person was given (#key=...), or is the one that this page met first.

const CLAIM = "likeness claim 1\n";
const ROTATION = "likeness rotation 1\n";
const SKEW = 30; // seconds that this device's clock and the engine's may differ
const LONGEST = 60; // seconds that a claim may last
const PATIENCE = 8000; // ms for the first claim where the link names a key
const KNOWN = "likeness.key"; // in localStorage: the key that was met first, or pinned last
const REPLACED = "likeness.replaced"; // keys that their owner has replaced: {old: new}
const PRINT = /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/;

export const WHY = {
  malformed: "What came is no claim",
  signature: "Its signature is wrong: it was altered on the way",
  key: "It is signed by another key than the owner's",
  replaced: "It is signed by a key that its owner has replaced",
  stream: "It was made for another connection than this one",
  stale: "It is stale, or this device's clock is wrong",
  sequence: "It was shown before",
  silent: "No new claim came in time",
  nothing: "This session says nothing of who is seen",
  unsupported: "This browser cannot check it: it lacks Ed25519",
};

class Refused extends Error {}

const bytes = (text) => new TextEncoder().encode(text);

function decoded(text) {
  if (typeof text !== "string" || text.length > 128) throw new Refused("malformed");
  try {
    return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  } catch {
    throw new Refused("malformed");
  }
}

/** A public key's SHA-256, in hexadecimal. */
async function idOf(key) {
  const digest = await crypto.subtle.digest("SHA-256", decoded(key));
  return [...new Uint8Array(digest)].map((b) => b.toString(16).padStart(2, "0")).join("");
}

async function isSigned(key, signature, text) {
  const raw = decoded(key);
  if (raw.length !== 32) throw new Refused("malformed");
  let made;
  try {
    made = await crypto.subtle.importKey("raw", raw, { name: "Ed25519" }, false, ["verify"]);
  } catch (error) {
    throw new Refused(error.name === "NotSupportedError" ? "unsupported" : "malformed");
  }
  return crypto.subtle.verify({ name: "Ed25519" }, made, decoded(signature), bytes(text));
}

/** The ids of the keys that lead from `from` to `to`, each signed by the one before; or null. */
async function steps(from, to, rotations) {
  const found = [from];
  for (const { key, by, since, signature } of rotations.slice(0, 64)) {
    if (found.at(-1) === to) break;
    if (!Number.isSafeInteger(since) || (await idOf(by)) !== found.at(-1)) continue;
    const text = JSON.stringify([by, key, since]);
    if (await isSigned(by, signature, ROTATION + text)) found.push(await idOf(key));
  }
  return found.at(-1) === to ? found : null;
}

/** A browser that keeps nothing for pages knows no key from before; a link's still holds. */
const stored = (name, otherwise) => {
  try {
    return JSON.parse(localStorage.getItem(name)) ?? otherwise;
  } catch {
    return otherwise;
  }
};
const store = (name, value) => {
  try {
    localStorage.setItem(name, JSON.stringify(value));
  } catch (error) {
    console.warn(error);
  }
};

/** The key's id, and what a person should be warned of; Refused where it is not to be trusted. */
async function trust(said, pin) {
  const id = await idOf(said.key);
  const replaced = stored(REPLACED, {});
  if (Object.hasOwn(replaced, id)) throw new Refused("replaced");
  const met = stored(KNOWN, null);
  const root = pin ?? met;
  const way = root === null ? [id] : await steps(root, id, said.rotations ?? []);
  if (way === null) throw new Refused("key");
  for (let i = 1; i < way.length; i++) replaced[way[i - 1]] = way[i];
  if (way.length > 1) store(REPLACED, replaced);
  if (met !== id) store(KNOWN, id);
  if (root === null) return { id, warning: "Ask the owner whether this is their key" };
  const isOther = met !== null && !way.includes(met);
  return { id, warning: isOther ? "Not the key that was known here: ask the owner" : "" };
}

/** The certificates of each transport of a connection, as the browser itself saw them. */
async function endsOf(peer) {
  const stats = await peer.getStats();
  const print = (id) => {
    const found = stats.get(id);
    return found?.fingerprintAlgorithm === "sha-256" ? found.fingerprint.toUpperCase() : "";
  };
  return [...stats.values()]
    .filter((s) => s.type === "transport")
    .map((s) => ({ engine: print(s.remoteCertificateId), viewer: print(s.localCertificateId) }));
}

function parsed(text) {
  const body = JSON.parse(text);
  const { version, name, decision, issued, expires, since, sequence, engine, viewer } = body;
  const right =
    version === 1 && decision === "match" && typeof name === "string" && name.length > 0 &&
    [issued, expires, since].every(Number.isFinite) && Number.isSafeInteger(sequence) &&
    expires > issued && expires - issued <= LONGEST && PRINT.test(engine) && PRINT.test(viewer);
  if (!right) throw new Refused("malformed");
  return body;
}

/** The claim's body and what is known of its key; Refused with a word of WHY otherwise. */
async function check(said, peer, last, pin) {
  if (typeof said?.body !== "string" || said.body.length > 8192) throw new Refused("malformed");
  if (!globalThis.crypto?.subtle) throw new Refused("unsupported");
  if (!(await isSigned(said.key, said.signature, CLAIM + said.body))) throw new Refused("signature");
  const body = parsed(said.body);
  const ends = await endsOf(peer);
  const here = (end) => end.engine === body.engine && end.viewer === body.viewer;
  if (!ends.length || !ends.every(here)) throw new Refused("stream");
  const now = Date.now() / 1000;
  if (now > body.expires + SKEW || now < body.issued - SKEW) throw new Refused("stale");
  if (body.sequence <= last) throw new Refused("sequence");
  return { body, key: await trust(said, pin) };
}

const grouped = (id) => id.slice(0, 16).replace(/.{4}(?=.)/g, "$& ");
const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

/** What a person sees of it. */
export class Badge {
  constructor(element, pin) {
    this.element = element;
    this.pin = pin && /^[0-9a-f]{64}$/.test(pin.toLowerCase()) ? pin.toLowerCase() : pin ? "" : null;
    this.peer = null;
    this.queue = Promise.resolve();
    this.warning = ""; // of a key that is new here: it stays for the visit
    if (this.pin !== null) this.show("none", "Not verified", "No claim came yet");
  }

  /** A new connection: nothing that was said on another one counts here. */
  begin(peer) {
    this.peer = peer;
    this.last = 0;
    clearTimeout(this.timer);
    if (this.pin === null && this.element.hidden) return;
    this.show("none", "Not verified", "No claim came yet");
    this.timer = setTimeout(() => this.refuse("nothing"), PATIENCE);
  }

  end() {
    this.peer = null;
    clearTimeout(this.timer);
    if (!this.element.hidden) this.show("none", "Not verified", "There is no connection");
  }

  hear(said) {
    const peer = this.peer;
    this.queue = this.queue.then(() => peer && peer === this.peer && this.weigh(said, peer));
  }

  async weigh(said, peer) {
    clearTimeout(this.timer);
    if (typeof said?.none === "string") return this.show("none", "Not verified", said.none);
    try {
      const { body, key } = await check(said, peer, this.last, this.pin);
      if (peer !== this.peer) return;
      this.last = body.sequence;
      this.warning ||= key.warning;
      this.accept(body, key);
    } catch (error) {
      if (!(error instanceof Refused)) console.warn(error);
      this.refuse(error instanceof Refused ? error.message : "malformed");
    }
  }

  accept(body, key) {
    const rest = `since ${clock(body.since)}, by key ${grouped(key.id)}`;
    if (this.warning) this.show("first", `${body.name}, by a key unknown here`, rest, this.warning);
    else this.show("verified", `Verified: ${body.name}`, rest);
    this.element.title =
      `Key ${key.id}\n${body.evidence.join(", ")}; false matches ${body.target_fmr} a search\nThis connection, claim ${body.sequence}`;
    this.timer = setTimeout(() => this.refuse("silent"), (body.expires - body.issued) * 1000);
  }

  refuse(why) {
    clearTimeout(this.timer);
    this.element.dataset.why = why;
    this.show("refused", "Not verified", WHY[why] ?? WHY.malformed);
  }

  show(state, title, words, warning = "") {
    this.element.hidden = false;
    this.element.dataset.claim = state;
    if (state !== "refused") delete this.element.dataset.why;
    this.element.title = "";
    const [strong, small, loud] = this.element.querySelectorAll("strong, small, em");
    for (const [part, text] of [[strong, title], [small, words], [loud, warning]])
      if (part.textContent !== text) part.textContent = text;
  }
}

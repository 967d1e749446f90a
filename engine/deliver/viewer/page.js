// The page: what a person sees and presses.

import { Badge } from "./claim.js";
import { Enroller } from "./enroll.js";
import { Link, WORDS } from "./link.js";
import { Matte } from "./matte.js";
import { Meter } from "./meter.js";
import { Persona } from "./persona.js";
import { Sender } from "./send.js";
import { Wearer } from "./wear.js";

const $ = (id) => document.getElementById(id);
const asked = new URLSearchParams(location.search);
const bare = asked.has("bare");
const video = $("video");
const matte = new Matte($("matte"), video);
let info = {};
let told = {};
let chosen = bare && asked.has("sound") ? true : null; // whether to sound, once a person has said

const link = new Link({
  state: showState,
  info: (fresh) => {
    matte.run(Boolean(fresh.matte));
    takeInfo(fresh);
  },
  stream: (stream, peer) => {
    video.srcObject = stream;
    video.play().catch(() => applySound());
    meter.watch(peer);
    badge.begin(peer);
    applySound();
  },
  message: (message) => {
    meter.message(message);
    if (message.state) {
      told = message.state;
      matte.run(Boolean(told.matte));
      persona.show(bare ? undefined : told.persona);
      wearer.told(bare ? null : told.worn);
      showSenses();
      if (told.claim !== undefined) badge.hear(told.claim);
      if (told.scene !== info.scene) noticeScene();
    }
  },
});
const badge = new Badge($("claim"), link.pin);
const meter = new Meter(video, (message) => link.send(message));

function takeInfo(fresh) {
  info = fresh;
  $("who").textContent = info.avatar ? capital(info.avatar) : "";
  applySound();
  offerSending();
  enroller.offer(!bare && Boolean(info.enrolls));
  persona.show(bare ? undefined : info.persona);
  $("view").hidden = bare || !info.views;
  if (info.views) showView(info.view);
}

/** The scene was changed while the page was open: it may want a camera that nobody sends yet. */
async function noticeScene() {
  const before = (info.sends ?? []).length;
  info.scene = told.scene; // asked once
  takeInfo(await link.ask("/info").catch(() => info));
  if (sender.on && (info.sends ?? []).length > before) sender.stop("The scene wants your camera too: press C to send both");
}

// State in words

function showState(state, detail, seconds) {
  if (document.body.dataset.state === "live" && state !== "live") {
    keepStill();
    badge.end();
  }
  document.body.dataset.state = state;
  const [title, words] = WORDS[state];
  const again = seconds > 0.5 ? ` Next try in ${Math.ceil(seconds)} s.` : "";
  const brief = state === "lost" ? (again ? `Reconnecting in ${Math.ceil(seconds)} s` : "Reconnecting") : title;
  setText($("state").lastElementChild, brief);
  setText($("title"), title);
  setText($("words"), (detail && state === "refused" ? `${capital(detail)}.` : words && `${words}.`) + again);
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

video.addEventListener("playing", () => document.body.dataset.state !== "live" && showState("live"));

/** Says so where the connection is well but nothing is drawn. */
function noticeStall() {
  if (document.body.dataset.state !== "live" || document.hidden) return;
  const still = performance.now() - (meter.shown.at(-1) ?? performance.now()) > 2000;
  setText($("state").lastElementChild, still ? "Live, but no pictures come" : WORDS.live[0]);
}
setInterval(noticeStall, 1000);

/** Keeps the last picture on the page, dimmed, until there is a next one. */
function keepStill() {
  const seen = matte.running ? $("matte") : video;
  const [w, h] = matte.running ? [seen.width, seen.height] : [video.videoWidth, video.videoHeight];
  if (!w || bare) return;
  [$("still").width, $("still").height] = [w, h];
  $("still").getContext("2d").drawImage(seen, 0, 0, w, h);
}

// Sound. Browsers let a page sound only after a click, so it starts muted and says so.

const wouldEcho = () => sender.on || Boolean(info.microphone && info.same_machine);

function applySound() {
  video.muted = chosen !== true;
  const muted = video.muted || video.volume === 0;
  $("mute").setAttribute("aria-pressed", String(muted));
  $("mute").title = `${muted ? "Turn sound on" : "Turn sound off"} (M)`;
  $("hear").hidden = bare || chosen !== null || wouldEcho();
  $("echo").hidden = bare || chosen !== null || !wouldEcho();
}

function sound(on) {
  chosen = on;
  if (on && video.volume === 0) $("volume").value = video.volume = 1;
  applySound();
  if (!on) return;
  video.play().catch(() => sound(null));
  meter.askSpeaker();
}

$("hear").onclick = () => sound(true);
$("anyway").onclick = () => sound(true);
$("mute").onclick = () => sound(video.muted || video.volume === 0);
$("volume").oninput = () => {
  video.volume = Number($("volume").value);
  sound(video.volume > 0);
};

function nudge(by) {
  $("volume").value = Math.min(1, Math.max(0, Number($("volume").value) + by));
  $("volume").oninput();
}

// What this page sends: its own camera and microphone, if the session takes them and a person wants.

let sending = ["off", ""];
const sender = new Sender(
  (path, body) => link.ask(path, body),
  (...state) => {
    sending = state;
    const on = state[0] === "on" || state[0] === "lost";
    $("send").setAttribute("aria-pressed", String(on));
    if (on) chosen = chosen === true && !video.muted ? null : chosen; // or it would hear itself
    applySound();
    showSenses();
  },
);

function offerSending() {
  const kinds = info.sends ?? [];
  const what = kinds.includes("video") ? "camera and microphone" : "microphone";
  $("send").hidden = bare || !kinds.length;
  $("send").title = `Send my ${what} (C)`;
  $("send").setAttribute("aria-label", `Send my ${what}`);
}

$("send").onclick = () => (sender.on ? sender.stop() : sender.start(info.sends));

const enroller = new Enroller($("enroll"), $("agree"), (path, body) => link.ask(path, body));

let kept = ""; // what became of the persona, said for a while
const persona = new Persona(
  { lock: $("lock"), save: $("save"), again: $("again") },
  (path, body) => link.ask(path, body),
  (words) => {
    kept = words;
    showSenses();
    setTimeout(() => kept === words && ((kept = ""), showSenses()), 12000);
  },
);
const wearer = new Wearer($("wear"), $("don"), (path, body) => link.ask(path, body, {}, 20000));

/** One line on what the engine gets of a camera or a browser, where there is something to say. */
function showSenses() {
  const [state, why] = sending;
  const idle = (info.sends ?? []).length && state === "off" && !told.sending;
  let words = kept || (told.camera?.words ?? "");
  if (state === "asking") words = "The browser asks for your permission";
  else if (state === "lost") words = why || "Connecting";
  else if (why) words = why;
  else if (told.refused) words = told.refused;
  else if (idle) words = `Nothing is sent: press C, or the button below, to send your ${info.sends.includes("video") ? "camera and microphone" : "microphone"}`;
  $("senses").hidden = bare || !words;
  setText($("senses"), capital(words));
}

// What a scene with a camera shows

let shown = null; // the view asked for last

async function nextView() {
  const views = info.views ?? [];
  const view = views[(views.indexOf(shown ?? info.view) + 1) % views.length];
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch("/view", { method: "POST", headers, body: JSON.stringify({ view }) });
  if (answer.ok) showView(view);
}

function showView(view) {
  shown = view;
  $("view").setAttribute("aria-label", `What is shown: ${view}`);
  document.body.dataset.view = view;
}
$("view").onclick = nextView;

// Statistics

const number = (value, digits = 0, unit = "") =>
  value === null || value === undefined || Number.isNaN(value) ? "–" : value.toFixed(digits).replace("-", "−") + unit;

function panel(open) {
  $("panel").hidden = !open;
  $("stats").setAttribute("aria-pressed", String(open));
  document.body.classList.toggle("wide", open);
  if (open) fillPanel();
}
$("stats").onclick = () => panel($("panel").hidden);

function fillPanel() {
  if ($("panel").hidden) return;
  const f = meter.figures();
  const values = {
    latency: number(f.latency_p50),
    latency95: number(f.latency_p95, 0, " ms"),
    delay: number(told.delay * 1000, 0, " ms"),
    skew: f.skew === null ? "–" : `${number(Math.abs(f.skew), 0, " ms")} ${f.skew >= 0 ? "later" : "earlier"}`,
    fps: number(f.fps, 1),
    size: video.videoWidth ? `${video.videoWidth} × ${video.videoHeight >> (matte.running ? 1 : 0)}` : "–",
    bitrate: f.kbits > 999 ? number(f.kbits / 1000, 2, " Mbit/s") : number(f.kbits, 0, " kbit/s"),
    rtt: number(f.rtt ?? f.ping, 1, " ms"),
    avatar: info.avatar ? capital(info.avatar) : "–",
    source: info.source ?? "–",
    camera: told.camera?.describe ?? "–",
    faces: told.camera ? `${told.camera.faces}, quality ${number(100 * told.camera.quality)} %` : "–",
    driven: told.driven ?? "–",
    path: told.path ?? "–",
    provider: info.provider ?? "–",
    renderer: info["drawn by"] ?? "–",
    viewers: number(told.viewers),
  };
  for (const [name, text] of Object.entries(values)) {
    const cell = document.querySelector(`[data-stat=${name}]`);
    setText(cell, text);
    if (cell.title !== text) cell.title = text;
  }
  for (const row of document.querySelectorAll("[data-of=camera]")) row.hidden = !told.camera;
  for (const row of document.querySelectorAll("[data-of=driven]")) row.hidden = !told.driven;
  setText($("way"), told.path === "camera alone" ? "Camera to screen" : "Microphone to screen");
  fillLosses(f);
  drawSpark();
}

const PLACES = {
  "dropped from worlds to draw": "Not drawn: too slow",
  "dropped from pictures": "Drawn, not encoded",
  "deliver.pictures late": "Shown late",
  queue: "Waiting to be sent to you",
  lost: "Network packets",
  dropped: "Not shown by the browser",
  patched: "Sound patched",
};

/** Every place where something can be lost; places that are not listed show once they lose. */
function fillLosses(figures) {
  const counts = { ...told.counts };
  counts.queue = (told.dropped?.video ?? 0) + (told.dropped?.audio ?? 0);
  counts.lost = figures.lost;
  counts.dropped = figures.dropped;
  counts.patched = `${number((figures.patched_ms ?? 0) + (counts["deliver.sound filled ms"] ?? 0))} ms`;
  const others = Object.keys(counts).filter((k) => !PLACES[k] && counts[k] && !k.startsWith("deliver."));
  const rows = [...Object.entries(PLACES), ...others.map((k) => [k, capital(k.replaceAll(".", ": "))])];
  const cells = rows.flatMap(([key, label]) => [["dt", label], ["dd", String(counts[key] ?? 0)]]);
  const list = $("losses");
  while (list.children.length > cells.length) list.lastChild.remove();
  cells.forEach(([tag, text], i) => {
    setText(list.children[i] ?? list.appendChild(document.createElement(tag)), text);
  });
}

/** The median latency of each of the last seconds. */
function drawSpark() {
  const { width, height } = $("spark");
  const pen = $("spark").getContext("2d");
  const values = meter.spark;
  const top = 1.25 * Math.max(50, ...values);
  pen.clearRect(0, 0, width, height);
  if (values.length < 2) return;
  pen.beginPath();
  values.forEach((v, i) => pen.lineTo((i / (values.length - 1)) * width, height * (1 - v / top)));
  pen.lineWidth = 3;
  pen.lineJoin = "round";
  pen.strokeStyle = "#8fe3cf";
  pen.stroke();
  pen.lineTo(width, height);
  pen.lineTo(0, height);
  const fade = pen.createLinearGradient(0, 0, 0, height);
  fade.addColorStop(0, "rgb(143 227 207 / 0.3)");
  fade.addColorStop(1, "rgb(143 227 207 / 0)");
  pen.fillStyle = fade;
  pen.fill();
}
setInterval(fillPanel, 500);

// The picture's own light on the wall behind it. To paint the whole page anew takes a machine
// without a GPU 80 ms, so that is done only when the light has changed.

const wall = $("glow").getContext("2d");
const light = new OffscreenCanvas(16, 16).getContext("2d", { willReadFrequently: true });
let lit = null;

function glow() {
  if (matte.running || document.body.dataset.state !== "live" || document.hidden) return;
  light.drawImage(video, 0, 0, 16, 16);
  const now = light.getImageData(0, 0, 16, 16).data;
  const change = lit ? now.reduce((sum, v, i) => sum + Math.abs(v - lit[i]), 0) / now.length : Infinity;
  if (change < 8) return;
  lit = now;
  wall.drawImage(light.canvas, 0, 0);
}
if (!bare) setInterval(glow, 1000);

// Full screen, keys, idle

function full() {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen().catch(() => {});
}
$("full").onclick = full;
document.addEventListener("fullscreenchange", () => {
  const on = Boolean(document.fullscreenElement);
  document.body.classList.toggle("full", on);
  $("full").setAttribute("aria-pressed", String(on));
});

const KEYS = {
  m: () => (info.views ? $("view") : $("mute")).click(),
  s: () => $("stats").click(),
  f: full,
  c: () => $("send").hidden || $("send").click(),
  e: () => $("enroll").hidden || $("enroll").click(),
  l: () => $("lock").hidden || $("lock").click(),
  k: () => $("save").hidden || $("save").click(),
  a: () => $("again").hidden || $("again").click(),
  w: () => $("wear").hidden || $("wear").click(),
  arrowup: () => nudge(0.1),
  arrowdown: () => nudge(-0.1),
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target === $("volume") || bare) return;
  const press = KEYS[event.key.toLowerCase()];
  if (press) {
    event.preventDefault();
    press();
  }
});

let idle;
for (const sign of ["pointermove", "pointerdown", "keydown"])
  document.addEventListener(sign, () => {
    document.body.classList.remove("idle");
    clearTimeout(idle);
    idle = setTimeout(() => document.body.classList.add("idle"), 2500);
  });

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

document.body.classList.toggle("bare", bare);
window.likeness = { meter, link, sender, badge }; // for tests and for the curious
panel(asked.has("stats"));
link.run();

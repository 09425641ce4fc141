// One clip, or two of the same seed one over the other: they play in step, frame by frame if wanted.
import { make, sharpen, stillness } from "/web/dom.js";
import { load, unload } from "/web/net.js";

const video = (name) => make("video", {
  id: name, muted: true, playsinline: true, preload: "auto", tabindex: "-1",
});
const button = (id, text, label) =>
  make("button", { type: "button", id, class: "second", "aria-label": label ?? null }, text);

const parts = {
  clip: video("clip"), base: video("base"),
  clipName: make("figcaption"), baseName: make("figcaption"),
  line: make("div", { class: "line", "aria-hidden": "true" }),
  wipe: make("input", { id: "wipe", type: "range", min: 0, max: 100, value: 50 }),
  play: button("play", "Play"), back: button("back", "‹", "One frame back"),
  next: button("next", "›", "One frame on"), way: button("way", "Side by side"),
  place: make("input", { id: "place", type: "range", min: 0, value: 0, "aria-label": "Frame" }),
  frame: make("output", { id: "frame", class: "numbers", for: "place" }),
};
parts.wipeRow = make("label", { class: "wipe-row", for: "wipe" }, "Base", parts.wipe, "Adapter");
parts.wipe.setAttribute("aria-label", "How much of the base is shown, in percent");
parts.view = make("div", { class: "view one" },
  make("figure", { class: "side base" }, parts.base, parts.baseName),
  make("figure", { class: "side adapter" }, parts.clip, parts.clipName), parts.line);

let shown = { frames: 1, fps: 8, both: false };
let loop = 0;

export function build(where) {
  where.replaceChildren(parts.view, parts.wipeRow, make("div", { class: "controls" },
    parts.play, parts.back, parts.next, parts.place, parts.frame, parts.way));
  for (const one of [parts.clip, parts.base]) one.muted = true; // the attribute counts for new pages alone
  parts.play.addEventListener("click", () => (parts.clip.paused ? play() : pause()));
  parts.back.addEventListener("click", () => step(-1));
  parts.next.addEventListener("click", () => step(1));
  parts.place.addEventListener("input", () => seek(Number(parts.place.value)));
  parts.wipe.addEventListener("input", wiped);
  parts.way.addEventListener("click", () => arrange(!parts.view.classList.contains("wiped")));
  parts.clip.addEventListener("ended", () => {
    for (const one of both()) one.currentTime = 0;
    play();
  });
  parts.clip.addEventListener("loadeddata", begin);
  parts.base.addEventListener("loadeddata", begin);
  parts.view.addEventListener("pointerdown", drag);
  parts.view.addEventListener("pointermove", (event) => event.buttons && drag(event));
}

// made: what was published of the clip; base: the same of the base's clip, or null.
export function show(made, base) {
  shown = { frames: made.frames, fps: made.fps, both: Boolean(base) };
  parts.place.max = made.frames - 1;
  for (const one of [parts.clip, parts.base]) sharpen(one, made.width);
  for (const one of [parts.clip, parts.base]) one.style.aspectRatio = `${made.width} / ${made.height}`;
  parts.clipName.textContent = made.adapter_sha256 && made.lora_scale !== 0 ? `Adapter at ${made.lora_scale}` : "Base";
  parts.baseName.textContent = "Base, without adapter";
  parts.clip.setAttribute("aria-label", `The clip: ${made.prompt}`);
  parts.base.setAttribute("aria-label", `The base's clip of the same seed: ${made.prompt}`);
  load(parts.clip, made.url);
  if (base) load(parts.base, base.url);
  else unload(parts.base);
  arrange(shown.both);
}

export function clear() {
  pause();
  for (const one of [parts.clip, parts.base]) {
    unload(one);
    one.load();
  }
}

const both = () => (shown.both ? [parts.clip, parts.base] : [parts.clip]);
const ready = () => both().every((one) => one.readyState >= 2);

function begin() {
  if (!ready()) return;
  for (const one of both()) one.currentTime = 0;
  tell(0);
  if (!stillness.matches) play();
}

function play() {
  for (const one of both()) one.play().catch(() => {});
  parts.play.textContent = "Pause";
  cancelAnimationFrame(loop);
  loop = requestAnimationFrame(keep);
}

function pause() {
  for (const one of [parts.clip, parts.base]) one.pause();
  parts.play.textContent = "Play";
  cancelAnimationFrame(loop);
  if (ready()) seek(current());
}

// The base's clip follows the adapter's: two players drift apart by themselves.
function keep() {
  const { clip, base } = parts;
  if (shown.both && Math.abs(base.currentTime - clip.currentTime) > 0.6 / shown.fps) {
    base.currentTime = clip.currentTime;
    if (base.paused) base.play().catch(() => {});
  }
  tell();
  if (!clip.paused || clip.ended) loop = requestAnimationFrame(keep);
}

const current = () =>
  Math.min(shown.frames - 1, Math.floor(parts.clip.currentTime * shown.fps + 1e-3));

function step(by) {
  if (!parts.clip.paused) pause();
  seek((current() + by + shown.frames) % shown.frames);
}

// The middle of a frame, so that rounding shows no other one.
function seek(frame) {
  if (!parts.clip.paused) pause();
  for (const one of both()) one.currentTime = (frame + 0.5) / shown.fps;
  tell(frame);
}

function tell(frame = current()) {
  parts.place.value = frame;
  const text = `${frame + 1} of ${shown.frames}`;
  if (parts.frame.textContent !== text) parts.frame.textContent = text;
  parts.place.setAttribute("aria-valuetext", `frame ${text}`);
}

function arrange(wipes) {
  parts.view.className = `view ${shown.both ? (wipes ? "wiped" : "beside") : "one"}`;
  parts.wipeRow.hidden = !(shown.both && wipes);
  parts.way.hidden = !shown.both;
  parts.way.textContent = wipes ? "Side by side" : "One over the other";
  wiped();
}

function wiped() {
  parts.view.style.setProperty("--wipe", `${parts.wipe.value}%`);
}

function drag(event) {
  if (!parts.view.classList.contains("wiped")) return;
  const box = parts.view.getBoundingClientRect();
  parts.wipe.value = (100 * (event.clientX - box.left)) / box.width;
  wiped();
  event.preventDefault();
}

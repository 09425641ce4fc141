// Asks GET /pairs for a pair, plays both clips in step, posts what is pressed.
"use strict";

const $ = (id) => document.getElementById(id);
const clips = [$("left"), $("right")];
const answers = [...document.querySelectorAll("[data-pressed]")];
const still = matchMedia("(prefers-reduced-motion: reduce)");
let person = null;
let view = null;
let busy = false;
let ready = false;

function say(text, wrong = false) {
  $("message").textContent = text;
  $("message").className = wrong ? "wrong" : "";
}

async function ask(address, options) {
  const answer = await fetch(address, options);
  const body = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(body.detail), { status: answer.status });
  return body;
}

function pairs(position) {
  const query = new URLSearchParams({ person });
  if (position !== undefined) query.set("position", position);
  return ask(`/pairs?${query}`);
}

function allow() {
  for (const button of answers) button.disabled = busy || !ready;
}

function play() {
  for (const clip of clips) {
    clip.currentTime = 0;
    clip.play().catch(() => {});
  }
}

function show(next) {
  view = next;
  ready = false;
  $("who").hidden = true;
  $("pair").hidden = !view.pair;
  $("end").hidden = Boolean(view.pair);
  $("thanked").textContent = view.person;
  for (const clip of clips) {
    clip.pause();
    clip.removeAttribute("src");
    clip.load();
  }
  if (!view.pair) return;
  $("count").textContent = `Pair ${view.position + 1} of ${view.total}, ${view.done} judged`;
  $("progress").max = view.total;
  $("progress").value = view.done;
  $("prompt").textContent = view.pair.prompt;
  $("back").disabled = view.position === 0;
  $("next").hidden = !view.pair.pressed;
  for (const button of answers) {
    button.setAttribute("aria-pressed", button.dataset.pressed === view.pair.pressed);
  }
  // Both appear together: which of the two came first would be something to go by.
  $("pair").querySelector(".clips").classList.add("loading");
  $("left").src = view.pair.left;
  $("right").src = view.pair.right;
  for (const clip of clips) clip.load();
  allow();
}

function loaded() {
  if (ready || !clips.every((clip) => clip.src && clip.readyState >= 3)) return;
  ready = true;
  $("pair").querySelector(".clips").classList.remove("loading");
  allow();
  play();
}

async function during(action) {
  if (busy) return;
  busy = true;
  allow();
  say("");
  try {
    show(await action());
  } catch (error) {
    say(error.message, true);
    if (error.status === 404 && view) {
      try {
        show(await pairs());
        say("The page was started anew; this is the next pair.");
      } catch (again) {
        say(again.message, true);
      }
    }
  } finally {
    busy = false;
    allow();
  }
}

function choose(pressed) {
  if (!ready || !view || !view.pair) return;
  const body = new FormData();
  body.set("person", person);
  body.set("pair", view.pair.id);
  body.set("pressed", pressed);
  document.activeElement.blur();
  during(() => ask("/choices", { method: "POST", body }));
}

function back() {
  if (view && view.position > 0) during(() => pairs(view.position - 1));
}

function next() {
  if (view && view.pair && view.pair.pressed) during(() => pairs());
}

const KEYS = {
  ArrowLeft: () => choose("left"), ArrowRight: () => choose("right"),
  ArrowDown: () => choose("no_difference"), b: back, p: play, n: next,
};

document.addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.altKey || event.metaKey || !view) return;
  const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act) return;
  event.preventDefault();
  act();
});
for (const button of answers) {
  button.addEventListener("click", () => choose(button.dataset.pressed));
}
for (const clip of clips) {
  clip.addEventListener("canplay", loaded);
  clip.addEventListener("ended", () => {
    if (!still.matches && clips.every((one) => one.ended)) play();
  });
  clip.addEventListener("error", () => {
    if (clip.src) say("A clip can't be played; reload the page, or start it again.", true);
  });
}
$("back").addEventListener("click", back);
$("return").addEventListener("click", back);
$("again").addEventListener("click", play);
$("next").addEventListener("click", next);
$("who").addEventListener("submit", (event) => {
  event.preventDefault();
  person = $("person").value;
  localStorage.setItem("person", person);
  during(() => pairs());
});
$("person").value = localStorage.getItem("person") ?? "";
$("person").focus();

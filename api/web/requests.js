// The request whose clip the page shows: followed from queue to clip, alone or with the base's clip
// of the same seed. What an earlier request still has to say never takes a newer one's place.
import { $, make, prose } from "/web/dom.js";
import * as clip from "/web/clip.js";
import { Refused, ask, ended, follow as events, videoAddress } from "/web/net.js";
import { number, refusalOf } from "/web/words.js";

let shown = null; // { id, base, jobs: { id: job }, stop }
const listeners = [];

export const onEnd = (listener) => listeners.push(listener);
export const address = (id, base) => `#${id}${base ? `+${base}` : ""}`;
export const isShown = (id, base) => shown?.id === id && shown.base === base;

function say(text) {
  if ($("message").textContent !== text) $("message").textContent = text;
}

export function refuse(error) {
  const problem = error instanceof Refused ? error.problem : { detail: String(error.message ?? error) };
  const { what, remedy, more } = refusalOf(problem);
  const rows = { Problem: problem.title, Status: problem.status, Request: problem.request_id };
  const details = make("details", {}, make("summary", {}, "Details"),
    ...more.map((text) => make("p", {}, ...prose(text))),
    make("dl", { class: "facts" }, ...Object.entries(rows).filter(([, value]) => value)
      .flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])));
  $("refusal").replaceChildren(make("p", {}, make("strong", {}, ...prose(`${what} `)), ...prose(remedy)), details);
  $("refusal").hidden = false;
}

// Makes room for another request; returns what that one is known by.
export function clear(text = "") {
  shown?.stop.abort();
  shown = { id: null, base: null, jobs: {}, stop: new AbortController() };
  clip.clear();
  say(text);
  $("work").hidden = true;
  $("refusal").hidden = true;
  $("base-note").hidden = true;
  $("base-now").hidden = true;
  $("empty").hidden = Boolean(text);
  return shown;
}

export const isCurrent = (request) => request === shown;

export function follow(id, base = null) {
  if (isShown(id, base)) return;
  // The base's clip has come to a clip that is shown already.
  const request = shown?.id === id && base ? Object.assign(shown, { base }) : clear("Looking …");
  const watched = request.id === id ? [base] : [id, base].filter(Boolean);
  Object.assign(request, { id, base });
  $("permalink").href = address(id, base);
  for (const one of watched) watch(request, one);
}

async function watch(request, id) {
  try {
    await events(id, (job) => {
      if (!isCurrent(request)) return;
      request.jobs[id] = job;
      draw(request);
      if (ended(job)) listeners.forEach((listener) => listener(job));
    }, request.stop.signal);
  } catch (error) {
    if (!isCurrent(request) || error.name === "AbortError") return;
    if (id === request.base) return baseMissing(error);
    say("");
    refuse(error);
  }
}

// Why there is nothing beside the clip: a refusal, or what a job failed with.
export function baseMissing(error) {
  const { what, remedy } = refusalOf(error.problem ?? { detail: error.message });
  $("base-note").replaceChildren(...prose(`The base's clip isn't there. ${what} ${remedy ?? ""}`));
  $("base-note").hidden = false;
}

function draw(request) {
  const job = request.jobs[request.id];
  const base = request.base ? request.jobs[request.base] : null;
  if (!job) return;
  const made = base?.status === "completed" ? base : null;
  // Once for the clip and once for the base's: what somebody has unfolded stays so in between.
  const worth = job.status === "completed" ? `${job.id} ${made?.id}` : null;
  if (worth && request.worth !== worth) clip.show(job, made);
  request.worth = worth;
  $("base-now").hidden = job.status !== "completed" || Boolean(request.base) || job.lora_scale === 0;
  if (base && ended(base) && !made) {
    baseMissing(base.error ?? { message: "Its job was cancelled." });
  }
  const [running, whose] = ended(job) ? [base, "the base's clip"] : [job, "the clip"];
  progress(running && !ended(running) ? running : null, whose);
  if (worth && $("work").hidden) say(`Finished in ${number(job.result.seconds, 1)} s.`);
  if (job.status === "cancelled") say("Cancelled.");
  if (job.status === "failed") {
    refuse(new Refused({ title: "The job failed", detail: job.error.message, request_id: job.id }));
  }
}

function progress(job, whose) {
  const focused = $("work").contains(document.activeElement);
  $("work").hidden = !job;
  if (!job && focused) $("stage-title").focus(); // and not nowhere
  if (!job) return say("");
  $("progress").value = job.progress;
  $("percent").textContent = job.status === "queued" ? "" : `${job.progress} %`;
  $("cancel").dataset.id = job.id;
  if (job.waiting_for) return say(`Waiting for the accelerator, which ${job.waiting_for} uses …`);
  if (job.status === "in_progress") return say(`Making ${whose} …`);
  const ahead = job.queue_position;
  say(ahead ? `Waiting for ${whose}: ${ahead === 1 ? "one is" : `${ahead} are`} made before it …`
    : `Waiting for ${whose}: it is the next …`);
}

export async function cancel() {
  const request = shown;
  const left = Object.values(request.jobs).filter((job) => !ended(job));
  for (const job of left.reverse()) { // the base's first, so that it doesn't begin in between
    try {
      await ask(videoAddress(job.id), { method: "DELETE" });
    } catch (error) {
      if (isCurrent(request)) refuse(error);
    }
  }
}

export const current = () => (shown?.id ? shown.jobs[shown.id] : null);

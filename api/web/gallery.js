// What was asked for in this browser, and all finished clips of the service.
import { $, make, sharpen } from "/web/dom.js";
import { ask, load, videoAddress } from "/web/net.js";
import { address } from "/web/requests.js";
import { number, scenarioName, stateName, strength, when } from "/web/words.js";

const KEPT = "slora.requests";
const MOST = 50;
const SHOWN = 8;
const PAGE = 24;
const AGAIN_MS = 2000;
let again = 0;
const jobs = new Map(); // id -> the job as it was seen last
let gallery = { after: null, ids: [], more: false };

function kept() {
  try {
    const found = JSON.parse(localStorage.getItem(KEPT) ?? "[]");
    return Array.isArray(found) ? found.filter((one) => typeof one?.id === "string") : [];
  } catch {
    return [];
  }
}

export const baseOf = (id) => kept().find((one) => one.id === id)?.base ?? null;

export function remember(id, base = null) {
  const others = kept().filter((one) => one.id !== id);
  localStorage.setItem(KEPT, JSON.stringify([{ id, base }, ...others].slice(0, MOST)));
}

function forget(id) {
  localStorage.setItem(KEPT, JSON.stringify(kept().filter((one) => one.id !== id)));
}

export const unfinished = () => kept().map((one) => jobs.get(one.id))
  .find((job) => job && ["queued", "in_progress"].includes(job.status));

// Asks anew; a second call while one is on its way comes after it.
let asked = Promise.resolve();
export function refresh() {
  asked = asked.then(renew).catch(soon);
  return asked;
}

// Nobody follows those that aren't shown.
function soon() {
  clearTimeout(again);
  if (unfinished()) again = setTimeout(refresh, AGAIN_MS);
}

async function renew() {
  const page = await ask(`/v1/videos?limit=${PAGE}`);
  for (const job of page.data) jobs.set(job.id, job);
  for (const { id } of kept().slice(0, SHOWN)) {
    if (page.data.some((job) => job.id === id)) continue;
    await ask(videoAddress(id)).then((job) => jobs.set(id, job), (error) => {
      if (error.problem?.status === 404) forget(id);
    });
  }
  const older = gallery.ids.filter((id) => !page.data.some((job) => job.id === id));
  gallery = older.length && gallery.after
    ? { ...gallery, ids: [...page.data.map((job) => job.id), ...older] }
    : { after: page.last_id, ids: page.data.map((job) => job.id), more: page.has_more };
  draw();
}

export async function more() {
  const page = await ask(`/v1/videos?limit=${PAGE}&after=${encodeURIComponent(gallery.after)}`);
  for (const job of page.data) jobs.set(job.id, job);
  const ids = [...gallery.ids, ...page.data.map((job) => job.id)];
  gallery = { after: page.last_id ?? gallery.after, ids, more: page.has_more };
  draw();
}

function draw() {
  const mine = kept().slice(0, SHOWN).filter(({ id }) => jobs.has(id));
  soon();
  $("history").hidden = !mine.length;
  $("requests").replaceChildren(...mine.map(({ id, base }) => request(jobs.get(id), base)));
  const bases = new Set(kept().map((one) => one.base));
  const finished = gallery.ids.map((id) => jobs.get(id))
    .filter((job) => job.content && !bases.has(job.id));
  $("gallery").hidden = !finished.length;
  $("older").hidden = !gallery.more;
  const there = new Map([...$("clips").children].map((one) => [one.dataset.id, one]));
  $("clips").replaceChildren(...finished.map((job) => there.get(job.id) ?? picture(job)));
}

function request(job, base) {
  return make("li", {},
    make("a", { href: address(job.id, base) }, job.prompt),
    make("span", { class: "quiet" },
      `${scenarioName(job.model)}, strength ${strength(job.lora_scale)}${base ? ", with the base" : ""}`),
    make("span", { class: `state ${job.status}` }, stateName(job.status)),
    make("time", { class: "quiet" }, when(job.created_at)));
}

function picture(job) {
  const image = make("img", { alt: "", loading: "lazy", width: 3, height: 2 });
  image.addEventListener("load", () => sharpen(image, image.naturalWidth));
  image.addEventListener("error", () => image.replaceWith(
    make("span", { class: "card-picture none" }, "no picture any more")));
  load(image, `${job.result.url}/picture`);
  const score = job.result.temporal_score.temporal_consistency;
  const whose = job.lora_scale === 0 ? "base" : `strength ${strength(job.lora_scale)}`;
  return make("li", { "data-id": job.id },
    make("a", { class: "clip", href: address(job.id, baseOf(job.id)) }, image,
      make("span", { class: "clip-name" }, job.prompt),
      make("span", { class: "quiet" }, `${scenarioName(job.model)}, ${whose}, seed ${job.seed}`),
      make("span", { class: "quiet" }, `consistency ${number(score)}`)));
}

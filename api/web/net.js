// How the page speaks with its service: JSON, a job's changes, clips and pictures; with a key where
// the service asks for one.
import { $ } from "/web/dom.js";

const KEY = "slora.key";
const ENDS = ["completed", "failed", "cancelled"];
let asking = null; // the promise of a key, while somebody is asked for it

export const ended = (job) => ENDS.includes(job.status);
export const videoAddress = (id) => `/v1/videos/${encodeURIComponent(id)}`;

export class Refused extends Error {
  constructor(problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

function withKey(options = {}) {
  const key = sessionStorage.getItem(KEY);
  const headers = key ? { ...options.headers, Authorization: `Bearer ${key}` } : options.headers;
  return { ...options, headers };
}

// The answer, whatever it is; asks for a key as often as the service does.
async function answerOf(address, options) {
  for (;;) {
    let answer;
    const key = sessionStorage.getItem(KEY);
    try {
      answer = await fetch(address, withKey(options));
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Refused({
        title: "No answer",
        detail: "The service doesn't answer. Remedy: look whether it runs (`make serve`), and send again.",
      });
    }
    if (answer.status !== 401) return answer;
    if (key === sessionStorage.getItem(KEY)) sessionStorage.removeItem(KEY);
    if (!(await askForKey(Boolean(key)))) return answer;
  }
}

function askForKey(refused) {
  asking ??= new Promise((resolve) => {
    if (refused) $("key-why").textContent = "The service doesn't take this key. Whoever runs it gives one out.";
    $("key").value = "";
    $("key-dialog").returnValue = "";
    $("key-dialog").showModal();
    $("key-dialog").addEventListener("close", () => {
      const given = $("key-dialog").returnValue === "use" && $("key").value.trim();
      if (given) sessionStorage.setItem(KEY, given);
      $("key").value = "";
      asking = null;
      resolve(Boolean(given));
    }, { once: true });
  });
  return asking;
}

async function problemOf(answer) {
  const fallback = { title: answer.statusText, status: answer.status };
  try {
    return { ...fallback, ...(await answer.json()) };
  } catch {
    return { ...fallback, detail: `The service answers with ${answer.status} and no reason.` };
  }
}

export async function ask(address, options) {
  const answer = await answerOf(address, options);
  if (!answer.ok) throw new Refused(await problemOf(answer));
  return answer.json();
}

// Calls `seen` with the job whenever it has changed, up to its end: over lost connections too, and
// over a service that was started anew meanwhile.
export async function follow(id, seen, signal) {
  for (let known = false; !signal.aborted; await later()) {
    let answer;
    try {
      answer = await answerOf(`${videoAddress(id)}/events`, { signal });
    } catch (error) {
      if (known && error instanceof Refused) continue;
      throw error;
    }
    if (!answer.ok) throw new Refused(await problemOf(answer));
    known = true;
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read().catch(() => ({ done: true }));
      if (done) break;
      const events = (text + value).split("\n\n");
      text = events.pop();
      for (const event of events) {
        const data = event.split("\n").find((line) => line.startsWith("data:"));
        if (!data) continue;
        const job = JSON.parse(data.slice(5));
        seen(job);
        if (ended(job)) return void reader.cancel();
      }
    }
  }
}

const later = () => new Promise((resolve) => setTimeout(resolve, 1000));

const blobs = new WeakMap(); // element -> the address of what was fetched for it

// Sets where an element's clip or picture is. What needs a key is fetched with it first.
export async function load(element, address) {
  if (element.dataset.address === address) return;
  element.dataset.address = address;
  if (blobs.has(element)) URL.revokeObjectURL(blobs.get(element));
  blobs.delete(element);
  if (!sessionStorage.getItem(KEY)) {
    element.src = address;
    return;
  }
  element.removeAttribute("src");
  const answer = await answerOf(address);
  const content = answer.ok ? await answer.blob() : null;
  if (!content || element.dataset.address !== address) return;
  blobs.set(element, URL.createObjectURL(content));
  element.src = blobs.get(element);
}

export function unload(element) {
  delete element.dataset.address;
  element.removeAttribute("src");
}

// A link that is opened with the key, where there is one.
export function link(anchor, address) {
  anchor.href = address;
  anchor.onclick = async (event) => {
    if (!sessionStorage.getItem(KEY)) return;
    event.preventDefault();
    const answer = await answerOf(address);
    if (!answer.ok) return;
    const blob = URL.createObjectURL(await answer.blob());
    const name = address.split("/").pop();
    Object.assign(document.createElement("a"), { href: blob, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(blob), 60_000);
  };
  return anchor;
}

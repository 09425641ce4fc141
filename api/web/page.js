// The review studio: puts its parts together, sends the form, and keeps the address in step with what
// is shown, so that it can be kept, reloaded and passed on.
import { $ } from "/web/dom.js";
import * as cards from "/web/cards.js";
import * as gallery from "/web/gallery.js";
import { ask } from "/web/net.js";
import * as player from "/web/player.js";
import * as requests from "/web/requests.js";

const BESIDE = "slora.beside";
const MOST_SEED = 2 ** 31;
let sending = false;

const post = (fields) => ask("/v1/videos", {
  method: "POST", body: JSON.stringify(fields), headers: { "Content-Type": "application/json" },
});

// The form as the service takes it: what is empty is the preset's.
function fieldsOf(form) {
  const fields = Object.fromEntries([...new FormData(form)].filter(([, value]) => value.trim()));
  for (const name of ["prompt", "scenario"]) fields[name] ??= "";
  return fields;
}

// The base's clip of the same seed: the request with the adapter turned off.
const without = (fields, seed) => {
  const { lora_path: _, ...others } = fields;
  return post({ ...others, lora_scale: 0, seed });
};

function go(id, base) {
  const address = requests.address(id, base);
  if (location.hash !== address) history.pushState(null, "", address);
  requests.follow(id, base);
}

function blame(error) {
  const wrong = new Set((error.problem?.errors ?? []).map((one) => one.field));
  for (const field of $("form").elements) {
    if (wrong.has(field.name)) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
  }
  const first = [...$("form").elements].find((field) => wrong.has(field.name) && !field.hidden);
  if (["steps", "guidance", "negative"].includes(first?.id)) $("more").open = true;
  first?.focus();
}

async function send(event) {
  event.preventDefault();
  if (sending) return;
  sending = true;
  const fields = fieldsOf($("form"));
  const beside = $("beside").checked && Number(fields.lora_scale) !== 0;
  const request = requests.clear("Sending …");
  blame({});
  try {
    const job = await post(fields);
    gallery.remember(job.id);
    let base = null, why = null;
    if (beside) {
      await without(fields, job.seed).then((found) => { base = found; }, (error) => { why = error; });
      if (base) gallery.remember(job.id, base.id);
    }
    if (requests.isCurrent(request)) {
      go(job.id, base?.id ?? null);
      if (why) requests.baseMissing(why);
      if (matchMedia("(max-width: 56rem)").matches) $("stage-title").scrollIntoView();
    }
  } catch (error) {
    if (requests.isCurrent(request)) {
      requests.clear();
      requests.refuse(error);
      blame(error);
    }
  } finally {
    sending = false;
    gallery.refresh();
  }
}

// Beside a clip that was made without it.
async function baseNow() {
  const job = requests.current();
  $("base-now").disabled = true;
  try {
    const { scenario, prompt, negative_prompt, steps, guidance_scale, seed } = job.result;
    const fields = { scenario, prompt, num_inference_steps: steps, guidance_scale };
    const base = await without(negative_prompt ? { ...fields, negative_prompt } : fields, seed);
    gallery.remember(job.id, base.id);
    if (requests.current()?.id === job.id) go(job.id, base.id);
  } catch (error) {
    if (requests.current()?.id === job.id) requests.baseMissing(error);
  } finally {
    $("base-now").disabled = false;
  }
}

function fromAddress() {
  const [id, base] = location.hash.slice(1).split("+");
  if (id.startsWith("video_")) requests.follow(id, base || gallery.baseOf(id));
  else requests.clear();
}

function listen() {
  $("form").addEventListener("submit", send);
  $("scale").addEventListener("input", cards.tell);
  $("cancel").addEventListener("click", requests.cancel);
  $("likewise").addEventListener("click", () => cards.likewise(requests.current().result));
  $("base-now").addEventListener("click", baseNow);
  $("older").addEventListener("click", () => gallery.more().catch(requests.refuse));
  $("another").addEventListener("click", () => { $("seed").value = Math.floor(Math.random() * MOST_SEED); });
  $("beside").addEventListener("change", () => localStorage.setItem(BESIDE, $("beside").checked ? "1" : ""));
  $("prompt").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    $("form").requestSubmit($("send"));
  });
  window.addEventListener("hashchange", fromAddress);
  requests.onEnd(gallery.refresh);
}

async function begin() {
  player.build($("player"));
  listen();
  $("beside").checked = Boolean(localStorage.getItem(BESIDE));
  cards.show(await ask("/scenarios"));
  fromAddress();
  await gallery.refresh();
  const waiting = location.hash ? null : gallery.unfinished();
  if (waiting) go(waiting.id, gallery.baseOf(waiting.id));
  document.body.dataset.ready = "yes"; // for who drives the page from outside
}

begin().catch(requests.refuse);

// Fills the form from GET /scenarios, sends it as a job, follows that by its events, and shows the
// clip with its scores. The address holds the job, so that it can be kept, reloaded and passed on.
"use strict";

const $ = (id) => document.getElementById(id);
const ENDS = ["completed", "failed", "cancelled"];
let scenarios = [];
let followed = null; // { id, source }: of the job that the page shows

function say(text, wrong = false) {
  $("message").textContent = text;
  $("message").className = wrong ? "wrong" : "";
}

async function ask(address, options) {
  const answer = await fetch(address, options);
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail);
  return body;
}

function about() {
  const chosen = scenarios.find((one) => one.name === $("scenario").value);
  if (!chosen) return;
  $("about").textContent = chosen.status === "unavailable"
    ? chosen.reason
    : `Adapter ${chosen.adapter_sha256.slice(0, 12)}, ${chosen.status}, verdict ${chosen.verdict}` +
      `${chosen.use ? `, for ${chosen.use} use` : ""}.`;
  $("taught").hidden = chosen.status !== "promoted";
  $("taught").href = `/scenarios/${encodeURIComponent(chosen.name)}/lineage.svg`;
  $("scale").min = chosen.scale_min;
  $("scale").max = chosen.scale_max;
  $("scale").value = chosen.scale;
  strength();
  $("send").disabled = chosen.status === "unavailable";
}

function strength() {
  $("strength").textContent = Number($("scale").value).toFixed(2);
}

function result(made) {
  const score = made.temporal_score;
  const headline = score.temporal_consistency;
  $("clip").src = $("download").href = made.url;
  $("clip").style.imageRendering = made.width < 256 ? "pixelated" : "auto";
  $("origin").href = `${made.url}/lineage.svg`;
  $("score").textContent = headline === null
    ? "Temporal score: none" : `Temporal score: ${headline.toFixed(3)}`;
  $("warning").textContent = [score.reason, made.scores_note].filter(Boolean).join(" ");
  const facts = {
    Prompt: made.prompt, Status: made.status, Verdict: made.verdict ?? made.verdict_note,
    Scenario: made.scenario, Adapter: made.adapter_sha256, Strength: made.lora_scale,
    Seed: made.seed, Steps: made.steps, Base: `${made.base.name} ${made.base.revision}`,
    Motion: `${score.motion_speed.toFixed(3)} shorter sides a second`,
    "Warp error": score.warp_error_mean.toExponential(2), "Scene cuts": score.scene_cuts,
    Marked: `as generated, by ${made.marks.join(", ")}; id ${made.id}`,
    Clip: `${made.frames} frames, ${made.fps} a second, made in ${made.seconds} s`,
  };
  $("facts").replaceChildren(...Object.entries(facts).flatMap(([name, value]) => {
    const term = document.createElement("dt");
    const detail = document.createElement("dd");
    term.textContent = name;
    detail.textContent = value;
    return [term, detail];
  }));
  $("result").hidden = false;
}

function state(job) {
  $("work").hidden = ENDS.includes(job.status);
  $("progress").value = job.progress;
  if (job.status === "queued") {
    say(job.queue_position ? `Waiting behind ${job.queue_position} …` : "Waiting …");
  } else if (job.status === "in_progress") {
    say("Generating …");
  } else if (job.status === "completed") {
    say("");
    result(job.result);
  } else {
    say(job.error ? job.error.message : "Cancelled.", Boolean(job.error));
  }
}

// One job at a time: what an earlier one has still to say is nobody's business any more.
function follow(id) {
  if (followed?.id === id) return;
  followed?.source.close();
  $("result").hidden = true;
  $("clip").removeAttribute("src");
  const source = new EventSource(`/v1/videos/${encodeURIComponent(id)}/events`);
  followed = { id, source };
  for (const status of ["queued", "in_progress", ...ENDS]) {
    source.addEventListener(status, (event) => {
      if (followed.source !== source) return;
      state(JSON.parse(event.data));
      if (ENDS.includes(status)) {
        source.close();
        earlier();
      }
    });
  }
  source.onerror = async () => {
    if (source.readyState !== EventSource.CLOSED || followed.source !== source) return;
    try {
      state(await ask(`/v1/videos/${encodeURIComponent(id)}`));
    } catch (error) {
      say(error.message, true);
    }
  };
}

async function earlier() {
  const page = await ask("/v1/videos?limit=12");
  $("list").replaceChildren(...page.data.map((job) => {
    const item = document.createElement("li");
    const link = document.createElement("a");
    link.href = `#${job.id}`;
    link.textContent = job.prompt;
    const when = new Date(job.created_at * 1000).toLocaleString();
    item.append(link, ` ${job.model}, ${job.status.replace("_", " ")}, ${when}`);
    return item;
  }));
  $("before").hidden = page.data.length === 0;
}

async function send(event) {
  event.preventDefault();
  const fields = new FormData($("form"));
  for (const [name, value] of [...fields]) if (!value) fields.delete(name);
  $("send").disabled = true;
  $("result").hidden = true;
  say("Sending …");
  try {
    const job = await ask("/v1/videos", { method: "POST", body: fields });
    location.hash = job.id;
    follow(job.id);
  } catch (error) {
    say(error.message, true);
  } finally {
    $("send").disabled = false;
  }
}

async function cancel() {
  try {
    await ask(`/v1/videos/${encodeURIComponent(followed.id)}`, { method: "DELETE" });
  } catch (error) {
    say(error.message, true);
  }
}

function fromAddress() {
  const id = location.hash.slice(1);
  if (id) follow(id);
}

async function load() {
  scenarios = await ask("/scenarios");
  for (const one of scenarios) $("scenario").add(new Option(one.name, one.name));
  const usable = scenarios.find((one) => one.status !== "unavailable");
  if (usable) $("scenario").value = usable.name;
  about();
  fromAddress();
  await earlier();
}

$("scenario").addEventListener("change", about);
$("scale").addEventListener("input", strength);
$("form").addEventListener("submit", send);
$("cancel").addEventListener("click", cancel);
window.addEventListener("hashchange", fromAddress);
load().catch((error) => say(error.message, true));

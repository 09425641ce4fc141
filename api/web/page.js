// Fills the form from GET /scenarios, posts it, shows the clip and its scores.
"use strict";

const $ = (id) => document.getElementById(id);
let scenarios = [];

function say(text, wrong = false) {
  $("message").textContent = text;
  $("message").className = wrong ? "wrong" : "";
}

function show() {
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
  $("send").disabled = chosen.status === "unavailable";
}

async function load() {
  const answer = await fetch("/scenarios");
  if (!answer.ok) throw new Error((await answer.json()).detail);
  scenarios = await answer.json();
  for (const one of scenarios) $("scenario").add(new Option(one.name, one.name));
  const usable = scenarios.find((one) => one.status !== "unavailable");
  if (usable) $("scenario").value = usable.name;
  show();
}

function result(made) {
  const score = made.temporal_score;
  const headline = score.temporal_consistency;
  $("clip").src = $("download").href = made.url;
  $("origin").href = `${made.url}/lineage.svg`;
  $("score").textContent = headline === null
    ? "Temporal score: none" : `Temporal score: ${headline.toFixed(3)}`;
  $("warning").textContent = [score.reason, made.scores_note].filter(Boolean).join(" ");
  const facts = {
    Status: made.status, Verdict: made.verdict ?? made.verdict_note, Scenario: made.scenario,
    Adapter: made.adapter_sha256, Strength: made.lora_scale, Seed: made.seed, Steps: made.steps,
    Base: `${made.base.name} ${made.base.revision}`, Motion: score.motion_score.toFixed(3),
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

async function send(event) {
  event.preventDefault();
  const fields = new FormData($("form"));
  for (const name of ["lora_scale", "lora_path"]) if (!fields.get(name)) fields.delete(name);
  $("send").disabled = true;
  say("Generating …");
  try {
    const answer = await fetch("/generate", { method: "POST", body: fields });
    const body = await answer.json();
    if (!answer.ok) throw new Error(body.detail);
    result(body);
    say("");
  } catch (error) {
    say(error.message, true);
  } finally {
    $("send").disabled = false;
  }
}

$("scenario").addEventListener("change", show);
$("form").addEventListener("submit", send);
load().catch((error) => say(error.message, true));

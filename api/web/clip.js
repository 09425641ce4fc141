// What is said of a finished clip: verdict, scores, and where it comes from.
import { $, make } from "/web/dom.js";
import { known } from "/web/cards.js";
import { ask, link, load, unload } from "/web/net.js";
import * as player from "/web/player.js";
import { number, scenarioName, scores, short, verdictOn, when } from "/web/words.js";

const SERVED = { promoted: "as promoted", preview: "as a preview: nobody promoted this adapter" };
let adapters = null; // sha256 -> what the registry says, once somebody asked

export function show(job, base) {
  const made = job.result;
  player.show(made, base?.result ?? null);
  $("asked").textContent = made.prompt;
  $("verdict").textContent = verdictOn(made);
  $("verdict").className = `verdict ${made.verdict ?? "none"}`;
  const again = made.reused ? "The very same was asked before: this is the clip that was made then." : null;
  $("warning").textContent = [...(made.warnings ?? []), again, made.temporal_score.reason, made.scores_note]
    .filter(Boolean).join(" ");
  $("scores").replaceChildren(table(made, base?.result ?? null));
  facts(job);
  $("clip").onerror = () => {
    $("warning").textContent = "The clip isn't there any more: somebody deleted it, or its time was up.";
  };
  link($("download"), made.url).download = made.url.split("/").pop();
  lineage(made);
  $("result").hidden = false;
  $("empty").hidden = true;
}

export function clear() {
  player.clear();
  $("result").hidden = true;
  $("lineage").open = false;
  unload($("lineage-picture"));
}

function table(made, base) {
  const mine = scores(made);
  const bases = base ? new Map(scores(base).map(([name, , value]) => [name, value])) : null;
  const head = ["Score", made.lora_scale === 0 ? "Clip" : "Adapter", ...(bases ? ["Base"] : [])];
  return make("table", { class: "scores" },
    make("caption", { class: "hidden" }, "Scores of the clip, with unit and better direction"),
    make("thead", {}, make("tr", {}, ...head.map((text) => make("th", { scope: "col" }, text)))),
    make("tbody", {}, ...mine.map(([name, says, value]) => make("tr", {},
      make("th", { scope: "row" }, name, make("small", {}, says)),
      make("td", {}, value), bases ? make("td", {}, bases.get(name) ?? "none") : null))));
}

const hash = (value) => make("details", { class: "hash" },
  make("summary", {}, make("code", {}, short(value))), make("code", {}, value));

async function facts(job) {
  const made = job.result;
  const scenario = made.scenario ? known(made.scenario) : null;
  const origin = await originOf(made, scenario);
  if ($("asked").textContent !== made.prompt) return; // another clip is shown by now
  const rows = {
    Scenario: made.scenario ? scenarioName(made.scenario) : null,
    Adapter: made.adapter_sha256 ? hash(made.adapter_sha256) : "none: the clip is the base's",
    Served: SERVED[made.status],
    Dataset: origin.dataset ? hash(origin.dataset) : null,
    Licences: origin.licences.length
      ? make("ul", { class: "plain" }, ...origin.licences.map((one) => make("li", {}, one))) : null,
    Use: origin.use ? `for ${origin.use} use, by these licences` : null,
    Report: scenario?.report
      ? link(make("a", { target: "_blank" }, "How the scenario's adapter was judged"), scenario.report) : null,
    Strength: number(made.lora_scale, 2), Seed: made.seed, Steps: made.steps,
    Guidance: made.guidance_scale, "Not to show": made.negative_prompt,
    Base: `${made.base.name}, revision ${made.base.revision}, ${made.base.licence}`,
    Clip: `${made.frames} frames of ${made.width} × ${made.height}, ${made.fps} a second`,
    Kept: job.expires_at ? `until ${when(job.expires_at)}` : null,
    Made: `${when(job.completed_at)}, in ${number(made.seconds, 1)} s`,
    Marked: `as generated, by ${made.marks.join(", ")}`, Id: make("code", {}, made.id),
  };
  $("facts").replaceChildren(...Object.entries(rows)
    .filter(([, value]) => value !== null && value !== undefined)
    .flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
}

// What the adapter was made from: of the scenario's own by its card, of another by the registry.
async function originOf(made, scenario) {
  if (scenario && scenario.adapter_sha256 === made.adapter_sha256) {
    const terms = scenario.licences.map((one) => `${one.licence}: ${one.what}; ${one.clause}`);
    return { dataset: scenario.dataset_hash, licences: terms, use: scenario.use };
  }
  adapters ??= ask("/adapters").then(
    (found) => new Map(found.map((one) => [one.sha256, one])), () => new Map());
  const found = (await adapters).get(made.adapter_sha256);
  return { dataset: found?.dataset_hash ?? made.dataset_hash, licences: found?.licences ?? [], use: found?.use };
}

function lineage(made) {
  const address = `${made.url}/lineage.svg`;
  link($("lineage-link"), address);
  $("lineage").ontoggle = () => $("lineage").open && load($("lineage-picture"), address);
}

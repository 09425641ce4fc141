// The scenarios as cards, and what the chosen one allows the form to ask for.
import { $, make, prose, sharpen } from "/web/dom.js";
import { link, load } from "/web/net.js";
import { capital, range, refusalOf, scenarioName, short, statusName, strength, verdictOf } from "/web/words.js";

const EXAMPLES = 3;
let scenarios = [];

export const chosen = () => scenarios.find((one) => one.name === picked());
export const known = (name) => scenarios.find((one) => one.name === name);
const picked = () => document.querySelector("input[name=scenario]:checked")?.value;

export function show(found) {
  const before = picked();
  scenarios = found;
  $("cards").replaceChildren(...scenarios.map(card));
  const first = known(before) ?? scenarios.find((one) => one.status === "promoted")
    ?? scenarios.find((one) => one.status === "preview") ?? scenarios[0];
  if (first) choose(first.name);
  $("reports").hidden = !scenarios.some((one) => one.report);
  link($("reports"), "/reports/index.html");
}

export function choose(name) {
  const radio = document.querySelector(`input[name=scenario][value="${CSS.escape(name)}"]`);
  if (!radio) return;
  radio.checked = true;
  about();
}

function card(one) {
  const why = one.status === "unavailable" ? refusalOf({ detail: one.reason }).what : null;
  const radio = make("input", { type: "radio", name: "scenario", value: one.name, form: "form" });
  radio.addEventListener("change", () => {
    $("refusal").hidden = true; // it was about another one
    about();
  });
  return make("label", { class: `card ${one.status}` }, radio, picture(one),
    make("span", { class: "card-text" },
      make("span", { class: "card-name" }, capital(scenarioName(one.name))),
      make("span", { class: `state ${one.status}` }, statusName(one.status)),
      make("span", { class: "card-line" }, verdictOf(one)),
      make("span", { class: "card-line quiet" }, why ?? range(one))));
}

function picture(one) {
  if (!one.picture) return make("span", { class: "card-picture none", "aria-hidden": "true" }, "no clip yet");
  const image = make("img", {
    class: "card-picture", alt: `A frame of a judged clip of ${scenarioName(one.name)}`,
  });
  image.addEventListener("load", () => sharpen(image, image.naturalWidth));
  load(image, one.picture);
  return image;
}

function about() {
  const one = chosen();
  if (!one) return;
  $("about").replaceChildren(...(one.status === "unavailable" ? whyNot(one) : what(one)));
  examples(one);
  scale(one);
  speeds(one);
  $("send").textContent = one.status === "unavailable" ? "Generate with the base alone" : "Generate";
}

function whyNot(one) {
  const { what, remedy, more } = refusalOf({ detail: one.reason });
  return [
    ...fault(one),
    make("p", {}, make("strong", {}, ...prose(`${what} `)), ...prose(remedy)),
    more.length ? make("details", {}, make("summary", {}, "Details"), make("p", {}, ...prose(more.join(" ")))) : null,
    report(one),
  ].filter(Boolean);
}

function what(one) {
  const preview = one.status === "preview" ? "Nobody promoted it yet; its clips are a preview. " : "";
  const use = one.use ? `For ${one.use} use. ` : "";
  return [
    ...fault(one),
    make("p", {}, make("strong", {}, `${capital(scenarioName(one.name))}: `),
      `adapter ${short(one.adapter_sha256)}. ${preview}${use}`),
    one.scores_note ? make("p", { class: "hint" }, ...prose(one.scores_note)) : null,
    report(one),
  ].filter(Boolean);
}

// The presets' file can't be read, and what it said before is kept.
const fault = (one) => (one.presets_fault ? [make("p", {}, ...prose(one.presets_fault))] : []);

function speeds(one) {
  const names = Object.keys(one.speeds ?? {});
  $("speed").replaceChildren(make("option", { value: "" }, "the preset's"),
    ...names.filter((name) => name !== "default").map((name) => make("option", { value: name }, name)));
  $("speed-field").hidden = names.length < 2;
}

function report(one) {
  const links = [];
  if (one.report) links.push([one.report, "How it was judged"]);
  if (one.status === "promoted") {
    links.push([`/scenarios/${encodeURIComponent(one.name)}/lineage.svg`, "What it was trained on"]);
  }
  if (!links.length) return null;
  return make("p", { class: "links" }, ...links.map(
    ([address, text]) => link(make("a", { target: "_blank" }, text), address)));
}

function examples(one) {
  $("examples-field").hidden = !one.examples.length;
  const chips = one.examples.map((text) => {
    const button = make("button", { type: "button", class: "chip" }, text);
    button.addEventListener("click", () => {
      $("prompt").value = text;
      $("prompt").focus();
    });
    return make("li", {}, button);
  });
  $("examples").replaceChildren(...chips.slice(0, EXAMPLES));
  $("all-examples").replaceChildren(...chips.slice(EXAMPLES));
  $("more-examples").hidden = chips.length <= EXAMPLES;
}

const ANSWERS = { pass: "passed", inconclusive: "inconclusive", fail: "failed" };

function scale(one) {
  const slider = $("scale");
  if (one.status === "unavailable") { // strength 0 is the base, for which nothing has to be let through
    [slider.min, slider.max, slider.value, slider.hidden] = [0, 0, 0, true];
    $("scale-hint").textContent = "As no adapter is served, the base alone can be asked.";
    $("judged").replaceChildren();
    return tell();
  }
  const fits = Number.isInteger(Math.round((one.scale - one.scale_min) * 1e6) / 5e4);
  slider.step = fits ? 0.05 : 0.01;
  [slider.min, slider.max, slider.value] = [one.scale_min, one.scale_max, one.scale];
  const fixed = one.scale_min === one.scale_max;
  slider.hidden = fixed;
  $("scale-hint").textContent = fixed
    ? "The preset allows this strength alone."
    : `${strength(one.scale_min)} to ${strength(one.scale_max)} may be asked for; the preset's is ${strength(one.scale)}.`;
  $("judged").replaceChildren(...one.judged.map((judged) => mark(one, judged)));
  tell();
}

// A strength that was judged: to be pressed where it may be asked for.
function mark(one, judged) {
  const text = `${strength(judged.scale)} ${ANSWERS[judged.answer]}`;
  const allowed = judged.scale >= one.scale_min && judged.scale <= one.scale_max;
  if (!allowed || one.scale_min === one.scale_max) {
    return make("li", { class: `mark ${judged.answer}` }, text);
  }
  const button = make("button", { type: "button", class: `chip ${judged.answer}` }, text);
  button.addEventListener("click", () => {
    $("scale").value = judged.scale;
    tell();
  });
  return make("li", {}, button);
}

// The form as a clip was asked for, to change something about it.
export function likewise(made) {
  choose(made.scenario ?? picked());
  $("prompt").value = made.prompt;
  $("seed").value = made.seed;
  $("negative").value = made.negative_prompt ?? "";
  if (made.lora_scale) $("scale").value = made.lora_scale; // as near as the slider goes
  tell();
  $("prompt").focus();
}

export function tell() {
  $("strength").textContent = strength($("scale").value);
}

// What numbers, states and refusals are called. Pure: data in, words out.

export const capital = (text) => text[0].toUpperCase() + text.slice(1);
export const scenarioName = (name) => name.replaceAll("_", " ");
export const short = (hash) => hash.slice(0, 12);
export const when = (seconds) =>
  new Date(seconds * 1000).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });

const STATES = {
  queued: "waiting", in_progress: "being made", completed: "finished", failed: "failed",
  cancelled: "cancelled",
};
export const stateName = (status) => STATES[status] ?? status;

const STATUS = {
  promoted: "Promoted", preview: "Preview", unavailable: "Not served", base: "Base alone",
};
export const statusName = (status) => STATUS[status] ?? status;

export function number(value, digits = 3) {
  if (value === null || value === undefined) return "none";
  return value !== 0 && Math.abs(value) < 0.001 ? value.toPrecision(2) : value.toFixed(digits);
}

export const strength = (value) => String(Number(Number(value).toFixed(2)));

// The verdict on a scenario's adapter.
export function verdictOf(scenario) {
  const { verdict, status } = scenario;
  if (verdict === "pass") return "The gate let it through";
  if (verdict === "inconclusive") {
    return status === "promoted"
      ? "Inconclusive; a person let it through" : "Inconclusive: too little to tell";
  }
  if (verdict === "fail") return "The gate held it back";
  const last = new Set(scenario.judged.map((one) => one.answer));
  if (last.has("pass")) return "The last trained one passed the gate";
  if (last.has("inconclusive")) return "The last trained one: inconclusive";
  return last.has("fail") ? "The last trained one failed the gate" : "Nothing was judged yet";
}

// The verdict on clips that are drawn as this one is.
export function verdictOn(made) {
  if (made.verdict === "pass") return "Pass: the gate let through clips that are drawn like this one.";
  if (made.verdict === "inconclusive") {
    return "Inconclusive: the gate saw too little to tell whether clips like this one are good.";
  }
  if (made.verdict === "fail") return "Fail: the gate held back clips that are drawn like this one.";
  return `No verdict speaks for this clip. ${made.verdict_note ?? ""}`.trim();
}

export function range(scenario) {
  const [least, most] = [strength(scenario.scale_min), strength(scenario.scale_max)];
  return least === most ? `Strength ${least} alone` : `Strength ${least} to ${most}`;
}

// [name, what it is with unit and direction, value in words] of a clip.
export function scores(made) {
  const score = made.temporal_score;
  const speed = "shorter sides of the picture a second";
  const enough = score.motion_ref === null || score.motion_ref === undefined
    ? "higher moves more" : `enough from ${number(score.motion_ref, 2)}, which footage reaches`;
  const shows = made.clip_similarity === null || made.clip_similarity === undefined ? [] : [
    ["CLIP similarity", "cosine -1 to 1, higher is better: how well the frames show the prompt",
      number(made.clip_similarity)],
  ];
  return [
    ...shows,
    ["Temporal consistency", "0 to 1, higher is better; none for a clip that stands still",
      number(score.temporal_consistency)],
    ["Steadiness", "0 to 1, higher is better: what stays the same when motion is taken out",
      number(score.mc_consistency)],
    ["Motion", `${speed}; ${enough}`, number(score.motion_speed)],
    ["Moving share", "of the picture, neither is better", `${Math.round(100 * score.moving_share)} %`],
    ["Jitter", `${speed}, lower is better: shaking, jumps and flicker`, number(score.motion_jitter)],
    ["Warp error", "mean square of intensities 0 to 1, lower is better",
      number(score.warp_error_mean, 4)],
    ["Scene cuts", "in one shot, 0 is best", String(score.scene_cuts)],
    ["Repeated frames", "of all, lower is better", `${Math.round(100 * score.duplicate_share)} %`],
  ];
}

const FIELDS = {
  prompt: "Prompt", scenario: "Scenario", lora_scale: "Strength", seed: "Seed",
  negative_prompt: "What it should not show", num_inference_steps: "Steps",
  guidance_scale: "Guidance", lora_path: "Adapter file",
};

const EXPECTED = {
  seed: "a whole number from 0", num_inference_steps: "a whole number from 1",
  guidance_scale: "a number from 0 to 50",
};
const complaint = ({ field, detail }) => {
  const known = detail === "not what is expected" && EXPECTED[field];
  return `${FIELDS[field] ?? field}: ${known ? `not ${known}` : detail}.`;
};

// A refusal as { what, remedy, more }: a sentence, what to do, and all else that was said.
export function refusalOf(problem) {
  if (problem.errors?.length) {
    const [first, ...others] = problem.errors.map(complaint);
    return { what: first, remedy: "Change it and send again.", more: others };
  }
  const [said, remedy] = (problem.detail ?? "Something went wrong.").split(/\s+Remedy:\s+/);
  const sentences = said.split(/(?<=[.!?])\s+(?=[A-Z])/);
  const count = /can't be served\.$/.test(sentences[0]) ? 2 : 1;
  return {
    what: sentences.slice(0, count).join(" "),
    remedy: remedy ? capital(remedy) : null,
    more: sentences.slice(count),
  };
}

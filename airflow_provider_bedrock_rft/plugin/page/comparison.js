// Candidate against baseline: the decision, the difference with its interval, and the samples side by side.
import {
  Badge, again, Empty, Facts, Notes, Pager, Waiting, dagPath, h, interval, number, percent, query, signed, useEffect, useMemo,
  useState, useView,
} from "./core.js";
import { Questions } from "./answer.js";
import { Answer } from "./samples.js";
import { ticks } from "./chart.js";

const LIMIT = 10;
const MAX_DIFF_WORDS = 600;

export function ComparisonPage({ dagId, runId, isLive }) {
  const fields = query({ run_id: runId });
  const { view, error } = useView(`${dagPath(dagId)}/comparison?${fields}`, () => (isLive ? 5 : 0));
  const hasPair = Boolean(view?.baseline);
  const details = useView(hasPair ? `${dagPath(dagId)}/details?${fields}` : "", again);
  if (!view) return error ? h(Notes, { error }) : h(Waiting, { what: "the comparison" });
  if (!view.gate && !hasPair)
    return h("div", null, h(Notes, { notes: view.notes, error }), h(Questions, { dagId, runId, isLive }), h(Empty, null, isLive ? "Nothing has been compared yet. The comparison appears here after the second evaluation." : "This run has compared nothing."));
  const found = details.view?.slices ? details.view : null;
  return h(
    "div",
    null,
    h(Notes, { notes: view.notes, error }),
    h(Questions, { dagId, runId, isLive }),
    view.gate ? h(Verdict, { gate: view.gate }) : null,
    h(Sides, { view }),
    h(Forest, { overall: view.gate?.difference ?? found?.difference, slices: found?.slices ?? [] }),
    h(Outcomes, { of: view.gate ?? found }),
    found ? h(Growths, { growth: found.growth }) : null,
    details.view && !found ? h(Notes, { notes: details.view.notes }) : null,
    details.error ? h(Notes, { error: details.error }) : null,
    hasPair ? h(Samples, { dagId, runId, first: view.gate && !view.gate.n_losses ? "wins" : "losses" }) : null,
  );
}

const Verdict = ({ gate }) =>
  h(
    "section",
    { className: `rft-note rft-${{ promote: "good", reject: "bad" }[gate.verdict] ?? "wait"} rft-verdict`, "aria-label": "Decision" },
    h("h2", null, "Decision ", h(Badge, { word: gate.verdict })),
    h("ul", null, gate.reasons.map((reason) => h("li", { key: reason }, reason))),
    gate.needs_approval ? h("p", null, "The policy asks for a person's approval of a promotion.") : null,
    h(Facts, {
      rows: [
        ["p", gate.p_value === null ? null : gate.p_value < 0.0001 ? "below 0.0001" : number(gate.p_value)],
        ["Asked for", `p ≤ ${number(gate.alpha)}`],
        ["Test", gate.test],
        ["Champion then", gate.champion_model ? h("code", null, gate.champion_model) : "nobody yet"],
      ],
    }),
  );

function Sides({ view }) {
  const { gate, baseline, candidate } = view;
  const rows = [
    ["Model", (side, name) => h("code", null, side?.model ?? gate?.[`${name}_model`])],
    ["Mean score", (side, name) => interval(side?.mean ?? gate?.[name])],
    ["Samples", (side) => (side ? `${side.n_samples.toLocaleString()} × ${side.completions_per_sample}` : "–")],
    ["Tokens in and out", (side) => (side ? `${side.prompt_tokens.toLocaleString()} + ${side.completion_tokens.toLocaleString()}` : "–")],
    ["Median latency", (side) => (side ? `${number(side.median_latency_ms)} ms` : "–")],
    ["Cut off", (side) => (side ? side.n_truncated.toLocaleString() : "–")],
    ["Not graded", (side) => (side ? side.n_grader_errors.toLocaleString() : "–")],
  ];
  return h(
    "div",
    { className: "rft-scroll" },
    h(
      "table",
      { className: "rft-sides" },
      h("thead", null, h("tr", null, h("td", null), h("th", { scope: "col" }, "Baseline"), h("th", { scope: "col" }, "Candidate"))),
      h("tbody", null, rows.map(([name, write]) => h("tr", { key: name }, h("th", { scope: "row" }, name), h("td", { className: "rft-number" }, write(baseline, "baseline")), h("td", { className: "rft-number" }, write(candidate, "candidate"))))),
    ),
  );
}

/** The difference overall and per slice, each with its interval; left of zero the candidate is worse. */
function Forest({ overall, slices }) {
  const lines = [...(overall ? [{ name: "All samples", difference: overall, n_samples: null }] : []), ...slices];
  const known = lines.filter(({ difference }) => difference);
  if (!known.length) return null;
  const low = Math.min(0, ...known.map(({ difference }) => difference.low));
  const high = Math.max(0, ...known.map(({ difference }) => difference.high));
  const room = (high - low || 1) * 0.06;
  const x = (value) => 210 + ((value - low + room) / (high - low + 2 * room)) * 440;
  const height = 24 * lines.length + 34;
  return h(
    "figure",
    { className: "rft-chart rft-forest" },
    h("figcaption", null, h("span", { className: "rft-chart-title" }, "Candidate minus baseline"), h("span", { className: "rft-muted" }, overall ? `intervals at ${Math.round(overall.confidence * 100)} %` : "")),
    h(
      "svg",
      { viewBox: `0 0 900 ${height}`, role: "img", "aria-label": known.map((one) => `${one.name}: ${interval(one.difference, signed)}`).join("; ") },
      ticks(low, high, 6).map((tick) => h("g", { key: tick }, h("line", { className: "rft-grid", x1: x(tick), x2: x(tick), y1: 4, y2: height - 26 }), h("text", { className: "rft-tick", x: x(tick), y: height - 10, textAnchor: "middle" }, signed(tick)))),
      h("line", { className: "rft-zero", x1: x(0), x2: x(0), y1: 0, y2: height - 24 }),
      lines.map((one, at) => {
        const y = 18 + at * 24;
        const { difference } = one;
        const side = !difference ? "plain" : difference.low > 0 ? "good" : difference.high < 0 ? "bad" : "plain";
        return h(
          "g",
          { key: one.name, className: `rft-interval rft-${side}` },
          h("text", { x: 0, y: y + 4 }, one.name.length > 30 ? `${one.name.slice(0, 29)}…` : one.name, h("title", null, one.name)),
          difference
            ? [h("line", { key: "line", x1: x(difference.low), x2: x(difference.high), y1: y, y2: y }), h("rect", { key: "dot", x: x(difference.value) - 4, y: y - 4, width: 8, height: 8, rx: at ? 4 : 1 })]
            : null,
          h("text", { x: 665, y: y + 4, className: "rft-number" }, difference ? interval(difference, signed) : one.too_few, one.n_samples === null ? "" : h("tspan", { className: "rft-tick" }, difference ? `  n = ${one.n_samples}` : "")),
        );
      }),
    ),
  );
}

function Outcomes({ of }) {
  if (!of) return null;
  const ties = of.n_samples - of.n_wins - of.n_losses;
  const parts = [["wins", of.n_wins, "good"], ["ties", ties, "plain"], ["losses", of.n_losses, "bad"]];
  return h(
    "figure",
    { className: "rft-outcomes" },
    h("figcaption", null, parts.map(([name, count]) => `${count.toLocaleString()} ${name}`).join(" · "), h("span", { className: "rft-muted" }, ` of ${of.n_samples.toLocaleString()} pairs, seen from the candidate`)),
    h("div", { className: "rft-bar", "aria-hidden": true }, parts.filter(([, count]) => count).map(([name, count, kind]) => h("i", { key: name, className: `rft-part-${kind}`, style: { flexGrow: count } }))),
  );
}

const WHAT = { completion_tokens: "Completion tokens", latency_ms: "Latency" };
const Growths = ({ growth }) =>
  growth.length ? h(Facts, { rows: growth.map((one) => [`${WHAT[one.what] ?? one.what}, candidate to baseline`, `${percent(one.growth)} [${percent(one.low)}, ${percent(one.high)}]`]) }) : null;

function Samples({ dagId, runId, first }) {
  const [outcome, setOutcome] = useState(first);
  const [typed, setTyped] = useState("");
  const [search, setSearch] = useState("");
  const [offset, setOffset] = useState(0);
  useEffect(() => {
    const timer = setTimeout(() => { setSearch(typed); setOffset(0); }, 300);
    return () => clearTimeout(timer);
  }, [typed]);
  const { view, error } = useView(`${dagPath(dagId)}/samples?${query({ run_id: runId, outcome, search, offset, limit: LIMIT })}`, again);
  return h(
    "section",
    { "aria-label": "Samples" },
    h("h2", null, "Samples"),
    h(
      "form",
      { className: "rft-filters", onSubmit: (event) => event.preventDefault() },
      h("select", { value: outcome, "aria-label": "Which samples", onChange: (event) => { setOutcome(event.target.value); setOffset(0); } }, h("option", { value: "losses" }, "losses, worst first"), h("option", { value: "wins" }, "wins, best first"), h("option", { value: "ties" }, "ties"), h("option", { value: "all" }, "all")),
      h("input", { type: "search", value: typed, placeholder: "Search prompts and completions", "aria-label": "Search prompts and completions", onChange: (event) => setTyped(event.target.value) }),
    ),
    h(Notes, { notes: view?.notes, error }),
    !view && !error ? h(Waiting, { what: "samples" }) : null,
    view?.items ? (view.total ? view.items.map((one) => h(Sample, { key: one.sample_id, one })) : h(Empty, null, "There are no such samples.")) : null,
    view?.items ? h(Pager, { page: view, onMove: setOffset }) : null,
  );
}

function Sample({ one }) {
  const [before, after] = [one.baseline[0], one.candidate[0]];
  const words = useMemo(() => differences(before?.text ?? "", after?.text ?? ""), [before, after]);
  const slices = Object.entries(one.slices);
  return h(
    "article",
    { className: "rft-sample" },
    h(
      "header",
      null,
      h("code", null, one.sample_id),
      h("b", { className: `rft-number rft-${one.difference > 0 ? "good" : one.difference < 0 ? "bad" : "plain"}-text` }, signed(one.difference)),
      slices.map(([key, value]) => h("span", { key, className: "rft-muted" }, `${key}=${value}`)),
    ),
    one.prompt ? h("pre", { className: "rft-prompt" }, one.prompt) : null,
    one.reference ? h("p", { className: "rft-muted" }, "Reference: ", h("span", { className: "rft-reference" }, one.reference)) : null,
    h("div", { className: "rft-two" }, h(Answers, { name: "Baseline", answers: one.baseline, words: words[0], kind: "del" }), h(Answers, { name: "Candidate", answers: one.candidate, words: words[1], kind: "ins" })),
  );
}

const Answers = ({ name, answers, words, kind }) =>
  h(
    "div",
    null,
    h("h3", null, name),
    answers.length ? null : h("p", { className: "rft-muted" }, "No completion."),
    answers.map((answer, at) => h(Answer, { key: at, answer, text: at === 0 ? words.map(([text, isShared], place) => (isShared ? text : h(kind, { key: place }, text))) : answer.text })),
  );

/** Both texts as [piece, is shared] by their longest common sequence of words; long texts are shown as they are. */
export function differences(left, right) {
  const [a, b] = [left, right].map((text) => text.match(/\s+|[^\s]+/g) ?? []);
  if (left === right || a.length * b.length > MAX_DIFF_WORDS ** 2) return [[[left, true]], [[right, true]]];
  const table = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i -= 1)
    for (let j = b.length - 1; j >= 0; j -= 1) table[i][j] = a[i] === b[j] ? table[i + 1][j + 1] + 1 : Math.max(table[i + 1][j], table[i][j + 1]);
  const [before, after] = [[], []];
  const add = (list, piece, isShared) => {
    const last = list[list.length - 1];
    if (last && last[1] === isShared) last[0] += piece;
    else list.push([piece, isShared]);
  };
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      add(before, a[i], true);
      add(after, b[j], true);
      i += 1;
      j += 1;
    } else if (j >= b.length || (i < a.length && table[i + 1][j] >= table[i][j + 1])) {
      add(before, a[i], false);
      i += 1;
    } else {
      add(after, b[j], false);
      j += 1;
    }
  }
  return [before, after];
}

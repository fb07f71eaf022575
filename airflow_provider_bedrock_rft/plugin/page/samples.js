// What one evaluation has asked and heard: best and worst rewards, and what the grader said of each.
import { Empty, Facts, Notes, Pager, Waiting, again, dagPath, h, number, query, useEffect, useState, useView } from "./core.js";
import { Histogram } from "./readiness.js";

const LIMIT = 5;

export function Answered({ dagId, runId, evaluations, taskId }) {
  const own = evaluations.findIndex((one) => one.task_id === taskId);
  const [at, setAt] = useState(own >= 0 ? own : evaluations.length - 1);
  const [order, setOrder] = useState("worst");
  const [typed, setTyped] = useState("");
  const [search, setSearch] = useState("");
  const [offset, setOffset] = useState(0);
  useEffect(() => {
    const timer = setTimeout(() => { setSearch(typed); setOffset(0); }, 300);
    return () => clearTimeout(timer);
  }, [typed]);
  const one = evaluations[Math.min(Math.max(0, at), evaluations.length - 1)];
  const asked = { run_id: runId, task_id: one.task_id, map_index: one.map_index, order, search, offset, limit: LIMIT };
  const { view, error } = useView(`${dagPath(dagId)}/answers?${query(asked)}`, again);
  const choose = (set) => (event) => { set(event.target.value); setOffset(0); };
  return h(
    "section",
    { "aria-label": "Samples" },
    h("h2", null, "Samples"),
    h(
      "form",
      { className: "rft-filters", onSubmit: (event) => event.preventDefault() },
      h("select", { value: at, "aria-label": "Which evaluation", onChange: choose((value) => setAt(Number(value))) }, evaluations.map((each, place) => h("option", { key: place, value: place }, `${each.task_id}${each.map_index >= 0 ? ` [${each.map_index}]` : ""}: ${each.model}`))),
      h("select", { value: order, "aria-label": "Order", onChange: choose(setOrder) }, h("option", { value: "worst" }, "lowest reward first"), h("option", { value: "best" }, "highest reward first"), h("option", { value: "file" }, "as in the dataset")),
      h("input", { type: "search", value: typed, placeholder: "Search prompts and completions", "aria-label": "Search prompts and completions", onChange: (event) => setTyped(event.target.value) }),
    ),
    h(Notes, { notes: view?.notes, error }),
    !view && !error ? h(Waiting, { what: "samples" }) : null,
    view?.items ? h(Summary, { view }) : null,
    view?.items ? (view.total ? view.items.map((sample) => h(Sample, { key: sample.sample_id, one: sample })) : h(Empty, null, "There are no such samples.")) : null,
    view?.items ? h(Pager, { page: view, onMove: setOffset }) : null,
  );
}

const Summary = ({ view }) =>
  h("div", { className: "rft-two" }, h(Histogram, { title: "Rewards", bins: view.histogram }), Object.keys(view.metrics).length ? h("div", null, h("h3", null, "The grader's components, on average"), h(Facts, { rows: Object.entries(view.metrics).map(([name, value]) => [name, number(value)]) })) : null);

const Sample = ({ one }) =>
  h(
    "article",
    { className: "rft-sample" },
    h("header", null, h("code", null, one.sample_id), h("b", { className: "rft-number" }, `reward ${number(one.score)}`), Object.entries(one.slices).map(([key, value]) => h("span", { key, className: "rft-muted" }, `${key}=${value}`))),
    one.prompt ? h("pre", { className: "rft-prompt" }, one.prompt) : null,
    one.reference ? h("p", { className: "rft-muted" }, "Reference: ", h("span", { className: "rft-reference" }, one.reference)) : null,
    one.answers.map((answer, at) => h(Answer, { key: at, answer })),
  );

/** One completion, and under it what it earned, in all and by component. */
export const Answer = ({ answer, text = answer.text }) =>
  h(
    "div",
    null,
    h("pre", null, text),
    h("p", { className: "rft-muted rft-answer" }, [`reward ${number(answer.score)}`, ...Object.entries(answer.metrics).map(([metric, value]) => `${metric} ${number(value)}`), `${answer.tokens} tokens`, `${number(answer.latency_ms)} ms`, answer.finish_reason === "length" ? "cut off" : "", answer.error].filter(Boolean).map((part, at) => h("span", { key: at }, part))),
  );

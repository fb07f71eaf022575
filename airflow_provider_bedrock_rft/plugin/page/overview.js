// All pipelines, and one pipeline's runs.
import { Sparkline } from "./chart.js";
import {
  Badge, Empty, HostLink, Notes, Pager, Time, Waiting, dagPath, duration, h, number, query, signed, toPipeline, toRun,
  useEffect, useState, useView,
} from "./core.js";

const STATES = { "": "any last run", running: "running", queued: "queued", success: "succeeded", failed: "failed", none: "never ran" };
const LIMIT = 25;

function useSettled(value, milliseconds = 300) {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), milliseconds);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}

export function Overview() {
  const [search, setSearch] = useState("");
  const [state, setState] = useState("");
  const [sort, setSort] = useState("recent");
  const [offset, setOffset] = useState(0);
  const settled = useSettled(search);
  const { view, error } = useView(`pipelines?${query({ search: settled, state, sort, offset, limit: LIMIT })}`, () => 15);
  const change = (set) => (event) => {
    set(event.target.value);
    setOffset(0);
  };
  return h(
    "div",
    null,
    h("h1", null, "Reinforcement fine-tuning"),
    h(
      "form",
      { className: "rft-filters", role: "search", onSubmit: (event) => event.preventDefault() },
      h("input", { type: "search", value: search, onChange: change(setSearch), placeholder: "Search pipelines", "aria-label": "Search pipelines" }),
      h(
        "select",
        { value: state, onChange: change(setState), "aria-label": "State of the last run" },
        Object.entries(STATES).map(([value, label]) => h("option", { key: value, value }, label)),
      ),
      h(
        "select",
        { value: sort, onChange: change(setSort), "aria-label": "Order" },
        h("option", { value: "recent" }, "latest run first"),
        h("option", { value: "name" }, "by name"),
      ),
    ),
    h(Notes, { error }),
    view ? h(Pipelines, { view, isFiltered: Boolean(settled || state) }) : !error && h(Waiting, { what: "pipelines" }),
    view && h(Pager, { page: view, onMove: setOffset }),
  );
}

function Pipelines({ view, isFiltered }) {
  if (!view.total)
    return h(
      Empty,
      null,
      isFiltered
        ? "No pipeline is like that."
        : "No DAG that you may see has a task of this provider yet. A DAG appears here as soon as it has one.",
    );
  return h(
    "div",
    { className: "rft-scroll" },
    h(
      "table",
      null,
      h("caption", { className: "rft-hidden" }, "Pipelines"),
      h(
        "thead",
        null,
        h("tr", null, ["Pipeline", "Last runs", "Decision", "Training reward", "Score by run", "Champion", "Cost so far"].map((name) => h("th", { key: name, scope: "col" }, name))),
      ),
      h("tbody", null, view.items.map((one) => h(PipelineRow, { key: one.dag_id, one }))),
    ),
  );
}

const usePulse = (dagId, hasRun) => useView(hasRun ? `${dagPath(dagId)}/pulse` : "", (found) => (found.is_running ? 5 : 60));

function PipelineRow({ one }) {
  const { view: pulse, error } = usePulse(one.dag_id, one.n_runs > 0);
  const last = one.runs[0];
  const judged = one.runs.find(({ verdict }) => verdict);
  return h(
    "tr",
    null,
    h("th", { scope: "row" }, h(HostLink, { to: toPipeline(one.dag_id) }, one.dag_id), one.is_paused ? h("span", { className: "rft-muted" }, " (paused)") : null),
    h("td", null, last ? [h(HostLink, { key: "run", to: toRun(one.dag_id, last.run_id) }, h(Time, { at: last.run_after })), " ", h(Badge, { key: "state", word: last.state }), h("div", { key: "dots" }, h(RunDots, { dagId: one.dag_id, runs: one.runs.slice(0, 12) }))] : "never ran"),
    h("td", null, judged ? h(Decision, { dagId: one.dag_id, run: judged }) : "–"),
    h("td", null, one.n_runs ? h(Training, { dagId: one.dag_id, pulse, error }) : "–"),
    h("td", null, h(Sparkline, { points: [...one.runs].reverse().map(({ score }) => score), label: "Candidates' mean scores" })),
    h("td", { className: "rft-model" }, one.champion ? h(ChampionName, { champion: one.champion }) : "nobody yet"),
    h("td", null, pulse ? h(Cost, { cost: pulse.cost }) : "–"),
  );
}

/** The newest job: its reward, how far it is, and what is wrong with it. */
function Training({ dagId, pulse, error }) {
  if (!pulse) return h("span", { className: "rft-muted", title: error }, error ? "not to be had" : "…");
  if (pulse.notes.length) return h("span", { className: "rft-muted", title: pulse.notes.map(({ text }) => text).join(" ") }, "not to be had");
  if (!pulse.job_id) return "–";
  const points = pulse.reward?.points.map(([, value]) => value) ?? [];
  const left = pulse.seconds_left === null ? "" : `, ${duration(pulse.seconds_left)} left`;
  return h(
    "div",
    null,
    points.length ? h(Sparkline, { points, label: "Training reward of the newest job", width: 112 }) : null,
    pulse.is_running ? h("div", { className: "rft-muted rft-number" }, `step ${pulse.last_step} of ${pulse.total_steps || "?"}${left}`) : null,
    h(Alarms, { dagId, pulse }),
  );
}

const Alarms = ({ dagId, pulse }) =>
  pulse.alarms.length
    ? h(
        "div",
        { className: "rft-alarms" },
        pulse.alarms.map((one) => h(HostLink, { key: one.title, to: toRun(dagId, pulse.run_id), title: `Step ${one.step}: ${one.text} ${one.action}` }, h(Badge, { word: one.title.replaceAll("-", " "), kind: one.kind }))),
      )
    : null;

function Cost({ cost }) {
  if (!cost.n_jobs && !cost.n_unknown) return "–";
  const jobs = `${cost.n_jobs} ${cost.n_jobs === 1 ? "job" : "jobs"}${cost.n_unknown ? `, and ${cost.n_unknown} of unknown duration` : ""}`;
  const time = duration(cost.seconds);
  const money = cost.amount === null ? "" : `${cost.amount.toLocaleString(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 })} ${cost.currency}`;
  return h("span", { title: jobs, className: "rft-number" }, money || time, h("br"), h("span", { className: "rft-muted" }, money ? `${time}, ${jobs}` : jobs));
}

const Decision = ({ dagId, run }) =>
  h(
    "span",
    { title: run.summary },
    h(HostLink, { to: toRun(dagId, run.run_id, "comparison") }, h(Badge, { word: run.verdict })),
    run.difference === null ? null : h("span", { className: "rft-number" }, ` ${signed(run.difference)}`),
  );

const ChampionName = ({ champion }) =>
  h("span", { title: champion.reason }, h("code", null, champion.model), h("br"), h("span", { className: "rft-muted" }, `${champion.action === "rollback" ? "rolled back" : "promoted"} `, h(Time, { at: champion.at })));

const RunDots = ({ dagId, runs }) =>
  h(
    "span",
    { className: "rft-dots" },
    [...runs].reverse().map((run) =>
      h(HostLink, { key: run.run_id, to: toRun(dagId, run.run_id), title: `${run.run_id}: ${run.state} ${run.verdict}`, "aria-label": `Run ${run.run_id}, ${run.state} ${run.verdict}` }, h("i", { className: `rft-run rft-state-${run.state}` })),
    ),
  );

export function Pipeline({ dagId }) {
  const [offset, setOffset] = useState(0);
  const { view, error } = useView(`${dagPath(dagId)}/runs?${query({ offset, limit: LIMIT })}`, (found) => (found.runs.some(({ state }) => state === "running") ? 5 : 30));
  if (!view) return error ? h(Notes, { error }) : h(Waiting, { what: "runs" });
  return h(
    "div",
    null,
    h("h1", null, dagId),
    h(Notes, { error }),
    h(
      "div",
      { className: "rft-cards" },
      h("section", { className: "rft-card" }, h("h2", null, "Champion"), view.champion ? h(ChampionName, { champion: view.champion }) : h("p", null, "No model has been promoted yet."), view.champion?.reason ? h("p", { className: "rft-muted" }, view.champion.reason) : null),
      h(PulseCards, { dagId, hasRun: view.n_runs > 0 }),
      h("section", { className: "rft-card" }, h("h2", null, "Candidates' scores"), h(Sparkline, { points: [...view.runs].reverse().map(({ score }) => score), label: "Candidates' mean scores, run by run", width: 190, height: 60 })),
    ),
    h("h2", null, "Runs"),
    view.n_runs ? h(Runs, { dagId, runs: view.runs }) : h(Empty, null, "This pipeline has never run. Trigger it, and its runs appear here."),
    h(Pager, { page: { offset, limit: LIMIT, total: view.n_runs }, onMove: setOffset }),
  );
}

function PulseCards({ dagId, hasRun }) {
  const { view: pulse, error } = usePulse(dagId, hasRun);
  return [
    h("section", { key: "training", className: "rft-card" }, h("h2", null, "Newest job"), hasRun ? h(Training, { dagId, pulse, error }) : "–", pulse?.run_id ? h("p", { className: "rft-muted" }, "in run ", h(HostLink, { to: toRun(dagId, pulse.run_id) }, pulse.run_id)) : null),
    h("section", { key: "cost", className: "rft-card" }, h("h2", null, "Training cost so far"), pulse ? h(Cost, { cost: pulse.cost }) : "–"),
  ];
}

const Runs = ({ dagId, runs }) =>
  h(
    "div",
    { className: "rft-scroll" },
    h(
      "table",
      null,
      h("caption", { className: "rft-hidden" }, `Runs of ${dagId}`),
      h("thead", null, h("tr", null, ["Run", "Due", "State", "Took", "Baseline", "Candidate", "Difference", "Decision"].map((name) => h("th", { key: name, scope: "col" }, name)))),
      h(
        "tbody",
        null,
        runs.map((run) =>
          h(
            "tr",
            { key: run.run_id },
            h("th", { scope: "row" }, h(HostLink, { to: toRun(dagId, run.run_id) }, run.run_id)),
            h("td", null, h(Time, { at: run.run_after })),
            h("td", null, h(Badge, { word: run.state })),
            h("td", { className: "rft-number" }, duration(run.seconds)),
            h("td", { className: "rft-number" }, number(run.baseline)),
            h("td", { className: "rft-number" }, number(run.score)),
            h("td", { className: "rft-number" }, signed(run.difference)),
            h("td", { title: run.summary }, run.verdict ? h(HostLink, { to: toRun(dagId, run.run_id, "comparison") }, h(Badge, { word: run.verdict })) : "–", run.promoted ? h("span", { className: "rft-muted" }, " promoted") : null),
          ),
        ),
      ),
    ),
  );

// The page: which view stands where. Airflow gives dagId, runId and taskId as far as the place has them.
import { Badge, HostLink, Notes, Waiting, dagPath, duration, h, query, toPipeline, useEffect, useState, useView } from "./core.js";
import { ComparisonPage } from "./comparison.js";
import { LineagePage } from "./lineage.js";
import { Overview, Pipeline } from "./overview.js";
import { RunPage } from "./run.js";
import { addStyle } from "./style.js";

const TABS = { run: "Run", comparison: "Comparison", lineage: "Lineage" };
const TAB_OF_STAGE = { evaluation: "comparison", decision: "comparison", promotion: "lineage" };

function useTab(first) {
  const read = () => (location.hash.slice(1) in TABS ? location.hash.slice(1) : first);
  const [tab, setTab] = useState(read);
  useEffect(() => {
    const follow = () => setTab(read());
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  const choose = (name) => {
    history.replaceState(history.state, "", `#${name}`);
    setTab(name);
  };
  return [tab, choose];
}

function Run({ dagId, runId, taskId }) {
  const { view, error } = useView(`${dagPath(dagId)}/run?${query({ run_id: runId })}`, (found) => (found.is_live ? 4 : 0));
  if (!view) return error ? h(Notes, { error }) : h(Waiting, { what: "the run" });
  return h(RunTabs, { dagId, runId, taskId, view, error });
}

/** A task that waits for a person: in a state of its own since Airflow 3.3, deferred before. */
const isAsking = ({ state, operator }) => state === "awaiting_input" || (state === "deferred" && /^(Approval|HITL)/.test(operator));

function RunTabs({ dagId, runId, taskId, view, error }) {
  const stage = view.stages.find((one) => one.task_id === taskId)?.stage;
  const [tab, choose] = useTab(TAB_OF_STAGE[stage] ?? "run");
  const { run } = view;
  const onKeyDown = (event) => {
    const names = Object.keys(TABS);
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!move) return;
    const next = names[(names.indexOf(tab) + move + names.length) % names.length];
    choose(next);
    document.getElementById(`rft-tab-${next}`)?.focus();
  };
  const pages = {
    run: () => h(RunPage, { dagId, runId, view, error, taskId }),
    comparison: () => h(ComparisonPage, { dagId, runId, isLive: view.is_live }),
    lineage: () => h(LineagePage, { dagId, runId, isLive: view.is_live }),
  };
  return h(
    "div",
    null,
    h(
      "header",
      { className: "rft-head" },
      h("h1", null, h(HostLink, { to: toPipeline(dagId) }, dagId), " / ", runId),
      h(Badge, { word: run.state }),
      view.verdict ? h(Badge, { word: view.verdict, title: view.summary }) : null,
      view.stages.some(isAsking) && tab !== "comparison" ? h("button", { type: "button", className: "rft-primary", onClick: () => choose("comparison") }, "A person is asked: answer") : null,
      run.started_at && run.ended_at ? h("span", { className: "rft-muted" }, duration(run.ended_at - run.started_at)) : null,
    ),
    h(
      "div",
      { role: "tablist", className: "rft-tabs", "aria-label": "Views of the run", onKeyDown },
      Object.entries(TABS).map(([name, label]) =>
        h("button", { key: name, id: `rft-tab-${name}`, type: "button", role: "tab", "aria-selected": tab === name, "aria-controls": "rft-panel", tabIndex: tab === name ? 0 : -1, onClick: () => choose(name) }, label),
      ),
    ),
    h("div", { role: "tabpanel", id: "rft-panel", "aria-labelledby": `rft-tab-${tab}` }, pages[tab]()),
  );
}

function BedrockRft({ dagId, runId, taskId }) {
  useEffect(addStyle, []);
  const view = !dagId ? h(Overview) : !runId ? h(Pipeline, { key: dagId, dagId }) : h(Run, { key: `${dagId} ${runId}`, dagId, runId, taskId });
  return h("div", { className: "rft-page" }, view);
}

globalThis.AirflowPlugin = BedrockRft;
globalThis["Bedrock RFT"] = BedrockRft;

// The page: which view stands where. Airflow gives dagId, runId and taskId as far as the place has them.
import { Badge, HostLink, Notes, Waiting, dagPath, duration, h, query, toPipeline, useEffect, useState, useView } from "./core.js";
import { Overview, Pipeline } from "./overview.js";
import { RunPage } from "./run.js";
import { addStyle } from "./style.js";

const TABS = { run: "Run" };

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
  const [tab, choose] = useTab("run");
  if (!view) return error ? h(Notes, { error }) : h(Waiting, { what: "the run" });
  const { run } = view;
  return h(
    "div",
    null,
    h(
      "header",
      { className: "rft-head" },
      h("h1", null, h(HostLink, { to: toPipeline(dagId) }, dagId), " / ", runId),
      h(Badge, { word: run.state }),
      view.verdict ? h(Badge, { word: view.verdict, title: view.summary }) : null,
      run.started_at && run.ended_at ? h("span", { className: "rft-muted" }, duration(run.ended_at - run.started_at)) : null,
    ),
    Object.keys(TABS).length > 1
      ? h(
          "div",
          { role: "tablist", className: "rft-tabs" },
          Object.entries(TABS).map(([name, label]) => h("button", { key: name, type: "button", role: "tab", "aria-selected": tab === name, onClick: () => choose(name) }, label)),
        )
      : null,
    h(RunPage, { dagId, runId, view, error, taskId }),
  );
}

function BedrockRft({ dagId, runId, taskId }) {
  useEffect(addStyle, []);
  const view = !dagId ? h(Overview) : !runId ? h(Pipeline, { key: dagId, dagId }) : h(Run, { key: `${dagId} ${runId}`, dagId, runId, taskId });
  return h("div", { className: "rft-page" }, view);
}

globalThis.AirflowPlugin = BedrockRft;
globalThis["Bedrock RFT"] = BedrockRft;

// A job's checkpoints; each can be handed to a DAG that evaluates the model it is given.
import { HostLink, Notes, Time, dagPath, h, query, send, toRun, useState, useView } from "./core.js";

export function Checkpoints({ dagId, runId, view }) {
  const [started, setStarted] = useState({});
  const [error, setError] = useState("");
  const evaluators = useView(view.checkpoints.length ? `${dagPath(dagId)}/evaluators?${query({ run_id: runId })}` : "").view;
  if (!view.checkpoints.length) return null;
  const reward = view.series.find(({ name }) => name === "reward")?.points ?? [];
  const near = (step) => reward.filter(([at]) => at <= step).slice(-1)[0]?.[1];
  const start = async (evaluator, model) => {
    setStarted((all) => ({ ...all, [model]: { isAsked: true } }));
    try {
      const run = await send("POST", `dags/${encodeURIComponent(evaluator.dag_id)}/dagRuns`, { logical_date: null, conf: { ...evaluator.conf, model }, note: `Evaluates a checkpoint of ${dagId}, run ${runId}` });
      setError("");
      setStarted((all) => ({ ...all, [model]: { evaluator, runId: run.dag_run_id } }));
    } catch (problem) {
      setError(`${evaluator.dag_id} was not started: ${problem.message}`);
      setStarted((all) => ({ ...all, [model]: undefined }));
    }
  };
  return h(
    "section",
    { "aria-label": "Checkpoints" },
    h("h3", null, "Checkpoints"),
    h(Notes, { error }),
    evaluators && !evaluators.length
      ? h("p", { className: "rft-muted" }, "To evaluate one from here, add a DAG that evaluates ", h("code", null, "{{ params.model }}"), ", such as the example evaluate_model.")
      : null,
    h(
      "div",
      { className: "rft-scroll" },
      h(
        "table",
        null,
        h("thead", null, h("tr", null, ["Step", "Made", "Training reward", "Model id", "Evaluate"].map((name) => h("th", { key: name, scope: "col" }, name)))),
        h(
          "tbody",
          null,
          view.checkpoints.map((one) =>
            h(
              "tr",
              { key: one.title },
              h("th", { scope: "row" }, one.step),
              h("td", { className: "rft-number" }, h(Time, { at: one.at })),
              h("td", { className: "rft-number" }, near(one.step)?.toFixed(3) ?? "–"),
              h("td", null, h("code", null, one.text)),
              h("td", null, h(Evaluate, { evaluators: evaluators ?? [], started: started[one.text], onStart: (evaluator) => start(evaluator, one.text) })),
            ),
          ),
        ),
      ),
    ),
  );
}

function Evaluate({ evaluators, started, onStart }) {
  if (started?.runId)
    return h("span", { role: "status" }, h(HostLink, { to: toRun(started.evaluator.dag_id, started.runId) }, "being evaluated"), started.evaluator.is_paused ? h("span", { className: "rft-muted" }, ` once ${started.evaluator.dag_id} is unpaused`) : null);
  if (!evaluators.length) return "–";
  return evaluators.map((one) => h("button", { key: one.dag_id, type: "button", disabled: started?.isAsked, title: `Starts ${one.dag_id}`, onClick: () => onStart(one) }, evaluators.length > 1 ? `Evaluate this: ${one.dag_id}` : "Evaluate this"));
}

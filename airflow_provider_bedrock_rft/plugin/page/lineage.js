// From dataset and grader to the model in service, what changed since the run before, and who was champion when.
import { Badge, Empty, HostLink, Notes, Time, Waiting, dagPath, h, query, toRun, toTask, useView, wording } from "./core.js";

export function LineagePage({ dagId, runId, isLive }) {
  const { view, error } = useView(`${dagPath(dagId)}/lineage?${query({ run_id: runId })}`, () => (isLive ? 8 : 0));
  if (!view) return error ? h(Notes, { error }) : h(Waiting, { what: "the lineage" });
  return h(
    "div",
    null,
    h(Notes, { notes: view.notes, error }),
    h("h2", null, "From data to model"),
    view.steps.length
      ? h("ol", { className: "rft-steps" }, view.steps.map((one) => h(Step, { key: `${one.task_id} ${one.map_index}`, dagId, runId, one })))
      : h(Empty, null, "No task of this run has handed anything on yet."),
    h("h2", null, "Changed since the run before"),
    view.before ? h(Changes, { dagId, view }) : h(Empty, null, "This is the pipeline's first run."),
    h("h2", null, "Champions"),
    view.history.length ? h(History, { dagId, history: view.history }) : h(Empty, null, "No model has been promoted yet."),
  );
}

const words = (name) => wording(name.replace("hyperparameters.", "").replace(/\.value$/, "").replaceAll(".", " "));

/** Fingerprints are shown by their beginning; the whole stands in the title. */
const Value = ({ value }) =>
  value ? h("code", { title: value }, /^[0-9a-f]{40,}$/.test(value) ? `${value.slice(0, 12)}…` : value) : h("span", { className: "rft-muted" }, "absent");

const Step = ({ dagId, runId, one }) =>
  h(
    "li",
    { className: "rft-card" },
    h("h3", null, `${one.stage}: `, h(HostLink, { to: toTask(dagId, runId, one.task_id) }, one.task_id, one.map_index >= 0 ? ` [${one.map_index}]` : "")),
    h("dl", null, Object.entries(one.facts).map(([name, value]) => h("div", { key: name }, h("dt", null, words(name)), h("dd", null, h(Value, { value }))))),
  );

const Changes = ({ dagId, view }) =>
  h(
    "div",
    { className: "rft-scroll" },
    h("p", { className: "rft-muted" }, "Compared with ", h(HostLink, { to: toRun(dagId, view.before, "lineage") }, view.before), "."),
    view.changes.length
      ? h(
          "table",
          null,
          h("thead", null, h("tr", null, ["Task", "What", "Before", "Now"].map((name) => h("th", { key: name, scope: "col" }, name)))),
          h("tbody", null, view.changes.map((one) => h("tr", { key: `${one.task_id} ${one.name}` }, h("th", { scope: "row" }, one.task_id), h("td", null, words(one.name)), h("td", null, h(Value, { value: one.before })), h("td", null, h(Value, { value: one.after }))))),
        )
      : h(Empty, null, "Nothing has changed."),
  );

const History = ({ dagId, history }) =>
  h(
    "div",
    { className: "rft-scroll" },
    h(
      "table",
      null,
      h("thead", null, h("tr", null, ["", "Model", "How", "When", "By", "Why"].map((name) => h("th", { key: name, scope: "col" }, name)))),
      h(
        "tbody",
        null,
        history.map((one, at) =>
          h("tr", { key: one.number }, h("th", { scope: "row" }, one.number), h("td", null, h("code", null, one.model), at === 0 ? h("span", null, " ", h(Badge, { word: "in service" })) : null), h("td", null, one.action), h("td", { className: "rft-number" }, h(Time, { at: one.at })), h("td", null, h(Actor, { dagId, actor: one.actor })), h("td", null, one.reason)),
        ),
      ),
    ),
  );

/** Who did it, as the promotion wrote it down: a run of ours, perhaps with who approved it, or somebody else. */
function Actor({ dagId, actor }) {
  const ours = `airflow: ${dagId} `;
  if (!actor.startsWith(ours)) return actor;
  const [runId, ...approver] = actor.slice(ours.length).split(", ");
  return h("span", null, h(HostLink, { to: toRun(dagId, runId) }, `run ${runId}`), approver.length ? `, ${approver.join(", ")}` : "");
}

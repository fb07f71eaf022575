// What a run asks people. An answer goes to Airflow's own API with the reader's own session: Airflow decides who may.
import { HostLink, Notes, Time, dagPath, h, query, send, toTask, useState, useView } from "./core.js";

export function Questions({ dagId, runId, isLive }) {
  const [round, setRound] = useState(0);
  const path = `${dagPath(dagId)}/questions?${query({ run_id: runId, round: round || "" })}`;
  const { view } = useView(path, () => (isLive ? 4 : 0));
  const found = view ?? [];
  return found.map((one) => h(Question, { key: `${one.task_id} ${one.map_index} ${one.asked_at}`, dagId, runId, one, onAnswered: () => setRound(round + 1) }));
}

function Question({ dagId, runId, one, onAnswered }) {
  const [chosen, setChosen] = useState("");
  const [isSent, setSent] = useState(false);
  const [error, setError] = useState("");
  const answer = async () => {
    setSent(true);
    try {
      await send("PATCH", `dags/${encodeURIComponent(dagId)}/dagRuns/${encodeURIComponent(runId)}/taskInstances/${encodeURIComponent(one.task_id)}/${one.map_index}/hitlDetails`, { chosen_options: [chosen], params_input: {} });
      setError("");
      onAnswered();
    } catch (problem) {
      setError(problem.message);
      if (problem.status === 409) onAnswered();
    }
    setChosen("");
    setSent(false);
  };
  return h(
    "section",
    { className: `rft-note rft-question rft-${one.is_open ? "live" : "plain"}`, "aria-label": "Question to a person" },
    h("h2", null, one.subject),
    h(Notes, { error }),
    one.is_open ? h(Choice, { dagId, runId, one, chosen, isSent, onChoose: setChosen, onSure: answer }) : h(Answered, { one }),
  );
}

const Answered = ({ one }) =>
  h("p", null, h("b", null, one.chosen.join(", ")), one.answered_by ? ` by ${one.answered_by}, ` : " by default, ", h(Time, { at: one.answered_at }));

function Choice({ dagId, runId, one, chosen, isSent, onChoose, onSure }) {
  const there = h(HostLink, { to: `${toTask(dagId, runId, one.task_id)}/required_actions` }, "Required Actions");
  if (one.has_form) return h("p", null, "This question has a form: answer it under ", there, ".");
  if (!one.options.length) return h("p", { className: "rft-muted" }, "It waits for somebody who may answer; you may not.");
  if (chosen)
    return h(
      "p",
      { className: "rft-choice", role: "group", "aria-label": "Are you sure?" },
      h("button", { type: "button", className: "rft-primary", autoFocus: true, disabled: isSent, onClick: onSure }, `Yes: ${chosen}`),
      h("button", { type: "button", disabled: isSent, onClick: () => onChoose("") }, "Not yet"),
    );
  return h(
    "p",
    { className: "rft-choice" },
    one.options.map((option) => h("button", { key: option, type: "button", onClick: () => onChoose(option) }, wording(option))),
    h("span", { className: "rft-muted" }, "asked ", h(Time, { at: one.asked_at }), "; the whole question is under ", there),
  );
}

/** What the options of Airflow's ApprovalOperator mean here. */
const wording = (option) => ({ Approve: "Approve: promote it", Reject: "Reject: hold it" })[option] ?? option;

// One run: its stages, and the curves of its jobs while they train.
import { LineChart } from "./chart.js";
import {
  Badge, again, Empty, Facts, HostLink, Notes, Time, Waiting, dagPath, duration, h, query, toTask, useEffect, useMemo, useState,
  useView, wording,
} from "./core.js";
import { Checkpoints } from "./checkpoints.js";
import { Readiness } from "./readiness.js";
import { Answered } from "./samples.js";

const THINNED = 300;
const BESIDE = ["entropy", "gradient_norm", "response_length"];
const IN_REWARD = ["reward", "reward_trend", "reward_min", "reward_max", "reward_low", "reward_high", "held_out_reward"];

export function RunPage({ dagId, runId, view, error, taskId }) {
  const jobs = view.jobs.filter((job) => !taskId || job.task_id === taskId);
  const evaluations = view.evaluations.filter((one) => !taskId || one.task_id === taskId);
  const isReadiness = !taskId || view.stages.find((one) => one.task_id === taskId)?.stage === "readiness";
  return h(
    "div",
    null,
    h(Notes, { notes: view.notes, error }),
    h(Stages, { dagId, runId, stages: view.stages, taskId }),
    view.readiness && isReadiness ? h(Readiness, { one: view.readiness }) : null,
    jobs.length
      ? jobs.map((job) => h(JobPanel, { key: job.job_id, dagId, runId, job }))
      : !taskId && h(Empty, null, view.is_live ? "No job has been created yet. Its curve appears here as soon as it trains." : "This run has created no job."),
    evaluations.length ? h(Answered, { key: taskId ?? "", dagId, runId, evaluations, taskId }) : null,
  );
}

function useNow(isLive) {
  const [now, setNow] = useState(() => Date.now() / 1000);
  useEffect(() => {
    if (!isLive) return undefined;
    const timer = setInterval(() => setNow(Date.now() / 1000), 1000);
    return () => clearInterval(timer);
  }, [isLive]);
  return now;
}

function Stages({ dagId, runId, stages, taskId }) {
  const started = stages.filter(({ started_at: at }) => at);
  const isLive = stages.some(({ started_at: from, ended_at: to }) => from && !to);
  const now = useNow(isLive);
  if (!stages.length) return h(Empty, null, "Airflow has created no task of this run yet.");
  const begin = Math.min(...started.map(({ started_at: at }) => at));
  const end = Math.max(begin + 1, ...started.map(({ ended_at: at }) => at ?? now));
  const share = (seconds) => `${(100 * seconds) / (end - begin)}%`;
  return h(
    "section",
    { "aria-label": "Stages" },
    h("h2", null, "Stages"),
    h(
      "ol",
      { className: "rft-stages" },
      stages.map((one) => {
        const took = one.started_at ? (one.ended_at ?? now) - one.started_at : null;
        return h(
          "li",
          { key: `${one.task_id} ${one.map_index}`, className: one.task_id === taskId ? "rft-here" : "" },
          h("span", { className: "rft-stage-name" }, h(HostLink, { to: toTask(dagId, runId, one.task_id) }, one.task_id, one.map_index >= 0 ? ` [${one.map_index}]` : ""), h("span", { className: "rft-muted" }, one.stage && one.stage !== one.task_id ? ` ${one.stage}` : "")),
          h(Badge, { word: one.state }),
          h("span", { className: "rft-number" }, duration(took)),
          h("span", { className: "rft-track", "aria-hidden": true }, one.started_at ? h("i", { className: `rft-state-${one.state}`, style: { left: share(one.started_at - begin), width: `max(3px, ${share(took)})` } }) : null),
          h("span", { className: "rft-gist rft-muted", title: one.gist }, one.gist, one.try_number > 1 ? ` (try ${one.try_number})` : ""),
        );
      }),
    ),
  );
}

function JobPanel({ dagId, runId, job }) {
  const path = `${dagPath(dagId)}/curve?${query({ run_id: runId, task_id: job.task_id, job_id: job.job_id })}`;
  const { view, error } = useView(path, (found) => (found.is_running ? 3 : again(found)));
  if (!view) return error ? h(Notes, { error }) : h(Waiting, { what: `job ${job.job_id}` });
  if (!view.series) return h(Notes, { notes: view.notes, error });
  return h(
    "section",
    { "aria-label": `Job ${job.job_id}` },
    h("h2", null, "Training job ", h("code", null, view.job_id), " ", h(Badge, { word: view.status })),
    h(Notes, { notes: view.notes, error }),
    h(Progress, { view }),
    view.findings.map((one) => h(Alarm, { key: one.title, one })),
    h(Curves, { path, view }),
    h(Checkpoints, { dagId, runId, view }),
  );
}

const Progress = ({ view }) =>
  h(
    "div",
    null,
    h(Facts, {
      rows: [
        ["Step", view.total_steps ? `${view.last_step} of ${view.total_steps}` : view.last_step],
        ["Time left", view.is_running && view.seconds_left !== null ? `about ${duration(view.seconds_left)}` : null],
        ["Took", view.ended_at ? duration(view.ended_at - view.started_at) : null],
        ["Base model", h("code", null, view.model)],
        ["Result", view.tuned_model ? h("code", null, view.tuned_model) : null],
        ...Object.entries(view.hyperparameters).map(([name, value]) => [wording(name), value]),
      ],
    }),
    view.is_running && view.total_steps ? h("progress", { max: view.total_steps, value: view.last_step, "aria-label": "Training progress" }) : null,
  );

const Alarm = ({ one }) =>
  h(
    "p",
    { className: `rft-note rft-${one.kind === "error" ? "bad" : "wait"}`, role: "alert" },
    h("strong", null, `Step ${one.step}: ${one.title.replaceAll("-", " ")}: `),
    one.text,
    h("span", { className: "rft-muted" }, ` ${one.action}`),
  );

function Curves({ path, view: whole }) {
  const [cursor, setCursor] = useState(null);
  const [zoom, setZoom] = useState(null);
  const [isOpen, setOpen] = useState(false);
  // a zoomed stretch is asked for anew: the whole was thinned to what a screen can show
  const part = useView(zoom && whole.last_step > THINNED ? `${path}&${query({ first: zoom[0], last: zoom[1] })}` : "");
  const view = part.view?.series ? part.view : whole;
  const found = useMemo(() => Object.fromEntries(view.series.map((one) => [one.name, one])), [view.series]);
  if (!found.reward && !view.series.length)
    return h(Empty, null, view.is_running ? "The job has reported no step yet." : "The job has reported no metrics.");
  const ahead = view.is_running ? Math.min(view.total_steps, Math.max(20, 2 * view.last_step)) : 0;
  const domain = zoom ?? [1, Math.max(2, view.last_step, ahead)];
  const marks = [...view.checkpoints, ...view.findings];
  const shared = { domain, cursor, onCursor: setCursor, onZoom: setZoom };
  const low = found.reward_min ?? found.reward_low;
  const high = found.reward_max ?? found.reward_high;
  const title = found.reward_min ? "Reward, with the lowest and highest of each step" : low ? "Reward, with the spread of neighbouring steps" : "Reward";
  const others = view.series.filter(({ name }) => !IN_REWARD.includes(name));
  const beside = others.filter(({ name }) => BESIDE.includes(name));
  const more = others.filter(({ name }) => !BESIDE.includes(name));
  const small = (one) => h(LineChart, { key: one.name, title: one.label, series: [one], marks: view.findings, height: 130, ...shared });
  return h(
    "div",
    { className: "rft-curves" },
    zoom ? h("button", { type: "button", onClick: () => setZoom(null) }, `Steps ${zoom[0]}–${zoom[1]}: show all`) : null,
    h(LineChart, {
      title,
      series: [found.reward, found.reward_trend, found.held_out_reward].filter(Boolean),
      band: low && high ? { low, high } : null,
      marks,
      height: 260,
      ...shared,
    }),
    h("div", { className: "rft-small-charts" }, beside.map(small)),
    more.length ? h("button", { type: "button", "aria-expanded": isOpen, onClick: () => setOpen(!isOpen) }, isOpen ? "Fewer metrics" : `${more.length} more metrics`) : null,
    isOpen ? h("div", { className: "rft-small-charts" }, more.map(small)) : null,
  );
}

// What every view uses: the host's React, questions to our API, and words for numbers and times.
export const { React } = globalThis;
export const h = React.createElement;
export const { useEffect, useMemo, useRef, useState } = React;

const API = new URL("../api/", import.meta.url).pathname;
const AIRFLOW_API = new URL("../../api/v2/", import.meta.url).pathname;
const ERROR_SECONDS = 10;

export const query = (fields) =>
  new URLSearchParams(Object.entries(fields).filter(([, value]) => value !== undefined && value !== "")).toString();

export const dagPath = (dagId) => `dags/${encodeURIComponent(dagId)}`;

/** The view at `path`, asked again every `seconds(view)` seconds; 0 asks once. The last view stays when one fails. */
export function useView(path, seconds = () => 0) {
  const [state, setState] = useState({ path: "", view: null, error: "" });
  useEffect(() => {
    if (!path) return undefined;
    const control = new AbortController();
    let timer;
    const ask = async () => {
      let pause = 0;
      try {
        const view = await read(path, control.signal);
        setState({ path, view, error: "" });
        pause = seconds(view);
      } catch (error) {
        if (control.signal.aborted) return;
        setState((old) => ({ path, view: old.path === path ? old.view : null, error: error.message }));
        pause = error.isFinal ? 0 : ERROR_SECONDS;
      }
      if (pause) timer = setTimeout(ask, pause * 1000 * (document.hidden ? 10 : 1));
    };
    ask();
    return () => {
      control.abort();
      clearTimeout(timer);
    };
  }, [path]);
  return state.path === path ? state : { path, view: null, error: "" };
}

/** Ask again soon for what could not be had for a moment. */
export const again = (view) => (view.temporary ? 5 : 0);

async function read(path, signal) {
  let reply;
  try {
    reply = await fetch(API + path, { signal, headers: { Accept: "application/json" } });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Error("The Airflow server cannot be reached. This page keeps trying.");
  }
  if (reply.ok) return reply.json();
  const said = {
    401: "You are not signed in, or your session has ended. Sign in to Airflow again.",
    403: "You may not see this. Ask for the permission to read this DAG, its runs and its XComs.",
    404: "This is not there: the run was deleted, or the DAG has no RFT tasks.",
    422: "The address of this page cannot be read.",
  };
  const error = new Error(said[reply.status] ?? `The Airflow server answered with ${reply.status}.`);
  error.isFinal = reply.status in said;
  throw error;
}

/** Ask Airflow's own API to do something; it decides by the reader's session whether the reader may. */
export async function send(method, path, body) {
  let reply;
  try {
    reply = await fetch(AIRFLOW_API + path, { method, headers: { "Content-Type": "application/json", Accept: "application/json" }, body: JSON.stringify(body) });
  } catch {
    throw new Error("The Airflow server cannot be reached. Nothing was done.");
  }
  if (reply.ok) return reply.json();
  const said = {
    401: "You are not signed in, or your session has ended. Sign in to Airflow again.",
    403: "You may not do this. Ask for the permission.",
    404: "This is not there any more.",
    409: "Somebody else was faster: this was done already.",
  };
  throw Object.assign(new Error(said[reply.status] ?? (await detail(reply))), { status: reply.status });
}

async function detail(reply) {
  const body = await reply.json().catch(() => ({}));
  return typeof body.detail === "string" ? body.detail : `The Airflow server answered with ${reply.status}.`;
}

/** A link to another page of the host; without a reload where the host's router is at hand. */
export function HostLink({ to, children, ...rest }) {
  const Link = globalThis.ReactRouterDOM?.Link;
  if (Link) return h(Link, { to, className: "rft-link", ...rest }, children);
  return h("a", { href: new URL(to.slice(1), document.baseURI).pathname, className: "rft-link", ...rest }, children);
}

export const toPipeline = (dagId) => `/dags/${encodeURIComponent(dagId)}/plugin/bedrock-rft-pipeline`;
export const toRun = (dagId, runId, view = "") =>
  `/dags/${encodeURIComponent(dagId)}/runs/${encodeURIComponent(runId)}/plugin/bedrock-rft-run${view && `#${view}`}`;
export const toTask = (dagId, runId, taskId) =>
  `/dags/${encodeURIComponent(dagId)}/runs/${encodeURIComponent(runId)}/tasks/${encodeURIComponent(taskId)}`;

const GOOD = new Set(["success", "succeeded", "Completed", "promote"]);
const BAD = new Set(["failed", "upstream_failed", "Failed", "reject", "error"]);
const LIVE = new Set(["running", "deferred", "InProgress", "restarting"]);
const WAITING = new Set(["awaiting_input", "queued", "scheduled", "up_for_retry", "up_for_reschedule", "hold", "warning", "validating_files"]);

export const tone = (word) =>
  GOOD.has(word) ? "good" : BAD.has(word) ? "bad" : LIVE.has(word) ? "live" : WAITING.has(word) ? "wait" : "plain";

export const Badge = ({ word, title, kind = word }) => h("span", { className: `rft-badge rft-${tone(kind)}`, title }, (word || "none").replaceAll("_", " "));

export function Notes({ notes = [], error = "" }) {
  const all = error ? [{ severity: "error", text: error, action: "" }, ...notes] : notes;
  if (!all.length) return null;
  return h(
    "ul",
    { className: "rft-notes", role: "status", "aria-live": "polite" },
    all.map((note, at) =>
      h(
        "li",
        { key: at, className: `rft-note rft-${tone(note.severity)}` },
        h("strong", null, note.severity === "error" ? "Problem: " : note.severity === "warning" ? "Warning: " : ""),
        note.text,
        note.action ? h("span", { className: "rft-muted" }, ` ${note.action}`) : null,
      ),
    ),
  );
}

export const Waiting = ({ what }) => h("p", { className: "rft-muted", role: "status" }, `Loading ${what} …`);
export const Empty = ({ children }) => h("p", { className: "rft-empty" }, children);

export function Pager({ page, onMove }) {
  const { offset, limit, total } = page;
  if (total <= limit && offset === 0) return null;
  const last = Math.min(total, offset + limit);
  return h(
    "nav",
    { className: "rft-pager", "aria-label": "Pages" },
    h("button", { type: "button", disabled: offset === 0, onClick: () => onMove(Math.max(0, offset - limit)) }, "Previous"),
    h("span", null, `${offset + 1}–${last} of ${total.toLocaleString()}`),
    h("button", { type: "button", disabled: last >= total, onClick: () => onMove(offset + limit) }, "Next"),
  );
}

export const number = (value, digits = 3) =>
  value === null || value === undefined ? "–" : Number(value.toPrecision(digits)).toLocaleString(undefined, { maximumFractionDigits: 6 });
export const signed = (value) => (value === null || value === undefined ? "–" : `${value > 0 ? "+" : ""}${number(value)}`);
export const percent = (value) => `${value > 0 ? "+" : ""}${(100 * value).toFixed(1)} %`;
export const interval = (estimate, write = number) =>
  estimate ? `${write(estimate.value)} [${write(estimate.low)}, ${write(estimate.high)}]` : "too few samples";

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

export const when = (seconds) =>
  seconds ? new Date(seconds * 1000).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" }) : "–";

export const Time = ({ at }) => (at ? h("time", { dateTime: new Date(at * 1000).toISOString() }, when(at)) : "–");

/** A field's name for people: counts lose their n_. */
export const wording = (name) => name.replace(/(^| )n_/, "$1").replaceAll("_", " ");

export const Facts = ({ rows }) =>
  h(
    "dl",
    { className: "rft-facts" },
    rows
      .filter(([, value]) => value !== null && value !== undefined && value !== "")
      .map(([name, value]) => h("div", { key: name }, h("dt", null, name), h("dd", null, value))),
  );

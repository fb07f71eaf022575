// Step 0: could training teach the base model these prompts at all?
import { Badge, Facts, h, interval, percent } from "./core.js";

const TONE = { go: "promote", "not-needed": "hold", "supervised-first": "hold", "no-go": "reject" };
const share = (estimate) => interval(estimate, (value) => `${(100 * value).toFixed(0)} %`);

export function Readiness({ one }) {
  return h(
    "section",
    { "aria-label": "Readiness" },
    h("h2", null, "Readiness ", h(Badge, { word: one.verdict, kind: TONE[one.verdict] }), one.is_certain ? null : h("span", { className: "rft-muted" }, " not certain")),
    h("p", null, one.reason),
    h(Facts, {
      rows: [
        ["Prompts", `${one.n_prompts.toLocaleString()} × ${one.completions_per_prompt}`],
        ["Mean reward", interval(one.mean_reward)],
        ["pass@1", share(one.pass_at_1)],
        [`pass@${one.completions_per_prompt}`, share(one.pass_at_k)],
        ["Groups with mixed rewards", share(one.usable)],
        ["Prompts ever rewarded", share(one.solvable)],
        ["Rollouts that teach nothing", percent(one.wasted_rollouts).replace("+", "")],
        ["Cut off", one.n_truncated || null],
        ["Not graded", one.n_grader_errors || null],
      ],
    }),
    h("div", { className: "rft-two" }, h(Histogram, { title: "Rewards of the base model", bins: one.histogram }), h(Levels, { levels: one.levels })),
  );
}

/** Bars of [upper edge, count]. */
export function Histogram({ title, bins, width = 320, height = 96 }) {
  if (!bins.length) return null;
  const most = Math.max(1, ...bins.map(([, count]) => count));
  const step = (width - 8) / bins.length;
  return h(
    "figure",
    { className: "rft-chart rft-histogram" },
    h("figcaption", null, h("span", { className: "rft-chart-title" }, title)),
    h(
      "svg",
      { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${title}: ${bins.map(([edge, count]) => `${count} up to ${edge.toPrecision(2)}`).join(", ")}` },
      bins.map(([edge, count], at) =>
        h(
          "g",
          { key: edge },
          h("rect", { className: "rft-bin", x: 4 + at * step + 1, width: Math.max(1, step - 2), y: 78 - (count / most) * 70, height: Math.max(count ? 1 : 0, (count / most) * 70) }),
          h("title", null, `${count} up to ${edge.toPrecision(3)}`),
        ),
      ),
      h("line", { className: "rft-grid", x1: 4, x2: width - 4, y1: 78.5, y2: 78.5 }),
      h("text", { className: "rft-tick", x: width - 4, y: 93, textAnchor: "end" }, bins[bins.length - 1][0].toPrecision(2)),
      bins.length > 1 ? h("text", { className: "rft-tick", x: 4, y: 93 }, (2 * bins[0][0] - bins[1][0]).toFixed(2).replace(/^-0\.00$/, "0.00")) : null,
    ),
  );
}

const MEANING = { solved: "solved already", teaches: "teaches: mixed rewards", flat: "flat: the same reward each time", failed: "never rewarded" };
const KIND = { solved: "plain", teaches: "good", flat: "plain", failed: "bad" };

function Levels({ levels }) {
  const parts = Object.entries(levels);
  return h(
    "figure",
    { className: "rft-chart" },
    h("figcaption", null, h("span", { className: "rft-chart-title" }, "Prompts by difficulty")),
    h("div", { className: "rft-bar", "aria-hidden": true }, parts.filter(([, count]) => count).map(([name, count]) => h("i", { key: name, className: `rft-part-${KIND[name] ?? "plain"}`, style: { flexGrow: count } }))),
    h(Facts, { rows: parts.map(([name, count]) => [MEANING[name] ?? name, count.toLocaleString()]) }),
  );
}

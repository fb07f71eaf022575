// Line charts in SVG: hover and arrow keys read values, dragging or + and − zoom; marks stand at their step.
import { h, number, useEffect, useRef, useState } from "./core.js";

const MANY_MARKS = 12;
const PAD = { left: 54, right: 14, top: 14, bottom: 26 };

/** About `wanted` round numbers from `low` to `high`. */
export function ticks(low, high, wanted) {
  const rough = (high - low) / Math.max(1, wanted);
  if (!(rough > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  const found = [];
  for (let at = Math.ceil(low / step); at * step <= high + step * 1e-9; at += 1) found.push(Number((at * step).toPrecision(12)));
  return found;
}

function useWidth() {
  const ref = useRef(null);
  const [width, setWidth] = useState(600);
  useEffect(() => {
    const watcher = new ResizeObserver(([entry]) => setWidth(Math.max(220, entry.contentRect.width)));
    watcher.observe(ref.current);
    return () => watcher.disconnect();
  }, []);
  return [ref, width];
}

const nearest = (points, step) =>
  points.reduce((best, point) => (Math.abs(point[0] - step) < Math.abs(best[0] - step) ? point : best), points[0]);

function rangeOf(series, band, [first, last]) {
  const values = [...series, ...(band ? [band.low, band.high] : [])].flatMap((one) =>
    one.points.filter(([step]) => step >= first && step <= last).map(([, value]) => value),
  );
  if (!values.length) return [0, 1];
  const low = values.reduce((a, b) => Math.min(a, b));
  const high = values.reduce((a, b) => Math.max(a, b));
  const room = high === low ? Math.abs(high) * 0.1 || 1 : (high - low) * 0.06;
  return [low - room, high + room];
}

/**
 * A chart of `series` ({label, points: [[step, value]]}) over `domain` ([first, last] step).
 * `cursor` and `onCursor` share the hovered step with other charts, `onZoom` a new domain or null for all.
 */
export function LineChart({ title, series, band, marks = [], domain, cursor, onCursor, onZoom, height = 150 }) {
  const [box, width] = useWidth();
  const [drag, setDrag] = useState(null);
  const [low, high] = rangeOf(series, band, domain);
  const [first, last] = domain;
  const x = (step) => PAD.left + ((step - first) / Math.max(1, last - first)) * (width - PAD.left - PAD.right);
  const y = (value) => height - PAD.bottom - ((value - low) / (high - low)) * (height - PAD.top - PAD.bottom);
  const inside = (points) => points.filter(([step]) => step >= first && step <= last);
  const line = (points) => inside(points).map(([step, value]) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
  const stepAt = (event) => {
    const at = event.clientX - event.currentTarget.getBoundingClientRect().left;
    const share = (at - PAD.left) / Math.max(1, width - PAD.left - PAD.right);
    return Math.round(Math.min(last, Math.max(first, first + share * (last - first))));
  };
  const main = inside(series[0]?.points ?? []);
  const onKeyDown = (event) => {
    const at = cursor === null ? main.length - 1 : main.findIndex(([step]) => step >= cursor);
    const moves = { ArrowLeft: at - 1, ArrowRight: cursor === null ? at : at + 1, Home: 0, End: main.length - 1 };
    const half = Math.max(2, Math.round((last - first) / 4));
    if (event.key in moves && main.length) onCursor(main[Math.min(main.length - 1, Math.max(0, moves[event.key]))][0]);
    else if (event.key === "+") onZoom([Math.max(first, (cursor ?? last) - half), Math.min(last, (cursor ?? last) + half)]);
    else if (event.key === "-" || event.key === "Escape") onZoom(null);
    else return;
    event.preventDefault();
  };
  const onPointerUp = (event) => {
    const to = stepAt(event);
    if (drag !== null && Math.abs(to - drag) > 2) onZoom([Math.min(drag, to), Math.max(drag, to)]);
    setDrag(null);
  };
  const shown = cursor !== null && cursor >= first && cursor <= last ? cursor : null;
  const read = series.map((one) => ({ one, point: one.points.length ? nearest(one.points, shown ?? last) : null }));
  return h(
    "figure",
    { className: `rft-chart${series.length > 1 ? " rft-noisy" : ""}${marks.length > MANY_MARKS ? " rft-crowded" : ""}`, ref: box },
    h(
      "figcaption",
      null,
      h("span", { className: "rft-chart-title" }, title),
      read.map(({ one, point }, at) =>
        h(
          "span",
          { key: one.name, className: "rft-legend" },
          h("i", { className: `rft-swatch rft-line-${at}` }),
          series.length > 1 ? `${one.label} ` : "",
          h("b", null, point ? number(point[1], 4) : "–"),
          at === 0 && point ? h("span", { className: "rft-muted" }, ` step ${point[0]}`) : null,
        ),
      ),
    ),
    h(
      "svg",
      {
        width,
        height,
        role: "img",
        tabIndex: 0,
        "aria-label": summary(title, series, marks),
        onKeyDown,
        onPointerMove: (event) => onCursor(stepAt(event)),
        onPointerLeave: () => onCursor(null),
        onPointerDown: (event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          setDrag(stepAt(event));
        },
        onPointerUp,
        onDoubleClick: () => onZoom(null),
      },
      ticks(low, high, Math.max(2, Math.floor(height / 45))).map((tick) =>
        h(
          "g",
          { key: tick },
          h("line", { className: "rft-grid", x1: PAD.left, x2: width - PAD.right, y1: y(tick), y2: y(tick) }),
          h("text", { className: "rft-tick", x: PAD.left - 7, y: y(tick) + 3.5, textAnchor: "end" }, number(tick)),
        ),
      ),
      ticks(first, last, Math.floor(width / 90))
        .filter(Number.isInteger)
        .map((tick) => h("text", { key: tick, className: "rft-tick", x: x(tick), y: height - 8, textAnchor: "middle" }, tick)),
      band &&
        h("polygon", {
          className: "rft-band",
          points: `${line(band.high.points)} ${line([...band.low.points].reverse())}`,
        }),
      marks
        .filter(({ step }) => step >= first && step <= last)
        .map((mark, at) =>
          h(
            "g",
            { key: at, className: `rft-mark rft-mark-${mark.kind}` },
            h("line", { x1: x(mark.step), x2: x(mark.step), y1: PAD.top, y2: height - PAD.bottom }),
            mark.kind === "checkpoint"
              ? h("path", { d: `M${x(mark.step) - 4},${PAD.top - 5}h8l-4,7z` })
              : h("circle", { cx: x(mark.step), cy: PAD.top, r: 4.5 }),
            h("title", null, `Step ${mark.step}: ${mark.title}. ${mark.text}`),
          ),
        ),
      series.map((one, at) => h("polyline", { key: one.name, className: `rft-line rft-line-${at}`, points: line(one.points) })),
      series
        .filter((one) => inside(one.points).length === 1)
        .map((one) => h("circle", { key: one.name, className: "rft-dot", cx: x(inside(one.points)[0][0]), cy: y(inside(one.points)[0][1]), r: 3 })),
      drag !== null && shown !== null
        ? h("rect", { className: "rft-drag", x: Math.min(x(drag), x(shown)), width: Math.abs(x(shown) - x(drag)), y: PAD.top, height: height - PAD.top - PAD.bottom })
        : null,
      shown !== null
        ? h(
            "g",
            { className: "rft-cursor" },
            h("line", { x1: x(shown), x2: x(shown), y1: PAD.top, y2: height - PAD.bottom }),
            read.filter(({ point }) => point && point[0] >= first && point[0] <= last).map(({ one, point }) => h("circle", { key: one.name, cx: x(point[0]), cy: y(point[1]), r: 3.5 })),
          )
        : null,
    ),
  );
}

function summary(title, series, marks) {
  const said = series
    .filter((one) => one.points.length)
    .map((one) => {
      const [begin, end] = [one.points[0], one.points[one.points.length - 1]];
      return `${one.label}: ${number(begin[1])} at step ${begin[0]}, ${number(end[1])} at step ${end[0]}`;
    });
  const alarms = marks.filter(({ kind }) => kind !== "checkpoint").map(({ step, title: name }) => `${name} at step ${step}`);
  return [`${title}.`, ...said, ...alarms, "Arrow keys read values, plus zooms in, minus shows all."].join(" ");
}

/** A run's or a pipeline's history in a line; `points` are numbers, null where there is none. */
export function Sparkline({ points, label, width = 132, height = 30 }) {
  const known = points.map((value, at) => [at, value]).filter(([, value]) => value !== null);
  if (!known.length) return h("span", { className: "rft-muted" }, "–");
  const values = known.map(([, value]) => value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const span = Math.max(high - low, 0.05 * Math.abs(high)) || 1; // noise is not drawn like a landslide
  const x = (at) => (points.length > 1 ? 4 + (at / (points.length - 1)) * (width - 8) : width - 4);
  const y = (value) => height - 5 - ((value - (low + high) / 2) / span + 0.5) * (height - 10);
  const [lastAt, lastValue] = known[known.length - 1];
  const line = h(
    "svg",
    { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", className: "rft-spark", "aria-label": `${label}: ${values.map((value) => number(value)).join(", ")}` },
    h("polyline", { className: "rft-line rft-line-0", points: known.map(([at, value]) => `${x(at)},${y(value)}`).join(" ") }),
    h("circle", { className: "rft-dot", cx: x(lastAt), cy: y(lastValue), r: 3 }),
    h("title", null, `${label}: ${values.map((value) => number(value)).join(", ")}`),
  );
  return h("span", { className: "rft-sparkline" }, line, h("span", { className: "rft-number" }, number(lastValue)));
}

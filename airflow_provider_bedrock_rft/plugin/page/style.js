// The host's colours and type where it has them (Airflow 3.2 and later), plain ones elsewhere.
const CSS = `
.rft-page {
  --rft-fg: var(--chakra-colors-fg, #18181b); --rft-muted: var(--chakra-colors-fg-muted, #52525b);
  --rft-bg: var(--chakra-colors-bg, #fff); --rft-raised: color-mix(in srgb, var(--rft-fg) 5%, var(--rft-bg));
  --rft-border: var(--chakra-colors-border, #d4d4d8); --rft-accent: var(--chakra-colors-blue-focus-ring, #2563eb);
  --rft-good: var(--chakra-colors-green-solid, #16a34a); --rft-bad: var(--chakra-colors-red-solid, #dc2626);
  --rft-wait: var(--chakra-colors-orange-solid, #ea580c);
  --rft-good-fg: var(--chakra-colors-green-fg, #166534); --rft-bad-fg: var(--chakra-colors-red-fg, #991b1b);
  --rft-wait-fg: var(--chakra-colors-orange-fg, #9a3412); --rft-live-fg: var(--chakra-colors-blue-fg, #1d4ed8);
  color: var(--rft-fg); background: var(--rft-bg); padding: 16px 20px 40px; font-size: 14px; line-height: 1.5;
  height: 100%; overflow: auto; box-sizing: border-box; container-type: inline-size;
}
.rft-page h1 { font-size: 20px; font-weight: 600; margin: 0 0 10px; overflow-wrap: anywhere; }
.rft-page h2 { font-size: 16px; font-weight: 600; margin: 22px 0 8px; overflow-wrap: anywhere; }
.rft-page h3 { font-size: 14px; font-weight: 600; margin: 16px 0 6px; }
.rft-page code { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: 12px; overflow-wrap: anywhere; }
.rft-page table { border-collapse: collapse; width: 100%; }
.rft-page th, .rft-page td { text-align: left; padding: 7px 12px 7px 0; border-bottom: 1px solid var(--rft-border); vertical-align: top; }
.rft-page thead th { font-weight: 600; color: var(--rft-muted); white-space: nowrap; }
.rft-page tbody th { font-weight: 500; }
.rft-page button, .rft-page input, .rft-page select {
  font: inherit; color: inherit; background: var(--rft-bg); border: 1px solid var(--rft-border); border-radius: 6px; padding: 4px 10px;
}
.rft-page select { max-width: 100%; }
.rft-page button { cursor: pointer; }
.rft-page button:hover:not(:disabled) { background: var(--rft-raised); }
.rft-page button:disabled { opacity: .45; cursor: default; }
.rft-page :focus-visible { outline: 2px solid var(--rft-accent); outline-offset: 2px; }
.rft-page progress { display: block; width: 100%; height: 6px; margin: 4px 0 14px; appearance: none; border: 0; border-radius: 3px; overflow: hidden;
  background: var(--chakra-colors-bg-emphasized, #e4e4e7); }
.rft-page progress::-webkit-progress-bar { background: var(--chakra-colors-bg-emphasized, #e4e4e7); }
.rft-page progress::-webkit-progress-value { background: var(--rft-accent); } .rft-page progress::-moz-progress-bar { background: var(--rft-accent); }
.rft-link { color: var(--rft-live-fg); text-decoration: none; }
.rft-link:hover { text-decoration: underline; }
.rft-muted { color: var(--rft-muted); }
.rft-number { font-variant-numeric: tabular-nums; white-space: nowrap; }
.rft-hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.rft-empty { margin: 14px 0; color: var(--rft-muted); border: 1px dashed var(--rft-border); border-radius: 8px; padding: 22px; text-align: center; }
.rft-scroll { overflow-x: auto; }
.rft-head { display: flex; flex-wrap: wrap; align-items: baseline; gap: 10px; }
.rft-filters { display: flex; flex-wrap: wrap; gap: 8px; margin-bottom: 12px; }
.rft-filters input { min-width: 240px; flex: 0 1 340px; }
.rft-pager { display: flex; gap: 12px; align-items: center; margin-top: 12px; }
.rft-tabs { display: flex; gap: 4px; border-bottom: 1px solid var(--rft-border); margin: 6px 0 4px; }
.rft-page .rft-tabs button { border: 0; border-bottom: 2px solid transparent; border-radius: 0; padding: 6px 12px; }
.rft-page .rft-tabs button[aria-selected=true] { border-bottom-color: var(--rft-accent); font-weight: 600; }
.rft-badge { display: inline-block; border-radius: 5px; padding: 0 7px; font-size: 12px; font-weight: 500; white-space: nowrap;
  border: 1px solid currentColor; color: var(--rft-muted); }
.rft-badge.rft-good { color: var(--rft-good-fg); } .rft-badge.rft-bad { color: var(--rft-bad-fg); }
.rft-badge.rft-wait { color: var(--rft-wait-fg); } .rft-badge.rft-live { color: var(--rft-live-fg); }
.rft-notes { list-style: none; margin: 8px 0; padding: 0; }
.rft-note { margin: 6px 0; padding: 8px 12px; border-radius: 6px; background: var(--rft-raised); border-left: 4px solid var(--rft-border); overflow-wrap: anywhere; }
.rft-note.rft-good { border-left-color: var(--rft-good); } .rft-note.rft-bad { border-left-color: var(--rft-bad); } .rft-note.rft-wait { border-left-color: var(--rft-wait); }
.rft-note.rft-live { border-left-color: var(--rft-accent); }
.rft-question h2 { margin: 2px 0 6px; } .rft-question p { margin: 4px 0; }
.rft-choice { display: flex; flex-wrap: wrap; gap: 8px 10px; align-items: center; }
.rft-page button.rft-primary { background: var(--rft-accent); border-color: var(--rft-accent); color: var(--rft-bg); font-weight: 600; }
.rft-page button.rft-primary:hover:not(:disabled) { background: var(--rft-accent); filter: brightness(1.1); }
.rft-facts { display: flex; flex-wrap: wrap; gap: 8px 28px; margin: 6px 0 10px; }
.rft-facts dt { color: var(--rft-muted); font-size: 12px; } .rft-facts dd { margin: 0; }
.rft-cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(230px, 1fr)); gap: 14px; }
.rft-card { border: 1px solid var(--rft-border); border-radius: 8px; padding: 12px 16px; min-width: 0; }
.rft-card h2 { margin-top: 0; font-size: 14px; color: var(--rft-muted); }
.rft-page td > code { display: inline-block; min-width: 160px; }
.rft-page time { white-space: nowrap; }
.rft-model { min-width: 190px; max-width: 300px; overflow-wrap: anywhere; }
.rft-sparkline { display: inline-flex; align-items: center; gap: 8px; max-width: 100%; } .rft-spark { flex: 0 1 auto; min-width: 0; }
.rft-dots { display: inline-flex; gap: 3px; padding-top: 2px; }
.rft-run { display: block; width: 9px; height: 18px; border-radius: 3px; background: var(--rft-border); }
.rft-state-success { background: var(--rft-good); } .rft-state-failed, .rft-state-upstream_failed { background: var(--rft-bad); }
.rft-state-running, .rft-state-deferred { background: var(--rft-accent); } .rft-state-skipped { background: var(--rft-border); }
.rft-state-queued, .rft-state-up_for_retry { background: var(--rft-wait); }
.rft-stages { list-style: none; margin: 0; padding: 0; }
.rft-stages li { display: grid; grid-template-columns: minmax(150px, 1.3fr) 112px 92px minmax(120px, 2fr) minmax(120px, 2.4fr); gap: 12px; align-items: center;
  padding: 5px 6px; border-bottom: 1px solid var(--rft-border); }
.rft-stages li.rft-here { background: var(--rft-raised); }
.rft-stage-name { overflow-wrap: anywhere; }
.rft-track { position: relative; height: 10px; background: var(--chakra-colors-bg-emphasized, #e4e4e7); border-radius: 5px; overflow: hidden; }
.rft-track i { position: absolute; top: 0; bottom: 0; border-radius: 5px; }
.rft-gist { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-size: 12px; }
.rft-curves { display: flex; flex-direction: column; gap: 10px; align-items: flex-start; }
.rft-curves > * { max-width: 100%; } .rft-curves > figure, .rft-small-charts { width: 100%; }
.rft-small-charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(260px, 1fr)); gap: 14px; }
.rft-chart { margin: 0; min-width: 0; }
.rft-chart figcaption { display: flex; flex-wrap: wrap; gap: 4px 16px; align-items: baseline; font-size: 13px; }
.rft-chart-title { font-weight: 600; }
.rft-chart svg { display: block; touch-action: pan-y; cursor: crosshair; user-select: none; }
.rft-legend { font-variant-numeric: tabular-nums; }
.rft-swatch { display: inline-block; width: 14px; height: 3px; margin-right: 6px; vertical-align: middle; background: var(--rft-accent); }
.rft-swatch.rft-line-1 { background: var(--rft-wait); }
.rft-line { fill: none; stroke: var(--rft-accent); stroke-width: 1.8; stroke-linejoin: round; }
polyline.rft-line-1 { stroke: var(--rft-wait); stroke-width: 2.4; } polyline.rft-line-2 { stroke: var(--rft-good); }
.rft-swatch.rft-line-2 { background: var(--rft-good); }
.rft-dot { fill: var(--rft-accent); }
.rft-crowded .rft-mark-checkpoint line { opacity: .25; }
.rft-noisy .rft-line-0 { stroke-width: 1; opacity: .55; }
.rft-band { fill: var(--rft-accent); opacity: .13; }
.rft-grid { stroke: var(--rft-border); stroke-width: 1; opacity: .7; }
.rft-tick { fill: var(--rft-muted); font-size: 11px; font-variant-numeric: tabular-nums; }
.rft-mark line { stroke: var(--rft-muted); stroke-dasharray: 2 3; opacity: .8; } .rft-mark path { fill: var(--rft-muted); }
.rft-mark-error line { stroke: var(--rft-bad); stroke-dasharray: none; } .rft-mark-error circle { fill: var(--rft-bad); }
.rft-mark-warning line { stroke: var(--rft-wait); } .rft-mark-warning circle { fill: var(--rft-wait); }
.rft-cursor line { stroke: var(--rft-fg); opacity: .5; } .rft-cursor circle { fill: var(--rft-bg); stroke: var(--rft-fg); stroke-width: 1.5; }
.rft-verdict h2 { margin-top: 2px; } .rft-verdict ul { margin: 4px 0 8px; padding-left: 20px; list-style: disc; }
.rft-sides { max-width: 900px; margin-top: 14px; }
.rft-forest { margin: 18px 0 6px; } .rft-page .rft-forest svg { width: 100%; max-width: 1000px; cursor: default; }
.rft-forest text { font-size: 13px; fill: var(--rft-fg); } .rft-forest text.rft-tick, .rft-forest .rft-tick { font-size: 11px; fill: var(--rft-muted); }
.rft-zero { stroke: var(--rft-fg); stroke-width: 1; }
.rft-interval line { stroke: var(--rft-muted); stroke-width: 2; } .rft-interval rect { fill: var(--rft-muted); }
.rft-interval.rft-good line { stroke: var(--rft-good); } .rft-interval.rft-good rect { fill: var(--rft-good); }
.rft-interval.rft-bad line { stroke: var(--rft-bad); } .rft-interval.rft-bad rect { fill: var(--rft-bad); }
.rft-outcomes { margin: 14px 0; max-width: 900px; }
.rft-bar { display: flex; gap: 2px; height: 12px; border-radius: 6px; overflow: hidden; margin-top: 5px; }
.rft-bar i { min-width: 2px; } .rft-part-good { background: var(--rft-good); } .rft-part-bad { background: var(--rft-bad); } .rft-part-plain { background: var(--rft-border); }
.rft-sample { border: 1px solid var(--rft-border); border-radius: 8px; padding: 10px 14px; margin: 10px 0; }
.rft-sample header { display: flex; flex-wrap: wrap; gap: 6px 14px; align-items: baseline; }
.rft-good-text { color: var(--rft-good-fg); } .rft-bad-text { color: var(--rft-bad-fg); }
.rft-page pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: 12px; white-space: pre-wrap; overflow-wrap: anywhere;
  max-height: 320px; overflow: auto; margin: 6px 0; padding: 8px 10px; border-radius: 6px; background: var(--rft-raised); }
.rft-page pre.rft-prompt { border-left: 3px solid var(--rft-border); background: none; }
.rft-reference { color: var(--rft-fg); overflow-wrap: anywhere; }
.rft-two { display: grid; grid-template-columns: repeat(auto-fit, minmax(260px, 1fr)); gap: 4px 18px; } .rft-two > div { min-width: 0; }
.rft-page del, .rft-page ins { text-decoration: none; border-radius: 3px; }
.rft-page del { background: color-mix(in srgb, var(--rft-bad) 22%, transparent); } .rft-page ins { background: color-mix(in srgb, var(--rft-good) 22%, transparent); }
.rft-steps { list-style: none; margin: 0; padding: 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(300px, 1fr)); gap: 12px; }
.rft-steps h3 { margin: 0 0 6px; } .rft-steps dl { margin: 0; } .rft-steps dl div { display: grid; grid-template-columns: 110px 1fr; gap: 8px; }
.rft-steps dt { color: var(--rft-muted); font-size: 12px; overflow-wrap: anywhere; } .rft-steps dd { margin: 0; min-width: 0; }
.rft-stages .rft-badge { justify-self: start; }
.rft-alarms { display: flex; flex-wrap: wrap; gap: 4px; margin-top: 4px; }
.rft-bin { fill: var(--rft-accent); opacity: .75; } .rft-page .rft-histogram svg { width: 100%; max-width: 420px; height: auto; cursor: default; }
.rft-answer { display: flex; flex-wrap: wrap; gap: 0 14px; margin: 0 0 8px; font-variant-numeric: tabular-nums; }
.rft-drag { fill: var(--rft-accent); opacity: .15; }
@container (max-width: 720px) {
  .rft-stages li { grid-template-columns: 1fr auto auto; } .rft-track, .rft-gist { grid-column: 1 / -1; }
}
`;

export function addStyle() {
  if (document.getElementById("rft-style")) return;
  const style = document.createElement("style");
  style.id = "rft-style";
  style.textContent = CSS;
  document.head.append(style);
}

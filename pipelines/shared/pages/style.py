"""The shared style sheet of the pages: light and dark mode, no external fonts or files."""

STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5b6675; --paper: #f5f6f8; --card: #fff;
  --line: #dfe3e8; --own: #1f6feb; --champion: #8b98a9; --event: #d1495b;
  --good: #1a7f4b; --hold: #9a6700; --bad: #b42318; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --soft: #9aa5b3; --paper: #12161c;
  --card: #1a2028; --line: #2c3541; --own: #5b9dff; --champion: #7d8a9a; --event: #ef6f80;
  --good: #4cc38a; --hold: #e0b13c; --bad: #ff7b72; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1000px; margin: 0 auto; padding: 28px 20px 48px; }
h1 { font-size: 26px; margin: 0 0 2px; } h2 { font-size: 17px; margin: 32px 0 10px; }
h3 { font-size: 14px; margin: 0 0 6px; font-weight: 600; }
p { margin: 0 0 6px; } .soft { color: var(--soft); } .num { font-variant-numeric: tabular-nums; }
.verdict { border-left: 5px solid var(--tone); background: var(--card); border-radius: 6px;
  padding: 14px 18px; margin: 20px 0; box-shadow: 0 0 0 1px var(--line); }
.verdict b { color: var(--tone); font-size: 19px; letter-spacing: .03em; }
.BETTER, .promoted { --tone: var(--good); } .NOT_BETTER, .waiting, .superseded { --tone: var(--hold); }
.REJECTED, .refused { --tone: var(--bad); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(230px, 1fr)); gap: 14px; }
.tile, figure, .wide { background: var(--card); border-radius: 6px; padding: 14px 16px; margin: 0;
  box-shadow: 0 0 0 1px var(--line); }
.tile .value { font-size: 30px; font-weight: 650; line-height: 1.2; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(320px, 1fr)); gap: 14px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: 4px 14px 4px 0;
  border-bottom: 1px solid var(--line); vertical-align: top; } tr:last-child > * { border: 0; }
th { font-weight: 600; color: var(--soft); } td.num, th.num { text-align: right; }
code { font: 12.5px ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
.plot { width: 100%; height: auto; display: block; } .plot text { fill: var(--soft); font-size: 11px; }
.plot .label { font-size: 12px; } .plot .grid { stroke: var(--line); stroke-width: 1; }
.plot .axis { stroke: var(--soft); stroke-width: 1; }
.plot polyline { fill: none; stroke-width: 2; stroke-linejoin: round; }
polyline.own { stroke: var(--own); } polyline.event { stroke: var(--event); } polyline.champion { stroke: var(--champion); }
polyline.guide { stroke: var(--soft); stroke-dasharray: 3 4; stroke-width: 1.2; }
circle.own { fill: var(--own); } circle.event { fill: var(--event); } rect.champion { fill: var(--champion); opacity: .75; }
rect.event { fill: var(--event); opacity: .8; } rect.own { fill: var(--own); opacity: .85; }
.plot .whisker { stroke: var(--ink); stroke-width: 1.5; }
.legend { margin: 4px 0 0; font-size: 12.5px; color: var(--soft); } .legend span { margin-right: 16px; }
.legend i { display: inline-block; width: 12px; height: 4px; border-radius: 2px; margin: 0 6px 3px 0; }
i.own { background: var(--own); } i.champion { background: var(--champion); }
i.event { background: var(--event); }
i.guide { height: 0; border-top: 2px dotted var(--soft); margin-bottom: 4px; }
"""

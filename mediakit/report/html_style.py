"""The style sheet of the HTML report. Data only."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --ink: #1c2328; --soft: #56626b; --paper: #ffffff; --line: #d5dce1;
  --good: #1b6e3c; --good-bg: #e6f4ea; --bad: #a3211b; --bad-bg: #fdeceb; --warn: #7a5200; --warn-bg: #fff5dd;
  --note-bg: #eef3f7; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8edf0; --soft: #a9b5bd; --paper: #14191d; --line: #37424a;
  --good: #7fd6a0; --good-bg: #12301e; --bad: #ff9d96; --bad-bg: #3a1614; --warn: #ffd27a; --warn-bg: #35280a;
  --note-bg: #1f282f; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 60rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.1rem; font-weight: 600; color: var(--soft); margin: 0 0 .75rem; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 2.25rem 0 .5rem; }
h3 { font-size: 1rem; margin: 0; display: inline; }
p { margin: .35rem 0; }
.verdict { border-left: .5rem solid; border-radius: .35rem; padding: .9rem 1.1rem; margin: .6rem 0; }
.verdict strong { display: block; font-size: 1.5rem; line-height: 1.25; overflow-wrap: anywhere; }
.good { border-color: var(--good); background: var(--good-bg); }
.good strong { color: var(--good); }
.bad { border-color: var(--bad); background: var(--bad-bg); }
.bad strong { color: var(--bad); }
.next { font-size: 1.05rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.2rem; margin: .5rem 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
.rule { border: 1px solid var(--line); border-radius: .35rem; padding: .7rem .9rem; margin: .6rem 0; }
.rule .places { color: var(--soft); margin: .4rem 0 0; padding-left: 1.2rem; font-size: .92rem; overflow-wrap: anywhere; }
.mark { display: inline-block; min-width: 5.2rem; text-align: center; border-radius: .25rem; padding: .05rem .45rem;
  margin-right: .5rem; font-size: .85rem; font-weight: 600; }
.mark.error { background: var(--bad-bg); color: var(--bad); border: 1px solid; }
.mark.warning { background: var(--warn-bg); color: var(--warn); border: 1px dashed; }
.mark.note { background: var(--note-bg); color: var(--soft); border: 1px dotted; }
.clause, .id { color: var(--soft); font-size: .88rem; }
.hint { margin: .25rem 0; }
code { font: .92em ui-monospace, Consolas, "DejaVu Sans Mono", monospace; background: var(--note-bg); border-radius: .2rem; padding: .05rem .3rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.number, th.number { text-align: right; white-space: nowrap; }
summary { cursor: pointer; }
footer { margin-top: 3rem; color: var(--soft); font-size: .88rem; }
@media print { body { max-width: none; padding: 0; } .rule, .verdict { break-inside: avoid; } }
@media (max-width: 30rem) { dl { grid-template-columns: 1fr; } dd { margin-bottom: .4rem; }
  .verdict strong { font-size: 1.25rem; } }
"""

// The report's style sheet. Colours are those of Okabe and Ito, which colour-blind readers can tell apart, in a lighter cut
// for the dark theme.
#pragma once

namespace cheri::train {

inline constexpr const char* report_style = R"css(
:root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--ink:#1b2430;--soft:#5b6776;--rule:#e3e7ec;--grid:#edf0f3;
--blue:#0072b2;--orange:#d55e00;--grey:#8b96a3;--blue-fill:#0072b2;--orange-fill:#d55e00;--good:#00795a;--track:#e7ebf0}
@media(prefers-color-scheme:dark){:root{--page:#12161c;--card:#1a2029;--ink:#e6eaf0;--soft:#9aa6b5;--rule:#2b3440;--grid:#252d38;
--blue:#56b4e9;--orange:#f0883e;--grey:#7d8997;--blue-fill:#56b4e9;--orange-fill:#f0883e;--good:#4ec9a5;--track:#2b3440}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
font-variant-numeric:tabular-nums;-webkit-text-size-adjust:100%}
main{max-width:1080px;margin:0 auto;padding:36px 20px 56px}
h1{font-size:30px;line-height:1.2;letter-spacing:-.02em;margin:0 0 6px;overflow-wrap:anywhere}
h2{font-size:19px;letter-spacing:-.01em;margin:44px 0 2px}
h3{font-size:14px;font-weight:600;margin:0}
p{margin:0}
.lead{font-size:16px;color:var(--soft);max-width:72ch}
.lead b{color:var(--ink);font-weight:600}
.note{color:var(--soft);font-size:14px;max-width:78ch;margin:0 0 14px}
.card{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:16px 18px}
.grid{display:grid;gap:14px;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr))}
.cards{display:grid;gap:14px;grid-template-columns:repeat(4,1fr);margin-top:24px}
.metric .value{font-size:32px;font-weight:650;letter-spacing:-.02em;line-height:1.15;margin-top:4px}
.metric .name{font-size:14px;font-weight:600}
.metric .what{color:var(--soft);font-size:13px;line-height:1.4;margin-top:6px}
.bar{position:relative;height:6px;border-radius:3px;background:var(--track);margin:10px 0 8px}
.bar i{position:absolute;inset:0 auto 0 0;border-radius:3px;background:var(--blue)}
.bar b{position:absolute;top:-3px;width:2px;height:12px;margin-left:-1px;background:var(--ink)}
.base{font-size:13px;color:var(--soft)}
.base .tick{display:inline-block;width:2px;height:11px;background:var(--ink);margin:0 6px -1px 1px}
.head{display:flex;flex-wrap:wrap;gap:2px 16px;justify-content:space-between;align-items:baseline;margin-bottom:8px}
.legend{display:flex;flex-wrap:wrap;gap:2px 14px;font-size:13px;color:var(--soft)}
.legend span::before{content:"";display:inline-block;width:14px;height:3px;border-radius:2px;margin-right:6px;vertical-align:middle;background:var(--c)}
.legend .dot::before{width:8px;height:8px;border-radius:50%}
.legend .box::before{width:10px;height:10px;border-radius:2px}
.blue{--c:var(--blue)}.orange{--c:var(--orange)}.grey{--c:var(--grey)}
svg{display:block;width:100%;height:auto;overflow:visible}
svg svg{overflow:hidden}
svg text{font-size:12px;fill:var(--soft);font-family:inherit}
svg .ty{text-anchor:end}svg .tx,svg .al{text-anchor:middle}svg .mk{font-size:11.5px}
svg path{fill:none}
svg .rules{stroke:var(--grid)}
svg .axis{stroke:var(--grey)}
svg .line{stroke:var(--c);stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}
svg .mark{stroke:var(--soft);stroke-dasharray:3 3}
svg .dots{stroke:var(--c);stroke-width:5;stroke-linecap:round;stroke-opacity:.55}
svg .diagonal{stroke:var(--grey);stroke-dasharray:4 4}
svg .hover rect{fill:transparent}
svg .hover rect:hover{fill:var(--ink);fill-opacity:.07}
.track{display:grid;grid-template-columns:88px 1fr;gap:0 12px;align-items:stretch;font-size:13px;color:var(--soft)}
.track+.track{margin-top:6px}
.track .side{display:flex;flex-direction:column;justify-content:center;text-align:right;line-height:1.3}
.track .side b{color:var(--ink);font-weight:600}
.track svg{height:96px;background:linear-gradient(var(--rule),var(--rule)) no-repeat 50% 0/1px 100%}
.track.single svg{height:64px}
.track .up{fill:var(--blue-fill)}.track .down{fill:var(--orange-fill)}
.track .zero{stroke:var(--grey);vector-effect:non-scaling-stroke}
.ruler{display:grid;grid-template-columns:88px 1fr;gap:0 12px;font-size:12px;color:var(--soft);margin-top:3px}
.ruler div{display:flex;justify-content:space-between;grid-column:2}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:14px}
th,td{padding:7px 12px;text-align:right;border-top:1px solid var(--rule);white-space:nowrap}
thead th{border-top:0;color:var(--soft);font-weight:600;font-size:13px}
th:first-child,td:first-child{text-align:left;padding-left:0}
td:last-child,th:last-child{padding-right:0}
tbody th{font-weight:400;white-space:normal}
td.better{color:var(--good);font-weight:600}
td.weak{color:var(--soft)}
details{margin-top:14px}
summary{cursor:pointer;font-weight:600;font-size:15px}
pre{margin:12px 0 0;overflow-x:auto;font:12.5px/1.55 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
footer{margin-top:36px;color:var(--soft);font-size:13px}
@media(max-width:860px){.cards{grid-template-columns:repeat(2,1fr)}}
@media(max-width:520px){main{padding:24px 14px 40px}h1{font-size:25px}.cards{gap:10px}.card{padding:13px 14px}.metric .value{font-size:26px}
.track,.ruler{grid-template-columns:1fr}.track .side{flex-direction:row;justify-content:space-between;margin-bottom:2px}.ruler div{grid-column:1}
th,td{padding:7px 8px}.track svg{height:72px}svg text{font-size:14px}svg .mk{font-size:13px}}
@media print{body{background:#fff}.card{break-inside:avoid}}
)css";

}   // namespace cheri::train

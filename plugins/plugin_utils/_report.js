/*
Copyright messaging.twilio contributors
GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
SPDX-License-Identifier: GPL-3.0-or-later
*/

"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const report = JSON.parse(byId("data").textContent);
  const texts = JSON.parse(byId("texts").textContent);
  const isRollout = report.kind === "rollout";

  const number = (value) => value.toLocaleString("en");
  const fill = (words, values) => words.replace(/\{(\w+)\}/g, (_whole, name) => values[name]);
  const counted = (key, count, values = {}) =>
    fill(texts[key][count === 1 ? 0 : 1], { count: number(count), ...values });

  // Characters that are invisible, or that change the direction of the text around them, are shown as their code.
  // Joiners stay, because scripts and emoji need them.
  const INVISIBLE = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;
  const visible = (value) =>
    String(value).replace(INVISIBLE, (c) => `[U+${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}]`);

  // All elements are made here, so that a text from outside is never markup.
  const make = (tag, attributes = {}, ...content) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...content.filter((part) => part !== null));
    return element;
  };
  const text = (value) => make("bdi", {}, visible(value));
  const link = (href, ...content) => make("a", { href, target: "_blank", rel: "noopener noreferrer" }, ...content);
  const sender = (value, absent) => (value === null ? make("span", { class: "absent" }, absent) : text(value));

  const ORDER = ["failed", "drifted", "unread", "skipped", "created", "replaced", "deleted", "unchanged", "matching", "only_read"];
  const outcomeOf = (entry) => (isRollout ? entry.action : entry.status);
  const isLost = (entry) => Boolean(entry.lost_sender);
  const rank = (entry) =>
    isLost(entry) ? -3 : entry.state_unknown ? -2 : entry.restored ? -1 : ORDER.indexOf(outcomeOf(entry));

  const consoleOf = (sid) =>
    `https://console.twilio.com/${encodeURIComponent(report.region || "us1")}/service/sms/${encodeURIComponent(sid)}/sms-senders`;
  const nameOf = (entry) => entry.service_name || entry.host;
  const hasAccounts = new Set(report.entries.map((entry) => entry.account_sid).filter(Boolean)).size > 1;

  const serviceCell = (entry) => {
    const name = nameOf(entry);
    const sid = link(consoleOf(entry.service_sid), text(entry.service_sid));
    sid.title = texts.console;
    const country = entry.iso_country_code ? fill(texts.country, { country: entry.iso_country_code }) : null;
    return [
      name ? make("span", { class: "name" }, text(name)) : null,
      make("span", { class: "sid" }, sid),
      country ? make("span", { class: "place" }, text(country)) : null,
      hasAccounts && entry.account_sid ? make("span", { class: "place sid" }, text(entry.account_sid)) : null,
    ].filter(Boolean);
  };
  const reasonCell = (entry) => {
    if (!entry.msg) return [];
    const code = entry.error && Number.isInteger(entry.error.code) ? entry.error.code : null;
    // The address is made from the code, because an address in an answer could lead anywhere.
    const details = code === null ? null : link(`https://www.twilio.com/docs/errors/${code}`, fill(texts.error, { code }));
    return [details && make("p", {}, details), make("p", {}, text(entry.msg))].filter(Boolean);
  };
  const outcomeCell = (entry) => {
    const key = outcomeOf(entry);
    const marks = [make("span", { class: `mark ${key}` }, texts.labels[key] || key)];
    if (isLost(entry)) marks.push(make("span", { class: "mark lost" }, texts.mark_lost));
    if (entry.restored) marks.push(make("span", { class: "mark restored" }, texts.mark_restored));
    if (entry.state_unknown) marks.push(make("span", { class: "mark unknown" }, texts.mark_unknown));
    return marks;
  };
  const absentText = (entry) => {
    const uncertain = ["failed", "skipped", "unread"].includes(outcomeOf(entry)) && (!isLost(entry) || entry.state_unknown);
    return uncertain ? texts.unknown : texts.none;
  };
  const desiredCell = (entry) =>
    entry.status === "only_read" ? [] : [sender(entry.desired, entry.status === "unread" ? "" : texts.none)];

  // Name, label, content and value to sort by of each column.
  const COLUMNS = isRollout
    ? [
        ["service", texts.column_service, serviceCell, nameOf],
        ["before", texts.column_before, (entry) => [sender(entry.before, absentText(entry))], (entry) => entry.before],
        [
          "after",
          report.check_mode ? texts.column_planned : texts.column_after,
          (entry) => [sender(entry.after, absentText(entry))],
          (entry) => entry.after,
        ],
        ["outcome", texts.column_outcome, outcomeCell, rank],
        ["reason", texts.column_reason, reasonCell, (entry) => (entry.error && entry.error.code) || entry.msg],
      ]
    : [
        ["service", texts.column_service, serviceCell, nameOf],
        [
          "sender",
          texts.column_sender,
          (entry) => [sender(entry.alpha_sender, absentText(entry))],
          (entry) => entry.alpha_sender,
        ],
        ["desired", texts.column_desired, desiredCell, (entry) => entry.desired],
        ["outcome", texts.column_outcome, outcomeCell, rank],
        ["reason", texts.column_reason, reasonCell, (entry) => entry.msg],
      ];

  const table = document.querySelector("table.services");
  if (!report.entries.some((entry) => entry.msg)) {
    COLUMNS.pop();
    table.classList.add("without-reason");
  }

  // Summary.

  const MAX_DESIRED = 8;
  const desired = byId("desired");
  for (const state of report.desired.slice(0, MAX_DESIRED)) {
    const name = state.alpha_sender === null ? null : make("strong", {}, text(state.alpha_sender));
    const what = state.state === "present" ? [name] : name === null ? [texts.desired_none] : [texts.desired_not, name];
    const how = state.replace === false && state.state === "present" ? texts.desired_no_replace : "";
    const country = state.iso_country_code ? fill(texts.desired_country, { country: state.iso_country_code }) : "";
    const services = report.desired.length > 1 ? counted("for_service", state.services) : "";
    desired.append(make("div", {}, ...what, country, how, services));
  }
  if (report.desired.length > MAX_DESIRED) desired.append(counted("desired_more", report.desired.length - MAX_DESIRED));
  if (!report.desired.length) desired.append(texts.desired_nothing);
  if (byId("message")) byId("message").append(text(report.message || ""));
  // The first line is the summary, which the page shows anyway. The others say why the run was stopped.
  const reasons = (report.message || "").split("\n").slice(1);
  if (byId("skipped")) byId("skipped").append(...reasons.map((line) => make("li", {}, text(line))));

  const countRow = (cell, count) =>
    make("tr", {}, make("th", { scope: "row" }, cell), make("td", { class: "figure" }, number(count)));
  const MAX_SENDERS = 12;
  const senders = Object.entries(report.senders).sort((a, b) => b[1] - a[1]);
  const showSenders = (most) => {
    const others = senders.slice(most);
    byId("senders").replaceChildren(...senders.slice(0, most).map(([name, count]) => countRow(text(name), count)));
    if (others.length) {
      const button = make("button", { type: "button" }, counted("more_senders", others.length));
      button.addEventListener("click", () => showSenders(senders.length));
      byId("senders").append(countRow(button, others.reduce((sum, [, count]) => sum + count, 0)));
    }
    if (report.without_sender) byId("senders").append(countRow(sender(null, texts.none), report.without_sender));
    if (report.unknown) byId("senders").append(countRow(sender(null, texts.unknown), report.unknown));
  };
  showSenders(MAX_SENDERS);

  // Services that need attention.

  const copy = async (button, command, source) => {
    try {
      await navigator.clipboard.writeText(command);
    } catch {
      // The page may not use the clipboard. Select the text, so that the user can copy it by hand.
      getSelection().selectAllChildren(source);
      if (!document.execCommand("copy")) return;
    }
    byId("announcement").textContent = texts.copied;
    const label = button.textContent;
    button.textContent = texts.copied;
    setTimeout(() => { button.textContent = label; }, 2000);
  };
  const commandBox = (command, label) => {
    const code = make("code", { tabindex: "0", role: "region", "aria-label": texts.command }, command);
    const button = make("button", { type: "button" }, label);
    button.addEventListener("click", () => copy(button, command, code));
    return make("div", { class: "command" }, code, button);
  };
  const attentionItem = (entry, ...more) => {
    const head = make("p", {}, ...serviceCell(entry).flatMap((part) => [part, " "]));
    return make("li", {}, head, make("div", { class: "why" }, ...reasonCell(entry)), ...more);
  };
  const MAX_ITEMS = 20;
  const attention = (id, key, entries, item) => {
    if (!entries.length) return;
    byId("attention").hidden = false;
    byId(id).append(make("h3", {}, counted(key, entries.length)), make("p", {}, texts[`${key}_hint`]));
    const list = make("ul", {}, ...entries.slice(0, MAX_ITEMS).map(item));
    byId(id).append(list);
    const others = entries.slice(MAX_ITEMS);
    if (others.length) {
      const button = make("button", { type: "button" }, counted("more", others.length));
      button.addEventListener("click", () => { button.remove(); list.append(...others.map(item)); });
      byId(id).append(button);
    }
  };
  const lost = report.entries.filter(isLost);
  attention("lost", "lost", lost, (entry) =>
    attentionItem(
      entry,
      make("p", {}, texts.lost_sender, make("strong", {}, text(entry.lost_sender))),
      commandBox(entry.recovery_command, texts.copy),
    ));
  if (lost.length > 1) byId("lost").append(commandBox(lost.map((entry) => entry.recovery_command).join("\n"), texts.copy_all));
  attention("restored", "restored", report.entries.filter((entry) => entry.restored), (entry) => attentionItem(entry));
  attention(
    "unknown",
    "unknown_state",
    report.entries.filter((entry) => entry.state_unknown && !isLost(entry)),
    (entry) => attentionItem(entry),
  );

  // The list. The page gets all rows, so that the search of the browser and a print have all of them. It shows the
  // first rows at once and adds the others while the browser is idle.

  const CHUNK = 100;
  const rows = new Map();
  const rowOf = (entry) => {
    let row = rows.get(entry);
    if (!row) {
      row = make("tr", { role: "row" });
      COLUMNS.forEach(([name, label, content], place) => {
        const cell = make(place ? "td" : "th", place ? { role: "cell" } : { role: "rowheader", scope: "row" });
        cell.dataset.column = name;
        cell.dataset.label = label;
        cell.append(...content(entry));
        row.append(cell);
      });
      rows.set(entry, row);
    }
    return row;
  };

  const whenIdle = window.requestIdleCallback ? (job) => requestIdleCallback(job, { timeout: 200 }) : (job) => setTimeout(job, 10);
  let waiting = [];
  let turn = 0;
  const addChunk = () => {
    if (waiting.length) table.append(make("tbody", { role: "rowgroup" }, ...waiting.splice(0, CHUNK).map(rowOf)));
  };
  const addLater = (own) => whenIdle(() => {
    if (own !== turn) return;
    addChunk();
    if (waiting.length) addLater(own);
  });
  const show = (entries) => {
    turn += 1;
    for (const body of [...table.tBodies]) body.remove();
    waiting = [...entries];
    addChunk();
    if (waiting.length) addLater(turn);
    const total = report.entries.length;
    byId("shown").textContent =
      entries.length === total ? counted("service", total) : counted("service_of", total, { shown: number(entries.length) });
    if (!entries.length) {
      const cell = make("td", { role: "cell", class: "nothing" }, texts.no_match);
      table.append(make("tbody", { role: "rowgroup" }, make("tr", { role: "row" }, cell)));
    }
  };
  addEventListener("beforeprint", () => { while (waiting.length) addChunk(); });

  const compare = new Intl.Collator(undefined, { numeric: true }).compare;
  const search = byId("search");
  const choice = byId("outcome");
  const searchTexts = new Map();
  const searchText = (entry) => {
    let words = searchTexts.get(entry);
    if (words === undefined) {
      const values = [
        entry.service_name, entry.host, entry.service_sid, entry.account_sid, entry.iso_country_code, entry.before,
        entry.after, entry.alpha_sender, entry.desired, entry.lost_sender, entry.msg, entry.error && entry.error.code,
      ];
      words = values.filter((value) => value !== null && value !== undefined).join("\n").toLowerCase();
      searchTexts.set(entry, words);
    }
    return words;
  };
  const isChosen = (entry) =>
    choice.value === "" || outcomeOf(entry) === choice.value
    || (choice.value === "lost" && isLost(entry)) || (choice.value === "restored" && entry.restored);

  // Services that need attention come first, then all others in the order of the run.
  const urgency = (entry) => Math.min(rank(entry), ORDER.indexOf("created"));
  let sorted = [...report.entries].sort((a, b) => urgency(a) - urgency(b));
  const filter = () => {
    const words = search.value.trim().toLowerCase();
    show(sorted.filter((entry) => isChosen(entry) && (!words || searchText(entry).includes(words))));
  };
  const sortBy = (place, descending) => {
    const value = COLUMNS[place][3];
    const sign = descending ? -1 : 1;
    const keyed = report.entries.map((entry) => [value(entry), entry]);
    // Entries without a value come last in both directions.
    keyed.sort(([a], [b]) =>
      a == null || b == null ? (a == null) - (b == null)
      : typeof a === "number" && typeof b === "number" ? sign * (a - b) : sign * compare(a, b));
    sorted = keyed.map(([, entry]) => entry);
    [...byId("columns").children].forEach((head, at) => {
      if (at === place) head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    filter();
  };
  COLUMNS.forEach(([, label], place) => {
    const button = make("button", { type: "button" }, label);
    const head = make("th", { role: "columnheader", scope: "col" }, button);
    button.addEventListener("click", () => sortBy(place, head.getAttribute("aria-sort") === "ascending"));
    byId("columns").append(head);
  });
  search.addEventListener("input", filter);
  choice.addEventListener("change", filter);
  addEventListener("keydown", (event) => {
    const isTyping = ["INPUT", "SELECT", "TEXTAREA"].includes(document.activeElement.tagName);
    if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      search.focus();
    }
  });
  filter();
})();

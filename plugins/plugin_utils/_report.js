/*
Copyright messaging.twilio contributors
GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
SPDX-License-Identifier: GPL-3.0-or-later
*/

"use strict";
(() => {
  const report = JSON.parse(document.getElementById("data").textContent);
  const rollout = report.kind === "rollout";
  const byId = (id) => document.getElementById(id);
  const plural = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;

  // What cannot be seen, or turns the text around it, is named instead. Joiners are left: scripts and emoji need them.
  const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;
  const visible = (text) =>
    String(text).replace(UNSEEN, (c) => `[U+${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}]`);

  // The one way in which elements are made: what is told is text, and never markup.
  const make = (tag, attributes = {}, ...content) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...content.filter((part) => part !== null));
    return element;
  };
  const text = (value) => make("bdi", {}, visible(value));
  const link = (href, ...content) => make("a", { href, target: "_blank", rel: "noopener noreferrer" }, ...content);
  const sender = (value, none) => (value === null ? make("span", { class: "absent" }, none) : text(value));

  const LABELS = {
    created: "created", replaced: "replaced", deleted: "deleted", none: "unchanged", failed: "failed",
    not_attempted: "not attempted", matching: "as wanted", drifted: "not as wanted", read: "nothing wanted",
    unread: "could not be read",
  };
  const ORDER = ["failed", "drifted", "unread", "not_attempted", "created", "replaced", "deleted", "none", "matching", "read"];
  const rank = (service) =>
    service.lost ? -3 : service.unknown ? -2 : service.restored ? -1 : ORDER.indexOf(service.outcome);

  const consoleOf = (sid) =>
    `https://console.twilio.com/${encodeURIComponent(report.region || "us1")}/service/sms/${encodeURIComponent(sid)}/sms-senders`;
  const nameOf = (service) => service.friendly_name || service.host;

  const service = (entry) => {
    const name = nameOf(entry);
    const sid = link(consoleOf(entry.service_sid), text(entry.service_sid));
    sid.title = "Open in Twilio's console";
    return [name ? make("span", { class: "name" }, text(name)) : null, make("span", { class: "sid" }, sid)].filter(Boolean);
  };
  const reason = (entry) => {
    if (!entry.msg) return [];
    const code = entry.error && Number.isInteger(entry.error.code) ? entry.error.code : null;
    return [
      // Made of the code: an address that an answer names could lead anywhere.
      code === null ? null : make("p", {}, link(`https://www.twilio.com/docs/errors/${code}`, `Twilio error ${code}`)),
      make("p", {}, text(entry.msg)),
    ].filter(Boolean);
  };
  const outcome = (entry) => {
    const marks = [make("span", { class: `mark ${entry.outcome}` }, LABELS[entry.outcome] || entry.outcome)];
    if (entry.lost) marks.push(make("span", { class: "mark lost" }, "sender lost"));
    if (entry.restored) marks.push(make("span", { class: "mark restored" }, "old one restored"));
    if (entry.unknown) marks.push(make("span", { class: "mark unknown" }, "state unknown"));
    return marks;
  };
  const uncertain = (entry) => ["failed", "not_attempted", "unread"].includes(entry.outcome) && (!entry.lost || entry.unknown);
  const now = (entry) => sender(rollout ? entry.after : entry.alpha_sender, uncertain(entry) ? "not known" : "none");

  const COLUMNS = rollout
    ? [
        ["Service", service, nameOf],
        ["Before", (e) => [sender(e.before, uncertain(e) ? "not known" : "none")], (e) => e.before],
        [report.dry_run ? "After (planned)" : "After", (e) => [now(e)], (e) => e.after],
        ["Outcome", outcome, rank],
        ["Reason", reason, (e) => (e.error && e.error.code) || e.msg],
      ]
    : [
        ["Service", service, nameOf],
        ["Sender", (e) => [now(e)], (e) => e.alpha_sender],
        ["Wanted", (e) => [e.outcome === "read" ? sender(null, "") : sender(e.wanted, e.outcome === "unread" ? "" : "none")], (e) => e.wanted],
        ["Outcome", outcome, rank],
        ["Reason", reason, (e) => e.msg],
      ];

  const table = document.querySelector("table.services");
  if (!report.services.some((entry) => entry.msg)) {
    COLUMNS.pop();
    table.classList.add("unreasoned");
  }

  // What is known of the whole.

  const wishes = byId("wishes");
  const MOST_WISHES = 8;
  for (const wish of report.wishes.slice(0, MOST_WISHES)) {
    const who = report.wishes.length > 1 ? ` for ${plural(wish.services, "Service")}` : "";
    const what =
      wish.state === "present" ? [make("strong", {}, text(wish.alpha_sender))]
      : wish.alpha_sender === null ? ["no alpha sender"] : ["no ", make("strong", {}, text(wish.alpha_sender))];
    const how = wish.replace === false && wish.state === "present" ? " where no other is" : "";
    wishes.append(make("div", {}, ...what, `${how}${who}`));
  }
  if (report.wishes.length > MOST_WISHES) wishes.append(`and ${plural(report.wishes.length - MOST_WISHES, "other wish").replace(/wishs$/, "wishes")}`);
  if (!report.wishes.length) wishes.append("nothing, they are only read");
  if (byId("message")) byId("message").append(text(report.message || ""));

  const countRow = (cell, count) => make("tr", {}, make("th", { scope: "row" }, cell), make("td", { class: "figure" }, count.toLocaleString("en")));
  const MOST_SENDERS = 12;
  const senders = Object.entries(report.senders).sort((a, b) => b[1] - a[1]);
  const showSenders = (most) => {
    const rest = senders.slice(most);
    byId("senders").replaceChildren(...senders.slice(0, most).map(([name, count]) => countRow(text(name), count)));
    if (rest.length) {
      const button = make("button", { type: "button" }, `Show ${rest.length.toLocaleString("en")} more senders`);
      button.addEventListener("click", () => showSenders(senders.length));
      byId("senders").append(countRow(button, rest.reduce((sum, [, count]) => sum + count, 0)));
    }
    if (report.without_sender) byId("senders").append(countRow(sender(null, "none"), report.without_sender));
    if (report.not_known) byId("senders").append(countRow(sender(null, "not known"), report.not_known));
  };
  showSenders(MOST_SENDERS);

  // What needs a person.

  const copied = async (button, command, source) => {
    try {
      await navigator.clipboard.writeText(command);
    } catch {
      // Not allowed, or not a page that may: what is selected can be copied by hand at least.
      getSelection().selectAllChildren(source);
      if (!document.execCommand("copy")) return;
    }
    byId("said").textContent = "Copied";
    const told = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = told; }, 2000);
  };
  const command = (lines, label) => {
    const code = make("code", { tabindex: "0", role: "region", "aria-label": "Command" }, lines);
    const button = make("button", { type: "button" }, label);
    button.addEventListener("click", () => copied(button, lines, code));
    return make("div", { class: "command" }, code, button);
  };
  const told = (entry, ...more) => {
    const head = make("p", {}, ...service(entry).flatMap((part) => [part, " "]));
    return make("li", {}, head, make("div", { class: "why" }, ...reason(entry)), ...more);
  };
  const MOST_TOLD = 20;
  const section = (id, title, hint, entries, more) => {
    if (!entries.length) return;
    byId("attention").hidden = false;
    byId(id).append(make("h3", {}, title), make("p", {}, hint));
    const list = make("ul", {}, ...entries.slice(0, MOST_TOLD).map(more));
    byId(id).append(list);
    const rest = entries.slice(MOST_TOLD);
    if (rest.length) {
      const button = make("button", { type: "button" }, `Show ${rest.length.toLocaleString("en")} more`);
      button.addEventListener("click", () => { button.remove(); list.append(...rest.map(more)); });
      byId(id).append(button);
    }
  };
  const lost = report.services.filter((entry) => entry.lost);
  section(
    "lost",
    lost.length === 1 ? "1 Service lost its sender" : `${lost.length.toLocaleString("en")} Services lost their sender`,
    "It was deleted and may not be there any more. The command brings it back. It takes the credentials, and the settings such as TWILIO_EDGE, from the environment.",
    lost,
    (entry) => told(entry, make("p", {}, "Lost: ", make("strong", {}, text(entry.lost))), command(entry.recovery_command, "Copy the command")),
  );
  if (lost.length > 1) byId("lost").append(command(lost.map((entry) => entry.recovery_command).join("\n"), "Copy all commands"));
  const restored = report.services.filter((entry) => entry.restored);
  section(
    "restored",
    restored.length === 1 ? "1 Service got its old sender back" : `${restored.length.toLocaleString("en")} Services got their old senders back`,
    "Twilio refused the wanted one after the old one was deleted, so the old one was created again.",
    restored,
    (entry) => told(entry),
  );
  const unknown = report.services.filter((entry) => entry.unknown && !entry.lost);
  section(
    "unknown",
    unknown.length === 1 ? "Of 1 Service it is not known what it has" : `Of ${unknown.length.toLocaleString("en")} Services it is not known what they have`,
    "A change got no answer, and reading failed too. Another run settles it.",
    unknown,
    (entry) => told(entry),
  );

  // The list. All of it comes to be in the page, so that the browser's own search and print have all of it, but only the
  // first rows at once: the rest follows while nobody waits.

  const AT_ONCE = 100;
  const rows = new Map();
  const row = (entry) => {
    let made = rows.get(entry);
    if (!made) {
      made = make("tr", { role: "row" });
      COLUMNS.forEach(([label, content], place) => {
        const cell = make(place ? "td" : "th", place ? { role: "cell" } : { role: "rowheader", scope: "row" });
        cell.dataset.label = label;
        cell.append(...content(entry));
        made.append(cell);
      });
      rows.set(entry, made);
    }
    return made;
  };

  const soon = window.requestIdleCallback ? (job) => requestIdleCallback(job, { timeout: 200 }) : (job) => setTimeout(job, 10);
  let waiting = [];
  let turn = 0;
  const addChunk = () => {
    if (waiting.length) table.append(make("tbody", { role: "rowgroup" }, ...waiting.splice(0, AT_ONCE).map(row)));
  };
  const addLater = (mine) => soon(() => {
    if (mine !== turn) return;
    addChunk();
    if (waiting.length) addLater(mine);
  });
  const show = (entries) => {
    turn += 1;
    for (const body of [...table.tBodies]) body.remove();
    waiting = [...entries];
    addChunk();
    if (waiting.length) addLater(turn);
    byId("shown").textContent =
      entries.length === report.services.length ? plural(entries.length, "Service")
      : `${entries.length.toLocaleString("en")} of ${plural(report.services.length, "Service")}`;
    if (!entries.length) {
      table.append(make("tbody", { role: "rowgroup" }, make("tr", { role: "row" }, make("td", { role: "cell", class: "nothing" }, "No Service matches."))));
    }
  };
  addEventListener("beforeprint", () => { while (waiting.length) addChunk(); });

  const compare = new Intl.Collator(undefined, { numeric: true }).compare;
  const search = byId("search");
  const choice = byId("outcome");
  const haystacks = new Map();
  const haystack = (entry) => {
    let words = haystacks.get(entry);
    if (words === undefined) {
      const values = [entry.friendly_name, entry.host, entry.service_sid, entry.before, entry.after, entry.alpha_sender, entry.wanted, entry.lost, entry.msg, entry.error && entry.error.code];
      words = values.filter((value) => value !== null && value !== undefined).join("\n").toLowerCase();
      haystacks.set(entry, words);
    }
    return words;
  };
  const isChosen = (entry) =>
    choice.value === "" || entry.outcome === choice.value || (choice.value === "lost" && entry.lost) || (choice.value === "restored" && entry.restored);

  // What needs a person comes first, and then all as it was given.
  const urgency = (entry) => Math.min(rank(entry), ORDER.indexOf("created"));
  let sorted = [...report.services].sort((a, b) => urgency(a) - urgency(b));
  const filter = () => {
    const words = search.value.trim().toLowerCase();
    show(sorted.filter((entry) => isChosen(entry) && (!words || haystack(entry).includes(words))));
  };
  const sortBy = (place, descending) => {
    const value = COLUMNS[place][2];
    const sign = descending ? -1 : 1;
    const keyed = report.services.map((entry) => [value(entry), entry]);
    // What has nothing there comes last, whichever way.
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
  COLUMNS.forEach(([label], place) => {
    const button = make("button", { type: "button" }, label);
    const head = make("th", { role: "columnheader", scope: "col" }, button);
    button.addEventListener("click", () => sortBy(place, head.getAttribute("aria-sort") === "ascending"));
    byId("columns").append(head);
  });
  search.addEventListener("input", filter);
  choice.addEventListener("change", filter);
  addEventListener("keydown", (event) => {
    const typing = ["INPUT", "SELECT", "TEXTAREA"].includes(document.activeElement.tagName);
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      search.focus();
    }
  });
  filter();
})();

// What every page shares: theme, toasts, focus after a swap, failed requests, `/` for search. No page needs it to work.
const root = document.documentElement;

const isDark = () =>
  root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;

// Theme: shown at once, stored on the profile behind it.
document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-theme-form]");
  if (!form) return;
  event.preventDefault();
  const theme = isDark() ? "light" : "dark";
  root.dataset.theme = theme;
  const body = new FormData(form);
  body.set("theme", theme);
  fetch(form.action, { method: "POST", body, redirect: "manual" });
});

// Toasts: said once by the live region, gone after a while unless somebody is on them. Others ask for one by an event,
// the server by the header `HX-Trigger: {"toast": {"text": "…"}}`.
const toasts = () => document.getElementById("toasts");

function toast(text, tone = "") {
  const box = document.createElement("div");
  box.className = `toast ${tone}`.trim();
  const words = document.createElement("p");
  words.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "button quiet";
  close.dataset.dismiss = "";
  close.textContent = "Close";
  box.append(words, close);
  toasts()?.append(box);
  fade(box);
}

document.addEventListener("toast", (event) => toast(event.detail.text, event.detail.tone));

function fade(box) {
  box.dataset.seen = "1";
  setTimeout(() => (box.matches(":hover, :focus-within") ? fade(box) : box.remove()), 8000);
}

document.addEventListener("click", (event) => {
  event.target.closest("[data-dismiss]")?.closest(".toast, .notice")?.remove();
  const opener = event.target.closest("[data-dialog]");
  if (opener) {
    event.preventDefault();
    document.getElementById(opener.dataset.dialog)?.showModal();
  }
  event.target.closest("[data-close]")?.closest("dialog")?.close();
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    const source = document.getElementById(copy.dataset.copy);
    navigator.clipboard?.writeText(source.value ?? source.textContent.trim()).then(() => toast("Copied."));
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input, textarea, select, [contenteditable]")) return;
  const search = document.querySelector("[data-search]");
  if (!search) return;
  event.preventDefault();
  search.focus();
});

// A search's address holds what was asked for, and nothing else.
document.addEventListener("formdata", (event) => {
  if (event.target.method !== "get") return;
  for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
});

// A form is sent once.
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (event.defaultPrevented || !button?.matches(".button.primary") || button.closest("[hx-post]")) return;
  setTimeout(() => {
    button.setAttribute("aria-busy", "true");
    button.disabled = true;
  });
});
addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("button[aria-busy]")) {
    button.removeAttribute("aria-busy");
    button.disabled = false;
  }
});

// htmx: focus goes to the error summary or to what asks for it.
document.addEventListener("htmx:afterSettle", (event) => {
  const part = event.detail.elt;
  if (!part?.querySelector) return;
  const target = part.matches("[data-focus]") ? part : part.querySelector("[data-errors], [data-focus]");
  if (target) {
    if (!target.matches("a, button, input, select, textarea, [tabindex]")) target.tabIndex = -1;
    target.focus();
  }
  for (const box of toasts()?.children ?? []) if (!box.dataset.seen) fade(box);
});

// The page stays as it was; the person learns what happened and what to say about it.
document.addEventListener("htmx:responseError", (event) => {
  const answer = event.detail.xhr;
  const id = answer.getResponseHeader("X-Request-ID");
  const said =
    answer.status === 403 ? "You may not do this." : answer.status === 404 ? "This is not there any more." : "That did not work.";
  toast(id ? `${said} Reference ${id}.` : said, "bad");
});
document.addEventListener("htmx:sendError", () => toast("No connection. Nothing was changed.", "bad"));

// On arrival: the error summary takes focus, once the browser has gone to what the address names; the messages of the
// last request fade.
addEventListener("load", () => document.querySelector("main [data-errors]")?.focus());
for (const box of toasts()?.children ?? []) fade(box);

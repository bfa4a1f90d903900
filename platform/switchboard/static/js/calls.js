// The open list: rows are pushed. One that is not on this page needs no word; but while the list is being fetched its row
// may be on the way, older than the push, and then the list is fetched once more.
let missed = false;

const isList = (event) => event.detail.target?.id === "calls";

document.addEventListener("htmx:wsBeforeMessage", (event) => {
  const [, id] = /^\s*<tr id="([^"]+)"/.exec(event.detail.message) ?? [];
  if (!id || document.getElementById(id)) return;
  event.preventDefault();
  missed = true;
});

document.addEventListener("htmx:beforeRequest", (event) => {
  if (isList(event)) missed = false;
});

document.addEventListener("htmx:afterRequest", (event) => {
  if (isList(event) && missed) htmx.ajax("GET", location.href, { target: "#calls", swap: "outerHTML" });
});

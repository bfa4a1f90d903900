// The recording's player: the wave, the transcript and the sound move together. Listens on the document, because the
// player arrives by itself when a call that is being watched ends.
const player = () => document.querySelector("[data-player]");
const sound = () => player()?.querySelector("audio");

function clock(at) {
  return `${Math.floor(at / 60)}:${String(Math.floor(at % 60)).padStart(2, "0")}`;
}

function show() {
  const box = player();
  const at = sound()?.currentTime ?? 0;
  const seek = box?.querySelector("[data-wave] input");
  if (!seek) return;
  seek.value = at;
  seek.setAttribute("aria-valuetext", clock(at));
  box.querySelector("[data-clock]").textContent = clock(at);
  const head = box.querySelector(".head");
  const percent = `${Math.min(100, (100 * at) / (seek.max || 1))}%`;
  head.setAttribute("x1", percent);
  head.setAttribute("x2", percent);
  const turns = [...document.querySelectorAll(".turns [data-at]")];
  const now = at > 0 ? turns.findLast((turn) => Number(turn.dataset.at) <= at) : undefined;
  for (const turn of turns) turn.classList.toggle("now", turn === now);
}

function showButton() {
  const button = player()?.querySelector("[data-play]");
  if (!button) return;
  const on = !sound().paused;
  button.setAttribute("aria-pressed", on);
  button.setAttribute("aria-label", on ? "Pause" : "Play");
  button.querySelector("[data-icon=play]").hidden = on;
  button.querySelector("[data-icon=pause]").hidden = !on;
}

function seekTo(at) {
  const audio = sound();
  if (!audio) return;
  audio.currentTime = at;
  show();
}

function toggle() {
  const audio = sound();
  if (audio?.paused) audio.play().catch(() => showButton());
  else audio?.pause();
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-play]")) toggle();
  const link = event.target.closest("[data-seek]");
  if (link && sound()) {
    event.preventDefault();
    history.replaceState(null, "", link.hash);
    seekTo(Number(link.dataset.seek));
  }
});

document.addEventListener("input", (event) => {
  if (event.target.matches("[data-wave] input")) seekTo(Number(event.target.value));
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-speed]")) sound().playbackRate = Number(event.target.value);
});

// Space plays and pauses, as long as nothing on the page wants the key for itself.
document.addEventListener("keydown", (event) => {
  if (event.key !== " " || event.ctrlKey || event.metaKey || event.altKey || !sound()) return;
  if (event.target.matches("a, button, input, select, textarea, summary, [contenteditable]")) return;
  event.preventDefault();
  toggle();
});

// Media events do not bubble, but they can be caught on their way down.
document.addEventListener("timeupdate", show, true);
document.addEventListener("seeking", show, true);
for (const name of ["play", "pause", "ended"]) document.addEventListener(name, showButton, true);

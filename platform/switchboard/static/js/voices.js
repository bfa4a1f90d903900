// Samples of voices: a link that says what to hear becomes a button that plays it. Without this the browser opens it.
const player = new Audio();
let playing = null;

function rest(link) {
  link?.removeAttribute("aria-busy");
  link?.classList.remove("on");
}

function say(text) {
  document.dispatchEvent(new CustomEvent("toast", { detail: { text, tone: "bad" } }));
}

async function play(link) {
  const address = new URL(link.href);
  const chosen = document.getElementById(link.dataset.preview);
  if (chosen) address.searchParams.set("voice", chosen.value && (link.dataset.prefix ?? "") + chosen.value);
  const language = document.getElementById(link.dataset.language);
  if (language) address.searchParams.set("language", language.value);
  link.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(address);
    if (!answer.ok) {
      const text = (answer.headers.get("Content-Type") || "").startsWith("text/plain");
      say(text ? await answer.text() : "That did not work.");
      return rest(link);
    }
    const heard = URL.createObjectURL(await answer.blob());
    if (playing !== link) return URL.revokeObjectURL(heard);
    player.src = heard;
    player.onended = () => {
      rest(link);
      URL.revokeObjectURL(heard);
      playing = null;
    };
    link.removeAttribute("aria-busy");
    link.classList.add("on");
    await player.play();
  } catch {
    say("No connection. Nothing can be heard.");
    rest(link);
  }
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-preview]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  player.pause();
  const again = playing === link && link.classList.contains("on");
  rest(playing);
  playing = again ? null : link;
  if (!again) play(link);
});

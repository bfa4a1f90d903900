// "Talk to it": the editor's phone and chat. Says in words what goes on; the work is done by the modules beside it.
import { Carrier } from "./carrier.js";
import { Chat } from "./chat.js";
import { NoMicrophone, Sound } from "./sound.js";
import { Talk } from "./talk.js";

const panel = document.querySelector("[data-phone]");
const part = (name) => panel.querySelector(`[data-${name}]`);
const talk = new Talk(part("log"));

const MICROPHONE = {
  insecure: "Browsers give the microphone only to pages over https:// or on localhost. Open this page there, or chat.",
  denied: "The microphone is blocked for this page. Allow it beside the address, then call again. Or chat.",
  none: "There is no microphone. Connect one, then call again. Or chat.",
  busy: "Another program holds the microphone. Close it there, then call again.",
  failed: "The microphone could not be opened. Try another browser, or chat.",
};
const OVER = {
  ended: ["The agent ended the call.", ""],
  "hung up": ["You hung up.", ""],
  lost: ["The connection was lost, and the call with it. You can call again.", "bad"],
  refused: ["The call did not come about: no line is free, or the agent cannot start. You can call again.", "bad"],
};

let test = null; // what the server gave us to connect to
let sound = null;
let line = null; // Carrier or Chat
let began = 0;
let ticking = 0;
let heardMs = 0;

const way = () => panel.querySelector("[name=way]:checked").value;
const version = () => panel.querySelector("[name=version]:checked");

// idle, opening, talking or over.
function enter(state) {
  panel.dataset.state = state;
  const busy = state === "opening" || state === "talking";
  for (const choice of panel.querySelectorAll("[name=way], [name=version]")) choice.disabled = busy;
  part("call").setAttribute("aria-busy", state === "opening");
  part("call").disabled = state === "opening";
  part("call-words").textContent =
    state === "opening" ? "Calling…" : state === "over" ? "Call again" : `Call ${version().dataset.name}`;
  part("chat-begin-words").textContent = state === "over" ? "Start another chat" : `Chat with ${version().dataset.name}`;
  part("chat-begin").disabled = state === "opening";
  clearInterval(ticking);
  if (state === "talking") ticking = setInterval(tick, 500);
}

function tick() {
  const seconds = Math.floor((performance.now() - began) / 1000);
  part("clock").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

function trouble(words = "") {
  part("trouble").hidden = !words;
  part("trouble-words").textContent = words;
}

class Refused extends Error {}

// Ask the server for a test. Raises `Refused` with words for the person.
async function begin(kind) {
  const body = new URLSearchParams({ way: kind, version: version().value });
  const headers = { "X-CSRFToken": panel.querySelector("[name=csrfmiddlewaretoken]").value };
  let answer;
  try {
    answer = await fetch(panel.dataset.begin, { method: "POST", body, headers, redirect: "manual" });
  } catch {
    throw new Refused("No connection to Switchboard. Try again when it is back.");
  }
  const told = await answer.json().catch(() => null);
  if (answer.status === 201) return told;
  if (told?.error) throw new Refused(told.error);
  if (answer.type === "opaqueredirect" || answer.status === 403) {
    throw new Refused("You are signed out, or may not test this agent. Reload the page.");
  }
  throw new Refused("That did not work. Reload the page and try again.");
}

function fresh() {
  trouble();
  talk.clear();
  heardMs = 0;
  panel.dataset.heardMs = "0";
  part("link").hidden = true;
  part("hint").hidden = true;
  part("clock").textContent = "0:00";
  enter("opening");
}

async function call() {
  fresh();
  try {
    // The microphone first: no call is made for somebody who cannot speak.
    sound = await Sound.open(panel.dataset.worklet, hear);
    test = await begin("call");
  } catch (error) {
    return failed(error);
  }
  line = new Carrier(test, {
    open: started,
    play: (frame) => sound?.play(frame),
    mark: (name) => sound?.mark(name),
    clear: () => sound?.flush() ?? Promise.resolve(),
    live,
    over: (how) => over(...OVER[how]),
  });
}

async function chat() {
  fresh();
  try {
    test = await begin("chat");
  } catch (error) {
    return failed(error);
  }
  line = new Chat(test, {
    open: () => {
      started();
      part("say").focus();
    },
    live,
    over: (words, tone) => over(words, tone),
  });
}

function failed(error) {
  sound?.close();
  sound = null;
  if (!(error instanceof NoMicrophone || error instanceof Refused)) throw error;
  part("hint").hidden = false;
  enter("idle");
  trouble(error instanceof NoMicrophone ? MICROPHONE[error.why] : error.message);
}

function started() {
  began = performance.now();
  part("mute").setAttribute("aria-pressed", "false");
  part("mute").setAttribute("aria-label", "Mute");
  enter("talking");
}

function over(words, tone) {
  sound?.close();
  sound = line = null;
  level(part("level"), 0);
  level(part("heard"), 0);
  talk.end();
  if (tone === "bad") trouble(words);
  else talk.note(words);
  part("link").href = test.page;
  part("link").hidden = false;
  part("keys").hidden = true;
  enter("over");
}

// What the microphone and the loudspeaker tell.
function hear(data) {
  if (data.frame) {
    line?.hear?.(data.frame);
    level(part("level"), data.level);
  } else if (data.played) {
    line?.played?.(data.played);
  } else if (data.gone) {
    talk.note("The microphone was unplugged.", "bad");
  } else {
    heardMs += data.audible;
    panel.dataset.heardMs = Math.round(heardMs);
    level(part("heard"), data.heardLevel);
    talk.played(data.ms, data.audible);
  }
}

// Speech lies between -50 and -10 dB.
function level(meter, loudness) {
  const share = Math.max(0, Math.min(1, (20 * Math.log10(loudness + 1e-6) + 50) / 40));
  meter.setAttribute("width", (share * 100).toFixed(0));
}

// What the server tells while it goes on.
function live(message) {
  switch (message.kind) {
    case "partial":
      return talk.partial(message.text);
    case "greeting":
      return talk.greeting(message.text);
    case "saying":
      return talk.saying(message.text);
    case "speaking":
      return talk.speaking(message.text);
    case "said":
      return talk.said(message.text, message.ms);
    case "typing":
      return talk.write("agent", message.text);
    case "turn":
      return talk.turn(message.turn);
    case "collected":
      return talk.note(`Noted: ${message.name} is ${message.value}`);
    case "remark":
      return talk.note(message.text);
    case "trouble":
      return talk.note(message.text, "bad");
  }
}

part("call").addEventListener("click", call);
part("chat-begin").addEventListener("click", chat);
for (const button of panel.querySelectorAll("[data-end]")) button.addEventListener("click", () => line?.hangUp());
part("mute").addEventListener("click", ({ currentTarget: button }) => {
  const muted = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", muted);
  button.setAttribute("aria-label", muted ? "Unmute" : "Mute");
  sound?.mute(muted);
});
part("keypad").addEventListener("click", () => {
  const keys = part("keys");
  keys.hidden = !keys.hidden;
  part("keypad").setAttribute("aria-expanded", !keys.hidden);
});
part("keys").addEventListener("click", ({ target }) => {
  if (target.value) line?.press?.(target.value);
});
part("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const words = part("say").value.trim();
  if (words && line?.say(words)) part("say").value = "";
});
for (const choice of panel.querySelectorAll("[name=way], [name=version]")) {
  choice.addEventListener("change", () => {
    panel.dataset.way = way();
    trouble();
    enter("idle");
  });
}
addEventListener("pagehide", () => line?.hangUp());

// What can be known before anybody has pressed.
if (!isSecureContext || !navigator.mediaDevices) trouble(MICROPHONE.insecure);
navigator.permissions?.query({ name: "microphone" }).then(
  (permission) => {
    const look = () => {
      if (panel.dataset.state === "idle") trouble(permission.state === "denied" ? MICROPHONE.denied : "");
    };
    permission.onchange = look;
    if (permission.state === "denied") look();
  },
  () => {},
);
panel.dataset.way = way();
enter("idle");

// The conversation as it happens: the caller's words while they are recognised, the agent's as they are heard.
const LETTERS_PER_MS = 14 / 1000; // how quickly a voice speaks, as long as its sound is not all here
const SCALE = 2000; // ms that a bar shows
const SLOW = 1500;
const SVG = "http://www.w3.org/2000/svg";

function make(name, className, words) {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (words) element.textContent = words;
  return element;
}

function draw(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

const inWords = (ms) => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`);

// What the server knows of a reply's time, as [name, colour, ms]; where it knows no share, the share is nothing.
function partsOf({ patience_ms, final_ms, model_ms, token_ms, voice_ms, line_ms }) {
  return [
    ["last words", "line", final_ms ?? 0],
    ["wait", "patience", patience_ms - (final_ms ?? 0)],
    ["first token", "model", token_ms ?? 0],
    ["first sentence", "voice", model_ms - (token_ms ?? 0)],
    ["first sound", "model", voice_ms],
    ["queue", "line", line_ms],
  ];
}

// A reply's time from the end of the caller's speech.
function bar(timing) {
  const parts = partsOf(timing);
  const said = parts.map(([name, , ms]) => `${name} ${ms} ms`).join(", ");
  const box = make("div", "gap");
  const svg = draw("svg", { class: "reply", viewBox: `0 0 ${SCALE} 8`, preserveAspectRatio: "none", role: "img" });
  svg.setAttribute("aria-label", said);
  const title = draw("title", {});
  title.textContent = said;
  svg.append(title, draw("rect", { class: "limit", x: 1000, width: 8, height: 8 }));
  let x = 0;
  for (const [, colour, ms] of parts) {
    if (ms > 0 && x < SCALE) {
      const width = Math.max(2, Math.min(ms, SCALE - x) - 10);
      svg.append(draw("rect", { class: `p-${colour}`, x, width, height: 8 }));
    }
    x += ms;
  }
  box.append(svg, make("span", timing.gap_ms > SLOW ? "num bad-text" : "num", inWords(timing.gap_ms)));
  return box;
}

export class Talk {
  constructor(log) {
    this.log = log;
    this.list = log.querySelector("ol");
    this.clear();
  }

  clear() {
    this.list.replaceChildren();
    this.caller = this.agent = null;
    this.begin();
  }

  begin() {
    this.pieces = [];
    this.heard = 0;
  }

  // The line of a speaker that is being written; made when first needed.
  open(speaker) {
    if (!this[speaker]) {
      const line = make("li", speaker);
      line.ariaBusy = "true"; // read out when it is whole
      line.append(make("span", "sr", speaker === "agent" ? "Agent: " : "You: "), make("p", "soft"));
      this.list.append(line);
      this[speaker] = line;
    }
    return this[speaker];
  }

  write(speaker, words) {
    this.open(speaker).querySelector("p").textContent = words;
    this.show();
  }

  show() {
    this.log.scrollTop = this.log.scrollHeight;
  }

  partial(words) {
    this.write("caller", words);
  }

  // The voice is about to say this.
  saying(words) {
    this.piece(words);
  }

  // A model that speaks itself has these words so far; its sound comes beside them.
  speaking(words) {
    const last = this.pieces.at(-1);
    if (last?.grows && !last.ms) last.words = words;
    else this.piece(words, true);
  }

  piece(words, grows = false) {
    if (this.pieces.length === 1 && this.pieces[0].guess) this.pieces.pop();
    this.pieces.push({ words, ms: 0, grows });
  }

  greeting(words) {
    this.pieces.push({ words, ms: 0, guess: true });
  }

  // The voice has made all of it.
  said(words, ms) {
    const piece = this.pieces.find((piece) => piece.words === words && !piece.ms);
    if (piece) piece.ms = ms;
  }

  // This much more has been heard.
  played(ms, audible) {
    if (audible > 0 || this.heard > 0) this.heard += ms;
    const words = this.wordsHeard();
    if (words) this.write("agent", words);
  }

  wordsHeard() {
    let left = this.heard;
    const heard = [];
    for (const { words, ms } of this.pieces) {
      const share = ms ? Math.min(1, left / ms) : Math.min(1, (left * LETTERS_PER_MS) / words.length);
      const letters = Math.floor(words.length * share);
      heard.push(share === 1 ? words : words.slice(0, letters).replace(/\S+$/, "").trim());
      left -= ms || words.length / LETTERS_PER_MS;
      if (left <= 0) break;
    }
    return heard.join(" ").trim();
  }

  turn(turn) {
    if (turn.kind === "nod") return this.note(`“${turn.text}”: not taken for an interruption`);
    if (turn.speaker === "agent" && this.caller) this.drop("caller");
    const line = this.open(turn.speaker);
    const words = line.querySelector("p");
    words.className = "";
    words.textContent = turn.text;
    if (!turn.text && !turn.unheard) {
      words.className = "soft";
      words.textContent = "(not understood)";
    }
    if (turn.kind === "digits") words.textContent = `Keys ${turn.text}`;
    if (turn.unheard) words.append(" ", make("s", "soft", turn.unheard));
    if (turn.interrupted) {
      const stopped = turn.barge_in_ms == null ? "" : `, silent ${inWords(turn.barge_in_ms)} after you began`;
      line.append(make("p", "cutmark", `Interrupted${stopped}`));
    }
    if (turn.timing) line.append(bar(turn.timing));
    this.close(turn.speaker);
    this.begin();
    this.show();
  }

  close(speaker) {
    if (this[speaker]) this[speaker].ariaBusy = "false";
    this[speaker] = null;
  }

  drop(speaker) {
    this[speaker]?.remove();
    this[speaker] = null;
  }

  note(words, tone = "") {
    this.list.append(make("li", `remark ${tone}`.trim(), words));
    this.show();
  }

  // What was being written stays as far as it came.
  end() {
    this.drop("caller");
    this.close("agent");
    this.begin();
  }
}

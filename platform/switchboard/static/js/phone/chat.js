// A test by typing: each message is a JSON object on a socket of its own.
const CLOSED = {
  1000: ["The chat is over.", ""],
  4008: ["Nobody has written for a while, so the chat was closed.", ""],
  1012: ["Switchboard is being restarted. Start the chat again in a moment.", "bad"],
};
const REFUSED = ["The chat did not come about: there is no room, or the agent cannot start. Try again.", "bad"];
const LOST = ["The connection was lost. What was said is kept; start another chat to go on.", "bad"];

export class Chat {
  // `on`: open(), live(message), over(words, tone).
  constructor(test, on) {
    this.on = on;
    this.opened = false;
    this.waiting = false;
    this.why = null;
    this.socket = new WebSocket(test.socket);
    this.socket.onopen = () => {
      this.opened = true;
      on.open();
    };
    this.socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.kind === "ready") this.waiting = false;
      else if (message.kind === "over") this.why = [message.text, ""];
      else on.live(message);
    };
    this.socket.onclose = ({ code }) => on.over(...(this.why ?? (this.opened ? (CLOSED[code] ?? LOST) : REFUSED)));
  }

  // False when it cannot be sent now: the words stay where they were typed.
  say(words) {
    if (this.waiting || this.socket.readyState !== WebSocket.OPEN) return false;
    this.waiting = true;
    this.socket.send(JSON.stringify({ say: words }));
    return true;
  }

  hangUp() {
    this.why = ["You ended the chat.", ""];
    this.socket.close(1000);
  }
}

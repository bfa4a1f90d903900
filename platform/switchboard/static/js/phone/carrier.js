// The browser as the telephone company: the protocol that Vobiz speaks on a media socket, from its side.
const QUEUED = 64 * 1024; // what may wait in a slow socket; beyond it frames are left out, and their numbers say so

const text = (bytes) => btoa(String.fromCharCode(...bytes));
const bytes = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

export class Carrier {
  // `on`: open(), play(bytes), mark(name), clear() → promise, live(message), over(how). `over` comes once: `ended` (by the
  // agent), `hung up` (by us), `refused` (never opened) or `lost`.
  constructor(test, on) {
    this.test = test;
    this.on = on;
    this.stream = crypto.randomUUID();
    this.chunk = 0;
    this.opened = false;
    this.socket = new WebSocket(test.socket);
    this.socket.onopen = () => this.start();
    this.socket.onmessage = ({ data }) => this.receive(JSON.parse(data));
    this.socket.onclose = () => this.end(this.opened ? "lost" : "refused");
  }

  start() {
    this.opened = true;
    this.send("start", {
      sequenceNumber: 0,
      start: {
        callId: this.test.carrier_id,
        streamId: this.stream,
        tracks: ["inbound"],
        mediaFormat: { encoding: "audio/x-mulaw", sampleRate: 8000 },
      },
      extra_headers: "{}",
    });
    this.on.open();
  }

  receive(message) {
    switch (message.event) {
      case "playAudio":
        return this.on.play(bytes(message.media.payload));
      case "checkpoint":
        return this.on.mark(message.name);
      case "clearAudio":
        return this.on.clear().then(() => this.send("clearedAudio", { streamId: this.stream }));
      case "live":
        return this.on.live(message);
      case "stop":
        return this.end("ended");
    }
  }

  send(event, fields) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ event, ...fields }));
  }

  hear(frame) {
    this.chunk += 1;
    if (!this.opened || this.socket.bufferedAmount > QUEUED) return;
    const media = { track: "inbound", chunk: this.chunk, payload: text(frame) };
    this.send("media", { streamId: this.stream, media });
  }

  played(name) {
    this.send("playedStream", { streamId: this.stream, name });
  }

  press(digit) {
    this.send("dtmf", { streamId: this.stream, dtmf: { track: "inbound", digit } });
  }

  hangUp() {
    this.send("stop", { streamId: this.stream, reason: "hangup" });
    this.end("hung up");
  }

  end(how) {
    this.socket.onclose = null;
    this.socket.onmessage = null;
    this.socket.close(1000);
    this.opened = false;
    this.on.over(how);
  }
}

// The audio thread. `phone-ear`: the microphone as 20 ms frames of µ-law. `phone-mouth`: plays such frames from a small
// buffer that can be emptied at once.
import { FRAME, RATE, Resampler, SILENCE, decode, encode, loudness } from "./dsp.js";

class Ear extends AudioWorkletProcessor {
  constructor() {
    super();
    this.resampler = new Resampler(sampleRate, RATE);
    this.samples = new Float32Array(FRAME);
    this.count = 0;
    this.muted = false;
    this.quiet = new Float32Array(128);
    this.port.onmessage = ({ data }) => (this.muted = data.muted);
  }

  process([input]) {
    // A microphone that gives nothing is silence: the line has fifty frames a second whatever happens.
    this.resampler.push(input[0] ?? this.quiet, (sample) => {
      this.samples[this.count] = sample;
      this.count += 1;
      if (this.count === FRAME) this.send();
    });
    return true;
  }

  send() {
    this.count = 0;
    const frame = this.muted ? new Uint8Array(FRAME).fill(SILENCE) : Uint8Array.from(this.samples, encode);
    this.port.postMessage({ frame, level: loudness(this.samples) }, [frame.buffer]);
  }
}

const START_FRAMES = 3; // what must be there before it plays: 60 ms against jitter
const PATIENCE_S = 0.06; // or how long it waits for more
const REPORT_S = 0.05;
const AUDIBLE = 0.002;

class Mouth extends AudioWorkletProcessor {
  constructor() {
    super();
    this.resampler = new Resampler(RATE, sampleRate);
    this.ready = new Float32Array(Math.ceil((sampleRate / RATE) * FRAME) * 4);
    this.queue = []; // frames, and the names of marks between them
    this.made = 0; // samples that came out of the resampler
    this.played = 0; // and those of them that were heard
    this.marks = [];
    this.frames = 0;
    this.since = 0;
    this.playing = false;
    this.told = { at: 0, played: 0, audible: 0, sum: 0 };
    this.port.onmessage = ({ data }) => this.take(data);
  }

  take({ frame, mark, flush }) {
    if (frame) {
      if (this.frames === 0) this.since = currentTime;
      this.queue.push(decode(frame));
      this.frames += 1;
    } else if (mark) {
      this.queue.push(mark);
    } else if (flush) {
      this.queue = [];
      this.marks = [];
      this.frames = 0;
      this.played = this.made;
      this.playing = false;
      this.resampler.reset();
      this.port.postMessage({ flushed: true });
    }
  }

  process(_, [output]) {
    const sound = output[0];
    if (!this.playing) {
      const waited = currentTime - this.since >= PATIENCE_S;
      this.playing = this.frames >= START_FRAMES || (this.queue.length > 0 && waited);
    }
    if (this.playing) this.fill(sound);
    this.report(sound);
    return true;
  }

  fill(sound) {
    while (this.made - this.played < sound.length && this.queue.length > 0) {
      const next = this.queue.shift();
      if (typeof next === "string") {
        this.marks.push({ name: next, at: this.made });
        continue;
      }
      this.frames -= 1;
      this.resampler.push(next, (sample) => {
        this.ready[this.made % this.ready.length] = sample;
        this.made += 1;
      });
    }
    const count = Math.min(sound.length, this.made - this.played);
    for (let index = 0; index < count; index += 1) sound[index] = this.ready[(this.played + index) % this.ready.length];
    this.played += count;
    if (count < sound.length) this.playing = false;
    while (this.marks.length > 0 && this.marks[0].at <= this.played) {
      this.port.postMessage({ played: this.marks.shift().name });
    }
  }

  // What was really heard, a few times a second while there is something to say.
  report(sound) {
    const { told } = this;
    const level = loudness(sound);
    told.sum += level * level * sound.length;
    if (level > AUDIBLE) told.audible += sound.length;
    const samples = (currentTime - told.at) * sampleRate;
    if (currentTime - told.at < REPORT_S) return;
    if (this.played !== told.played || told.sum > 0) {
      const ms = ((this.played - told.played) * 1000) / sampleRate;
      const audible = (told.audible * 1000) / sampleRate;
      this.port.postMessage({ ms, audible, level: Math.sqrt(told.sum / samples) });
    }
    this.told = { at: currentTime, played: this.played, audible: 0, sum: 0 };
  }
}

registerProcessor("phone-ear", Ear);
registerProcessor("phone-mouth", Mouth);

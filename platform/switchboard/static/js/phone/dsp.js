// Sound as the telephone has it: another rate, and µ-law (G.711). Used on the audio thread; nothing here waits.
export const RATE = 8000;
export const FRAME = 160;
export const SILENCE = 0xff;

const ZEROS = 12; // how many zero crossings of the sinc on either side
const STEPS = 256; // places of the kernel per input sample
const SLOPE = 0.92; // where the pass band ends, as a share of the lower rate's half

// Changes the rate by a windowed sinc: whatever the lower rate cannot carry is taken away, so that nothing folds back.
export class Resampler {
  constructor(from, to) {
    this.step = from / to;
    const band = SLOPE * Math.min(1, to / from);
    this.half = Math.ceil(ZEROS / band);
    this.kernel = new Float32Array(this.half * STEPS + 2);
    for (let at = 0; at < this.kernel.length; at += 1) {
      const x = at / STEPS;
      const angle = Math.PI * band * x;
      const sinc = at === 0 ? 1 : Math.sin(angle) / angle;
      this.kernel[at] = x >= this.half ? 0 : band * sinc * (0.5 + 0.5 * Math.cos((Math.PI * x) / this.half));
    }
    this.held = new Float32Array(this.half * 2 + 4096);
    this.reset();
  }

  reset() {
    this.held.fill(0);
    this.count = this.half * 2;
    this.at = this.half;
  }

  // Calls `give` with each sample at the new rate that the samples so far allow.
  push(samples, give) {
    if (this.count + samples.length > this.held.length) this.forget();
    this.held.set(samples, this.count);
    this.count += samples.length;
    for (; this.at + this.half < this.count; this.at += this.step) give(this.sampleAt(this.at));
  }

  sampleAt(centre) {
    const { held, kernel, half } = this;
    const first = Math.ceil(centre - half);
    const last = Math.floor(centre + half);
    let sum = 0;
    for (let index = first; index <= last; index += 1) {
      const place = Math.abs(index - centre) * STEPS;
      const low = Math.floor(place);
      sum += held[index] * (kernel[low] + (kernel[low + 1] - kernel[low]) * (place - low));
    }
    return sum;
  }

  forget() {
    const gone = Math.floor(this.at) - this.half;
    this.held.copyWithin(0, gone, this.count);
    this.count -= gone;
    this.at -= gone;
  }
}

export function encode(sample) {
  let level = Math.max(-32635, Math.min(32635, Math.round(sample * 32768)));
  const sign = level < 0 ? 0x80 : 0;
  level = Math.abs(level) + 132;
  let exponent = 7;
  for (let bit = 0x4000; exponent > 0 && !(level & bit); bit >>= 1) exponent -= 1;
  return ~(sign | (exponent << 4) | ((level >> (exponent + 3)) & 0x0f)) & 0xff;
}

const LEVELS = Float32Array.from({ length: 256 }, (_, code) => {
  const bits = ~code & 0xff;
  const level = ((((bits & 0x0f) << 3) + 132) << ((bits >> 4) & 7)) - 132;
  return (bits & 0x80 ? -level : level) / 32768;
});

export const decode = (bytes) => Float32Array.from(bytes, (code) => LEVELS[code]);

export function loudness(samples) {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return Math.sqrt(sum / Math.max(1, samples.length));
}

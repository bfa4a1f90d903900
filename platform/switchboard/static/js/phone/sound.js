// The microphone and the loudspeaker of one call.
const WHY = {
  NotAllowedError: "denied",
  SecurityError: "denied",
  NotFoundError: "none",
  OverconstrainedError: "none",
  NotReadableError: "busy",
  AbortError: "busy",
};

export class NoMicrophone extends Error {
  // `why`: insecure, denied, none, busy or failed.
  constructor(why) {
    super(why);
    this.why = why;
  }
}

export class Sound {
  // `tell` hears {frame, level} of the microphone, {ms, audible, heardLevel} and {played} of the loudspeaker, {gone}.
  // Raises `NoMicrophone`. Begin from a click: browsers let no page sound by itself.
  static async open(worklet, tell) {
    if (!isSecureContext || !navigator.mediaDevices) throw new NoMicrophone("insecure");
    const context = new AudioContext({ latencyHint: "interactive" });
    const sound = new Sound(context, tell);
    try {
      const wanted = { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true };
      const [stream] = await Promise.all([
        navigator.mediaDevices.getUserMedia({ audio: wanted }),
        context.audioWorklet.addModule(worklet),
        context.resume(),
      ]);
      sound.connect(stream);
      return sound;
    } catch (error) {
      sound.close();
      throw new NoMicrophone(WHY[error.name] ?? "failed");
    }
  }

  constructor(context, tell) {
    this.context = context;
    this.tell = tell;
    this.tracks = [];
    this.flushed = [];
  }

  connect(stream) {
    this.tracks = stream.getTracks();
    for (const track of this.tracks) track.onended = () => this.tell({ gone: true });
    const mono = { channelCount: 1, channelCountMode: "explicit" };
    this.ear = new AudioWorkletNode(this.context, "phone-ear", { ...mono, numberOfOutputs: 0 });
    this.mouth = new AudioWorkletNode(this.context, "phone-mouth", { numberOfInputs: 0, outputChannelCount: [1] });
    this.ear.port.onmessage = ({ data }) => this.tell(data);
    this.mouth.port.onmessage = ({ data }) => this.fromMouth(data);
    this.context.createMediaStreamSource(stream).connect(this.ear);
    this.mouth.connect(this.context.destination);
  }

  fromMouth(data) {
    if (data.flushed) {
      this.flushed.shift()?.();
    } else if (data.played) {
      // It has left the worklet; the device is this much behind.
      const late = (this.context.outputLatency || this.context.baseLatency || 0) * 1000;
      setTimeout(() => this.tell(data), late);
    } else {
      this.tell({ ms: data.ms, audible: data.audible, heardLevel: data.level });
    }
  }

  mute(muted) {
    this.ear.port.postMessage({ muted });
  }

  play(frame) {
    this.mouth.port.postMessage({ frame });
  }

  mark(name) {
    this.mouth.port.postMessage({ mark: name });
  }

  // Silence at once; resolves when it is.
  flush() {
    this.mouth.port.postMessage({ flush: true });
    return new Promise((done) => this.flushed.push(done));
  }

  close() {
    for (const track of this.tracks) {
      track.onended = null;
      track.stop();
    }
    if (this.context.state !== "closed") this.context.close();
  }
}

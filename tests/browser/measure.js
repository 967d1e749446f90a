// Runs in the page under test: when flashes are shown and beeps are heard, in ms of its clock.
// (The page's own policy forbids scripts from elsewhere: the test's context bypasses it.)
async () => {
  const PROBE = `// hears the onsets of beeps to the sample
    class Probe extends AudioWorkletProcessor {
      constructor() {
        super();
        this.quiet = 0; // samples since the last loud one
      }
      process(inputs) {
        const heard = inputs[0][0];
        for (let i = 0; heard && i < heard.length; i++) {
          if (Math.abs(heard[i]) < 0.08) {
            this.quiet++;
            continue;
          }
          if (this.quiet > 0.2 * sampleRate) this.port.postMessage(currentTime + i / sampleRate);
          this.quiet = 0;
        }
        return true;
      }
    }
    registerProcessor("probe", Probe);`;
  const video = document.getElementById("video");
  const found = (window.measured = { flashes: [], beeps: [], sums: [] });
  const canvas = new OffscreenCanvas(32, 32);
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  let bright = true;
  const look = (now, frame) => {
    pen.drawImage(video, 0, 0, 32, 32);
    const pixels = pen.getImageData(0, 0, 32, 32).data;
    const corner = pixels[4 * (32 + 1)] + pixels[4 * (32 + 1) + 2];
    if (corner > 440 && !bright) found.flashes.push(frame.expectedDisplayTime);
    bright = corner > 440;
    found.sums.push(pixels.reduce((a, b) => a + b, 0));
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
  const context = new AudioContext({ latencyHint: "interactive", sampleRate: 48000 });
  const source = new Blob([PROBE], { type: "text/javascript" });
  await context.audioWorklet.addModule(URL.createObjectURL(source));
  const probe = new AudioWorkletNode(context, "probe");
  probe.port.onmessage = ({ data }) => {
    const { contextTime, performanceTime } = context.getOutputTimestamp();
    found.beeps.push(performanceTime + (data - contextTime) * 1000);
  };
  context.createMediaStreamSource(video.srcObject).connect(probe).connect(context.destination);
  await context.resume();
  found.latency = [context.baseLatency, context.outputLatency];
  return context.state;
};

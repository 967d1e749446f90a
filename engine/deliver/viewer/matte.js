// WebRTC has no alpha. Where the engine's background is transparent, the video is twice as high:
// colour (multiplied by alpha) above, alpha as grey below. A shader lays one over the other.

const VERTEX = `attribute vec2 at; varying vec2 uv;
void main() { uv = vec2(at.x, 1.0 - at.y) * 0.5 + vec2(0.5, 0.0); gl_Position = vec4(at, 0.0, 1.0); }`;
const FRAGMENT = `precision mediump float; varying vec2 uv; uniform sampler2D both; uniform float edge;
void main() {
  vec2 at = vec2(uv.x, clamp(uv.y, edge, 1.0 - edge));
  float alpha = smoothstep(0.02, 0.98, texture2D(both, vec2(at.x, 0.5 + 0.5 * at.y)).g);
  vec3 colour = texture2D(both, vec2(at.x, 0.5 * at.y)).rgb;
  gl_FragColor = vec4(min(colour, vec3(alpha)), alpha);
}`;

export class Matte {
  constructor(canvas, video) {
    this.canvas = canvas;
    this.video = video;
    this.running = false;
    this.gl = canvas.getContext("webgl", { premultipliedAlpha: true, antialias: false });
    if (this.gl) this.edge = this.prepare(this.gl);
  }

  prepare(gl) {
    const program = gl.createProgram();
    for (const [type, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(type);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    gl.useProgram(program);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 1, -1, -1, 1, 1, 1]), gl.STATIC_DRAW);
    const at = gl.getAttribLocation(program, "at");
    gl.enableVertexAttribArray(at);
    gl.vertexAttribPointer(at, 2, gl.FLOAT, false, 0, 0);
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    for (const side of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, side, gl.CLAMP_TO_EDGE);
    for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, filter, gl.LINEAR);
    return gl.getUniformLocation(program, "edge");
  }

  /** Begins or stops to unite the halves; the video itself is hidden meanwhile. */
  run(wanted) {
    if (wanted === this.running || !this.gl) return;
    this.running = wanted;
    this.canvas.hidden = !wanted;
    this.video.classList.toggle("halves", wanted);
    if (wanted) this.next();
  }

  next() {
    if (!this.running) return;
    this.draw();
    const again = () => this.next();
    if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(again);
    else requestAnimationFrame(again);
  }

  draw() {
    const { gl, canvas, video } = this;
    const [width, height] = [video.videoWidth, video.videoHeight >> 1];
    if (!width || !height) return;
    if (canvas.width !== width || canvas.height !== height) {
      [canvas.width, canvas.height] = [width, height];
      gl.viewport(0, 0, width, height);
    }
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, video);
    gl.uniform1f(this.edge, 1 / height); // colour and alpha must not bleed into each other
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }
}

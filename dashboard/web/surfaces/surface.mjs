// @ts-check
/** Draws depth pictures in space with WebGL2, one pane after the other, on a canvas that the stage copies from. */

import { deband } from "./debanding.mjs";
import { decoding, fillCodes, tearingOfCodes } from "./geometry.mjs";
import { FRAGMENT, LINE_FRAGMENT, LINE_VERTEX, VERTEX } from "./shaders.mjs";

/** Tears nothing: depths never differ by so many times. */
const NO_TEAR = 1e9;
/** A clip has one size, and few strides. */
const MAX_GRIDS = 6;

/**
 * @typedef {import("./geometry.mjs").Domain} Domain
 * @typedef {import("./geometry.mjs").Lens} Lens
 * @typedef {{camera: Float32Array, lens: Lens, surface: import("../view/space_view_state.mjs").SpaceViewState["surface"],
 *   isShaded: boolean, isDebanded: boolean, stride: number}} Scene stride: pixels between vertices
 * @typedef {{codes: ImageData, domain: Domain, colours: TexImageSource, version: unknown[]}} Picture colours: drawn on the
 *   surface; version: what their content depends on
 * @typedef {{points: Float32Array, ink: [number, number, number, number]}} Lines pairs of points
 * @typedef {{codes: WebGLTexture, colours: WebGLTexture, of: ImageData | null, isDebanded: boolean,
 *   version: unknown[]}} Held textures of a pane
 */

export class Surface {
  /** @param {{onLost: () => void, onRestored: () => void}} events of the WebGL context */
  constructor({ onLost, onRestored }) {
    this.canvas = document.createElement("canvas");
    const options = { alpha: true, antialias: false, depth: true, powerPreference: "high-performance" };
    this.gl = /** @type {WebGL2RenderingContext | null} */ (this.canvas.getContext("webgl2", options));
    /** @type {Map<number, Held>} by pane */
    this.held = new Map();
    /** Codes of each pane as floats, which probing and measuring read too. @type {Map<number, {of: ImageData, floats: Float32Array<ArrayBuffer>}>} */
    this.codes = new Map();
    /** Triangles by size and stride. @type {Map<string, {indices: WebGLBuffer | null, nIndices: number, nVertices: number}>} */
    this.grids = new Map();
    this.isLost = false;
    this.canvas.addEventListener("webglcontextlost", (event) => {
      event.preventDefault();
      this.isLost = true;
      this.held.clear();
      onLost();
    });
    this.canvas.addEventListener("webglcontextrestored", () => {
      this.isLost = false;
      this.build();
      onRestored();
    });
    this.build();
  }

  /** The name of what draws. */
  get renderer() {
    const known = this.gl?.getExtension("WEBGL_debug_renderer_info");
    return known ? String(this.gl?.getParameter(known.UNMASKED_RENDERER_WEBGL)) : "";
  }

  get isReady() {
    return this.gl !== null && !this.isLost && this.mesh !== null;
  }

  build() {
    const { gl } = this;
    this.mesh = gl && program(gl, VERTEX, FRAGMENT);
    this.lines = gl && program(gl, LINE_VERTEX, LINE_FRAGMENT);
    if (!this.mesh) return; // no context, or a driver that cannot compile: `isReady` is false, and the panes say so
    this.grids.clear(); // of a context that is lost
    this.linePoints = gl?.createBuffer() ?? null;
  }

  /** The codes of a pane's picture as floats, filled anew for another picture. @param {number} pane @param {ImageData} codes @param {Domain} domain */
  codesOf(pane, codes, domain) {
    const known = this.codes.get(pane);
    if (known?.of === codes) return known.floats;
    const count = codes.width * codes.height;
    const floats = known?.floats.length === count ? known.floats : new Float32Array(count);
    this.codes.set(pane, { of: codes, floats });
    return fillCodes(codes.data, domain, floats);
  }

  /**
   * Draws a pane; the result stands in the canvas until the next one.
   * @param {number} pane @param {Picture} picture @param {Scene} scene @param {Lines[]} lines
   * @param {{width: number, height: number}} size of the canvas, px
   */
  draw(pane, picture, scene, lines, { width, height }) {
    const { gl, mesh, canvas } = this;
    if (!gl || !mesh || this.isLost) return;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    gl.viewport(0, 0, width, height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.enable(gl.DEPTH_TEST);
    const grid = this.grid(picture.codes, scene.stride);
    this.setTextures(pane, picture, scene.isDebanded);
    const { surface, lens } = scene;
    const { lo, slope, isLog } = decoding(picture.domain);
    const isPoints = surface.name === "points";
    const { stride } = scene;
    gl.useProgram(mesh.program);
    const at = mesh.at;
    gl.uniform1i(at("codes"), 0);
    gl.uniform1i(at("colours"), 1);
    gl.uniform2i(at("size"), picture.codes.width, picture.codes.height);
    gl.uniform1i(at("stride"), stride);
    gl.uniform1i(at("across"), gridOf(picture.codes, stride).across);
    gl.uniform3f(at("decode"), lo, slope, isLog ? 1 : 0);
    // The picture of a preview or of a track may have fewer pixels than the clip.
    gl.uniform1f(at("step"), (lens.step * lens.width) / picture.codes.width);
    const { ratio, offset } = tearingOfCodes(picture.domain, surface.name === "tear" ? surface.tolerance : NO_TEAR);
    gl.uniform2f(at("tearing"), ratio, offset);
    gl.uniform1f(at("pointPx"), isPoints ? (1.1 * width * stride) / picture.codes.width : 0);
    gl.uniform1i(at("isShaded"), scene.isShaded ? 1 : 0);
    gl.uniformMatrix4fv(at("camera"), false, scene.camera);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, grid.indices);
    if (isPoints) gl.drawArrays(gl.POINTS, 0, grid.nVertices);
    else gl.drawElements(gl.TRIANGLES, grid.nIndices, gl.UNSIGNED_INT, 0);
    this.drawLines(lines, scene.camera);
  }

  /** @param {Lines[]} lines @param {Float32Array} camera */
  drawLines(lines, camera) {
    const { gl, lines: drawn } = this;
    if (!gl || !drawn || lines.length === 0) return;
    gl.useProgram(drawn.program);
    gl.uniformMatrix4fv(drawn.at("camera"), false, camera);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.linePoints ?? null);
    const place = gl.getAttribLocation(drawn.program, "point");
    gl.enableVertexAttribArray(place);
    for (const { points, ink } of lines) {
      gl.bufferData(gl.ARRAY_BUFFER, points, gl.STREAM_DRAW);
      gl.vertexAttribPointer(place, 3, gl.FLOAT, false, 0, 0);
      gl.uniform4f(drawn.at("ink"), ...ink);
      gl.drawArrays(gl.LINES, 0, points.length / 3);
    }
    gl.disableVertexAttribArray(place);
    gl.disable(gl.BLEND);
  }

  /** The triangles of a grid, the same for every frame. @param {{width: number, height: number}} size @param {number} stride */
  grid(size, stride) {
    const name = `${size.width} ${size.height} ${stride}`;
    const known = this.grids.get(name);
    if (known) return known;
    if (this.grids.size >= MAX_GRIDS) this.dropGrids();
    const { across, down } = gridOf(size, stride);
    const indices = triangles(across, down);
    const made = { indices: this.gl?.createBuffer() ?? null, nIndices: indices.length, nVertices: across * down };
    this.gl?.bindBuffer(this.gl.ELEMENT_ARRAY_BUFFER, made.indices);
    this.gl?.bufferData(this.gl.ELEMENT_ARRAY_BUFFER, indices, this.gl.STATIC_DRAW);
    this.grids.set(name, made);
    return made;
  }

  dropGrids() {
    for (const { indices } of this.grids.values()) this.gl?.deleteBuffer(indices);
    this.grids.clear();
  }

  /** Uploads what is new of a pane. @param {number} pane @param {Picture} picture @param {boolean} isDebanded */
  setTextures(pane, { codes, domain, colours, version }, isDebanded) {
    const { gl } = this;
    if (!gl) return;
    let held = this.held.get(pane);
    if (!held) {
      held = { codes: texture(gl, gl.NEAREST), colours: texture(gl, gl.LINEAR), of: null, isDebanded, version: [] };
      this.held.set(pane, held);
    }
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, held.codes);
    if (held.of !== codes || held.isDebanded !== isDebanded) {
      Object.assign(held, { of: codes, isDebanded });
      const { width, height } = codes;
      const stored = this.codesOf(pane, codes, domain);
      const floats = isDebanded ? deband(stored, width, new Float32Array(stored.length)) : stored;
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.R32F, width, height, 0, gl.RED, gl.FLOAT, floats);
    }
    gl.activeTexture(gl.TEXTURE1);
    gl.bindTexture(gl.TEXTURE_2D, held.colours);
    const isSame = version.length === held.version.length && version.every((one, at) => one === held.version[at]);
    if (isSame) return;
    held.version = version;
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, colours);
  }

  /** Frees the textures of panes that are gone. @param {number} count panes that stay */
  keep(count) {
    for (const pane of this.codes.keys()) if (pane >= count) this.codes.delete(pane);
    for (const [pane, { codes, colours }] of this.held) {
      if (pane < count) continue;
      this.gl?.deleteTexture(codes);
      this.gl?.deleteTexture(colours);
      this.held.delete(pane);
    }
  }

  /** Frees everything, the context too: browsers allow few of them. */
  close() {
    this.keep(0);
    this.dropGrids();
    this.gl?.deleteBuffer(this.linePoints ?? null);
    for (const one of [this.mesh, this.lines]) if (one) this.gl?.deleteProgram(one.program);
    this.mesh = this.lines = null;
    this.gl?.getExtension("WEBGL_lose_context")?.loseContext();
  }
}

/** Vertices in a row and in a column. @param {{width: number, height: number}} size px @param {number} stride */
export function gridOf(size, stride) {
  return { across: Math.ceil(size.width / stride), down: Math.ceil(size.height / stride) };
}

/**
 * Two triangles for each cell, each with the corner last that belongs to it alone: top left, then bottom right.
 * @param {number} across @param {number} down vertices
 */
export function triangles(across, down) {
  const indices = new Uint32Array(6 * Math.max(across - 1, 0) * Math.max(down - 1, 0));
  let i = 0;
  for (let y = 0; y + 1 < down; y += 1) {
    for (let x = 0; x + 1 < across; x += 1) {
      const at = y * across + x;
      indices[i++] = at + across;
      indices[i++] = at + 1;
      indices[i++] = at;
      indices[i++] = at + 1;
      indices[i++] = at + across;
      indices[i++] = at + across + 1;
    }
  }
  return indices;
}

/** @param {WebGL2RenderingContext} gl @param {number} filter */
function texture(gl, filter) {
  const made = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, made);
  for (const name of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, name, filter);
  for (const name of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, name, gl.CLAMP_TO_EDGE);
  return made;
}

/** @param {WebGL2RenderingContext} gl @param {string} vertex @param {string} fragment */
function program(gl, vertex, fragment) {
  const made = gl.createProgram();
  for (const [type, text] of /** @type {[number, string][]} */ ([
    [gl.VERTEX_SHADER, vertex],
    [gl.FRAGMENT_SHADER, fragment],
  ])) {
    const shader = /** @type {WebGLShader} */ (gl.createShader(type));
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(made, shader);
    gl.deleteShader(shader);
  }
  gl.linkProgram(made);
  if (!gl.getProgramParameter(made, gl.LINK_STATUS)) {
    console.error(`WebGL: ${gl.getProgramInfoLog(made)}`);
    return null;
  }
  /** @type {Map<string, WebGLUniformLocation | null>} */
  const known = new Map();
  const at = (/** @type {string} */ name) => {
    if (!known.has(name)) known.set(name, gl.getUniformLocation(made, name));
    return known.get(name) ?? null;
  };
  return { program: made, at };
}

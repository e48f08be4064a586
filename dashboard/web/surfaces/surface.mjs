// @ts-check
/** Draws depth pictures in space with WebGL2, one pane after the other, on a canvas that the stage copies from. */

import { deband } from "./debanding.mjs";
import { fillBehind } from "./filling.mjs";
import { decoding, fillCodes, strideOf, tearingOfCodes } from "./geometry.mjs";
import { acrossOf, setBack } from "./matrices.mjs";
import { FRAGMENT, LINE_FRAGMENT, LINE_VERTEX, VERTEX } from "./shaders.mjs";

/** Tears nothing: depths never differ by so many times. */
const NO_TEAR = 1e9;
/** Points overlap by a little, so that a wall of them is closed. */
const POINT_SHARE = 1.1;
/** A clip has one size, and few strides. */
const MAX_GRIDS = 6;
/** Width of the lines that hatch what is invented, px. */
const HATCH_PX = 2;

/**
 * @typedef {import("./geometry.mjs").Domain} Domain
 * @typedef {import("./geometry.mjs").Lens} Lens
 * @typedef {{camera: Float32Array, lens: Lens, surface: import("../view/space_view_state.mjs").SpaceViewState["surface"],
 *   isShaded: boolean, isDebanded: boolean, stride: number, gaps: "open" | "filled" | "hatched", mayFill?: boolean,
 *   isSealed?: boolean}} Scene stride:
 *   pixels between vertices; gaps: what a near side hides, left open, filled from the far side, or filled and hatched where it
 *   is invented; mayFill: whether what is not filled yet may be now, which takes some 60 ms for 256 x 256 pixels;
 *   isSealed: whether what stays open behind a filled surface, such as between single torn pixels, is closed by its torn triangles
 * @typedef {{codes: ImageData, domain: Domain, colours: TexImageSource, version: unknown[]}} Picture colours: drawn on the
 *   surface; version: what their content depends on
 * @typedef {{points: Float32Array, ink: [number, number, number, number]}} Lines pairs of points
 * @typedef {{codes: WebGLTexture, colours: WebGLTexture, of: ImageData | null, isDebanded: boolean,
 *   version: unknown[]}} Held textures of a pane
 * @typedef {{codes: WebGLTexture, colours: WebGLTexture, invented: WebGLTexture, size: {width: number, height: number},
 *   version: unknown[]}} Behind textures of the layer behind a pane
 */

export class Surface {
  /** @param {{onLost: () => void, onRestored: () => void}} events of the WebGL context */
  constructor({ onLost, onRestored }) {
    this.canvas = document.createElement("canvas");
    const options = { alpha: true, antialias: false, depth: true, powerPreference: "high-performance" };
    this.gl = /** @type {WebGL2RenderingContext | null} */ (this.canvas.getContext("webgl2", options));
    /** @type {Map<number, Held>} by pane */
    this.held = new Map();
    /** @type {Map<number, Behind>} by pane */
    this.behind = new Map();
    /** Codes of each pane as floats, which probing and measuring read too. @type {Map<number, {of: ImageData, floats: Float32Array<ArrayBuffer>}>} */
    this.codes = new Map();
    /** Triangles by size and stride. @type {Map<string, {indices: WebGLBuffer | null, nIndices: number, nVertices: number}>} */
    this.grids = new Map();
    this.isLost = false;
    this.canvas.addEventListener("webglcontextlost", (event) => {
      event.preventDefault();
      this.isLost = true;
      this.held.clear();
      this.behind.clear();
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
    this.setTextures(pane, picture, scene.isDebanded);
    const { surface, lens } = scene;
    // The picture of a preview or of a track may have fewer pixels than the clip.
    const step = (lens.step * lens.width) / picture.codes.width;
    gl.useProgram(mesh.program);
    gl.uniform1i(mesh.at("codes"), 0);
    gl.uniform1i(mesh.at("colours"), 1);
    gl.uniform1i(mesh.at("invented"), 2);
    gl.uniform1f(mesh.at("hatchPx"), 0);
    gl.uniform1i(mesh.at("isOfTears"), 0);
    gl.uniform1i(mesh.at("isShaded"), scene.isShaded ? 1 : 0);
    gl.uniformMatrix4fv(mesh.at("camera"), false, scene.camera);
    // Coarse triangles span more and would tear where fine ones do not: a sealed surface has no holes while it moves either.
    const isCoarse = scene.stride > strideOf(picture.codes);
    const isTorn = surface.name === "tear" && !(scene.isSealed && scene.gaps === "filled" && isCoarse);
    const tolerance = isTorn ? surface.tolerance : NO_TEAR;
    const isPoints = surface.name === "points";
    // A pixel of depth 1, as the camera sees it at distance 1.
    const pixelPx = 0.5 * width * acrossOf(scene.camera) * step * scene.stride;
    const how = { stride: scene.stride, step, perVertex: 1, tolerance };
    this.drawMesh(picture.codes, picture.domain, { ...how, pointPx: isPoints ? POINT_SHARE * pixelPx : 0 });
    if (isTorn && !isCoarse) {
      gl.uniform1i(mesh.at("isOfTears"), 1);
      gl.uniformMatrix4fv(mesh.at("camera"), false, setBack(scene.camera, surface.tolerance / 2));
      this.drawMesh(picture.codes, picture.domain, { ...how, pointPx: pixelPx });
      gl.uniform1i(mesh.at("isOfTears"), 0);
      gl.uniformMatrix4fv(mesh.at("camera"), false, scene.camera);
    }
    const behind = isTorn && scene.gaps !== "open" ? this.behindOf(pane, picture, scene) : null;
    if (behind) {
      const perVertex = strideOf(picture.codes);
      for (const [at, one] of [behind.codes, behind.colours, behind.invented].entries()) {
        gl.activeTexture(gl.TEXTURE0 + at);
        gl.bindTexture(gl.TEXTURE_2D, one);
      }
      gl.uniform1f(mesh.at("hatchPx"), scene.gaps === "hatched" ? HATCH_PX : 0);
      const stride = Math.max(1, Math.round(scene.stride / perVertex));
      this.drawMesh(
        behind.size,
        picture.domain,
        { stride, step, perVertex, tolerance: NO_TEAR, pointPx: 0 },
        picture.codes,
      );
    }
    if (isTorn && scene.isSealed && scene.gaps === "filled") this.seal(pane, picture, { stride: scene.stride, step });
    this.drawLines(lines, scene.camera);
  }

  /** Draws the whole surface, torn triangles too, where nothing is drawn yet. @param {number} pane @param {Picture} picture @param {{stride: number, step: number}} how */
  seal(pane, { codes, domain }, { stride, step }) {
    const { gl } = this;
    const held = this.held.get(pane);
    if (!gl || !held) return;
    for (const [at, one] of [held.codes, held.colours].entries()) {
      gl.activeTexture(gl.TEXTURE0 + at);
      gl.bindTexture(gl.TEXTURE_2D, one);
    }
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE_MINUS_DST_ALPHA, gl.ONE);
    this.drawMesh(codes, domain, { stride, step, perVertex: 1, tolerance: NO_TEAR, pointPx: 0 });
    gl.disable(gl.BLEND);
  }

  /**
   * Draws the codes and colours that are bound.
   * @param {{width: number, height: number}} size of them @param {Domain} domain
   * @param {{stride: number, step: number, perVertex: number, tolerance: number, pointPx: number}} how step: of the rays of the
   *   whole picture; perVertex: its pixels to one of these
   * @param {{width: number, height: number}} [whole] size of the whole picture
   */
  drawMesh(size, domain, { stride, step, perVertex, tolerance, pointPx }, whole = size) {
    const { gl, mesh } = this;
    if (!gl || !mesh) return;
    const { lo, slope, isLog } = decoding(domain);
    const { ratio, offset } = tearingOfCodes(domain, tolerance);
    const grid = this.grid(size, stride);
    gl.uniform2i(mesh.at("size"), size.width, size.height);
    gl.uniform1i(mesh.at("stride"), stride);
    gl.uniform1i(mesh.at("across"), gridOf(size, stride).across);
    gl.uniform3f(mesh.at("decode"), lo, slope, isLog ? 1 : 0);
    gl.uniform1f(mesh.at("step"), step * perVertex);
    gl.uniform2f(mesh.at("centre"), (whole.width - 1) / 2 / perVertex, (whole.height - 1) / 2 / perVertex);
    gl.uniform2f(mesh.at("tearing"), ratio, offset);
    gl.uniform1f(mesh.at("pointPx"), pointPx);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, grid.indices);
    if (pointPx > 0) gl.drawArrays(gl.POINTS, 0, grid.nVertices);
    else gl.drawElements(gl.TRIANGLES, grid.nIndices, gl.UNSIGNED_INT, 0);
  }

  /**
   * The layer behind a pane; null where it is not filled yet and may not be now.
   * @param {number} pane @param {Picture} picture @param {Scene} scene @returns {Behind | null}
   */
  behindOf(pane, { codes, domain, colours, version }, { surface: { tolerance }, mayFill = true }) {
    const { gl } = this;
    const wanted = [codes, tolerance, ...version];
    const known = this.behind.get(pane);
    if (known && isSame(known.version, wanted)) return known;
    if (!gl || !mayFill) return null;
    const stride = strideOf(codes);
    const size = { width: gridOf(codes, stride).across, height: gridOf(codes, stride).down };
    const stored = this.codesOf(pane, codes, domain);
    const own = Float32Array.from({ length: size.width * size.height }, (_, i) => {
      const [x, y] = [i % size.width, Math.floor(i / size.width)];
      return stored[y * stride * codes.width + x * stride];
    });
    const layer = fillBehind(own, size.width, pixelsOf(colours, size), domain, tolerance);
    const made = known ?? {
      codes: texture(gl, gl.NEAREST),
      colours: texture(gl, gl.LINEAR),
      invented: texture(gl, gl.NEAREST),
      size,
      version: [],
    };
    Object.assign(made, { size, version: wanted });
    const { width, height } = size;
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, made.codes);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.R32F, width, height, 0, gl.RED, gl.FLOAT, layer.codes);
    gl.bindTexture(gl.TEXTURE_2D, made.colours);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, width, height, 0, gl.RGBA, gl.UNSIGNED_BYTE, layer.colours);
    gl.bindTexture(gl.TEXTURE_2D, made.invented);
    const marks = layer.isInvented.map((one) => 255 * one);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.R8, width, height, 0, gl.RED, gl.UNSIGNED_BYTE, marks);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 4);
    this.behind.set(pane, made);
    return made;
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
    if (isSame(version, held.version)) return;
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
    for (const [pane, { codes, colours, invented }] of this.behind) {
      if (pane < count) continue;
      for (const one of [codes, colours, invented]) this.gl?.deleteTexture(one);
      this.behind.delete(pane);
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

/** @param {unknown[]} a @param {unknown[]} b */
function isSame(a, b) {
  return a.length === b.length && a.every((one, at) => one === b[at]);
}

/** The colours in another size, RGBA. @param {TexImageSource} colours @param {{width: number, height: number}} size */
function pixelsOf(colours, { width, height }) {
  if (colours instanceof ImageData && colours.width === width && colours.height === height) return colours.data;
  let source = colours;
  if (colours instanceof ImageData) {
    source = new OffscreenCanvas(colours.width, colours.height);
    source.getContext("2d")?.putImageData(colours, 0, 0);
  }
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (
    new OffscreenCanvas(width, height).getContext("2d")
  );
  context.drawImage(/** @type {CanvasImageSource} */ (source), 0, 0, width, height);
  return context.getImageData(0, 0, width, height).data;
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

// @ts-check
/**
 * The programs that draw a depth picture in space.
 *
 * A vertex is a pixel of the grid: its code is decoded and placed here, so that another frame is another texture and no
 * mesh is built. Each triangle is known by its last corner, which gives it two flat facts (for the triangle below right of
 * that corner, and for the one above left): whether it is torn, and its normal.
 */

/** Where shading has its light from, in the frame of the clip's camera, and its greys: of what is turned away, and how much light adds. */
export const LIGHT = [-0.36, -0.48, -0.8];
export const SHADES = { dark: 0.16, span: 0.8 };

export const VERTEX = `#version 300 es
precision highp float;
precision highp int;
precision highp sampler2D;
uniform sampler2D codes;    // a float per pixel; below 0: unknown
uniform ivec2 size;         // px
uniform int stride;         // px between vertices
uniform int across;         // vertices in a row
uniform vec3 decode;        // lo, slope, 1 for a logarithmic scale
uniform float step;         // between neighbouring rays at depth 1
uniform vec2 centre;        // where the middle ray passes, px
uniform vec2 tearing;       // triangles are torn where a corner lies beyond x * nearest + y, in codes on a logarithmic scale
uniform bool isShaded;
uniform float pointPx;      // of a point at depth 1
uniform bool isOfTears;     // of the points, only those on the near side of a tear
uniform mat4 camera;
out vec2 place;             // px
flat out vec2 own;
flat out vec2 torn;
flat out vec3 normalAfter;
flat out vec3 normalBefore;

float codeAt(ivec2 at) {
  bool isOutside = any(lessThan(at, ivec2(0))) || any(greaterThanEqual(at, size));
  return isOutside ? -1.0 : texelFetch(codes, at, 0).r;
}

float depthOf(float code) {
  return decode.z > 0.5 ? decode.x * exp(decode.y * code) : decode.x + decode.y * code;
}

float isTorn(float a, float b, float c) {
  float least = min(a, min(b, c));
  float most = max(a, max(b, c));
  if (least < 0.0) return 1.0;
  if (decode.z < 0.5) { least = depthOf(least); most = depthOf(most); }
  return most > tearing.x * least + tearing.y ? 1.0 : 0.0;
}

// Whether the second lies behind the first, beyond a tear.
bool isBehind(float near, float far) {
  if (far < 0.0) return false;
  if (decode.z < 0.5) { near = depthOf(near); far = depthOf(far); }
  return far > tearing.x * near + tearing.y;
}

vec3 pointAt(vec2 at, float depth) {
  return vec3((at - centre) * step * depth, depth);
}

// The outermost vertices stand at the edges of their pixels, so that the surface reaches as far as the picture does.
vec2 stretchedToEdges(ivec2 at) {
  ivec2 last = ((size - 1) / stride) * stride;
  return vec2(at) - 0.5 * vec2(equal(at, ivec2(0))) + (vec2(size - last) - 0.5) * vec2(equal(at, last));
}

vec3 towardsCamera(vec3 normal, vec3 point) {
  return normalize(dot(normal, point) > 0.0 ? -normal : normal);
}

void main() {
  ivec2 at = ivec2(gl_VertexID % across, gl_VertexID / across) * stride;
  ivec2 right = ivec2(stride, 0), below = ivec2(0, stride);
  float code = codeAt(at);
  vec4 near = vec4(codeAt(at + right), codeAt(at + below), codeAt(at - right), codeAt(at - below));
  if (isOfTears) {
    bool isNear = isBehind(code, near.x) || isBehind(code, near.y) || isBehind(code, near.z) || isBehind(code, near.w) ||
      isBehind(code, codeAt(at + right - below)) || isBehind(code, codeAt(at - right + below));
    if (code < 0.0 || !isNear) {
      gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
      return;
    }
  }
  place = own = pointPx > 0.0 ? vec2(at) : stretchedToEdges(at);
  torn = vec2(isTorn(code, near.x, near.y), isTorn(code, near.z, near.w));
  bool isKnown = code >= 0.0;
  // An unknown corner is drawn by nothing, so it stays near: triangles that reach far away would cost time for nothing.
  if (!isKnown) code = max(max(near.x, near.y), max(max(near.z, near.w), 0.0));
  float depth = depthOf(code);
  vec3 point = pointAt(place, depth);
  normalAfter = normalBefore = vec3(0.0);
  if (isShaded) {
    vec3 here = pointAt(vec2(at), depth);
    vec3 toRight = pointAt(vec2(at + right), depthOf(near.x)), toBelow = pointAt(vec2(at + below), depthOf(near.y));
    vec3 toLeft = pointAt(vec2(at - right), depthOf(near.z)), toAbove = pointAt(vec2(at - below), depthOf(near.w));
    normalAfter = towardsCamera(cross(toBelow - here, toRight - here), here);
    normalBefore = towardsCamera(cross(toAbove - here, toLeft - here), here);
    if (isOfTears && torn.x > 0.5) normalAfter = torn.y > 0.5 ? towardsCamera(here, here) : normalBefore;
  }
  gl_Position = camera * vec4(point, 1.0);
  gl_PointSize = isKnown ? clamp(pointPx * depth / gl_Position.w, 1.0, isOfTears ? 256.0 : 12.0) : 0.0;
  if (!isKnown && pointPx > 0.0) gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
}`;

export const FRAGMENT = `#version 300 es
precision highp float;
precision highp int;
precision mediump sampler2D;
uniform sampler2D colours;
uniform ivec2 size;
uniform bool isShaded;      // by normals, in place of the colours
uniform sampler2D invented; // 1 where a pixel is invented
uniform float hatchPx;      // width of the hatching of what is invented; 0: none
uniform float pointPx;
in vec2 place;
flat in vec2 own;
flat in vec2 torn;
flat in vec3 normalAfter;
flat in vec3 normalBefore;
out vec4 colour;

const vec3 LIGHT = vec3(${LIGHT});
const vec3 HATCH = vec3(0.85, 0.2, 0.75);

void main() {
  bool isPoint = pointPx > 0.0;
  bool isAfter = isPoint || dot(place - own, vec2(1.0)) > 0.0;
  if (!isPoint && (isAfter ? torn.x : torn.y) > 0.5) discard;
  if (!isShaded) {
    vec4 found = texture(colours, (place + 0.5) / vec2(size));
    if (found.a < 0.5) discard;
    colour = vec4(found.rgb, 1.0);
  } else {
    vec3 normal = isAfter ? normalAfter : normalBefore;
    float light = max(dot(normal, LIGHT), 0.0);
    colour = vec4(vec3(${SHADES.dark} + ${SHADES.span} * light), 1.0);
  }
  if (hatchPx > 0.0 && texture(invented, (place + 0.5) / vec2(size)).r > 0.0) {
    bool isLine = mod(gl_FragCoord.x + gl_FragCoord.y, 4.0 * hatchPx) < hatchPx;
    colour.rgb = isLine ? HATCH : mix(colour.rgb, HATCH, 0.2);
  }
}`;

export const LINE_VERTEX = `#version 300 es
in vec3 point;
uniform mat4 camera;
void main() { gl_Position = camera * vec4(point, 1.0); }`;

export const LINE_FRAGMENT = `#version 300 es
precision mediump float;
uniform vec4 ink;
out vec4 colour;
void main() { colour = vec4(ink.rgb * ink.a, ink.a); }`;

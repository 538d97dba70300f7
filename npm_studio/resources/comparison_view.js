"use strict";
// The meshes of a comparison in WebGL 2: a view for each side, under cameras that turn together.

const FIELD_OF_VIEW = 24 * Math.PI / 180;
const CLAY = [0.86, 0.79, 0.74], UNKNOWN = [0.72, 0.70, 0.68];

const VERTEX = `#version 300 es
uniform mat4 camera; uniform mat3 turn; uniform vec3 origin; uniform float step, flat_at, lowered, size;
in vec3 node, normal; in float error;
out vec3 towards; out float value, known;
void main() {
  vec3 place = origin + step * node;
  if (lowered > 0.5) place.y = flat_at;
  gl_Position = camera * vec4(place, 1.0);
  gl_PointSize = size;
  towards = turn * normal;
  known = error > 0.999 ? 0.0 : 1.0;
  value = known * error;
}`;
const FRAGMENT = `#version 300 es
precision highp float;
uniform vec4 paint; uniform vec3 stops[5], unknown; uniform float coloured, lit;
in vec3 towards; in float value, known; out vec4 colour;
void main() {
  vec3 base = paint.rgb;
  if (coloured > 0.5) {
    float at = min(value / max(known, 0.01) * 255.0 / 254.0, 1.0) * 4.0;
    int low = int(min(floor(at), 3.0));
    base = mix(unknown, mix(stops[low], stops[low + 1], at - float(low)), smoothstep(0.4, 0.6, known));
  }
  if (lit > 0.5) {
    vec3 n = normalize(gl_FrontFacing ? towards : -towards);
    float key = max(dot(n, normalize(vec3(-1.0, 1.3, 1.6))), 0.0), fill = max(dot(n, normalize(vec3(1.6, 0.2, 1.2))), 0.0);
    float rim = pow(1.0 - max(n.z, 0.0), 3.0);
    base *= 0.36 + 0.14 * n.y + 0.52 * key + 0.24 * fill;
    base += 0.10 * rim + 0.06 * pow(max(dot(n, normalize(vec3(-0.6, 0.8, 2.0))), 0.0), 24.0);
  }
  colour = vec4(base, paint.a) * vec4(vec3(paint.a), 1.0);
}`;
const GROUND = `#version 300 es
uniform mat4 camera; uniform vec3 middle; uniform float reach, flat_at;
out vec2 place;
void main() {
  vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 2.0 - 1.0;
  place = middle.xz + corner * reach;
  gl_Position = camera * vec4(place.x, flat_at, place.y, 1.0);
}`;
const GRID = `#version 300 es
precision highp float;
uniform vec3 ink, middle; uniform float reach, cell;
in vec2 place; out vec4 colour;
void main() {
  vec2 lines = abs(fract(place / cell - 0.5) - 0.5) / fwidth(place / cell);
  float line = 1.0 - min(min(lines.x, lines.y), 1.0);
  float fade = smoothstep(1.0, 0.25, length(place - middle.xz) / reach);
  float alpha = fade * (0.05 + 0.28 * line);
  colour = vec4(ink * alpha, alpha);
}`;

function meshView(canvas, cells, manifest, data, style) {
  const gl = canvas.getContext("webgl2", { alpha: true, antialias: true, stencil: true });
  if (!gl) return null;
  const camera = { azimuth: 0, elevation: 0, zoom: 1, across: 0, up: 0 };
  const shown = { frame: 0, errors: true, seen: false };
  let programs, buffers, waiting = false;

  const program = (vertex, fragment) => {
    const made = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS) && !gl.isContextLost())
        throw new Error(gl.getShaderInfoLog(shader));
      gl.attachShader(made, shader);
    }
    ["node", "normal", "error"].forEach((name, place) => gl.bindAttribLocation(made, place, name));
    gl.linkProgram(made);
    const known = {};
    const at = (name) => known[name] ??= gl.getUniformLocation(made, name);
    return { use: () => gl.useProgram(made), at };
  };
  const begin = () => {
    programs = { mesh: program(VERTEX, FRAGMENT), ground: program(GROUND, GRID) };
    buffers = [...data.sides, "seen"].map(() => ({
      array: gl.createVertexArray(), node: gl.createBuffer(), normal: gl.createBuffer(), error: gl.createBuffer(),
      faces: gl.createBuffer(), count: 0, of: null,
    }));
    for (const each of buffers) {
      gl.bindVertexArray(each.array);
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, each.faces);
    }
  };
  const fill = (each, place, buffer, content, size, kind, normalised) => {
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.bufferData(gl.ARRAY_BUFFER, content, gl.DYNAMIC_DRAW);
    gl.enableVertexAttribArray(place);
    gl.vertexAttribPointer(place, size, kind, normalised, 0, 0);
  };
  const upload = () => {
    data.sides.forEach((side, number) => {
      const each = buffers[number], mesh = side.frames[shown.frame];
      each.count = mesh ? mesh.faces.length : 0;
      if (!mesh || each.of === mesh) return;
      each.of = mesh;
      gl.bindVertexArray(each.array);
      fill(each, 0, each.node, mesh.nodes, 3, gl.UNSIGNED_SHORT, false);
      fill(each, 1, each.normal, normalsOf(mesh), 3, gl.FLOAT, false);
      if (mesh.errors) fill(each, 2, each.error, mesh.errors, 1, gl.UNSIGNED_BYTE, true);
      gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, mesh.faces, gl.DYNAMIC_DRAW);
    });
    const seen = buffers.at(-1), points = data.points[shown.frame];
    seen.count = points.length / 3;
    gl.bindVertexArray(seen.array);
    if (seen.count) fill(seen, 0, seen.node, points, 3, gl.UNSIGNED_SHORT, false);
  };

  const drawCell = (cell, number, scale, height) => {
    const box = cell.getBoundingClientRect(), frame = canvas.getBoundingClientRect();
    const at = [box.left - frame.left, frame.bottom - box.bottom, box.width, box.height].map((x) => Math.round(x * scale));
    gl.viewport(...at);
    gl.scissor(...at);
    const { matrix, turn } = cameraMatrix(camera, manifest, shown.frame, box.width / box.height);
    const { mesh, ground } = programs, each = buffers[number], floor = manifest.floor;
    const draw = (paint, coloured, lit, lowered) => {
      mesh.use();
      gl.uniformMatrix4fv(mesh.at("camera"), false, matrix);
      gl.uniformMatrix3fv(mesh.at("turn"), false, turn);
      gl.uniform3fv(mesh.at("origin"), manifest.origin);
      gl.uniform4fv(mesh.at("paint"), paint);
      gl.uniform3fv(mesh.at("stops"), style.stops.flat());
      gl.uniform3fv(mesh.at("unknown"), UNKNOWN);
      for (const [name, value] of Object.entries({
        step: manifest.step, flat_at: floor, lowered, coloured, lit, size: 2.2 * scale,
      })) gl.uniform1f(mesh.at(name), value);
    };
    const ink = style.ink();
    gl.disable(gl.DEPTH_TEST);
    ground.use();
    gl.uniformMatrix4fv(ground.at("camera"), false, matrix);
    gl.uniform3fv(ground.at("ink"), ink);
    gl.uniform3fv(ground.at("middle"), manifest.middles[shown.frame]);
    for (const [name, value] of Object.entries({ reach: 1.1 * manifest.size, cell: style.cell, flat_at: floor }))
      gl.uniform1f(ground.at(name), value);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
    if (each.count) {
      gl.bindVertexArray(each.array);
      gl.enable(gl.STENCIL_TEST); // a shadow is as dark where two parts of the mesh are above each other
      gl.stencilFunc(gl.EQUAL, 0, 255);
      gl.stencilOp(gl.KEEP, gl.KEEP, gl.INCR);
      draw([0.0, 0.0, 0.0, 0.22], 0, 0, 1);
      gl.drawElements(gl.TRIANGLES, each.count, gl.UNSIGNED_SHORT, 0);
      gl.disable(gl.STENCIL_TEST);
      gl.enable(gl.DEPTH_TEST);
      draw([...CLAY, 1], shown.errors && data.sides[number].errors ? 1 : 0, 1, 0);
      gl.drawElements(gl.TRIANGLES, each.count, gl.UNSIGNED_SHORT, 0);
    }
    const seen = buffers.at(-1);
    if (shown.seen && seen.count) {
      gl.bindVertexArray(seen.array);
      gl.enable(gl.DEPTH_TEST);
      draw([...style.seen(), 1], 0, 0, 0);
      gl.drawArrays(gl.POINTS, 0, seen.count);
    }
    gl.bindVertexArray(null);
  };
  const drawAll = () => {
    waiting = false;
    if (gl.isContextLost()) return;
    const scale = Math.min(window.devicePixelRatio || 1, 2);
    const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((size) => Math.round(size * scale));
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    upload();
    gl.enable(gl.SCISSOR_TEST);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.scissor(0, 0, width, height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT | gl.STENCIL_BUFFER_BIT);
    cells.forEach((cell, number) => drawCell(cell, number, scale, height));
  };
  const redraw = () => {
    if (!waiting) requestAnimationFrame(drawAll);
    waiting = true;
  };
  const reset = () => {
    Object.assign(camera, { azimuth: manifest.azimuth * Math.PI / 180, elevation: 0.14, zoom: 1, across: 0, up: 0 });
    redraw();
  };
  const orbit = (across, up) => {
    camera.azimuth -= across;
    camera.elevation = Math.max(-1.5, Math.min(1.5, camera.elevation + up));
    redraw();
  };
  const zoom = (factor) => {
    camera.zoom = Math.max(0.15, Math.min(4, camera.zoom * factor));
    redraw();
  };
  listen(canvas, { orbit, zoom, reset, pan: (across, up) => { camera.across += across; camera.up += up; redraw(); } });
  canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
  canvas.addEventListener("webglcontextrestored", () => { begin(); redraw(); });
  new ResizeObserver(redraw).observe(canvas);
  begin();
  reset();
  return { camera, reset, orbit, zoom, redraw, show: (change) => { Object.assign(shown, change); redraw(); } };
}

// A drag turns, with the second button or Shift it moves; the wheel zooms once the view has been clicked.
function listen(canvas, { orbit, zoom, reset, pan }) {
  let last = null;
  canvas.addEventListener("pointerdown", (event) => {
    last = [event.clientX, event.clientY];
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!last) return;
    const [across, up] = [event.clientX - last[0], event.clientY - last[1]];
    last = [event.clientX, event.clientY];
    if (event.shiftKey || event.buttons & 2) pan(-across / 400, up / 400);
    else orbit(across / 160, up / 160);
  });
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => { last = null; });
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("dblclick", reset);
  canvas.addEventListener("wheel", (event) => {
    if (document.activeElement !== canvas && !event.ctrlKey) return;
    event.preventDefault();
    zoom(Math.exp(event.deltaY / 700));
  }, { passive: false });
}

// The matrix (4, 4) of the camera and the rotation (3, 3) into its axes, column by column.
function cameraMatrix(camera, manifest, frame, aspect) {
  const { azimuth: a, elevation: e } = camera, slope = Math.tan(FIELD_OF_VIEW / 2);
  const back = [Math.sin(a) * Math.cos(e), Math.sin(e), Math.cos(a) * Math.cos(e)];
  const right = [Math.cos(a), 0, -Math.sin(a)];
  const up = [back[1] * right[2], back[2] * right[0] - back[0] * right[2], -back[1] * right[0]];
  const half = 0.56 * manifest.size, wide = 1.12 * manifest.radius;
  const distance = camera.zoom * (Math.max(half / slope, wide / (slope * aspect)) + manifest.radius);
  const shift = [camera.across, camera.up].map((part) => part * camera.zoom * manifest.size);
  const eye = manifest.middles[frame].map(
    (middle, axis) => middle + shift[0] * right[axis] + shift[1] * up[axis] + distance * back[axis]);
  const rows = [right, up, back], near = distance / 50, far = distance * 12;
  const moved = rows.map((row) => -row.reduce((sum, part, axis) => sum + part * eye[axis], 0));
  const [fx, fy, fz, depth] = [1 / (slope * aspect), 1 / slope, (far + near) / (near - far), 2 * far * near / (near - far)];
  const matrix = [];
  for (let column = 0; column < 4; column++) {
    const part = rows.map((row, axis) => (column < 3 ? row[column] : moved[axis]));
    matrix.push(fx * part[0], fy * part[1], fz * part[2] + (column === 3 ? depth : 0), -part[2]);
  }
  return { matrix, turn: [0, 1, 2].flatMap((column) => rows.map((row) => row[column])) };
}

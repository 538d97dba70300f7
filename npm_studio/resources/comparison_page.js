"use strict";
// The timeline of a comparison: what it moves, and what moves it.

const page = JSON.parse(document.getElementById("page").textContent);
const find = (selector) => document.querySelector(selector);
const all = (selector) => [...document.querySelectorAll(selector)];
const state = { frame: 0, playing: false, errors: page.limit_mm !== null, seen: false };
let view = null, started = 0;

function setFrame(frame) {
  state.frame = Math.max(0, Math.min(page.frames.length - 1, frame));
  const slider = find("#frame"), time = page.times[state.frame];
  slider.value = state.frame;
  slider.setAttribute("aria-valuetext", `frame ${page.frames[state.frame]}`);
  const at = time === null ? "" : ` · ${(time - page.times[0]).toFixed(2)} s`;
  find("#where").textContent = `${page.frames[state.frame]}${at}`;
  all(".value").forEach((label) => {
    const side = page.sides[label.dataset.side], value = side.values[state.frame];
    const lost = side.lost && side.lost[state.frame];
    label.textContent = (value === null ? "–" : `${value.toFixed(1)} mm`) + (lost ? " lost" : "");
    label.classList.toggle("failed", Boolean(lost));
  });
  all("svg.curves").forEach((chart) => {
    const x = Number(chart.dataset.first) + state.frame * Number(chart.dataset.step), cursor = chart.querySelector(".cursor");
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
  });
  if (view) view.show({ frame: nearest(page.view.frames, state.frame) });
  const video = find("#video");
  if (video && video.paused && !state.playing && page.video)
    video.currentTime = (nearest(page.video.frames, state.frame) + 0.5) / page.video.rate;
}

// Index of the last of some frames that is not after the one wanted.
function nearest(frames, wanted) {
  let found = 0;
  while (found + 1 < frames.length && frames[found + 1] <= wanted) found++;
  return found;
}

function play(wanted) {
  state.playing = wanted && page.frames.length > 1;
  const button = find("#play");
  button.textContent = state.playing ? "Pause" : "Play";
  button.setAttribute("aria-pressed", state.playing);
  if (!state.playing) return setFrame(state.frame);
  started = performance.now() - 1000 * state.frame / page.rate;
  requestAnimationFrame(advance);
}

function advance(now) {
  if (!state.playing) return;
  const frame = Math.floor((now - started) * page.rate / 1000) % page.frames.length;
  if (frame !== state.frame) setFrame(frame);
  requestAnimationFrame(advance);
}

function step(by) {
  play(false);
  setFrame(state.frame + by);
}

function choose(name, wanted) {
  state[name] = wanted;
  const button = find(`#${name}`);
  if (button) button.setAttribute("aria-pressed", wanted);
  find("#legend").classList.toggle("off", !state.errors);
  if (view) view.show({ errors: state.errors, seen: state.seen });
}

function listenToCharts() {
  all("svg.curves").forEach((chart) => {
    const follow = (event) => {
      const box = chart.getBoundingClientRect();
      const x = (event.clientX - box.left) / box.width * chart.viewBox.baseVal.width;
      step(Math.round((x - Number(chart.dataset.first)) / Number(chart.dataset.step)) - state.frame);
    };
    chart.addEventListener("pointerdown", (event) => { chart.setPointerCapture(event.pointerId); follow(event); });
    chart.addEventListener("pointermove", (event) => { if (event.buttons & 1) follow(event); });
  });
}

const KEYS = {
  " ": () => play(!state.playing),
  ArrowLeft: () => step(-1),
  ArrowRight: () => step(1),
  Home: () => step(-page.frames.length),
  End: () => step(page.frames.length),
  e: () => page.limit_mm !== null && choose("errors", !state.errors),
  s: () => find("#seen") && choose("seen", !state.seen),
  r: () => view && view.reset(),
  "+": () => view && view.zoom(0.9),
  "-": () => view && view.zoom(1 / 0.9),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("button, video, summary, a")) return;
  const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act) return;
  event.preventDefault();
  act();
});
find("#frame").addEventListener("input", (event) => step(Number(event.target.value) - state.frame));
find("#play").addEventListener("click", () => play(!state.playing));
find("#back").addEventListener("click", () => step(-1));
find("#next").addEventListener("click", () => step(1));
find("#reset").addEventListener("click", () => view && view.reset());
for (const name of ["errors", "seen"]) {
  const button = find(`#${name}`);
  if (button) button.addEventListener("click", () => choose(name, !state[name]));
}
all("[data-frame]").forEach((link) => link.addEventListener("click", () => {
  step(Number(link.dataset.frame) - state.frame);
  find("#views").scrollIntoView({ block: "center" });
}));
listenToCharts();

// Numbers of a colour such as #1f2328, each from 0 to 1.
function parts(colour) {
  return [1, 3, 5].map((start) => parseInt(colour.slice(start, start + 2), 16) / 255);
}

async function beginView() {
  const look = (name) => () => parts(getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  const data = await readMeshes(page.view, document.getElementById("meshes").textContent);
  const style = { stops: page.stops.map(parts), ink: look("--quiet"), seen: look("--second"), cell: page.cell };
  view = meshView(find("#canvas"), all(".cell"), page.view, data, style);
  if (!view) throw new Error("no WebGL 2");
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", view.redraw);
  choose("errors", state.errors);
  setFrame(state.frame);
  document.body.dataset.view = "ready";
}

setFrame(0);
beginView().catch((error) => {
  find("#views").classList.add("missing");
  find("#missing").hidden = false;
  console.warn("no 3-D view:", error.message);
});

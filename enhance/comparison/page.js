"use strict";
// State of the page: file, view, and where the picture is. `zoom` is in screen pixels for a pixel of the view, 0: fit.
const files = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const stage = $("stage"), line = $("line");
const state = { file: 0, view: 0, left: "", right: "", mode: "slider", zoom: 0, x: 0.5, y: 0.5, split: 0.5, strength: 1 };
const ZOOMS = [0, 1, 2, 4, 8];

const file = () => files[state.file];
const view = () => file().views[state.view];
const isEnhanced = (name) => "steps" in file().layers[name];
const first = () => Object.keys(file().layers)[0];
const paneWidth = () => stage.clientWidth / (state.mode === "beside" ? 2 : 1);
const fitting = () => Math.min(paneWidth() / view().width, stage.clientHeight / view().height);
const scale = () => state.zoom || fitting();

function show() {
  stage.dataset.mode = state.mode;
  document.body.dataset.mode = state.mode;
  stage.dataset.zoom = state.zoom;
  const zoom = scale(), width = view().width * zoom, height = view().height * zoom;
  // (x, y) is the point of the picture, 0 to 1, in the middle of each pane, kept where the picture fills the pane.
  const place = (part, size, pane) => {
    const half = pane / 2 / size;
    return size <= pane ? 0.5 : Math.min(Math.max(part, half), 1 - half);
  };
  state.x = place(state.x, width, paneWidth());
  state.y = place(state.y, height, stage.clientHeight);
  const left = paneWidth() / 2 - state.x * width, top = stage.clientHeight / 2 - state.y * height;
  for (const sheet of document.querySelectorAll(".sheet")) {
    sheet.style.width = view().width + "px";
    sheet.style.height = view().height + "px";
    sheet.style.transform = `translate(${left}px, ${top}px) scale(${zoom})`;
    sheet.classList.toggle("sharp", zoom >= 1.5);
  }
  const split = state.split * stage.clientWidth;
  $("pane-right").style.clipPath = state.mode === "slider" ? `inset(0 0 0 ${split}px)` : "none";
  line.style.left = split + "px";
  $("slider").value = Math.round(1000 * state.split);
  $("slider").hidden = state.mode !== "slider";
  for (const button of document.querySelectorAll("[data-zoom]:is(button)"))
    button.setAttribute("aria-pressed", Number(button.dataset.zoom) === state.zoom);
  for (const button of document.querySelectorAll("[data-mode]:is(button)"))
    button.setAttribute("aria-pressed", button.dataset.mode === state.mode);
  const mixed = isEnhanced(state.right) && state.mode !== "difference";
  $("strength").disabled = !mixed;
  $("strength-value").value = state.strength.toFixed(2).replace(/\.?0+$/, "");
  stage.querySelector(".right").style.opacity = mixed ? state.strength : 1;
  for (const kind of ["guard", "worse"]) {
    const map = view().maps[`${kind} ${state.right}`];
    $(`${kind}-box`).hidden = !map;
    stage.querySelector(`.map.${kind}`).hidden = !(map && $(kind).checked);
  }
}

function load() {
  const layers = view().layers, set = (selector, url) => {
    const image = stage.querySelector(selector);
    if (image.getAttribute("src") !== url) image.src = url;
  };
  set("img.left", layers[state.left]);
  // A weaker correction lies between the decoded picture and the result; in differences the left one lies above.
  set("img.base", state.mode === "difference" ? layers[state.left] : layers[first()]);
  set("img.right", layers[state.right]);
  for (const kind of ["guard", "worse"]) {
    const map = view().maps[`${kind} ${state.right}`], image = stage.querySelector(`.map.${kind}`);
    if (map) image.src = map; else image.removeAttribute("src");
  }
  const named = (name) => {
    const decibels = file().layers[name].psnr;
    return name + (decibels == null ? "" : `, ${typeof decibels === "number" ? decibels.toFixed(2) : decibels} dB`);
  };
  stage.querySelector("#pane-left .tag").textContent = named(state.left);
  stage.querySelector("#pane-right .tag").textContent = state.mode === "difference"
    ? `|${state.left} − ${state.right}| × 8` : named(state.right);
  stage.querySelector("#pane-left .tag").hidden = state.mode === "difference";
  show();
}

function openFile(index) {
  state.file = index;
  const names = Object.keys(file().layers);
  for (const side of ["left", "right"]) {
    const select = $(side);
    select.replaceChildren(...names.map((name) => new Option(name, name)));
    if (!names.includes(state[side])) state[side] = names[side === "left" ? 0 : 1];
    select.value = state[side];
  }
  buttons($("files"), files.length > 1 ? files.map((it) => it.name) : [], index, openFile);
  openView(0);
  tell();
}

function openView(index) {
  state.view = index;
  const titles = file().views.map((it) => it.title);
  buttons($("views"), titles.length > 1 ? titles : [], index, openView);
  state.x = state.y = 0.5;
  load();
}

function buttons(place, titles, current, act) {
  place.replaceChildren(...titles.map((title, index) => {
    const button = document.createElement("button");
    button.textContent = title;
    button.setAttribute("aria-current", index === current);
    button.addEventListener("click", () => act(index));
    return button;
  }));
}

function tell() {
  const tables = [table("The file", { name: file().name, ...file().facts })];
  for (const [name, facts] of Object.entries(file().layers)) {
    const told = { ...facts };
    if (told.psnr == null) delete told.psnr; else if (typeof told.psnr === "number") told.psnr = told.psnr.toFixed(2) + " dB";
    if (Object.keys(told).length) tables.push(table(name, told));
  }
  $("facts").replaceChildren(...tables);
}

function table(title, facts) {
  const element = document.createElement("table");
  element.createCaption().textContent = title;
  for (const [name, value] of Object.entries(facts)) {
    if (value == null || value === "" || (Array.isArray(value) && !value.length)) continue;
    const row = element.insertRow(), head = document.createElement("th");
    head.scope = "row";
    head.textContent = name.replaceAll("_", " ");
    row.append(head);
    row.insertCell().textContent = words(value);
  }
  return element;
}

function words(value) {
  if (Array.isArray(value)) return value.map(words).join(value.some((it) => typeof it === "string") ? "; " : ", ");
  if (value && typeof value === "object")
    return Object.entries(value).map(([name, part]) => `${name.replaceAll("_", " ")} ${words(part)}`).join(", ");
  return typeof value === "number" && !Number.isInteger(value) ? String(Number(value.toPrecision(4))) : String(value);
}

function zoomTo(zoom, clientX, clientY) {
  if (clientX !== undefined && zoom && scale() !== zoom) {
    // The point under the pointer stays there.
    const box = stage.getBoundingClientRect(), half = paneWidth() / 2;
    const dx = ((clientX - box.left) % paneWidth()) - half, dy = clientY - box.top - stage.clientHeight / 2;
    state.x += dx * (1 / scale() - 1 / zoom) / view().width;
    state.y += dy * (1 / scale() - 1 / zoom) / view().height;
  }
  state.zoom = zoom;
  show();
}

function step(up, clientX, clientY) {
  const now = scale(), levels = ZOOMS.slice(1);
  if (up) zoomTo(levels.find((level) => level > now + 1e-6) ?? 8, clientX, clientY);
  else {
    const lower = levels.filter((level) => level < now - 1e-6).pop() ?? 0;
    zoomTo(lower > fitting() ? lower : 0, clientX, clientY);
  }
}

function move(dx, dy) {
  state.x -= dx / scale() / view().width;
  state.y -= dy / scale() / view().height;
  show();
}

function setMode(mode) {
  state.mode = mode;
  load();
}

const fingers = new Map();
let dragged = null, pinch = 0;
stage.addEventListener("pointerdown", (event) => {
  fingers.set(event.pointerId, event);
  stage.setPointerCapture(event.pointerId);
  const at = event.clientX - stage.getBoundingClientRect().left;
  const fits = view().width * scale() <= paneWidth() + 1 && view().height * scale() <= stage.clientHeight + 1;
  const onLine = state.mode === "slider" && (fits || Math.abs(at - state.split * stage.clientWidth) < 24);
  dragged = onLine ? "line" : "picture";
  if (onLine) split(at);
  stage.focus({ preventScroll: true });
});
stage.addEventListener("pointermove", (event) => {
  const before = fingers.get(event.pointerId);
  if (!before) return;
  fingers.set(event.pointerId, event);
  if (fingers.size === 2) {
    const [one, other] = [...fingers.values()];
    const distance = Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
    if (!pinch) pinch = distance;
    if (distance > 1.3 * pinch || distance < pinch / 1.3) {
      step(distance > pinch, (one.clientX + other.clientX) / 2, (one.clientY + other.clientY) / 2);
      pinch = distance;
    }
  } else if (dragged === "line") split(event.clientX - stage.getBoundingClientRect().left);
  else move(event.clientX - before.clientX, event.clientY - before.clientY);
});
for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, (event) => {
  fingers.delete(event.pointerId);
  pinch = 0;
});
stage.addEventListener("wheel", (event) => {
  event.preventDefault();
  step(event.deltaY < 0, event.clientX, event.clientY);
}, { passive: false });

function split(at) {
  state.split = Math.min(Math.max(at / stage.clientWidth, 0), 1);
  show();
}

$("slider").addEventListener("input", (event) => { state.split = event.target.value / 1000; show(); });
$("strength").addEventListener("input", (event) => { state.strength = event.target.value / 100; show(); });
for (const side of ["left", "right"]) $(side).addEventListener("change", (event) => { state[side] = event.target.value; load(); });
for (const kind of ["guard", "worse"]) $(kind).addEventListener("change", show);
for (const button of document.querySelectorAll("[data-mode]:is(button)"))
  button.addEventListener("click", () => setMode(button.dataset.mode));
for (const button of document.querySelectorAll("[data-zoom]:is(button)"))
  button.addEventListener("click", () => zoomTo(Number(button.dataset.zoom)));
addEventListener("resize", show);
addEventListener("keydown", (event) => {
  const { tagName, type } = event.target, isArrow = event.key.startsWith("Arrow");
  if (event.ctrlKey || event.altKey || event.metaKey || tagName === "SELECT" || (type === "range" && isArrow)) return;
  const arrows = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
  const count = file().views.length, key = event.key.toLowerCase();
  if (arrows && (event.shiftKey || arrows[1])) move(80 * arrows[0], 80 * arrows[1]);
  else if (arrows) { state.split = Math.min(Math.max(state.split - 0.02 * arrows[0], 0), 1); show(); }
  else if (ZOOMS.includes(Number(key)) && key.trim()) zoomTo(Number(key));
  else if (key === "s") setMode(state.mode === "beside" ? "slider" : "beside");
  else if (key === "d") setMode(state.mode === "difference" ? "slider" : "difference");
  else if (key === "g") { $("guard").checked = !$("guard").checked; show(); }
  else if (key === "n" || key === "p") openView((state.view + (key === "n" ? 1 : count - 1)) % count);
  else return;
  event.preventDefault();
});
openFile(0);

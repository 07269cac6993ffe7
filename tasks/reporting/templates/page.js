// The browser of faces: filters, order and keys. Without it the page shows all faces.
"use strict";
(() => {
  const list = document.getElementById("face-list");
  const filters = document.getElementById("filters");
  if (!list || !filters) return;
  const faces = Array.from(list.children);
  const [kind, source, order, shown] = ["kind", "source", "order", "shown"].map((id) => document.getElementById(id));
  const number = (face, name) => Number(face.dataset[name]);
  const orders = {
    given: (a, b) => number(a, "place") - number(b, "place"),
    high: (a, b) => number(b, "p") - number(a, "p"),
    low: (a, b) => number(a, "p") - number(b, "p"),
    near: (a, b) => number(a, "margin") - number(b, "margin"),
    name: (a, b) => a.dataset.name.localeCompare(b.dataset.name),
  };

  const more = document.getElementById("more");
  const FEW = 32; // faces at first, so that what follows them on the page is found
  let whole = false;

  function update() {
    let fitting = 0;
    for (const face of faces.sort(orders[order.value])) {
      const fits = (!kind.value || face.dataset.kinds.split(" ").includes(kind.value))
        && (!source.value || face.dataset.source === source.value);
      if (fits) fitting += 1;
      face.hidden = !fits || (fitting > FEW && !whole);
    }
    list.append(...faces);
    shown.textContent = `${whole ? fitting : Math.min(fitting, FEW)} of ${faces.length}`;
    more.hidden = whole || fitting <= FEW;
    more.textContent = `Show all ${fitting}`;
  }

  function step(from, by) {
    const visible = Array.from(list.children).filter((face) => !face.hidden);
    const next = visible[visible.indexOf(from) + by];
    if (next) next.focus();
  }

  function inARow() {
    const visible = Array.from(list.children).filter((face) => !face.hidden);
    const top = visible.length ? visible[0].offsetTop : 0;
    return Math.max(1, visible.filter((face) => face.offsetTop === top).length);
  }

  list.addEventListener("keydown", (event) => {
    const face = event.target.closest(".face");
    if (!face || event.target !== face || event.ctrlKey || event.metaKey || event.altKey) return;
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: inARow(), ArrowUp: -inARow() };
    if (event.key in steps) {
      step(face, steps[event.key]);
    } else if (event.key === "Enter" || event.key === " ") {
      const details = face.querySelector("details");
      details.open = !details.open;
    } else {
      return;
    }
    event.preventDefault();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "m" && !event.ctrlKey && !event.metaKey && !/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) {
      list.classList.toggle("maps");
    }
  });
  more.addEventListener("click", () => {
    whole = true;
    update();
  });
  for (const each of [kind, source, order]) each.addEventListener("change", update);
  filters.hidden = false;
  update();
})();

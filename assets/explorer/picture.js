"use strict"

// The drawings of the explorer. Each is made for a number of classes and a width, in
// pixels of the page so that text keeps its size, and then only moved.

// Four panels above one another, one column for each class: logits to drag, probabilities,
// surprise, gradient.
class Columns {
  static PANELS = {
    z: { height: 220, title: "Logits z", unit: "drag them" },
    q: { height: 110, title: "Prediction q", unit: "probability" },
    s: { height: 90, title: "Surprise −ln q", unit: "nats" },
    g: { height: 120, title: "Gradient (q − p) ⁄ T", unit: "nats per unit of z" },
  }

  constructor(svg, K, width) {
    svg.replaceChildren()
    this.gutter = 40
    this.step = (width - this.gutter - 6) / K
    this.across = (k) => this.gutter + (k + 0.5) * this.step
    this.panels = {}
    let y = 0
    for (const [name, { height, title, unit }] of Object.entries(Columns.PANELS)) {
      const heading = put(svg, "text", { class: "heading", x: 0, y: y + 14 }, title)
      put(heading, "tspan", { class: "unit", dx: 8 }, unit)
      const panel = { top: y + 36, bottom: y + 36 + height, lines: [] }
      panel.node = put(svg, "g", { class: `panel ${name}` })
      for (let line = 0; line < (name === "z" ? 5 : 3); line++)
        panel.lines.push({
          rule: put(panel.node, "path", { class: "rule" }),
          label: put(panel.node, "text", { class: "tick", x: this.gutter - 6 }),
        })
      this.panels[name] = panel
      y = panel.bottom + (name === "z" || name === "g" ? 36 : 18)
    }
    this.right = width - 6
    svg.classList.toggle("dense", this.step < 34)
    set(svg, { viewBox: `0 0 ${width} ${y}`, width, height: y })

    const { z, q, s, g } = this.panels
    this.marks = Array.from({ length: K }, (_, k) => {
      const x = this.across(k)
      const mark = (panel, name, kind, attributes = {}) =>
        put(panel.node, kind, { class: name, ...attributes })
      const label = (panel, name) => mark(panel, name, "text", { x })
      for (const panel of [z, g]) {
        const text = this.step < 52 ? k : `class ${k}`
        put(panel.node, "text", { class: "class", x, y: panel.bottom + 18 }, text)
      }
      return {
        track: mark(z, "track", "path", { d: `M${x} ${z.top}V${z.bottom}` }),
        trail: mark(z, "trail", "path"),
        q: mark(q, "bar", "rect"),
        qLabel: label(q, "value"),
        p: mark(q, "target", "path"),
        s: mark(s, "bar", "rect"),
        share: mark(s, "share", "rect"),
        sLabel: label(s, "value"),
        g: mark(g, "arrow", "path"),
        gLabel: label(g, "value"),
        // Drawn last: what can be taken hold of lies on top.
        next: mark(z, "arrow", "path"),
        zLabel: label(z, "value"),
        handle: this.slider(z, k, `Logit of class ${k}`),
        weight: this.slider(q, k, `Target probability of class ${k}`),
      }
    })
  }

  // A dot on a generous, invisible ground, for fingers.
  slider(panel, k, name) {
    const node = put(panel.node, "g", {
      class: "slider",
      role: "slider",
      tabindex: 0,
      "aria-label": name,
      "aria-orientation": "vertical",
    })
    const width = Math.min(this.step, 56)
    put(node, "rect", { class: "ground", x: this.across(k) - width / 2, width, height: 44 })
    put(node, "circle", { cx: this.across(k), r: Math.min(8, width / 3) })
    return node
  }

  // Put ticks at these values of a panel and return the height that belongs to a value.
  scale(name, low, high, ticks) {
    const { top, bottom, lines } = Object.assign(this.panels[name], { low, high })
    const height = (value) => bottom - ((value - low) / (high - low)) * (bottom - top)
    lines.forEach(({ rule, label }, line) => {
      const y = height(ticks[line])
      set(rule, { d: `M${this.gutter} ${y}H${this.right}` })
      rule.classList.toggle("zero", ticks[line] === 0)
      set(label, { y: y + 4 }).textContent = String(+ticks[line].toFixed(3)).replace("-", "−")
    })
    return height
  }

  // The value of a panel's scale at a height, for the pointer.
  valueAt(name, y) {
    const { top, bottom, low, high } = this.panels[name]
    return low + ((bottom - y) / (bottom - top)) * (high - low)
  }

  bar(node, k, from, to) {
    const width = Math.min(this.step * 0.62, 44)
    const x = this.across(k) - width / 2
    set(node, { x, width, y: Math.min(from, to), height: Math.abs(to - from) })
  }

  place(slider, y, { value, low, high, text }) {
    const [ground, dot] = slider.children
    set(ground, { y: y - 22 })
    set(dot, { cy: y })
    set(slider, {
      "aria-valuemin": low,
      "aria-valuemax": high,
      "aria-valuenow": +value.toFixed(6),
      "aria-valuetext": text,
    })
  }

  update({ state, p, path, values, range }) {
    const z = path.at(-1)
    const { q, surprise, share, loss, gradient } = values
    const steepest = 1 / state.T
    const most = niceAbove(Math.max(...surprise, 1))
    const at = {
      z: this.scale("z", -range, range, [-range, -range / 2, 0, range / 2, range]),
      // Above the last tick there is room for a number.
      q: this.scale("q", 0, 1.15, [0, 0.5, 1]),
      s: this.scale("s", 0, 1.15 * most, [0, most / 2, most]),
      g: this.scale("g", -1.35 * steepest, 1.35 * steepest, [-steepest, 0, steepest]),
    }
    const within = (value) => Math.min(range, Math.max(-range, value))
    this.marks.forEach((mark, k) => {
      const x = this.across(k)
      const height = at.z(within(z[k]))
      const next = at.z(within(z[k] - state.eta * gradient[k]))
      const start = at.z(within(path[0][k]))
      set(mark.trail, {
        d: path.length > 1 ? `M${x - 7} ${start}h14M${x} ${start}V${height}` : "",
      })
      set(mark.next, { d: Math.abs(next - height) > 11 ? arrow(x, height, next) : "" })
      // The number stands on the side that the arrow leaves free.
      const below = next < height || height < this.panels.z.top + 20
      set(mark.zLabel, { y: height + (below ? 24 : -14) }).textContent = brief(z[k])
      this.place(mark.handle, height, {
        value: z[k],
        low: -range,
        high: range,
        text: `${show(z[k])}; q is ${show(q[k])}; loss ${show(loss)} nats`,
      })

      this.bar(mark.q, k, at.q(0), at.q(q[k]))
      // Above the bar, and above the target's mark where that would cross the number.
      const [bar, target] = [at.q(q[k]), at.q(p[k])]
      const high = state.kind === "soft" ? 13 : 6 // over the handle
      const isCrossed = target < bar + high && target > bar - 18 - high
      set(mark.qLabel, { y: isCrossed ? Math.min(target - high, bar - 6) : bar - 6 })
      mark.qLabel.textContent = brief(q[k])
      const half = Math.min(this.step * 0.4, 28)
      set(mark.p, { d: `M${x - half} ${at.q(p[k])}h${2 * half}` })
      mark.weight.classList.toggle("absent", state.kind !== "soft")
      this.place(mark.weight, at.q(p[k]), {
        value: p[k],
        low: 0,
        high: 1,
        text: `${show(p[k])}; loss ${show(loss)} nats`,
      })

      this.bar(mark.s, k, at.s(0), at.s(surprise[k]))
      this.bar(mark.share, k, at.s(0), at.s(share[k]))
      set(mark.sLabel, { y: at.s(surprise[k]) - 5 }).textContent = brief(surprise[k])

      set(mark.g, { d: arrow(x, at.g(0), at.g(gradient[k])) })
      const up = gradient[k] >= 0
      set(mark.gLabel, { y: at.g(gradient[k]) + (up ? -6 : 15) }).textContent = brief(gradient[k])
    })
  }
}

function niceAbove(value) {
  const power = 10 ** Math.floor(Math.log10(value))
  return [1, 2, 4, 6, 8, 10].map((n) => n * power).find((nice) => nice >= value)
}

// The triangle of all distributions over three classes, with the way of q towards p.
class Triangle {
  static LEVELS = [0.1, 0.3, 1, 2, 3]

  constructor(svg, width) {
    svg.replaceChildren()
    const [side, left, top] = [width - 60, 30, 24]
    const height = side * Math.sqrt(0.75)
    this.corners = [
      [left, top + height],
      [left + side, top + height],
      [left + side / 2, top],
    ]
    set(svg, { viewBox: `0 0 ${width} ${top + height + 26}`, width, height: top + height + 26 })
    this.svg = svg
    put(svg, "path", { class: "simplex", d: `M${this.corners.join("L")}Z` })
    this.contours = put(svg, "path", { class: "contour" })
    this.corners.forEach(([x, y], k) =>
      put(svg, "text", { class: "class", x, y: k === 2 ? y - 9 : y + 19 }, `class ${k}`),
    )
    this.path = put(svg, "path", { class: "way" })
    this.dots = put(svg, "g")
    this.target = put(svg, "path", { class: "star" })
    this.point = put(svg, "circle", { class: "point", r: 6.5 })
  }

  at(q) {
    return [0, 1].map((axis) =>
      Numerics.sum(q.map((value, k) => value * this.corners[k][axis])).toFixed(2),
    )
  }

  // Contours of the loss: on rays from p, the points where it is so much above H(p).
  drawContours(p) {
    let d = ""
    for (const level of Triangle.LEVELS) {
      let pen = "M"
      for (let ray = 0; ray <= 96; ray++) {
        const angle = (ray / 96) * 2 * Math.PI
        const direction = [0, 1, 2].map((k) => Math.cos(angle - (2 * Math.PI * k) / 3))
        const q = Numerics.crossing(p, direction, level)
        if (q) d += pen + this.at(q)
        pen = q ? "L" : "M"
      }
    }
    set(this.contours, { d })
  }

  update({ p, path, state, values }) {
    if (String(p) !== this.drawn) this.drawContours(p)
    this.drawn = String(p)
    const way = path.map((z) => this.at(Numerics.evaluate(z, state.T, p).q))
    set(this.path, { d: `M${way.join("L")}` })
    this.dots.replaceChildren()
    // Up to sixty steps each has its dot; of more, some.
    const every = Math.ceil(way.length / 60)
    way.slice(0, -1).forEach(([cx, cy], step) => {
      if (step % every === 0) put(this.dots, "circle", { class: "stop", cx, cy, r: 2.4 })
    })
    const [cx, cy] = way.at(-1)
    set(this.point, { cx, cy })
    const [x, y] = this.at(p).map(Number)
    const points = Array.from({ length: 10 }, (_, corner) => {
      const [angle, radius] = [(corner * Math.PI) / 5, corner % 2 ? 4.5 : 11]
      return [x + radius * Math.sin(angle), y - radius * Math.cos(angle)]
    })
    set(this.target, { d: `M${points.join("L")}Z` })
    const list = (distribution) => distribution.map((value) => show(value, 3)).join(", ")
    set(this.svg, {
      "aria-label": `Triangle of the three classes. Prediction q: ${list(values.q)}. Target p: ${list(p)}.`,
    })
  }
}

// The loss after each step, over the least that it can be.
class Curve {
  constructor(svg, width) {
    svg.replaceChildren()
    Object.assign(this, { svg, left: 40, right: width - 8, top: 12, bottom: 92 })
    set(svg, { viewBox: `0 0 ${width} 116`, width, height: 116 })
    this.rule = put(svg, "path", { class: "rule" })
    this.floor = put(svg, "path", { class: "floor" })
    this.line = put(svg, "path", { class: "way" })
    this.point = put(svg, "circle", { class: "point", r: 4.5 })
    this.most = put(svg, "text", { class: "tick", x: 34, y: this.top + 4 })
    put(svg, "text", { class: "tick", x: 34, y: this.bottom + 4 }, "0")
    put(svg, "text", { class: "class", x: this.left, y: 110 }, "0")
    this.last = put(svg, "text", { class: "class", x: this.right - 4, y: 110 })
    put(svg, "text", { class: "class", x: (this.left + this.right) / 2, y: 110 }, "steps")
  }

  update({ p, path, state, values }) {
    const losses = path.map((z) => Numerics.evaluate(z, state.T, p).loss)
    const steps = losses.length - 1
    const high = niceAbove(Math.max(...losses, values.entropy, 1e-9))
    const x = (step) => this.left + (step / Math.max(steps, 1)) * (this.right - this.left)
    const y = (loss) => this.bottom - (loss / high) * (this.bottom - this.top)
    set(this.rule, {
      d: `M${this.left} ${this.top}H${this.right}M${this.left} ${this.bottom}H${this.right}`,
    })
    set(this.floor, { d: `M${this.left} ${y(values.entropy)}H${this.right}` })
    set(this.line, { d: `M${losses.map((loss, step) => [x(step), y(loss)]).join("L")}` })
    set(this.point, { cx: x(steps), cy: y(losses[steps]) })
    this.most.textContent = String(+high.toPrecision(2))
    this.last.textContent = steps || ""
    set(this.svg, {
      "aria-label": `Loss after each step: ${show(losses[0])} nats at the start, ${show(losses[steps])} after ${steps}. Its floor, H(p), is ${show(values.entropy)}.`,
    })
  }
}

"use strict"

// Temperature and shift: three scores as bars, and as a point of the triangle.

const Temperature = {
  // What the softmax is given, and what it makes of it.
  numbers({ z0, z1, z2, T, c }) {
    const scores = [z0 + c, z1 + c, z2 + c]
    return { given: scores.map((z) => z / T), q: Numerics.evaluate(scores, T, [1, 0, 0]).q }
  },

  draw(svg, width, state, guess) {
    const { given, q } = Temperature.numbers(state)
    const guessed = guess && Temperature.numbers(guess).q
    const isWide = width > 520
    const half = isWide ? width * 0.52 : width

    // Bars
    const [top, bottom] = [30, 220]
    const high = (value) => bottom - value * (bottom - top)
    const step = (half - 44) / 3
    for (const tick of [0, 0.5, 1]) {
      put(svg, "path", { class: "rule", d: `M36 ${high(tick)}H${half - 8}` })
      put(svg, "text", { class: "tick", x: 30, y: high(tick) + 4 }, tick)
    }
    q.forEach((value, k) => {
      const x = 36 + (k + 0.5) * step
      const across = Math.min(step * 0.6, 64)
      const bar = { x: x - across / 2, width: across }
      put(svg, "rect", { class: `fill c${k}`, ...bar, y: high(value), height: bottom - high(value) })
      if (guess)
        put(svg, "path", { class: "guess", d: `M${bar.x - 6} ${high(guessed[k])}h${across + 12}` })
      put(svg, "text", { class: "value", x, y: high(value) - 7 }, show(value, 3))
      put(svg, "text", { x, y: bottom + 20 }, show(given[k], 2))
      put(svg, "text", { class: "soft", x, y: bottom + 38 }, `class ${k}`)
    })

    // Triangle
    const side = isWide ? Math.min(width - half - 60, 240) : Math.min(width - 90, 280)
    const left = isWide ? half + (width - half - side) / 2 : (width - side) / 2
    const base = isWide ? 236 : 300 + side * 0.87
    const corners = [[left, base], [left + side, base], [left + side / 2, base - side * 0.866]]
    const at = (shares) =>
      [0, 1].map((axis) => +Numerics.sum(shares.map((s, k) => s * corners[k][axis])).toFixed(2))
    put(svg, "path", { class: "edge", d: `M${corners.join("L")}Z` })
    corners.forEach(([x, y], k) =>
      put(svg, "text", { x, y: k === 2 ? y - 10 : y + 20 }, `class ${k}`))
    const path = Array.from({ length: 121 }, (_, n) =>
      at(Temperature.numbers({ ...state, T: 10 ** (n / 30 - 2) }).q))
    put(svg, "path", { class: "way", d: `M${path.join("L")}` })
    const dot = (name, shares, r) => {
      const [cx, cy] = at(shares)
      put(svg, "circle", { class: name, cx, cy, r })
      return [cx, cy]
    }
    for (const T of [0.1, 1, 10]) {
      const [x, y] = dot("stop", Temperature.numbers({ ...state, T }).q, 3.5)
      const words = T === 0.1 ? "T = 0.1" : T
      if (guess?.T === T) continue // the guess has its words there
      put(svg, "text", { class: "soft left", x: x - (T === 10 ? 24 : 6), y: y - 9 }, words)
    }
    if (guess) {
      const [x, y] = dot("guess", guessed, 9)
      put(svg, "text", { class: "guessed left", x: x + 14, y: y + 5 }, "your guess")
    }
    dot("point", q, 7)
    return isWide ? 266 : base + 30
  },

  say(state) {
    const { given, q } = Temperature.numbers(state)
    const list = (values, places) => values.map((value) => show(value, places)).join(", ")
    return `The scores ${list(given, 2)} make the probabilities ${list(q, 3)}, a point of the triangle.`
  },

  // The scores times 10 plus 5 are (z + 0.5) / 0.1.
  guess: (T) => ({ ...Temperature.START, c: 0.5, T: Number(T) }),
  truth: () => ({ ...Temperature.START, c: 0.5, T: 0.1 }),
  START: { z0: 2, z1: 1.7, z2: -1 },
}

alive("temperature", Temperature)

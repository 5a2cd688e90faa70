"use strict"

// Whose mean: five rows with weights, and the divisor of their mean, by labels and by one-hot rows.

const Mean = {
  // The rows of the chapter.
  Z: [
    [2.0, -1.0, 0.5, 0.2],
    [0.3, 1.2, -0.7, 1.9],
    [-1.5, -1.4, 2.2, -0.8],
    [0.1, 0.0, -2.0, 3.0],
    [1.4, -0.6, 0.9, -1.1],
  ],
  Y: [0, 2, 1, 0, 2],
  PARTS: { one: [[0, 5]], two: [[0, 3], [3, 5]] },

  rows: (state) =>
    Mean.Y.map((y, n) => {
      const target = Mean.Z[n].map((_, k) => Number(k === y))
      const height = Numerics.evaluate(Mean.Z[n], 1, target).surprise[y]
      const w = state[`w${y}`]
      return { n, w, height, loss: w * height, counts: !state[`i${n}`] }
    }),

  // Sum, divisor and their quotient; 0 / 0 is NaN, as in PyTorch.
  over(rows, divisor) {
    const total = Numerics.sum(rows.map(({ loss }) => loss))
    return { total, divisor, mean: total / divisor }
  },

  basins(state) {
    const rows = Mean.rows(state)
    const parts = Mean.PARTS[state.parts].map(([from, to]) => {
      const counted = rows.slice(from, to).filter(({ counts }) => counts)
      return Mean.over(counted, Numerics.sum(counted.map(({ w }) => w)))
    })
    return { rows, parts, oneHot: Mean.over(rows, rows.length) }
  },

  numbers(state) {
    const { rows, parts, oneHot } = Mean.basins(state)
    return {
      losses: rows.map(({ loss, counts }) => (counts ? loss : 0)),
      labels: Numerics.sum(parts.map(({ mean }) => mean)) / parts.length,
      oneHot: oneHot.mean,
    }
  },

  draw(svg, width, state, guess) {
    const { rows, parts, oneHot } = Mean.basins(state)
    const { labels } = Mean.numbers(state)
    const tall = 140
    const levels = [...parts.map(({ mean }) => mean), oneHot.mean, guess?.labels, guess?.oneHot]
    const most = Math.max(4.2, ...levels.filter(Number.isFinite)) // nats; the highest row has 3.7
    const wide = Math.max(Numerics.sum(rows.map(({ w }) => w)) + (parts.length - 1) * 0.6, 6)
    const isWide = width > 560
    const left = 34
    // One unit of weight and one nat, the same in all three drawings, so that areas compare.
    const unit = isWide ? (width - left - 70) / (wide + 5 + 1) : (width - left - 10) / Math.max(wide, 6)
    const nat = tall / most

    const axis = (x, floor, across) => {
      for (const tick of [0, 2, 4]) {
        put(svg, "path", { class: "rule", d: `M${x} ${floor - tick * nat}h${across}` })
        put(svg, "text", { class: "tick", x: x - 7, y: floor - tick * nat + 4 }, tick)
      }
    }

    // The rows
    put(svg, "text", { class: "heading", x: 0, y: 14 }, "Losses of the rows")
    put(svg, "text", { class: "soft left", x: 148, y: 14 }, isWide ? "width: weight, height: −ln q, in nats" : "")
    const floor = 34 + 4.2 * nat
    axis(left, floor, Math.max(wide * unit, 5 * unit))
    let x = left
    for (const { n, w, height, counts } of rows) {
      const across = w * unit
      put(svg, "rect", { class: counts ? "fill" : "ignored", x, y: floor - height * nat,
        width: Math.max(across - 1.5, 0), height: height * nat })
      if (across > 14) put(svg, "text", { class: "soft", x: x + across / 2, y: floor + 18 }, across > 44 ? `row ${n}` : n)
      x += across
    }

    // The basins
    const basin = (x, floor, across, level) => {
      const high = Math.min(level, most) * nat
      put(svg, "rect", { class: "water", x, y: floor - high, width: across, height: high })
      put(svg, "path", { class: "wall", d: `M${x} ${floor - tall}V${floor}h${across}V${floor - tall}` })
    }
    const second = floor + 84 + tall
    const [gap, words] = [0.6 * unit, (name, x, y) => put(svg, "text", { class: "heading", x, y }, name)]
    const written = (mean) => (Number.isNaN(mean) ? "nan" : show(mean, 4))
    words("Labels", 0, second - tall - 22)
    let from = left
    parts.forEach((part) => {
      const across = part.divisor * unit
      const height = state.labels ?? part.mean
      if (across > 0) basin(from, second, across, height)
      from += across + gap
    })
    const end = from - gap
    const shown = state.labels ?? labels
    const high = (mean, floor) => floor - Math.min(mean, most) * nat
    if (!Number.isNaN(shown)) put(svg, "path", { class: "level", d: `M${left - 6} ${high(shown, second)}H${end + 6}` })
    const sums = parts.map(({ divisor }) => divisor.toFixed(1)).join(" and ")
    put(svg, "text", { class: "left", x: left, y: second + 20 }, `÷ ${sums}`)
    put(svg, "text", { class: "value left", x: 62, y: second - tall - 22 }, `mean ${written(shown)}`)

    const start = isWide ? left + (wide + 1) * unit + 30 : left
    const third = isWide ? second : second + 84 + tall
    const pooled = state.oneHot ?? oneHot.mean
    words("One-hot", start, third - tall - 22)
    basin(start, third, 5 * unit, pooled)
    put(svg, "path", { class: "level", d: `M${start - 6} ${high(pooled, third)}H${start + 5 * unit + 6}` })
    put(svg, "text", { class: "left", x: start, y: third + 20 }, "÷ 5 rows")
    put(svg, "text", { class: "value left", x: start + 72, y: third - tall - 22 }, `mean ${written(pooled)}`)
    if (guess)
      for (const [mean, x, across, floor] of [
        [guess.labels, left, end - left, second],
        [guess.oneHot, start, 5 * unit, third],
      ]) {
        put(svg, "path", { class: "guess", d: `M${x} ${high(mean, floor)}h${across}` })
        const y = high(mean, floor) + (mean > most * 0.8 ? 17 : -6)
        put(svg, "text", { class: "guessed left", x: x + 6, y }, "your guess")
      }
    return third + 30
  },

  say(state) {
    const { parts, oneHot } = Mean.basins(state)
    const { labels } = Mean.numbers(state)
    const level = (mean) => (Number.isNaN(mean) ? "nan" : show(mean, 4))
    const sums = parts.map(({ divisor }) => divisor.toFixed(1)).join(" and ")
    return (
      `With labels the mean is ${level(state.labels ?? labels)}, divided by ${sums}; with one-hot rows it is ` +
      `${level(state.oneHot ?? oneHot.mean)}, divided by 5.`
    )
  },

  BEFORE: { w0: 0.4, w1: 3, w2: 1.5, w3: 2, i0: 0, i1: 0, i2: 0, i3: 0, i4: 0, parts: "one" },
  AFTER: { w0: 0.8, w1: 6, w2: 3, w3: 4 },
  guess(value) {
    const [labels, oneHot] = value.split(" ").map(Number)
    const before = Mean.numbers(Mean.BEFORE)
    const state = { ...Mean.BEFORE, ...Mean.AFTER }
    return { ...state, labels: labels * before.labels, oneHot: oneHot * before.oneHot }
  },
  truth() {
    const state = { ...Mean.BEFORE, ...Mean.AFTER }
    const { labels, oneHot } = Mean.numbers(state)
    return { ...state, labels, oneHot }
  },
}

alive("mean", Mean)

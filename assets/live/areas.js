"use strict"

// Entropy, cross-entropy and their difference as areas. Both distributions are given by weights,
// divided by their sum.

const Areas = {
  shares(state, name) {
    const weights = [0, 1, 2].map((k) => state[name + k])
    const total = Numerics.sum(weights)
    return total > 0 ? weights.map((weight) => weight / total) : [1 / 3, 1 / 3, 1 / 3]
  },

  numbers(state) {
    const [p, q] = [Areas.shares(state, "p"), Areas.shares(state, "q")]
    const { entropy, kl, loss } = Numerics.evaluate(q.map(Math.log), 1, p)
    // What each class adds to the divergence: paid in excess, or saved.
    const parts = p.map((value, k) => (value === 0 ? 0 : value * Math.log(value / q[k])))
    const excess = Numerics.sum(parts.filter((part) => part > 0))
    const saved = -Numerics.sum(parts.filter((part) => part < 0))
    return { p, q, entropy, kl, loss, excess, saved }
  },

  draw(svg, width, state, guess) {
    const { p, q, entropy, kl, loss, excess, saved } = Areas.numbers(state)
    const [left, top, bottom] = [40, 12, 262]
    const right = width - 8
    const heights = q.map((value) => -Math.log(value))
    const highest = (values) => Math.max(...values.map((value) => -Math.log(value)))
    const most = Math.min(8, Math.max(2.3, 1.08 * Math.max(...heights, guess ? highest(Areas.numbers(guess).q) : 0)))
    const y = (nats) => bottom - (Math.min(nats, most) / most) * (bottom - top)
    for (let tick = 0; tick <= most; tick += most > 4 ? 2 : 1) {
      put(svg, "path", { class: "rule", d: `M${left} ${y(tick)}H${right}` })
      put(svg, "text", { class: "tick", x: left - 8, y: y(tick) + 4 }, tick)
    }
    let x = left
    p.forEach((share, k) => {
      const across = share * (right - left)
      const own = share > 0 ? -Math.log(share) : 0
      const inside = { x: x + 1, width: Math.max(across - 2, 0) }
      if (across > 0) {
        const low = Math.min(own, heights[k])
        const box = (name, from, to) =>
          put(svg, "rect", { class: name, ...inside, y: y(to), height: y(from) - y(to) })
        box("common", 0, low)
        if (heights[k] > own) box("excess", own, heights[k])
        else box("saved", heights[k], own)
        put(svg, "path", { class: "own", d: `M${x} ${y(own)}h${across}` })
      }
      if (across > 62) {
        put(svg, "text", { class: "value", x: x + across / 2, y: bottom + 20 }, `class ${k}`)
        put(svg, "text", { class: "soft", x: x + across / 2, y: bottom + 38 }, `p ${show(share, 2)}`)
        put(svg, "text", { class: "soft", x: x + across / 2, y: bottom + 56 }, `q ${show(q[k], 3)}`)
      } else if (across > 12) put(svg, "text", { class: "value", x: x + across / 2, y: bottom + 20 }, k)
      x += across
    })
    if (guess) {
      // Where the column of class 0 would end.
      const high = y(-Math.log(Areas.numbers(guess).q[0]))
      const across = p[0] * (right - left)
      put(svg, "path", { class: "guess", d: `M${left} ${high}h${across}` })
      put(svg, "text", { class: "guessed left", x: left + across + 8, y: high + 5 }, `your guess${high > top ? "" : " ↑"}`)
    }

    // The sum, in the colours of the areas.
    const terms = [["", `H(p) ${entropy.toFixed(3)}`], ["paid", `+ paid ${excess.toFixed(3)}`],
      ["spared", `− saved ${saved.toFixed(3)}`], ["", `= H(p, q) ${loss.toFixed(3)}`]]
    const isWide = width > 520
    terms.forEach(([name, words], n) => {
      const place = isWide
        ? { x: left + [0, 0.19, 0.41, 0.65][n] * (width - left), y: bottom + 90 }
        : { x: n % 2 ? width / 2 : 0, y: bottom + 86 + 24 * (n > 1) }
      put(svg, "text", { class: `value left ${name}`, ...place }, words)
    })
    const end = bottom + (isWide ? 114 : 134)
    put(svg, "text", { class: "left", x: isWide ? left : 0, y: end }, `too much: KL(p ‖ q) = ${kl.toFixed(3)} nats`)
    return end + 10
  },

  say(state) {
    const { entropy, kl, loss, excess, saved } = Areas.numbers(state)
    return (
      `The entropy H(p) is ${entropy.toFixed(3)}, the cross-entropy H(p, q) ${loss.toFixed(3)} nats. Paid in excess: ` +
      `${excess.toFixed(3)}, saved: ${saved.toFixed(3)}; the difference is ${kl.toFixed(3)}.`
    )
  },

  START: { p0: 5, p1: 3, p2: 2, q0: 2, q1: 4, q2: 4 },
  truth: () => ({ ...Areas.START, q0: 0.1, q1: 4.95, q2: 4.95 }),
  // The prediction that would cost so much, the others equal.
  guess(value) {
    let [low, high] = [1e-9, 0.5]
    const state = (q0) => ({ ...Areas.START, q0: 10 * q0, q1: 5 - 5 * q0, q2: 5 - 5 * q0 })
    for (let halving = 0; halving < 60; halving++) {
      const middle = Math.sqrt(low * high)
      if (Areas.numbers(state(middle)).kl > Number(value)) low = middle
      else high = middle
    }
    return state(high)
  },
}

alive("areas", Areas)

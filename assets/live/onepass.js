"use strict"

// Log-sum-exp in one pass: the maximum so far, and the sum relative to it.

const Onepass = {
  LONGEST: 14,
  FARTHEST: 1000,

  // What is written in the field, as numbers; null if some of it is none.
  parse(text) {
    const words = text.replaceAll("−", "-").split(",").map((word) => word.trim())
    const scores = words.map((word) => (/^-inf(inity)?$|^-∞$/i.test(word) ? -Infinity : word === "" ? NaN : Number(word)))
    const isGood = (x) => x === -Infinity || Math.abs(x) <= Onepass.FARTHEST
    return scores.length <= Onepass.LONGEST && scores.every(isGood) ? scores : null
  },
  tidy: (_, text) => Onepass.parse(text)?.map((x) => (x === -Infinity ? "-inf" : x)).join() ?? null,

  scores: ({ z, x }) => [...Onepass.parse(z), x],

  // The pair after each score: the old sum, rescaled, and what the score adds.
  passes(scores) {
    let [m, s] = [-Infinity, 0]
    return scores.map((x) => {
      const top = Math.max(m, x)
      const origin = top === -Infinity ? 0 : top
      const kept = s * Math.exp(m - origin)
      const added = Math.exp(x - origin)
      ;[m, s] = [top, kept + added]
      return { m, s, kept, added }
    })
  },

  numbers(state) {
    const passes = Onepass.passes(Onepass.scores(state).slice(0, state.n))
    const { m, s } = passes.at(-1)
    return { m: passes.map((pass) => pass.m), s: passes.map((pass) => pass.s), lse: m + Math.log(s) }
  },

  draw(svg, width, state, guess) {
    const scores = Onepass.scores(state)
    const n = Math.min(Math.round(state.n), scores.length)
    const passes = Onepass.passes(scores.slice(0, n))
    const gutter = 44
    const step = (width - gutter - 8) / scores.length
    const across = (k) => gutter + (k + 0.5) * step
    const isDense = step < 36

    // Scores
    const finite = scores.filter(Number.isFinite)
    const [low, high] = [Math.min(0, ...finite), Math.max(1, ...finite)]
    const [top, floor] = [36, 160]
    const y = (x) => floor - ((Math.max(x, low) - low) / (high - low)) * (floor - top)
    put(svg, "text", { class: "heading", x: 0, y: 14 }, "Scores, and their maximum m")
    for (const tick of [low, high]) {
      put(svg, "path", { class: "rule", d: `M${gutter - 6} ${y(tick)}H${width}` })
      put(svg, "text", { class: "tick", x: gutter - 12, y: y(tick) + 4 }, String(+tick.toFixed(1)).replace("-", "−"))
    }
    let line = ""
    passes.forEach(({ m }, k) => {
      if (m > -Infinity) line += `${line ? "L" : "M"}${gutter + k * step} ${y(m)}h${step}`
    })
    put(svg, "path", { class: "maximum", d: line })
    scores.forEach((x, k) => {
      if (x === -Infinity) put(svg, "text", { x: across(k), y: floor + 4 }, "−∞")
      else put(svg, "circle", { class: k < n ? "score" : "unseen", cx: across(k), cy: y(x), r: 5 })
    })

    // Sums
    const [roof, bottom] = [228, 336]
    const sums = passes.map(({ s }) => s)
    const shown = state.sum ?? sums.at(-1)
    const most = Math.max(...sums, Math.min(Math.max(shown, guess?.sum ?? 0), 2 * Math.max(...sums)), 1)
    const up = (s) => bottom - (Math.min(s, most) / most) * (bottom - roof)
    put(svg, "text", { class: "heading", x: 0, y: 196 }, "Running sum s")
    put(svg, "path", { class: "rule", d: `M${gutter - 6} ${bottom}H${width}` })
    passes.forEach(({ s, kept, added }, k) => {
      const isLast = k === n - 1
      const share = isLast && s > 0 ? shown / s : 1
      const bar = { x: across(k) - Math.min(step * 0.36, 22), width: Math.min(step * 0.72, 44) }
      put(svg, "rect", { class: "pale", ...bar, y: up(kept * share), height: bottom - up(kept * share) })
      put(svg, "rect", {
        class: "fill",
        ...bar,
        y: up((kept + added) * share),
        height: up(kept * share) - up((kept + added) * share),
      })
      const words = isDense && !isLast ? s.toFixed(1) : (s * share).toFixed(2)
      put(svg, "text", { class: isLast ? "value" : "", x: across(k), y: up(s * share) - 7 }, words)
    })
    if (guess?.sum) {
      const [x, end] = [across(n - 1) - step * 0.45, across(n - 1) + step * 0.45]
      put(svg, "path", { class: "guess", d: `M${x} ${up(guess.sum)}H${end}` })
      put(svg, "text", { class: "guessed last", x: width, y: 196 }, `your guess ${guess.sum.toFixed(2)}`)
    }
    scores.forEach((_, k) => put(svg, "text", { class: "soft", x: across(k), y: bottom + 20 }, k + 1))
    const { m, s } = passes.at(-1)
    const text = put(svg, "text", { class: "left", x: 0, y: bottom + 48 }, `m = ${Onepass.brief(m)},  s = ${s.toFixed(4)}:  `)
    put(text, "tspan", { class: "value" }, `m + ln s = ${Onepass.brief(m + Math.log(s), 4)}`)
    return bottom + 58
  },

  brief: (value, places = 1) => (value === -Infinity ? "−∞" : value.toFixed(places).replace("-", "−")),

  say(state) {
    const { m, s, lse } = Onepass.numbers(state)
    return (
      `After ${m.length} of ${Onepass.scores(state).length} scores, the last ${state.x}: maximum ${Onepass.brief(m.at(-1))}, running sum ` +
      `${(state.sum ?? s.at(-1)).toFixed(2)}, log-sum-exp ${Onepass.brief(lse, 4)}.`
    )
  },

  START: { n: 10, x: 9, z: "1,3.5,3.5,-2,2,6,5,4.5,6" },
  guess: (sum) => ({ ...Onepass.START, sum: Number(sum) }),
  truth: () => ({ ...Onepass.START, sum: Onepass.numbers(Onepass.START).s.at(-1) }),
}

alive("onepass", Onepass)

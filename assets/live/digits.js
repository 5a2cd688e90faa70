"use strict"

// The loss of two classes in four formats and three forms, and which of its digits are right.
//
// Each operation is computed in double precision and rounded to the format: for +, −, exp, ln and
// log1p in bfloat16 and float16 that is what PyTorch returns on a CPU, bit for bit. (In float32
// its exp and logarithms may be a neighbour of it.)

const Digits = {
  FORMATS: Numerics.FORMATS,

  // The label has the score o + m, the other class o.
  loss({ m, o, form }, name) {
    if (form !== "log1p") return Numerics.stored([o + m, o], 1, [1, 0], name, form === "shift")
    const fl = (x) => Numerics.round(x, Digits.FORMATS[name])
    return fl(Math.log1p(fl(Math.exp(fl(fl(o) - fl(o + m))))))
  },

  exact: ({ m }) => Math.log1p(Math.exp(-m)),

  numbers(state) {
    const losses = Object.keys(Digits.FORMATS).map((name) => [name, Digits.loss(state, name)])
    return { exact: Digits.exact(state), ...Object.fromEntries(losses) }
  },

  // How many digits of a value are right: up to half a unit of the last of them.
  right(value, exact, most) {
    const error = Math.abs(value / exact - 1)
    if (!(error < 0.5)) return 0
    const lead = exact / 10 ** Math.floor(Math.log10(exact)) // from 1 to 10
    return error === 0 ? most : Math.max(0, Math.min(most, Math.floor(1 - Math.log10(2 * error * lead))))
  },

  // As many as tell all numbers of a format apart.
  places: ([M]) => Math.ceil(1 + (M + 1) * Math.log10(2)),
  // As many as every number of a format has right.
  kept: ([M]) => Math.floor((M + 1) * Math.log10(2)),

  written(value, places) {
    if (Number.isNaN(value)) return ["nan", ""]
    if (Math.abs(value) === Infinity) return [value > 0 ? "∞" : "−∞", ""]
    if (value === 0) return ["0", ""]
    const [digits, power] = value.toExponential(places - 1).split("e")
    const raised = [...power.replace("+", "")].map((sign) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[sign] ?? "⁻").join("")
    return [digits.replace("-", "−"), raised === "⁰" ? "" : `·10${raised}`]
  },

  // For each format the stretches of margins with equally many right digits, and which share.
  strips({ form, o }, far) {
    const key = `${form} ${o}`
    if (Digits.known?.key === key) return Digits.known.strips
    const strips = Object.entries(Digits.FORMATS).map(([name, format]) => {
      const pieces = []
      for (let n = 0; n < 240; n++) {
        const here = { form, o, m: ((n + 0.5) / 240) * far }
        const kept = Digits.kept(format)
        const share = Digits.right(Digits.loss(here, name), Digits.exact(here), kept) / kept
        const [from, to] = [(n / 240) * far, ((n + 1) / 240) * far]
        if (pieces.at(-1)?.[2] === share) pieces.at(-1)[1] = to
        else pieces.push([from, to, share])
      }
      return [name, pieces.filter(([, , share]) => share > 0)]
    })
    Digits.known = { key, strips }
    return strips
  },

  draw(svg, width, state, guess) {
    const exact = Digits.exact(state)
    const names = Object.keys(Digits.FORMATS)
    const gutter = 74
    const cell = Math.min(17, (width - gutter - 52) / 18)

    const line = (y, name, value, places, right) => {
      put(svg, "text", { class: "heading", x: 0, y }, name)
      const [digits, power] = Digits.written(value, places)
      let x = gutter
      let seen = 0
      const ground = put(svg, "rect", { class: "ground" })
      for (const sign of digits) {
        const isDigit = sign >= "0" && sign <= "9"
        if (isDigit) seen++
        const isRight = right > 0 && seen <= right
        const across = sign === "." ? cell * 0.45 : cell
        put(svg, "text", { class: isRight ? "right" : "wrong", x: x + across / 2, y }, sign)
        x += across
        if (isRight && isDigit) set(ground, { x: gutter, y: y - 17, width: x - gutter, height: 24, rx: 4 })
      }
      put(svg, "text", { class: right ? "right left" : "wrong left", x: x + 2, y }, power)
      return x + 2 + 8 * power.length
    }
    line(22, "exact", exact, 17, 17)
    names.forEach((name, row) => {
      const format = Digits.FORMATS[name]
      const value = Digits.loss(state, name)
      const most = Digits.places(format)
      const end = line(56 + 32 * row, name, value, most, Digits.right(value, exact, most))
      const words = value === 0 ? "exactly zero" : Number.isFinite(value) ? "" : "no loss at all"
      if (words) put(svg, "text", { class: "soft left", x: end + 14, y: 56 + 32 * row }, words)
    })

    // Strips
    const far = state.form === "log1p" ? 120 : 40
    const top = 56 + 32 * 4 + 6
    const across = (m) => gutter + (Math.min(m, far) / far) * (width - gutter - 12)
    Digits.strips(state, far).forEach(([name, pieces], row) => {
      const y = top + 24 * row
      put(svg, "text", { class: "soft left", x: 0, y: y + 13 }, name)
      put(svg, "rect", { class: "empty", x: gutter, y, width: across(far) - gutter, height: 16, rx: 3 })
      for (const [from, to, share] of pieces) {
        const place = { x: across(from), y, width: across(to) - across(from), height: 16 }
        put(svg, "rect", { class: "strip", ...place, opacity: share ** 1.5 })
      }
    })
    const bottom = top + 24 * 4
    for (let m = 0; m <= far; m += far / 4)
      put(svg, "text", { class: "soft", x: across(m), y: bottom + 22 }, m)
    put(svg, "text", { class: "soft left", x: 0, y: bottom + 22 }, "margin")
    if (guess) {
      put(svg, "path", { class: "guess", d: `M${across(guess.m)} ${top - 4}V${bottom + 4}` })
      put(svg, "text", { class: "guessed", x: Math.min(across(guess.m), width - 36), y: bottom + 40 }, "your guess")
    }
    put(svg, "path", { class: "now", d: `M${across(state.m)} ${top - 4}V${bottom + 4}` })
    put(svg, "circle", { class: "point", cx: across(state.m), cy: bottom + 4, r: 6 })
    return bottom + (guess ? 48 : 34)
  },

  say(state) {
    const parts = Object.entries(Digits.numbers(state)).map(([name, value]) => {
      const [digits, power] = Digits.written(value, 4)
      return `${name} ${digits}${power}`
    })
    return `The loss at the margin ${show(state.m, 1)}: ${parts.join(", ")}.`
  },

  guess: (m) => ({ form: "shift", m, o: 0 }),
  // The first margin, in steps of the slider, at which the loss is zero.
  truth() {
    const state = Digits.guess(0)
    while (Digits.loss(state, "bfloat16") > 0) state.m = +(state.m + 0.1).toFixed(1)
    return state
  },
  verdict: (m) => `You said ${m}; it is ${Digits.truth().m}.`,
}

alive("digits", Digits)

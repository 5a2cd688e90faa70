"use strict"

// What the reader has chosen, and how it stands in the address:
//
//   #z=1,2,0&y=0                      three logits, true class 0
//   #z=1,2,0&y=0&eps=0.1&T=2          smoothed target, temperature 2
//   #z=1,2,0&p=0.5,0.3,0.2            soft target (weights, divided by their sum)
//   #z=20,2,0&y=0&format=float16&shift=off     the loss as that format stores it, not shifted
//   #z=1,2,0&y=0&eta=1&steps=3        three steps of gradient descent from these logits
//
// Numbers are written in the fewest digits that give the same double again.

const State = {
  LIMITS: {
    K: [2, 10],
    z: [-1000, 1000],
    eps: [0, 1],
    T: [0.05, 20],
    eta: [0.01, 20],
    steps: [0, 1000],
  },

  START: "z=1,2,0&y=0",

  clamp(name, value) {
    const [low, high] = State.LIMITS[name]
    return Math.min(high, Math.max(low, value))
  },

  // The state of an address, or null if it holds no logits. What is missing or
  // meaningless takes its usual value, so that every link leads somewhere.
  read(hash) {
    const given = new URLSearchParams(hash.replace(/^#/, ""))
    const list = (name) => (given.get(name) ?? "").split(",").filter(Boolean).map(Number)
    const number = (name, usual) => {
      const value = given.has(name) && given.get(name) !== "" ? Number(given.get(name)) : NaN
      return Number.isFinite(value) ? State.clamp(name, value) : usual
    }
    const [least, most] = State.LIMITS.K
    const z = list("z").slice(0, most)
    if (z.length < least || !z.every(Number.isFinite)) return null
    const p = list("p")
    const isSoft =
      p.length === z.length &&
      p.every((weight) => Number.isFinite(weight) && weight >= 0 && weight <= 1e6) &&
      p.some((weight) => weight > 0)
    const y = Math.trunc(Number(given.get("y") ?? 0))
    return {
      z: z.map((score) => State.clamp("z", score)),
      kind: isSoft ? "soft" : given.has("eps") ? "smoothed" : "hard",
      y: y >= 0 && y < z.length ? y : 0,
      eps: number("eps", 0.1),
      p: isSoft ? p : null,
      T: number("T", 1),
      eta: number("eta", 1),
      steps: Math.trunc(number("steps", 0)),
      format: Object.hasOwn(Numerics.FORMATS, given.get("format")) ? given.get("format") : "float64",
      isShifted: given.get("shift") !== "off",
    }
  },

  write({ z, kind, y, eps, p, T, eta, steps, format, isShifted }) {
    const parts = [`z=${z.join()}`]
    parts.push(kind === "soft" ? `p=${p.join()}` : `y=${y}`)
    if (kind === "smoothed") parts.push(`eps=${eps}`)
    if (T !== 1) parts.push(`T=${T}`)
    if (eta !== 1) parts.push(`eta=${eta}`)
    if (format !== "float64") parts.push(`format=${format}`)
    if (!isShifted) parts.push("shift=off")
    if (steps) parts.push(`steps=${steps}`)
    return parts.join("&")
  },

  // The state with another number of classes.
  resize(state, K) {
    const fit = (values, filling) =>
      [...values, ...Array(K).fill(filling)].slice(0, K)
    const p = state.p && fit(state.p, 0)
    return {
      ...state,
      z: fit(state.z, 0),
      y: Math.min(state.y, K - 1),
      p: p && (p.some(Boolean) ? p : fit([1], 0)),
    }
  },

  // The weights p with p[k] set to `value` and the others scaled to what is left.
  setTarget(p, k, value) {
    const rest = Numerics.sum(p) - p[k]
    const left = 1 - value
    return p.map((weight, j) => {
      const scaled = rest > 0 ? (weight * left) / rest : left / (p.length - 1)
      return Number((j === k ? value : scaled).toFixed(6))
    })
  },
}

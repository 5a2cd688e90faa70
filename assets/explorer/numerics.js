"use strict"

// The numbers of the explorer and of the figures that come alive, in the stable forms of the book: the largest score is
// subtracted before anything is exponentiated, small quantities are never the difference
// of large ones, and 0 ln 0 is 0. All in nats; nothing here knows of the page.

const Numerics = {
  sum: (values) => values.reduce((total, value) => total + value, 0),

  // The target distribution: one-hot, smoothed as PyTorch does it, or any weights.
  target({ kind, z, y, eps, p }) {
    const K = z.length
    if (kind === "soft") {
      const total = Numerics.sum(p)
      return p.map((weight) => weight / total)
    }
    const smoothing = kind === "smoothed" ? eps : 0
    return z.map((_, k) => (k === y ? 1 - smoothing : 0) + smoothing / K)
  },

  // Prediction, losses and gradient for logits z, temperature T and target p.
  evaluate(z, T, p) {
    const top = z.indexOf(Math.max(...z))
    const gap = z.map((score) => (z[top] - score) / T) // not negative
    const others = Numerics.sum(gap.map((g, k) => (k === top ? 0 : Math.exp(-g))))
    const q = gap.map((g) => Math.exp(-g) / (1 + others))
    // −ln q, right where q is so close to 1 that it rounds to 1, or so small that it is 0.
    const surprise = gap.map((g) => g + Math.log1p(others))
    const share = p.map((target, k) => (target === 0 ? 0 : target * surprise[k]))
    const entropy = Numerics.sum(p.map((t) => (t === 0 ? 0 : -t * Math.log(t))))
    // p ln(p / q) − p + q is never negative, and the −p + q cancel in the sum.
    const divergence = p.map((target, k) => {
      if (target === 0) return q[k]
      const change = (q[k] - target) / target
      if (Math.abs(change) < 0.5) return target * (change - Math.log1p(change))
      return target * (Math.log(target) + surprise[k]) - target + q[k]
    })
    const difference = q.map((value, k) =>
      p[k] === 1 ? -Numerics.sum(q.filter((_, j) => j !== k)) : value - p[k],
    )
    return {
      q,
      surprise,
      share,
      loss: Numerics.sum(share),
      entropy,
      kl: Numerics.sum(divergence),
      gradient: difference.map((d) => d / T),
    }
  },

  // The logits before and after each step of gradient descent, first to last.
  descend({ z, T, eta, steps }, p) {
    const path = [z]
    for (let step = 0; step < steps; step++) {
      const { gradient } = Numerics.evaluate(path[step], T, p)
      path.push(path[step].map((score, k) => score - eta * gradient[k]))
    }
    return path
  },

  // Where, on the way from p to q over three classes, the loss is `level` above its
  // smallest value; null if it does not get that far. Along a ray from p it only rises.
  crossing(p, direction, level) {
    const room = direction.map((d, k) => (d < 0 ? p[k] / -d : Infinity))
    let [near, far] = [0, Math.min(...room)]
    const excess = (t) => {
      let kl = 0
      for (let k = 0; k < 3; k++)
        if (p[k] > 0) kl -= p[k] * Math.log1p((t * direction[k]) / p[k])
      return kl
    }
    if (!(far > 1e-9) || excess(far) < level) return null // NaN, −ln of less than 0, goes on
    for (let halving = 0; halving < 24; halving++) {
      const middle = (near + far) / 2
      if (excess(middle) < level) near = middle
      else far = middle
    }
    return p.map((target, k) => target + near * direction[k])
  },

  // Formats: bits behind the point, and the largest exponent.
  FORMATS: { float64: [52, 1023], float32: [23, 127], bfloat16: [7, 127], float16: [10, 15] },

  // The number of the format that is nearest; half-way, the one whose last bit is 0.
  round(x, [M, B]) {
    const size = Math.abs(x)
    if (M === 52 || !(size > 0 && size < Infinity)) return x
    let e = Math.floor(Math.log2(size))
    if (2 ** e > size) e--
    else if (2 ** (e + 1) <= size) e++
    const step = 2 ** (Math.max(e, 1 - B) - M)
    let steps = Math.round(x / step)
    if (Math.abs((x / step) % 1) === 0.5 && steps % 2) steps--
    const near = steps * step
    return Math.abs(near) > (2 - 2 ** -M) * 2 ** B ? Math.sign(x) * Infinity : near
  },

  // The loss in its usual form, each operation rounded to the format, sums one by one: first
  // the largest score is subtracted, or it is not.
  stored(z, T, p, format, isShifted) {
    const fl = (x) => Numerics.round(x, Numerics.FORMATS[format])
    const scores = z.map((score) => fl(fl(score) / fl(T)))
    const top = isShifted ? Math.max(...scores) : 0
    const given = scores.map((score) => fl(score - top))
    const sum = given.reduce((total, g) => fl(total + fl(Math.exp(g))), 0)
    const log = fl(Math.log(sum))
    return p.map(fl).reduce((total, target, k) => {
      return target === 0 ? total : fl(total + fl(target * fl(log - given[k])))
    }, 0)
  },
}

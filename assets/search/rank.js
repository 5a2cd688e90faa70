"use strict"

// Which sections answer a query: BM25 over one entry a section, headings and words of the index
// counted more, and what stands side by side in the query and in the text counted again, so that a
// message is found whole, whatever numbers are in it. The index, bookIndex, is written by
// _ext/search.py. (minisearch, on the same entries and questions, found fewer: it has no phrases,
// no numbers that are near, and no names of functions in two spellings.)

const bookRank = (() => {
  const WORD = /\d+(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?(?:e[+-]?\d+)?|\p{L}[\p{L}\p{N}_]*(?:-\p{L}[\p{L}\p{N}_]*)*/gu
  const PART = /\p{Lu}+(?!\p{Ll})\p{N}*|\p{Lu}?\p{Ll}+\p{N}*|\p{N}+|\p{L}+/gu
  const MODULE = /\b(?:torch|nn|functional|F|tf|keras|np|jnp|optim)\.(?=[A-Za-z_])/g
  const HEADING = 2.6, TERM = 1.8, CHAPTER = 0.8, PHRASE = 0.55, SYNONYM = 0.6, PART_OF_NAME = 0.4
  const K = 1.3, B = 0.6
  const STOP = new Set(`a about all am an and any are as at be because been better between but by can do does for from
    get getting give given gives go had has have how i if in into is it its just like make me my need
    of on or our should so some than that the their them then there they this to too use using vs was we
    what when where which while who why will with would you your`.split(/\s+/).map(stem))

  // Light: plurals, -ing, -ed, -er, and both spellings of -ise, -our and -lled.
  function stem(word) {
    let w = word
    if (w.length > 3) w = w.replace(/ies$/, "y").replace(/(ss|x|ch|sh)es$/, "$1").replace(/([^su])s$/, "$1")
    w = w.replace(/is(e|ed|es|er|ing|ation)$/, "iz$1").replace(/our(?=$|ed|ing)/, "or")
    if (w.length > 4) w = w.replace(/(?:ing|ed|er|ation|ly)$/, (end, at) => (at > 2 ? "" : end))
    return w.replace(/(.)\1$/, "$1").replace(/e$/, (e, at) => (at > 2 ? "" : e))
  }
  const stems = new Map()
  const stemOf = (word) => stems.get(word) ?? (stems.set(word, stem(word)), stems.get(word))

  // Of "CrossEntropyLoss", "cross_entropy" and "cross-entropy" one name, and its words.
  function tokensOf(raw) {
    if (/^\d/.test(raw)) return [String(Number(raw.replaceAll(",", "")))]
    const parts = (raw.match(PART) ?? [raw]).map((part) => stemOf(part.toLowerCase()))
    if (parts.length < 2) return parts
    let name = parts.join("").replace(/(?<=...)los$|(?<=^...?)los$/, "")
    name = name.replace(stemOf("binary") + stemOf("cross") + stemOf("entropy"), "bce")
    return [...parts, "=" + name]
  }
  const memory = new Map()
  const tokensOfWord = (raw) => memory.get(raw) ?? (memory.set(raw, tokensOf(raw)), memory.get(raw))
  const wordsOf = (text) => text.replace(MODULE, "").match(WORD) ?? []
  const isNumber = (token) => /^\d/.test(token)
  const isName = (token) => token[0] === "="

  const ids = new Map() // token -> number
  const tokens = []
  const numbers = new Set() // numbers of tokens that are numbers
  const postings = [] // number of token -> Map of entry -> how often it stands in the text
  const extras = [] // and what it counts for by standing in a heading, the index or the chapter's title
  const lengths = [], sequences = [], headings = []
  let mean = 1

  function idOf(token) {
    if (!ids.has(token)) {
      ids.set(token, tokens.length)
      if (isNumber(token)) numbers.add(tokens.length)
      tokens.push(token)
      postings.push(new Map())
      extras.push(new Map())
    }
    return ids.get(token)
  }

  // A line of names from code, which are no neighbours.
  const isList = (line) => /^[\w.]+( [\w.]+)*$/.test(line) && /[_.]\w/.test(line)

  function add(entry, text, sequence, extra = 0) {
    const list = isList(text)
    for (const raw of wordsOf(text)) {
      if (list) sequence.push(-1)
      for (const token of tokensOfWord(raw)) {
        const id = idOf(token)
        const counts = postings[id]
        counts.set(entry, (counts.get(entry) ?? 0) + 1)
        if (extra > (extras[id].get(entry) ?? 0)) extras[id].set(entry, extra)
        if (!isName(token)) sequence.push(id)
      }
    }
    sequence.push(-1)
  }

  const whole = (words) => wordsOf(words).flatMap((raw) => tokensOfWord(raw).filter((t) => !isName(t)))
  let synonyms = []

  function prepare() {
    synonyms = Object.entries(bookIndex.synonyms).map((both) => both.map(whole))
    bookIndex.entries.forEach(([page, , title, terms, , text], entry) => {
      const sequence = [], heading = []
      add(entry, title, heading, HEADING)
      for (const term of terms.split("; ")) add(entry, term, heading, TERM)
      add(entry, bookIndex.pages[page][2], [], CHAPTER)
      for (const line of text.split("\n")) add(entry, line, sequence)
      lengths.push(sequence.length + 40)
      sequences.push(Int32Array.from(sequence))
      headings.push(Int32Array.from(heading))
    })
    mean = lengths.reduce((a, b) => a + b, 0) / lengths.length
  }

  const idf = (entries) => Math.log(1 + (lengths.length - entries + 0.5) / (entries + 0.5))

  const entriesOf = (found) => new Set([...found.keys()].flatMap((id) => [...postings[id].keys()]))

  // The tokens of the index that answer one of the query, each with a weight.
  function near(token, last) {
    const found = new Map()
    if (ids.has(token)) found.set(ids.get(token), 1)
    if (isNumber(token)) {
      if (token.includes("."))
        for (const id of numbers) if (alike(token, tokens[id])) found.set(id, found.get(id) ?? 0.9)
    } else if (!found.size && !isName(token) && token.length > 2) {
      for (let id = 0; id < tokens.length; id++)
        if (tokens[id].startsWith(token) && (last || tokens[id].length < token.length + 4))
          found.set(id, 0.7)
      if (!found.size && token.length > 4)
        for (let id = 0; id < tokens.length; id++)
          if (!isNumber(tokens[id]) && (oneOff(token, tokens[id]) || (tokens[id].length > 4 && token.startsWith(tokens[id]))))
            found.set(id, 0.5)
    }
    return found
  }

  // 2.303 for 2.3026, by rounding, and 2.302 as its beginning; 0.5514 for 0.551, too.
  function alike(asked, here) {
    if (Math.abs(asked - here) > 0.01 * asked) return false
    const [places, given] = [asked, here].map((n) => (n.split(".")[1] ?? "").length)
    if (given >= places) return Number(here).toFixed(places) === Number(asked).toFixed(places) || here.startsWith(asked)
    return given > 2 && Number(asked).toFixed(given) === here
  }

  function oneOff(a, b) {
    if (Math.abs(a.length - b.length) > 1) return false
    let i = 0
    while (i < a.length && a[i] === b[i]) i++
    const [x, y] = [a.slice(i), b.slice(i)]
    return x.slice(1) === y.slice(1) || x === y.slice(1) || x.slice(1) === y ||
      (x[0] === y[1] && x[1] === y[0] && x.slice(2) === y.slice(2))
  }

  // The query as groups of tokens, each group one word of it or one that people use for it.
  function understand(query) {
    const raws = wordsOf(query)
    const groups = [], sequence = []
    raws.forEach((raw, at) => {
      const parts = tokensOfWord(raw)
      for (const token of parts) {
        const last = at === raws.length - 1 && !/\s$/.test(query)
        let weight = STOP.has(token) ? 0.02 : token.length < 2 && raws.length > 1 ? 0.3 : 1
        // Of cross_entropy the name counts, of cross-entropy its words.
        if (parts.length > 1 && isName(token) === raw.includes("-")) weight *= PART_OF_NAME
        if (isNumber(token) && !token.includes(".") && raws.length > 1) weight *= token.length > 2 ? 0.5 : 0.25
        const found = near(token, last)
        groups.push({ token, weight, found, direct: true })
        if (!isName(token)) sequence.push({ token, found })
      }
    })
    const asked = " " + sequence.map(({ token }) => token).join(" ") + " "
    for (const [said, meant] of synonyms) {
      if (!asked.includes(` ${said.join(" ")} `)) continue
      // Another spelling of one word; or words of the book around what was said.
      const same = said.length === 1 && meant.length === 1 && groups.find(({ token }) => token === said[0])
      if (same) for (const [id] of near(meant[0], false)) same.found.set(id, same.found.get(id) ?? 0.7)
      const others = same ? [] : meant.filter((token) => !asked.includes(` ${token} `))
      const instead = groups.filter(({ token, direct }) => direct && said.includes(token))
      for (const token of others)
        groups.push({ token, weight: SYNONYM / Math.sqrt(others.length), found: near(token, false), instead, share: 1 / others.length })
    }
    return { groups, sequence }
  }

  // Which pairs of neighbours of the query are neighbours here. A number stands for any.
  function pairs(places, where, values) {
    let sum = 0, before
    const seen = new Set()
    for (const id of where) {
      const here = places.get(id) ?? (numbers.has(id) ? places.get("number") : undefined)
      if (before && here)
        for (const j of before)
          if (!seen.has(j) && here.includes(j + 1)) {
            seen.add(j)
            sum += Math.min(values[j], values[j + 1])
          }
      before = here
    }
    return sum
  }

  // Number of token -> its places in the query.
  function placesOf(sequence) {
    const places = new Map()
    const put = (id, at) => places.set(id, [...(places.get(id) ?? []), at])
    sequence.forEach(({ token, found }, at) => {
      if (isNumber(token)) put("number", at)
      else for (const id of found.keys()) put(id, at)
    })
    return places
  }

  function search(query, most = 12) {
    const { groups, sequence } = understand(query)
    const scores = new Float64Array(lengths.length), covered = new Float64Array(lengths.length)
    let all = 0
    for (const group of groups) {
      const best = (group.best = new Map())
      const entries = entriesOf(group.found)
      group.idf = idf(entries.size)
      for (const [id, closeness] of group.found)
        for (const [entry, count] of postings[id]) {
          const long = K * (1 - B + (B * lengths[entry]) / mean)
          const extra = extras[id].get(entry) ?? 0
          const score = closeness * ((count * (K + 1)) / (count + long) + extra)
          if (score > (best.get(entry) ?? 0)) best.set(entry, score)
        }
      const asked = group.direct && !isName(group.token) ? group.weight * Math.min(group.idf, 5) : 0
      all += asked
      for (const [entry, score] of best) {
        scores[entry] += group.weight * group.idf * score
        covered[entry] += asked
        // Who says it in the book's words has it, too.
        for (const other of group.instead ?? [])
          if (!other.best.has(entry)) covered[entry] += 0.8 * group.share * other.weight * Math.min(other.idf, 5)
      }
    }
    if (sequence.length > 1) {
      const values = sequence.map(({ token, found }) => {
        return isNumber(token) ? 1.5 : found.size ? Math.max(0.5, idf(entriesOf(found).size)) : 0
      })
      const places = placesOf(sequence)
      for (let entry = 0; entry < scores.length; entry++) {
        if (!scores[entry]) continue
        const near = pairs(places, sequences[entry], values) + 1.5 * pairs(places, headings[entry], values)
        scores[entry] += PHRASE * near * (K + 1)
      }
    }
    const found = []
    for (let entry = 0; entry < scores.length; entry++)
      if (scores[entry] > 0.5) {
        const part = all ? covered[entry] / all : 0
        found.push([scores[entry] * (0.4 + 0.6 * part) * bookIndex.entries[entry][4], entry])
      }
    found.sort((a, b) => b[0] - a[0] || a[1] - b[1])
    const least = found.length ? found[0][0] * 0.25 : 0
    const good = found.filter(([score], at) => score >= least || at < 5)
    return { count: good.length, results: good.slice(0, most).map(([score, entry]) => shown(entry, groups, score)) }
  }

  // What a reader sees of a result: the best line, and the words by which it was found.
  function shown(entry, groups, score) {
    const [page, anchor, title, , , text] = bookIndex.entries[entry]
    const values = new Map() // number of token -> worth
    for (const { found, weight, idf } of groups)
      for (const [id, closeness] of found) values.set(id, Math.max(values.get(id) ?? 0, weight * closeness * idf))
    const isHit = (raw) => Math.max(0, ...tokensOfWord(raw).map((token) => values.get(ids.get(token)) ?? 0))
    const hits = (line) => [...line.matchAll(WORD)].map((m) => ({ raw: m[0], at: m.index, worth: isHit(m[0]) })).filter((hit) => hit.worth > 0.3)
    let best = { worth: -1, line: "", hits: [] }
    const words = new Map()
    for (const line of text.split("\n")) {
      const here = hits(line)
      const once = new Map()
      for (const { raw, worth } of here) {
        once.set(raw.toLowerCase(), worth)
        words.set(raw.toLowerCase(), worth)
      }
      const sum = [...once.values()].reduce((a, b) => a + b, 0)
      // Better a sentence than a list of names, or what a check compares.
      const worth = sum * (isList(line) ? 0.3 : /^Check\b/.test(line) ? 0.6 : 1)
      if (worth > best.worth) best = { worth, line, hits: here }
    }
    const mark = [...words].sort((a, b) => b[1] - a[1]).slice(0, 12).map(([word]) => word)
    const [url, number, chapter] = bookIndex.pages[page]
    return { url, anchor, title, number, chapter, score, line: cut(best), mark, titleHits: hits(title) }
  }

  // About two lines of text around most of the words: pieces, each marked or not.
  function cut({ line, hits }) {
    const long = 180
    let start = 0
    if (line.length > long && hits.length) {
      const inside = (from) => hits.filter(({ at, raw }) => at >= from && at + raw.length <= from + long).reduce((sum, { worth }) => sum + worth, 0)
      let best = -1
      for (const { at } of hits) {
        const from = Math.max(0, Math.min(at - 30, line.length - long))
        if (inside(from) > best) [best, start] = [inside(from), from]
      }
      if (start) start = line.indexOf(" ", start) + 1 || start
    }
    let end = Math.min(line.length, start + long)
    if (end < line.length) end = Math.max(line.lastIndexOf(" ", end), start + 1)
    return { before: start > 0, after: end < line.length, pieces: marked(line.slice(start, end), hits.map((hit) => ({ ...hit, at: hit.at - start }))) }
  }

  function marked(text, hits) {
    const pieces = []
    let done = 0
    for (const { at, raw } of hits) {
      if (at < done || at + raw.length > text.length) continue
      pieces.push([text.slice(done, at), false], [raw, true])
      done = at + raw.length
    }
    return [...pieces, [text.slice(done), false]].filter(([piece]) => piece)
  }

  prepare()
  return { search, marked }
})()

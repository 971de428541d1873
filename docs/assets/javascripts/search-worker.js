// The engine behind the theme's search box. It speaks the messages of the theme's own worker (0 set up, 1 ready,
// 2 query, 3 result) and differs in what Chinese needs: no dictionary, no spaces expected.
//
// Han characters are indexed as pairs and, lightly, alone; identifiers whole and in parts (CrossEntropyLoss: cross,
// entropy, loss, crossentropy, entropyloss). Pages are ranked by BM25 (Robertson and Zaragoza, 2009) over all their
// sections, titles and tags counting more; a page that covers more of the query goes before one that repeats a part.

const K1 = 1.2;
const B = 0.6;
const WEIGHT = { title: 3, tags: 3, section: 1.6, text: 1 };
const ALONE = 0.25; // a Han character on its own says little
const PREFIX = 0.7; // the last word may not be finished
const TYPO = 0.5;
const PAGES = 20;
const SECTIONS = 4;
const SNIPPET = 90;
const RELATED = "相关问题"; // a section of links: its words are the titles of other pages

const ENTITIES = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'", nbsp: " " };
const RUN = /[\p{Script=Han}々〇]+|[\p{L}\p{N}_]+/gu;
const HAN = /^[\p{Script=Han}々〇]/u;
const PART = /\p{Lu}+(?!\p{Ll})|\p{Lu}?\p{Ll}+|\p{N}+|[^\p{Lu}\p{Ll}\p{N}_]+/gu;

let pages = [];
let index = new Map(); // token → Map(page number → weighted count)
let average = 1;

const normal = (text) => text.normalize("NFKC");

const plain = (html) =>
  html
    .replaceAll("\u200b", "") // the search plugin puts them between words where jieba happens to be installed
    .replace(/<[^>]*>/g, " ")
    .replace(/&(?:#(\d+)|#x([\da-f]+)|(\w+));/gi, (entity, decimal, hex, name) =>
      name ? (ENTITIES[name] ?? entity) : String.fromCodePoint(decimal ? +decimal : parseInt(hex, 16)),
    );

const escaped = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

// The tokens of a text with their weights; `joined` also gives neighbouring Latin words as one (batch norm).
function* tokens(text, joined = false) {
  let before = null;
  for (const [run] of normal(text).matchAll(RUN)) {
    if (HAN.test(run)) {
      const characters = [...run];
      for (let i = 0; i < characters.length; i++) {
        yield [characters[i], characters.length === 1 ? 1 : ALONE];
        if (i + 1 < characters.length) yield [characters[i] + characters[i + 1], 1];
      }
      before = null;
      continue;
    }
    const whole = run.toLowerCase();
    yield [whole, 1];
    const parts = [...run.matchAll(PART)].map(([part]) => part.toLowerCase());
    if (parts.length > 1) {
      for (const part of parts) yield [part, 0.8];
      for (let i = 0; i + 1 < parts.length; i++) yield [parts[i] + parts[i + 1], 0.8];
    }
    if (joined && before) yield [before + whole, 0.8];
    before = whole;
  }
}

function setUp({ docs }) {
  const byLocation = new Map();
  for (const { location, title, text, tags, boost } of docs) {
    const address = location.split("#")[0];
    if (!byLocation.has(address)) byLocation.set(address, { sections: [], length: 0 });
    const page = byLocation.get(address);
    const section = { location, title: plain(title), text: plain(text) };
    if (section.title === RELATED) continue;
    if (location === address) Object.assign(page, { title: section.title, tags: tags ?? [], boost: boost ?? 1 });
    page.sections.push(section);
  }
  pages = [...byLocation.values()].filter((page) => page.title !== undefined);
  index = new Map();
  pages.forEach((page, number) => {
    const add = (text, weight) => {
      for (const [token, light] of tokens(text, true)) {
        if (!index.has(token)) index.set(token, new Map());
        const counts = index.get(token);
        counts.set(number, (counts.get(number) ?? 0) + weight * light);
        page.length += light;
      }
    };
    add(page.title, WEIGHT.title);
    add(page.tags.join(" "), WEIGHT.tags);
    for (const section of page.sections) {
      if (section.title !== page.title) add(section.title, WEIGHT.section);
      add(section.text, WEIGHT.text);
      section.lower = `${section.title}\n${section.text}`.toLowerCase();
    }
    page.lower = page.sections.map((section) => section.lower).join("\n");
  });
  average = pages.reduce((sum, page) => sum + page.length, 0) / (pages.length || 1);
}

// Whether b can be made of a by at most `limit` insertions, deletions, substitutions and swaps.
function near(a, b, limit) {
  if (Math.abs(a.length - b.length) > limit) return false;
  let [older, old] = [[], [...Array(b.length + 1).keys()]];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      row[j] = Math.min(old[j] + 1, row[j - 1] + 1, old[j - 1] + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) row[j] = Math.min(row[j], older[j - 2] + 1);
    }
    [older, old] = [old, row];
  }
  return old[b.length] <= limit;
}

// What to look for instead of or besides a token: itself, words it begins, words it misspells.
function expand(token, last) {
  const found = index.has(token) ? [[token, 1]] : [];
  if (HAN.test(token)) return found;
  if (last && token.length > 1) {
    for (const word of index.keys()) {
      if (word !== token && word.startsWith(token)) found.push([word, PREFIX * (token.length / word.length)]);
    }
  }
  if (!found.length && token.length > 3) {
    const limit = token.length > 7 ? 2 : 1;
    for (const word of index.keys()) if (!HAN.test(word) && near(token, word, limit)) found.push([word, TYPO]);
  }
  return found;
}

function search(query) {
  const text = normal(query).trim();
  const wanted = new Map();
  for (const [token, weight] of tokens(text, true)) wanted.set(token, Math.max(weight, wanted.get(token) ?? 0));
  const lastRun = [...text.matchAll(RUN)].at(-1)?.[0].toLowerCase();
  const scores = new Map();
  const covered = new Map();
  const words = new Set();
  let whole = 0;
  for (const [token, weight] of wanted) {
    const best = new Map(); // page → best of what the token stands for
    let rarity = Math.log(1 + pages.length); // of a word that is nowhere
    for (const [word, similarity] of expand(token, token === lastRun)) {
      const counts = index.get(word);
      const idf = Math.log(1 + (pages.length - counts.size + 0.5) / (counts.size + 0.5));
      rarity = Math.min(rarity, idf);
      words.add(word);
      for (const [number, count] of counts) {
        const norm = 1 - B + (B * pages[number].length) / average;
        const value = similarity * idf * ((count * (K1 + 1)) / (count + K1 * norm));
        best.set(number, Math.max(best.get(number) ?? 0, value));
      }
    }
    whole += weight * rarity;
    for (const [number, value] of best) {
      scores.set(number, (scores.get(number) ?? 0) + weight * value);
      covered.set(number, (covered.get(number) ?? 0) + weight * rarity);
    }
  }
  const exact = text.toLowerCase();
  const ranked = [...scores].map(([number, score]) => {
    const page = pages[number];
    let factor = (0.3 + (0.7 * covered.get(number)) / (whole || 1)) * page.boost;
    if (exact.length > 1 && page.lower.includes(exact)) factor *= 1.3;
    if (exact.length > 1 && page.title.toLowerCase().includes(exact)) factor *= 1.3;
    return [page, score * factor];
  });
  ranked.sort((a, b) => b[1] - a[1]);
  return ranked.slice(0, PAGES).map(([page, score]) => group(page, score, wanted, words, exact));
}

// A page and its best sections, as the theme lists them.
function group(page, score, wanted, words, exact) {
  const marks = [...words].filter((word) => !HAN.test(word) || word.length > 1);
  const rated = page.sections
    .map((section) => {
      const hits = marks.filter((word) => section.lower.includes(word));
      return { section, value: hits.length + (section.lower.includes(exact) ? 3 : 0) };
    })
    .sort((a, b) => b.value - a.value);
  const chosen = rated.filter(({ section, value }) => value && section.location.includes("#")).slice(0, SECTIONS);
  const first = page.sections.find((section) => !section.location.includes("#"));
  const terms = Object.fromEntries(marks.filter((word) => page.lower.includes(word)).map((word) => [word, true]));
  const item = (section, value) => ({
    location: section.location,
    title: marked(section.title, marks),
    text: section.text ? `<p>${snippet(section.text, marks, exact)}</p>` : "",
    score: value,
    terms,
  });
  return [
    { ...item(first, score), tags: page.tags },
    ...chosen.map(({ section }, rank) => item(section, rank < 2 ? score : score / 2)),
  ];
}

// The part of a text where the query is found, or where most of its words stand together.
function snippet(text, marks, exact) {
  const lower = text.toLowerCase();
  let at = lower.indexOf(exact);
  if (at < 0) {
    const places = marks.map((word) => lower.indexOf(word)).filter((place) => place >= 0);
    at = Math.max(0, ...places.map((p) => [places.filter((q) => q >= p && q < p + SNIPPET).length, p])
      .sort((a, b) => b[0] - a[0] || a[1] - b[1]).slice(0, 1).map(([, p]) => p));
  }
  const from = Math.max(0, at - 20);
  const part = text.slice(from, from + SNIPPET + 40).replace(/\s+/g, " ");
  return `${from ? "…" : ""}${marked(part, marks)}${from + SNIPPET + 40 < text.length ? "…" : ""}`;
}

// A text as HTML with the words marked; words that overlap or touch (Han pairs) become one mark.
function marked(text, marks) {
  const lower = text.toLowerCase();
  const inside = new Uint8Array(text.length + 1);
  for (const word of marks) {
    const han = HAN.test(word);
    for (let at = lower.indexOf(word); at >= 0; at = lower.indexOf(word, at + 1)) {
      if (han || !/[a-z0-9]/.test(lower[at - 1] ?? "")) inside.fill(1, at, at + word.length);
    }
  }
  let html = "";
  for (let from = 0; from < text.length; ) {
    let to = from;
    while (to < text.length && inside[to] === inside[from]) to++;
    const piece = escaped(text.slice(from, to));
    html += inside[from] ? `<mark>${piece}</mark>` : piece;
    from = to;
  }
  return html;
}

addEventListener("message", ({ data: { type, data } }) => {
  if (type === 0) {
    setUp(data);
    postMessage({ type: 1 });
  } else if (type === 2) {
    postMessage({ type: 3, data: { items: search(data) } });
  }
});

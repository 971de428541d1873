// The engine behind the theme's search box. It speaks the messages of the theme's own worker (0 set up, 1 ready,
// 2 query, 3 result) and differs in what Chinese needs: no dictionary, no spaces expected. Its index is a script of its
// own, made at build time (scripts/searchindex.py) and loaded with the first letter that is typed.
//
// Han characters are indexed as pairs and, lightly, alone; identifiers whole and in parts (CrossEntropyLoss: cross,
// entropy, loss, crossentropy, entropyloss). Terms of the glossary count as one word in all their names and languages.
// Pages are ranked by BM25 (Robertson and Zaragoza, 2009) over all their parts, titles and the like counting more; a
// page that covers more of the query goes before one that repeats a part. What the pages' own asks teach (search-learn.js)
// then decides between neighbours.

const LEARNING = "search-learn.js";
const INDEX = "../../search/index.js"; // from this script
const K1 = 1.2;
const B = 0.6;
const WEIGHT = { title: 3, ask: 2, alias: 2, tag: 2, description: 1.5, section: 1.6, name: 1.6, word: 0.8, text: 1 };
const TERM = [2, 1.8, 1.6, 1.4, 1.2]; // of a term of the glossary, by the place of the question in its list
const ALONE = 0.25; // a Han character on its own says little
const PREFIX = 0.7; // the last word may not be finished
const LEARNT = 0.5; // how much the learnt probability of a page counts: its power
const PAGES = 20;
const SECTIONS = 4;
const SNIPPET = 90;

const RUN = /[\p{Script=Han}々〇]+|(?:(?![\p{Script=Han}々〇])[\p{L}\p{N}_])+/gu;
const WORD = /^[a-z]{4,}$/; // long enough that what is like it is it, misspelt
const HAN = /^[\p{Script=Han}々〇]/u;
const PART = /\p{Lu}+(?!\p{Ll})|\p{Lu}?\p{Ll}+|\p{N}+|[^\p{Lu}\p{Ll}\p{N}_]+/gu;
// What only makes a question of a few words: it would find whatever page happens to ask in the same way.
const ASKING = /为什么|为何|为啥|是什么|什么是|什么|怎么办|怎么样|怎么|怎样|如何|多少|是不是|是否|能不能|可不可以|可以|应该|需要|有没有|有什么|哪个|哪些|一般|到底|究竟|请问|[吗呢吧啊的了]/gu;

let pages = [];
let byFirst = new Map(); // first character → names of the glossary's terms, the longest first
let hanNames = []; // those of at least four characters, all Han; a shorter one is soon like another word
let index = new Map(); // token → Map(page number → weighted count)
let vocabulary = new Set(); // the Latin words among the tokens, of four letters and more
let average = 1;
let probable = () => new Map(); // text → Map(page → logarithm of the learnt probability)

const normal = (text) => text.normalize("NFKC");

const escaped = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

// The tokens of a text with their weights, and whether they are two in one; `joined` also gives neighbouring Latin
// words as one (batch norm).
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
      for (let i = 0; i + 1 < parts.length; i++) yield [parts[i] + parts[i + 1], 0.8, true];
    }
    if (joined && before) yield [before + whole, 0.8, true];
    before = whole;
  }
}

// The terms of the glossary that a text names, as tokens; the longest name at a place is the one that is meant.
function* named(text) {
  const lower = ` ${normal(text).toLowerCase()} `;
  for (let at = 1; at < lower.length - 1; at++) {
    const found = (byFirst.get(lower[at]) ?? []).find(
      ({ name }) =>
        lower.startsWith(name, at) &&
        !(/^[a-z0-9]/.test(name) && /[a-z0-9_]/.test(lower[at - 1])) &&
        !(/[a-z0-9]$/.test(name) && /[a-z0-9_]/.test(lower[at + name.length])),
    );
    if (!found) continue;
    yield found.token;
    at += found.name.length - 1;
  }
}

// The tokens of a query, what only makes it a question left out.
function* meant(text) {
  const bare = normal(text).replace(ASKING, " ");
  yield* tokens(/[\p{L}\p{N}]/u.test(bare) ? bare : text, true);
  for (const token of named(text)) yield [token, 1];
}

function setUp(data) {
  pages = data.pages;
  byFirst = new Map();
  data.terms.forEach(([names], number) => {
    for (const name of names.map((name) => normal(name).toLowerCase())) {
      if (name.length < 2) continue;
      if (!byFirst.has(name[0])) byFirst.set(name[0], []);
      byFirst.get(name[0]).push({ name, token: `\0${number}`, first: names[0] });
    }
  });
  hanNames = [...byFirst.values()].flat().map(({ name }) => name).filter((name) => /^\p{Script=Han}{4,}$/u.test(name));
  for (const list of byFirst.values()) list.sort((a, b) => b.name.length - a.name.length);
  const byQuestion = new Map();
  data.terms.forEach(([, questions], number) =>
    questions.forEach((qa, rank) => {
      if (!byQuestion.has(qa)) byQuestion.set(qa, []);
      byQuestion.get(qa).push([`\0${number}`, TERM[rank] ?? TERM.at(-1)]);
    }),
  );
  index = new Map();
  vocabulary = new Set();
  pages.forEach((page, number) => {
    page.length = 0;
    page.boost ??= 1;
    const count = (token, weight) => {
      if (!index.has(token)) index.set(token, new Map());
      const counts = index.get(token);
      counts.set(number, (counts.get(number) ?? 0) + weight);
    };
    const add = (text, weight) => {
      for (const [token, light, two] of tokens(text, true)) {
        count(token, weight * light);
        if (!two && WORD.test(token)) vocabulary.add(token);
        page.length += light;
      }
    };
    let { title, asks = [], aliases = [], tags = [], description = "", words = "" } = page;
    add(title, WEIGHT.title);
    add(description, WEIGHT.description);
    for (const ask of asks) add(ask, WEIGHT.ask);
    for (const alias of aliases) add(alias, WEIGHT.alias);
    add(tags.join(" "), WEIGHT.tag);
    add(words, WEIGHT.word);
    for (const token of new Set(named([title, ...asks].join("\n")))) count(token, 1);
    for (const [token, weight] of byQuestion.get(page.qa) ?? []) {
      count(token, weight);
      const names = data.terms[+token.slice(1)][0].join("\n");
      add(names, (WEIGHT.name * weight) / TERM[0]);
      words += `\n${names}`;
    }
    page.sections = page.sections.map(([anchor, heading, text]) => {
      add(heading, WEIGHT.section);
      add(text, WEIGHT.text);
      const lower = normal(`${heading}\n${text}`).toLowerCase();
      return { location: anchor ? `${page.at}#${anchor}` : page.at, anchor, title: heading || title, text, lower };
    });
    page.lower = [title, description, ...asks, ...aliases, words].map((part) => normal(part).toLowerCase())
      .concat(page.sections.map((section) => section.lower)).join("\n");
  });
  const questions = pages.filter((page) => page.asks);
  const texts = questions.map(({ title, description = "", aliases = [], asks }) => [title, description, ...aliases, ...asks]);
  const model = learn(texts, meant);
  probable = (text) => new Map([...model(text)].map((value, i) => [questions[i], value]));
  average = pages.reduce((sum, page) => sum + page.length, 0) / (pages.length || 1);
}

// How much a token tells: the fewer pages have it, the more.
function rarity(token) {
  const df = index.get(token)?.size ?? 0;
  return Math.log(1 + (pages.length - df + 0.5) / (df + 0.5));
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

// The word of the pages that a Latin word is meant to be: the nearest, the most frequent of these.
function nearest(word) {
  for (let limit = 1; limit <= (word.length > 7 ? 2 : 1); limit++) {
    const found = [...vocabulary].filter((known) => near(word, known, limit));
    if (found.length) return found.reduce((a, b) => (index.get(b).size > index.get(a).size ? b : a));
  }
}

// A run of Han characters, with the names of the glossary in it of which one character is wrong, and no page has it
// between its neighbours: what an input method made of the right sounds (转制卷积 for 转置卷积). The first character
// is never wrong: it might as well be the end of the word before.
function corrected(run) {
  const unknown = (from) => from + 1 >= run.length || !index.has(run.slice(from, from + 2));
  for (let at = 0; at < run.length; at++) {
    const meant = hanNames.find((name) => {
      const wrong = [...name].flatMap((c, i) => (c === run[at + i] ? [] : [at + i]));
      return wrong.length === 1 && wrong[0] > at && unknown(wrong[0] - 1) && unknown(wrong[0]);
    });
    if (meant && at + meant.length <= run.length) run = run.slice(0, at) + meant + run.slice(at + meant.length);
  }
  return run;
}

// The tokens of the index that a text begins.
function* begunBy(text) {
  for (const token of index.keys()) if (token.startsWith(text)) yield token;
}

// A query as it was meant to be typed. A word that some word begins with is not finished rather than wrong.
const mended = (text) =>
  text.replace(RUN, (run) => {
    if (HAN.test(run)) return corrected(run);
    const word = run.toLowerCase();
    const fine = !WORD.test(word) || !begunBy(word).next().done;
    return fine ? run : (nearest(word) ?? run);
  });

// What to look for instead of or besides a token: itself, words it begins.
function expand(token, last) {
  const found = index.has(token) ? [[token, 1]] : [];
  if (HAN.test(token) || token[0] === "\0") return found;
  if (last && token.length > 1) {
    for (const word of begunBy(token)) {
      if (word !== token) found.push([word, PREFIX * (token.length / word.length)]);
    }
  }
  return found;
}

function search(query) {
  const text = mended(normal(query).trim());
  const exact = text.toLowerCase();
  // A term on its own names a subject, not a question: all its names find the same, by the glossary's order.
  const term = byFirst.get(exact[0])?.find(({ name }) => name === exact);
  const wanted = bagOf(meant(term ? `${text} ${term.first}` : text));
  const runs = [...text.matchAll(RUN)].map(([run]) => run.toLowerCase());
  const unfinished = [runs.at(-1), runs.slice(-2).join("")]; // one-h: on the way to one-hot, which is also onehot
  const scores = new Map();
  const covered = new Map();
  const words = new Set();
  let whole = 0;
  for (const [token, weight] of wanted) {
    const best = new Map(); // page → best of what the token stands for
    let tells = Math.log(1 + pages.length); // of a word that is nowhere
    for (const [word, similarity] of expand(token, unfinished.includes(token))) {
      const counts = index.get(word);
      const idf = rarity(word);
      tells = Math.min(tells, idf);
      words.add(word);
      for (const [number, count] of counts) {
        const norm = 1 - B + (B * pages[number].length) / average;
        const value = similarity * idf * ((count * (K1 + 1)) / (count + K1 * norm));
        best.set(number, Math.max(best.get(number) ?? 0, value));
      }
    }
    whole += weight * tells;
    for (const [number, value] of best) {
      scores.set(number, (scores.get(number) ?? 0) + weight * value);
      covered.set(number, (covered.get(number) ?? 0) + weight * tells);
    }
  }
  const learnt = term ? new Map() : probable(text);
  const unknown = -Math.log(learnt.size || 1);
  const ranked = [...scores].map(([number, score]) => {
    const page = pages[number];
    let factor = (0.3 + (0.7 * covered.get(number)) / (whole || 1)) * page.boost;
    factor *= Math.exp(LEARNT * (learnt.get(page) ?? unknown));
    if (exact.length > 1 && page.lower.includes(exact)) factor *= 1.3;
    if (exact.length > 1 && normal(page.title).toLowerCase().includes(exact)) factor *= 1.3;
    return [page, score * factor];
  });
  ranked.sort((a, b) => b[1] - a[1]);
  return ranked.slice(0, PAGES).map(([page, score]) => group(page, score, words, exact));
}

// A page and its best sections, as the theme lists them; the chapter stands before the tags.
function group(page, score, words, exact) {
  const marks = [...words].filter((word) => word[0] !== "\0" && (!HAN.test(word) || word.length > 1));
  const rated = page.sections
    .map((section) => {
      const hits = marks.filter((word) => section.lower.includes(word));
      return { section, value: hits.length + (section.lower.includes(exact) ? 3 : 0) };
    })
    .sort((a, b) => b.value - a.value);
  const chosen = rated.filter(({ section, value }) => value && section.anchor).slice(0, SECTIONS);
  const terms = Object.fromEntries(marks.filter((word) => page.lower.includes(word)).map((word) => [word, true]));
  const item = (location, title, text, value) => ({
    location,
    title: marked(title, marks),
    text: text ? `<p>${snippet(text, marks, exact)}</p>` : "",
    score: value,
    terms,
  });
  const summary = page.description ?? page.sections.find(({ anchor }) => !anchor)?.text ?? "";
  return [
    { ...item(page.at, page.title, summary, score), tags: [page.chapter, ...(page.tags ?? [])].filter(Boolean) },
    ...chosen.map(({ section }, rank) =>
      item(section.location, section.title, section.text, rank < 2 ? score : score / 2),
    ),
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

let loaded;

// Load the index once; if it cannot be had, say so and try again with the next letter.
const load = () =>
  (loaded ??= Promise.resolve()
    .then(() => importScripts(LEARNING, INDEX))
    .then(() => setUp(self.qaIndex))
    .catch((error) => {
      loaded = undefined;
      throw error;
    }));

let latest = 0;

addEventListener("message", async ({ data: { type, data } }) => {
  if (type === 0) {
    postMessage({ type: 1 });
  } else if (type === 2) {
    const mine = ++latest;
    if (data.trim()) await load();
    if (mine === latest) postMessage({ type: 3, data: { items: data.trim() ? search(data) : [] } });
  }
});

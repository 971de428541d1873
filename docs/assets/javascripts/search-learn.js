// Which question is meant: learnt from the ways in which each page says that it is asked (its `asks`, title, aliases,
// one-line answer). Counting words cannot tell neighbours apart that share them (five questions compare SVM and MLP);
// here a word's weight for a page is what separates the page's asks from the other pages'. A linear classifier with the
// multi-class hinge loss of Crammer and Singer (2001), trained by SGD when the index is loaded, in a few tenths of a second.

const EPOCHS = 4;
const RATE = 0.3; // of the first epoch; falls to 0

// Learn from `examples`, lists of texts by class; `tokensOf` gives a text's tokens with their weights.
// Returns a function from a text to the log-probabilities of the classes.
function learn(examples, tokensOf) {
  const classes = examples.length;
  const frequency = new Map();
  const bags = examples.flatMap((texts, target) =>
    texts.map((text) => {
      const bag = bagOf(tokensOf(text));
      for (const token of bag.keys()) frequency.set(token, (frequency.get(token) ?? 0) + 1);
      return [bag, target];
    }),
  );
  // token → how rare it is, and its weights: of which classes, where in the lists, how much; of all others 0
  const model = new Map();
  for (const [token, n] of frequency) {
    const rarity = 1 + Math.log((1 + bags.length) / (1 + n));
    model.set(token, { rarity, place: new Map(), of: [], weights: [] });
  }

  // A bag as a vector of length 1: pairs of what is known of a token, and its share.
  const vector = (bag) => {
    const parts = [...bag].filter(([token]) => model.has(token));
    const values = parts.map(([token, weight]) => weight * model.get(token).rarity);
    const length = Math.hypot(...values) || 1;
    return parts.map(([token], i) => [model.get(token), values[i] / length]);
  };
  const scores = (x) => {
    const sums = new Float64Array(classes);
    for (const [{ of, weights }, value] of x) for (let i = 0; i < of.length; i++) sums[of[i]] += value * weights[i];
    return sums;
  };
  const move = (x, k, rate) => {
    for (const [{ place, of, weights }, value] of x) {
      if (!place.has(k)) {
        place.set(k, of.length);
        of.push(k);
        weights.push(0);
      }
      weights[place.get(k)] += rate * value;
    }
  };

  const data = bags.map(([bag, target]) => [vector(bag), target]);
  const random = generator();
  let wrong = data;
  for (let epoch = 0; epoch < EPOCHS; epoch++) {
    const rate = RATE * (1 - epoch / EPOCHS);
    const visited = epoch % 3 ? wrong : data; // what was right is looked at again every third time
    shuffle(visited, random);
    wrong = visited.filter(([x, target]) => {
      const s = scores(x);
      let rival = -1;
      for (let k = 0; k < classes; k++) if (k !== target && (rival < 0 || s[k] > s[rival])) rival = k;
      if (rival < 0 || s[target] >= s[rival] + 1) return false;
      move(x, target, rate);
      move(x, rival, -rate);
      return true;
    });
  }
  return (text) => logSoftmax(scores(vector(bagOf(tokensOf(text)))));
}

// Tokens, each once, with the most that it weighs.
function bagOf(tokens) {
  const bag = new Map();
  for (const [token, weight] of tokens) bag.set(token, Math.max(weight, bag.get(token) ?? 0));
  return bag;
}

function logSoftmax(values) {
  const top = Math.max(...values);
  const sum = values.reduce((total, value) => total + Math.exp(value - top), 0);
  return values.map((value) => value - top - Math.log(sum));
}

// The same numbers on every machine: the same query finds the same pages.
function generator() {
  let state = 1;
  return () => (state = (state * 48271) % 2147483647) / 2147483647; // Park and Miller (1993)
}

function shuffle(list, random) {
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [list[i], list[j]] = [list[j], list[i]];
  }
}

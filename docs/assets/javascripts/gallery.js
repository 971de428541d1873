// The gallery's filter: one button for each tag that its cards have. Without this script all cards are shown.
(() => {
  const cards = [...document.querySelectorAll(".qa-gallery > li")];
  if (!cards.length) return;
  const count = new Map();
  for (const card of cards) for (const tag of card.dataset.tags.split("|")) count.set(tag, (count.get(tag) ?? 0) + 1);

  const filter = document.createElement("div");
  filter.className = "qa-filter";
  filter.setAttribute("role", "group");
  filter.setAttribute("aria-label", "按标签筛选");
  const status = document.createElement("p");
  status.className = "qa-count";
  status.setAttribute("role", "status");

  const show = (tag) => {
    let shown = 0;
    for (const card of cards) {
      card.hidden = tag !== "" && !card.dataset.tags.split("|").includes(tag);
      shown += !card.hidden;
    }
    for (const list of document.querySelectorAll(".qa-gallery")) {
      const empty = ![...list.children].some((card) => !card.hidden);
      list.hidden = list.previousElementSibling.hidden = empty;
    }
    for (const button of filter.children) button.setAttribute("aria-pressed", String(button.value === tag));
    status.textContent = tag ? `${tag}：${shown} 个实验` : `共 ${shown} 个实验`;
  };
  const add = (tag, label) => {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", value: tag, textContent: label, className: "md-tag" });
    button.addEventListener("click", () => {
      history.replaceState(null, "", tag ? `#${encodeURIComponent(tag)}` : location.pathname + location.search);
      show(tag);
    });
    filter.append(button);
  };
  add("", "全部");
  for (const [tag, n] of [...count].sort((a, b) => b[1] - a[1])) add(tag, `${tag} ${n}`);
  document.querySelector(".qa-gallery").previousElementSibling.before(filter, status);
  let wanted = location.hash.slice(1);
  try {
    wanted = decodeURIComponent(wanted);
  } catch {
    // a percent sign that begins no character: no tag has such a name
  }
  show(count.has(wanted) ? wanted : "");
})();

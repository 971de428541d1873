// Where nothing was found, the search box says what to do next.
{
  const addNext = (result) => {
    const [meta, list] = [result.querySelector(".md-search-result__meta"), result.querySelector("ol")];
    const base = new URL(JSON.parse(document.querySelector("#__config").textContent).base, location.href);
    const update = () => {
      const query = document.querySelector(".md-search__input").value.trim();
      if (!query || list.children.length || !meta.textContent.includes("没有找到")) return;
      const links = [
        ["glossary.html", "术语表", "也许这里用的是另一个名字"],
        ["tags.html", "标签", "按主题、接口和实验的类型找"],
        ["find.html", "全部问题", "一页看完"],
      ];
      list.innerHTML = links
        .map(
          ([at, title, text]) =>
            `<li class="md-search-result__item"><a href="${new URL(at, base)}" class="md-search-result__link" ` +
            `tabindex="-1"><article class="md-search-result__article md-typeset" data-md-score="0"><h2>${title}</h2>` +
            `${text}</article></a></li>`,
        )
        .join("");
    };
    new MutationObserver(update).observe(meta, { childList: true, characterData: true, subtree: true });
  };
  addEventListener("DOMContentLoaded", () => document.querySelectorAll(".md-search-result").forEach(addNext));
}

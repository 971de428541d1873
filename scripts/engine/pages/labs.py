"""What pages say of labs, and what labs must say of pages."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Sequence

from engine.common import LABS, Problem, text, wrapped
from engine.experiments import Lab
from engine.pages.page import Page
from engine.results import download_links


def check_labs(labs: Iterable[Lab], pages: Sequence[Page]) -> Iterator[Problem]:
    """Yield the questions that a lab names and does not link to."""
    addresses = {page.qa: posixpath.relpath(f"{page.id}.md", LABS) for page in pages if page.qa}
    for lab in labs:
        words = "\n".join(cell.source for cell in lab.experiment.texts)
        for number in lab.questions:
            if number in addresses and f"]({addresses[number]}" not in words:
                what = f"列出了问题 {number}，正文里没有链接到它"
                yield Problem(lab.path, 1, what, f"在用到它的地方写 [……]({addresses[number]})")


def foot_fragment(lab: Lab) -> str:
    """Return what ends a lab's page: the downloads."""
    py, notebook = download_links(lab.experiment)
    line = f"**自己跑一遍**：下载 {py}（`python` 直接运行）或 {notebook}（用 Jupyter 打开）"
    return "## 下载\n\n" + wrapped("qa-foot", line)


def labs_fragment(labs: Iterable[Lab], start: str = "") -> str:
    """Return a list of labs with what each is about, for a page in folder `start` of docs/."""
    items = [
        f"- [{text(lab.title)}]({posixpath.relpath(f'{lab.id}.ipynb', start or '.')})<br>\n  {text(lab.description)}"
        for lab in labs
    ]
    return wrapped("qa-questions", "\n".join(items))

"""The built site, read as files: links, ids, meta data, weight, and what it would load from elsewhere."""

from __future__ import annotations

import functools
import gzip
import json
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote, unquote, urldefrag, urlsplit

import pytest
import yaml

from engine.common import load_project
from engine.pages import VERDICTS

ROOT = Path(__file__).parents[2]
PROJECT = load_project(ROOT)
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
# Loading one of these is a request; an <a href> to elsewhere is the reader's own decision.
LOADING = {"src", "srcset", "poster", "data"}


@dataclass
class Html(HTMLParser):
    """What the tests ask of a page."""

    path: Path
    ids: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    meta: dict[str, str] = field(default_factory=dict)
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self.source = self.path.read_text("utf-8")
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append((tag, values))
        if "id" in values:
            self.ids.append(values["id"] or "")
        if tag == "a" and values.get("href"):
            self.links.append(values["href"] or "")
        if tag == "link" and values.get("rel") not in ("canonical", "prev", "next"):
            self.loads.append(values.get("href") or "")
        self.loads += [values[name] or "" for name in LOADING & values.keys()]
        if tag == "meta" and values.get("name"):
            self.meta[values["name"] or ""] = values.get("content") or ""

    handle_startendtag = handle_starttag

    def handle_data(self, data: str) -> None:
        self.text += data

    def having(self, css: str) -> list[dict[str, str | None]]:
        return [values for _, values in self.tags if css in (values.get("class") or "").split()]


@functools.cache
def read(path: Path) -> Html:
    return Html(path)


def pages(site: Path) -> list[Path]:
    found = sorted(site.rglob("*.html"))
    assert found
    return found


def questions() -> dict[str, dict[str, object]]:
    """Return the front matter of each question's page, by id of the page."""
    found = {}
    for path in sorted(PROJECT.docs.rglob("*.md")):
        match = re.match(r"---\n(.*?)\n---\n", path.read_text("utf-8"), re.DOTALL)
        front = yaml.safe_load(match[1]) if match else {}
        if "qa" in front:
            found[path.relative_to(PROJECT.docs).with_suffix("").as_posix()] = front
    return found


QUESTIONS = questions()
every_question = pytest.mark.parametrize("question", QUESTIONS)


def test_every_question_of_the_course_has_page_experiment_and_ledger(site: Path) -> None:
    numbers = {str(front["qa"]): question for question, front in QUESTIONS.items()}
    assert numbers.keys() == PROJECT.questions
    assert len(numbers) == 66
    reported = set(read(site / "report.html").links)
    for question in QUESTIONS:
        assert (PROJECT.examples / f"{question}.py").is_file()
        assert f"{question}.html" in reported


def test_every_link_and_anchor_leads_somewhere(site: Path) -> None:
    broken = []
    for path in pages(site):
        for link in read(path).links:
            address, fragment = urldefrag(link)
            if urlsplit(address).scheme or path.name == "404.html":
                continue
            target = (path.parent / unquote(address)).resolve() if address else path
            if not target.is_file() or (
                fragment and target.suffix == ".html" and unquote(fragment) not in {*read(target).ids, "__top"}
            ):
                broken.append((path.name, link))
    assert not broken


def test_ids_are_unique_and_not_empty(site: Path) -> None:
    for path in pages(site):
        ids = read(path).ids
        assert len(ids) == len(set(ids)), (path.name, {name for name in ids if ids.count(name) > 1})
        assert all(ids), path.name


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for path in pages(site):
        outside = [
            url for url in read(path).loads if urlsplit(url).scheme not in ("", "data") or url.startswith("//")
        ]
        assert not outside, path.name
        assert not re.findall(r"url\(\s*[\"']?(?:https?:)?//", read(path).source), path.name
    for path in site.rglob("*.css"):
        assert not re.findall(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", path.read_text("utf-8")), path.name


def test_all_that_is_loaded_exists(site: Path) -> None:
    for path in pages(site):
        if path.name == "404.html":
            continue
        for url in read(path).loads:
            if not url.startswith("data:"):
                assert (path.parent / unquote(urlsplit(url).path)).resolve().exists(), (path.name, url)


def test_no_path_of_the_building_machine_is_published(site: Path) -> None:
    needles = [str(ROOT).encode(), str(Path.home()).encode() + b"/", b"site-packages", b"/tmp/"]
    for path in site.rglob("*"):
        if path.is_file() and path.suffix in (".html", ".js", ".json", ".py", ".ipynb", ".css", ".xml"):
            if "assets/javascripts" in path.as_posix() and path.suffix == ".js":
                continue  # the theme's own bundles
            content = path.read_bytes()
            assert not [needle for needle in needles if needle in content], path


@every_question
def test_a_question_has_all_its_parts(site: Path, question: str) -> None:
    page, front = read(site / f"{question}.html"), QUESTIONS[question]
    assert page.meta["qa-id"] == front["qa"]
    assert page.meta["description"] == front["description"]
    assert [tag for tag, _ in page.tags].count("h1") == 1
    for part in ("qa-stamp", "qa-claims", "qa-foot", "abstract", "md-tag"):
        assert page.having(part), part
    claims = front["claims"]
    assert isinstance(claims, list)
    assert len(page.having("qa-verdict")) == len(claims)
    for suffix in (".py", ".ipynb"):
        assert any(link.endswith(f"downloads/{question}{suffix}") for link in page.links)
        assert (site / "downloads" / f"{question}{suffix}").is_file()
    verdict = {"yes": 0, "partly": 1, "no": 2, "open": 3}
    shown = [VERDICTS[verdict[(v["class"] or "").rsplit("--", 1)[1]]] for v in page.having("qa-verdict")]
    assert shown == [claim["verdict"] for claim in claims]


@every_question
def test_every_picture_has_a_text_alternative(site: Path, question: str) -> None:
    page = read(site / f"{question}.html")
    pictures = [values for tag, values in page.tags if tag == "svg" and values.get("role") == "img"]
    assert len(pictures) == len(page.having("qa-figure"))
    assert pictures, "a question without a picture"
    for values in pictures:
        assert len(values["aria-label"] or "") > 15
        assert "data-search-exclude" in values
    assert all(values.get("alt") for tag, values in page.tags if tag == "img" and "twemoji" not in str(values))


def test_nothing_but_text_stands_in_the_words_of_a_picture(site: Path) -> None:
    """A browser shows nothing of an HTML element inside SVG: a term explained there would be a hole in a label."""
    for path in pages(site):
        for words in re.findall(r"<text\b(?:[^>]*[^/>])?>(.*?)</text>", read(path).source, re.DOTALL):
            assert not re.findall(r"<(?!/?tspan)[^>]*>", words), (path.name, words)


@every_question
def test_formulas_are_mathml(site: Path, question: str) -> None:
    page = read(site / f"{question}.html")
    assert len(page.having("arithmatex")) == [tag for tag, _ in page.tags].count("math")
    assert "\\(" not in page.text


@every_question
def test_weight_of_a_question(site: Path, question: str) -> None:
    page = read(site / f"{question}.html")
    # 62 kB for four cells with a picture, formulas and links that lead out; more cells, more pictures in proportion.
    cells, figures = len(page.having("qa-cell")), len(page.having("qa-figure"))
    allowed = 62_000 + 5_000 * max(0, cells - 4) + 25_000 * max(0, figures - 1)
    assert len(page.source.encode()) <= allowed, f"{cells} cells, {figures} figures"


def test_errata_and_report_hold_every_claim(site: Path) -> None:
    every = [claim for front in QUESTIONS.values() for claim in front["claims"]]  # type: ignore[attr-defined]
    wrong = [claim for claim in every if claim["verdict"] in VERDICTS[1:3]]
    assert len(read(site / "report.html").having("qa-verdict")) == len(every)
    assert len(read(site / "errata.html").having("qa-verdict")) == len(wrong)
    assert wrong, "nothing was found wrong: hard to believe"


def test_the_themes_search_worker_is_replaced(site: Path) -> None:
    for path in pages(site):
        assert '"search": "' in read(path).source, path.name
        assert "search-worker.js" in read(path).source, path.name


def test_the_index_of_the_search_holds_words_apis_and_errors(site: Path) -> None:
    text = (site / "search" / "index.js").read_text("utf-8")
    for needle in (
        "张量",
        "contiguous",
        "view size is not compatible",
        "untyped_storage",
        "权重衰退",
        "weight decay",
    ):
        assert needle in text, needle
    for needle in ("DejaVu", "import torch", "相关问题", "又名与下载", "课程、文档与文献"):
        assert needle not in text, needle
    index = search_index(site)
    assert {page["qa"] for page in index["pages"] if "qa" in page} == {q["qa"] for q in QUESTIONS.values()}
    assert all(page["sections"] for page in index["pages"])


def test_the_search_weighs_little_and_nothing_before_it_is_used(site: Path) -> None:
    scripts = ("search-worker.js", "search-learn.js")
    used = [site / "search" / "index.js", *(site / "assets" / "javascripts" / name for name in scripts)]
    assert sum(len(gzip.compress(path.read_bytes(), 9)) for path in used) <= 150_000
    for name in ("search_index.json", "search_index.js"):  # what the theme loads with each page, and from disk
        assert (site / "search" / name).stat().st_size < 500


def test_every_tag_has_a_page_that_lists_its_questions(site: Path) -> None:
    for question, front in QUESTIONS.items():
        page = read(site / f"{question}.html")
        for tag in front["tags"]:  # type: ignore[attr-defined]
            assert f"../tags/{quote(tag)}.html" in page.links or f"../tags/{tag}.html" in page.links
            lists = read(site / "tags" / f"{tag}.html")
            assert f"../{question}.html" in lists.links


def test_related_questions_lead_both_ways(site: Path) -> None:
    leads = {}
    for question in QUESTIONS:
        source = read(site / f"{question}.html").source
        section = source[source.index('id="相关问题"') : source.index('id="又名与下载"')]
        here = (site / question).parent
        leads[question] = {
            (here / link).resolve().relative_to(site.resolve()).as_posix().removesuffix(".html")
            for link in re.findall(r'href="([^"#]+\.html)"', section)
            if "/labs/" not in link
        }
        assert leads[question], question
    assert [(a, b) for a, found in leads.items() for b in found if a not in leads[b]] == []


def test_every_question_leads_out_to_book_lecture_and_documentation(site: Path) -> None:
    cited = 0
    for question in QUESTIONS:
        page = read(site / f"{question}.html")
        foot = page.source[page.source.index('id="课程文档与文献"') :]
        assert 'href="https://zh.d2l.ai/chapter_' in foot, question
        assert 'href="https://www.bilibili.com/video/BV' in foot, question
        assert re.search(r'href="https://(docs\.pytorch\.org|scikit-learn\.org|optuna\.readthedocs\.io)/', foot), (
            question
        )
        here = len(page.having("qa-cite"))
        assert not here or "<strong>文献</strong>" in foot, question
        cited += here
    assert cited > 90


def test_terms_of_the_glossary_explain_themselves(site: Path) -> None:
    for question in QUESTIONS:
        found = read(site / f"{question}.html").having("qa-term")
        assert found, question
        titles = [values["title"] for values in found]
        assert len(titles) == len(set(titles)), question
    assert not read(site / "glossary.html").having("qa-term")


def test_maps_and_lists_hold_every_question(site: Path) -> None:
    for name in ("find", "map"):
        links = set(read(site / f"{name}.html").links)
        assert {f"{question}.html" for question in QUESTIONS} <= links, name
    for question in QUESTIONS:
        chapter = question.partition("/")[0]
        assert f"{question.partition('/')[2]}.html" in read(site / chapter / "index.html").links


def search_index(site: Path) -> dict[str, list[dict[str, object]]]:
    text = (site / "search" / "index.js").read_text("utf-8")
    index: dict[str, list[dict[str, object]]] = json.loads(text[text.index("{") : text.rindex("}") + 1])
    return index


def test_every_page_is_reached_from_the_front_page(site: Path) -> None:
    seen: set[Path] = set()
    pending = [(site / "index.html").resolve()]
    while pending:
        path = pending.pop()
        if path in seen or path.suffix != ".html":
            continue
        seen.add(path)
        for link in read(path).links:
            address = urldefrag(link)[0]
            if address and not urlsplit(address).scheme:
                pending.append((path.parent / unquote(address)).resolve())
    assert {path.resolve() for path in pages(site)} - seen == {(site / "404.html").resolve()}

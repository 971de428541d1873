"""The course that the questions come from: the lecture and the sections of the book of each chapter, as data."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine.common import PageError, Problem, Project, read_entries, suggest, text

COURSE = "https://courses.d2l.ai/zh-v2/"
BOOK = "https://zh.d2l.ai/"
_VIDEO = "https://www.bilibili.com/video/"
_KEYS = ("lecture", "name", "video", "sections")


@dataclass(frozen=True)
class Lecture:
    """One entry of docs/course.yml.

    Attributes:
        number: of the lecture, as the course counts; chapters and questions are numbered after it: ``04``.
        name: what the course calls it.
        video: its number at Bilibili; empty if it is not known.
        sections: the sections of the book, number and title, each with its page on the book's site.
    """

    number: str
    name: str
    video: str
    sections: Mapping[str, str]

    @property
    def link(self) -> str:
        """A link to the lecture, or to the course where the lecture's own address is not known."""
        address = f"{_VIDEO}{self.video}/" if self.video else COURSE
        return f"[第 {self.number} 讲“{text(self.name)}”]({address})"

    @property
    def section_links(self) -> str:
        """Links to the sections."""
        return "、".join(f"[{text(title)}]({BOOK}{page})" for title, page in self.sections.items())


def read_course(project: Project) -> dict[str, Lecture]:
    """Return the lectures by number; none if there is no such file.

    Raises:
        PageError: not YAML, an entry that is not as agreed, a lecture that comes twice.
    """
    name, problems = project.relative(project.course), []
    chapters = {question.partition("-")[0] for question in project.questions}
    lectures: dict[str, Lecture] = {}
    for line, raw in read_entries(project.course, name, "课程表", "lecture"):
        found = [Problem(name, line, what, hint) for what, hint in _defects(raw, chapters)]
        if not found and raw["lecture"] in lectures:
            found.append(Problem(name, line, f"第 {raw['lecture']} 讲写了两次"))
        if not found:
            lectures[raw["lecture"]] = Lecture(raw["lecture"], raw["name"], raw.get("video", ""), raw["sections"])
        problems += found
    if problems:
        raise PageError(problems)
    return lectures


def _defects(raw: Any, chapters: set[str]) -> Iterator[tuple[str, str]]:
    if not isinstance(raw, dict):
        yield "一个条目要写成 键: 值", f"键：{'、'.join(_KEYS)}"
        return
    for key in raw.keys() - set(_KEYS):
        yield f"条目里不认识“{key}”", suggest(str(key), _KEYS)
    if not isinstance(raw.get("lecture"), str):
        yield "“lecture”要写成引号里的两位数字", '例如 lecture: "04"'
    elif raw["lecture"] not in chapters:
        yield f"没有第 {raw['lecture']} 讲的问题", suggest(raw["lecture"], sorted(chapters))
    if not isinstance(raw.get("name"), str) or not raw["name"].strip():
        yield "条目缺“name”", ""
    video = raw.get("video", "")
    if not isinstance(video, str) or not re.fullmatch(r"(BV[0-9A-Za-z]{10})?", video):
        yield f"“video”写得不对：{video}", "哔哩哔哩的编号，例如 BV1CV411Y7i4"
    sections = raw.get("sections")
    if not isinstance(sections, dict) or not sections:
        yield "“sections”要写成 节号与题目: 网页", "例如 2.1 数据操作: chapter_preliminaries/ndarray.html"
        return
    for title, page in sections.items():
        if not isinstance(title, str) or not isinstance(page, str) or not re.fullmatch(r"[\w/.-]+\.html", page):
            yield (
                f"这一节的网页写得不对：{title}: {page}",
                f"写 {BOOK} 之后的部分，如 chapter_preliminaries/ndarray.html",
            )


def course_fragment(lecture: Lecture) -> str:
    """Return the sentence that leads from a chapter's page to the course."""
    return f"对应[《动手学深度学习》课程]({COURSE}){lecture.link}；[教材]({BOOK})第二版：{lecture.section_links}。\n"

"""What leads out of the site: the course, and the documentation of what an experiment uses."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.tiny import EXAMPLE, Tiny

from engine.common import load_project
from engine.experiments import parse_experiment
from engine.pages import read_glossary
from engine.pages.apidocs import doc_address, documented_as
from engine.pages.references import apis_of

ROOT = Path(__file__).parents[2]
COURSE = """
- lecture: "04"
  name: 数据 + 操作
  video: BV1CV411Y7i4
  sections:
    2.1 数据操作: chapter_preliminaries/ndarray.html
    2.2 数据预处理: chapter_preliminaries/pandas.html
"""
VIDEO = "[第 04 讲“数据 + 操作”](https://www.bilibili.com/video/BV1CV411Y7i4/)"
SECTIONS = (
    "[2.1 数据操作](https://zh.d2l.ai/chapter_preliminaries/ndarray.html)、"
    "[2.2 数据预处理](https://zh.d2l.ai/chapter_preliminaries/pandas.html)"
)
TORCH = "https://docs.pytorch.org/docs/stable"


@pytest.fixture
def course(tiny: Tiny) -> Tiny:
    tiny.write("docs/course.yml", COURSE)
    return tiny


def fragment(tiny: Tiny, name: str) -> str:
    return (tiny.root / "build/fragments" / name).read_text("utf-8")


def test_a_chapter_and_its_questions_lead_to_lecture_and_book(course: Tiny) -> None:
    course.write("docs/04-a/index.md", '---\ntitle: 一\n---\n\n--8<-- "04-a/course.md"\n')
    course.build()
    assert f"**课程**：{VIDEO}；[教材](https://zh.d2l.ai/) {SECTIONS}\n" in fragment(course, "04-a/sum/foot.md")
    chapter = fragment(course, "04-a/course.md")
    assert VIDEO in chapter
    assert SECTIONS in chapter
    assert "(https://courses.d2l.ai/zh-v2/)" in chapter


def test_a_lecture_without_a_video_leads_to_the_course(course: Tiny) -> None:
    course.write("docs/course.yml", COURSE.replace("  video: BV1CV411Y7i4\n", ""))
    course.build()
    assert "[第 04 讲“数据 + 操作”](https://courses.d2l.ai/zh-v2/)" in fragment(course, "04-a/sum/foot.md")


def test_a_chapter_that_the_course_does_not_have_cannot_include_it(tiny: Tiny) -> None:
    tiny.write("docs/04-a/index.md", '---\ntitle: 一\n---\n\n--8<-- "04-a/course.md"\n')
    (problem,) = tiny.problems()
    assert (problem.path, problem.line) == ("docs/04-a/index.md", 5)
    assert problem.what == "docs/course.yml 里没有第 04 讲，嵌不了“04-a/course.md”"
    assert "课程" not in fragment(tiny, "04-a/sum/foot.md")


@pytest.mark.parametrize(
    ("old", "new", "what", "hint"),
    [
        ('"04"', "04", "“lecture”要写成引号里的两位数字", 'lecture: "04"'),
        ('"04"', '"05"', "没有第 05 讲的问题", "04"),
        ("  name: 数据 + 操作\n", "", "条目缺“name”", ""),
        ("name:", "title:", "条目里不认识“title”", ""),
        ("BV1CV411Y7i4", "https://b.tv/1", "“video”写得不对", "BV1CV411Y7i4"),
        (
            "chapter_preliminaries/pandas.html",
            "https://zh.d2l.ai/a.html",
            "2.2 数据预处理",
            "https://zh.d2l.ai/ 之后",
        ),
        ("chapter_preliminaries/pandas.html", "3", "2.2 数据预处理", ""),
    ],
)
def test_what_is_wrong_with_the_course_is_said_with_its_line(
    course: Tiny, old: str, new: str, what: str, hint: str
) -> None:
    course.write("docs/course.yml", COURSE.replace(old, new))
    problem = course.problems()[0]
    assert (problem.path, problem.line) == ("docs/course.yml", 2)
    assert what in problem.what
    assert hint in problem.hint


def test_a_lecture_comes_once(course: Tiny) -> None:
    course.write("docs/course.yml", COURSE + COURSE)
    (problem,) = course.problems()
    assert (problem.line, problem.what) == (9, "第 04 讲写了两次")


def test_the_foot_leads_to_what_the_code_uses_the_most_telling_first(tiny: Tiny) -> None:
    code = (
        "import torch\nimport torch.nn.functional as F\nfrom torch import nn\n\nx = torch.zeros(1, 1, 2, 2)\n"
        "total = int(F.unfold(x, 1).sum()) + 2\ny = nn.Conv2d(1, 1, 1)(x).to(torch.float64)\nz = torch.inf\n"
    )
    tiny.example(EXAMPLE.replace("total = 1 + 1\n", code))
    tiny.page(("description: 等于二。", "description: 等于二。\naliases: [Conv2d 的用法]"))
    tiny.build()
    (line,) = [line for line in fragment(tiny, "04-a/sum/foot.md").splitlines() if "用到的接口" in line]
    assert line == (
        f"**用到的接口**：[`nn.Conv2d`]({TORCH}/generated/torch.nn.Conv2d.html) · "
        f"[`F.unfold`]({TORCH}/generated/torch.nn.functional.unfold.html) · "
        f"[`torch.zeros`]({TORCH}/generated/torch.zeros.html)"
    )


def test_what_most_experiments_use_is_not_told_and_a_page_without_links_has_no_such_section(tiny: Tiny) -> None:
    tiny.build()
    assert "课程、文档与文献" not in fragment(tiny, "04-a/sum/foot.md")


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("torch.nn.Conv2d", f"{TORCH}/generated/torch.nn.Conv2d.html"),
        ("torch.nn.modules.conv.Conv2d", f"{TORCH}/generated/torch.nn.Conv2d.html"),
        ("torch.nn.Flatten", f"{TORCH}/generated/torch.nn.modules.flatten.Flatten.html"),
        ("torch.nn.modules.flatten.Flatten", f"{TORCH}/generated/torch.nn.modules.flatten.Flatten.html"),
        ("torch.nn.Parameter", f"{TORCH}/generated/torch.nn.parameter.Parameter.html"),
        ("torch.nn.functional.cross_entropy", f"{TORCH}/generated/torch.nn.functional.cross_entropy.html"),
        ("torch.nn.init.zeros_", f"{TORCH}/nn.init.html#torch.nn.init.zeros_"),
        ("torch.relu", f"{TORCH}/generated/torch.nn.functional.relu.html"),
        ("Tensor.view", f"{TORCH}/generated/torch.Tensor.view.html"),
        ("torch.Tensor", f"{TORCH}/tensors.html#torch.Tensor"),
        ("torch.float16", f"{TORCH}/tensor_attributes.html#torch-dtype"),
        ("torch.from_numpy", f"{TORCH}/generated/torch.from_numpy.html"),
        ("torch.linalg", f"{TORCH}/linalg.html"),
        ("torch.linalg.solve", f"{TORCH}/generated/torch.linalg.solve.html"),
        ("torch.optim.lr_scheduler.OneCycleLR", f"{TORCH}/generated/torch.optim.lr_scheduler.OneCycleLR.html"),
        ("torch.utils.data.DataLoader", f"{TORCH}/data.html#torch.utils.data.DataLoader"),
        ("torchvision.ops.nms", "https://docs.pytorch.org/vision/stable/generated/torchvision.ops.nms.html"),
        (
            "torchvision.models.resnet18",
            "https://docs.pytorch.org/vision/stable/models/generated/torchvision.models.resnet18.html",
        ),
        ("sklearn.svm.SVC", "https://scikit-learn.org/stable/modules/generated/sklearn.svm.SVC.html"),
        (
            "optuna.create_study",
            "https://optuna.readthedocs.io/en/stable/reference/generated/optuna.create_study.html",
        ),
        (
            "optuna.samplers.TPESampler",
            "https://optuna.readthedocs.io/en/stable/reference/samplers/generated/optuna.samplers.TPESampler.html",
        ),
        ("torch.nan", None),
        ("torch._C._functions", None),
        ("torch.nn.modules.conv._ConvNd", None),
        ("torch.FloatTensor", None),
        ("torchvision.models.ResNet50_Weights", None),
        ("torchvision.models.detection.ssd.SSD", None),
        ("numpy.zeros", None),
        ("drop_last=", None),
        (".view", None),
    ],
)
def test_where_a_name_is_documented(name: str, address: str | None) -> None:
    assert doc_address(name) == address


def find(name: str) -> Any:
    """Return what a dotted name stands for in the installed libraries."""
    parts = f"torch.{name}".split(".") if name.startswith("Tensor.") else name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:length]))
        except ImportError:
            continue
        for part in parts[length:]:
            found = getattr(found, part)
        return found
    raise LookupError(name)


# Written by hand in the documentation, or wrapped in a way that hides what they are from `inspect`.
UNDOCUMENTED_IN_CODE = {"torch.Generator", "torchvision.ops.roi_align", "torchvision.models.alexnet"}


def test_what_is_linked_exists_in_the_installed_libraries_and_is_documented_there() -> None:
    project = load_project(ROOT)
    terms = read_glossary(project)
    names: set[str] = set()
    for path in project.examples.glob("*/*.py"):
        names |= apis_of(parse_experiment(path, project.examples), terms)
    linked = {name: address for name in names if (address := doc_address(name))}
    assert len(linked) > 200
    for name, address in linked.items():
        thing = find(documented_as(name))  # AttributeError: there is no such thing
        if f"/{name}.html" in address and name not in UNDOCUMENTED_IN_CODE:
            assert not isinstance(thing, ModuleType), name
            assert inspect.getdoc(thing), name

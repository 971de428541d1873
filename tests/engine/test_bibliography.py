"""The bibliography: read with every defect named; citations that find their work, and those that find none."""

from __future__ import annotations

import pytest
from tests.tiny import EXAMPLE, PAGE, Tiny

from engine.pages import Citations, read_bibliography

WORKS = """
- key: ioffe2015
  authors: [Sergey Ioffe, Christian Szegedy]
  year: 2015
  title: "Batch Normalization: Accelerating"
  arxiv: "1502.03167"

- key: he2016
  authors: [Kaiming He, Xiangyu Zhang, others]
  year: 2016
  title: Deep Residual Learning
  doi: 10.1109/CVPR.2016.90

- key: zhang2019
  authors: [Richard Zhang]
  year: 2019
  title: Shift-Invariant
  url: https://example.org/shift

- key: zhang2019a
  authors: [Guodong Zhang, Chaoqi Wang, Bowen Xu]
  year: 2019
  title: Three Mechanisms

- key: zhang2019b
  authors: [Hongyi Zhang, Yann N. Dauphin, Tengyu Ma]
  year: 2019
  title: Fixup
  arxiv: "1901.09321"

- key: he2014
  authors: [Kaiming He, Xiangyu Zhang, Shaoqing Ren]
  year: 2014
  title: Pyramid
  arxiv: "1406.4729"

- key: vanlaarhoven2017
  authors: [Twan van Laarhoven]
  year: 2017
  title: L2
  arxiv: "1706.05350"

- key: dascoli2019
  authors: [Stéphane d'Ascoli, Levent Sagun, Joan Bruna]
  year: 2019
  title: Needle
  arxiv: "1906.06766"

- key: madry2018
  authors: ["Mądry, Aleksander", Shai Shalev-Shwartz]
  year: 2018
  title: Names
  doi: 10.1016/S0893-6080(05)80131-5
"""


@pytest.fixture
def cited(tiny: Tiny) -> Tiny:
    tiny.write("docs/bibliography.yml", WORKS)
    return tiny


def say(tiny: Tiny, sentence: str) -> None:
    tiny.page(("# 一加一等于几？\n", f"# 一加一等于几？\n\n{sentence}\n"))


def found(tiny: Tiny, text: str) -> list[tuple[str, list[str]]]:
    """Return what is taken for a citation in a text, each with the keys of the works it may mean."""
    citations = Citations(read_bibliography(tiny.project))
    return [(citation.text, [work.key for work in citation.works]) for citation in citations.find(text)]


@pytest.mark.parametrize(
    ("text", "said", "key"),
    [
        ("（Ioffe 与 Szegedy，2015）", "Ioffe 与 Szegedy，2015", "ioffe2015"),
        ("（Ioffe 和 Szegedy, 2015）", "Ioffe 和 Szegedy, 2015", "ioffe2015"),
        ("（Ioffe、Szegedy，2015）", "Ioffe、Szegedy，2015", "ioffe2015"),
        ("Ioffe & Szegedy (2015) 说", "Ioffe & Szegedy (2015)", "ioffe2015"),
        ("Ioffe &amp; Szegedy (2015) 说", "Ioffe &amp; Szegedy (2015)", "ioffe2015"),
        ("Ioffe and Szegedy, 2015", "Ioffe and Szegedy, 2015", "ioffe2015"),
        ("见He 等人 2016。", "He 等人 2016", "he2016"),
        ("He 等（2016，ResNet）", "He 等（2016", "he2016"),
        ("He等（2016）说", "He等（2016）", "he2016"),
        ("He et al. (2016)", "He et al. (2016)", "he2016"),
        ("He、Zhang 等（2016）", "He、Zhang 等（2016）", "he2016"),
        ("（层归一化、He\n  等，2016）", "He\n  等，2016", "he2016"),
        ("Dropout 和 He 等（2016）", "He 等（2016）", "he2016"),
        ("He 等人 2016 年的网络", "He 等人 2016", "he2016"),
        ("（Zhang，2019，称之为混叠）", "Zhang，2019", "zhang2019"),
        ("（Zhang 等，2019b）", "Zhang 等，2019b", "zhang2019b"),
        ("**有效学习率**（van Laarhoven，2017）：", "van Laarhoven，2017", "vanlaarhoven2017"),
        ("（d'Ascoli 等，2019，在更大的网络上）", "d'Ascoli 等，2019", "dascoli2019"),
        ("Mądry 与 Shalev-Shwartz（2018）", "Mądry 与 Shalev-Shwartz（2018）", "madry2018"),
    ],
)
def test_a_citation_finds_its_work(cited: Tiny, text: str, said: str, key: str) -> None:
    assert found(cited, text) == [(said, [key])]


def test_several_in_one_bracket_and_several_years(cited: Tiny) -> None:
    assert found(cited, "（Ioffe 与 Szegedy，2015；He 等，2016）") == [
        ("Ioffe 与 Szegedy，2015", ["ioffe2015"]),
        ("He 等，2016", ["he2016"]),
    ]
    assert found(cited, "（He 等 2014 与 Zhang 等 2019a 就不同）") == [
        ("He 等 2014", ["he2014"]),
        ("Zhang 等 2019a", ["zhang2019a"]),
    ]
    assert found(cited, "He 等（2014、2016）") == [("He 等（2014", ["he2014"]), ("2016", ["he2016"])]
    assert found(cited, "He 等，2014，2016 张图") == [("He 等，2014", ["he2014"]), ("2016", ["he2016"])]
    assert found(cited, "He 等，2014，2000 张图") == [("He 等，2014", ["he2014"])]


@pytest.mark.parametrize(
    "text",
    [
        "AlexNet（2012）、ConvNeXt（2022）、ResNet-50（2015）、LeNet-5（1998）",
        "ImageNet 2012 与 Pascal VOC 2012",
        "2015 年以后，2080Ti、1990s、版本 2.2016、2016.5",
        "LeCun 等人 1990 年代的网络",
        "Adam，2000 步；学习率 0.2016",
        "用 Dropout 训练 2000 步，Python 2015 年的版本",
        "seed=2015，He 等初始化",
        "torch.He(2015)",
    ],
)
def test_years_in_other_prose_are_no_citations(cited: Tiny, text: str) -> None:
    assert found(cited, text) == []


@pytest.mark.parametrize(
    ("sentence", "what", "hint"),
    [
        (
            "又见（Szegedy 等，2016）。",
            "没有文献“Szegedy 等，2016”",
            "相近的：Ioffe 与 Szegedy（2015）；三位作者起写“等”",
        ),
        ("又见 Ioffe 等（2015）。", "没有文献“Ioffe 等（2015）”", "相近的：Ioffe 与 Szegedy（2015）"),
        ("又见（Ioff 与 Szegedy，2015）。", "没有文献“Ioff 与 Szegedy，2015”", "相近的：Ioffe 与 Szegedy（2015）"),
        ("又见（Kingma 与 Ba，2015）。", "没有文献“Kingma 与 Ba，2015”", "像是引用，而 docs/bibliography.yml 里没有"),
        ("又见（Telgarsky，2016）。", "没有文献“Telgarsky，2016”", "像是引用"),
        ("又见 McCandlish 等（2018）。", "没有文献“McCandlish 等（2018）”", "像是引用"),
        ("又见（Zhang 等，2019）。", "“Zhang 等，2019”可能指几项文献", "2019a（Three Mechanisms）、2019b（Fixup）"),
    ],
)
def test_a_citation_that_leads_nowhere_is_an_error_with_its_line(
    cited: Tiny, sentence: str, what: str, hint: str
) -> None:
    say(cited, sentence)
    (problem,) = cited.problems()
    assert (problem.path, problem.line) == ("docs/04-a/sum.md", PAGE[: PAGE.index("# 一加")].count("\n") + 3)
    assert problem.what == what
    assert problem.hint.startswith(hint) or hint in problem.hint


@pytest.mark.parametrize(
    "sentence",
    [
        "`（Kingma 与 Ba，2015）`",
        "```text\n（Kingma 与 Ba，2015）\n```",
        "$Kingma（2015）$",
        "[Kingma 与 Ba，2015](https://example.org/Kingma（2015）)",
        "<!-- Kingma 与 Ba（2015） -->",
    ],
)
def test_code_formulas_comments_and_links_are_no_prose(cited: Tiny, sentence: str) -> None:
    say(cited, sentence)
    assert cited.problems() == ()


def test_front_matter_code_glossary_and_labs_are_looked_at_too(cited: Tiny) -> None:
    cited.page(("description: 等于二。", "description: 等于二（Peano，1889）。"))
    cited.example(EXAMPLE.replace("total = 1 + 1", "total = 1 + 1  # Frege（1884）"))
    cited.write("docs/glossary.yml", "- term: 和\n  en: sum\n  means: 见 Hilbert 等（1899）。\n")
    cited.write(
        "examples/labs/first.py",
        "# ---\n# title: 甲\n# description: 乙。\n# ---\n\n# %% [markdown]\n# # 甲\n#\n# 见（Cantor，1874）。\n\n"
        "# %% one\nassert 1 + 1 == 2  # Russell（1903）\n",
    )
    wrong = [(problem.path, problem.line) for problem in cited.problems() if "没有文献" in problem.what]
    assert wrong == [
        ("docs/04-a/sum.md", 5),
        ("docs/glossary.yml", 3),
        ("examples/04-a/sum.py", 4),
        ("examples/labs/first.py", 9),
        ("examples/labs/first.py", 12),
    ]


def test_the_foot_lists_the_works_once_with_their_address(cited: Tiny) -> None:
    say(cited, "（Zhang 等，2019a；Ioffe 与 Szegedy，2015），又是 Ioffe 与 Szegedy（2015）。")
    cited.example(EXAMPLE.replace("total = 1 + 1", "total = 1 + 1  # Mądry 与 Shalev-Shwartz（2018）"))
    cited.build()
    foot = (cited.root / "build/fragments/04-a/sum/foot.md").read_text("utf-8")
    assert foot[foot.index("**文献**") :].splitlines()[2:5] == [
        "- Ioffe 与 Szegedy（2015）：[Batch Normalization: Accelerating](<https://arxiv.org/abs/1502.03167>)",
        "- Mądry 与 Shalev-Shwartz（2018）：[Names](<https://doi.org/10.1016/S0893-6080(05)80131-5>)",
        "- Zhang 等（2019a）：Three Mechanisms",
    ]


def test_a_project_without_a_bibliography_has_no_citations(tiny: Tiny) -> None:
    say(tiny, "又见（Kingma 与 Ba，2015）。")
    assert tiny.problems() == ()
    assert "文献" not in (tiny.root / "build/fragments/04-a/sum/foot.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("old", "new", "line", "what", "hint"),
    [
        ("  arxiv:", "  arXiv:", 2, "不认识“arXiv”", "是不是想写“arxiv”"),
        ('"1502.03167"', "1502.03167", 2, "“arxiv”要用引号括起来", "末尾的 0 会丢掉"),
        ('"1502.03167"', '"arXiv:1502.03167"', 2, "“arxiv”写得不对：arXiv:1502.03167", "1502.03167"),
        ("10.1109/CVPR.2016.90", "https://doi.org/10.1109/CVPR.2016.90", 8, "“doi”写得不对", "10.1007/BF00994018"),
        ("https://example.org/shift", "example.org/shift", 14, "“url”写得不对", "https://"),
        ('  arxiv: "1901.09321"', '  arxiv: "1502.03167"', 25, "“https://arxiv.org/abs/1502.03167”已经写在 ioffe2015", ""),
        ("title: Deep Residual Learning", "title: Fixup", 25, "“fixup”已经写在 he2016", ""),
        ("key: zhang2019b", "key: zhang2019a", 25, "“zhang2019a”已经写在 zhang2019a", "加 a、b"),
        ("key: ioffe2015", "key: szegedy2015", 2, "“key”要写成第一作者的姓加年份：ioffe2015", "小写"),
        ("year: 2015", "year: 2015a", 2, "“year”要写成四位数", "字母写在 key 里"),
        ("[Richard Zhang]", "Richard Zhang", 14, "“authors”要写成名字的列表", ""),
        ("Xiangyu Zhang, others]", "others, Xiangyu Zhang]", 8, "“others”只能写在作者的最后", ""),
        ("  title: Deep Residual Learning\n", "", 8, "条目缺“title”", ""),
        ('  arxiv: "1502.03167"', '  arxiv: "1502.03167"\n  url: https://a.org/b', 2, "arxiv、url 只写一个", "先 doi"),
        ('"Batch Normalization: Accelerating"', "Batch Normalization: Accelerating", 5, "文献读不懂", "冒号"),
        ("- key: he2016", "- 甲\n- key: he2016", 8, "一个条目要写成 键: 值", "key、authors"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(
    cited: Tiny, old: str, new: str, line: int, what: str, hint: str
) -> None:
    assert old in WORKS
    cited.write("docs/bibliography.yml", WORKS.replace(old, new, 1))
    first, *_ = (problem for problem in cited.problems() if problem.path == "docs/bibliography.yml")
    assert first.line == line
    assert what in first.what
    assert hint in first.hint


def test_a_bibliography_that_is_no_list(cited: Tiny) -> None:
    cited.write("docs/bibliography.yml", "key: ioffe2015\n")
    (problem,) = cited.problems()
    assert (problem.path, problem.what) == ("docs/bibliography.yml", "文献要写成条目的列表：每条以“- key:”开头")


def test_a_mended_bibliography_executes_nothing(cited: Tiny) -> None:
    cited.build()
    cited.write("docs/bibliography.yml", WORKS.replace("Shift-Invariant", "Shift"))
    assert cited.build().executed == ()

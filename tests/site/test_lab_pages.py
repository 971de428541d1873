"""The labs and the gallery in the built site."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.site.test_site import PROJECT, QUESTIONS, read

from engine.experiments import Lab, parse_experiment, read_lab

LABS: dict[str, Lab] = {
    lab.id: lab
    for path in sorted(PROJECT.examples.glob("labs/*.py"))
    for lab in [read_lab(parse_experiment(path, PROJECT.examples), PROJECT)]
}
every_lab = pytest.mark.parametrize("lab", LABS.values(), ids=LABS)


@every_lab
def test_a_lab_has_all_its_parts(site: Path, lab: Lab) -> None:
    page = read(site / f"{lab.id}.html")
    assert page.meta["description"] == lab.description
    assert [tag for tag, _ in page.tags].count("h1") == 1
    for part in ("qa-stamp", "qa-foot", "qa-term", "md-tag"):
        assert page.having(part), part
    assert len(page.having("qa-cell")) == len(lab.experiment.cells)
    assert len(page.having("qa-figure")) >= 3
    for suffix in (".py", ".ipynb"):
        assert f"../downloads/{lab.id}{suffix}" in page.links
        assert (site / "downloads" / f"{lab.id}{suffix}").is_file()


@every_lab
def test_a_lab_weighs_no_more_than_it_may(site: Path, lab: Lab) -> None:
    assert len(read(site / f"{lab.id}.html").source.encode()) <= 150_000


@every_lab
def test_a_lab_and_its_questions_lead_to_each_other(site: Path, lab: Lab) -> None:
    page = read(site / f"{lab.id}.html")
    numbers = {str(front["qa"]): question for question, front in QUESTIONS.items()}
    for number in lab.questions:
        assert any(link.startswith(f"../{numbers[number]}.html") for link in page.links), number
        assert f"../{lab.id}.html" in read(site / f"{numbers[number]}.html").links, number


@every_lab
def test_pictures_of_a_lab_have_a_text_alternative(site: Path, lab: Lab) -> None:
    page = read(site / f"{lab.id}.html")
    pictures = [values for tag, values in page.tags if tag == "svg" and values.get("role") == "img"]
    assert len(pictures) == len(page.having("qa-figure"))
    assert all(len(values["aria-label"] or "") > 15 for values in pictures)
    assert len(page.having("arithmatex")) == [tag for tag, _ in page.tags].count("math")


def test_the_gallery_shows_every_lab_and_experiment_with_a_picture(site: Path) -> None:
    page = read(site / "labs" / "index.html")
    for question in QUESTIONS:
        assert f"../{question}.html" in page.links
        assert f"../assets/thumbnails/{question}.svg" in page.loads
    for lab in LABS:
        assert f"{lab.removeprefix('labs/')}.html" in page.links
        assert f"../assets/thumbnails/{lab}.svg" in page.loads

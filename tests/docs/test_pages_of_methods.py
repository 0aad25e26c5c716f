"""Each method and correction has a page with what it declares and an example that is true."""

from __future__ import annotations

import doctest
import re
import sys

import pytest

from spectra.engine import list_corrections, list_methods

ALL = {**list_methods(), **list_corrections()}
PARTS = {"Equation", "Example", "Settings", "Accuracy", "Limits", "In the guides"}


@pytest.fixture(scope="module")
def written(project_root):
    sys.path.insert(0, str(project_root / "docs" / "_ext"))
    import generated_pages
    from declarations import declared
    from narratives import read_narratives

    docs = project_root / "docs"
    yield generated_pages, {d.name: d for d in declared()}, read_narratives(docs)
    sys.path.remove(str(project_root / "docs" / "_ext"))


@pytest.fixture(scope="module")
def told(written, project_root):
    from told import read_told

    return read_told(project_root / "docs")


@pytest.mark.parametrize("name", ALL)
def test_its_example_is_true(name):
    cls = ALL[name]
    globs = dict(vars(sys.modules[cls.__module__]))
    test = doctest.DocTestParser().get_doctest(cls.__doc__ or "", globs, name, None, 0)
    assert test.examples, f"{name} has no example in its docstring"
    said: list[str] = []
    failures = doctest.DocTestRunner().run(test, out=said.append).failed
    assert not failures, "".join(said)


@pytest.mark.parametrize("name", ALL)
def test_it_has_a_page_with_all_it_declares(name, written, told, project_root):
    pages, known, narratives = written
    text = pages.method_page(known[name], told[name], narratives, project_root / "docs")
    assert text.startswith(f"# {name}\n")
    for setting in known[name].settings:
        assert setting.meaning
        assert f"| `{setting.name}` | {pages._cell(setting.meaning)} | `" in text
    parts = dict(part.partition("\n")[::2] for part in text.split("\n## ")[1:])
    assert set(parts) - {"Notes"} == PARTS | ({"Results"} if name in list_methods() else set())
    assert "```{math}\n" in parts["Equation"] or "None of its own: " in parts["Equation"]
    assert ">>> " in parts["Example"]
    # Figures, and words.
    assert re.search(r"\d", parts["Accuracy"].split("{.source}")[0])
    assert re.search(r"\w{3}", parts["Limits"].split("{.source}")[0])


@pytest.mark.parametrize("name", ALL)
def test_its_equation_is_drawn(name, told):
    said = told[name]
    assert bool(said.equation) != bool(said.no_equation)
    if said.equation:
        assert said.where
        drawn = pytest.importorskip("docutils.utils.math.latex2mathml").tex2mathml
        assert drawn(said.equation, as_block=True).startswith("<math")


def test_nothing_is_told_of_what_is_not_there(told):
    assert set(told) == set(ALL)


def test_a_method_nobody_writes_about_has_no_page(written, told, project_root):
    pages, known, _ = written
    with pytest.raises(ValueError, match=r"no page .* mentions xrd\.Peaks"):
        pages.method_page(known["xrd.Peaks"], told["xrd.Peaks"], [], project_root / "docs")


GUIDE = """# A guide

## First

Words of [x](b.md) and [y](#second).

```python
no = 1
```

| a | b |
|---|---|
| p | 1 |
| | 2 |
| q | 3 |

### Below

- one
- two 22

<!-- end of first -->
## Second

Others.
"""


def test_parts_are_taken_out_of_guides(written, tmp_path):
    from told import Part

    (tmp_path / "guide.md").write_text(GUIDE)
    whole = Part.of(tmp_path, "guide#first")
    assert (whole.title, whole.heading, whole.page) == ("A guide", "First", "guide.md")
    assert whole.text == (
        "Words of [x](../b.md) and [y](../guide.md#second).\n\n"
        "| a | b |\n|---|---|\n| p | 1 |\n| p | 2 |\n| q | 3 |\n\n- one\n- two 22"
    )
    some = Part.of(tmp_path, "guide#first|p|two")
    assert some.text == "| a | b |\n|---|---|\n| p | 1 |\n| p | 2 |\n\n- two 22"
    with pytest.raises(ValueError, match="finds nothing"):
        Part.of(tmp_path, "guide#first|none of it")
    with pytest.raises(ValueError, match="no page has the section 'third'"):
        Part.of(tmp_path, "guide#third")


def test_long_tables_are_folded(written, tmp_path):
    from told import Part

    rows = "".join(f"| {i} | x |\n" for i in range(30))
    (tmp_path / "guide.md").write_text(f"# A\n\n## B\n\n| | c |\n|---|---|\n{rows}")
    assert Part.of(tmp_path, "guide#b").text.startswith(":::{dropdown} 30 rows: c\n|")
    assert Part.of(tmp_path, "guide#b|^\\| 2|A").text.startswith("| | c |")


def test_sections_and_parameters_are_told_apart(written):
    from declarations import _parameters, _split

    text = "One line.\n\nParameters\n----------\na, b : {1, 2}\n    Both.\nc : int\n\n"
    text += "Notes\n-----\nSo."
    parts = _split(text)
    assert (parts[""], parts["Notes"]) == ("One line.", "So.")
    told = _parameters(parts["Parameters"])
    assert told == {"a": ("{1, 2}", "Both."), "b": ("{1, 2}", "Both."), "c": ("int", "")}

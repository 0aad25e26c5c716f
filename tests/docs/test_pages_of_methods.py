"""Each method and correction has a page with what it declares and an example that is true."""

from __future__ import annotations

import doctest
import sys

import pytest

from spectra.engine import list_corrections, list_methods

ALL = {**list_methods(), **list_corrections()}


@pytest.fixture(scope="module")
def written(project_root):
    sys.path.insert(0, str(project_root / "docs" / "_ext"))
    import generated_pages
    from declarations import declared
    from narratives import read_narratives

    yield generated_pages, {d.name: d for d in declared()}, read_narratives(project_root / "docs")
    sys.path.remove(str(project_root / "docs" / "_ext"))


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
def test_it_has_a_page_with_all_it_declares(name, written):
    pages, known, narratives = written
    text = pages.method_page(known[name], narratives)
    assert text.startswith(f"# {name}\n")
    for setting in known[name].settings:
        assert setting.meaning
        assert f"| `{setting.name}` | {pages._cell(setting.meaning)} | `" in text
    assert "## Example" in text
    assert ("## Results" in text) == (name in list_methods())


def test_a_method_nobody_writes_about_has_no_page(written):
    pages, known, _ = written
    with pytest.raises(ValueError, match=r"no page .* mentions xrd\.Peaks"):
        pages.method_page(known["xrd.Peaks"], [])


def test_sections_and_parameters_are_told_apart(written):
    from declarations import _parameters, _split

    text = "One line.\n\nParameters\n----------\na, b : {1, 2}\n    Both.\nc : int\n\n"
    text += "Notes\n-----\nSo."
    parts = _split(text)
    assert (parts[""], parts["Notes"]) == ("One line.", "So.")
    told = _parameters(parts["Parameters"])
    assert told == {"a": ("{1, 2}", "Both."), "b": ("{1, 2}", "Both."), "c": ("int", "")}

"""Tasks for ewoks workflows: made of the methods themselves."""

from __future__ import annotations

import dataclasses
import importlib

import numpy as np
import pytest

import spectra
from spectra.engine import find_method, list_methods
from spectra.errors import SettingError
from spectra.xrd import Peaks
from toy_methods import assert_same, drifting_lines

pytest.importorskip("ewokscore")
ewoks = importlib.import_module("spectra.ewoks")
# ewokscore warns of its own ways.
pytestmark = pytest.mark.filterwarnings("ignore")


def test_every_method_has_a_task_with_its_settings():
    tasks = ewoks.list_tasks()
    assert sorted(tasks.values()) == sorted(list_methods())
    for name, method in tasks.items():
        task = getattr(ewoks, name)
        assert (task.__module__, task.__name__) == ("spectra.ewoks", name)
        given = task.input_names() - {"source", "output", "workers"}
        assert given == {field.name for field in dataclasses.fields(find_method(method))}


def test_no_such_task():
    with pytest.raises(AttributeError, match=r"no task 'XrdPeeks'; there are Read, .*XrdPeaks"):
        ewoks.XrdPeeks  # noqa: B018


def test_a_workflow_from_files_to_results(tmp_path):
    from ewokscore import execute_graph

    stack = drifting_lines(6)
    spectra.nexus.write_file(tmp_path / "stack.h5", stack)
    graph = {
        "graph": {"id": "peaks"},
        "nodes": [
            {
                "id": "read",
                "task_type": "class",
                "task_identifier": "spectra.ewoks.Read",
                "default_inputs": [{"name": "files", "value": str(tmp_path / "stack.h5")}],
            },
            {
                "id": "peaks",
                "task_type": "class",
                "task_identifier": "spectra.ewoks.XrdPeaks",
                "default_inputs": [
                    {"name": "coarse_frames", "value": 3},
                    {"name": "output", "value": str(tmp_path / "peaks.h5")},
                ],
            },
        ],
        "links": [
            {
                "source": "read",
                "target": "peaks",
                "data_mapping": [{"source_output": "stack", "target_input": "source"}],
            }
        ],
    }
    outputs = execute_graph(graph)
    assert outputs["path"] == str(tmp_path / "peaks.h5")
    expected = spectra.run(stack, Peaks(coarse_frames=3))
    assert_same(outputs["results"], expected)
    assert_same(spectra.open(tmp_path / "peaks.h5"), expected)
    assert np.isfinite(expected["center"]).any()


def test_a_setting_that_is_not_usable_is_told(tmp_path):
    task = ewoks.XrdPeaks(inputs={"source": drifting_lines(3), "threshold": -1.0})
    with pytest.raises(Exception, match="failed") as failed:
        task.execute()
    assert isinstance(failed.value.__cause__, SettingError)
    assert "threshold = -1.0" in str(failed.value.__cause__)

"""Tasks for ewoks workflows: one per method, made of the list of methods, and one that reads.

The task of ``xrd.Peaks`` is ``spectra.ewoks.XrdPeaks``, and so on for every method. Its inputs
are ``source`` (a stack or results, or the path of a file that holds them), the method's
settings under their own names, and, where they are wanted, ``output`` (path of the results)
and ``workers``. Its output is ``results``, and ``path`` where they were written. Needs
``pip install 'spectra[ewoks]'``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any

from spectra.engine import find_method, list_methods, run
from spectra.errors import SettingError
from spectra.method import Method
from spectra.nexus import write_file
from spectra.readers import read

try:
    from ewokscore import Task
except ImportError:
    raise SettingError("ewoks tasks need ewokscore: pip install 'spectra[ewoks]'") from None

_OWN = ("output", "workers")


def task_name(method: str) -> str:
    """What the task of a method is called.

    Examples
    --------
    >>> task_name("xrd.Peaks")
    'XrdPeaks'
    """
    technique, _, name = method.partition(".")
    return technique.capitalize() + name


def list_tasks() -> dict[str, str]:
    """The methods by the names of their tasks."""
    return {task_name(method): method for method in list_methods()}


def make_task(method: str) -> type[Task]:
    """Make the task of a method.

    Parameters
    ----------
    method : str
        E.g. ``xrd.Peaks``.

    Raises
    ------
    SettingError
        If there is no such method.
    """
    kind = find_method(method)
    settings = [field for field in fields(kind) if field.init]
    bare = {f.name for f in settings if f.default is MISSING and f.default_factory is MISSING}
    optional = [field.name for field in settings if field.name not in bare]

    def work(self: Any) -> None:
        given = self.get_input_values()
        own = {name: given.pop(name) for name in _OWN if name in given}
        _work(self, kind, given.pop("source"), given, own)

    return _task(
        task_name(method),
        work,
        kind.__doc__ or "",
        input_names=["source", *sorted(bare)],
        optional_input_names=[*optional, *_OWN],
        output_names=["results", "path"],
    )


def _task(name: str, work: Callable[[Any], None], told: str, **names: list[str]) -> type[Task]:
    """A task class of this module."""
    # ewokscore registers a class by its name at once, so it must have its own from the start.
    contents = {"__module__": __name__, "__qualname__": name, "__doc__": told, "run": work}
    made: type[Task] = type(Task)(name, (Task,), contents, **names)
    return made


def _work(
    task: Any, kind: type[Method], source: Any, settings: dict[str, Any], own: dict[str, Any]
) -> None:
    """Run a method and fill the outputs of its task."""
    output = own.get("output")
    method = kind.from_settings(settings)
    task.outputs.results = run(
        source, method, output, workers=own.get("workers", 1), progress=False
    )
    task.outputs.path = None if output is None else str(output)


def _read(task: Any) -> None:
    """Read files and fill the outputs of the task."""
    given = task.get_input_values()
    stack = read(given["files"], **given.get("options", {}))
    output = given.get("output")
    if output is not None:
        write_file(output, stack)
    task.outputs.stack = stack
    task.outputs.path = None if output is None else str(output)


Read = _task(
    "Read",
    _read,
    "Read files into a stack, as `spectra.read` does; `options` are its further arguments.",
    input_names=["files"],
    optional_input_names=["options", "output"],
    output_names=["stack", "path"],
)


def __getattr__(name: str) -> Any:
    # Tasks are made when a workflow names them: methods of all techniques are slow to import.
    if name.startswith("_") or not name[:1].isupper():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    tasks = list_tasks()
    if name not in tasks:
        raise AttributeError(f"no task {name!r}; there are {', '.join(['Read', *tasks])}")
    globals()[name] = task = make_task(tasks[name])
    return task

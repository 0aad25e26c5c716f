#!/usr/bin/env python
"""Run a recipe on nodes that a batch system lends: a Dask cluster started for the occasion.

    dask_cluster.py recipe.toml --system slurm --jobs 8 --cores 16 --memory 64GB \
        --queue day --walltime 02:00:00
    dask_cluster.py recipe.toml --local 4

Workers come as the queue lets them in, and go; whatever happens to them, the results are bit
for bit those of `spectra run`. A run that was stopped goes on. Exit codes are those of the
command line: 0 all well, 1 wrong use, 2 some frames failed, 3 damaged file.

Batch systems need `pip install 'spectra[jobqueue]'`; --local needs `spectra[dask]`.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from typing import Any

from spectra.cli.scripting import exit_with, process
from spectra.errors import SettingError
from spectra.recipe import load_recipe

SYSTEMS = {
    "slurm": "SLURMCluster",
    "pbs": "PBSCluster",
    "sge": "SGECluster",
    "lsf": "LSFCluster",
    "htcondor": "HTCondorCluster",
    "oar": "OARCluster",
    "moab": "MoabCluster",
}


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("recipe", type=Path)
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--system", choices=SYSTEMS, help="the batch system")
    place.add_argument("--local", type=int, metavar="N", help="N processes of this computer")
    parser.add_argument("--jobs", type=int, default=4, help="jobs to submit")
    parser.add_argument("--cores", type=int, default=8, help="cores of a job")
    parser.add_argument("--memory", default="16GB", help="memory of a job")
    parser.add_argument("--queue", help="queue or partition")
    parser.add_argument("--account", help="whom the time is charged to")
    parser.add_argument("--walltime", default="01:00:00", help="longest time of a job")
    parser.add_argument("--interface", help="network between the nodes, e.g. ib0")
    return parser.parse_args(arguments)


def start_cluster(options: argparse.Namespace) -> Any:
    """The cluster that the options describe, a context manager."""
    if options.local is not None:
        if options.local < 1:
            raise SettingError(f"--local {options.local}; expected 1 or more processes")
        return _module("distributed", "dask").LocalCluster(
            n_workers=options.local, threads_per_worker=1, dashboard_address=None, silence_logs=50
        )
    kind = getattr(_module("dask_jobqueue", "jobqueue"), SYSTEMS[options.system])
    optional = {"queue": options.queue, "account": options.account, "interface": options.interface}
    settings = {k: v for k, v in optional.items() if v}
    if options.system not in ("htcondor",):
        settings["walltime"] = options.walltime
    # One thread a process: the work is numpy's, and would wait for itself in threads.
    cluster = kind(cores=options.cores, processes=options.cores, memory=options.memory, **settings)
    cluster.scale(jobs=options.jobs)
    return cluster


def _module(name: str, extra: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise SettingError(f"{name} is missing: pip install 'spectra[{extra}]'") from None


def main() -> int:
    """Run the script."""
    options = parse(sys.argv[1:])
    recipe = load_recipe(options.recipe)
    with start_cluster(options) as cluster:
        return process(recipe, cluster.scheduler_address)


if __name__ == "__main__":
    exit_with(main)

"""Dask clusters: the same blocks, the same bits, whatever happens to the workers."""

from __future__ import annotations

import os
import signal

import pytest

import spectra
from spectra import Status
from spectra.cluster import describe_workers, parse_workers
from spectra.errors import SettingError
from spectra.xrd import Peaks
from toy_methods import Toy, assert_same, drifting_lines, toy_stack, with_first_points

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")
# Dask warns of ports, of slow garbage collection and of closing loops, none of it ours.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def cluster():
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
    ) as made:
        yield made


@pytest.fixture
def client(cluster):
    with distributed.Client(cluster) as made:
        yield made


@pytest.mark.parametrize("size", [1, 7, 64])
def test_the_same_bits_as_here(client, tmp_path, size):
    stack, method = drifting_lines(), Peaks(coarse_frames=8)
    output = tmp_path / "there.h5"
    there = spectra.run(stack, method, output, workers=client, block_size=size, progress=False)
    assert_same(there, spectra.run(stack, method, block_size=7))
    assert client.status == "running"


def test_by_address(cluster):
    stack = toy_stack(9)
    there = spectra.run(stack, Toy(), workers=cluster.scheduler_address, block_size=2)
    assert there.provenance["workers"] == cluster.scheduler_address
    assert (there["value"] == spectra.run(stack, Toy())["value"]).all()


def test_a_cluster_for_the_occasion():
    stack = toy_stack(6)
    there = spectra.run(stack, Toy(), workers="local:1", block_size=2)
    assert (there["value"] == spectra.run(stack, Toy())["value"]).all()


def test_a_worker_killed_in_mid_run_costs_nothing(tmp_path):
    stack = toy_stack(40)
    here = spectra.run(stack, Toy())
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
        ) as made,
        distributed.Client(made) as client,
    ):
        victim = next(iter(client.run(os.getpid).values()))

        def kill(done, total):
            if done == 10:
                os.kill(victim, signal.SIGKILL)

        there = spectra.run(
            *(stack, Toy(seconds=0.05), tmp_path / "out.h5"),
            workers=client,
            block_size=1,
            progress=kill,
        )
    assert (there["value"] == here["value"]).all()
    assert (there.status == Status.OK).all()


def test_the_block_that_kills_its_workers_is_given_up_alone(tmp_path):
    stack = with_first_points(toy_stack(6), {0: -2.0})
    with (
        # Whatever is in flight lies on the one worker, and is suspected as it dies.
        dask.config.set({"distributed.scheduler.worker-saturation": "inf"}),
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, dashboard_address=None, silence_logs=50
        ) as made,
        distributed.Client(made) as client,
    ):
        there = spectra.run(stack, Toy(), tmp_path / "out.h5", workers=client, block_size=1)
    assert there.status.tolist() == [Status.BAD_INPUT, 0, 0, 0, 0, 0]
    assert "died" in there.messages[0]


def test_a_setting_concerns_the_whole_run(client):
    stack = with_first_points(toy_stack(6), {3: -3.0})
    with pytest.raises(SettingError, match="no such setting"):
        spectra.run(stack, Toy(), workers=client, block_size=1)


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch):
    monkeypatch.setattr("spectra.cluster._CONNECT_SECONDS", 1)
    with pytest.raises(SettingError, match=r"tcp://127\.0\.0\.1:9.*dask scheduler"):
        spectra.run(toy_stack(4), Toy(), workers="tcp://127.0.0.1:9")


def test_workers_from_the_command_line():
    assert parse_workers(" 4 ") == 4
    assert parse_workers("tcp://host:8786") == "tcp://host:8786"
    assert describe_workers("local") == "local"
    for wrong in ("0", "-2", "many", "http://host"):
        with pytest.raises(SettingError, match="expected"):
            parse_workers(wrong)
    with pytest.raises(SettingError, match=r"distributed\.Client"):
        spectra.run(toy_stack(4), Toy(), workers=2.5)

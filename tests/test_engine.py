"""Running: the same bits however it is cut, and nothing lost when it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

import spectra
from spectra import Stack, Status, store
from spectra.engine import find_method, method_from_provenance
from spectra.errors import SettingError, StackError, StoreError
from spectra.method import Method
from spectra.results import Column, Results, Table
from spectra.xrd import Peaks


@dataclass(frozen=True, kw_only=True)
class Toy(Method):
    """Sums of squares; raises for frames whose first point is negative."""

    name: ClassVar[str] = "test.Toy"
    power: float = 2.0

    def prepare(self, source):
        return float(np.nanmean(np.asarray(source.signal[:1])))

    def table(self, plan):
        return Table("toy", (Column("value", "", "a value"),))

    def fit(self, block, plan):
        y = np.asarray(block.signal)
        if (y[:, 0] < 0).any():
            raise ValueError("negative first point")
        value = np.exp(np.matmul(y[:, None, :], y[:, :, None])[:, 0, 0] / 1e3) + plan
        return Results(
            self.table(plan), {"value": value}, block.status, block.messages, block.names
        )


def stack(n=50):
    y = np.random.default_rng(0).random((n, 64))
    return Stack.from_arrays(np.arange(64.0), y)


def test_blocks_and_disk_do_not_change_a_bit(tmp_path):
    data = stack()
    expected = Toy()(data)["value"]
    spectra.write(tmp_path / "s.h5", data)
    for size in (1, 7, 64):
        np.testing.assert_array_equal(spectra.run(data, Toy(), block_size=size)["value"], expected)
        from_disk = spectra.run(tmp_path / "s.h5", Toy(), tmp_path / "r.h5", block_size=size)
        np.testing.assert_array_equal(from_disk["value"], expected)
    assert not (tmp_path / "r.h5.partial").exists()
    np.testing.assert_array_equal(spectra.open(tmp_path / "r.h5")["value"], expected)


def test_workers_do_not_change_a_bit():
    x = np.arange(20, 40, 0.02)
    y = 50 + 900 * np.exp(-(((x - 30) / 0.1) ** 2))
    counts = np.random.default_rng(1).poisson(np.tile(y, (12, 1)))
    data = Stack.from_arrays(x, counts, noise="counts")
    one = spectra.run(data, Peaks(), block_size=3)
    two = spectra.run(data, Peaks(), block_size=3, workers=2)
    for name in one.columns:
        np.testing.assert_array_equal(one.columns[name], two.columns[name])


def test_a_raising_frame_fails_alone():
    data = stack(20)
    y = data.signal.copy()
    y[4, 0] = -1
    results = spectra.run(replace(data, signal=y), Toy(), block_size=8)
    assert results.status[4] == Status.NOT_CONVERGED
    assert "negative first point" in results.messages[4]
    assert np.isnan(results["value"][4])
    good = np.arange(20) != 4
    np.testing.assert_array_equal(results["value"][good], Toy()(data)["value"][good])


def test_every_moment_of_a_kill_can_be_resumed(tmp_path, monkeypatch):
    """Stop the run at each of its writes; resuming gives the undisturbed answer."""
    data, expected = stack(30), Toy()(stack(30))["value"]

    class Killed(BaseException):
        pass

    write = store.write_file
    for moment in range(8):
        output = tmp_path / f"r{moment}.h5"
        left = [moment]

        def dying(path, content, left=left):
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            return write(path, content)

        monkeypatch.setattr(store, "write_file", dying)
        if moment < 6:
            with pytest.raises(Killed):
                spectra.run(data, Toy(), output, block_size=5)
            assert not output.exists()
            assert len(list((tmp_path / f"r{moment}.h5.partial").glob("block-*"))) == moment
        monkeypatch.setattr(store, "write_file", write)
        results = spectra.run(data, Toy(), output, block_size=5, resume=True)
        np.testing.assert_array_equal(results["value"], expected)
        assert not (tmp_path / f"r{moment}.h5.partial").exists()


def test_a_damaged_block_is_done_again(tmp_path):
    data = stack(30)
    partial = store.Store(tmp_path / "r.h5", spectra.engine._identity(data, Toy(), 5), resume=False)
    partial.put(0, Toy()(data[:5]))
    partial.put(5, Toy()(data[5:10]))
    partial.release()
    block = tmp_path / "r.h5.partial" / "block-000000005.h5"
    block.write_bytes(block.read_bytes()[:-7])
    results = spectra.run(data, Toy(), tmp_path / "r.h5", block_size=5, resume=True)
    np.testing.assert_array_equal(results["value"], Toy()(data)["value"])


def test_another_run_is_not_resumed_into(tmp_path):
    data = stack(10)
    other = store.Store(tmp_path / "r.h5", spectra.engine._identity(data, Toy(), 5), resume=False)
    other.release()
    with pytest.raises(StoreError, match="settings differ"):
        spectra.run(data, Toy(power=3.0), tmp_path / "r.h5", block_size=5, resume=True)
    holder = store.Store(tmp_path / "q.h5", {}, resume=False)
    (holder.folder / "lock").write_text(f"{os.uname().nodename} 1")
    with pytest.raises(StoreError, match="in use by process 1"):
        store.Store(tmp_path / "q.h5", {}, resume=True)


@pytest.mark.slow
def test_kill_minus_nine_and_resume(tmp_path):
    script = tmp_path / "job.py"
    script.write_text(
        textwrap.dedent(
            """
            import sys
            import numpy as np
            import spectra
            from spectra.xrd import Peaks

            def job(resume):
                x = np.arange(20, 40, 0.02)
                y = 50 + 900 * np.exp(-(((x - 30) / 0.1) ** 2))
                counts = np.random.default_rng(1).poisson(np.tile(y, (400, 1)))
                stack = spectra.Stack.from_arrays(x, counts, noise="counts")
                spectra.run(stack, Peaks(), "r.h5", block_size=4, resume=resume)

            if __name__ == "__main__":
                job(sys.argv[1] == "resume")
            """
        )
    )
    command = [sys.executable, str(script)]
    process = subprocess.Popen([*command, "start"], cwd=tmp_path)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if len(list(tmp_path.glob("r.h5.partial/block-*"))) >= 5:
            break
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "r.h5").exists()
    subprocess.run([*command, "resume"], cwd=tmp_path, check=True)
    killed = spectra.open(tmp_path / "r.h5")
    (tmp_path / "r.h5").unlink()
    subprocess.run([*command, "start"], cwd=tmp_path, check=True)
    undisturbed = spectra.open(tmp_path / "r.h5")
    for name in killed.columns:
        np.testing.assert_array_equal(killed.columns[name], undisturbed.columns[name])


def test_provenance_replays():
    results = spectra.run(stack(4), Toy(power=3.0))
    assert results.provenance["settings"] == {"power": 3.0}
    assert results.provenance["method"] == "test.Toy"
    peaks = {"method": "xrd.Peaks", "settings": Peaks(low=3.0).settings()}
    assert method_from_provenance(peaks) == Peaks(low=3.0)
    with pytest.raises(SettingError, match=r"no method 'xrd\.Peks'; there are"):
        find_method("xrd.Peks")


def test_wrong_use_is_answered():
    with pytest.raises(StackError, match="no frames"):
        spectra.run(stack(0), Toy())
    with pytest.raises(SettingError, match="workers = 0"):
        spectra.run(stack(2), Toy(), workers=0)
    with pytest.raises(SettingError, match="block_size = -1"):
        spectra.run(stack(2), Toy(), block_size=-1)


def test_progress_is_told():
    seen = []
    spectra.run(stack(10), Toy(), block_size=4, progress=lambda d, t: seen.append((d, t)))
    assert seen == [(4, 10), (8, 10), (10, 10)]

"""A headless Chromium that a test talks to through a pipe: keys, clicks, pictures, complaints."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest


def browser():
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next((p for n in names if (p := shutil.which(n))), None)
    if found is None:
        pytest.skip("no Chromium on this machine")
    return found


class Page:
    """One tab: what it did wrong is in `complaints`, what it asked the network for in `asked`."""

    def __init__(self, to_browser, from_browser):
        self._to, self._from = to_browser, from_browser
        self._number, self._session = 0, None
        self.complaints, self.asked, self.loaded = [], [], False
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method, **params):
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._to.write(json.dumps(message).encode() + b"\0")
        self._to.flush()
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                return answer["result"]

    def _next(self):
        raw = bytearray()
        while (byte := self._from.read(1)) != b"\0":
            assert byte, "the browser has gone"
            raw += byte
        answer = json.loads(raw)
        self._notice(answer.get("method"), answer.get("params", {}))
        return answer

    def _notice(self, method, params):
        if method == "Runtime.exceptionThrown":
            self.complaints.append(params["exceptionDetails"]["exception"]["description"])
        elif method == "Runtime.consoleAPICalled":
            self.complaints.append(str([a.get("value") for a in params["args"]]))
        elif method == "Log.entryAdded":
            self.complaints.append(params["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.asked.append(params["request"]["url"])
        elif method == "Page.loadEventFired":
            self.loaded = True

    def open(self, path: Path, width=1280, height=900):
        """Load a file in a window of a size, and wait until its plots are drawn."""
        mobile = width < 600
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        self.send("Emulation.setDeviceMetricsOverride", **size)
        self.complaints, self.asked, self.loaded = [], [], False
        self.send("Page.navigate", url=path.resolve().as_uri())
        while not self.loaded:
            self._next()
        self.js(
            "!document.scripts.length || document.documentElement.dataset.ready || "
            "new Promise(done => new MutationObserver(done)"
            ".observe(document.documentElement, {attributes: true})).then(() => 0)"
        )

    def js(self, expression):
        """The value of an expression, awaited."""
        said = self.send(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in said, said["exceptionDetails"]
        return said["result"].get("value")

    def key(self, key, code=0, text=""):
        """Press a key where the focus is."""
        common = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        down = {"type": "keyDown", "text": text} if text else {"type": "rawKeyDown"}
        self.send("Input.dispatchKeyEvent", **common, **down)
        self.send("Input.dispatchKeyEvent", **common, type="keyUp")
        self.js("new Promise(done => requestAnimationFrame(() => setTimeout(done, 50)))")

    def mouse(self, kind, x, y, **more):
        self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def click(self, x, y):
        """Move there and click."""
        button = {"button": "left", "clickCount": 1}
        self.mouse("mouseMoved", x, y)
        self.mouse("mousePressed", x, y, **button)
        self.mouse("mouseReleased", x, y, **button)
        self.js("new Promise(done => setTimeout(done, 150))")

    def picture(self, path: Path):
        """A PNG of the whole page."""
        size = self.send("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        shot = self.send("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(shot["data"]))

    def pdf(self, path: Path):
        """The page as it is printed."""
        said = self.send("Page.printToPDF", preferCSSPageSize=True)
        path.write_bytes(base64.b64decode(said["data"]))


@contextmanager
def running(profile: Path):
    """A browser with one tab; it ends with the block."""
    to_child, ours_out = os.pipe()
    ours_in, from_child = os.pipe()
    arguments = [browser(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"]
    arguments += ["--no-first-run", "--disable-background-networking", "--disable-sync"]
    arguments += ["--disable-component-update", f"--user-data-dir={profile}"]
    arguments += ["--remote-debugging-pipe", "about:blank"]
    # The browser reads its orders from descriptor 3 and answers on 4.
    shell = ["/bin/bash", "-c", f'exec "$@" 3<&{to_child} 4>&{from_child}', "bash", *arguments]
    with subprocess.Popen(
        shell, pass_fds=(to_child, from_child), stderr=subprocess.DEVNULL
    ) as process:
        os.close(to_child)
        os.close(from_child)
        with os.fdopen(ours_out, "wb") as to_browser, os.fdopen(ours_in, "rb") as from_browser:
            try:
                yield Page(to_browser, from_browser)
            finally:
                process.terminate()
                process.wait(timeout=20)

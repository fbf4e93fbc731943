"""A headless Chromium that is told what to do over a pipe: no driver and no port are needed."""

import base64
import json
import os
import shutil
import subprocess
from contextlib import contextmanager

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Page:
    """One page of a browser."""

    def __init__(self, commands, answers):
        self.commands, self.answers, self.number, self.session = commands, answers, 0, None
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.send("Page.enable")

    def send(self, method, **parameters):
        """Send a command and return its result."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while True:
            found = json.loads(self._message())
            if found.get("id") == self.number:
                assert "error" not in found, found
                return found["result"]

    def _message(self):
        found = bytearray()
        while (sign := self.answers.read(1)) != b"\0":
            assert sign, "the browser ended"
            found += sign
        return found

    def open(self, url, width=1100, height=900, scheme="light"):
        """Open an address in a window of this size."""
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.send("Emulation.setEmulatedMedia", features=[feature])
        self.send("Page.navigate", url=url)
        self.wait("document.readyState === 'complete' && document.querySelector('#views button') !== null")

    def run(self, code):
        """Return what an expression gives; promises are waited for."""
        told = self.send("Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def wait(self, code, seconds=30):
        """Wait until an expression is true."""
        waiting = f"""new Promise((done, fail) => {{
            const started = performance.now();
            const look = () => {{
                if ({code}) return done(true);
                if (performance.now() - started > {1000 * seconds}) return fail(document.body.innerText);
                setTimeout(look, 20);
            }};
            look();
        }})"""
        assert self.run(waiting)

    def choose(self, model, view=None):
        """Choose a model and what to ask it."""
        self.run(f"""(() => {{ const s = document.getElementById('model'); s.value = {json.dumps(model)};
            s.dispatchEvent(new Event('change')); }})()""")
        if view:
            self.run(f"[...document.querySelectorAll('#views button')].find(b => b.textContent === '{view}').click()")

    def fill(self, name, text):
        """Put a text into a field."""
        self.run(f"document.getElementById('{name}').value = {json.dumps(text)}")

    def ask(self):
        """Press the button, and wait for the answer."""
        self.run("document.getElementById('result').replaceChildren(); document.getElementById('go').click()")
        self.wait("document.querySelector('#result *') !== null && !document.getElementById('go').disabled")

    def key(self, name, text=None):
        """Press a key."""
        codes = {"Tab": 9, "Enter": 13, "ArrowDown": 40, " ": 32}
        more = {"key": name, "windowsVirtualKeyCode": codes.get(name, 0)}
        if text:
            more["text"] = text
        self.send("Input.dispatchKeyEvent", type="keyDown", **more)
        self.send("Input.dispatchKeyEvent", type="keyUp", **more)

    def picture(self, path):
        """Save what is seen."""
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot")["data"]))


@contextmanager
def browser(folder):
    """Give a `Page`."""
    to_browser, commands = os.pipe()
    answers, from_browser = os.pipe()
    words = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--remote-debugging-pipe",
    ]
    script = f'exec "$@" 3<&{to_browser} 4>&{from_browser}'
    process = subprocess.Popen(
        ["bash", "-c", script, "browser", *words, f"--user-data-dir={folder}"],
        pass_fds=(to_browser, from_browser),
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    os.close(to_browser)
    os.close(from_browser)
    try:
        with open(answers, "rb") as reading:
            yield Page(commands, reading)
    finally:
        process.kill()
        process.wait()
        os.close(commands)

#!/usr/bin/env python3
"""Drops images on the page of samples/WebApi in a real Chromium, headless, and reads what it says.

    dotnet build -c Release samples/WebApi && tests/browser/web_api.py [SCREENSHOTS]

Needs Python 3 and, from the system, chromium and chromedriver (Debian: apt install chromium chromium-driver); says so and
ends well where they are not. With a folder, screenshots are left in it. The last line is "N passed, N failed, N skipped".
"""
import base64, json, pathlib, re, shutil, subprocess, sys, tempfile, time, urllib.error, urllib.request

root = pathlib.Path(__file__).resolve().parents[2]
flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=900,760"]


def main():
    chromium = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    if not chromium or not driver:
        print(f"skipped: there is no {'chromium' if not chromium else 'chromedriver'} on this machine\n0 passed, 0 failed, 1 skipped")
        return 0
    app = root / "samples/WebApi/bin/Release/net10.0/WebApi.dll"
    if not app.exists():
        print(f"{app} is not there: dotnet build -c Release samples/WebApi", file=sys.stderr)
        return 1

    screenshots = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else None
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="cnnsharp-browser-") as folder:
        with Program(["dotnet", str(app), "--urls", "http://127.0.0.1:0"], r"Now listening on: (http://\S+)") as server, \
             Program([driver, "--port=0"], r"successfully on port (\d+)") as chrome:
            browser = Browser(f"http://127.0.0.1:{chrome.found}", chromium, flags + [f"--user-data-dir={folder}/profile"])
            try:
                for test in (page_says_what_it_knows, dropped_image_is_classified, chosen_image_is_classified, what_is_no_image_is_said, too_large_image_is_said, next_image_takes_its_place):
                    try:
                        browser.open(server.found)
                        test(browser, pathlib.Path(folder))
                        passed += 1
                    except AssertionError as e:
                        failed += 1
                        print(f"FAILED {test.__name__}: {e}")
                    if screenshots:
                        screenshots.mkdir(parents=True, exist_ok=True)
                        browser.screenshot(screenshots / f"{test.__name__}.png")
                if screenshots:
                    browser.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
                    browser.screenshot(screenshots / "dark.png")
            finally:
                browser.close()
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


def page_says_what_it_knows(browser, folder):
    equal("What is on the image?", browser.script("return document.title"))
    text = browser.wait("document.getElementById('classes').textContent.trim()")
    equal("I know T-shirt/top, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle boot.", text)
    outside = [url for url in browser.script("return performance.getEntriesByType('resource').map(entry => entry.name)") if not url.startswith(browser.address) and not url.startswith(("data:", "blob:"))]
    equal([], outside)


def dropped_image_is_classified(browser, folder):
    browser.drop(clothes(folder, 1))
    names, shares = answer(browser)
    equal("pullover", names[0])
    equal(5, len(names))
    equal(sorted(shares, reverse=True), shares)
    check(shares[0] > 50 and sum(shares) < 100.5, f"the shares are {shares}")
    equal([28, 28], browser.script("const image = document.querySelector('#answer img'); return [image.naturalWidth, image.naturalHeight]"))


def chosen_image_is_classified(browser, folder):
    browser.choose("#file", clothes(folder, 0))
    equal("ankle boot", answer(browser)[0][0])


def what_is_no_image_is_said(browser, folder):
    file = folder / "notes.png"
    file.write_text("no image")
    browser.drop(file)
    said = browser.wait("!document.getElementById('wrong').hidden && document.getElementById('wrong').textContent")
    check(said.startswith("The file is no image"), said)
    equal(True, browser.script("return document.getElementById('answer').hidden"))


def too_large_image_is_said(browser, folder):
    browser.wait("document.getElementById('classes').textContent.trim()")
    file = folder / "large.png"
    file.write_bytes(bytes(9 << 20))
    browser.drop(file)
    equal("The image has 9.0 MiB; at most 8 are taken.", browser.wait("!document.getElementById('wrong').hidden && document.getElementById('wrong').textContent"))


def next_image_takes_its_place(browser, folder):
    browser.drop(clothes(folder, 1))
    answer(browser)
    browser.drop(clothes(folder, 2))
    equal("trouser", browser.wait("document.querySelector('#answer li span').textContent == 'trouser' && 'trouser'"))
    equal(5, len(answer(browser)[0]))


def answer(browser):
    rows = browser.wait("!document.getElementById('answer').hidden && document.querySelector('#answer img').complete && [...document.querySelectorAll('#answer li')].map(row => [...row.children].map(cell => cell.textContent))")
    return [row[0] for row in rows], [float(row[1].split()[0]) for row in rows]


def clothes(folder, index):
    """A test image of the data set that the library carries, as a PNG file."""
    exported = folder / "images"
    if not exported.exists():
        tool = ["dotnet", "run", "-c", "Release", "--project", str(root / "src/Cli"), "--"]
        subprocess.run([*tool, "images", "export", "--dataset", "embedded", "--out", str(exported)], check=True, stdout=subprocess.DEVNULL)
    return next(exported.glob(f"test/*/{index:05}.png"))


def equal(expected, actual):
    check(expected == actual, f"expected {expected!r}, got {actual!r}")


def check(holds, otherwise):
    if not holds:
        raise AssertionError(otherwise)


class Program:
    """A program that runs until the end of a with, and what it printed when it was ready."""

    def __init__(self, command, ready):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        printed = ""
        for line in self.process.stdout:
            printed += line
            if found := re.search(ready, line):
                self.found = found[1]
                return
        raise RuntimeError(f"{command[0]} ended before it was ready:\n{printed}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=20)


class Browser:
    """As much of WebDriver as is needed (https://www.w3.org/TR/webdriver2)."""

    def __init__(self, driver, binary, arguments):
        self.session = driver + "/session"
        capabilities = {"browserName": "chrome", "goog:chromeOptions": {"binary": binary, "args": arguments}}
        self.session += "/" + self.post("", {"capabilities": {"alwaysMatch": capabilities}})["sessionId"]

    def post(self, path, body, method="POST"):
        request = urllib.request.Request(self.session + path, json.dumps(body).encode(), {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as e:
            raise RuntimeError(f"{path}: {json.load(e)['value']['message']}") from None

    def open(self, address):
        self.address = address
        self.post("/url", {"url": address})

    def script(self, text):
        return self.post("/execute/sync", {"script": text, "args": []})

    def wait(self, expression, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if value := self.script(f"return {expression}"):
                return value
            time.sleep(.05)
        raise AssertionError(f"not within {seconds} s: {expression}")

    def cdp(self, command, **parameters):
        return self.post("/goog/cdp/execute", {"cmd": command, "params": parameters})

    def drop(self, file):
        x, y = self.script("const box = document.getElementById('drop').getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]")
        data = {"items": [], "files": [str(file)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.cdp("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)

    def choose(self, selector, file):
        element = self.post("/element", {"using": "css selector", "value": selector})
        self.post(f"/element/{next(iter(element.values()))}/value", {"text": str(file)})

    def screenshot(self, file):
        file.write_bytes(base64.b64decode(self.cdp("Page.captureScreenshot", format="png")["data"]))

    def close(self):
        self.post("", {}, method="DELETE")


sys.exit(main())

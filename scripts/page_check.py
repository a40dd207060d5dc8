#!/usr/bin/env python3
"""Opens the web page of a running server in Chromium and reports what a person would see go wrong.

    scripts/page_check.py URL [--screenshot PREFIX]

Needs chromium and the playwright package. Exit 0: every page loaded, with no console message of an error, no request
that failed or was refused, nothing that the content security policy blocked, and the server's state shown.
"""
import argparse
import re
import shutil
import sys

from playwright.sync_api import sync_playwright

READY = "document.getElementById('state')?.dataset.state === 'ready'"
PAGES = {
    "/": READY,
    "/somewhere/that/only/the/script/knows": READY,
    "/docs": "document.querySelectorAll('#operations article, #operations section').length > 5",
}
# Resolves to the directive that was broken.
PROBE = """() => new Promise((resolve) => {
  addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective), { once: true });
  setTimeout(() => resolve(null), 2000);
  document.body.append(Object.assign(document.createElement("script"), { text: "window.ran = 1" }));
})"""


def check_page(browser, url, path, shown, screenshot):
    faults, answers = [], {}
    page = browser.new_page(viewport={"width": 900, "height": 900})
    page.on("console", lambda message: message.type in ("error", "warning") and faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("requestfailed", lambda request: faults.append(f"failed: {request.url}"))
    page.on("response", lambda answer: answers.update({answer.url: answer}))
    page.add_init_script(
        "addEventListener('securitypolicyviolation', e => console.error('blocked by policy: ' + e.blockedURI))")
    page.goto(url + path, wait_until="networkidle")
    for _ in range(100):
        if page.evaluate(shown):
            break
        page.wait_for_timeout(100)
    else:
        faults.append("what the page is for was not shown within 10 s")
    for address, answer in answers.items():
        if answer.status >= 400:
            faults.append(f"{answer.status}: {address}")
        if re.search(r"/assets/", address) and "immutable" not in answer.headers.get("cache-control", ""):
            faults.append(f"not kept: {address}")
    found = list(faults)
    # The policy must hold, not merely be said: a script that is written into the page must not run.
    if page.evaluate(PROBE) != "script-src-elem" or page.evaluate("window.ran"):
        found.append("an inline script was not blocked")
    if screenshot:
        page.screenshot(path=f"{screenshot}{path.replace('/', '-')}.png")
    page.close()
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("--screenshot")
    arguments = parser.parse_args()
    failed = False
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for path, shown in PAGES.items():
            faults = check_page(browser, arguments.url.rstrip("/"), path, shown, arguments.screenshot)
            print(f"  {'FAIL' if faults else 'ok  '} {path}", *faults, sep="\n       " if faults else "")
            failed |= bool(faults)
        browser.close()
    sys.exit(1 if failed else 0)


main()

#!/usr/bin/env python3
"""Opens the web page of a running server in Chromium and reports what a person would see go wrong.

    scripts/page_check.py URL [--screenshot FILE]

Needs chromium and the playwright package. Exit 0: every page loaded, with no console message of an error, no request
that failed or was refused, nothing that the content security policy blocked, and the server's state shown.
"""
import argparse
import re
import shutil
import sys

from playwright.sync_api import sync_playwright

PAGES = ["/", "/somewhere/that/only/the/script/knows"]


def check_page(browser, url, path, screenshot):
    faults, answers = [], {}
    page = browser.new_page(viewport={"width": 900, "height": 900})
    page.on("console", lambda message: message.type in ("error", "warning") and faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("requestfailed", lambda request: faults.append(f"failed: {request.url}"))
    page.on("response", lambda answer: answers.update({answer.url: answer}))
    page.add_init_script(
        "addEventListener('securitypolicyviolation', e => console.error('blocked by policy: ' + e.blockedURI))")
    page.goto(url + path, wait_until="networkidle")
    page.wait_for_function("document.getElementById('state')?.dataset.state === 'ready'", timeout=10_000)
    for address, answer in answers.items():
        if answer.status >= 400:
            faults.append(f"{answer.status}: {address}")
        if re.search(r"/assets/", address) and "immutable" not in answer.headers.get("cache-control", ""):
            faults.append(f"not kept: {address}")
    # The policy must hold, not merely be said: a script that is written into the page must not run.
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: 'window.ran = 1'}))")
    if page.evaluate("window.ran"):
        faults.append("an inline script ran")
    faults = [fault for fault in faults if "script-src 'self'" not in fault and "blocked by policy: inline" != fault]
    if screenshot and path == "/":
        page.screenshot(path=screenshot, full_page=True)
    page.close()
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("--screenshot")
    arguments = parser.parse_args()
    failed = False
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for path in PAGES:
            faults = check_page(browser, arguments.url.rstrip("/"), path, arguments.screenshot)
            print(f"  {'FAIL' if faults else 'ok  '} {path}", *faults, sep="\n       " if faults else "")
            failed |= bool(faults)
        browser.close()
    sys.exit(1 if failed else 0)


main()

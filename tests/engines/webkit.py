"""Debian's WebKit under Selenium: a virtual screen, a browser, and what a person does in it.

As root and without a graphics card WebKit needs two variables: its sandbox cannot be set up by root, and its renderer looks
for a device. A window is at least 447 px wide.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.common.exceptions import (
    ElementClickInterceptedException,
    JavascriptException,
    StaleElementReferenceException,
)
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.webkitgtk.options import Options
from selenium.webdriver.webkitgtk.service import Service

__all__ = ["Window", "webkit"]

#: Keeps what the page complains about from here on; what was broken while it loaded shows in what does not work.
_LISTEN = """
if (!window.complaints) {
  window.complaints = [];
  for (const kind of ["error", "warn"]) {
    const own = console[kind].bind(console);
    console[kind] = (...words) => { window.complaints.push(words.join(" ")); own(...words); };
  }
  addEventListener("error", (event) => window.complaints.push(String(event.message)));
  addEventListener("unhandledrejection", (event) => window.complaints.push(String(event.reason)));
}
"""
_LABELLED = (
    "//*[starts-with(@aria-label, {0})] | //*[@id=//label[starts-with(normalize-space(), {0})]/@for]"
    " | //label[starts-with(normalize-space(), {0})]//*[self::input or self::textarea or self::select]"
)

#: The page replaced the element since it was found, or something that moves covers it.
_NOT_NOW = (ElementClickInterceptedException, JavascriptException, StaleElementReferenceException)


class Window:
    """One window of the browser; a wait that ends in vain says what stood there instead."""

    def __init__(self, driver: webdriver.WebKitGTK, width: int, height: int) -> None:
        self._driver = driver
        self._handle = driver.current_window_handle
        driver.set_window_size(width, height)

    def open(self, address: str) -> None:
        """Load a page."""
        self._here().get(address)
        self._driver.execute_script(_LISTEN)

    @property
    def complaints(self) -> list[str]:
        """What the page under way complained about."""
        found: list[str] = self._here().execute_script("return window.complaints ?? []")
        return found

    def size(self) -> tuple[int, int]:
        """Width and height of the view in CSS pixels."""
        width, height = self._here().execute_script("return [innerWidth, innerHeight]")
        return width, height

    def see(self, text: str, within: float = 10.0) -> None:
        """Wait until an element that says so is in sight."""
        says = f"contains(normalize-space(), {_quoted(text)})"
        self._do(f"//*[{says}][not(.//*[{says}])]", text, lambda _: True, within)

    def see_no_more(self, text: str, within: float = 30.0) -> None:
        """Wait until nothing in the page says so."""
        until = time.monotonic() + within
        while text in (said := self._here().execute_script("return document.body.innerText")):
            assert time.monotonic() < until, f"{text!r} still stands in WebKit; the page says:\n{said}"
            time.sleep(0.05)

    def press(self, name: str, within: float = 10.0, *, inside: str = "") -> None:
        """Press a button by what it says; ``inside`` is how the heading of its card begins."""
        quoted = _quoted(name)
        card = f"//article[.//h3[starts-with(normalize-space(), {_quoted(inside)})]]" if inside else ""
        path = f"{card}//button[normalize-space()={quoted} or @aria-label={quoted}]"
        self._do(path, f"the button {name}", WebElement.click, within)

    def switch(self, name: str) -> None:
        """Press a switch by how what it says begins."""
        path = f"//*[@role='switch'][starts-with(normalize-space(), {_quoted(name)})]"
        self._do(path, f"the switch {name}", WebElement.click)

    def fill(self, label: str, text: str) -> None:
        """Write into a field by its label."""

        def write(field: WebElement) -> None:
            field.clear()
            field.send_keys(text)

        self._do(_LABELLED.format(_quoted(label)), f"the field {label}", write)

    def tick(self, label: str) -> None:
        """Tick a box by its label."""
        self._do(_LABELLED.format(_quoted(label)), f"the box {label}", WebElement.click)

    def value(self, label: str) -> str:
        """What a field holds."""
        path = _LABELLED.format(_quoted(label))
        return str(self._do(path, f"the field {label}", lambda field: field.get_property("value")))

    def _here(self) -> webdriver.WebKitGTK:
        if self._driver.current_window_handle != self._handle:
            self._driver.switch_to.window(self._handle)
        return self._driver

    def _do(
        self, path: str, what: str, action: Callable[[WebElement], object], within: float = 10.0
    ) -> object:
        """Do something with the first displayed element of a path; again where it cannot be done yet."""
        until = time.monotonic() + within
        while True:
            for element in self._here().find_elements(By.XPATH, path):
                try:
                    if element.is_displayed():
                        self._driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
                        return action(element)
                except _NOT_NOW:
                    break
            if time.monotonic() > until:
                body = self._driver.execute_script("return document.body.innerText")
                raise AssertionError(f"nobody sees {what!r} in WebKit; the page says:\n{body}")
            time.sleep(0.05)


@contextmanager
def webkit(log: Path) -> Iterator[Callable[[int, int], Window]]:
    """A WebKit on a virtual screen, both ended afterwards; yields what opens a window of a width and a height."""
    driver = "/usr/bin/WebKitWebDriver"
    found = sorted(Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser"))
    assert found, "WebKit is missing: apt-get install webkit2gtk-driver xvfb"
    reading, writing = os.pipe()
    screen = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1600x1200x24"],
        pass_fds=[writing],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        os.close(writing)
        with os.fdopen(reading) as number:
            display = f":{number.readline().strip()}"
        environment = {
            **os.environ,
            "DISPLAY": display,
            "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1",
            "WEBKIT_DISABLE_DMABUF_RENDERER": "1",
            "LANG": "C.UTF-8",
        }
        options = Options()
        options.binary_location = str(found[-1])
        options.add_argument("--automation")
        service = Service(driver, env=environment, log_output=str(log))
        browser = webdriver.WebKitGTK(options=options, service=service)
        first = [browser.current_window_handle]

        def open_window(width: int, height: int) -> Window:
            if first:
                browser.switch_to.window(first.pop())
            else:
                browser.switch_to.new_window("window")
            return Window(browser, width, height)

        try:
            yield open_window
        finally:
            browser.quit()
    finally:
        screen.terminate()
        screen.wait()


def _quoted(text: str) -> str:
    """A string of XPath."""
    return f'"{text}"' if "'" in text else f"'{text}'"

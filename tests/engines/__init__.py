"""Walks through live pages and site in Debian's Firefox and WebKit: ``make browsers``.

Firefox is driven by Playwright over WebDriver BiDi (``firefox``), so that the tests of the live pages run in it as they
are; WebKit by Selenium, with a walk of its own (``test_webkit``).
"""

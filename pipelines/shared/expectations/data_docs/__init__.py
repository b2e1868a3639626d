"""Great Expectations' Data Docs as one page that loads nothing.

Why: the stock site asks six foreign hosts for its layout, and the vendor's for a picture with a
    time and an id in its address: a tracking pixel in each reader's browser.
Promise: the content is rendered by the stock renderers, so an expectation, stock or custom,
    looks as it does elsewhere; the page around it is ours, without scripts, pictures, fonts or
    links out. The same result gives the same bytes.
Not here: our own report (``pipelines/shared/expectations/report.py``), serving pages (the plugin).
"""

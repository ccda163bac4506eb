"""What a published site needs to know and a checkout does not, from the environment.

``CROSSOVER_REPOSITORY`` (``owner/name`` on GitHub) adds buttons that open a chapter's notebook on Binder or Colab;
``CROSSOVER_SITE`` (the book's address) adds the picture that a link to the book shows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

#: The picture that a link to the book shows, and its text.
PREVIEW, SUMMARY = "_static/figures/crossover_map.png", "Which synthetic-data strategy should a query budget buy?"


def public_settings(environment: Mapping[str, str], staged: Collection[str]) -> dict[str, object]:
    """Return what the environment adds to ``_config.yml``; ``preview`` holds the tags of a page's head.

    >>> public_settings({}, {})
    {}
    >>> public_settings({"CROSSOVER_REPOSITORY": "me/crossover"}, {})["repository"]["url"]
    'https://github.com/me/crossover'
    """
    added: dict[str, object] = {}
    if name := environment.get("CROSSOVER_REPOSITORY"):
        added["repository"] = {"url": f"https://github.com/{name}", "path_to_book": "notebooks", "branch": "main"}
        added["launch_buttons"] = {
            "binderhub_url": "https://mybinder.org",
            "colab_url": "https://colab.research.google.com",
        }
    if site := environment.get("CROSSOVER_SITE", "").rstrip("/"):
        meta = {
            "description": SUMMARY,
            "property=og:title": "Crossover",
            "property=og:description": SUMMARY,
            "property=og:url": f"{site}/",
        }
        if PREVIEW in staged:
            meta |= {"property=og:image": f"{site}/{PREVIEW}", "name=twitter:card": "summary_large_image"}
        added["preview"] = meta
    return added

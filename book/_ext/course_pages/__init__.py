"""The book's own Sphinx extensions, one idea each; `_config.yml` loads this package, which loads them all."""

MODULES = (
    "anchors",
    "api_reference",
    "claim_links",
    "claims_ledger",
    "error_index",
    "camera_pages",
    "exercise_pages",
    "figure_alt",
    "front_page",
    "header_card",
    "interactive",
    "lean_pages",
    "lesson_role",
    "measurements",
    "named_controls",
    "not_found",
    "page_meta",
    "phase_cards",
    "phase_map",
    "plain_tracebacks",
    "predictions",
    "redirects",
    "report_link",
    "runtimes",
)

# What each of them answers to Sphinx: nothing is kept between pages but what Sphinx itself stores.
SAFE = {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def setup(app):
    for name in MODULES:
        app.setup_extension(f"{__name__}.{name}")
    return SAFE

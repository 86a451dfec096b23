"""Where the notebook behind a page can be had: as a file, in Colab or Binder where a repository is set."""

from urllib.parse import quote


def notebook_links(app, docname: str) -> list[tuple[str, str]]:
    """(label, address) pairs; a hosted service is offered for a repository on GitHub only."""
    up = "../" * docname.count("/")
    found = [("Download .ipynb", f"{up}_sources/{docname}.ipynb")]
    options = app.config.html_theme_options
    repository = (options.get("repository_url") or "").rstrip("/")
    if repository.startswith("https://github.com/"):
        owner_and_name = repository.removeprefix("https://github.com/")
        branch = options.get("repository_branch") or "main"
        path = f"{docname}.ipynb"
        found += [
            (
                "Open in Colab",
                f"https://colab.research.google.com/github/{owner_and_name}/blob/{branch}/{path}",
            ),
            (
                "Open in Binder",
                f"https://mybinder.org/v2/gh/{owner_and_name}/{branch}?urlpath=lab/tree/{quote(path)}",
            ),
        ]
    return found

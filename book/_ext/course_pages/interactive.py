"""What a written page can embed from the package: a prediction, and the strides explorer."""

from html import escape

import yaml
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

from lesson_support.classroom.prediction import prediction_html
from lesson_support.draw import strides_html

from . import SAFE

_KEYS = {"question": str, "answer": str, "options": dict}


class Prediction(SphinxDirective):
    """`{prediction}`: a question with options, given as YAML: `question`, `answer`, `options`."""

    has_content = True

    def run(self):
        try:
            asked = yaml.safe_load("\n".join(self.content))
        except yaml.YAMLError as error:
            raise self.error(f"prediction got no YAML: {error}") from None
        if not isinstance(asked, dict) or {key: type(asked[key]) for key in asked} != _KEYS:
            raise self.error(f"prediction got {asked!r}: expected question, answer and options")
        if asked["answer"] not in asked["options"]:
            raise self.error(
                f"the answer {asked['answer']!r} is none of the options {list(asked['options'])}"
            )
        options = {str(option): str(why) for option, why in asked["options"].items()}
        return [nodes.raw("", prediction_html(asked["question"], options, asked["answer"]), format="html")]


class StridesExplorer(SphinxDirective):
    """`{strides-explorer}` with a `caption`: the explorer, working without a kernel."""

    option_spec = {"caption": directives.unchanged_required}

    def run(self):
        caption = self.options.get("caption", "")
        said = f"<figcaption>{escape(caption, quote=False)}</figcaption>" if caption else ""
        html = f'<figure class="explorer">{said}{strides_html()}</figure>'
        return [nodes.raw("", html, format="html")]


def setup(app):
    app.add_directive("prediction", Prediction)
    app.add_directive("strides-explorer", StridesExplorer)
    return SAFE

"""The reference of `lesson_support`: every public name with its signature and docstring."""

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

from . import SAFE
from .public_names import Public, Room, rooms


class Api(SphinxDirective):
    """`{api}`: a section for each room of the package, in it one for each of its names."""

    def run(self):
        self.env.note_reread()  # it depends on the package, which Sphinx does not watch
        return [self._room(room) for room in rooms()]

    def _room(self, room: Room) -> nodes.section:
        section = self._section(room.name, room.name)
        self._say(section, room.text)
        for name in room.names:
            section += self._name(name, room.name)
        return section

    def _name(self, public: Public, room: str) -> nodes.section:
        section = self._section(public.name, f"{room}.{public.name}")
        section += _signature(public.signature)
        self._say(section, public.text)
        for member in public.members:
            body = nodes.container("", _signature(member.signature), classes=["api-member"], is_div=True)
            self._say(body, member.text)
            section += body
        return section

    def _section(self, title: str, anchor: str) -> nodes.section:
        anchor = anchor.replace(".", "-")  # a dot in an id means a class to the theme's scripts
        found = nodes.section("", nodes.title("", "", nodes.literal(text=title)), ids=[anchor])
        found["names"] = [anchor]
        return found

    def _say(self, parent: nodes.Element, text: str) -> None:
        """A docstring is Markdown."""
        if text:
            self.state.nested_parse(
                StringList(text.splitlines(), source=self.get_source_info()[0]), 0, parent
            )


def _signature(text: str) -> nodes.literal_block:
    return nodes.literal_block(text, text, language="python", classes=["api-signature"])


def setup(app):
    app.add_directive("api", Api)
    return SAFE

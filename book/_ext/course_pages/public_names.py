"""What the package offers, asked from the package: its rooms, their public names, and how each is called."""

import ast
import inspect
import textwrap
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from types import FunctionType, ModuleType

import lesson_support

LONGEST = 84


@dataclass(frozen=True)
class Public:
    """A name with its signature as it is written in the source, its docstring, and its public methods."""

    name: str
    signature: str
    text: str
    members: tuple["Public", ...] = ()


@dataclass(frozen=True)
class Room:
    """A module that notebooks import; `text` is its docstring's first sentence."""

    name: str
    text: str
    names: tuple[Public, ...]


def rooms() -> list[Room]:
    """The names of the package itself, then each of its rooms that is there, by name."""
    found = [_room(lesson_support, tuple(lesson_support._EXPORTS))]
    for name in sorted(lesson_support._MODULES):
        full = f"{lesson_support.__name__}.{name}"
        if find_spec(full):
            module = import_module(full)
            found.append(_room(module, public_names(module)))
    return found


def _room(module: ModuleType, names: tuple[str, ...]) -> Room:
    said = " ".join((inspect.getdoc(module) or "").partition("\n\n")[0].split())
    return Room(module.__name__, said, tuple(_public(name, getattr(module, name)) for name in names))


def public_names(module: ModuleType) -> tuple[str, ...]:
    """`__all__`, or the functions and classes that the module itself defines."""
    if hasattr(module, "__all__"):
        return tuple(module.__all__)
    return tuple(
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    )


def _public(name: str, value) -> Public:
    if isinstance(value, type):
        own = {key: made for key, made in vars(value).items() if not key.startswith("_")}
        kinds = (FunctionType, property, classmethod, staticmethod)
        members = [_public(key, made) for key, made in own.items() if isinstance(made, kinds)]
        return Public(name, _class_signature(name, value), _doc(value), tuple(members))
    if isinstance(value, property):
        return Public(name, name, _doc(value.fget))
    if isinstance(value, (classmethod, staticmethod)):
        value = value.__func__
    if isinstance(value, FunctionType):
        return Public(name, _function_signature(name, value), _doc(value))
    if callable(value):  # an instance that is called like a function, and may have methods
        called = _public(name, type(value).__call__)
        return Public(name, called.signature, called.text, _public(name, type(value)).members)
    return Public(name, f"{name} = {_value(value)}", "")


def _doc(value) -> str:
    """A docstring that was written, not one that Python made up for a dataclass."""
    text = vars(value).get("__doc__") if isinstance(value, type) else value.__doc__
    made_up = isinstance(value, type) and (text or "").startswith(f"{value.__name__}(")
    return "" if made_up else inspect.cleandoc(text or "")


def _tree(value):
    return ast.parse(textwrap.dedent(inspect.getsource(value))).body[0]


def _function_signature(name: str, function) -> str:
    tree = _tree(inspect.unwrap(function))
    arguments = [*tree.args.posonlyargs, *tree.args.args]
    if arguments and arguments[0].arg in ("self", "cls"):
        arguments[0].annotation = None
        tree.args.args = tree.args.args[1:] if arguments[0] in tree.args.args else tree.args.args
    result = f" -> {_unquoted(ast.unparse(tree.returns))}" if tree.returns else ""
    return _fold(name, _parts(tree.args), result)


def _class_signature(name: str, value: type) -> str:
    if issubclass(value, Exception):
        return f"class {name}({', '.join(base.__name__ for base in value.__bases__)})"
    if "__init__" in vars(value) and isinstance(value.__init__, FunctionType):
        try:
            return "class " + _function_signature(name, value.__init__)
        except (OSError, TypeError):  # an __init__ that dataclass made has no source
            pass
    fields = [ast.unparse(part) for part in _tree(value).body if isinstance(part, ast.AnnAssign)]
    return _fold(f"class {name}", [_unquoted(part) for part in fields], "")


def _parts(arguments: ast.arguments) -> list[str]:
    """One text per parameter; `/` and `*` stand as parameters of their own."""
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(plain) - len(arguments.defaults)) + list(arguments.defaults)
    parts = [_parameter(one, default) for one, default in zip(plain, defaults, strict=True)]
    if arguments.posonlyargs:
        parts.insert(len(arguments.posonlyargs), "/")
    if arguments.vararg:
        parts.append("*" + _parameter(arguments.vararg, None))
    elif arguments.kwonlyargs:
        parts.append("*")
    for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        parts.append(_parameter(one, default))
    if arguments.kwarg:
        parts.append("**" + _parameter(arguments.kwarg, None))
    return parts


def _parameter(argument: ast.arg, default: ast.expr | None) -> str:
    text = argument.arg
    if argument.annotation is not None:
        text += f": {_unquoted(ast.unparse(argument.annotation))}"
    if default is not None:
        equals = " = " if argument.annotation is not None else "="
        text += equals + ast.unparse(default)
    return text


def _unquoted(annotation: str) -> str:
    """An annotation that is quoted for the interpreter's sake, without its quotes."""
    whole = annotation[:1] in "'\"" and annotation[:1] == annotation[-1:]
    return annotation[1:-1] if whole else annotation


def _fold(name: str, parts: list[str], result: str) -> str:
    line = f"{name}({', '.join(parts)}){result}"
    if len(line) <= LONGEST:
        return line
    return f"{name}(\n" + "".join(f"    {part},\n" for part in parts) + f"){result}"


def _value(value) -> str:
    text = repr(value)
    if len(text) <= LONGEST:
        return text
    keys = ", ".join(map(repr, value)) if isinstance(value, dict) else f"{len(value)} values"
    return "\n    ".join(textwrap.wrap(f"{{{keys}}}", LONGEST, break_on_hyphens=False))

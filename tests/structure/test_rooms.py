"""Arrows point down: an import inside lesson_support may only go to a room below or to the same room."""

import ast
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "lesson_support"

# From the ground up: a room may import those named before it.
FLOORS = (
    "errors first_use paths records native timing roofline measured claims catalog "
    "devices tensors autograd kernels data models training "
    "draw pruning classroom questions grading bench authoring doctor cli"
).split()


def room_of(file: Path, package: Path) -> str:
    return file.relative_to(package).parts[0].removesuffix(".py")


def imported_rooms(source: str, file: Path, package: Path):
    """Rooms of lesson_support that `source` imports, wherever in the file the import stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file.name} line {node.lineno}: imports are written in full"
            names = [node.module]
            if node.module == "lesson_support":
                names = [f"lesson_support.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "lesson_support" and len(parts) > 1:
                yield parts[1], node.lineno


def arrows_up(package: Path) -> list[str]:
    """Every import that points up, or at a room that is on no floor."""
    found = []
    for file in sorted(package.rglob("*.py")):
        room = room_of(file, package)
        if room == "__init__":
            continue
        for target, line in imported_rooms(file.read_text(encoding="utf-8"), file, package):
            where = f"{file.relative_to(package)}:{line}: {room} -> {target}"
            if target not in FLOORS or room not in FLOORS:
                found.append(f"{where} (not on any floor)")
            elif FLOORS.index(target) > FLOORS.index(room):
                found.append(f"{where} (points up)")
    return found


def test_no_arrow_points_up():
    assert arrows_up(PACKAGE) == []


@pytest.mark.parametrize(
    "line",
    [
        "from lesson_support.cli import main",
        "import lesson_support.grading.checking",
        "def late():\n    from lesson_support import authoring",
        "from lesson_support.attic import junk",
    ],
)
def test_an_arrow_that_points_up_is_found(tmp_path, line):
    (tmp_path / "claims.py").write_text(line + "\n")
    assert len(arrows_up(tmp_path)) == 1


def module_file(name: str, package: Path) -> Path | None:
    """The file behind `lesson_support.a.b`, or behind the module that defines the name at its end."""
    for parts in (name.split(".")[1:], name.split(".")[1:-1]):
        base = package.joinpath(*parts)
        for file in (base.with_suffix(".py"), base / "__init__.py"):
            if parts and file.is_file():
                return file
    return None


def imports_of(file: Path, package: Path) -> set[Path]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    ours = (module_file(name, package) for name in names if name.startswith("lesson_support."))
    return {target for target in ours if target not in (None, file)}


def circle(package: Path) -> list[str]:
    """Files that import each other in a loop; empty if there is none."""
    graph = {file: imports_of(file, package) for file in sorted(package.rglob("*.py"))}
    while graph:
        free = [file for file, targets in graph.items() if not targets & graph.keys()]
        if not free:
            return [str(file.relative_to(package)) for file in graph]
        for file in free:
            del graph[file]
    return []


def test_no_files_import_each_other_in_a_loop():
    assert circle(PACKAGE) == []


def test_a_loop_is_found(tmp_path):
    (tmp_path / "one.py").write_text("from lesson_support.two import second\n")
    (tmp_path / "two.py").write_text("def late():\n    import lesson_support.three\n")
    (tmp_path / "three.py").write_text("from lesson_support import one\n")
    assert circle(tmp_path) == ["one.py", "three.py", "two.py"]
    (tmp_path / "three.py").write_text("import json\n")
    assert circle(tmp_path) == []


def test_no_exported_function_shares_its_modules_name():
    clashes = []
    for file in PACKAGE.rglob("*.py"):
        if file.name in ("__init__.py", "__main__.py"):
            continue
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == file.stem:
                clashes.append(str(file.relative_to(ROOT)))
    assert clashes == []


def test_modules_stay_small():
    long = {
        str(file.relative_to(ROOT)): count
        for file in PACKAGE.rglob("*.py")
        if (count := len(file.read_text(encoding="utf-8").splitlines())) > 260
    }
    assert long == {}


def declared() -> set[str]:
    """Distributions that an installed package brings, named as in pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    cut = str.maketrans(dict.fromkeys("<>=;! ", "|"))
    return {line.translate(cut).split("|")[0] for line in project["dependencies"]}


# modules that come with a declared distribution under another name, or that only some commands use
PROVIDED = {
    "sklearn": "scikit-learn",
    "torch_pruning": "torch-pruning",
    "IPython": "ipykernel",
    "PIL": "pillow",
    "cycler": "matplotlib",
    "jupyter_client": "nbclient",
    "threadpoolctl": "scikit-learn",
    "traitlets": "nbclient",
}
ON_REQUEST = {"nbgrader": ("authoring", "grading", "bench"), "numba": ("bench",), "scipy": ("bench",)}


def test_every_import_is_a_declared_dependency():
    missing = []
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module]
            else:
                continue
            for name in {each.split(".")[0] for each in names}:
                if name in sys.stdlib_module_names or name == "lesson_support":
                    continue
                if room_of(file, PACKAGE) in ON_REQUEST.get(name, ()):
                    continue
                if PROVIDED.get(name, name) not in declared():
                    missing.append(f"{file.relative_to(ROOT)}: {name}")
    assert missing == []

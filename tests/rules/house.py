"""The rules of the house that a reader of the code can check without running it.

Each function takes a path inside the repository (posix, for the rules that depend on the place) and the
source; it gives back findings as `(line, words)`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

Finding = tuple[int, str]

MAX_LINES = 400
# The process boundaries: a defect of ours is logged whole, and ends or answers one thing only.
BOUNDARIES = ("edge/cli.py", "edge/service.py", "edge/panel/app.py")
# Its unpickler allows the few names that a weights file needs and refuses all else.
UNPICKLER = "models/tools/torch_weights.py"
PRINTERS = ("edge/cli.py", "edge/apps/", "models/tools/", "calibration/__main__.py")
# One vendor, one file; those that only some devices have are imported where they are used.
OPTIONAL_VENDORS = frozenset({"picamera2", "gpiod", "harvesters", "pymodbus"})
VENDORS = OPTIONAL_VENDORS | {"onnxruntime", "imagezmq"}

_NAMES = re.compile(r"(?:^|_)(?:utils?|common|helpers?|managers?|misc)(?:_|$)")
_CLASS_NAMES = re.compile(r"(?:Utils?|Common|Helpers?|Managers?)$")
_PICKLES = frozenset({"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"})
_HEAVY = frozenset({"torch", "tensorflow", "torchvision"})
_DYNAMIC = "a dynamic import, which the layers cannot see"
# The top layer may import anything, so there it hides nothing and keeps the start of a service short.
DYNAMIC_IMPORTER = "edge/cli.py"
_CALLS = {"eval": "eval", "exec": "exec", "__import__": _DYNAMIC}
_DOTTED = {
    "yaml.load": "yaml.load (take safe_load and a strict model)",
    "os.system": "a shell string",
    "os.popen": "a shell string",
    "subprocess.getoutput": "a shell string",
    "subprocess.getstatusoutput": "a shell string",
    "asyncio.create_subprocess_shell": "a shell string",
    "importlib.import_module": _DYNAMIC,
    "tempfile.mktemp": "tempfile.mktemp (a race)",
}
_UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")
_MACHINE = re.compile(r"(?<![\w.])/(?:work|root|opt/pypi)/")
_HOSTS = re.compile(
    r"\b(?:pypi\.(?:org|python\.org)|files\.pythonhosted\.org|test\.pypi\.org|(?:deb|security)\.debian\.org"
    r"|registry\.npmjs\.org|conda\.anaconda\.org|proxy\.golang\.org|download\.pytorch\.org)\b"
)


def check_python(path: str, source: str) -> list[Finding]:
    """Every finding in one Python file of the product, in the order of its lines."""
    tree = ast.parse(source, path)
    found = [*check_name(path), *check_length(source), *check_text(source)]
    for node in ast.walk(tree):
        found += [(getattr(node, "lineno", 0), words) for words in _check_node(path, node)]
    found += [(line, f"{name} is imported at the top: only where it is used") for line, name in _eager(tree)]
    return sorted(found)


def check_name(path: str) -> list[Finding]:
    parts = [PurePosixPath(part).stem for part in PurePosixPath(path).parts]
    return [(0, f"the name {part} says nothing") for part in parts if _NAMES.search(part.lower())]


def check_length(source: str) -> list[Finding]:
    lines = source.count("\n")
    return [(lines, f"{lines} lines, {MAX_LINES} at most")] if lines > MAX_LINES else []


def check_text(source: str) -> list[Finding]:
    """Unfinished work, in any language."""
    return _lines(source, _UNFINISHED, "unfinished")


def check_places(source: str) -> list[Finding]:
    """Paths of one machine and hosts of registries, in any file."""
    return _lines(source, _MACHINE, "a path of one machine") + _lines(source, _HOSTS, "a registry's host")


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and top-level name of every absolute import, also those inside functions."""
    for node in ast.walk(tree):
        yield from _import_names(node)


def product_files(root: Path, *suffixes: str) -> list[Path]:
    folders = ("edge", "models", "calibration")
    found = (path for folder in folders for path in (root / folder).rglob("*") if path.is_file())
    return sorted(path for path in found if path.suffix in suffixes and "__pycache__" not in path.parts)


def _check_node(path: str, node: ast.AST) -> Iterator[str]:
    match node:
        case ast.ExceptHandler() if path not in BOUNDARIES:
            yield from _check_handler(node)
        case ast.Call():
            yield from _check_call(path, node)
        case ast.Import() | ast.ImportFrom():
            yield from _check_import(path, node)
        case ast.Global():
            yield "a global is changed"
        case ast.Name(id="NotImplementedError"):
            yield "unfinished: NotImplementedError (take a Protocol or abc)"
        case ast.ClassDef(name=name) if _CLASS_NAMES.search(name):
            yield f"the name {name} says nothing"


def _check_handler(node: ast.ExceptHandler) -> Iterator[str]:
    kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    names = {ast.unparse(kind) if kind else "" for kind in kinds}
    raises_again = isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
    if names & {"", "Exception"} or ("BaseException" in names and not raises_again):
        yield "everything is caught outside a process boundary"


def _check_call(path: str, node: ast.Call) -> Iterator[str]:
    name = ast.unparse(node.func) if isinstance(node.func, ast.Name | ast.Attribute) else ""
    words = _CALLS.get(name) or _DOTTED.get(name)
    if words and not (words == _DYNAMIC and path == DYNAMIC_IMPORTER):
        yield words
    if name == "print" and not path.startswith(PRINTERS):
        yield "print outside the command line and its programs"
    if name.endswith(".extractall"):
        yield "extractall (check and write every member by itself)"
    if name.endswith("suppress") and any(ast.unparse(a) in {"Exception", "BaseException"} for a in node.args):
        yield "everything is suppressed"
    for keyword in node.keywords:
        is_false = isinstance(keyword.value, ast.Constant) and keyword.value.value is False
        if keyword.arg in {"shell", "allow_pickle"} and not is_false:
            yield f"{keyword.arg}={ast.unparse(keyword.value)}"


def _check_import(path: str, node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    names = {name for _, name in _import_names(node)}
    if names & _PICKLES and path != UNPICKLER:
        yield "pickle outside the weights' unpickler"
    if names & _HEAVY:
        yield "torch or tensorflow on the device"
    if isinstance(node, ast.ImportFrom):
        dotted = {f"{node.module}.{alias.name}" for alias in node.names}
        yield from (_DOTTED[name] for name in sorted(dotted & set(_DOTTED)))


def _import_names(node: ast.AST) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.Import):
        yield from ((node.lineno, alias.name.partition(".")[0]) for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
        yield node.lineno, node.module.partition(".")[0]


def _eager(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Imports of optional vendors that run when the module is imported."""
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        yield from ((line, name) for line, name in _import_names(node) if name in OPTIONAL_VENDORS)
        typing_only = isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        if not typing_only and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            pending += ast.iter_child_nodes(node)


def _lines(source: str, pattern: re.Pattern[str], words: str) -> list[Finding]:
    lines = enumerate(source.splitlines(), 1)
    return [(number, f"{words}: {hit.group()}") for number, line in lines if (hit := pattern.search(line))]

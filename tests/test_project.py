"""The project as a whole: its layers, public names, packaging, and what its pages promise."""

import ast
import configparser
import doctest
import importlib
import importlib.metadata
import inspect
import os
import re
import shlex
import subprocess
import sys
import textwrap
import tomllib
import warnings
from fnmatch import fnmatch
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "pkmodel"
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
    if path.name != "__main__.py"
)
MODULES.remove("pkmodel")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# Two need a cluster; the last takes minutes, and tests/test_examples.py runs a small part of it.
ELSEWHERE = ("kubernetes_dask.py", "slurm_dask.py", "sensitivity.py")
EXAMPLES = sorted(path for path in (ROOT / "examples").rglob("*.py") if path.name not in ELSEWHERE)


def relative(path):
    return path.relative_to(ROOT).as_posix()


def run(command, **options):
    """Run a command; its standard output, or a failure that shows both outputs."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, **options)
    if done.returncode:
        pytest.fail(
            f"{shlex.join(map(str, command))} exited {done.returncode}\n{done.stdout}{done.stderr}"
        )
    return done.stdout


def python(code, *arguments, **options):
    return run([sys.executable, "-W", "error", "-c", code, *arguments], **options)


@cache
def setup_cfg():
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


# ------------------------------------------------------------------------------------------- layers


def test_layers():
    from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

    status = lint_imports(config_filename=str(ROOT / "setup.cfg"), no_cache=True)
    assert status == EXIT_STATUS_SUCCESS, "an import runs against the layers: see the report above"


def test_no_module_imports_the_public_names():
    """``from pkmodel import compare`` inside the package would pass by the layers."""
    modules = {name.removeprefix("pkmodel.").partition(".")[0] for name in MODULES}
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "pkmodel" and not node.level:
                wrong += [
                    f"{relative(path)}:{node.lineno}: {alias.name}"
                    for alias in node.names
                    if alias.name not in {*modules, "__version__"}
                    and path != PACKAGE / "__init__.py"
                ]
    assert not wrong


def test_import_is_light():
    heavy = ["numba", "xarray", "pandas", "pint", "scipy", "matplotlib", "dask", "click"]
    code = "import sys, pkmodel; print(*(name for name in sys.argv[1:] if name in sys.modules))"
    assert python(code, *heavy).split() == []


# ------------------------------------------------------------------------------------- public names


def public_names():
    import pkmodel

    return sorted(pkmodel.__all__)


def test_public_names_are_fixed_before_and_after_the_modules_are_imported():
    """A module named like a public function must not take the function's place."""
    code = """
import importlib, sys
import pkmodel
for module in sys.argv[1:]:
    importlib.import_module(module)
for name in sorted(pkmodel.__all__):
    print(name, type(getattr(pkmodel, name)).__name__)
"""
    assert python(code) == python(code, *MODULES)


def test_no_name_leaks():
    code = "import pkmodel; print(*(n for n in dir(pkmodel) if not n.startswith('_')))"
    modules = {name.partition(".")[2] for name in MODULES}
    assert set(python(code).split()) - modules <= set(public_names())
    assert set(public_names()) <= set(python(code).split()), "dir(pkmodel) lacks a public name"
    assert len(set(public_names())) == len(public_names())


def sections(text):
    """The sections of a numpydoc text: title to body."""
    parts = re.split(r"^([A-Z][A-Za-z ]+)\n(-{3,})\n", text, flags=re.MULTILINE)
    for title, rule in zip(parts[1::3], parts[2::3], strict=True):
        assert len(title) == len(rule), f"the line under {title!r} is not as long as the title"
    return dict(zip(parts[1::3], parts[3::3], strict=True))


def described(body):
    """The names that a Parameters section describes: ``a``, ``a, b``, ``a : float``, ``*a``."""
    entries = re.findall(r"^(\S[^:\n]*?)(?: *:.*)?$", body, flags=re.MULTILINE)
    return {name.strip().lstrip("*") for entry in entries for name in entry.split(",")}


@pytest.mark.parametrize("name", public_names())
def test_public_name_is_documented(name):
    import pkmodel

    public = getattr(pkmodel, name)
    if not (isinstance(public, ModuleType) or callable(public)):
        return
    text = inspect.getdoc(public) or ""
    summary = text.partition("\n")[0]
    assert summary.endswith((".", "?")), f"the summary of {name} is not one full line: {summary!r}"
    if isinstance(public, ModuleType) or (
        isinstance(public, type) and issubclass(public, BaseException)
    ):
        return
    signature = inspect.signature(public)
    found = sections(text)
    missing = set(signature.parameters) - described(found.get("Parameters", ""))
    assert not missing, f"{name} does not describe {sorted(missing)}"
    returns = signature.return_annotation
    if inspect.isfunction(public) and returns not in (None, "None", inspect.Signature.empty):
        assert {"Returns", "Yields"} & set(found), f"{name} does not say what it returns"


@pytest.mark.parametrize("name", ["pkmodel", *MODULES])
def test_examples_of_docstrings(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    failed, _ = doctest.testmod(
        importlib.import_module(name),
        optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE,
    )
    assert not failed, "see the report above"


# ---------------------------------------------------------------------------------------- packaging


def test_pyproject_is_the_build_system_only():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert len(text.splitlines()) == 3
    assert list(tomllib.loads(text)) == ["build-system"]


def test_every_file_of_the_package_is_installed():
    patterns = {
        package: patterns.split()
        for package, patterns in setup_cfg()["options.package_data"].items()
    }
    forgotten = []
    for path in sorted(PACKAGE.rglob("*")):
        if path.is_dir() or path.suffix == ".py" or path.parent.name == "__pycache__":
            continue
        package = ".".join(path.parent.relative_to(ROOT).parts)
        if not any(fnmatch(path.name, pattern) for pattern in patterns.get(package, [])):
            forgotten.append(relative(path))
    assert not forgotten, "add them to [options.package_data] in setup.cfg"
    assert (PACKAGE / "py.typed").exists()
    folders = {path.parent for path in PACKAGE.rglob("*.py")}
    assert not [folder for folder in folders if not (folder / "__init__.py").exists()]


def test_version_is_that_of_setup_cfg_and_in_the_changelog():
    import pkmodel

    version = setup_cfg()["metadata"]["version"]
    assert pkmodel.__version__ == version
    assert importlib.metadata.version("pkmodel") == version, "install the package again"
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_module_has_its_test_file():
    """``tests/test_<module>.py``; the files of a package may share the test file of the package."""
    tests = {path.stem.removeprefix("test_") for path in (ROOT / "tests").rglob("test_*.py")}
    names = [name.removeprefix("pkmodel.") for name in MODULES if name != "pkmodel.kernels"]
    assert [n for n in names if not tests & {*n.split("."), n.replace(".", "_")}] == []


# ---------------------------------------------------------------------------- text that must be true


class Block(NamedTuple):
    path: Path
    line: int
    language: str
    text: str


@cache
def blocks(path):
    """The fenced code blocks of a markdown page."""
    found, fence, start, language = [], None, 0, ""
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        mark = re.match(r"\s*(`{3,}|~{3,})\s*(.*?)\s*$", line)
        if mark and fence is None:
            fence, start, language = mark[1], number, mark[2]
        elif mark and mark[1].startswith(fence) and not mark[2]:
            found.append(Block(path, start, language, "\n".join(lines[start : number - 1])))
            fence = None
    assert fence is None, f"{relative(path)}:{start}: the code block has no end"
    return found


def commands(path):
    """The shell commands of a page, each one line: ``(line number, command)``."""
    for block in blocks(path):
        if block.language not in {"bash", "console"}:
            continue
        text = block.text.replace("\\\n", " ")
        for line in text.splitlines():
            if block.language == "console":
                if not line.startswith("$ "):
                    continue
                line = line[2:]
            if line.strip() and not line.startswith("#"):
                yield block.line, line.strip()


PAGES_WITH_PYTHON = [
    path for path in PAGES if path.exists() and any(b.language == "python" for b in blocks(path))
]


@pytest.mark.parametrize("path", PAGES, ids=relative)
def test_languages_of_code_blocks(path):
    """No block escapes its test by a language of its own ("python no-run", "py", "sh")."""
    known = {"python", "bash", "console", "text", "toml", "json", "ini", "mermaid", "bibtex"}
    wrong = [(block.line, block.language) for block in blocks(path) if block.language not in known]
    assert not wrong, "name one of " + ", ".join(sorted(known))


@pytest.mark.parametrize("path", PAGES_WITH_PYTHON, ids=relative)
def test_python_of_page_runs(path, tmp_path, monkeypatch):
    """All Python blocks of a page run in order, in one namespace."""
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "__main__"}
    for block in blocks(path):
        if block.language == "python":
            code = "\n" * block.line + textwrap.dedent(block.text)
            exec(compile(code, str(path), "exec"), namespace)
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.mark.parametrize("path", EXAMPLES, ids=relative)
def test_example_runs(path, tmp_path):
    run([sys.executable, "-W", "error", path], cwd=tmp_path)


def parts(command):
    """The simple commands of a line ``a && b && c``, each as a list of words."""
    words, part = shlex.split(command), []
    for word in [*words, "&&"]:
        if word == "&&":
            yield part
            part = []
        else:
            part.append(word)


def program(part):
    return part[0].rpartition("/")[2]


COMMANDS = [
    pytest.param(part, id=f"{relative(path)}:{line} {' '.join(part[:3])}")
    for path in PAGES
    if path.exists()
    for line, command in commands(path)
    for part in parts(command)
]


@pytest.mark.parametrize("part", COMMANDS)
def test_command_of_page_works(part, tmp_path):
    """``pkmodel`` runs for real; the set-up commands name what exists; no others are shown."""
    match part:
        case [word, *arguments] if program([word]) == "pkmodel":
            output = run([sys.executable, "-m", "pkmodel", *arguments], cwd=tmp_path)
            assert output.strip(), "the command prints nothing"
            for option, value in pairwise(arguments):
                if option == "--plot":
                    assert (tmp_path / value).stat().st_size > 1000
        case ["python3", "-m", "venv", folder] | ["source", folder]:
            assert folder.startswith(".venv")
        case [word, "install", *arguments] if program([word]) == "pip":
            target = arguments[-1]
            name, _, extras = target.rstrip("]").partition("[")
            assert name in {".", "pkmodel"}
            assert set(filter(None, extras.split(","))) <= set(
                setup_cfg()["options.extras_require"]
            )
        case [word, "-m", "pytest", *_] if program([word]) == "python":
            pass  # this very run; .ci/run runs it word for word
        case ["asv", *_] | ["git", *_] | ["cd", _]:
            pass
        case _:
            pytest.fail(f"no test knows what {shlex.join(part)!r} should do")


def test_readme_commands_need_nothing_but_python():
    """The README's two commands: each does its whole set-up, on one line."""
    lines = [line for _, line in commands(ROOT / "README.md") if "-m venv" in line]
    chains = [[program(part) for part in parts(line)] for line in lines]
    assert ["python3", "pip", "pkmodel"] in chains
    assert ["python3", "pip", "python"] in chains


def test_ci_runs_the_test_command_of_the_readme():
    (line,) = [line for _, line in commands(ROOT / "README.md") if "pytest" in line]
    steps = re.findall(r"^\+ (.*)$", run(["bash", ROOT / ".ci/run", "--dry-run"]), re.MULTILINE)
    assert steps[0] == line
    for tool in ("ruff check", "ruff format --check", "mypy", "asv check", "asv run --quick"):
        assert any(tool in step for step in steps), f"{tool} is no longer run"
    assert os.access(ROOT / ".ci/run", os.X_OK)


def test_contributing_commands_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for path in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("path", PAGES, ids=relative)
def test_links_inside_the_project_lead_somewhere(path):
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    links = re.findall(r"\]\((?!\w+:)([^)#\s]+)", text)
    assert not [link for link in links if not (path.parent / link).exists()]


def test_warnings_are_errors():
    with pytest.raises(UserWarning):
        warnings.warn("any", UserWarning)

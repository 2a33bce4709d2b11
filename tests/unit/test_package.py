"""The zip holds what Lambda's Python would compile, made from the sources beside it, and works without."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.fast_delete_server import Server, answer
from tests.unit.support import event
from tools import package

REPOSITORY = Path(__file__).resolve().parents[2]
# An environment's first event, in Lambda's order of things. Whatever has to be compiled of ours is told on stderr.
RUN = """
import importlib.machinery, json, sys
folder, event = sys.argv[1:]
sys.path.insert(0, folder)
compile_source = importlib.machinery.SourceFileLoader.source_to_code
def tell(self, data, path, **more):
    if path.startswith(folder):
        print("compiled", path, file=sys.stderr)
    return compile_source(self, data, path, **more)
importlib.machinery.SourceFileLoader.source_to_code = tell
import disconnect
class Context:
    aws_request_id = "r1"
assert disconnect.lambda_handler(json.loads(event), Context) == {"statusCode": 200, "body": "disconnected"}
"""


@pytest.fixture(scope="module")
def lambdas_python() -> package.Python:
    python = next(package.pythons(), None)
    if python is None:
        pytest.skip(f"there is no Python {package.RUNTIME} here")
    return python


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what is packaged, to change; tools.package works on it."""
    for folder in ("function", "dist"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(package, "ROOT", tmp_path)
    return tmp_path


@pytest.fixture
def check(copy: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., bool]:
    """Whether `--check` is content with a zip, and a manifest that goes with it, in which one compiled file has been changed."""

    def content(change: Callable[[bytes], bytes], python: str) -> bool:
        function, archive = package.sources(copy / "function"), copy / "dist/function.zip"
        code = package.still_good(function, archive)
        name = "__pycache__/disconnect.cpython-313.pyc"
        code[name] = change(code[name])
        maker = json.loads((copy / "dist/manifest.json").read_text())["compiled_by"]
        for path, made in package.wanted(function, {name: made for name, made in code.items() if made}, maker).items():
            path.write_bytes(made)
        monkeypatch.setenv("PACKAGE_PYTHON", python)
        monkeypatch.setattr(sys, "argv", ["tools.package", "--check"])
        return package.main() == 0

    return content


def first_disconnect(python: package.Python, task: Path) -> tuple[str, str]:
    """Runs the package in a folder as Lambda would; the outcome it logged, and what had to be compiled."""
    with Server(None, tls=False) as server:
        key = {"connectionId": {"S": event()["requestContext"]["connectionId"]}}
        server.answers = [answer(json.dumps({"Attributes": key}).encode())]
        environment = {
            "AWS_ACCESS_KEY_ID": "ASIAIOSFODNN7EXAMPLE",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_ENDPOINT_URL_DYNAMODB": server.url,
            "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "CONNECTIONS_TABLE": "connections",
            "HOME": str(task),
        }
        command = [str(python.path), "-I", "-B", "-c", RUN, str(task), json.dumps(event())]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["outcome"], done.stderr


@pytest.fixture
def task(tmp_path: Path) -> Path:
    """The zip as Lambda unpacks it."""
    with zipfile.ZipFile(REPOSITORY / "dist/function.zip") as archive:
        archive.extractall(tmp_path / "task")
    return tmp_path / "task"


def test_the_committed_files_are_what_the_sources_make() -> None:
    done = subprocess.run([sys.executable, "-m", "tools.package", "--check"], cwd=REPOSITORY, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_what_is_compiled_is_for_the_modules_default_runtime() -> None:
    assert re.findall(r'runtime += optional\(string, "(.+)"\)', (REPOSITORY / "variables.tf").read_text()) == [f"python{package.RUNTIME}"]


def test_the_same_sources_compile_to_the_same_bytes_that_name_no_path_of_this_machine(lambdas_python: package.Python) -> None:
    sources = {"one.py": b"def f():\n    return lambda: [0x7FFF, 'a b', (1, 2), {3, 4}]\n"}
    once = package.compiled(sources, lambdas_python)
    assert once == package.compiled(sources, lambdas_python)
    assert b"/var/task/one.py" in once["__pycache__/one.cpython-313.pyc"]
    assert tempfile.gettempdir().encode() not in once["__pycache__/one.cpython-313.pyc"]


def test_a_disconnect_compiles_nothing_under_lambdas_python(lambdas_python: package.Python, task: Path) -> None:
    assert first_disconnect(lambdas_python, task) == ("removed", "")


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda code: b"\xa7\r\r\n" + code[4:], id="of another Python"),
        pytest.param(lambda code: code[:8] + b"12345678" + code[16:], id="made from another source"),
        pytest.param(lambda code: code[:10], id="cut off in its head"),
        pytest.param(lambda code: b"", id="empty"),
        pytest.param(lambda code: b"\0" * len(code), id="nothing but zeros"),
    ],
)
def test_a_compiled_file_is_passed_over_for_its_source_when_it_is(
    spoil: Callable[[bytes], bytes], lambdas_python: package.Python, task: Path
) -> None:
    for path in task.glob("__pycache__/*"):
        path.write_bytes(spoil(path.read_bytes()))
    outcome, compiled = first_disconnect(lambdas_python, task)
    assert outcome == "removed"
    assert f"compiled {task}/fast_delete.py" in compiled


def test_a_source_that_was_changed_in_the_zip_is_what_runs(lambdas_python: package.Python, task: Path) -> None:
    source = task / "log.py"
    source.write_text(source.read_text().replace('"removed"', '"removed_by_the_changed_source"'))
    assert first_disconnect(lambdas_python, task)[0] == "removed_by_the_changed_source"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda code: b"\xa7\r\r\n" + code[4:], id="of another Python"),
        pytest.param(lambda code: code[:4] + b"\1\0\0\0" + code[8:], id="run unchecked"),
        pytest.param(lambda code: code[:8] + b"12345678" + code[16:], id="made from another source"),
        pytest.param(lambda code: b"", id="missing"),
    ],
)
def test_check_needs_no_python_of_that_version_to_find_a_compiled_file_that_is(
    change: Callable[[bytes], bytes], check: Callable[..., bool]
) -> None:
    assert not check(change, "/no/python")


def test_check_without_that_python_is_content_with_what_says_it_is_made_from_its_source(check: Callable[..., bool]) -> None:
    assert check(lambda code: code, "/no/python")


def test_check_compares_the_code_itself_with_the_python_that_made_it(lambdas_python: package.Python, check: Callable[..., bool]) -> None:
    if lambdas_python.version != json.loads((REPOSITORY / "dist/manifest.json").read_text())["compiled_by"]:
        pytest.skip("another patch level made it")
    assert not check(lambda code: code.replace(b"disconnected", b"dysconnected"), str(lambdas_python.path))


def test_packaging_says_what_it_needs_when_there_is_no_such_python(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACKAGE_PYTHON", "/no/python")
    monkeypatch.setattr(sys, "argv", ["tools.package"])
    with pytest.raises(SystemExit, match=r"needs a Python 3\.13 .* PACKAGE_PYTHON"):
        package.main()


def test_the_python_is_found_on_path(lambdas_python: package.Python, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "python3.13").symlink_to(lambdas_python.path)
    monkeypatch.setattr(sys, "executable", "/no/python")
    monkeypatch.setenv("PYENV_ROOT", "/no/pyenv")
    monkeypatch.setenv("PATH", f"/no/folder{os.pathsep}{tmp_path}")
    assert [python.version for python in package.pythons()] == [lambdas_python.version]

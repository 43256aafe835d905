"""Nothing from data is run or believed: a lint over all our code, and hostile text all the way through.

The lint reads the syntax trees of the package, the benchmarks, the other scripts and the notebooks' code
cells. It is there for accidents, not for an author who hides what she does. Every rule is proved by code
that breaks it.
"""

from __future__ import annotations

import ast
import builtins
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import openpyxl.xml
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_notebook

import cemlab
from cemlab.chart import Chart
from cemlab.data import engine
from cemlab.data.company import Company, CompanyInfo
from cemlab.errors import OptionError
from cemlab.notebook import page as page_module
from cemlab.notebook.parameters import inject
from cemlab.survival import retention_curve

PACKAGE = Path(cemlab.__file__).parent
ROOT = PACKAGE.parent

# --- what is forbidden ----------------------------------------------------------------------------

# rule → modules that are not imported, with all that is in them
MODULES = {
    "unpickles": ("pickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "jsonpickle"),
    "runs text": ("code", "codeop", "runpy", "imp"),
    "formula": ("statsmodels.formula", "patsy", "formulaic"),
    "archive": ("tarfile",),
    "xml": ("xml", "lxml", "xmltodict", "bs4"),
    "network": (
        "socket", "ssl", "socketserver", "http", "urllib.request", "urllib.error", "urllib3", "requests",
        "httpx", "aiohttp", "websocket", "websockets", "ftplib", "smtplib", "imaplib", "poplib", "telnetlib",
        "xmlrpc", "paramiko", "fsspec", "zmq",
    ),
}  # fmt: skip
# rule → what is neither called nor handed on, by its full name
NAMES = {
    "runs text": (
        "eval", "exec", "compile", "__import__", "pandas.eval", "numexpr.evaluate", "types.CodeType",
    ),
    "unpickles": ("pandas.read_pickle", "pandas.read_hdf", "pyarrow.deserialize", "torch.load"),
    "yaml": ("yaml.unsafe_load", "yaml.unsafe_load_all", "yaml.full_load", "yaml.full_load_all"),
    "shell": (
        "os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput",
        "asyncio.create_subprocess_shell",
    ),
    "temporary name": ("tempfile.mktemp", "os.tempnam", "os.tmpnam"),
    "archive": ("shutil.unpack_archive",),
    "xml": ("pandas.read_xml", "pandas.read_html"),
    "network": ("asyncio.open_connection", "asyncio.start_server", "webbrowser.open"),
    "formula": tuple(f"pyfixest.{name}" for name in ("feols", "fepois", "feglm", "quantreg")),
}  # fmt: skip
# rule → what is not called on anything
METHODS = {
    "runs text": ("eval", "query"),
    "unpickles": ("to_pickle", "to_hdf"),
    "formula": ("from_formula",),
    "archive": ("extractall", "unpack_archive"),
}
SQL_METHODS = ("execute", "executemany", "executescript", "sql", "raw_sql", "read_sql", "read_sql_query")
SQL_KEYWORDS = ("query", "sql", "statement")
# DuckDB's relations take text as SQL where Ibis takes expressions
RELATIONAL = ("filter", "project", "aggregate", "order")
READERS = re.compile(r"read_\w+|open|urlopen|urlretrieve|get|load\w*|from_url")
ADDRESS = re.compile(r"(https?|ftp|s3|gs)://", re.IGNORECASE)

#: (file, function, rule) → why it may. "*" stands for the whole file.
ALLOWED = {
    ("cemlab/data/download.py", "*", "network"): "the one place that leaves the machine: checked files",
    ("cemlab/notebook/kernel.py", "*", "network"): "messages between two processes of this machine",
    ("cemlab/data/engine.py", "connect", "sql"): "sqlglot writes the folder's name as a literal",
    ("cemlab/data/intake/written.py", "_run", "sql"): "compiled by Ibis from expressions, once a file",
    ("cemlab/present/check_page.py", "_table", "markup"): "html_table escapes headers, cells and captions",
    ("cemlab/present/cfo_page.py", "_table", "markup"): "html_table escapes headers, cells and captions",
    ("benchmarks/intake.py", "_duckdb", "sql"): "a peer's statement about a file of the benchmark's own",
    ("benchmarks/intake.py", "_duckdb", "template"): "the statements stand in the file itself",
    ("cemlab/chart.py", "plotting_backend", "import by name"): "what set_plotting_backend was given",
    ("cemlab/chart.py", "set_plotting_backend", "import by name"): "the caller's choice in code, never data",
    ("cemlab/marking/checking.py", "exercises", "import by name"): "a file that stands beside it, or nothing",
    ("cemlab/__init__.py", "__getattr__", "import by name"): "the names stand in the file's own table",
    ("cemlab/training/beside.py", "_two_way", "formula"): "a constant formula over columns of our own",
    ("cemlab/training/beside.py", "_sun_abraham", "formula"): "columns that it names c0, c1, … itself",
    ("cemlab/data/panel_sums.py", "_by_pyfixest", "formula"): "columns that it names x0, x1, … itself",
    (
        "benchmarks/linkage_peers.py",
        "panel_pyfixest",
        "formula",
    ): "a peer's formula over columns of the benchmark's own",
    ("cemlab/notebook/page.py", "_blocks", "markup"): "Markdown and HTML went through sanitise_html",
    (
        "cemlab/notebook/page.py",
        "_code_block",
        "markup",
    ): "outputs are sanitised or escaped, code highlighted",
    ("cemlab/notebook/page.py", "_with_anchors", "markup"): "a heading of ours around what was sanitised",
}


# --- the lint -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Finding:
    """A rule that is broken, and where."""

    rule: str
    file: str
    function: str
    line: int
    code: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}, in {self.function}: {self.rule}: {self.code}"

    @property
    def allowed(self) -> tuple[str, str, str] | None:
        keys = ((self.file, self.function, self.rule), (self.file, "*", self.rule))
        return next((key for key in keys if key in ALLOWED), None)


class Lint(ast.NodeVisitor):
    """Collects the findings of one file."""

    def __init__(self, source: str, file: str = "snippet") -> None:
        self.file = file
        self.findings: list[Finding] = []
        self._function: list[str] = []
        tree = ast.parse(source)
        self._names = dict(_imported(tree))
        self._defined = _defined(tree)
        self._constants, self._mappings = _constants(tree)
        self.visit(tree)

    def _find(self, rule: str, node: ast.AST) -> None:
        code = ast.unparse(node).split("\n")[0]
        function = self._function[-1] if self._function else "<module>"
        self.findings.append(Finding(rule, self.file, function, getattr(node, "lineno", 0), code))

    def _full_name(self, node: ast.AST) -> str:
        """Return ``pandas.read_pickle`` for ``pd.read_pickle``, and "" where it cannot be known."""
        if isinstance(node, ast.Name):
            if node.id in self._names:
                return self._names[node.id]
            return node.id if hasattr(builtins, node.id) and node.id not in self._defined else ""
        if isinstance(node, ast.Attribute) and (before := self._full_name(node.value)):
            return f"{before}.{node.attr}".removeprefix("builtins.")
        return ""

    # where we are

    def _inside(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._function.append(node.name)
        self.generic_visit(node)
        self._function.pop()

    visit_FunctionDef = visit_AsyncFunctionDef = _inside  # noqa: N815 - the names are ast's

    # imports

    def _import(self, module: str, node: ast.AST) -> None:
        for rule, modules in MODULES.items():
            if any(f"{module}.".startswith(f"{forbidden}.") for forbidden in modules):
                self._find(rule, node)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._import(alias.name, node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.level == 0:
            for alias in node.names:
                self._import(f"{node.module}.{alias.name}", node)
                self._forbidden_name(f"{node.module}.{alias.name}", node)

    # names

    def _forbidden_name(self, name: str, node: ast.AST) -> None:
        for rule, names in NAMES.items():
            if name in names:
                self._find(rule, node)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load) and node.id not in self._names:
            self._forbidden_name(self._full_name(node), node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._forbidden_name(self._full_name(node), node)
        self.generic_visit(node)

    # calls

    def visit_Call(self, node: ast.Call) -> None:
        name = self._full_name(node.func)
        method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        for rule, methods in METHODS.items():
            if method in methods and not name.startswith("re."):
                self._find(rule, node)
        for check in CALLS:
            if rule := check(self, node, name, method):
                self._find(rule, node)
        self.generic_visit(node)

    def is_constant(self, node: ast.AST) -> bool:
        """Return whether a text stands in the code, whole, whatever the data are."""
        if isinstance(node, ast.Constant):
            return True
        if isinstance(node, ast.JoinedStr):
            return all(isinstance(part, ast.Constant) for part in node.values)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self.is_constant(node.left) and self.is_constant(node.right)
        if isinstance(node, ast.IfExp):
            return self.is_constant(node.body) and self.is_constant(node.orelse)
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            return node.value.id in self._mappings  # whatever is chosen, it stands in the code
        return isinstance(node, ast.Name) and node.id in self._constants


Check = Callable[[Lint, ast.Call, str, str], str]


def _keyword(call: ast.Call, *names: str) -> ast.expr | None:
    return next((keyword.value for keyword in call.keywords if keyword.arg in names), None)


def _is(node: ast.expr | None, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def _first(call: ast.Call, *keywords: str) -> ast.expr | None:
    return call.args[0] if call.args else _keyword(call, *keywords)


def _sql(lint: Lint, call: ast.Call, name: str, method: str) -> str:
    text = _first(call, *SQL_KEYWORDS)
    if method in SQL_METHODS and text is not None and not lint.is_constant(text):
        return "sql"
    built = ast.JoinedStr | ast.BinOp | ast.Call
    made_of_text = any(
        isinstance(arg, built)
        and not lint.is_constant(arg)
        and (
            isinstance(arg, ast.JoinedStr)
            or (isinstance(arg, ast.BinOp) and any(_is_text(side) for side in (arg.left, arg.right)))
            or (
                isinstance(arg, ast.Call)
                and isinstance(arg.func, ast.Attribute)
                and arg.func.attr == "format"
            )
        )
        for arg in call.args
    )
    return "sql" if method in RELATIONAL and made_of_text else ""


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _formula(lint: Lint, call: ast.Call, name: str, method: str) -> str:
    return "formula" if _keyword(call, "formula", "fml") is not None else ""


def _shell(lint: Lint, call: ast.Call, name: str, method: str) -> str:
    shell = _keyword(call, "shell")
    return "shell" if shell is not None and not _is(shell, False) else ""


def _numpy_load(lint: Lint, call: ast.Call, name: str, method: str) -> str:
    allow = _keyword(call, "allow_pickle")
    return "unpickles" if allow is not None and not _is(allow, False) else ""


def _yaml(lint: Lint, call: ast.Call, name: str, method: str) -> str:
    if name in ("yaml.load", "yaml.load_all"):
        loader = call.args[1] if len(call.args) > 1 else _keyword(call, "Loader")
        safe = loader is not None and lint._full_name(loader) in ("yaml.SafeLoader", "yaml.CSafeLoader")
        return "" if safe else "yaml"
    return "yaml" if name.endswith("yaml.YAML") and not _safe_type(call) else ""


def _safe_type(call: ast.Call) -> bool:
    kind = _keyword(call, "typ")
    return kind is None or (isinstance(kind, ast.Constant) and kind.value in ("safe", "rt"))


def _jinja(lint: Lint, call: ast.Call, name: str, method: str) -> str:
    if name in ("jinja2.Environment", "jinja2.Template", "jinja2.sandbox.SandboxedEnvironment"):
        escapes = _keyword(call, "autoescape")
        chosen = isinstance(escapes, ast.Call) and lint._full_name(escapes.func) == "jinja2.select_autoescape"
        if not (_is(escapes, True) or chosen):
            return "jinja"
    text = _first(call, "source")
    return "jinja" if method == "from_string" and text is not None and not lint.is_constant(text) else ""


def _markup(lint: Lint, call: ast.Call, name: str, method: str) -> str:
    trusted = ("markupsafe.Markup", "jinja2.Markup", "IPython.display.HTML", "IPython.display.Javascript")
    made = name in (*trusted, "IPython.core.display.HTML") and bool(call.args or call.keywords)
    return "markup" if made and not all(lint.is_constant(a) for a in call.args) else ""


def _import_by_name(lint: Lint, call: ast.Call, name: str, method: str) -> str:
    if name != "importlib.import_module" or not call.args:
        return ""
    module = call.args[0]
    if isinstance(module, ast.Constant):
        lint._import(str(module.value), call)
        return ""
    return "import by name"


def _get_by_name(lint: Lint, call: ast.Call, name: str, method: str) -> str:
    if name == "getattr" and len(call.args) > 1 and isinstance(call.args[1], ast.Constant):
        lint._forbidden_name(f"{lint._full_name(call.args[0])}.{call.args[1].value}".lstrip("."), call)
        if call.args[1].value in METHODS["runs text"]:
            return "runs text"
    return ""


def _format(lint: Lint, call: ast.Call, name: str, method: str) -> str:
    # a template from data could reach into the objects it is filled with: "{0.__class__}"
    if method not in ("format", "format_map") or not isinstance(call.func, ast.Attribute):
        return ""
    return "" if lint.is_constant(call.func.value) else "template"


def _address(lint: Lint, call: ast.Call, name: str, method: str) -> str:
    called = method or name
    first = call.args[0] if call.args else None
    text = first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""
    return "network" if ADDRESS.match(text) and READERS.fullmatch(called.split(".")[-1]) else ""


CALLS: tuple[Check, ...] = (
    _sql, _formula, _shell, _numpy_load, _yaml, _jinja, _markup, _import_by_name, _get_by_name, _format,
    _address,
)  # fmt: skip


def _imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield (alias.asname, alias.name) if alias.asname else (alias.name.split(".")[0],) * 2
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _defined(tree: ast.AST) -> set[str]:
    """Return the names that the file itself gives to something."""
    stored = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    made = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    return stored | made | {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}


def _constants(tree: ast.AST) -> tuple[set[str], set[str]]:
    """Return the names that only ever stand for texts of the code, and for mappings to such texts."""
    stored = [n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)]
    stored += [node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)]
    given: dict[str, ast.AST] = {}
    loops: dict[str, ast.AST] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            given[node.targets[0].id] = node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            given[node.target.id] = node.value
        elif isinstance(node, ast.For | ast.comprehension) and isinstance(node.target, ast.Name):
            loops[node.target.id] = node.iter
    once = {name: value for name, value in given.items() if stored.count(name) == 1}
    texts = {name for name, value in once.items() if _is_fixed(value)}
    series = {name for name, value in once.items() if _is_series(value)}
    through = {
        name
        for name, over in loops.items()
        if stored.count(name) == 1
        and (_is_series(over) or (isinstance(over, ast.Name) and over.id in series))
    }
    mappings = {
        name
        for name, value in once.items()
        if isinstance(value, ast.Dict) and all(_is_fixed(entry) for entry in value.values)
    }
    return texts | through, mappings


def _is_fixed(node: ast.AST) -> bool:
    if isinstance(node, ast.IfExp):
        return _is_fixed(node.body) and _is_fixed(node.orelse)
    return isinstance(node, ast.Constant)


def _is_series(node: ast.AST) -> bool:
    return isinstance(node, ast.Tuple | ast.List) and all(isinstance(e, ast.Constant) for e in node.elts)


# --- every rule finds what breaks it --------------------------------------------------------------

BREAKS = [
    ("unpickles", "import pickle"),
    ("unpickles", "import pickle as harmless"),
    ("unpickles", "from pickle import loads"),
    ("unpickles", "import marshal"),
    ("unpickles", "import shelve"),
    ("unpickles", "from dill import load"),
    ("unpickles", "def f():\n    import joblib"),
    ("unpickles", "import importlib\nimportlib.import_module('pickle')"),
    ("unpickles", "import pandas as pd\npd.read_pickle(path)"),
    ("unpickles", "from pandas import read_pickle as read"),
    ("unpickles", "import pandas\nread = pandas.read_hdf"),
    ("unpickles", "frame.to_pickle(path)"),
    ("unpickles", "import numpy as np\nnp.load(path, allow_pickle=True)"),
    ("unpickles", "import numpy as np\nnp.load(path, allow_pickle=allow)"),
    ("runs text", "eval(text)"),
    ("runs text", "run = eval"),
    ("runs text", "map(exec, texts)"),
    ("runs text", "exec(compile(text, 'a', 'exec'))"),
    ("runs text", "import builtins\nbuiltins.eval(text)"),
    ("runs text", "getattr(builtins, 'eval')(text)"),
    ("runs text", "__import__(name)"),
    ("runs text", "frame.query('x > 1')"),
    ("runs text", "frame.eval(text)"),
    ("runs text", "import pandas as pd\npd.eval(text)"),
    ("runs text", "getattr(frame, 'query')(text)"),
    ("runs text", "import code"),
    ("runs text", "import runpy"),
    ("import by name", "import importlib\nimportlib.import_module(name)"),
    ("import by name", "from importlib import import_module\nimport_module(name)"),
    ("yaml", "import yaml\nyaml.load(text)"),
    ("yaml", "import yaml\nyaml.load(text, Loader=yaml.Loader)"),
    ("yaml", "from yaml import load, FullLoader\nload(text, FullLoader)"),
    ("yaml", "import yaml\nyaml.unsafe_load(text)"),
    ("yaml", "from yaml import full_load"),
    ("yaml", "import ruamel.yaml\nruamel.yaml.YAML(typ='unsafe')"),
    ("formula", "import statsmodels.formula.api as smf"),
    ("formula", "from statsmodels.formula.api import ols"),
    ("formula", "from statsmodels import formula"),
    ("formula", "import patsy"),
    ("formula", "from formulaic import model_matrix"),
    ("formula", "OLS.from_formula('y ~ x', frame)"),
    ("formula", "fitter.fit(frame, 'time', formula='a + b')"),
    ("formula", "import pyfixest as pf\npf.feols('y ~ x', data=frame)"),
    ("formula", "estimate(fml=text)"),
    ("sql", "c.execute(f'SELECT * FROM {name}')"),
    ("sql", "c.execute('SELECT %s' % name)"),
    ("sql", "c.execute('SELECT ' + name)"),
    ("sql", "c.execute('SELECT {}'.format(name))"),
    ("sql", "c.execute(' '.join(parts))"),
    ("sql", "c.raw_sql(text)"),
    ("sql", "c.sql(query=f'SELECT {name}')"),
    ("sql", "def f(text):\n    c.sql(text)"),
    ("sql", "text = 'a'\ntext = text + name\nc.execute(text)"),
    ("sql", "_TEXTS = {'a': f'SELECT {name}'}\nc.execute(_TEXTS[key])"),
    ("sql", "_TEXTS = {'a': 'SELECT 1'}\n_TEXTS = load()\nc.execute(_TEXTS[key])"),
    ("sql", "c.execute(texts[key])"),
    ("sql", "c.execute('SELECT 1' if flag else text)"),
    ("sql", "for text in texts:\n    c.execute(text)"),
    ("sql", "text: str\nc.executemany(text, rows)"),
    ("sql", "import pandas as pd\npd.read_sql(f'SELECT {name}', c)"),
    ("sql", "relation.filter(f'{name} > 1')"),
    ("sql", "relation.project('a, ' + name)"),
    ("sql", "relation.aggregate('sum({})'.format(name))"),
    ("shell", "import subprocess\nsubprocess.run(command, shell=True)"),
    ("shell", "import subprocess\nsubprocess.Popen(command, shell=flag)"),
    ("shell", "import os\nos.system(command)"),
    ("shell", "from os import popen"),
    ("shell", "import subprocess as s\ns.getoutput(command)"),
    ("shell", "import asyncio\nasyncio.create_subprocess_shell(command)"),
    ("temporary name", "import tempfile\ntempfile.mktemp()"),
    ("temporary name", "from tempfile import mktemp"),
    ("network", "import socket"),
    ("network", "import urllib.request"),
    ("network", "from urllib import request"),
    ("network", "from urllib.request import urlopen"),
    ("network", "import http.client"),
    ("network", "def f():\n    import requests"),
    ("network", "import asyncio\nasyncio.open_connection(host, 80)"),
    ("network", "import pandas as pd\npd.read_csv('https://example.org/a.csv')"),
    ("network", "connection.read_parquet('s3://bucket/a.parquet')"),
    ("xml", "import xml.etree.ElementTree as ET"),
    ("xml", "from xml.dom import minidom"),
    ("xml", "from lxml import etree"),
    ("xml", "import pandas as pd\npd.read_html(page)"),
    ("jinja", "from jinja2 import Environment\nEnvironment(loader=loader)"),
    ("jinja", "import jinja2\njinja2.Environment(autoescape=False)"),
    ("jinja", "import jinja2\njinja2.Environment(autoescape=flag)"),
    ("jinja", "from jinja2 import Template\nTemplate('{{ x }}')"),
    ("jinja", "environment.from_string(text)"),
    ("markup", "from markupsafe import Markup\nMarkup(text)"),
    ("markup", "from markupsafe import Markup as Safe\nSafe(f'<b>{text}</b>')"),
    ("markup", "from IPython.display import HTML\nHTML(text)"),
    ("markup", "from IPython import display\ndisplay.HTML('<b>' + text)"),
    ("archive", "import tarfile"),
    ("archive", "archive.extractall(folder)"),
    ("archive", "import shutil\nshutil.unpack_archive(path, folder)"),
    ("template", "text.format(company)"),
    ("template", "'{}'.join(names).format_map(values)"),
]

HARMLESS = [
    "import re\nre.compile(pattern)",
    "import ast\nast.literal_eval(text)",
    "import json\njson.loads(text)",
    "import tomllib\ntomllib.load(file)",
    "import yaml\nyaml.safe_load(text)",
    "import yaml\nyaml.load(text, Loader=yaml.SafeLoader)",
    "import numpy as np\nnp.load(path)",
    "import numpy as np\nnp.load(path, allow_pickle=False)",
    "from urllib.parse import urlsplit\nurlsplit(text).query",
    "import subprocess\nsubprocess.run([program, name])",
    "import subprocess\nsubprocess.run([program], shell=False)",
    "import tempfile\ntempfile.mkdtemp()",
    "c.execute('SELECT 1')",
    "c.execute('SELECT * FROM t WHERE a = $1', [value])",
    "c.execute('SELECT ' 'a' + ' FROM t')",
    "_ONE = 'SELECT 1'\nc.execute(_ONE)",
    "_ALL = ('SELECT 1', 'SELECT 2')\nfor text in _ALL:\n    c.execute(text)",
    "_TEXTS: dict[str, str] = {'a': 'SELECT 1', 'b': 'SELECT 2'}\nc.execute(_TEXTS[key])",
    "text = 'SELECT 1' if flag else 'SELECT 2'\nc.execute(text)",
    "expression.execute()",
    "expression.sql('duckdb')",
    "table.filter(table.x > 1).aggregate(n=table.count(), **{f'c{i}': x})",
    "table.order('a')",
    "from jinja2 import Environment\nEnvironment(loader=loader, autoescape=True)",
    "import jinja2\njinja2.Environment(autoescape=jinja2.select_autoescape())",
    "from markupsafe import Markup\nMarkup('<b>bold</b>')",
    "from markupsafe import Markup\nfield(default_factory=Markup)",
    "from IPython.display import Markdown\nMarkdown(text)",
    "import html.parser",
    "from defusedxml.ElementTree import iterparse",
    "import zipfile\nzipfile.ZipFile(path).open('a')",
    "'{:.3f}'.format(x)",
    "_LINE = '{} rows'\n_LINE.format(n)",
    "def compile(query):\n    return query\ncompile(text)",
    "import importlib\nimportlib.import_module('json')",
    "docs = 'https://example.org'\nshow('https://example.org')",
]


@pytest.mark.parametrize(("rule", "snippet"), BREAKS, ids=[s.replace("\n", "; ") for _, s in BREAKS])
def test_a_broken_rule_is_found(rule, snippet):
    assert rule in {finding.rule for finding in Lint(snippet).findings}


@pytest.mark.parametrize("snippet", HARMLESS, ids=[s.replace("\n", "; ") for s in HARMLESS])
def test_what_is_safe_is_left_alone(snippet):
    assert [str(finding) for finding in Lint(snippet).findings] == []


def test_every_name_that_is_forbidden_is_found():
    for rule, modules in MODULES.items():
        for module in modules:
            assert {f.rule for f in Lint(f"import {module}").findings} == {rule}
    for rule, names in NAMES.items():
        for name in names:
            module = name.rpartition(".")[0]
            snippet = f"import {module}\nuse = {name}" if module else f"use = {name}"
            assert rule in {f.rule for f in Lint(snippet).findings}
    for rule, methods in METHODS.items():
        for method in methods:
            assert rule in {f.rule for f in Lint(f"thing.{method}(text)").findings}
    for method in SQL_METHODS:
        assert {f.rule for f in Lint(f"thing.{method}(text)").findings} == {"sql"}


def test_a_finding_says_where():
    found = Lint("x = 1\ndef f():\n    eval(x)\n", file="a.py").findings
    assert [str(finding) for finding in found] == ["a.py, line 3, in f: runs text: eval"]


# --- our own code ---------------------------------------------------------------------------------


def sources() -> Iterator[tuple[str, str]]:
    """Yield the name and text of all our code: modules, scripts, notebooks' code cells."""
    for folder in ("cemlab", "benchmarks", "data", "docs"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for number, cell in enumerate(json.loads(path.read_text(encoding="utf-8"))["cells"], start=1):
            if cell["cell_type"] == "code":
                yield f"notebooks/{path.name} cell {number}", _with_imports(path, cell)


def _with_imports(path: Path, cell: dict[str, object]) -> str:
    # a cell uses the names that the first one imported
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    first = next(c for c in cells if c["cell_type"] == "code")
    return "".join(first["source"]) + "\n" + "".join(cell["source"])


FINDINGS = [finding for file, text in sources() for finding in Lint(text, file).findings]


def test_all_code_is_read():
    names = [name for name, _ in sources()]
    assert {"cemlab/cli.py", "cemlab/notebook/page.py", "cemlab/data/intake/__init__.py"} <= set(names)
    assert sum(name.startswith("benchmarks/") for name in names) >= 3
    assert sum(name.startswith("notebooks/") for name in names) >= 20


def test_our_code_breaks_no_rule():
    assert [str(finding) for finding in FINDINGS if not finding.allowed] == []


@pytest.mark.parametrize("entry", ALLOWED, ids=" ".join)
def test_every_exception_is_needed_and_has_its_reason(entry):
    assert ALLOWED[entry]
    assert entry in {finding.allowed for finding in FINDINGS}, (
        "nothing there breaks the rule; take the entry out"
    )


def test_templates_escape_and_call_nothing():
    found = sorted((PACKAGE / "notebook" / "templates").rglob("*.j2"))
    assert found
    for path in found:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\|\s*safe\b|autoescape\s+false|Markup", text), path.name


def test_workbooks_are_parsed_by_the_guarded_parser():
    assert openpyxl.xml.DEFUSEDXML
    declared = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert '"defusedxml' in declared


# --- hostile text, all the way through --------------------------------------------------------------

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "=cmd|'/c calc'!A1",
    "'; DROP TABLE customers; --",
    '"; DROP TABLE customers; --',
    "`rm -rf`",
    "`__import__('os')`",
    "two\nlines\r\n| a | b |",
    "{}{0.__class__}",
    "{{ 7 * 7 }}{% raw %}",
    "%s %(name)s %n",
    "![x](https://example.org/seen.png)",
    "[x](javascript:alert(1))",
    "a\\'b",
    "$\\href{javascript:a()}{b}$",
]


class Page(HTMLParser):
    """What a browser would find: elements, attributes and text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


TABLE_TAGS = {"table", "caption", "thead", "tbody", "tr", "th", "td"}
RESULT_TAGS = TABLE_TAGS | {"div", "p", "small", "ul", "li", "details", "summary"}
ATTRIBUTES = {"class", "scope", "style"}


def hostile_company(text: str) -> Company:
    connection = engine.connect()
    frame = pd.DataFrame(
        {
            "customer": ["a", "b", "c", "d", "e", "f"],
            "duration": [1.0, 2.0, 3.0, 1.0, 2.0, 3.0],
            "left": [True, True, False, True, False, True],
            text: [text, text, text, "plain", "plain", "plain"],
        }
    )
    tables = {"customers": connection.create_table("customers", frame)}
    return Company(info=CompanyInfo(name=text, source=f"source: {text}", notes=(text,)), tables=tables)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_company_shows_hostile_names_as_text(text):
    company = hostile_company(text)
    for shown in (company._repr_html_(), company.check()._repr_html_()):
        page = Page(shown)
        assert page.tags <= TABLE_TAGS | {"p"}
        assert page.attributes <= ATTRIBUTES
        plain = text.replace("\r\n", "\n")  # a browser reads one for the other
        assert page.text.replace("\r\n", "\n").count(plain) >= 2  # the company's name, and the column's
    assert company.check().tables[0].extra == ("duration", "left", text)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_and_values_go_through_counts_and_curve_as_they_are(text):
    company = hostile_company(text)
    people = company.table("customers")
    curve = retention_curve(
        people, duration="duration", event="left", group=text, unit="months", source=company.info.source
    )
    assert set(curve.table["group"]) == {text, "plain"}
    # the table is still there, with the rows it had
    assert people.count().to_pyarrow().as_py() == 6
    page = Page(curve._repr_html_())
    assert page.tags <= RESULT_TAGS
    assert page.attributes <= ATTRIBUTES
    assert text.replace("\r\n", "\n") in page.text.replace("\r\n", "\n")
    rows = [line for line in curve.to_markdown().split("\n") if line.startswith("|")]
    # heading, rule and one row a group and horizon: none broken in two, no cell more in one than in another
    assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1
    assert not re.search(r"(?<!\\)[\[`]|<(?!/?span>)", curve.to_markdown())


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_of_a_chart_are_text_beside_and_inside_the_page(text):
    frame = pd.DataFrame({text: [text, "b"], "y": [0.1, 0.2], "low": [0.0, 0.1], "high": [0.2, 0.3]})
    chart = Chart(
        kind="bar", frame=frame, x=text, y="y", low="low", high="high", x_label=text, y_label="Share",
        claim="Who left", grade="descriptive",
    )  # fmt: skip
    shown = page_module._picture("image/png", "aGk=", {"alt": chart.alt_text()}, "")
    page = Page(shown)
    assert page.tags == {"figure", "img"}
    assert page.attributes == {"src", "alt"}
    assert chart.alt_text().count(text) == 2


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_literal_stays_one_in_compiled_sql(text):
    connection = engine.connect()
    table = connection.create_table("t", pd.DataFrame({"x": [text, "b"], text: [1, 2]}))
    compiled = str(connection.compile(table.filter(table.x == text).select("x", value=table[text])))
    rows = connection.con.sql(compiled).fetchall()
    assert rows == [(text, 1)]
    assert table.count().to_pyarrow().as_py() == 2


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_value_of_a_parameter_stays_a_value(text):
    notebook = new_notebook(cells=[new_code_cell("data = None", metadata={"tags": ["parameters"]})])
    body = ast.parse(inject(notebook, {"data": text}).cells[1].source).body
    assert len(body) == 1
    assert isinstance(body[0], ast.Assign)
    assert ast.literal_eval(body[0].value) == text


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_name_of_a_parameter_is_refused(text):
    notebook = new_notebook(cells=[new_code_cell("data = None", metadata={"tags": ["parameters"]})])
    with pytest.raises(OptionError, match="no parameter"):
        inject(notebook, {text: 1})

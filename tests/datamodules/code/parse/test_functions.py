import ast
import sysconfig
from pathlib import Path

import pytest

from lit_pretrain.datamodules.code.parse.functions import functions
from lit_pretrain.datamodules.code.parse.parser import parse

LIBRARY = Path(sysconfig.get_paths()["stdlib"])


def outermost(tree: ast.Module) -> list[tuple[str, ast.FunctionDef]]:
    """Functions that are in no other, with their paths, in the order of the text."""
    found, stack = [], [(tree, "")]
    while stack:
        node, path = stack.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found.append((path + node.name, node))
        elif not isinstance(node, ast.Lambda):
            within = f"{path}{node.name}." if isinstance(node, ast.ClassDef) else path
            stack += [(child, within) for child in reversed(list(ast.iter_child_nodes(node)))]
    return sorted(found, key=lambda pair: pair[1].lineno)


@pytest.mark.parametrize("name", ["argparse.py", "asyncio/base_events.py", "typing.py", "inspect.py", "ctypes/__init__.py"])
def test_functions_are_those_that_python_finds(name):
    text = (LIBRARY / name).read_text()
    ours, theirs = functions(text, "python"), outermost(ast.parse(text))
    assert [function.path for function in ours] == [path for path, _ in theirs]
    for function, (_, node) in zip(ours, theirs, strict=True):
        assert function.doc == (ast.get_docstring(node) or "")
        if function.doc:
            node.body = node.body[1:] or [ast.Expr(ast.Constant(...))]
        assert ast.dump(ast.parse(function.code)) == ast.dump(ast.Module([node], []))


PYTHON = '''class A:
    class B(C):
        @dec
        async def f(self, x):
            """Doc of f.

            More.
            """
            y = """a
            b"""
            def g():
                "inner"
            return y
    def one(self): "doc"; return 1
    def only(self):
        # above
        "doc" ' of two'
        # below
    if x:
        def h(self): return f"""
        a"""
def bad(x):
    return x +
def bytes_(x):
    b"no doc"
def last(x): pass
'''


def test_python():
    found = {f.path: (f.code, f.doc) for f in functions(PYTHON, "python")}
    assert found == {
        "A.B.f": ('@dec\nasync def f(self, x):\n    y = """a\n            b"""\n    def g():\n        "inner"\n    return y',
                  "Doc of f.\n\nMore."),
        "A.one": ("def one(self): return 1", "doc"),
        "A.only": ("def only(self):\n    # above\n    ...\n    # below", "doc of two"),
        "A.h": ('def h(self): return f"""\n        a"""', ""),
        "bytes_": ('def bytes_(x):\n    b"no doc"', ""),
        "last": ("def last(x): pass", ""),
    }  # fmt: skip


JAVA = """package a;
/** X. */
public class A {
    /**
     * Makes.
     *   More.
     */
    @Deprecated
    A(int x) {
        this.x = x;
    }
    int y; // not of f
    int f() { return 1; }
    abstract int g();
    enum E { P; /* h. */ int h() { return 2; } }
}
"""
JAVASCRIPT = """/** Adds. */
export async function add(a, b) { return a + b; }
// one
//   two
const f = (x) => x, g = function () { };

// far

let h = function* () { };
class C {
  // eslint-disable-next-line
  /** Makes. */
  constructor(x) {
    this.x = `
  a`;
  }
  #p = () => { return 1; };
}
exports.bar = function (x) { return x; };
(function () { function inner() { } })();
f(() => 1);
"""
GO = """package main
// F does.
//go:noinline
func (r *T[K]) F() int {
\treturn 1
}
func (T) G() { }
func H()
type I interface { J() }
"""
CPP = """// Adds.
template <class T> int A<T>::f(T x) { return x; }
namespace N { class C {
    /* Makes.
     * It. */
    C(int x) : a(x) {
        a = 1;
    }
    ~C() { } int &operator+(C o) { return a; } void m(); int q() const = delete;
}; }
int *p(int x); // of the declaration
int *p(int x) { return x; }
"""


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("java", JAVA, {"A.A": ("@Deprecated\nA(int x) {\n    this.x = x;\n}", "Makes.\n  More."),
                        "A.f": ("int f() { return 1; }", ""), "A.E.h": ("int h() { return 2; }", "")}),
        ("javascript", JAVASCRIPT,
         {"add": ("async function add(a, b) { return a + b; }", "Adds."), "f": ("f = (x) => x", ""),
          "g": ("g = function () { }", ""), "h": ("let h = function* () { };", ""),
          "C.constructor": ("constructor(x) {\n  this.x = `\n  a`;\n}", "Makes."), "C.#p": ("#p = () => { return 1; }", ""),
          "bar": ("exports.bar = function (x) { return x; };", ""), "inner": ("function inner() { }", "")}),
        ("go", GO, {"T.F": ("func (r *T[K]) F() int {\n\treturn 1\n}", "F does."), "T.G": ("func (T) G() { }", "")}),
        ("cpp", CPP, {"A.f": ("template <class T> int A<T>::f(T x) { return x; }", "Adds."),
                      "N.C.C": ("C(int x) : a(x) {\n    a = 1;\n}", "Makes.\nIt."), "N.C.~C": ("~C() { }", ""),
                      "N.C.operator+": ("int &operator+(C o) { return a; }", ""), "p": ("int *p(int x) { return x; }", "")}),
        ("c", "/* a */\n\n/* Frees. */\nstatic void *\nf(int a) { }\n", {"f": ("static void *\nf(int a) { }", "Frees.")}),
    ],
)  # fmt: skip
def test_other_languages(language, text, expected):
    found = functions(text, language)
    assert {f.path: (f.code, f.doc) for f in found} == expected
    assert [f.name for f in found] == [f.path.split(".")[-1] for f in found]
    assert all(len(parse(f.code, language).tree) for f in found)


def test_strange_files():
    assert functions("", "python") == functions("x = (", "python") == functions("# \x00", "python") == []
    (found,) = functions("def f(): return '\udc80'\ndef g(): return '\x00'", "python")  # NUL is a syntax error
    assert found.code == "def f(): return '?'"
    deep = "(" * 10_000 + ")" * 10_000
    assert [f.code for f in functions(f"x = {deep}\ndef f(): return {deep}", "python")] == [f"def f(): return {deep}"]
    with pytest.raises(ValueError, match="'rust'"):
        functions("fn f() { }", "rust")

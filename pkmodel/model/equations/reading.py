"""From the text of an expression to rows, by Python's own parser and a short list of what is allowed."""

from __future__ import annotations

import ast
import math
from functools import lru_cache
from keyword import iskeyword
from typing import Any

from pkmodel.errors import ModelError, did_you_mean

Row = tuple[Any, ...]
"""``("number", 2.0)``, ``("name", "x")``, or an operation and the places of its operands among the rows before."""

SIGNATURES = {
    "exp": "exp(x)",
    "log": "log(x)",
    "sqrt": "sqrt(x)",
    "min": "min(a, b)",
    "max": "max(a, b)",
    "hill": "hill(x, x50, gamma)",
    "where": "where(condition, a, b)",
}
TIME = "t"

_OPERATORS = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
    ast.BitXor: "**",  # its character is a fault already
}
_COMPARISONS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
_ELSEWHERE = {
    "ln": "log(x)",
    "log10": "log(x) / log(10)",
    "pow": "x**y",
    "abs": "max(x, -x)",
    "ifelse": "where(condition, a, b)",
}
_ABSENT = {"sin", "cos", "tan", "sinh", "cosh", "tanh"}
"""Functions that are no misspelt ones."""
_SYNTAX = {
    "invalid syntax": "expected numbers, names and functions with + - * / ** between them",
    "invalid decimal literal": "write * for a product; a name does not begin with a digit",
}
"""The parser's words in ours."""
_CHARACTERS = {
    "^": ("write ** for a power", "^"),
    "·": ("write * for a product", "*"),
    "×": ("write * for a product", "*"),
    "÷": ("write / for a quotient", "/"),
    "−": ("write - for a difference", "-"),
    "–": ("write - for a difference", "-"),
    "²": ("write **2", ""),
    "³": ("write **3", ""),
    "#": ("an expression holds no comments", ""),
}
"""What is wrong with a character, and what stands for it while the rest is read ("": the rest is not read)."""


def read(text: str, name: str = "") -> tuple[Row, ...]:
    """Rows of an expression, operands before operations, from left to right.

    Raises
    ------
    ModelError
        With every fault of the text.
    """
    if not isinstance(text, str):
        raise ModelError(f'{name or "the expression"} is {text!r}; expected text, such as "k * x"')
    return _rows(" ".join(text.split()), name)


def quoted(text: str) -> str:
    """A text on one line, for errors."""
    return f'"{_short(" ".join(text.split()), 120)}"'


@lru_cache(maxsize=1024)
def _rows(line: str, name: str) -> tuple[Row, ...]:
    given = f"{name} = {quoted(line)}" if name else quoted(line)
    if not line:
        raise ModelError("the text is empty", given=given)
    faults = []
    for position, character in enumerate(line, 1):
        if character in _CHARACTERS:
            faults.append(f"{_place(character, position)}: {_CHARACTERS[character][0]}")
    replaced = [_CHARACTERS.get(c, ("", c))[1] for c in line]
    if all(replaced):
        reader = _Reader("".join(replaced), line)
        reader.read_line()
        faults += reader.faults
        if not faults:
            return tuple(reader.rows)
    raise ModelError(*faults, given=given)


class _Reader:
    """One reading: the rows so far and what is wrong so far."""

    def __init__(self, code: str, line: str) -> None:
        self.code, self.line = code, line
        self.rows: list[Row] = []
        self.faults: list[str] = []

    def read_line(self) -> None:
        try:
            self.read(ast.parse(self.code, mode="eval").body)
        except SyntaxError as error:
            self.faults.append(self._syntax(error))
        except (RecursionError, MemoryError):
            self.faults.append("the text is nested too deeply: give its parts names in definitions")

    def read(self, node: ast.expr) -> int:
        """Place of a part's row; a part that is wrong gets a row as well, so that reading goes on."""
        match node:
            case ast.Constant():
                return self._number(node)
            case ast.Name():
                return self._name(node)
            case ast.BinOp():
                return self._binary(node)
            case ast.UnaryOp(op=ast.USub()):
                return self._row("neg", self.read(node.operand))
            case ast.UnaryOp(op=ast.UAdd()):
                return self.read(node.operand)
            case ast.Call():
                return self._call(node)
            case ast.Compare():
                return self._fault(node, "a comparison stands only in where(condition, a, b)")
            case ast.IfExp():
                return self._fault(node, "write where(condition, a, b)")
            case ast.Attribute() if node.attr in SIGNATURES:
                return self._fault(node, f"write {SIGNATURES[node.attr]}")
            case ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
                return self._fault(node, "one comparison only; write where() inside where()")
        return self._fault(node, "expected numbers, names, + - * / ** and functions")

    def _row(self, *row: Any) -> int:
        self.rows.append(row)
        return len(self.rows) - 1

    def _number(self, node: ast.Constant) -> int:
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            return self._fault(node, "expected a real number")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if number == math.inf:
            return self._fault(node, "the number is too large")
        return self._row("number", number)

    def _name(self, node: ast.Name) -> int:
        if node.id in SIGNATURES:
            return self._fault(node, f"this is a function: write {SIGNATURES[node.id]}")
        return self._row("name", self._text(node)[0])  # node.id may have another spelling of µ

    def _binary(self, node: ast.BinOp) -> int:
        chain = [node]  # a long sum is nested as deeply as it has terms
        while isinstance(chain[-1].left, ast.BinOp):
            chain.append(chain[-1].left)
        place = self.read(chain[-1].left)
        for part in reversed(chain):
            right = self.read(part.right)
            if type(part.op) not in _OPERATORS:
                self._fault(part, "the operators are + - * / **")
            place = self._row(_OPERATORS.get(type(part.op)), place, right)
        return place

    def _call(self, node: ast.Call) -> int:
        name = ast.unparse(node.func).rpartition(".")[2]
        if name not in SIGNATURES or not isinstance(node.func, ast.Name):
            for argument in node.args:
                self.read(argument)
            return self._fault(node, self._unknown(node, name))
        signature = SIGNATURES[name]
        count = signature.count(",") + 1
        given = len(node.args) + len(node.keywords)
        many = name in ("min", "max")
        plain = not node.keywords and not any(isinstance(a, ast.Starred) for a in node.args)
        if not plain or (given < count if many else given != count):
            words = f"{'at least ' * many}{count} argument{'s' * (count > 1)}"
            return self._fault(node, f"expected {words}, {signature}")
        if name == "where":
            return self._row("where", self._condition(node.args[0]), *map(self.read, node.args[1:]))
        places = [self.read(argument) for argument in node.args]
        if name == "hill":
            self._positive(node.args[1], "x50")
            self._positive(node.args[2], "gamma")
        return self._row(name, *places)

    def _unknown(self, node: ast.Call, name: str) -> str:
        if name in SIGNATURES:
            return f"write {SIGNATURES[name]}"
        if name in _ELSEWHERE:
            return f'unknown function "{name}": write {_ELSEWHERE[name]}'
        if not isinstance(node.func, ast.Name):
            return "write * for a product"
        near = "" if name in _ABSENT else did_you_mean(name, SIGNATURES)
        known = f" ({', '.join(SIGNATURES)}); a product is written with *"
        return f'unknown function "{name}"{near or known}'

    def _condition(self, node: ast.expr) -> int:
        if not isinstance(node, ast.Compare) or len(node.ops) > 1:
            return self._fault(node, "expected one comparison, a < b")
        left, right = self.read(node.left), self.read(node.comparators[0])
        operator = _COMPARISONS.get(type(node.ops[0]))
        if operator is None:
            return self._fault(node, f"the comparisons are {' '.join(_COMPARISONS.values())}")
        return self._row(operator, left, right)

    def _positive(self, node: ast.expr, what: str) -> None:
        match node:
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant()) | ast.Constant(value=0):
                self._fault(node, f"{what} has to be above 0")

    def _fault(self, node: ast.expr, what: str) -> int:
        """Note a fault with its place, and stand in for the part that is wrong."""
        self.faults.append(f"{_place(*self._text(node))}: {what}")
        return self._row("number", 1.0)

    def _text(self, node: ast.expr) -> tuple[str, int]:
        """What is written, and the number of its first character."""
        code = self.code.encode()
        start, stop = (len(code[:k].decode()) for k in (node.col_offset, node.end_col_offset))
        return self.line[start:stop], start + 1

    def _syntax(self, error: SyntaxError) -> str:
        parts = "".join(c if c.isalnum() or c == "_" else " " for c in self.line).split()
        words = [word for word in parts if iskeyword(word)]
        if words:
            return f'"{words[0]}" is a word of Python and cannot be a name'
        if "=" in self.line:
            return 'expected the right-hand side alone, without "="'
        position = min(max(error.offset or 1, 1), len(self.line))
        message = error.msg.partition(" (")[0].partition(". Perhaps")[0]
        return f"{_place(self.line[position - 1 :], position)}: {_SYNTAX.get(message, message)}"


def _place(part: str, position: int) -> str:
    return f'"{_short(part, 40)}" at character {position}'


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."

"""`where`: a small SQL condition over the columns of one table, checked when it is read, and as an Ibis expression.

The text never reaches an engine. It is parsed (sqlglot, DuckDB's grammar), every node of the tree must be on a list,
and what an engine sees is an Ibis expression built from that tree: names are quoted and values are literals by
construction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import sqlglot
from sqlglot import Token, TokenType, exp
from sqlglot.errors import ParseError, TokenError

from leadline.spec.finite import without_nan
from leadline.spec.text import TEXT_FUNCTIONS, TextFunction
from leadline.spec.words import instead
from leadline.values import InputError

MAX_LENGTH: Final = 8_000
MAX_DEPTH: Final = 30
FUNCTIONS: Final = ("lower", "upper", "length", "abs", "coalesce", *TEXT_FUNCTIONS)

# Node types that may stand in a condition, each with the parts it may have. Whatever is not here is refused, so a new
# version of sqlglot that reads more SQL, or adds an option to a node, does not widen what we accept.
_PAIR = frozenset({"this", "expression"})
_ONE = frozenset({"this"})
ALLOWED: Final[dict[type[exp.Expression], frozenset[str]]] = {
    exp.Column: _ONE,
    exp.Identifier: frozenset({"this", "quoted"}),
    exp.Literal: frozenset({"this", "is_string"}),
    exp.Boolean: _ONE,
    exp.Null: frozenset(),
    exp.Paren: _ONE,
    exp.Not: _ONE,
    exp.And: _PAIR,
    exp.Or: _PAIR,
    exp.EQ: _PAIR,
    exp.NEQ: _PAIR,
    exp.LT: _PAIR,
    exp.LTE: _PAIR,
    exp.GT: _PAIR,
    exp.GTE: _PAIR,
    exp.In: frozenset({"this", "expressions"}),
    exp.Between: frozenset({"this", "low", "high"}),
    exp.Is: _PAIR,
    exp.Like: _PAIR | {"negate"},
    exp.ILike: _PAIR | {"negate"},
    exp.Add: _PAIR,
    exp.Sub: _PAIR,
    exp.Mul: _PAIR,
    exp.Div: _PAIR,
    exp.Mod: _PAIR,
    exp.Neg: _ONE,
    exp.Cast: frozenset({"this", "to"}),
    exp.DataType: _ONE,
    exp.Lower: _ONE,
    exp.Upper: _ONE,
    exp.Length: _ONE,
    exp.Abs: _ONE,
    exp.Coalesce: frozenset({"this", "expressions"}),
    exp.Anonymous: frozenset({"this", "expressions"}),  # of these only `TEXT_FUNCTIONS`
}

_SUBQUERY: Final = "a subquery cannot stand in a condition"

# Refused by their word, because the tree does not say where that word stood.
_REFUSED_WORDS: Final[dict[TokenType, str]] = {
    TokenType.SELECT: _SUBQUERY,
    TokenType.WITH: _SUBQUERY,
    TokenType.FROM: _SUBQUERY,
    TokenType.OVER: "a window function cannot stand in a condition",
    TokenType.CASE: "CASE cannot stand in a condition; write it with AND and OR",
    TokenType.SEMICOLON: "one condition only, without ';'",
    TokenType.PLACEHOLDER: "parameters cannot stand in a condition",
    TokenType.PARAMETER: "parameters cannot stand in a condition",
    TokenType.DCOLON: "casts cannot stand in a condition, except DATE '...' and TIMESTAMP '...'",
    TokenType.INTERVAL: "INTERVAL cannot stand in a condition; compare with a DATE '...' or TIMESTAMP '...'",
    TokenType.COLLATE: "COLLATE cannot stand in a condition",
    TokenType.ESCAPE: "ESCAPE cannot stand in a condition",
    TokenType.L_BRACKET: "lists and subscripts cannot stand in a condition; write IN (...)",
    TokenType.L_BRACE: "'{' cannot stand in a condition",
}


class ConditionError(InputError, ValueError):
    """A `where` that cannot be used: says what, and points at the place in the text."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that has been checked: its text, and the columns it names in the order of their first use.

    >>> Condition.parse("distance > 1500 AND origin IN ('JFK', 'EWR')").columns
    ('distance', 'origin')
    """

    text: str
    columns: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Check `text`. Raises ConditionError that points at what cannot stand in a condition.

        >>> Condition.parse("a > 1; b")
        Traceback (most recent call last):
        leadline.spec.where.ConditionError: one condition only, without ';'
            a > 1; b
                 ^
        """
        tree = _tree(text)
        columns = [(_start(node) or 0, node.name) for node in tree.find_all(exp.Column)]
        if not columns:
            raise _error(text, "a condition names at least one column", 0)
        return cls(text, tuple(dict.fromkeys(name for _, name in sorted(columns))))

    def __str__(self) -> str:
        return self.text


def to_ibis(condition: Condition, table: ibis.Table, timezone: str = "UTC") -> ir.BooleanValue:
    """The condition as an expression over `table`; NULL where SQL says NULL, so callers decide with `fill_null`.

    timezone   zone in which times without a zone are read when they meet times with one

    As in SQL (DuckDB's, where dialects differ), except for what engines do differently: division by zero and the
    remainder of it are NULL, and LIKE has no escape character.
    Raises ConditionError for a column that is not there, naming the nearest, and for kinds that cannot be compared.

    >>> flights = ibis.table({"distance": "int64", "origin": "string"}, name="flights")
    >>> to_ibis(Condition.parse("distance > 1500"), flights).type()
    Boolean(nullable=True)
    """
    term = _Translation(condition.text, table, ZoneInfo(timezone)).term(_tree(condition.text))
    if term.kind != "boolean":
        raise _error(condition.text, f"this is {_A[term.kind]}, not a condition", 0)
    result: ir.BooleanValue = term.value
    return result


def to_number(condition: Condition, table: ibis.Table, timezone: str = "UTC") -> ir.NumericValue:
    """An expression that is a number over `table`, in the grammar of conditions; NULL where it is none.

    Raises ConditionError as `to_ibis`, and where it is no number.
    """
    term = _Translation(condition.text, table, ZoneInfo(timezone)).term(_tree(condition.text))
    if term.kind != "number":
        raise _error(condition.text, f"this is {_A[term.kind]}, not a number", 0)
    result: ir.NumericValue = term.value
    return result


def _tree(text: str) -> exp.Expression:
    """Parse and check; every node of the result is on the list."""
    if len(text) > MAX_LENGTH:
        raise ConditionError(f"the condition is longer than {MAX_LENGTH} characters")
    dialect = sqlglot.Dialect.get_or_raise("duckdb")
    try:
        tokens = dialect.tokenize(text)
    except TokenError:
        raise ConditionError(f"a quote or comment does not end\n    {text}") from None
    if not tokens:
        raise ConditionError("the condition is empty")
    _check_tokens(text, tokens)
    try:
        trees = dialect.parser().parse_into(exp.Condition, tokens, text)
    except ParseError as error:
        raise _unparsed(text, tokens, error) from None
    tree = trees[0] if len(trees) == 1 else None
    if not isinstance(tree, exp.Expression):
        raise _error(text, "this cannot be read as a condition", tokens[0].start)
    _check_nodes(text, tree)
    return tree


def _check_tokens(text: str, tokens: Sequence[Token]) -> None:
    depth = 0
    for before, token in zip([None, *tokens], tokens, strict=False):
        if token.token_type in _REFUSED_WORDS:
            message = _REFUSED_WORDS[token.token_type]
            raise _error(text, message + (_quote_it(token) if message == _SUBQUERY else ""), token.start)
        # The parser calls itself for each of these, so they are counted before it runs.
        prefix = before is None or before.token_type in _PREFIXES or before.token_type == TokenType.L_PAREN
        if token.token_type == TokenType.R_PAREN:
            depth -= 1
        elif token.token_type == TokenType.L_PAREN or (prefix and token.token_type in _PREFIXES):
            depth += 1
            if depth > MAX_DEPTH:
                raise _error(text, f"nested deeper than {MAX_DEPTH} levels", token.start)


_PREFIXES = frozenset({TokenType.NOT, TokenType.DASH})


def _unparsed(text: str, tokens: Sequence[Token], error: ParseError) -> ConditionError:
    found = error.errors[0] if error.errors else {}
    line, column = found.get("line"), found.get("col")
    # sqlglot counts columns at a token's end.
    at = next((token for token in tokens if token.line == line and token.col == column), tokens[-1])
    message = f"this cannot be read as a condition, at {at.text!r}"
    return _error(text, message + _quote_it(at), at.start)


_OWN_WORDS = frozenset({"AND", "OR", "NOT", "IN", "IS", "LIKE", "ILIKE", "BETWEEN", "NULL", "TRUE", "FALSE"})


def _quote_it(token: Token) -> str:
    """The advice for a column whose name is a word of SQL."""
    plain = token.token_type in (TokenType.VAR, TokenType.STRING, TokenType.NUMBER)
    if plain or not token.text.isidentifier() or token.text.upper() in _OWN_WORDS:
        return ""
    return f'; a column of that name is written "{token.text}"'


def _check_nodes(text: str, tree: exp.Expression) -> None:
    stack: list[tuple[Any, int]] = [(tree, 0)]
    while stack:
        node, depth = stack.pop()
        parts = ALLOWED.get(type(node))
        if parts is None:
            raise _refused(text, node)
        for name, part in node.args.items():
            if name not in parts and part not in (None, False, []):
                raise _refused(text, node)
        if depth > MAX_DEPTH:
            raise _error(text, f"nested deeper than {MAX_DEPTH} levels", _start(node) or 0)
        _check_node(text, node)
        # A chain of ANDs or ORs is one level, however long.
        chain = isinstance(node, exp.Connector) and type(node.parent) is type(node)
        stack.extend((child, depth if chain else depth + 1) for child in node.iter_expressions())


def _check_node(text: str, node: exp.Expression) -> None:
    """Rules for single node types that the list of parts cannot say."""
    at = _start(node) or 0
    match node:
        case exp.Cast():
            if not isinstance(node.this, exp.Literal) or not node.this.is_string or node.to.this not in _CASTS:
                raise _error(text, "casts cannot stand in a condition, except DATE '...' and TIMESTAMP '...'", at)
            _time_literal(text, node)
        case exp.Is() if not isinstance(node.expression, exp.Null | exp.Boolean):
            raise _error(text, "IS goes with NULL, NOT NULL, TRUE or FALSE only", at)
        case exp.Null() if not isinstance(node.parent, exp.Is):
            where = node.parent
            raise _error(text, "nothing equals NULL; write IS NULL or IS NOT NULL", _start(where) if where else at)
        case exp.In() if not node.expressions or not all(_is_value(each) for each in node.expressions):
            raise _error(text, "IN takes a list of values in brackets, such as IN ('a', 'b')", at)
        case exp.Like() | exp.ILike():
            pattern = node.expression
            if not isinstance(pattern, exp.Literal) or not pattern.is_string:
                raise _error(text, "LIKE takes a pattern in quotes", _start(pattern) or at)
            if "\\" in pattern.name:  # some engines take it for an escape character, DuckDB does not
                raise _error(text, "a LIKE pattern cannot hold a backslash", _start(pattern) or at)
        case exp.Literal() if not node.is_string:
            _number(text, node)
        case exp.Anonymous():
            _text_function(text, node)


def _text_function(text: str, node: exp.Anonymous) -> TextFunction:
    """The function that a node calls, with arguments that fit."""
    name = str(node.this).lower()
    function = TEXT_FUNCTIONS.get(name)
    if function is None:
        raise _refused(text, node)
    given = len(node.expressions)
    if given < function.arguments or (given > function.arguments and not function.words):
        few = "1 argument" if function.arguments == 1 else f"{function.arguments} arguments"
        raise _error(text, f"{name} takes {few}{' or more' if function.words else ''}", _start(node))
    last = node.expressions[-1]
    for word in node.expressions[function.texts :] if function.words else ():
        if not (isinstance(word, exp.Literal) and word.is_string and any(map(str.isalnum, word.name))):
            raise _error(text, f"{name} takes words in quotes after the text", _start(word))
    if function.names and not (isinstance(last, exp.Literal) and last.is_string and last.name in function.names):
        raise _error(text, f"{name} takes one of {', '.join(map(repr, function.names))} in quotes last", _start(last))
    return function


_CASTS = frozenset({exp.DataType.Type.DATE, exp.DataType.Type.TIMESTAMP, exp.DataType.Type.TIMESTAMPNTZ})
_CASTS |= {exp.DataType.Type.TIMESTAMPTZ}


def _is_value(node: exp.Expression) -> bool:
    return isinstance(node, exp.Literal | exp.Boolean | exp.Null | exp.Cast) or (
        isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal)
    )


def _refused(text: str, node: exp.Expression) -> ConditionError:
    at = _start(node) or 0
    if isinstance(node, exp.Column):
        return _error(text, "names have one part; the condition is about one table", at)
    if isinstance(node, exp.Star):
        return _error(text, "'*' stands for no single column", at)
    if isinstance(node, exp.Func) and "start" in node.meta:
        name = text[node.meta["start"] : node.meta["end"] + 1]
        if name.lower() in FUNCTIONS:
            return _error(text, f"{name!r} is not used like this", at)
        return _error(text, f"{name!r} is not a function of conditions{instead(name, FUNCTIONS)}", at)
    return _error(text, f"{node.sql('duckdb')!r} cannot stand in a condition", at)


def _start(node: Any) -> int | None:
    """Offset of the first part of `node` whose place sqlglot knows; else that of a part around it."""
    while node is not None:
        known = [part.meta["start"] for part in node.walk() if "start" in part.meta]
        if known:
            return int(min(known))
        node = node.parent
    return None


def _error(text: str, message: str, at: int | None) -> ConditionError:
    at = at or 0
    before = text[:at].rpartition("\n")[2]
    line = before + text[at:].partition("\n")[0]
    return ConditionError(f"{message}\n    {line}\n    {' ' * len(before)}^")


def _number(text: str, node: exp.Expression) -> int | float:
    """The value of a number literal, or of one with a minus."""
    sign, digits = (-1, node.this.name) if isinstance(node, exp.Neg) else (1, node.name)
    try:
        value = int(digits) if digits.isdecimal() and len(digits) < 30 else float(digits)
    except ValueError:
        raise _error(text, f"{digits!r} is not a number that can stand in a condition", _start(node)) from None
    if isinstance(value, int) and value > 2**63 - 1:
        raise _error(text, "whole numbers end at 9223372036854775807", _start(node))
    if value == float("inf"):
        raise _error(text, f"{digits!r} is too large", _start(node))
    return sign * value


def _time_literal(text: str, node: exp.Cast) -> date | datetime:
    return _time(text, node, node.this.name, "date" if node.to.this == exp.DataType.Type.DATE else "timestamp")


def _time(text: str, node: exp.Expression, written: str, kind: str) -> date | datetime:
    try:
        if kind == "date":
            return date.fromisoformat(written)
        return datetime.fromisoformat(written)
    except ValueError:
        form = "2013-05-01" if kind == "date" else "2013-05-01 12:00:00"
        raise _error(text, f"{written!r} is not a {kind}; write it like '{form}'", _start(node)) from None


_A: Final = {
    "number": "a number",
    "text": "text",
    "boolean": "true or false",
    "date": "a date",
    "timestamp": "a time",
    "null": "empty",
    "other": "of a kind that conditions do not know",
}
_ORDERED = frozenset({"number", "text", "date", "timestamp"})


@dataclass(frozen=True, slots=True)
class _Term:
    """A translated part: its expression and kind; `literal` is set where it was written as a value."""

    value: Any
    kind: str
    node: exp.Expression
    literal: str | int | float | bool | date | datetime | None = None


@dataclass(frozen=True, slots=True)
class _Translation:
    text: str
    table: ibis.Table
    zone: ZoneInfo

    def term(self, node: exp.Expression) -> _Term:
        match node:
            case exp.Paren():
                return self.term(node.this)
            case exp.Column():
                return self.column(node)
            case exp.Literal() | exp.Boolean() | exp.Cast():
                return self.literal(node)
            case exp.Neg() if isinstance(node.this, exp.Literal) and not node.this.is_string:
                return self.literal(node)
            case exp.Add() | exp.Sub() | exp.Mul() | exp.Div() | exp.Mod() | exp.Neg() | exp.Abs():
                return self.arithmetic(node)
            case exp.Lower() | exp.Upper() | exp.Length():
                return self.text_function(node)
            case exp.Coalesce():
                return self.coalesce(node)
            case exp.Anonymous():
                function = _text_function(self.text, node)
                texts = [self.text_value(each) for each in node.expressions[: function.texts]]
                names = [each.name for each in node.expressions[function.texts :]]
                return _Term(function.build(*texts, *names), function.kind, node)
            case _:
                return _Term(self.condition(node), "boolean", node)

    def condition(self, node: exp.Expression) -> Any:
        match node:
            case exp.And() | exp.Or():
                parts = [self.boolean(part) for part in _chain(node)]
                return _balanced(parts, lambda a, b: a & b if isinstance(node, exp.And) else a | b)
            case exp.Not():
                return ~self.boolean(node.this)
            case exp.Is():
                return self.is_(node)
            case exp.Like() | exp.ILike():
                subject = self.text_value(node.this)
                pattern = node.expression.name
                found = subject.like(pattern) if isinstance(node, exp.Like) else subject.ilike(pattern)
                return ~found if node.args.get("negate") else found
            case exp.Between():
                subject = self.term(node.this)
                low = self.compare(exp.GTE, subject, self.term(node.args["low"]), node)
                return low & self.compare(exp.LTE, subject, self.term(node.args["high"]), node)
            case exp.In():
                subject = self.term(node.this)
                each = [self.compare(exp.EQ, subject, self.term(value), node) for value in node.expressions]
                return _balanced(each, lambda a, b: a | b)
            case exp.Binary():
                return self.compare(type(node), self.term(node.this), self.term(node.expression), node)
            case _:  # _check_nodes lets nothing else through
                raise _refused(self.text, node)

    def boolean(self, node: exp.Expression) -> Any:
        term = self.term(node)
        if term.kind == "null":
            return ibis.null("boolean")
        if term.kind != "boolean":
            raise self.error(node, f"{self.said(term)}, not a condition")
        return term.value

    def is_(self, node: exp.Is) -> Any:
        if isinstance(node.expression, exp.Null):
            return self.term(node.this).value.isnull()
        subject = self.boolean(node.this)
        return (subject if node.expression.this else ~subject).fill_null(False)

    def column(self, node: exp.Column) -> _Term:
        name = node.name
        if name not in self.table.columns:
            message = f"there is no column {name!r}{instead(name, self.table.columns)}"
            if node.this.args.get("quoted"):
                message += f" (for the text write '{name}': double quotes name columns)"
            raise self.error(node, message)
        value = self.table[name]
        kind = _kind(value.type())
        if value.type().is_uuid():
            value = value.cast("string")
        elif value.type().is_floating():
            # else 0.1 in single precision times 10 is 1 on one engine and not on another
            value = without_nan(value.cast("float64"))
        return _Term(value, kind, node)

    def literal(self, node: exp.Expression) -> _Term:
        match node:
            case exp.Cast():
                moment = _time_literal(self.text, node)
                kind = "timestamp" if isinstance(moment, datetime) else "date"
                return _Term(_time_value(moment), kind, node, moment)
            case exp.Boolean():
                return _Term(ibis.literal(bool(node.this)), "boolean", node, bool(node.this))
            case exp.Literal() if node.is_string:
                return _Term(ibis.literal(node.name), "text", node, node.name)
            case _:
                number = _number(self.text, node)
                return _Term(ibis.literal(number), "number", node, number)

    def arithmetic(self, node: exp.Expression) -> _Term:
        parts = [node.this] if isinstance(node, exp.Neg | exp.Abs) else [node.this, node.expression]
        values = [self.number(part) for part in parts]
        match node:
            case exp.Neg():
                value = -values[0]
            case exp.Abs():
                value = values[0].abs()
            case exp.Add():
                value = values[0] + values[1]
            case exp.Sub():
                value = values[0] - values[1]
            case exp.Mul():
                value = values[0] * values[1]
            case exp.Div():
                # DuckDB says infinity or NULL, Spark and PostgreSQL raise: NULL on all of them.
                value = values[0].cast("float64") / values[1].cast("float64").nullif(0.0)
            case _:
                value = values[0] % values[1].nullif(0)
        return _Term(value, "number", node)

    def number(self, node: exp.Expression) -> Any:
        term = self.term(node)
        if term.kind == "null":
            return ibis.null("int64")
        if term.kind != "number":
            raise self.error(node, f"{self.said(term)}; arithmetic is for numbers")
        # Engines widen narrow integers differently when they add them.
        return term.value.cast("int64") if term.value.type().is_integer() else term.value

    def text_value(self, node: exp.Expression) -> Any:
        term = self.term(node)
        if term.kind == "null":
            return ibis.null("string")
        if term.kind != "text":
            raise self.error(node, f"{self.said(term)}, where text is needed")
        return term.value

    def text_function(self, node: exp.Expression) -> _Term:
        value = self.text_value(node.this)
        match node:
            case exp.Lower():
                return _Term(value.lower(), "text", node)
            case exp.Upper():
                return _Term(value.upper(), "text", node)
            case _:
                return _Term(value.length(), "number", node)

    def coalesce(self, node: exp.Coalesce) -> _Term:
        terms = [self.term(part) for part in (node.this, *node.expressions)]
        model = next((term for term in terms if term.literal is None and term.kind != "null"), terms[-1])
        values = []
        for term in terms:
            if term.kind == "null":
                continue
            left, right = self.alike(model, term, node)
            if left.kind != model.kind:
                raise self.error(node, f"{self.said(model)}, {self.said(term)}: write them alike")
            values.append(right.value)
        return _Term(ibis.coalesce(*values) if values else model.value, model.kind, node)

    def compare(self, operator: type[exp.Expression], left: _Term, right: _Term, node: exp.Expression) -> Any:
        if "null" in (left.kind, right.kind):
            return ibis.null("boolean")
        if left.literal is not None and right.literal is None:
            right, left = self.alike(right, left, node)
        else:
            left, right = self.alike(left, right, node)
        if left.kind not in _ORDERED and operator not in (exp.EQ, exp.NEQ):
            raise self.error(node, f"{self.said(left)}: there is no smaller or larger")
        return _OPERATORS[operator](left.value, right.value)

    def alike(self, model: _Term, other: _Term, node: exp.Expression) -> tuple[_Term, _Term]:
        """Both terms as one kind, or an error; `other` follows `model` where it was written as a value."""
        kinds = {model.kind, other.kind}
        if "other" in kinds:
            odd = model if model.kind == "other" else other
            raise self.error(node, f"{self.said(odd)}; only IS NULL goes with it")
        if other.literal is not None and kinds == {"text", model.kind} and model.kind in ("date", "timestamp"):
            other = self.time(other)
        if {model.kind, other.kind} == {"date", "timestamp"}:
            model, other = self.timestamp(model), self.timestamp(other)
        if model.kind != other.kind:
            both = f"{self.said(model)}, {self.said(other)}"
            raise self.error(node, f"{both}: they cannot be compared{_hint(model, other)}")
        if model.kind == "timestamp":
            return model, self.same_zone(model, other, node)
        if model.kind == "number" and isinstance(other.literal, float) and model.value.type() == dt.float32:
            # 0.1 as a double is not equal to the 0.1 that a 32-bit column holds.
            return model, _Term(ibis.literal(other.literal, type="float32"), "number", other.node, other.literal)
        return model, other

    def time(self, term: _Term) -> _Term:
        """Text that meets a date or time is read as one: a date where it has no clock time."""
        written = str(term.literal)
        kind = "date" if len(written) == 10 else "timestamp"
        moment = _time(self.text, term.node, written, kind)
        return _Term(_time_value(moment), kind, term.node, moment)

    def timestamp(self, term: _Term) -> _Term:
        if term.kind == "timestamp":
            return term
        if isinstance(term.literal, date):
            moment = datetime.combine(term.literal, time())
            return _Term(_time_value(moment), "timestamp", term.node, moment)
        return _Term(term.value.cast("timestamp"), "timestamp", term.node)

    def same_zone(self, model: _Term, other: _Term, node: exp.Expression) -> _Term:
        zoned, other_zoned = (each.value.type().timezone is not None for each in (model, other))
        if zoned == other_zoned:
            return other
        if not isinstance(other.literal, datetime):
            raise self.error(node, "one of these times has a time zone and the other has none")
        if zoned:
            moment = other.literal.replace(tzinfo=self.zone).astimezone(UTC)
        else:
            moment = other.literal.astimezone(self.zone).replace(tzinfo=None)
        return _Term(_time_value(moment), "timestamp", other.node, moment)

    def said(self, term: _Term) -> str:
        written = term.node.sql("duckdb")
        return f"{written} is {_A[term.kind]}"

    def error(self, node: exp.Expression, message: str) -> ConditionError:
        return _error(self.text, message, _start(node))


_OPERATORS: Final[dict[type[exp.Expression], Callable[[Any, Any], Any]]] = {
    exp.EQ: lambda a, b: a == b,
    exp.NEQ: lambda a, b: a != b,
    exp.LT: lambda a, b: a < b,
    exp.LTE: lambda a, b: a <= b,
    exp.GT: lambda a, b: a > b,
    exp.GTE: lambda a, b: a >= b,
}


def _kind(type_: dt.DataType) -> str:
    if type_.is_boolean():
        return "boolean"
    if type_.is_numeric():
        return "number"
    if type_.is_string() or type_.is_uuid():
        return "text"
    if type_.is_date():
        return "date"
    if type_.is_timestamp():
        return "timestamp"
    return "null" if type_.is_null() else "other"


def _time_value(moment: date | datetime) -> ir.Value:
    if not isinstance(moment, datetime):
        return ibis.literal(moment, type="date")
    if moment.tzinfo is None:
        return ibis.literal(moment, type="timestamp")
    return ibis.literal(moment.astimezone(UTC), type=dt.Timestamp(timezone="UTC"))


def _hint(left: _Term, right: _Term) -> str:
    for column, value in ((left, right), (right, left)):
        if value.literal is None:
            continue
        if column.kind == "text" and value.kind == "number":
            return f"; for the text write '{value.node.sql('duckdb')}'"
        if column.kind == "number" and value.kind == "text":
            return "; a number has no quotes"
        if column.kind == "boolean":
            return f"; write {column.node.sql('duckdb')} or NOT {column.node.sql('duckdb')}"
    return ""


def _chain(node: exp.Expression) -> Iterator[exp.Expression]:
    """The parts of a AND b AND c, from left to right, without recursion over a long chain."""
    stack = [node]
    while stack:
        part = stack.pop()
        if type(part) is type(node):
            stack += [part.expression, part.this]
        else:
            yield part


def _balanced(parts: Sequence[Any], join: Callable[[Any, Any], Any]) -> Any:
    """Join in a tree of logarithmic depth: engines and Ibis recurse over what they are given."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return join(_balanced(parts[:middle], join), _balanced(parts[middle:], join))

//! Which texts are Python names, literals or annotations. Each is a closed grammar that cannot do anything when imported.

const KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def",
    "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is",
    "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

/// Types that need no import.
const BUILTIN_TYPES: [&str; 19] = [
    "bool", "bytearray", "bytes", "complex", "dict", "enumerate", "filter", "float", "frozenset", "int",
    "list", "map", "memoryview", "object", "range", "set", "slice", "str", "tuple",
];

/// What `from typing import *` brings in every Python from 3.10 and can stand in an annotation.
const TYPING: [&str; 59] = [
    "AbstractSet", "Annotated", "Any", "AnyStr", "AsyncGenerator", "AsyncIterable", "AsyncIterator",
    "Awaitable", "BinaryIO", "Callable", "ChainMap", "ClassVar", "Collection", "Concatenate", "Container",
    "Coroutine", "Counter", "DefaultDict", "Deque", "Dict", "Final", "ForwardRef", "FrozenSet", "Generator",
    "Generic", "Hashable", "IO", "ItemsView", "Iterable", "Iterator", "KeysView", "List", "Literal",
    "Mapping", "MappingView", "Match", "MutableMapping", "MutableSequence", "MutableSet", "NoReturn",
    "Optional", "OrderedDict", "ParamSpec", "Pattern", "Protocol", "Reversible", "Sequence", "Set", "Sized",
    "SupportsAbs", "SupportsBytes", "SupportsFloat", "SupportsIndex", "SupportsInt", "Text", "TextIO",
    "Tuple", "Type", "Union",
];

const CONSTANTS: [&str; 3] = ["None", "True", "False"];

/// How deep brackets may nest.
const DEPTH: usize = 50;

/// A name that may be given to a function or an argument.
pub(super) fn is_identifier(text: &str) -> bool {
    let mut chars = text.chars();
    let starts = chars.next().is_some_and(|char| char == '_' || char.is_alphabetic());
    starts && chars.all(|char| char == '_' || char.is_alphanumeric()) && !KEYWORDS.contains(&text)
}

/// A literal, or a call of `set`, `frozenset` or `range` with literals.
pub(super) fn is_literal(text: &str) -> bool {
    Reader::new(text, Grammar::Literal).reads_all()
}

/// Names of types, literals, subscripts and `|`.
pub(super) fn is_annotation(text: &str) -> bool {
    Reader::new(text, Grammar::Annotation).reads_all()
}

#[derive(Clone, Copy, PartialEq)]
enum Grammar {
    Literal,
    Annotation,
}

struct Reader<'a> {
    rest: &'a str,
    grammar: Grammar,
    depth: usize,
}

/// Every method returns whether it could read what it is named after; `rest` is then behind it.
impl<'a> Reader<'a> {
    fn new(text: &'a str, grammar: Grammar) -> Self {
        Self { rest: text, grammar, depth: 0 }
    }

    fn reads_all(mut self) -> bool {
        self.expression() && self.rest.is_empty()
    }

    fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches(' ');
    }

    fn sign(&mut self, sign: &str) -> bool {
        self.blanks();
        self.rest.strip_prefix(sign).map(|rest| self.rest = rest).is_some()
    }

    fn expression(&mut self) -> bool {
        self.depth += 1;
        let read = self.depth <= DEPTH && self.operand() && self.operations();
        self.depth -= 1;
        read
    }

    /// Unions of types; sums of numbers, for `(1+2j)`.
    fn operations(&mut self) -> bool {
        let signs: &[&str] = if self.grammar == Grammar::Annotation { &["|"] } else { &["+", "-"] };
        while signs.iter().any(|sign| self.sign(sign)) {
            let read = if self.grammar == Grammar::Annotation { self.operand() } else { self.number() };
            if !read {
                return false;
            }
        }
        self.blanks();
        true
    }

    fn operand(&mut self) -> bool {
        self.blanks();
        if self.sign("(") {
            return self.list(")", Self::expression);
        }
        if self.sign("[") {
            return self.list("]", Self::expression);
        }
        if self.grammar == Grammar::Annotation && self.sign("...") {
            return true;
        }
        if self.grammar == Grammar::Literal && self.sign("{") {
            return self.list("}", Self::member);
        }
        self.string() || self.number() || self.name()
    }

    /// Entries between brackets whose opening one was read.
    fn list(&mut self, close: &str, entry: fn(&mut Self) -> bool) -> bool {
        loop {
            if self.sign(close) {
                return true;
            }
            if !entry(self) {
                return false;
            }
            if !self.sign(",") {
                return self.sign(close);
            }
        }
    }

    fn member(&mut self) -> bool {
        self.expression() && (!self.sign(":") || self.expression())
    }

    fn name(&mut self) -> bool {
        let end =
            self.rest.find(|char: char| char != '_' && !char.is_alphanumeric()).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        if CONSTANTS.contains(&name) {
            return true;
        }
        match self.grammar {
            Grammar::Literal => {
                ["set", "frozenset", "range"].contains(&name)
                    && self.sign("(")
                    && self.list(")", Self::expression)
            }
            Grammar::Annotation => {
                (BUILTIN_TYPES.contains(&name) || TYPING.contains(&name))
                    && (!self.sign("[") || self.list("]", Self::expression))
            }
        }
    }

    fn number(&mut self) -> bool {
        self.blanks();
        let unsigned = self.rest.trim_start_matches('-');
        if self.rest.len() - unsigned.len() > 1 {
            return false;
        }
        let digits =
            |text: &str| text.len() - text.trim_start_matches(|char: char| char.is_ascii_digit()).len();
        let whole = digits(unsigned);
        if whole == 0 || (whole > 1 && unsigned.starts_with('0')) {
            return false;
        }
        let mut rest = &unsigned[whole..];
        if let Some(fraction) = rest.strip_prefix('.') {
            rest = &fraction[digits(fraction)..];
        }
        if let Some(exponent) = rest.strip_prefix('e') {
            let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
            let count = digits(exponent);
            if count == 0 {
                return false;
            }
            rest = &exponent[count..];
        }
        self.rest = rest.strip_prefix('j').unwrap_or(rest);
        true
    }

    /// A string or bytes literal on one line.
    fn string(&mut self) -> bool {
        let body = self.rest.strip_prefix('b').unwrap_or(self.rest);
        let Some(quote @ ('\'' | '"')) = body.chars().next() else { return false };
        let mut chars = body[1..].char_indices();
        while let Some((at, char)) = chars.next() {
            match char {
                '\n' | '\r' => return false,
                // Escapes that take a value could be malformed, which breaks the module.
                '\\' if !chars.next().is_some_and(|(at, _)| escape(&body[1 + at..])) => return false,
                char if char == quote => {
                    self.rest = &body[1 + at + 1..];
                    return true;
                }
                _ => {}
            }
        }
        false
    }
}

/// Whether what follows a backslash is an escape as `repr` writes it.
fn escape(text: &str) -> bool {
    let mut chars = text.chars();
    let digits = match chars.next() {
        Some('\\' | '\'' | '"' | 'n' | 'r' | 't') => 0,
        Some('x') => 2,
        Some('u') => 4,
        Some('U') => 8,
        _ => return false,
    };
    let value: String = chars.take(digits).collect();
    let scalar = u32::from_str_radix(&value, 16).ok().and_then(char::from_u32);
    digits == 0 || (value.len() == digits && scalar.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_as_python_writes_them_are_accepted() {
        for text in [
            "None", "True", "1", "-1", "0.5", "1e+16", "1.5e-07", "2j", "(1+2j)", "(-1-0.5j)", "''",
            "'a\\'b'", "\"it's\"", "'\\x00\\u20ac'", "b'x\\x00'", "[]", "[1, 'a']", "()", "(1,)",
            "{'k': [1]}", "{1}", "{}", "set()", "frozenset({1})", "range(1, 10, 3)", "'имя'",
        ] {
            assert!(is_literal(text), "{text}");
        }
    }

    #[test]
    fn what_is_no_literal_is_refused() {
        for text in [
            "",
            "text",
            "inf",
            "nan",
            "int",
            "1 2",
            "01",
            "1e",
            "'a",
            "'a\nb'",
            "'\\x0'",
            "'\\ud800'",
            "'\\q'",
            "[1",
            "1)",
            "f'x'",
            "print(1)",
            "().__class__",
            "2024-01-01 00:00:00",
            "datetime.date(2024, 1, 1)",
            "1\n",
            "lambda: 1",
            "--1",
            "1; 2",
            "{**{}}",
            "*[1]",
            "1 # x",
            "1 if 1 else 2",
            "[x for x in []]",
        ] {
            assert!(!is_literal(text), "{text}");
        }
    }

    #[test]
    fn annotations_of_known_names_are_accepted() {
        for text in [
            "int", "int | float", "list[int] | None", "Optional[int]", "Callable[[int], str]",
            "Literal['x', 1]", "Tuple[int, ...]", "Annotated[int, 'unit']", "None", "5",
        ] {
            assert!(is_annotation(text), "{text}");
        }
    }

    #[test]
    fn annotations_that_need_an_import_or_do_something_are_refused() {
        for text in [
            "", "app.Custom", "~T", "Unknown", "print('x')", "int = 1", "int, b", "list[int", "set()",
            "type(None)",
        ] {
            assert!(!is_annotation(text), "{text}");
        }
    }

    #[test]
    fn brackets_nest_only_so_deep() {
        assert!(!is_literal(&format!("{}{}", "[".repeat(10_000), "]".repeat(10_000))));
    }
}

//! Regular expressions of POSIX, basic and extended, on bytes.
//!
//! An expression becomes a small program whose states are all followed at
//! once: matching takes time in proportion to the product of the lengths of
//! expression and text. References back into the match are not supported.

use alloc::boxed::Box;
use alloc::vec::Vec;

/// How deep groups may stand inside one another.
const MAX_NESTING: usize = 50;
/// How often `{n,m}` repeats at most (`RE_DUP_MAX`).
const MAX_REPEAT: usize = 255;
/// How many steps a program may have: repetitions of repetitions multiply.
const MAX_STEPS: usize = 1 << 16;

/// A set of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Set([u64; 4]);

impl Set {
    const NONE: Self = Self([0; 4]);

    fn insert(&mut self, byte: u8) {
        self.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }

    fn insert_range(&mut self, low: u8, high: u8) {
        for byte in low..=high {
            self.insert(byte);
        }
    }

    fn contains(&self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] & 1 << (byte & 63) != 0
    }

    fn invert(&mut self) {
        for word in &mut self.0 {
            *word = !*word;
        }
    }

    /// Adds the other case of each letter.
    fn fold_case(&mut self) {
        for byte in b'a'..=b'z' {
            let upper = byte.to_ascii_uppercase();
            if self.contains(byte) || self.contains(upper) {
                self.insert(byte);
                self.insert(upper);
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Node {
    Empty,
    Set(Set),
    Start,
    End,
    WordStart,
    WordEnd,
    Sequence(Vec<Node>),
    Choice(Vec<Node>),
    Repeat(Box<Node>, usize, Option<usize>),
}

#[derive(Clone, Debug)]
enum Step {
    Set(Set),
    Split(usize, usize),
    Jump(usize),
    Assert(Assertion),
    Accept,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Assertion {
    Start,
    End,
    WordStart,
    WordEnd,
}

/// An expression, ready to match.
#[derive(Clone, Debug)]
pub struct Regex {
    steps: Vec<Step>,
}

/// How an expression is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Syntax {
    /// Basic: `\(`, `\{`, `*`; also `\+`, `\?`, `\|`.
    Basic,
    /// Extended: `(`, `{`, `*`, `+`, `?`, `|`.
    Extended,
    /// No character is special.
    Fixed,
}

type Parsed<T> = Result<T, &'static str>;

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    extended: bool,
    ignore_case: bool,
    depth: usize,
}

impl Regex {
    /// An expression; what is wrong with it otherwise.
    pub fn new(text: &[u8], syntax: Syntax, ignore_case: bool) -> Result<Self, &'static str> {
        let mut parser = Parser {
            text,
            at: 0,
            extended: syntax == Syntax::Extended,
            ignore_case,
            depth: 0,
        };
        let node = if syntax == Syntax::Fixed {
            Node::Sequence(text.iter().map(|&byte| parser.byte(byte)).collect())
        } else {
            let node = parser.choice()?;
            if parser.at < text.len() {
                return Err("unmatched closing parenthesis");
            }
            node
        };
        let mut steps = Vec::new();
        compile(&node, &mut steps)?;
        steps.push(Step::Accept);
        Ok(Self { steps })
    }

    /// The first and, from there, longest match in `text` from `from` on: its start and end.
    pub fn find(&self, text: &[u8], from: usize) -> Option<(usize, usize)> {
        (from..=text.len()).find_map(|start| self.longest(text, start).map(|end| (start, end)))
    }

    /// Whether there is a match anywhere in `text`.
    pub fn is_match(&self, text: &[u8]) -> bool {
        let mut states = States::new(self.steps.len());
        for at in 0..=text.len() {
            // A match may start anywhere.
            if self.add(&mut states, 0, text, at) {
                return true;
            }
            let Some(&byte) = text.get(at) else { break };
            if self.advance(&mut states, byte, text, at + 1) {
                return true;
            }
        }
        false
    }

    /// The end of the longest match that starts at `start`.
    fn longest(&self, text: &[u8], start: usize) -> Option<usize> {
        let mut states = States::new(self.steps.len());
        let mut end = self.add(&mut states, 0, text, start).then_some(start);
        for (at, &byte) in text.iter().enumerate().skip(start) {
            if states.current.is_empty() {
                break;
            }
            if self.advance(&mut states, byte, text, at + 1) {
                end = Some(at + 1);
            }
        }
        end
    }

    /// Follows all states over a byte; whether one accepts behind it.
    fn advance(&self, states: &mut States, byte: u8, text: &[u8], at: usize) -> bool {
        let current = core::mem::take(&mut states.current);
        states.clear();
        let mut accepts = false;
        for state in current {
            if let Step::Set(set) = &self.steps[state]
                && set.contains(byte)
            {
                accepts |= self.add(states, state + 1, text, at);
            }
        }
        accepts
    }

    /// Adds a state and all that follow it without a byte; whether one of them accepts.
    fn add(&self, states: &mut States, state: usize, text: &[u8], at: usize) -> bool {
        let mut accepts = false;
        let mut todo = alloc::vec![state];
        while let Some(state) = todo.pop() {
            if core::mem::replace(&mut states.seen[state], true) {
                continue;
            }
            match &self.steps[state] {
                Step::Set(_) => states.current.push(state),
                Step::Split(a, b) => todo.extend([*b, *a]),
                Step::Jump(to) => todo.push(*to),
                Step::Assert(assertion) if holds(*assertion, text, at) => todo.push(state + 1),
                Step::Assert(_) => {}
                Step::Accept => accepts = true,
            }
        }
        accepts
    }
}

struct States {
    current: Vec<usize>,
    seen: Vec<bool>,
}

impl States {
    fn new(count: usize) -> Self {
        Self {
            current: Vec::new(),
            seen: alloc::vec![false; count],
        }
    }

    fn clear(&mut self) {
        self.current.clear();
        self.seen.fill(false);
    }
}

fn holds(assertion: Assertion, text: &[u8], at: usize) -> bool {
    let is_word = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let before = at > 0 && is_word(text.get(at - 1));
    let after = is_word(text.get(at));
    match assertion {
        Assertion::Start => at == 0,
        Assertion::End => at == text.len(),
        Assertion::WordStart => !before && after,
        Assertion::WordEnd => before && !after,
    }
}

fn compile(node: &Node, steps: &mut Vec<Step>) -> Parsed<()> {
    if steps.len() > MAX_STEPS {
        return Err("too large");
    }
    match node {
        Node::Empty => {}
        Node::Set(set) => steps.push(Step::Set(set.clone())),
        Node::Start => steps.push(Step::Assert(Assertion::Start)),
        Node::End => steps.push(Step::Assert(Assertion::End)),
        Node::WordStart => steps.push(Step::Assert(Assertion::WordStart)),
        Node::WordEnd => steps.push(Step::Assert(Assertion::WordEnd)),
        Node::Sequence(nodes) => {
            for node in nodes {
                compile(node, steps)?;
            }
        }
        Node::Choice(nodes) => {
            let mut ends = Vec::new();
            for (index, node) in nodes.iter().enumerate() {
                let split = steps.len();
                let last = index + 1 == nodes.len();
                if !last {
                    steps.push(Step::Split(split + 1, 0));
                }
                compile(node, steps)?;
                if !last {
                    ends.push(steps.len());
                    steps.push(Step::Jump(0));
                    steps[split] = Step::Split(split + 1, steps.len());
                }
            }
            let end = steps.len();
            for jump in ends {
                steps[jump] = Step::Jump(end);
            }
        }
        Node::Repeat(node, least, most) => {
            for _ in 0..*least {
                compile(node, steps)?;
            }
            match most {
                None => {
                    let split = steps.len();
                    steps.push(Step::Split(split + 1, 0));
                    compile(node, steps)?;
                    steps.push(Step::Jump(split));
                    steps[split] = Step::Split(split + 1, steps.len());
                }
                Some(most) => {
                    let mut splits = Vec::new();
                    for _ in *least..*most {
                        splits.push(steps.len());
                        steps.push(Step::Split(steps.len() + 1, 0));
                        compile(node, steps)?;
                    }
                    let end = steps.len();
                    for split in splits {
                        steps[split] = Step::Split(split + 1, end);
                    }
                }
            }
        }
    }
    Ok(())
}

impl Parser<'_> {
    fn byte(&self, byte: u8) -> Node {
        let mut set = Set::NONE;
        set.insert(byte);
        self.set(set)
    }

    fn set(&self, mut set: Set) -> Node {
        if self.ignore_case {
            set.fold_case();
        }
        Node::Set(set)
    }

    fn rest(&self) -> &[u8] {
        &self.text[self.at..]
    }

    /// Takes an operator, which has a backslash in front in basic expressions.
    fn accept(&mut self, operator: u8) -> bool {
        let found = match self.rest() {
            [byte, ..] if self.extended && *byte == operator => 1,
            [b'\\', byte, ..] if !self.extended && *byte == operator => 2,
            _ => 0,
        };
        self.at += found;
        found > 0
    }

    fn peek(&self, operator: u8) -> bool {
        match self.rest() {
            [byte, ..] if self.extended => *byte == operator,
            [b'\\', byte, ..] if !self.extended => *byte == operator,
            _ => false,
        }
    }

    fn choice(&mut self) -> Parsed<Node> {
        self.depth += 1;
        if self.depth > MAX_NESTING {
            return Err("nested too deeply");
        }
        let mut choices = alloc::vec![self.sequence()?];
        while self.accept(b'|') {
            choices.push(self.sequence()?);
        }
        self.depth -= 1;
        Ok(if choices.len() == 1 {
            choices.remove(0)
        } else {
            Node::Choice(choices)
        })
    }

    fn sequence(&mut self) -> Parsed<Node> {
        let mut nodes: Vec<Node> = Vec::new();
        while self.at < self.text.len() && !self.peek(b'|') && !(self.depth > 1 && self.peek(b')'))
        {
            if self.extended && self.peek(b')') {
                return Err("unmatched closing parenthesis");
            }
            let first = nodes.iter().all(|node| matches!(node, Node::Start));
            let atom = self.atom(first)?;
            // In a basic expression a star behind the anchor is a star.
            let anchor = !self.extended && matches!(atom, Node::Start);
            nodes.push(if anchor {
                atom
            } else {
                self.repetitions(atom)?
            });
        }
        Ok(if nodes.is_empty() {
            Node::Empty
        } else {
            Node::Sequence(nodes)
        })
    }

    fn atom(&mut self, first: bool) -> Parsed<Node> {
        if self.accept(b'(') {
            let inner = self.choice()?;
            return if self.accept(b')') {
                Ok(inner)
            } else {
                Err("unmatched parenthesis")
            };
        }
        let byte = self.text[self.at];
        self.at += 1;
        Ok(match byte {
            b'.' => {
                let mut set = Set::NONE;
                set.invert();
                Node::Set(set)
            }
            b'[' => return self.bracket(),
            b'^' if self.extended || first => Node::Start,
            b'$' if self.extended || self.at_end_of_branch() => Node::End,
            b'*' if first && !self.extended => self.byte(b'*'),
            b'*' | b'+' | b'?' if self.extended => return Err("nothing to repeat"),
            b'\\' => {
                let Some(&byte) = self.text.get(self.at) else {
                    return Err("trailing backslash");
                };
                self.at += 1;
                match byte {
                    b'<' => Node::WordStart,
                    b'>' => Node::WordEnd,
                    b'w' | b'W' => {
                        let mut set = Set::NONE;
                        set.insert_range(b'0', b'9');
                        set.insert_range(b'A', b'Z');
                        set.insert_range(b'a', b'z');
                        set.insert(b'_');
                        if byte == b'W' {
                            set.invert();
                        }
                        Node::Set(set)
                    }
                    b'1'..=b'9' => return Err("references are not supported"),
                    byte => self.byte(byte),
                }
            }
            byte => self.byte(byte),
        })
    }

    fn at_end_of_branch(&self) -> bool {
        self.at == self.text.len() || self.peek(b')') || self.peek(b'|')
    }

    fn repetitions(&mut self, mut node: Node) -> Parsed<Node> {
        loop {
            let (least, most) = if self.rest().first() == Some(&b'*') {
                self.at += 1;
                (0, None)
            } else if self.accept(b'+') {
                (1, None)
            } else if self.accept(b'?') {
                (0, Some(1))
            } else if self.accept(b'{') {
                self.bounds()?
            } else {
                return Ok(node);
            };
            node = Node::Repeat(Box::new(node), least, most);
        }
    }

    fn bounds(&mut self) -> Parsed<(usize, Option<usize>)> {
        let least = self.number();
        let most = if self.rest().first() == Some(&b',') {
            self.at += 1;
            self.number()
        } else {
            least
        };
        let bounded = self.text.get(self.at - 1) != Some(&b',');
        if !self.accept(b'}') {
            return Err("unmatched brace");
        }
        let least_count = least.unwrap_or(0);
        match most {
            None if bounded => Err("bad repetition"),
            None => Ok((least_count, None)),
            Some(most) if least_count > most || most > MAX_REPEAT => Err("bad repetition"),
            Some(most) => Ok((least_count, Some(most))),
        }
    }

    fn number(&mut self) -> Option<usize> {
        let digits = self
            .rest()
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count();
        let value = posix::parse_number(&self.rest()[..digits]);
        self.at += digits;
        value.map(|v| usize::try_from(v).unwrap_or(usize::MAX).min(MAX_REPEAT + 1))
    }

    fn bracket(&mut self) -> Parsed<Node> {
        let mut set = Set::NONE;
        let negated = self.rest().first() == Some(&b'^');
        self.at += usize::from(negated);
        let start = self.at;
        loop {
            let Some(&byte) = self.text.get(self.at) else {
                return Err("unmatched bracket");
            };
            if byte == b']' && self.at > start {
                self.at += 1;
                break;
            }
            if let [b'[', kind @ (b':' | b'.' | b'='), rest @ ..] = self.rest() {
                let end = rest.windows(2).position(|w| w == [*kind, b']']);
                let Some(end) = end else {
                    return Err("unmatched bracket");
                };
                let name = &rest[..end];
                if *kind == b':' {
                    let ranges = crate::pattern::class(name).ok_or("unknown class")?;
                    for &(low, high) in ranges {
                        set.insert_range(low, high);
                    }
                } else if let [byte] = name {
                    set.insert(*byte);
                } else {
                    return Err("unknown character");
                }
                self.at += end + 4;
                continue;
            }
            match self.text.get(self.at + 1..self.at + 3) {
                Some(&[b'-', high]) if high != b']' => {
                    if high < byte {
                        return Err("bad range");
                    }
                    set.insert_range(byte, high);
                    self.at += 3;
                }
                _ => {
                    set.insert(byte);
                    self.at += 1;
                }
            }
        }
        if self.ignore_case {
            set.fold_case();
        }
        if negated {
            set.invert();
        }
        Ok(Node::Set(set))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(expression: &str, syntax: Syntax, text: &str) -> Option<(usize, usize)> {
        let regex = Regex::new(expression.as_bytes(), syntax, false).unwrap();
        let found = regex.find(text.as_bytes(), 0);
        assert_eq!(
            found.is_some(),
            regex.is_match(text.as_bytes()),
            "{expression} {text}"
        );
        found
    }

    #[test]
    fn extended_expressions_find_the_longest_first_match() {
        for (expression, text, expected) in [
            ("abc", "xabcx", Some((1, 4))),
            ("a*", "baaa", Some((0, 0))),
            ("a+", "baaa", Some((1, 4))),
            ("ab?c", "ac abc", Some((0, 2))),
            ("a|ab", "ab", Some((0, 2))),
            ("(ab|c)*d", "xababcd", Some((1, 7))),
            ("^a", "ba", None),
            ("a$", "ab", None),
            ("^$", "", Some((0, 0))),
            ("[a-c]{2,3}", "xabcab", Some((1, 4))),
            ("a{2}", "aaa", Some((0, 2))),
            ("a{2,}", "aaaa", Some((0, 4))),
            ("[^0-9]+", "12ab3", Some((2, 4))),
            ("[[:digit:]]+x", "a12x", Some((1, 4))),
            ("[]a]+", "x]a", Some((1, 3))),
            ("\\.", "a.b", Some((1, 2))),
            ("a.c", "a\nc", Some((0, 3))),
            ("\\<is\\>", "this is", Some((5, 7))),
            ("(a*)*b", "aaaaaaaaaaaaaaaaaaaaaaaac", None),
            ("()", "x", Some((0, 0))),
        ] {
            assert_eq!(
                find(expression, Syntax::Extended, text),
                expected,
                "{expression} {text}"
            );
        }
    }

    #[test]
    fn basic_expressions_write_operators_with_backslashes() {
        for (expression, text, expected) in [
            ("a+b", "a+b", Some((0, 3))),
            ("a\\+b", "aab", Some((0, 3))),
            ("\\(ab\\)*c", "ababc", Some((0, 5))),
            ("*a", "*a", Some((0, 2))),
            ("a\\{2\\}", "caa", Some((1, 3))),
            ("a^b$c", "a^b$c", Some((0, 5))),
            ("a\\|b", "b", Some((0, 1))),
            ("^*x", "*x", Some((0, 2))),
        ] {
            assert_eq!(
                find(expression, Syntax::Basic, text),
                expected,
                "{expression} {text}"
            );
        }
        assert_eq!(find("a.*", Syntax::Fixed, "xa.*"), Some((1, 4)));
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for expression in [
            "(", "a)", "[a", "a{3,2}", "a{", "*a", "\\", "[b-a]", "a{256}", "\\1",
        ] {
            assert!(
                Regex::new(expression.as_bytes(), Syntax::Extended, false).is_err(),
                "{expression}"
            );
        }
        let deep = alloc::vec![b'('; 10_000];
        assert!(Regex::new(&deep, Syntax::Extended, false).is_err());
        assert!(
            Regex::new(
                b"((((a{255}){255}){255}){255}){255}",
                Syntax::Extended,
                false
            )
            .is_err()
        );
    }

    #[test]
    fn case_is_ignored_on_demand() {
        let regex = Regex::new(b"hello [a-f]", Syntax::Basic, true).unwrap();
        assert!(regex.is_match(b"HeLLo B"));
        assert!(!regex.is_match(b"HeLLo X"));
    }
}

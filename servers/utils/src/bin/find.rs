//! `find [-HL] path... [expression]`: finds files.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::boxed::Box;
use alloc::vec::Vec;

use posix::fs::{self, Kind};
use posix::io::{Output, complain, warn};
use posix::process::{self, Command, Status};
use posix::{Errno, parse_number, parse_octal, users};
use utils::pattern::Pattern;
use utils::tree::{Entry, Phase, Walk};

/// Seconds in a day.
const DAY: i64 = 86_400;
/// Bytes of arguments that one program of `-exec … +` gets.
const ARGUMENTS: usize = 64 * 1024;

posix::main!(program);

/// A number as tests have it: exactly, more than, less than.
#[derive(Clone, Copy)]
enum Count {
    Exactly(u64),
    More(u64),
    Less(u64),
}

impl Count {
    fn parse(text: &[u8]) -> Option<Self> {
        Some(match text {
            [b'+', rest @ ..] => Self::More(parse_number(rest)?),
            [b'-', rest @ ..] => Self::Less(parse_number(rest)?),
            rest => Self::Exactly(parse_number(rest)?),
        })
    }

    const fn holds(self, value: u64) -> bool {
        match self {
            Self::Exactly(n) => value == n,
            Self::More(n) => value > n,
            Self::Less(n) => value < n,
        }
    }
}

enum Expression {
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    Not(Box<Expression>),
    Constant(bool),
    Name(Pattern),
    Path(Pattern),
    Kind(Kind),
    Size(Count, u64),
    Age(Count, fn(&Entry) -> i64),
    Newer(posix::time::Timespec),
    Permissions(u32, PermissionTest),
    User(Count),
    Group(Count),
    Links(Count),
    Inode(Count),
    Empty,
    Print(u8),
    Prune,
    Delete,
    /// A program for each file; the index of its arguments.
    Execute(usize),
    /// A program for many files; the index of its arguments.
    Collect(usize),
}

#[derive(Clone, Copy)]
enum PermissionTest {
    Exactly,
    All,
    Any,
}

#[derive(Default)]
struct Parser<'a> {
    words: &'a [Vec<u8>],
    programs: Vec<Program>,
    depth: bool,
    most: Option<u64>,
    least: u64,
    acts: bool,
    nesting: usize,
}

struct Program {
    args: Vec<Vec<u8>>,
    files: Vec<Vec<u8>>,
    bytes: usize,
}

type Parsed<T> = Result<T, Vec<u8>>;

fn fault<T>(parts: &[&[u8]]) -> Parsed<T> {
    Err(parts.concat())
}

impl<'a> Parser<'a> {
    fn next(&mut self) -> Option<&'a [u8]> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }

    fn accept(&mut self, texts: &[&[u8]]) -> bool {
        let found = self
            .words
            .first()
            .is_some_and(|word| texts.contains(&word.as_slice()));
        if found {
            self.words = &self.words[1..];
        }
        found
    }

    fn or(&mut self) -> Parsed<Expression> {
        let mut left = self.and()?;
        while self.accept(&[b"-o", b"-or"]) {
            left = Expression::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Parsed<Expression> {
        let mut left = self.primary()?;
        loop {
            let ends = matches!(
                self.words.first().map(Vec::as_slice),
                None | Some(b"-o" | b"-or" | b")")
            );
            if ends {
                return Ok(left);
            }
            self.accept(&[b"-a", b"-and"]);
            left = Expression::And(Box::new(left), Box::new(self.primary()?));
        }
    }

    fn value(&mut self, of: &[u8]) -> Parsed<&'a [u8]> {
        match self.next() {
            Some(value) => Ok(value),
            None => fault(&[of, b": argument needed"]),
        }
    }

    fn count(&mut self, of: &[u8]) -> Parsed<Count> {
        let text = self.value(of)?;
        Count::parse(text).ok_or_else(|| [of, b": bad number ", text].concat())
    }

    fn id(&mut self, of: &[u8], find: fn(&[u8]) -> Option<u32>) -> Parsed<Count> {
        let text = self.value(of)?;
        match find(text) {
            Some(id) => Ok(Count::Exactly(id.into())),
            None => fault(&[of, b": unknown ", text]),
        }
    }

    fn primary(&mut self) -> Parsed<Expression> {
        self.nesting += 1;
        if self.nesting > 100 {
            return fault(&[b"expression nested too deeply"]);
        }
        let expression = self.primary_inner();
        self.nesting -= 1;
        expression
    }

    fn primary_inner(&mut self) -> Parsed<Expression> {
        let Some(word) = self.next() else {
            return fault(&[b"expression expected"]);
        };
        Ok(match word {
            b"!" | b"-not" => Expression::Not(Box::new(self.primary()?)),
            b"(" => {
                let inner = self.or()?;
                if !self.accept(&[b")"]) {
                    return fault(&[b"missing )"]);
                }
                inner
            }
            b"-true" => Expression::Constant(true),
            b"-false" => Expression::Constant(false),
            b"-name" => Expression::Name(Pattern::new(self.value(word)?)),
            b"-path" => Expression::Path(Pattern::new(self.value(word)?)),
            b"-type" => {
                let text = self.value(word)?;
                Expression::Kind(match text {
                    b"b" => Kind::BlockDevice,
                    b"c" => Kind::CharDevice,
                    b"d" => Kind::Directory,
                    b"f" => Kind::Regular,
                    b"l" => Kind::Symlink,
                    b"p" => Kind::Fifo,
                    b"s" => Kind::Socket,
                    _ => return fault(&[b"-type: unknown kind ", text]),
                })
            }
            b"-size" => {
                let text = self.value(word)?;
                let (digits, unit) = match text {
                    [digits @ .., b'c'] => (digits, 1),
                    [digits @ .., b'k'] => (digits, 1 << 10),
                    [digits @ .., b'M'] => (digits, 1 << 20),
                    digits => (digits, 512),
                };
                match Count::parse(digits) {
                    Some(count) => Expression::Size(count, unit),
                    None => return fault(&[b"-size: bad number ", text]),
                }
            }
            b"-atime" => Expression::Age(self.count(word)?, |entry| entry.stat.atime.sec),
            b"-ctime" => Expression::Age(self.count(word)?, |entry| entry.stat.ctime.sec),
            b"-mtime" => Expression::Age(self.count(word)?, |entry| entry.stat.mtime.sec),
            b"-newer" => {
                let path = self.value(word)?;
                match fs::stat(path) {
                    Ok(stat) => Expression::Newer(stat.mtime),
                    Err(error) => return fault(&[path, b": ", error.message().as_bytes()]),
                }
            }
            b"-perm" => {
                let text = self.value(word)?;
                let (test, mode) = match text {
                    [b'-', rest @ ..] => (PermissionTest::All, rest),
                    [b'/', rest @ ..] => (PermissionTest::Any, rest),
                    rest => (PermissionTest::Exactly, rest),
                };
                let octal = parse_octal(mode).and_then(|mode| u32::try_from(mode).ok());
                let symbolic = || utils::mode::parse(mode).map(|mode| mode.apply(0, false, 0));
                match octal.or_else(symbolic) {
                    Some(mode) => Expression::Permissions(mode, test),
                    None => return fault(&[b"-perm: bad mode ", text]),
                }
            }
            b"-user" => Expression::User(self.id(word, users::uid)?),
            b"-group" => Expression::Group(self.id(word, users::gid)?),
            b"-links" => Expression::Links(self.count(word)?),
            b"-inum" => Expression::Inode(self.count(word)?),
            b"-empty" => Expression::Empty,
            b"-print" => self.action(Expression::Print(b'\n')),
            b"-print0" => self.action(Expression::Print(0)),
            b"-prune" => Expression::Prune,
            b"-delete" => {
                self.depth = true;
                self.action(Expression::Delete)
            }
            b"-exec" => return self.execution(),
            b"-depth" => {
                self.depth = true;
                Expression::Constant(true)
            }
            b"-maxdepth" | b"-mindepth" => {
                let text = self.value(word)?;
                let Some(number) = parse_number(text) else {
                    return fault(&[word, b": bad number ", text]);
                };
                if word == b"-maxdepth" {
                    self.most = Some(number);
                } else {
                    self.least = number;
                }
                Expression::Constant(true)
            }
            word => return fault(&[word, b": unknown"]),
        })
    }

    fn action(&mut self, expression: Expression) -> Expression {
        self.acts = true;
        expression
    }

    fn execution(&mut self) -> Parsed<Expression> {
        let mut args: Vec<Vec<u8>> = Vec::new();
        let index = self.programs.len();
        loop {
            let Some(word) = self.next() else {
                return fault(&[b"-exec: ; needed"]);
            };
            let collects = word == b"+" && args.last().is_some_and(|last| last == b"{}");
            if word == b";" || collects {
                if collects {
                    args.pop();
                }
                if args.is_empty() {
                    return fault(&[b"-exec: program needed"]);
                }
                self.programs.push(Program {
                    args,
                    files: Vec::new(),
                    bytes: 0,
                });
                let expression = if collects {
                    Expression::Collect(index)
                } else {
                    Expression::Execute(index)
                };
                return Ok(self.action(expression));
            }
            args.push(word.to_vec());
        }
    }
}

fn program() -> i32 {
    let args = posix::env::args();
    let mut rest = args.get(1..).unwrap_or(&[]);
    let mut follow = false;
    while let [first, tail @ ..] = rest {
        match first.as_slice() {
            b"-H" | b"-L" => follow = true,
            b"-P" => follow = false,
            _ => break,
        }
        rest = tail;
    }
    let is_expression =
        |word: &Vec<u8>| word.first() == Some(&b'-') || word == b"!" || word == b"(";
    let split = rest.iter().position(is_expression).unwrap_or(rest.len());
    let (paths, words) = rest.split_at(split);
    let mut parser = Parser {
        words,
        ..Parser::default()
    };
    let expression = if words.is_empty() {
        Ok(Expression::Constant(true))
    } else {
        parser.or()
    };
    let expression = match (expression, parser.words.first()) {
        (Ok(expression), None) => expression,
        (Ok(_), Some(extra)) => {
            complain(&[extra, b": unexpected"]);
            return 2;
        }
        (Err(message), _) => {
            complain(&[&message]);
            return 2;
        }
    };
    let expression = if parser.acts {
        expression
    } else {
        Expression::And(Box::new(expression), Box::new(Expression::Print(b'\n')))
    };
    let here = [b".".to_vec()];
    let mut finder = Finder {
        programs: parser.programs,
        out: Output::stdout(),
        now: posix::time::now().sec,
        status: 0,
        prune: false,
    };
    for path in if paths.is_empty() { &here } else { paths } {
        let mut walk = Walk::new(path, follow);
        while let Some(item) = walk.next() {
            let entry = match item {
                Ok(entry) => entry,
                Err((path, error)) => {
                    finder.complain(&path, error);
                    continue;
                }
            };
            let depth = entry.depth as u64;
            let directory = entry.stat.is_directory();
            if entry.phase == Phase::Enter && parser.most.is_some_and(|most| depth >= most) {
                walk.prune();
            }
            // A directory comes once: before or after what is in it.
            let due = !directory || (entry.phase == Phase::Leave) == parser.depth;
            let pruned_here = directory
                && parser.depth
                && entry.phase == Phase::Enter
                && parser.most.is_some_and(|most| depth >= most);
            if (due || pruned_here) && depth >= parser.least {
                finder.prune = false;
                finder.holds(&expression, &entry);
                if finder.prune && !parser.depth {
                    walk.prune();
                }
            }
        }
    }
    for index in 0..finder.programs.len() {
        finder.run_collected(index);
    }
    finder.out.finish(finder.status)
}

struct Finder {
    programs: Vec<Program>,
    out: Output,
    now: i64,
    status: i32,
    prune: bool,
}

impl Finder {
    fn complain(&mut self, path: &[u8], error: Errno) {
        warn(path, error);
        self.status = 1;
    }

    fn holds(&mut self, expression: &Expression, entry: &Entry) -> bool {
        let stat = &entry.stat;
        match expression {
            Expression::And(a, b) => self.holds(a, entry) && self.holds(b, entry),
            Expression::Or(a, b) => self.holds(a, entry) || self.holds(b, entry),
            Expression::Not(inner) => !self.holds(inner, entry),
            Expression::Constant(value) => *value,
            Expression::Name(pattern) => pattern.matches(posix::basename(&entry.path)),
            Expression::Path(pattern) => pattern.matches(&entry.path),
            Expression::Kind(kind) => stat.kind() == *kind,
            Expression::Size(count, unit) => count.holds(stat.size.div_ceil(*unit)),
            Expression::Age(count, time) => {
                let days = (self.now - time(entry)).div_euclid(DAY);
                count.holds(u64::try_from(days).unwrap_or(0))
            }
            Expression::Newer(time) => stat.mtime > *time,
            Expression::Permissions(mode, test) => match test {
                PermissionTest::Exactly => stat.mode & 0o7777 == *mode,
                PermissionTest::All => stat.mode & mode == *mode,
                PermissionTest::Any => *mode == 0 || stat.mode & mode != 0,
            },
            Expression::User(count) => count.holds(stat.uid.into()),
            Expression::Group(count) => count.holds(stat.gid.into()),
            Expression::Links(count) => count.holds(stat.nlink),
            Expression::Inode(count) => count.holds(stat.ino),
            Expression::Empty => match stat.kind() {
                Kind::Regular => stat.size == 0,
                Kind::Directory => fs::read_dir(&entry.path).is_ok_and(|mut entries| {
                    entries.all(|e| e.is_ok_and(|e| e.name == b"." || e.name == b".."))
                }),
                _ => false,
            },
            Expression::Print(end) => {
                self.out.put(&entry.path);
                self.out.byte(*end);
                true
            }
            Expression::Prune => {
                self.prune = true;
                true
            }
            Expression::Delete => {
                let remove = if stat.is_directory() {
                    fs::rmdir
                } else {
                    fs::unlink
                };
                match remove(&entry.path) {
                    Ok(()) => true,
                    Err(error) => {
                        self.complain(&entry.path, error);
                        false
                    }
                }
            }
            Expression::Execute(index) => {
                let args = self.programs[*index]
                    .args
                    .iter()
                    .map(|arg| substitute(arg, &entry.path));
                let args = args.collect();
                self.run(args)
            }
            Expression::Collect(index) => {
                let program = &mut self.programs[*index];
                program.bytes += entry.path.len() + 1;
                program.files.push(entry.path.clone());
                if program.bytes > ARGUMENTS {
                    self.run_collected(*index);
                }
                true
            }
        }
    }

    fn run_collected(&mut self, index: usize) {
        let program = &mut self.programs[index];
        program.bytes = 0;
        let files = core::mem::take(&mut program.files);
        if files.is_empty() {
            return;
        }
        let mut args = program.args.clone();
        args.extend(files);
        if !self.run(args) {
            self.status = 1;
        }
    }

    /// Runs a program; whether it succeeds.
    fn run(&mut self, args: Vec<Vec<u8>>) -> bool {
        if let Err(error) = self.out.flush() {
            self.complain(b"write error", error);
        }
        let name = args[0].clone();
        let path = posix::env::var(b"PATH").unwrap_or_else(|| b"/bin".to_vec());
        let files: Vec<Vec<u8>> = if name.contains(&b'/') {
            Vec::from([name.clone()])
        } else {
            path.split(|&b| b == b':')
                .map(|directory| posix::join(directory, &name))
                .collect()
        };
        let mut problem = Errno::ENOENT;
        for file in files {
            match Command::new(&file, args.clone()).spawn() {
                Ok(pid) => return process::wait_for(pid) == Ok(Status::Exited(0)),
                Err(Errno::ENOENT | Errno::ENOTDIR) => {}
                Err(error) => problem = error,
            }
        }
        self.complain(&name, problem);
        false
    }
}

/// Puts a path wherever `{}` stands.
fn substitute(arg: &[u8], path: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut rest = arg;
    while let Some(at) = rest.windows(2).position(|w| w == b"{}") {
        text.extend_from_slice(&rest[..at]);
        text.extend_from_slice(path);
        rest = &rest[at + 2..];
    }
    text.extend_from_slice(rest);
    text
}

//! Interfaces as data: for those who print messages, make them up, or list what is served.

use crate::wire::{Kind, Reader, RightType, Source};
use crate::{Error, Result};
use core::fmt;

/// Which way an argument travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// In the request.
    In,
    /// In the reply.
    Out,
    /// In both.
    InOut,
}

/// An argument of a routine.
#[derive(Debug)]
pub struct Argument {
    /// Its name.
    pub name: &'static str,
    /// Its type as the definition writes it.
    pub type_name: &'static str,
    /// What it is on the wire.
    pub kind: Kind,
    /// Which way it travels.
    pub direction: Direction,
}

/// A routine.
#[derive(Debug)]
pub struct Routine {
    /// Its message number.
    pub number: u32,
    /// Its name.
    pub name: &'static str,
    /// Its arguments in order, without the request port.
    pub arguments: &'static [Argument],
    /// Whether there is no reply.
    pub one_way: bool,
}

/// An interface.
#[derive(Debug)]
pub struct Interface {
    /// Its name.
    pub name: &'static str,
    /// Number of its routine 0.
    pub base: u32,
    /// The routines, by number.
    pub routines: &'static [Routine],
}

impl Interface {
    /// The routine of a message number.
    pub fn routine(&self, number: u32) -> Option<&'static Routine> {
        let at = self
            .routines
            .binary_search_by_key(&number, |routine| routine.number)
            .ok()?;
        Some(&self.routines[at])
    }
}

impl Routine {
    /// The arguments that a request carries.
    pub fn inputs(&self) -> impl Iterator<Item = &'static Argument> + use<> {
        self.arguments
            .iter()
            .filter(|argument| argument.direction != Direction::Out)
    }

    /// The arguments that a reply carries.
    pub fn outputs(&self) -> impl Iterator<Item = &'static Argument> + use<> {
        self.arguments
            .iter()
            .filter(|argument| argument.direction != Direction::In)
    }

    /// Writes a request's arguments as text: `name: value, ...`. `body` is the body without its
    /// header words. A malformed body ends with what was wrong.
    pub fn print_request(&self, body: &[u64], to: &mut dyn fmt::Write) -> fmt::Result {
        print_all(self.inputs(), body, to)
    }

    /// Writes a reply's arguments as text.
    pub fn print_reply(&self, body: &[u64], to: &mut dyn fmt::Write) -> fmt::Result {
        print_all(self.outputs(), body, to)
    }
}

/// Bytes of a string that are printed; rpctrace cuts there, too.
const SHOWN_BYTES: usize = 80;
/// Items of an array that are printed.
const SHOWN_ITEMS: usize = 16;

fn print_all(
    arguments: impl Iterator<Item = &'static Argument>,
    body: &[u64],
    to: &mut dyn fmt::Write,
) -> fmt::Result {
    let mut reader = Reader::words(body);
    for (i, argument) in arguments.enumerate() {
        if i != 0 {
            to.write_str(", ")?;
        }
        write!(to, "{}: ", argument.name)?;
        match Shown::read(&argument.kind, &mut reader, to)? {
            Ok(()) => {}
            Err(error) => return write!(to, "<{error}>"),
        }
    }
    match reader.remaining() {
        0 => Ok(()),
        left => write!(to, " <{left} words more>"),
    }
}

struct Shown;

impl Shown {
    /// The outer result is the writer's, the inner one the body's.
    fn read(
        kind: &Kind,
        reader: &mut Reader<'_>,
        to: &mut dyn fmt::Write,
    ) -> core::result::Result<Result<()>, fmt::Error> {
        macro_rules! get {
            ($value:expr) => {
                match $value {
                    Ok(value) => value,
                    Err(error) => return Ok(Err(error)),
                }
            };
        }
        match kind {
            Kind::Unsigned(_) => write!(to, "{}", get!(reader.word()))?,
            Kind::Signed(_) => write!(to, "{}", get!(reader.word()) as i64)?,
            Kind::Bool => match get!(reader.word()) {
                0 => to.write_str("false")?,
                1 => to.write_str("true")?,
                _ => return Ok(Err(Error::MIG_BAD_ARGUMENTS)),
            },
            Kind::Struct(fields) => {
                to.write_str("{ ")?;
                for (i, (name, kind)) in fields.iter().enumerate() {
                    write!(to, "{}{name}: ", if i == 0 { "" } else { ", " })?;
                    get!(Self::read(kind, reader, to)?);
                }
                to.write_str(" }")?;
            }
            Kind::Fixed(kind, count) => get!(Self::items(kind, *count, reader, to)?),
            Kind::Array(kind) => {
                let count = get!(reader.count(1));
                get!(Self::items(kind, count, reader, to)?);
            }
            Kind::Str => {
                let text = get!(reader.string());
                Self::bytes(&text[..text.len().min(SHOWN_BYTES)], text.len(), to)?;
            }
            Kind::Bytes => {
                let data = get!(reader.data());
                let mut shown = [0; SHOWN_BYTES];
                let count = data.copy_to(0, &mut shown);
                Self::bytes(&shown[..count], data.len(), to)?;
            }
            Kind::Right(kind) => to.write_str(right_name(*kind))?,
            Kind::RightArray(kind) => {
                write!(to, "{} of {}", get!(reader.word()), right_name(*kind))?;
            }
        }
        Ok(Ok(()))
    }

    /// The first of `length` bytes.
    fn bytes(first: &[u8], length: usize, to: &mut dyn fmt::Write) -> fmt::Result {
        write!(to, "\"{}\"", first.escape_ascii())?;
        if first.len() < length {
            write!(to, "... ({length} bytes)")?;
        }
        Ok(())
    }

    fn items(
        kind: &Kind,
        count: usize,
        reader: &mut Reader<'_>,
        to: &mut dyn fmt::Write,
    ) -> core::result::Result<Result<()>, fmt::Error> {
        struct Nowhere;
        impl fmt::Write for Nowhere {
            fn write_str(&mut self, _: &str) -> fmt::Result {
                Ok(())
            }
        }
        to.write_str("[")?;
        for i in 0..count {
            let result = if i < SHOWN_ITEMS {
                if i != 0 {
                    to.write_str(", ")?;
                }
                Self::read(kind, reader, to)?
            } else {
                Self::read(kind, reader, &mut Nowhere)?
            };
            if let Err(error) = result {
                return Ok(Err(error));
            }
        }
        if count > SHOWN_ITEMS {
            write!(to, ", ... ({count} items)")?;
        }
        to.write_str("]")?;
        Ok(Ok(()))
    }
}

const fn right_name(kind: RightType) -> &'static str {
    match kind {
        RightType::Send => "send right",
        RightType::SendOnce => "send-once right",
        RightType::Receive => "receive right",
        RightType::Any => "right",
    }
}

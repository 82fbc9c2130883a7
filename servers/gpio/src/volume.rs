//! The pins as files: `pin0`, `pin1` and so on.
//!
//! Reading answers `0` or `1` and a newline. What is written is one of the words `0`, `1` (the pin
//! becomes an output with this level), `in` and `out` (as it was last set), with a newline behind it
//! or none. A pin that another device has can be read, and not changed (`EBUSY`).

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use diskfs::{
    Access, Attached, Change, Entry, FileSystem, Limits, Position, S_IFCHR, S_IFDIR, S_IFREG,
};
use driver::Bus;
use embedded_hal::digital::InputPin;
use interface::fs::StatFs;
use interface::io::StatBuf;
use machuser::sync::Mutex;
use machuser::{Error, Result};

use crate::pins::{Function, PINS, Pin, Pins};

/// The permissions of a pin's file, and of the directory.
const PIN_MODE: u32 = 0o660;
const DIRECTORY_MODE: u32 = 0o755;
/// The longest word that can be written, with its newline.
const LONGEST: usize = 4;
/// What reading answers.
const ANSWER: usize = 2;

/// The directory, or a pin.
pub struct Node {
    attached: Attached,
    pin: Option<u32>,
    access: Mutex<Access>,
}

/// The directory of all pins.
pub struct Volume<B> {
    pins: Pins<B>,
    root: Arc<Node>,
    nodes: Vec<Arc<Node>>,
    /// Words come one at a time.
    writing: Mutex<()>,
}

impl Node {
    fn new(pin: Option<u32>) -> Arc<Node> {
        Arc::new(Node {
            attached: Attached::new(),
            // To the library a pin is a file; only who looks at its status sees a device.
            access: Mutex::new(Access {
                mode: match pin {
                    None => S_IFDIR | DIRECTORY_MODE,
                    Some(_) => S_IFREG | PIN_MODE,
                },
                uid: 0,
                gid: 0,
            }),
            pin,
        })
    }
}

fn name(pin: u32) -> String {
    format!("pin{pin}")
}

impl<B: Bus> Volume<B> {
    /// The directory of the pins behind these registers.
    pub fn new(bus: B) -> Volume<B> {
        Volume {
            pins: Pins::new(bus),
            root: Node::new(None),
            nodes: (0..PINS).map(|pin| Node::new(Some(pin))).collect(),
            writing: Mutex::new(()),
        }
    }

    fn pin(&self, node: &Node) -> Result<Pin<'_, B>> {
        let pin = node.pin.and_then(|number| self.pins.pin(number));
        pin.ok_or(Error::EISDIR)
    }

    fn obey(&self, mut pin: Pin<'_, B>, word: &[u8]) -> Result<()> {
        let _alone = self.writing.lock();
        if pin.function() == Function::Device {
            return Err(Error::EBUSY);
        }
        match word.strip_suffix(b"\n").unwrap_or(word) {
            b"0" => pin.make_output(false),
            b"1" => pin.make_output(true),
            b"in" => pin.make_input(),
            b"out" => {
                let Ok(high) = pin.is_high();
                pin.make_output(high);
            }
            _ => return Err(Error::EINVAL),
        }
        Ok(())
    }
}

impl<B: Bus + Send + Sync + 'static> FileSystem for Volume<B> {
    type Node = Node;

    fn root(&self) -> Arc<Node> {
        self.root.clone()
    }

    fn read_only(&self) -> bool {
        false
    }

    fn status(&self) -> Result<StatFs> {
        Ok(StatFs {
            files: self.nodes.len() as u64 + 1,
            ..StatFs::default()
        })
    }

    fn sync(&self, _wait: bool) -> Result<()> {
        Ok(())
    }

    fn options(&self) -> Vec<Vec<u8>> {
        Vec::new()
    }

    fn source(&self) -> Vec<u8> {
        b"gpio".to_vec()
    }

    fn name(&self) -> &'static str {
        "gpio"
    }

    fn limits(&self) -> Limits {
        Limits {
            name: 255,
            links: 2,
            symlink: 0,
            size_bits: 64,
        }
    }

    fn attached<'n>(&self, node: &'n Node) -> &'n Attached {
        &node.attached
    }

    fn number(&self, node: &Node) -> u64 {
        node.pin.map_or(1, |pin| u64::from(pin) + 2)
    }

    fn access(&self, node: &Node) -> Access {
        *node.access.lock()
    }

    fn stat(&self, node: &Node) -> Result<StatBuf> {
        let access = self.access(node);
        let common = StatBuf {
            ino: self.number(node),
            uid: access.uid,
            gid: access.gid,
            ..StatBuf::default()
        };
        Ok(match node.pin {
            None => StatBuf {
                mode: access.mode,
                nlink: 2,
                ..common
            },
            Some(pin) => StatBuf {
                mode: access.mode & 0o7777 | S_IFCHR,
                nlink: 1,
                rdev: pin,
                ..common
            },
        })
    }

    fn size(&self, node: &Node) -> Result<u64> {
        self.pin(node).map(|_| ANSWER as u64)
    }

    fn read(
        &self,
        node: &Node,
        offset: u64,
        amount: usize,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<usize> {
        let Ok(high) = self.pin(node)?.is_high();
        let answer: &[u8; ANSWER] = if high { b"1\n" } else { b"0\n" };
        let rest = usize::try_from(offset)
            .ok()
            .and_then(|from| answer.get(from..));
        let rest = rest.unwrap_or_default();
        let rest = &rest[..rest.len().min(amount)];
        sink(rest);
        Ok(rest.len())
    }

    fn write(
        &self,
        node: &Node,
        position: Position,
        length: usize,
        fill: &mut dyn FnMut(&mut [u8]),
    ) -> Result<(usize, u64)> {
        let pin = self.pin(node)?;
        if length > LONGEST {
            return Err(Error::EINVAL);
        }
        let mut word = vec![0; length];
        fill(&mut word);
        self.obey(pin, &word)?;
        // Where it is written is of no interest.
        let offset = match position {
            Position::At(offset) => offset,
            Position::End => 0,
        };
        Ok((length, offset + length as u64))
    }

    fn set_size(&self, node: &Node, size: u64) -> Result<()> {
        // Who opens a pin to write asks for it to be empty, as a file would be.
        self.pin(node)?;
        if size == 0 {
            Ok(())
        } else {
            Err(Error::EINVAL)
        }
    }

    fn change(&self, node: &Node, change: Change) -> Result<()> {
        let mut access = node.access.lock();
        match change {
            Change::Mode(mode) => access.mode = access.mode & !0o7777 | mode & 0o7777,
            Change::Owner(uid, gid) => {
                access.uid = uid.unwrap_or(access.uid);
                access.gid = gid.unwrap_or(access.gid);
            }
            // Pins keep no times either.
            Change::Author(_) | Change::Flags(_) | Change::Times(..) => {
                return Err(Error::EOPNOTSUPP);
            }
        }
        Ok(())
    }

    fn sync_node(&self, _node: &Node, _wait: bool, _omit_metadata: bool) -> Result<()> {
        Ok(())
    }

    fn read_link(&self, _node: &Node) -> Result<Vec<u8>> {
        Err(Error::EINVAL)
    }

    fn lookup(&self, dir: &Arc<Node>, wanted: &[u8]) -> Result<Arc<Node>> {
        if dir.pin.is_some() {
            return Err(Error::ENOTDIR);
        }
        let named = |node: &&Arc<Node>| {
            let pin = node.pin;
            pin.is_some_and(|pin| name(pin).as_bytes() == wanted)
        };
        self.nodes.iter().find(named).cloned().ok_or(Error::ENOENT)
    }

    fn parent(&self, _dir: &Arc<Node>) -> Result<Arc<Node>> {
        Ok(self.root.clone())
    }

    fn read_dir(
        &self,
        _dir: &Arc<Node>,
        cursor: u64,
        sink: &mut dyn FnMut(Entry<'_>) -> bool,
    ) -> Result<u64> {
        let own = [".", ".."].map(|name| (String::from(name), 1, S_IFDIR));
        let pins = (0..PINS).map(|pin| (name(pin), u64::from(pin) + 2, S_IFCHR));
        let mut at = cursor;
        for (name, number, kind) in own.into_iter().chain(pins).skip(cursor as usize) {
            let name = name.as_bytes();
            let next = at + 1;
            if !sink(Entry {
                name,
                number,
                kind,
                next,
            }) {
                break;
            }
            at = next;
        }
        Ok(at)
    }

    fn translator(&self, _node: &Node) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pins::tests::Registers;

    struct Shared(Mutex<Registers>);

    impl Bus for Shared {
        fn read(&self, offset: usize) -> u32 {
            self.0.lock().read(offset)
        }

        fn write(&self, offset: usize, value: u32) {
            self.0.lock().write(offset, value);
        }
    }

    fn volume() -> Volume<Shared> {
        Volume::new(Shared(Mutex::new(Registers::default())))
    }

    fn write(volume: &Volume<Shared>, name: &[u8], word: &[u8]) -> Result<usize> {
        let node = volume.lookup(&volume.root(), name)?;
        let fill = &mut |bytes: &mut [u8]| bytes.copy_from_slice(word);
        let (count, _) = volume.write(&node, Position::At(0), word.len(), fill)?;
        Ok(count)
    }

    fn read(volume: &Volume<Shared>, name: &[u8]) -> Result<Vec<u8>> {
        let node = volume.lookup(&volume.root(), name)?;
        let mut all = Vec::new();
        volume.read(&node, 0, 100, &mut |bytes| all.extend_from_slice(bytes))?;
        Ok(all)
    }

    #[test]
    fn a_pin_is_written_and_read_as_a_file() {
        let volume = volume();
        assert_eq!(read(&volume, b"pin17"), Ok(b"0\n".to_vec()));
        assert_eq!(write(&volume, b"pin17", b"1\n"), Ok(2));
        assert_eq!(read(&volume, b"pin17"), Ok(b"1\n".to_vec()));
        assert_eq!(write(&volume, b"pin17", b"0"), Ok(1));
        assert_eq!(read(&volume, b"pin17"), Ok(b"0\n".to_vec()));
        assert_eq!(write(&volume, b"pin17", b"in\n"), Ok(3));
        assert_eq!(write(&volume, b"pin17", b"out\n"), Ok(4));
        for word in [&b"2\n"[..], b"", b"output\n", b"in\n1"] {
            assert_eq!(write(&volume, b"pin17", word), Err(Error::EINVAL));
        }
        assert_eq!(write(&volume, b"pin54", b"1"), Err(Error::ENOENT));
    }

    #[test]
    fn a_pin_of_another_device_is_left_to_it() {
        let volume = volume();
        // The function that is called 0.
        volume.pins.bus.write(4, 4 << 15);
        assert_eq!(write(&volume, b"pin15", b"1"), Err(Error::EBUSY));
        assert_eq!(read(&volume, b"pin15"), Ok(b"0\n".to_vec()));
    }
}

//! Interrupts that are messages: writes to memory (PCI 3.0, 6.8).

use crate::{Configuration, Function};

const MESSAGE: u8 = 0x05;
const TABLE: u8 = 0x11;

/// A write that is an interrupt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message {
    /// Where it goes.
    pub address: u64,
    /// What is written.
    pub data: u32,
}

/// The table of a function's messages, in its memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Table {
    /// The base address register of the memory.
    pub bar: u8,
    /// The byte in it at which the table begins.
    pub offset: u32,
}

impl Table {
    /// The words of an entry that sends a message.
    pub fn entry(message: Message) -> [u32; 4] {
        [
            message.address as u32,
            (message.address >> 32) as u32,
            message.data,
            0,
        ]
    }
}

impl<C: Configuration> Function<'_, C> {
    /// Its table of messages (MSI-X), if it has one.
    pub fn message_table(&self) -> Option<Table> {
        let register = self.register_of(TABLE)?;
        let place = self.read(register + 4);
        Some(Table {
            bar: (place & 7) as u8,
            offset: place & !7,
        })
    }

    /// Lets it send the messages of its table.
    pub fn message_table_enable(&self) {
        const ENABLE: u32 = 1 << 31;
        const MASK: u32 = 1 << 30;
        if let Some(register) = self.register_of(TABLE) {
            let control = self.read(register);
            self.write(register, control & !MASK | ENABLE);
        }
    }

    /// Lets it send one message (MSI) for everything; answers whether it can.
    pub fn message_enable(&self, message: Message) -> bool {
        const ENABLE: u32 = 1 << 16;
        const COUNT: u32 = 7 << 20;
        const WIDE: u32 = 1 << 23;
        let Some(register) = self.register_of(MESSAGE) else {
            return false;
        };
        let control = self.read(register);
        let is_wide = control & WIDE != 0;
        if !is_wide && message.address >> 32 != 0 {
            return false;
        }
        self.write(register + 4, message.address as u32);
        let mut data = register + 8;
        if is_wide {
            self.write(register + 8, (message.address >> 32) as u32);
            data = register + 12;
        }
        self.write(data, message.data & 0xffff);
        self.write(register, control & !COUNT | ENABLE);
        true
    }

    fn register_of(&self, id: u8) -> Option<u8> {
        let found = self.capabilities().into_iter().find(|it| it.id == id)?;
        // The longest of these has 24 bytes.
        (found.register <= 0xe8).then_some(found.register)
    }
}

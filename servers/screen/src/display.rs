use machuser::mach::Registers;

use crate::cell::Cell;

/// What shows cells.
pub trait Display {
    /// Rows and columns, neither of them zero.
    fn size(&self) -> (usize, usize);

    /// Shows a cell, and whether the cursor is at it.
    fn put(&mut self, row: usize, column: usize, cell: Cell, cursor: bool);

    /// Moves the cursor to a cell by its number, row by row, or hides it: for devices that have a
    /// cursor of their own.
    fn cursor(&mut self, at: Option<usize>) {
        let _ = at;
    }
}

/// The memory of a display, behind which a test may put a model of it.
pub trait Memory {
    /// Writes 16 bits at an offset, which is a multiple of two.
    fn write16(&self, offset: usize, value: u16);
    /// Writes 32 bits at an offset, which is a multiple of four.
    fn write32(&self, offset: usize, value: u32);
}

impl Memory for Registers {
    fn write16(&self, offset: usize, value: u16) {
        Registers::write16(self, offset, value);
    }

    fn write32(&self, offset: usize, value: u32) {
        Registers::write32(self, offset, value);
    }
}

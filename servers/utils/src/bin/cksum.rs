//! `cksum [file...]`: checksum and length of files, by the algorithm of POSIX.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::getopt::Options;
use posix::io::Output;
use utils::inputs;

const SYNOPSIS: &str = "[file...]";

/// The polynomial of ISO/IEC 8802-3.
const POLYNOMIAL: u32 = 0x04c1_1db7;

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut value = (index as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 0x8000_0000 != 0 {
                value << 1 ^ POLYNOMIAL
            } else {
                value << 1
            };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
};

fn step(sum: u32, byte: u8) -> u32 {
    sum << 8 ^ TABLE[usize::from((sum >> 24) as u8 ^ byte)]
}

posix::main!(program);

fn program() -> i32 {
    let args = posix::env::args();
    let mut options = Options::new(&args, "");
    for option in &mut options {
        if let Err(fault) = option {
            return fault.report(SYNOPSIS);
        }
    }
    let mut out = Output::stdout();
    let status = inputs::each(options.operands(), |input, name| {
        let (mut sum, mut length) = (0u32, 0u64);
        loop {
            let piece = input.fill()?;
            let count = piece.len();
            if count == 0 {
                break;
            }
            sum = piece.iter().fold(sum, |sum, &byte| step(sum, byte));
            length += count as u64;
            input.consume(count);
        }
        let mut rest = length;
        while rest > 0 {
            sum = step(sum, rest as u8);
            rest >>= 8;
        }
        out.number(u64::from(!sum));
        out.byte(b' ');
        out.number(length);
        if name != b"-" {
            out.byte(b' ');
            out.put(name);
        }
        out.byte(b'\n');
        Ok(())
    });
    out.finish(status)
}

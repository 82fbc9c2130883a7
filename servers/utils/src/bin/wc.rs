//! `wc [-clmw] [file...]`: counts lines, words and bytes.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::getopt::Options;
use posix::io::Output;
use utils::inputs;

const SYNOPSIS: &str = "[-clmw] [file...]";

posix::main!(program);

fn program() -> i32 {
    let args = posix::env::args();
    let mut options = Options::new(&args, "clmw");
    let mut wanted = [false; 3];
    for option in &mut options {
        match option.map(|option| option.letter) {
            Ok(b'l') => wanted[0] = true,
            Ok(b'w') => wanted[1] = true,
            // A character is a byte, as in the POSIX locale.
            Ok(_) => wanted[2] = true,
            Err(fault) => return fault.report(SYNOPSIS),
        }
    }
    if wanted == [false; 3] {
        wanted = [true; 3];
    }
    let single = wanted.iter().filter(|wanted| **wanted).count() == 1;
    let mut out = Output::stdout();
    let mut total = [0u64; 3];
    let mut show = |counts: [u64; 3], name: &[u8]| {
        let width = if single && options.operands().len() < 2 {
            0
        } else {
            7
        };
        let mut first = true;
        for (count, _) in counts.into_iter().zip(wanted).filter(|(_, wanted)| *wanted) {
            if !core::mem::take(&mut first) {
                out.byte(b' ');
            }
            out.padded(count, width);
        }
        if !name.is_empty() {
            out.byte(b' ');
            out.put(name);
        }
        out.byte(b'\n');
    };
    let status = inputs::each(options.operands(), |input, name| {
        let mut counts = [0u64; 3];
        let mut in_word = false;
        loop {
            let piece = input.fill()?;
            let length = piece.len();
            if length == 0 {
                break;
            }
            counts[2] += length as u64;
            for &byte in piece {
                counts[0] += u64::from(byte == b'\n');
                let space = matches!(byte, b' ' | 9..=13);
                counts[1] += u64::from(!space && !in_word);
                in_word = !space;
            }
            input.consume(length);
        }
        for (total, count) in total.iter_mut().zip(counts) {
            *total += count;
        }
        show(
            counts,
            if options.operands().is_empty() {
                b""
            } else {
                name
            },
        );
        Ok(())
    });
    if options.operands().len() > 1 {
        show(total, b"total");
    }
    out.finish(status)
}

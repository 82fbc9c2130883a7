//! `dd [if=file] [of=file] [bs=n] [count=n] [skip=n] [seek=n] [conv=...]`: copies blocks.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::fs::{self, O_CREAT, O_READ, O_TRUNC, O_WRITE, Whence};
use posix::io::{File, STDERR, STDIN, STDOUT, complain, usage, warn};
use posix::{Errno, Fd, Result};

const SYNOPSIS: &str = "[if=file] [of=file] [bs=n | ibs=n obs=n] [count=n] [skip=n] [seek=n] \
     [conv=notrunc,noerror,sync,ucase,lcase,fsync] [status=none]";
const BLOCK: u64 = 512;

posix::main!(program);

#[derive(Default)]
struct Conversions {
    keep: bool,
    no_error: bool,
    fill: bool,
    upper: bool,
    lower: bool,
    flush: bool,
}

struct Job {
    input_block: usize,
    output_block: usize,
    count: Option<u64>,
    skip: u64,
    seek: u64,
    conversions: Conversions,
}

#[derive(Default)]
struct Records {
    full_in: u64,
    partial_in: u64,
    full_out: u64,
    partial_out: u64,
    bytes: u64,
}

/// A number with a factor: `c` 1, `w` 2, `b` 512, `k` or `K` 1024, `M`, `G`; or a product with `x`.
fn parse_size(text: &[u8]) -> Option<u64> {
    text.split(|&b| b == b'x').try_fold(1u64, |product, part| {
        let (digits, factor) = match part {
            [digits @ .., b'c'] => (digits, 1),
            [digits @ .., b'w'] => (digits, 2),
            [digits @ .., b'b'] => (digits, BLOCK),
            [digits @ .., b'k' | b'K'] => (digits, 1 << 10),
            [digits @ .., b'M'] => (digits, 1 << 20),
            [digits @ .., b'G'] => (digits, 1 << 30),
            digits => (digits, 1),
        };
        product.checked_mul(posix::parse_number(digits)?.checked_mul(factor)?)
    })
}

fn program() -> i32 {
    let args = posix::env::args();
    let (mut input, mut output): (Option<&[u8]>, Option<&[u8]>) = (None, None);
    let (mut both, mut input_block, mut output_block) = (None, BLOCK, BLOCK);
    let mut job = Job {
        input_block: 0,
        output_block: 0,
        count: None,
        skip: 0,
        seek: 0,
        conversions: Conversions::default(),
    };
    let mut quiet = false;
    for arg in args.iter().skip(1) {
        let Some(equals) = arg.iter().position(|&b| b == b'=') else {
            return usage(SYNOPSIS);
        };
        let (name, value) = (&arg[..equals], &arg[equals + 1..]);
        let size = || parse_size(value);
        let good = match name {
            b"if" => input.replace(value).is_none(),
            b"of" => output.replace(value).is_none(),
            b"bs" => size().map(|n| both = Some(n)).is_some(),
            b"ibs" => size().map(|n| input_block = n).is_some(),
            b"obs" => size().map(|n| output_block = n).is_some(),
            b"count" => size().map(|n| job.count = Some(n)).is_some(),
            b"skip" | b"iseek" => size().map(|n| job.skip = n).is_some(),
            b"seek" | b"oseek" => size().map(|n| job.seek = n).is_some(),
            b"status" => {
                quiet = value == b"none" || value == b"noxfer";
                true
            }
            b"conv" => value.split(|&b| b == b',').all(|word| {
                let flag = match word {
                    b"notrunc" => &mut job.conversions.keep,
                    b"noerror" => &mut job.conversions.no_error,
                    b"sync" => &mut job.conversions.fill,
                    b"ucase" => &mut job.conversions.upper,
                    b"lcase" => &mut job.conversions.lower,
                    b"fsync" | b"fdatasync" => &mut job.conversions.flush,
                    _ => return false,
                };
                *flag = true;
                true
            }),
            _ => false,
        };
        if !good {
            complain(&[arg, b": bad operand"]);
            return usage(SYNOPSIS);
        }
    }
    if let Some(size) = both {
        (input_block, output_block) = (size, size);
    }
    let block = |size: u64| {
        usize::try_from(size)
            .ok()
            .filter(|&size| size > 0 && size <= 1 << 30)
    };
    let (Some(ibs), Some(obs)) = (block(input_block), block(output_block)) else {
        complain(&[b"bad block size"]);
        return 1;
    };
    (job.input_block, job.output_block) = (ibs, obs);
    let mut records = Records::default();
    let result =
        open(input, output, &job).and_then(|(from, to)| job.copy(from.fd(), to.fd(), &mut records));
    if !quiet {
        report(&records);
    }
    match result {
        Ok(()) => 0,
        Err(error) => {
            warn(output.or(input).unwrap_or(b"copy"), error);
            1
        }
    }
}

fn open(input: Option<&[u8]>, output: Option<&[u8]>, job: &Job) -> Result<(File, File)> {
    let from = match input {
        Some(path) => File::open(path, O_READ, 0)?,
        None => File::from_fd(STDIN),
    };
    let to = match output {
        Some(path) => {
            let cut = !job.conversions.keep && job.seek == 0;
            let file = File::open(
                path,
                O_WRITE | O_CREAT | if cut { O_TRUNC } else { 0 },
                0o666,
            )?;
            if !job.conversions.keep && job.seek > 0 {
                match fs::ftruncate(file.fd(), job.seek * job.output_block as u64) {
                    // A device has the size that it has.
                    Ok(()) | Err(Errno::EINVAL | Errno::EOPNOTSUPP | Errno::ENOTSUP) => {}
                    Err(error) => return Err(error),
                }
            }
            file
        }
        None => File::from_fd(STDOUT),
    };
    Ok((from, to))
}

impl Job {
    fn read(&self, fd: Fd, buffer: &mut [u8]) -> Result<usize> {
        loop {
            match fs::read(fd, buffer) {
                Err(Errno::EINTR) => {}
                result => return result,
            }
        }
    }

    fn copy(&self, from: Fd, to: Fd, records: &mut Records) -> Result<()> {
        let mut buffer = alloc::vec![0; self.input_block];
        let offset = |blocks: u64, size: usize| {
            i64::try_from(blocks.saturating_mul(size as u64)).map_err(|_| Errno::EINVAL)
        };
        if self.skip > 0 {
            let start = offset(self.skip, self.input_block)?;
            if fs::lseek(from, start, Whence::Current).is_err() {
                for _ in 0..self.skip {
                    if self.read(from, &mut buffer)? == 0 {
                        break;
                    }
                }
            }
        }
        if self.seek > 0 {
            fs::lseek(to, offset(self.seek, self.output_block)?, Whence::Start)?;
        }
        let mut pending = alloc::vec::Vec::new();
        let mut left = self.count;
        while left != Some(0) {
            if let Some(left) = &mut left {
                *left -= 1;
            }
            let mut count = match self.read(from, &mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if self.conversions.no_error => {
                    warn(b"read", error);
                    fs::lseek(from, self.input_block as i64, Whence::Current)?;
                    0
                }
                Err(error) => return Err(error),
            };
            if count == self.input_block {
                records.full_in += 1;
            } else {
                records.partial_in += 1;
                if self.conversions.fill {
                    buffer[count..].fill(0);
                    count = self.input_block;
                }
            }
            let block = &mut buffer[..count];
            if self.conversions.upper {
                block.make_ascii_uppercase();
            }
            if self.conversions.lower {
                block.make_ascii_lowercase();
            }
            if self.input_block == self.output_block && pending.is_empty() {
                self.write(to, block, records)?;
                continue;
            }
            pending.extend_from_slice(block);
            let whole = pending.len() / self.output_block * self.output_block;
            for block in pending[..whole].chunks(self.output_block) {
                self.write(to, block, records)?;
            }
            pending.drain(..whole);
        }
        if !pending.is_empty() {
            self.write(to, &pending, records)?;
        }
        if self.conversions.flush {
            fs::fsync(to)?;
        }
        Ok(())
    }

    fn write(&self, to: Fd, block: &[u8], records: &mut Records) -> Result<()> {
        fs::write_all(to, block)?;
        records.bytes += block.len() as u64;
        if block.len() == self.output_block {
            records.full_out += 1;
        } else {
            records.partial_out += 1;
        }
        Ok(())
    }
}

fn report(records: &Records) {
    let mut out = posix::io::Output::new(STDERR);
    for (full, partial, text) in [
        (records.full_in, records.partial_in, &b" records in\n"[..]),
        (records.full_out, records.partial_out, b" records out\n"),
    ] {
        out.number(full);
        out.byte(b'+');
        out.number(partial);
        out.put(text);
    }
    out.number(records.bytes);
    out.put(b" bytes copied\n");
}

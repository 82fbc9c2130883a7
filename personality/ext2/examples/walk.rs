//! Reads everything in an ext2 image: `walk IMAGE`.
//!
//! Prints what was found, and every error.

use std::process::ExitCode;

use ext2::{Fs, MountOptions, testing};

/// Operations before a walk gives up: only a damaged image needs more.
const BUDGET: u64 = 10_000_000;

fn main() -> ExitCode {
    let Some(image) = std::env::args().nth(1) else {
        eprintln!("usage: walk IMAGE");
        return ExitCode::from(2);
    };
    let bytes = match std::fs::read(&image) {
        Ok(bytes) => bytes,
        Err(error) => {
            eprintln!("walk: {image}: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut fs = match Fs::mount(bytes.as_slice(), &MountOptions::default()) {
        Ok(fs) => fs,
        Err(error) => {
            eprintln!("walk: {image}: {error}");
            return ExitCode::FAILURE;
        }
    };
    let walk = testing::walk(&mut fs, BUDGET);
    println!(
        "{} directories, {} files, {} bytes, digest {:016x}{}",
        walk.directories,
        walk.files,
        walk.bytes,
        walk.digest,
        if walk.finished { "" } else { ", not finished" },
    );
    for error in &walk.errors {
        println!("{error}");
    }
    if walk.errors.is_empty() && walk.finished {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

//! Damages a copy of an ext2 image: `mutate IMAGE SEED OUT`.
//!
//! Prints what was done. The same seed does the same to the same image.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [image, seed, out] = arguments.as_slice() else {
        eprintln!("usage: mutate IMAGE SEED OUT");
        return ExitCode::from(2);
    };
    match run(image, seed, out) {
        Ok(mutation) => {
            println!("{mutation}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("mutate: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(image: &str, seed: &str, out: &str) -> Result<ext2::testing::Mutation, String> {
    let seed = seed.parse().map_err(|error| format!("{seed}: {error}"))?;
    let mut bytes = std::fs::read(image).map_err(|error| format!("{image}: {error}"))?;
    if bytes.is_empty() {
        return Err(format!("{image}: empty"));
    }
    let mutation = ext2::testing::mutate(&mut bytes, seed);
    std::fs::write(out, bytes).map_err(|error| format!("{out}: {error}"))?;
    Ok(mutation)
}

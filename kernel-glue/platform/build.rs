//! Finds the board that the kernel in `HIRD_KERNEL_DIR` was built for.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// The board of builds without a kernel (lints, documentation).
const USUAL: &str = "qemu-virt";

fn main() {
    println!("cargo:rerun-if-env-changed=HIRD_KERNEL_DIR");
    let board = match env::var_os("HIRD_KERNEL_DIR") {
        Some(kernel) => board_of(&Path::new(&kernel).join("kernel.toml")),
        None => USUAL.into(),
    };
    let manifest = env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let source = Path::new(&manifest)
        .join("../../platforms")
        .join(board)
        .join("board.rs");
    let source = source
        .canonicalize()
        .unwrap_or_else(|error| panic!("{}: {error}", source.display()));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::write(
        out.join("board.rs"),
        format!("#[path = {source:?}]\nmod board;\n"),
    )
    .expect("OUT_DIR can be written");
}

/// The name of the board in what the kernel's build tells of itself.
fn board_of(info: &Path) -> String {
    println!("cargo:rerun-if-changed={}", info.display());
    let text =
        fs::read_to_string(info).unwrap_or_else(|error| panic!("{}: {error}", info.display()));
    let info: toml::Table = text.parse().expect("the kernel's build has written TOML");
    info["platform"]
        .as_str()
        .expect("the platform's name is text")
        .into()
}

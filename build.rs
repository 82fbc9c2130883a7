//! Finds the pinned kernel source and hands it to the host tool.
//!
//! The package that holds the kernel's C source is a dependency under a `cfg`
//! that is never set, so Cargo pins and fetches it without ever compiling it.
//! `cargo metadata` knows where it was unpacked; `Cargo.lock` has its checksum.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// Registry package whose folder `seL4/` is the kernel.
const PACKAGE: &str = "sel4-sys";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=Cargo.lock");
    println!("cargo:rerun-if-changed=Cargo.toml");
    println!("cargo:rerun-if-env-changed=CARGO_HOME");

    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let (version, place) = find_package(&root);
    let checksum = checksum(&root, &version);
    let source = place.join("seL4");
    if !source.join("VERSION").is_file() {
        panic!(
            "{} holds no kernel source (no seL4/VERSION)",
            place.display()
        );
    }
    println!(
        "cargo:rerun-if-changed={}",
        source.join("VERSION").display()
    );
    println!("cargo:rustc-env=HIRD_KERNEL_SOURCE={}", source.display());
    println!("cargo:rustc-env=HIRD_KERNEL_PACKAGE={PACKAGE}");
    println!("cargo:rustc-env=HIRD_KERNEL_PACKAGE_VERSION={version}");
    println!("cargo:rustc-env=HIRD_KERNEL_PACKAGE_CHECKSUM={checksum}");
    println!(
        "cargo:rustc-env=HIRD_TARGET={}",
        env::var("TARGET").expect("cargo sets it")
    );
}

/// Version and folder of the unpacked package.
fn find_package(root: &Path) -> (String, PathBuf) {
    let cargo = env::var_os("CARGO").expect("cargo sets it");
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--manifest-path"])
        .arg(root.join("Cargo.toml"))
        .output()
        .expect("cargo metadata starts");
    if !output.status.success() {
        panic!(
            "cargo metadata failed:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let packages = metadata["packages"]
        .as_array()
        .expect("metadata lists packages");
    let package = packages
        .iter()
        .find(|p| p["name"] == PACKAGE && p["source"].is_string())
        .unwrap_or_else(|| panic!("Cargo.toml has no registry dependency {PACKAGE}"));
    let manifest = Path::new(package["manifest_path"].as_str().expect("a path"));
    let version = package["version"].as_str().expect("a version").to_owned();
    (version, manifest.parent().expect("a folder").to_owned())
}

/// The package's SHA-256 as `Cargo.lock` pins it.
fn checksum(root: &Path, version: &str) -> String {
    let lock = fs::read_to_string(root.join("Cargo.lock")).expect("Cargo.lock is readable");
    let name = format!("name = \"{PACKAGE}\"");
    let version = format!("version = \"{version}\"");
    lock.split("[[package]]")
        .filter(|block| block.lines().any(|l| l == name) && block.lines().any(|l| l == version))
        .find_map(|block| block.lines().find_map(|l| l.strip_prefix("checksum = ")))
        .map(|quoted| quoted.trim_matches('"').to_owned())
        .unwrap_or_else(|| panic!("Cargo.lock pins no checksum for {PACKAGE}"))
}

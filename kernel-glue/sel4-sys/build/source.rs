//! Where the kernel's source and its configuration lie.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file by which a kernel source tree is recognised.
const MARKER: &str = "libsel4/include/interfaces/sel4.xml";

/// The kernel's source tree: `SEL4_SOURCE`, else the one that the kernel in `HIRD_KERNEL_DIR` was
/// built from, else the package that the workspace pins.
pub fn kernel_source() -> PathBuf {
    println!("cargo:rerun-if-env-changed=SEL4_SOURCE");
    if let Some(path) = env::var_os("SEL4_SOURCE").map(PathBuf::from) {
        assert!(
            path.join(MARKER).is_file(),
            "SEL4_SOURCE={} has no {MARKER}",
            path.display()
        );
        return path;
    }
    if let Some(built) = env::var_os("HIRD_KERNEL_DIR").map(PathBuf::from)
        && let Ok(text) = fs::read_to_string(built.join("source"))
    {
        let path = PathBuf::from(text.trim());
        assert!(
            path.join(MARKER).is_file(),
            "{} has no {MARKER}",
            path.display()
        );
        return path;
    }
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest =
        Path::new(&env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("Cargo.toml");
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--manifest-path"])
        .arg(manifest)
        .output()
        .expect("cargo metadata runs");
    let text = String::from_utf8_lossy(&output.stdout);
    text.split("\"manifest_path\":\"")
        .skip(1)
        .filter_map(|rest| Path::new(rest.split('"').next()?).parent())
        .map(|package| package.join("seL4"))
        .find(|tree| tree.join(MARKER).is_file())
        .unwrap_or_else(|| {
            panic!(
                "no kernel source: set SEL4_SOURCE (cargo metadata said {})",
                String::from_utf8_lossy(&output.stderr)
            )
        })
}

/// The `autoconf.h` of the kernel build in `HIRD_KERNEL_DIR`. Without one, a configuration of
/// this crate stands in, which is good for checks and for tests on the host.
pub fn configuration(sel4_arch: &str) -> PathBuf {
    println!("cargo:rerun-if-env-changed=HIRD_KERNEL_DIR");
    let for_kernel = env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "none");
    if let Some(path) = env::var_os("HIRD_KERNEL_DIR").map(PathBuf::from) {
        let file = path.join("include/autoconf.h");
        let text = fs::read_to_string(&file)
            .unwrap_or_else(|error| panic!("HIRD_KERNEL_DIR: {}: {error}", file.display()));
        let symbol = format!("CONFIG_ARCH_{}", sel4_arch.to_uppercase());
        if text.split_whitespace().any(|word| word == symbol) {
            return file;
        }
        // A build for the host may run in the environment of a build for another architecture.
        assert!(!for_kernel, "{} is not for {sel4_arch}", file.display());
    } else if for_kernel {
        println!("cargo:warning=HIRD_KERNEL_DIR is not set: assuming the usual {sel4_arch} kernel");
    }
    Path::new(&env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"))
        .join("config")
        .join(sel4_arch)
        .join("autoconf.h")
}

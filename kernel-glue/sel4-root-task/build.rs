//! Hands the linker script to the build scripts of root tasks.

use std::env;
use std::path::Path;

fn main() {
    println!("cargo:rerun-if-changed=root-task.lds");
    let folder = env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let script = Path::new(&folder).join("root-task.lds");
    println!("cargo:linker-script={}", script.display());
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "none") {
        println!("cargo:rustc-link-arg-examples=-T{}", script.display());
        println!("cargo:rustc-link-arg-examples=--no-pie");
        println!("cargo:rustc-link-arg-examples=-zmax-page-size=4096");
    }
}

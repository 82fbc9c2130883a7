//! Passes on the root task's linker script, and finds the boot modules.

fn main() {
    println!("cargo:rerun-if-env-changed=HIRD_BOOT_MODULES");
    let script = std::env::var("DEP_SEL4_ROOT_TASK_LINKER_SCRIPT").unwrap_or_default();
    println!("cargo:rustc-link-arg-bins=-T{script}");
    println!("cargo:rustc-link-arg-bins=--no-pie");
    let out = std::env::var("OUT_DIR").unwrap_or_default();
    let modules = std::env::var("HIRD_BOOT_MODULES").unwrap_or_default();
    let file = format!("{out}/modules.cpio");
    if modules.is_empty() {
        // Builds without an image (lints, documentation) hold no module.
        std::fs::write(&file, []).expect("OUT_DIR is writable");
    } else {
        println!("cargo:rerun-if-changed={modules}");
        std::fs::copy(&modules, &file).expect("HIRD_BOOT_MODULES names a readable file");
    }
}

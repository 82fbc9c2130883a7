//! Passes on the root task's linker script.

fn main() {
    let script = std::env::var("DEP_SEL4_ROOT_TASK_LINKER_SCRIPT").unwrap_or_default();
    println!("cargo:rustc-link-arg-bins=-T{script}");
    println!("cargo:rustc-link-arg-bins=--no-pie");
}

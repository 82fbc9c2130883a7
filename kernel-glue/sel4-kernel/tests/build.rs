//! A kernel build as a whole. Takes a few seconds and needs the cross compiler.

use std::path::{Path, PathBuf};

use sel4_kernel::{Error, KernelBuild, source};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn build_into(platform: &str, out: &Path, source: &Path) -> KernelBuild {
    KernelBuild {
        source: source.to_owned(),
        platform_dir: workspace().join("platforms").join(platform),
        out: out.to_owned(),
        debug: false,
    }
}

#[test]
fn the_pinned_source_is_the_recorded_one() {
    let report = source::verify(&source::find(&workspace()).unwrap()).unwrap();
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.matching, 895);
}

/// The address of a symbol of the kernel.
fn address_of(kernel: &Path, cross: &str, symbol: &str) -> u64 {
    let nm = std::process::Command::new(format!("{cross}nm")).arg(kernel).output();
    let table = String::from_utf8(nm.unwrap().stdout).unwrap();
    let mut lines = table.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let found = lines.find(|words| words.last() == Some(&symbol)).unwrap();
    u64::from_str_radix(found[0], 16).unwrap()
}

#[test]
fn the_stack_of_the_kernel_for_pc99_is_aligned_to_its_size() {
    let source = source::find(&workspace()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let built = build_into("pc99", dir.path(), &source).build().unwrap();
    let stack = address_of(&built.elf, &built.platform.cross(), "kernel_stack_alloc");
    assert_eq!(stack % 4096, 0);
}

fn two_builds_give_the_same_kernel(platform: &str) {
    let source = source::find(&workspace()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (short, long) = (dir.path().join("a"), dir.path().join("a/much/longer/name"));
    let first = build_into(platform, &short, &source).build().unwrap();
    let second = build_into(platform, &long, &source).build().unwrap();
    assert!(first.rebuilt && second.rebuilt);
    for (first, second) in [(&first.elf, &second.elf), (&first.boot, &second.boot)] {
        assert_eq!(std::fs::read(first).unwrap(), std::fs::read(second).unwrap());
    }
    let third = build_into(platform, &short, &source).build().unwrap();
    assert!(!third.rebuilt);
    assert!(source::verify(&source).unwrap().is_clean());
}

#[test]
fn two_builds_for_qemu_virt_in_different_folders_give_the_same_kernel() {
    two_builds_give_the_same_kernel("qemu-virt");
}

#[test]
fn two_builds_for_pc99_in_different_folders_give_the_same_kernel() {
    two_builds_give_the_same_kernel("pc99");
}

#[test]
fn a_source_that_differs_is_not_built() {
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("seL4");
    let original = source::find(&workspace()).unwrap();
    let copied = std::process::Command::new("cp")
        .arg("-r")
        .args([&original, &copy])
        .status();
    assert!(copied.unwrap().success());
    let file = copy.join("src/util.c");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}\n")).unwrap();
    let result = build_into("qemu-virt", &dir.path().join("out"), &copy).build();
    let Err(Error::SourceDiffers { report, .. }) = result else {
        panic!("{result:?}");
    };
    assert_eq!(report.differing, ["src/util.c"]);
}

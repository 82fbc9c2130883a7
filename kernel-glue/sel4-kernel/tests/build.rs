//! A kernel build as a whole. Takes a few seconds and needs the cross compiler.

use std::path::{Path, PathBuf};

use sel4_kernel::{Error, KernelBuild, source};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn build_into(out: &Path, source: &Path) -> KernelBuild {
    KernelBuild {
        source: source.to_owned(),
        platform_dir: workspace().join("platforms/qemu-virt"),
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

#[test]
#[ignore = "builds the kernel twice"]
fn two_builds_in_different_folders_give_the_same_kernel() {
    let source = source::find(&workspace()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (short, long) = (dir.path().join("a"), dir.path().join("a/much/longer/name"));
    let first = build_into(&short, &source).build().unwrap();
    let second = build_into(&long, &source).build().unwrap();
    assert!(first.rebuilt && second.rebuilt);
    assert_eq!(
        std::fs::read(&first.elf).unwrap(),
        std::fs::read(&second.elf).unwrap()
    );
    assert!(!build_into(&short, &source).build().unwrap().rebuilt);
    assert!(source::verify(&source).unwrap().is_clean());
}

#[test]
#[ignore = "copies the kernel source"]
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
    let result = build_into(&dir.path().join("out"), &copy).build();
    let Err(Error::SourceDiffers { report, .. }) = result else {
        panic!("{result:?}");
    };
    assert_eq!(report.differing, ["src/util.c"]);
}

//! What knows which processor it runs on lies in `kernel-glue`, in `platforms`, or in a file that is
//! named after an architecture.

use std::path::{Path, PathBuf};

/// What gives such knowledge away.
const NAMES: [&str; 6] = ["aarch64", "arm64", "armv8", "i386", "target_arch", "x86"];
/// What the name of a file or folder that may have it ends with, before its extension.
const NAMED: [&str; 3] = ["aarch64", "arch", "x86_64"];
/// What is not looked at: the kernel's side, what is written for people, and cargo's own settings,
/// which it keeps by target.
const APART: [&str; 5] = ["kernel-glue", "platforms", "docs", ".cargo", "target"];

/// Kinds of files that are looked at.
const LOOKED_AT: [&str; 8] = ["c", "h", "ld", "manifest", "rs", "S", "t", "toml"];

/// Files of source, configuration and tests below a folder.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if name.starts_with('.') && name != ".ci" {
            continue;
        }
        if path.is_dir() {
            files(&path, found);
        } else if path
            .extension()
            .is_some_and(|kind| LOOKED_AT.iter().any(|known| kind == *known))
        {
            found.push(path);
        }
    }
}

/// Whether a path below the root may know an architecture.
fn may_know(path: &Path) -> bool {
    let mut parts = path
        .components()
        .map(|part| part.as_os_str().to_string_lossy());
    let first = parts.clone().next().unwrap_or_default();
    APART.contains(&&*first)
        || parts.any(|part| {
            let stem = part.split('.').next().unwrap_or(&part);
            NAMED.iter().any(|name| stem.ends_with(name))
        })
}

#[test]
fn only_what_is_named_after_an_architecture_knows_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    files(root, &mut found);
    assert!(found.len() > 300, "only {} files were found", found.len());
    let mut wrong = Vec::new();
    for path in found {
        let place = path.strip_prefix(root).unwrap();
        if may_know(place) || place == Path::new("tests/neutral.rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap().to_lowercase();
        for (number, line) in text.lines().enumerate() {
            if NAMES.iter().any(|name| line.contains(name)) {
                wrong.push(format!(
                    "{}:{}: {}",
                    place.display(),
                    number + 1,
                    line.trim()
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "these know the architecture:\n{}",
        wrong.join("\n")
    );
}

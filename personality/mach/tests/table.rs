//! docs/MACH.md: which of Mach's routines there are, and the cases that test them. The page is made
//! from the numbers of `abi`, GNU Mach's own list, and the names of the cases in the booted system;
//! `HIRD_WRITE=1 cargo test -p mach --test table` writes it.

use mach::abi::{notify, routine};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// Messages that the mach server sends, and does not get.
const SENT: &[u32] = &[
    notify::PORT_DELETED,
    notify::MSG_ACCEPTED,
    notify::PORT_DESTROYED,
    notify::NO_SENDERS,
    notify::SEND_ONCE,
    notify::DEAD_NAME,
    notify::EXCEPTION_RAISE,
    notify::NEW_TASK,
];

/// Cases by the routine that their names begin with.
fn cases(root: &Path) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let folder = root.join("servers/tests/src/bin");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|f| f.unwrap().path())
        .collect();
    files.sort();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for piece in text.split("suite.check(").skip(1) {
            let Some(name) = piece
                .trim_start()
                .strip_prefix('"')
                .and_then(|s| s.split('"').next())
            else {
                continue;
            };
            if let Some((routine, case)) = name.split_once(", ")
                && routine.contains('_')
                && !routine.contains(' ')
            {
                found.entry(routine.into()).or_default().push(case.into());
            }
        }
    }
    found
}

fn page(root: &Path) -> String {
    let mut cases = cases(root);
    let mut page = String::from(
        "# Mach's routines\n\nMade by `personality/mach/tests/table.rs` from the interface and the \
         tests; do not edit. A routine that is\nrefused is answered with `MIG_BAD_ID`. Cases are \
         those of `servers/tests` whose names begin with the routine's.\n",
    );
    let mut listed = Vec::new();
    let mut last = "";
    let text = include_str!("mach.txt");
    let mut rows: Vec<(&str, u32, &str)> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split(' ').collect();
        let [number, interface, name] = words[..] else {
            panic!("{line}")
        };
        rows.push((interface, number.parse().unwrap(), name));
    }
    let mut row = |page: &mut String, number: u32, name: &str, state: &str| {
        let covered = cases.remove(name).unwrap_or_default().join("; ");
        writeln!(page, "| {number} | `{name}` | {state} | {covered} |").unwrap();
    };
    const HEAD: &str = "| number | routine | | cases |\n|---|---|---|---|\n";
    rows.sort_by_key(|(_, number, _)| *number);
    for (interface, number, name) in rows {
        if interface != last {
            write!(page, "\n## {interface}\n\n{HEAD}").unwrap();
            last = interface;
        }
        let state = match routine::name(number) {
            _ if SENT.contains(&number) => "sent",
            Some(own) => {
                assert_eq!(own.to_lowercase(), name, "{number}");
                listed.push(number);
                "supported"
            }
            None => "refused",
        };
        row(&mut page, number, name, state);
    }
    write!(page, "\n## Hird's own\n\n{HEAD}").unwrap();
    for number in 0..10_000 {
        if let Some(name) = routine::name(number)
            && !listed.contains(&number)
        {
            row(&mut page, number, &name.to_lowercase(), "supported");
        }
    }
    assert!(
        cases.is_empty(),
        "cases of routines that there are not: {:?}",
        cases.keys()
    );
    page
}

#[test]
fn the_table_of_machs_routines_is_what_the_code_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let file = root.join("docs/MACH.md");
    let page = page(&root);
    if std::env::var_os("HIRD_WRITE").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == page,
        "docs/MACH.md is not what HIRD_WRITE=1 makes it"
    );
}

//! docs/MACH.md: which of Mach's routines there are, and the cases that test them. The page is made
//! from the numbers of `abi`, GNU Mach's own list, and the names of the cases in the booted system;
//! `HIRD_WRITE=1 cargo test -p mach --test all table` writes it.

use crate::{effects, refusals};
use mach::abi::{memory_object, notify, routine};
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
    memory_object::INIT,
    memory_object::TERMINATE,
    memory_object::DATA_REQUEST,
    memory_object::DATA_UNLOCK,
    memory_object::LOCK_COMPLETED,
    memory_object::SUPPLY_COMPLETED,
    memory_object::DATA_RETURN,
    memory_object::CHANGE_COMPLETED,
];

/// Routines that there are for the error alone with which they are refused.
const DECLINED: &[(u32, &str)] = &[
    (routine::VM_MACHINE_ATTRIBUTE, "KERN_INVALID_ARGUMENT"),
    (routine::PROCESSOR_START, "KERN_FAILURE"),
    (routine::PROCESSOR_EXIT, "KERN_FAILURE"),
    (routine::PROCESSOR_CONTROL, "KERN_FAILURE"),
    (routine::PROCESSOR_ASSIGN, "KERN_FAILURE"),
    (routine::PROCESSOR_SET_CREATE, "KERN_FAILURE"),
    (routine::PROCESSOR_SET_DESTROY, "KERN_FAILURE"),
];

/// Routines that a program cannot try without ending the system, and where they are tried.
const ELSEWHERE: &[(&str, &str)] = &[("host_reboot", "tests/guest/console/login.t")];

/// Cases by the routines that their names begin with.
fn cases(root: &Path) -> BTreeMap<String, Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    let all = effects::ALL.iter().copied().flatten();
    names.extend(all.map(|(name, _)| name.to_string()));
    let mut folders = vec![root.join("servers/tests/src/bin")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => files.push(path),
            }
        }
    }
    files.sort();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for piece in text.split("suite.check(").skip(1) {
            let quoted = piece.trim_start().strip_prefix('"');
            names.extend(quoted.and_then(|rest| rest.split('"').next()).map(String::from));
        }
    }
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in names {
        let Some((routines, case)) = name.split_once(", ") else { continue };
        for routine in routines.split(" and ") {
            if routine == "random" || routine.contains('_') && !routine.contains(' ') {
                found.entry(routine.into()).or_default().push(case.into());
            }
        }
    }
    for refused in refusals::ALL {
        let name = routine::name(refused.routine).unwrap().to_lowercase();
        let case = format!("refuses {} requests", refused.rows.len());
        found.entry(name).or_default().push(case);
    }
    for (routine, place) in ELSEWHERE {
        assert!(root.join(place).exists(), "{place}");
        found.entry(routine.to_string()).or_default().push(format!("`{place}`"));
    }
    found
}

fn page(root: &Path) -> String {
    let mut cases = cases(root);
    let mut page = String::from(
        "# Mach's routines\n\nMade by `personality/mach/tests/all/table.rs` from the interface and the \
         tests; do not edit. A routine that is\nrefused is answered with `MIG_BAD_ID`, or \
         with the error that it says. Cases are those of `servers/tests` whose names begin with the routine's; requests that are refused\nare those of its `refusals.rs`.\n",
    );
    let mut listed = Vec::new();
    let mut last = "";
    let text = include_str!("../mach.txt");
    let mut rows: Vec<(&str, u32, &str)> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split(' ').collect();
        let [number, interface, name] = words[..] else {
            panic!("{line}")
        };
        rows.push((interface, number.parse().unwrap(), name));
    }
    let mut bare = Vec::new();
    let mut row = |page: &mut String, number: u32, name: &str, state: &str| {
        let covered = cases.remove(name).unwrap_or_default();
        let needed = match state {
            state if state != "sent" && state != "refused" => covered.iter().any(|case| !case.starts_with("refuses")),
            state => state == "refused" || !covered.is_empty(),
        };
        if !needed {
            bare.push(name.to_string());
        }
        let covered = covered.join("; ");
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
                match DECLINED.iter().find(|(declined, _)| *declined == number) {
                    Some((_, error)) => &format!("refused: `{error}`"),
                    None => "supported",
                }
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
    assert!(bare.is_empty(), "routines without a case: {bare:?}");
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

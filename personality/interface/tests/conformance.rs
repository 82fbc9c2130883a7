//! The tables agree with the Hurd's definitions.

use machuser::table::Direction;
use std::collections::BTreeMap;

/// Routines whose parameters differ from the table, which counts `waittime`: a parameter of MIG
/// that says how long the message may wait, and does not travel in it.
const TIMEOUTS: &[&str] = &["io_select", "startup_dosync", "interrupt_operation"];

/// Routines that the Hurd does not have, and that programs written for it do not miss.
const OWN: &[&str] = &[
    "proc_signal",
    "proc_mark_image",
    "proc_set_ignored",
    "proc_exit",
    "proc_new_child",
    "driver_keep_memory",
];

#[test]
fn numbers_names_and_parameters_are_the_hurds() {
    let mut expected = BTreeMap::new();
    for line in include_str!("hurd.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
    {
        let words: Vec<&str> = line.split(' ').collect();
        let [interface, number, name, messages, ins, outs] = words[..] else {
            panic!("{line}")
        };
        let number: u32 = number.parse().unwrap();
        let mut ins: usize = ins.parse().unwrap();
        if TIMEOUTS.contains(&name) {
            ins -= 1;
        }
        let outs: usize = outs.parse().unwrap();
        expected.insert(number, (interface, name, messages == "1", ins, outs));
    }
    let mut served = BTreeMap::new();
    for interface in interface::ALL {
        for routine in interface
            .routines
            .iter()
            .filter(|routine| !OWN.contains(&routine.name))
        {
            let ins = routine.inputs().count();
            let outs = routine.outputs().count();
            let old = served.insert(
                routine.number,
                (interface.name, routine.name, routine.one_way, ins, outs),
            );
            assert_eq!(old, None);
        }
    }
    for (number, row) in &expected {
        assert_eq!(served.get(number), Some(row), "number {number}");
    }
    assert_eq!(served.len(), expected.len());
}

#[test]
fn interfaces_do_not_overlap_and_fit_a_label() {
    let mut last = 0;
    for interface in interface::ALL {
        for routine in interface.routines {
            assert!(
                routine.number > last,
                "{} {}",
                interface.name,
                routine.number
            );
            last = routine.number;
            assert!(routine.number + 100 < machuser::wire::LABEL_WINDOW);
            let results = routine
                .arguments
                .iter()
                .any(|a| a.direction != Direction::In);
            assert!(!routine.one_way || !results);
        }
    }
}

#[test]
fn a_routine_is_found_by_its_number() {
    assert_eq!(interface::routine(21013).map(|r| r.name), Some("io_stat"));
    assert_eq!(interface::routine(20032).map(|r| r.name), None);
}

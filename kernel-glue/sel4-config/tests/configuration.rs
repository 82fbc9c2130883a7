//! The macros agree with the constants.

use sel4_config::{sel4_cfg, sel4_cfg_if};

#[test]
fn a_condition_is_its_switches_value() {
    const { assert!(sel4_cfg!(FASTPATH) == sel4_config::FASTPATH) };
    assert_eq!(sel4_cfg!(not(FASTPATH)), !sel4_config::FASTPATH);
    assert!(sel4_cfg!(any(FASTPATH, not(FASTPATH))));
    assert!(!sel4_cfg!(all(FASTPATH, not(all(FASTPATH, HAVE_FPU)))));
}

#[test]
fn the_branch_of_a_switch_that_is_off_is_not_compiled() {
    sel4_cfg_if! {
        if HARDWARE_DEBUG_API {
            let value = a_function_that_does_not_exist();
        } else {
            let value = 1;
        }
    }
    assert_eq!(value, 1);
    sel4_cfg_if! { if not(FASTPATH) { this_one_neither(); } }
}

#[test]
fn numbers_that_are_one_are_numbers() {
    assert_eq!(sel4_config::MAX_NUM_NODES, 1);
    const { assert!(sel4_config::NUM_PRIORITIES <= 256) };
}

//! What the tests of the booted system share: telling results, and tasks to test with.
#![cfg_attr(target_os = "none", no_std)]

extern crate alloc;

#[cfg(target_os = "none")]
pub mod arch;
#[cfg(target_os = "none")]
pub mod attack;
#[cfg(target_os = "none")]
pub mod child;
pub mod effects;
#[cfg(target_os = "none")]
pub mod probe;
pub mod random;
pub mod refusals;
pub mod suite;

/// The entry of a program that consists of tests: `fn(&mut Suite)`. On the host it has none.
#[macro_export]
macro_rules! tests {
    ($run:path) => {
        fn program() -> i32 {
            let mut suite = $crate::suite::Suite::new();
            $run(&mut suite);
            suite.finish()
        }
        posix::main!(program);
    };
}

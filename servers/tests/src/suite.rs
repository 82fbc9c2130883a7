//! Results, one line each, as `hird test` reads them.

use alloc::format;
use alloc::string::String;
use machuser::env;

/// Why a test does not hold.
pub type Why = String;
/// What a test answers.
pub type Outcome = Result<(), Why>;

/// Writes a line to standard output, or to the system's log where there is none.
pub fn line(text: &str) {
    if env::fd_count() > 1 && env::fd(1).is_some() {
        let text = format!("{text}\n");
        // Nobody is left to be told of a failure.
        let _ = posix::fs::write_all(1, text.as_bytes());
    } else {
        machuser::mach::log(text);
    }
}

/// A run of tests.
pub struct Suite {
    count: u32,
    failed: u32,
    long: bool,
}

impl Default for Suite {
    fn default() -> Self {
        Self::new()
    }
}

impl Suite {
    /// A run; the argument `long` asks for the long forms of tests.
    pub fn new() -> Suite {
        let long = env::args().iter().any(|argument| argument == b"long");
        Suite {
            count: 0,
            failed: 0,
            long,
        }
    }

    /// `full` in a long run, a tenth of it otherwise.
    pub fn times(&self, full: u64) -> u64 {
        if self.long { full } else { full / 10 }
    }

    /// Whether the long forms of tests are asked for.
    pub fn is_long(&self) -> bool {
        self.long
    }

    /// Runs one test; its name is a sentence that says what holds.
    pub fn check(&mut self, name: &str, test: impl FnOnce() -> Outcome) {
        self.count += 1;
        match test() {
            Ok(()) => line(&format!("ok {name}")),
            Err(why) => {
                self.failed += 1;
                line(&format!("not ok {name}: {why}"));
            }
        }
    }

    /// Tells how many there were; answers the exit status.
    pub fn finish(self) -> i32 {
        line(&format!("done {}", self.count));
        (self.failed > 0) as i32
    }
}

/// Fails a test unless both are equal.
#[macro_export]
macro_rules! same {
    ($found:expr, $expected:expr) => {
        match (&$found, &$expected) {
            (found, expected) if *found == *expected => {}
            (found, expected) => {
                return Err(alloc::format!(
                    "line {}: {found:x?} instead of {expected:x?}",
                    line!()
                ));
            }
        }
    };
}

/// The value of a result, or the end of the test.
#[macro_export]
macro_rules! get {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(error) => return Err(alloc::format!("line {}: {error:?}", line!())),
        }
    };
}

//! Telling results as they come, and counting them.

use crate::cli::Platform;

/// Where a test runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Host,
    /// On the host, under Miri.
    Miri,
    /// In the system that this board has booted.
    Board(Platform),
}

/// The results so far.
#[derive(Debug, Default)]
pub struct Report {
    passed: usize,
    failed: Vec<String>,
    skipped: usize,
}

impl Report {
    /// A test passed.
    pub fn pass(&mut self, place: Place, name: &str) {
        self.passed += 1;
        println!("ok    {:9} {name}", label(place));
    }

    /// A test failed. `why` may have many lines.
    pub fn fail(&mut self, place: Place, name: &str, why: &str) {
        println!("FAIL  {:9} {name}", label(place));
        for line in why.lines() {
            println!("      {line}");
        }
        self.failed.push(format!("{} {name}", label(place)));
    }

    /// A test is not for this machine, which `why` says.
    pub fn skip(&mut self, place: Place, name: &str, why: &str) {
        self.skipped += 1;
        println!("skip  {:9} {name}: {why}", label(place));
    }

    /// Prints the failures again, how many tests were skipped, and, as the last line, the counts. Returns
    /// whether all is well.
    pub fn finish(&self) -> bool {
        if !self.failed.is_empty() {
            println!("\nfailed:");
        }
        for name in &self.failed {
            println!("      {name}");
        }
        if self.skipped > 0 {
            println!("{} skipped", self.skipped);
        }
        println!("{} passed, {} failed", self.passed, self.failed.len());
        self.failed.is_empty()
    }

    /// Number of tests that failed.
    pub fn failed(&self) -> usize {
        self.failed.len()
    }

    /// Whether there was no test.
    pub fn is_empty(&self) -> bool {
        self.passed + self.failed.len() + self.skipped == 0
    }
}

fn label(place: Place) -> &'static str {
    match place {
        Place::Host => "host",
        Place::Miri => "miri",
        Place::Board(platform) => platform.name(),
    }
}

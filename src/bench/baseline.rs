//! Figures of other systems, from files that say how they were measured.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::figures::Figures;

/// Another system's figures.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// The system's name.
    pub name: String,
    #[serde(default)]
    instructions: BTreeMap<String, f64>,
    #[serde(default)]
    bytes: BTreeMap<String, f64>,
}

impl Baseline {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Baseline> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("cannot read {}", path.display()))
    }

    /// Figures that were just measured.
    pub fn live(name: &str, figures: &Figures) -> Baseline {
        let of_unit = |unit: &str| {
            let of_unit = figures.iter().filter(|(_, figure)| figure.unit == unit);
            of_unit
                .map(|(name, figure)| (name.to_owned(), figure.value))
                .collect()
        };
        Baseline {
            name: name.to_owned(),
            instructions: of_unit("instructions"),
            bytes: of_unit("bytes"),
        }
    }

    /// All figures, of any unit.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        let all = self.instructions.iter().chain(&self.bytes);
        all.map(|(name, value)| (name.as_str(), *value))
    }

    /// Keeps the figures whose name the test accepts.
    pub fn retain(&mut self, mut test: impl FnMut(&str) -> bool) {
        self.instructions.retain(|name, _| test(name));
        self.bytes.retain(|name, _| test(name));
    }

    /// The figure of a name in a unit.
    pub fn get(&self, name: &str, unit: &str) -> Option<f64> {
        match unit {
            "instructions" => self.instructions.get(name).copied(),
            "bytes" => self.bytes.get(name).copied(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Platform;
    use crate::workspace::Workspace;

    #[test]
    fn the_recorded_baselines_are_readable() {
        let workspace = Workspace::locate().expect("the checkout is there");
        let board = workspace.platform(Platform::QemuVirt);
        let linux = Baseline::read(&board.join("linux-baseline.toml"));
        let linux = linux.expect("it is a baseline");
        assert_eq!(linux.get("rpc.null", "instructions"), Some(462.0));
        assert_eq!(linux.get("rpc.null", "bytes"), None);
        let mach = Baseline::read(&board.join("gnumach-baseline.toml"));
        assert_eq!(mach.expect("it is a baseline").name, "GNU Mach");
    }
}

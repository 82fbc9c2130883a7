//! `images/boot.manifest`: the programs that start before there is a file system.
//!
//! One line a module: its name, the cargo binary that it is, and its arguments.
//! `#` starts a comment.

use std::path::Path;

use anyhow::{Context, Result, bail};

/// One program of the boot archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// Its name in the archive.
    pub name: String,
    /// The cargo binary.
    pub binary: String,
    /// Its arguments.
    pub arguments: Vec<String>,
}

impl Module {
    /// A board's driver.
    pub fn driver(name: &String) -> Module {
        Module {
            name: name.clone(),
            binary: name.clone(),
            arguments: Vec::new(),
        }
    }
}

/// Reads the manifest.
pub fn read(path: &Path) -> Result<Vec<Module>> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    parse(&text).with_context(|| path.display().to_string())
}

fn parse(text: &str) -> Result<Vec<Module>> {
    let mut modules: Vec<Module> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace().map(str::to_owned);
        let Some(name) = words.next() else { continue };
        let Some(binary) = words.next() else {
            bail!(
                "line {}: `{name}` needs the name of a binary behind it",
                number + 1
            );
        };
        if modules.iter().any(|m| m.name == name) {
            bail!("line {}: a second module `{name}`", number + 1);
        }
        modules.push(Module {
            name,
            binary,
            arguments: words.collect(),
        });
    }
    Ok(modules)
}

/// The manifest as the archive carries it: a line a module, single spaces.
pub fn write(modules: &[Module]) -> String {
    let mut text = String::new();
    for module in modules {
        text += &module.name;
        text += " ";
        text += &module.binary;
        for argument in &module.arguments {
            text += " ";
            text += argument;
        }
        text += "\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_spaces_do_not_count() {
        let modules = parse("# first\n\nauth   auth\nfs ext2fs --root /dev/vd0 # disk\n");
        let modules = modules.expect("two good lines");
        assert_eq!(modules.len(), 2);
        assert_eq!(modules[1].arguments, ["--root", "/dev/vd0"]);
        assert_eq!(write(&modules), "auth auth\nfs ext2fs --root /dev/vd0\n");
    }

    #[test]
    fn a_line_without_a_binary_and_a_double_name_are_refused() {
        assert!(parse("auth").is_err());
        assert!(parse("a b\na c").is_err());
    }
}

//! Manifests of a file system: `images/root.manifest`, `images/tests.manifest`.
//!
//! One line a node, in words separated by spaces; `#` starts a comment.
//!
//! ```text
//! dir        PATH MODE UID:GID
//! program    PATH MODE UID:GID BINARY          a cargo binary of the workspace
//! file       PATH MODE UID:GID SOURCE          a file of the checkout
//! symlink    PATH TARGET
//! hardlink   PATH OTHER
//! translator PATH MODE UID:GID COMMAND ARG...  an empty file with a passive translator
//! settrans   PATH COMMAND ARG...               a passive translator for an earlier node
//! ```

use std::collections::HashSet;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

/// Permissions and owner of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// Permission bits, with set-user-id, set-group-id and sticky.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
}

/// What a line makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Directory(Attributes),
    /// A cargo binary, by name.
    Program(Attributes, String),
    /// A file, by its path in the checkout.
    File(Attributes, String),
    Symlink(String),
    Hardlink(String),
    /// An empty file with a passive translator: the command and its arguments.
    Translator(Attributes, Vec<String>),
    /// A passive translator for a node that an earlier line makes.
    Record(Vec<String>),
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Absolute path of the node.
    pub path: String,
    pub kind: Kind,
}

impl Entry {
    /// Permissions and owner, if the line gives them.
    pub fn attributes(&self) -> Option<Attributes> {
        match &self.kind {
            Kind::Directory(a)
            | Kind::Program(a, _)
            | Kind::File(a, _)
            | Kind::Translator(a, _) => Some(*a),
            Kind::Symlink(_) | Kind::Hardlink(_) | Kind::Record(_) => None,
        }
    }

    /// The words of the passive translator, if the line gives one.
    pub fn translator(&self) -> Option<&[String]> {
        match &self.kind {
            Kind::Translator(_, words) | Kind::Record(words) => Some(words),
            _ => None,
        }
    }
}

/// Reads manifests in order, as one.
pub fn read(paths: &[impl AsRef<Path>]) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut nodes = HashSet::from(["/".to_owned()]);
    for path in paths {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        for (number, line) in text.lines().enumerate() {
            let entry = parse_line(line).and_then(|entry| check(entry, &mut nodes));
            let entry = entry.with_context(|| format!("{}:{}", path.display(), number + 1))?;
            entries.extend(entry);
        }
    }
    Ok(entries)
}

fn parse_line(line: &str) -> Result<Option<Entry>> {
    let line = line.split('#').next().unwrap_or_default();
    let words: Vec<&str> = line.split_whitespace().collect();
    let Some((&keyword, rest)) = words.split_first() else {
        return Ok(None);
    };
    let rest_from = |at: usize| -> Result<Vec<String>> {
        let words: Vec<String> = rest
            .get(at..)
            .unwrap_or_default()
            .iter()
            .map(|w| (*w).to_owned())
            .collect();
        ensure!(!words.is_empty(), "`{keyword}` lacks a word at the end");
        Ok(words)
    };
    let last = |at: usize| -> Result<String> {
        let mut words = rest_from(at)?;
        ensure!(words.len() == 1, "`{keyword}` has a word too many");
        Ok(words.remove(0))
    };
    let attributes = || -> Result<Attributes> {
        let mode = rest
            .get(1)
            .with_context(|| format!("`{keyword}` lacks a mode"))?;
        let owner = rest
            .get(2)
            .with_context(|| format!("`{keyword}` lacks an owner"))?;
        let mode = u32::from_str_radix(mode, 8).ok().filter(|m| *m <= 0o7777);
        let (uid, gid) = owner.split_once(':').context("an owner is UID:GID")?;
        Ok(Attributes {
            mode: mode.context("a mode is an octal number up to 7777")?,
            uid: uid.parse().context("bad user id")?,
            gid: gid.parse().context("bad group id")?,
        })
    };
    let kind = match keyword {
        "dir" => {
            ensure!(rest.len() <= 3, "`dir` has a word too many");
            Kind::Directory(attributes()?)
        }
        "program" => Kind::Program(attributes()?, last(3)?),
        "file" => Kind::File(attributes()?, last(3)?),
        "symlink" => Kind::Symlink(last(1)?),
        "hardlink" => Kind::Hardlink(last(1)?),
        "translator" => Kind::Translator(attributes()?, rest_from(3)?),
        "settrans" => Kind::Record(rest_from(1)?),
        other => bail!("unknown kind of node `{other}`"),
    };
    let path = rest.first().context("no path")?.to_string();
    Ok(Some(Entry { path, kind }))
}

/// Refuses an entry that cannot be made, and remembers those that can.
fn check(entry: Option<Entry>, nodes: &mut HashSet<String>) -> Result<Option<Entry>> {
    let Some(entry) = entry else { return Ok(None) };
    let path = &entry.path;
    let clean = path.starts_with('/')
        && (path == "/"
            || path[1..]
                .split('/')
                .all(|part| !matches!(part, "" | "." | "..")))
        && !path.contains(['"', '\\']);
    ensure!(clean, "`{path}` is not a clean absolute path");
    match &entry.kind {
        Kind::Record(_) => {
            ensure!(nodes.contains(path), "no earlier line makes {path}");
            return Ok(Some(entry));
        }
        // The root directory exists; a line for it sets its owner.
        Kind::Directory(_) if path == "/" => return Ok(Some(entry)),
        Kind::Hardlink(other) => ensure!(nodes.contains(other), "no earlier line makes {other}"),
        _ => {}
    }
    let parent = match path.rfind('/') {
        Some(0) | None => "/",
        Some(at) => &path[..at],
    };
    ensure!(
        nodes.contains(parent),
        "no earlier line makes the folder {parent}"
    );
    ensure!(nodes.insert(path.clone()), "a second line for {path}");
    Ok(Some(entry))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<Entry>> {
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), text)?;
        read(&[file.path()])
    }

    #[test]
    fn every_kind_of_line_is_read() {
        let entries = parse(
            "dir / 0755 0:0\ndir /bin 0755 0:0\nprogram /bin/ls 0755 0:0 ls # list\n\
             hardlink /bin/dir /bin/ls\nsymlink /b bin\nfile /motd 0644 1:2 images/motd\n\
             translator /null 0666 0:0 /hurd/null --x\nsettrans /bin /hurd/firmlink /\n",
        )
        .expect("all lines are good");
        assert_eq!(entries.len(), 8);
        assert_eq!(
            entries[5].attributes(),
            Some(Attributes {
                mode: 0o644,
                uid: 1,
                gid: 2
            })
        );
        assert_eq!(entries[6].translator().map(<[_]>::len), Some(2));
        assert_eq!(
            entries[7].kind,
            Kind::Record(vec!["/hurd/firmlink".into(), "/".into()])
        );
    }

    #[test]
    fn bad_lines_are_refused_with_their_number() {
        for bad in [
            "dir bin 0755 0:0",
            "dir /a/b 0755 0:0",
            "dir /a 0855 0:0",
            "dir /a 0755 0",
            "dir /../a 0755 0:0",
            "dir /a 0755 0:0 x",
            "program /a 0755 0:0",
            "symlink /a",
            "hardlink /a /b",
            "settrans /a /hurd/null",
            "node /a",
            "dir /a 0755 0:0\ndir /a 0755 0:0",
        ] {
            let error = format!("{:#}", parse(bad).expect_err(bad));
            assert!(
                error.contains(if bad.contains('\n') { ":2" } else { ":1" }),
                "{bad}: {error}"
            );
        }
    }
}

//! Where things lie: the checkout's folders and the build's output.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::cli::Platform;

/// The checkout and its output folders. All paths are absolute.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// The checkout.
    pub root: PathBuf,
    /// Cargo's target folder.
    pub target: PathBuf,
}

impl Workspace {
    /// The checkout that this tool was built from.
    pub fn locate() -> Result<Workspace> {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        if !root.join("images").is_dir() {
            bail!(
                "the checkout {} is gone; build the tool again with ./hird",
                root.display()
            );
        }
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => root.join(folder),
            None => root.join("target"),
        };
        Ok(Workspace { root, target })
    }

    /// A path of the checkout.
    pub fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    /// Folder of a platform's description.
    pub fn platform(&self, platform: Platform) -> PathBuf {
        self.path("platforms").join(platform.name())
    }

    /// Folder for all that the tool makes for a platform.
    pub fn output(&self, platform: Platform) -> Result<PathBuf> {
        self.folder(&format!("hird/{}", platform.name()))
    }

    /// A folder below the target folder, made if it is missing.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.target.join(name);
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        Ok(folder)
    }

    /// A path as a person would write it: relative to the current folder if
    /// it lies there.
    pub fn shown(path: &Path) -> String {
        let relative = env::current_dir()
            .ok()
            .and_then(|cwd| path.strip_prefix(cwd).ok().map(Path::to_owned));
        relative.as_deref().unwrap_or(path).display().to_string()
    }
}

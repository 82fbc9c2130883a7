//! Why a kernel could not be built.

use std::path::{Path, PathBuf};

use crate::source::VerifyReport;

/// What every function of this crate returns.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a kernel could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read or written.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// A program that the build runs is not there.
    #[error("{tool} is missing; install it, for instance with `apt-get install {package}`")]
    MissingTool {
        /// The program.
        tool: String,
        /// Debian's package of it.
        package: String,
    },
    /// A program that the build runs failed.
    #[error("{step} failed: {command}\n{output}")]
    ToolFailed {
        /// What the program was run for.
        step: String,
        /// The command line.
        command: String,
        /// What it printed.
        output: String,
    },
    /// The platform description cannot be understood.
    #[error("{}: {message}", path.display())]
    Platform {
        /// The description.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// The kernel source is not the recorded one.
    #[error("the kernel source at {} is not the recorded one: {report}", path.display())]
    SourceDiffers {
        /// The kernel source's folder.
        path: PathBuf,
        /// What differs.
        report: VerifyReport,
    },
    /// The kernel source's folder cannot be found.
    #[error("the kernel source cannot be found: {0}")]
    NoSource(String),
    /// Nothing can be appended to a program.
    #[error("nothing can be appended to the root task: {0}")]
    Append(&'static str),
    /// The loader, the kernel and a root task cannot be made one image.
    #[error(transparent)]
    Image(#[from] sel4_loader::image::Error),
}

impl Error {
    /// Makes an error of `path` from what the system said.
    pub(crate) fn io(path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.as_ref().to_owned();
        move |cause| Error::Io { path, cause }
    }
}

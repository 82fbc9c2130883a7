//! Running the programs that the build needs.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::{Error, Result};

/// One command of the build.
#[derive(Debug)]
pub(crate) struct Step {
    /// What it is for.
    pub what: String,
    /// The program.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Debian's package of the program.
    pub package: String,
}

impl Step {
    /// Runs the command in `dir`.
    pub fn run(&self, dir: &Path) -> Result<()> {
        let mut command = command(&self.program);
        command.args(&self.arguments).current_dir(dir);
        let output = command.output().map_err(|cause| self.cannot_start(cause))?;
        if output.status.success() {
            return Ok(());
        }
        let printed = [output.stdout, output.stderr].concat();
        Err(Error::ToolFailed {
            step: self.what.clone(),
            command: self.command_line(),
            output: String::from_utf8_lossy(&printed).into_owned(),
        })
    }

    /// The command as one would type it.
    pub fn command_line(&self) -> String {
        let mut line = self.program.clone();
        for argument in &self.arguments {
            line.push(' ');
            line.push_str(argument);
        }
        line
    }

    fn cannot_start(&self, cause: std::io::Error) -> Error {
        if cause.kind() == std::io::ErrorKind::NotFound {
            return Error::MissingTool {
                tool: self.program.clone(),
                package: self.package.clone(),
            };
        }
        Error::Io {
            path: self.program.clone().into(),
            cause,
        }
    }
}

/// A command whose result does not depend on the user's surroundings.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command
        .stdin(Stdio::null())
        .env("LC_ALL", "C")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONHASHSEED", "0")
        .env_remove("PYTHONPATH")
        .env_remove("CPATH")
        .env_remove("C_INCLUDE_PATH")
        .env_remove("GCC_EXEC_PREFIX");
    command
}

/// First line that `program` prints about its version.
///
/// # Errors
///
/// [`Error::MissingTool`] naming `package` if the program is not there.
pub(crate) fn version(program: &str, package: &str) -> Result<String> {
    let step = Step {
        what: "asking for the version".into(),
        program: program.into(),
        arguments: vec!["--version".into()],
        package: package.into(),
    };
    let output = command(program)
        .arg("--version")
        .output()
        .map_err(|cause| step.cannot_start(cause))?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

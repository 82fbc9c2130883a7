//! Building the boot loader, and images that it boots.

use std::path::PathBuf;
use std::process::Command;

use crate::error::{Error, Result};
use crate::platform::Platform;

pub use sel4_loader::image::make_image;
pub use sel4_loader::payload::checksum;

const CRATE: &str = "sel4-loader";

/// What the loader is built from, and where to.
#[derive(Clone, Debug)]
pub struct LoaderBuild {
    /// The workspace that the loader's crate is in.
    pub workspace: PathBuf,
    /// The board's folder, with `platform.toml`.
    pub platform_dir: PathBuf,
    /// The folder for everything that comes out, cargo's target folder for this one build.
    pub out: PathBuf,
}

impl LoaderBuild {
    /// Builds the loader and returns where its ELF program lies, for [`make_image`]. Does nothing
    /// if it is there already and nothing that it depends on has changed.
    ///
    /// # Errors
    ///
    /// [`Error::Platform`] if the board has no loader; [`Error::ToolFailed`] if cargo fails;
    /// [`Error::MissingTool`] if it is not there.
    pub fn build(&self) -> Result<PathBuf> {
        let platform = Platform::load(&self.platform_dir)?;
        let Some(loader) = &platform.loader else {
            return Err(Error::Platform {
                path: self.platform_dir.join("platform.toml"),
                message: "the board has no loader".into(),
            });
        };
        let setup: String = loader
            .setup
            .iter()
            .map(|(address, bits, value)| format!("({address:#x}, {bits:#x}, {value:#x}), "))
            .collect();
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
        let mut command = Command::new(&cargo);
        command
            .args([
                "build",
                "--quiet",
                "--release",
                "--package",
                CRATE,
                "--target",
                platform.target(),
            ])
            .arg("--target-dir")
            .arg(&self.out)
            .current_dir(&self.workspace)
            .env("HIRD_LOADER_BASE", format!("{:#x}", loader.base))
            .env("HIRD_LOADER_MEMORY", format!("{:#x}", loader.memory))
            .env("HIRD_LOADER_UART", format!("{:#x}", loader.uart))
            .env("HIRD_LOADER_UART_REGISTERS", format!("{:?}", loader.uart_registers))
            .env("HIRD_LOADER_SETUP", format!("[{setup}]"))
            .env("HIRD_LOADER_CORES", format!("{:?}", loader.cores))
            .env("HIRD_LOADER_SLEEP", format!("{:#x}", loader.sleep))
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS");
        let output = command.output().map_err(|cause| match cause.kind() {
            std::io::ErrorKind::NotFound => Error::MissingTool {
                tool: cargo,
                package: "cargo".into(),
            },
            _ => Error::Io {
                path: "cargo".into(),
                cause,
            },
        })?;
        if !output.status.success() {
            return Err(Error::ToolFailed {
                step: "building the loader".into(),
                command: format!("{command:?}"),
                output: String::from_utf8_lossy(&output.stderr).into_owned(),
            });
        }
        Ok(self.out.join(platform.target()).join("release").join(CRATE))
    }
}

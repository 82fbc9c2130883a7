//! The host tool of Hird: what `./hird` calls.

mod bench;
mod boot;
mod card;
mod cargo;
mod cli;
mod image;
mod kernel;
mod machine;
mod rootfs;
mod run;
mod setup;
mod step;
mod system;
mod test;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};
use workspace::Workspace;

fn main() -> ExitCode {
    let cli = Cli::parse();
    step::set_verbose(cli.verbose);
    // A failure of the tool must not pass for a status of the guest's commands.
    let failure = match cli.command {
        Command::Run(_) => run::STATUS_DEAD,
        _ => 1,
    };
    match perform(&cli.command) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            step::say(&format!("{error:#}"));
            ExitCode::from(failure)
        }
    }
}

/// Performs a command. Returns the exit status.
fn perform(command: &Command) -> anyhow::Result<u8> {
    let workspace = Workspace::locate()?;
    match command {
        Command::Run(arguments) => run::command(&workspace, arguments),
        Command::Test(arguments) => test::command(&workspace, arguments),
        Command::Bench(arguments) => bench::command(&workspace, arguments).map(|()| 0),
        Command::Image(arguments) => image::command(&workspace, arguments).map(|()| 0),
        Command::Kernel(arguments) => kernel::command(&workspace, arguments).map(|()| 0),
        Command::Setup => setup::command(&workspace).map(|()| 0),
    }
}

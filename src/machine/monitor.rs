//! The emulator's monitor (QEMU Machine Protocol).

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

/// How long the emulator may take to open its monitor, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);

/// A connection to a monitor.
pub struct Monitor(BufReader<UnixStream>);

impl Monitor {
    /// Lets an emulator open a monitor in a folder that is there as long as it runs, and whose path
    /// is short.
    pub fn prepare(command: &mut Command, folder: &Path) {
        let socket = folder.join("monitor");
        command.arg("-qmp").arg(format!("unix:{},server=on,wait=off", socket.display()));
    }

    /// Connects to the monitor of an emulator that was started so.
    pub fn open(folder: &Path) -> Result<Monitor> {
        let end = Instant::now() + PATIENCE;
        let stream = loop {
            match UnixStream::connect(folder.join("monitor")) {
                Ok(stream) => break stream,
                Err(error) if Instant::now() >= end => {
                    return Err(error).context("the emulator opens no monitor");
                }
                Err(_) => thread::sleep(PAUSE),
            }
        };
        let mut monitor = Monitor(BufReader::new(stream));
        monitor.ask("qmp_capabilities", &json!({}))?;
        Ok(monitor)
    }

    /// Gives the emulator a command, and waits for its answer.
    pub fn ask(&mut self, command: &str, arguments: &Value) -> Result<Value> {
        let command = json!({ "execute": command, "arguments": arguments });
        writeln!(self.0.get_mut(), "{command}").context("the emulator's monitor is closed")?;
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line)?;
            let mut answer: Value =
                serde_json::from_str(&line).context("the emulator's monitor is closed")?;
            if let Some(value) = answer.get_mut("return") {
                return Ok(value.take());
            }
            if let Some(error) = answer.get("error") {
                bail!("the emulator refuses {command}: {error}");
            }
        }
    }

    /// The registers of the first processor, as the emulator shows them to a person.
    pub fn registers(&mut self) -> Result<String> {
        let line = json!({ "command-line": "info registers" });
        let text = self.ask("human-monitor-command", &line)?;
        Ok(text.as_str().context("no text")?.replace('\r', ""))
    }
}

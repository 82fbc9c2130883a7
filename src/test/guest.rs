//! The tests that boot the system.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use sel4_kernel::QemuDescription;

use super::console;
use super::judge;
use super::parallel::{self, locked};
use super::report::{Place, Report};
use super::transcript::{self, Body, Case, DEFAULT_TIMEOUT, DiskNeed, Marks, Needs, Turn};
use crate::cli::{Platform, TestArgs, parse_size};
use crate::machine::bootargs::{self, BootArguments, Nonce};
use crate::machine::frame::Event;
use crate::machine::monitor::Monitor;
use crate::machine::qemu::{Console, Disk, Machine};
use crate::machine::screen::Screen;
use crate::machine::session::{Next, Session};
use crate::rootfs::image::tool;
use crate::step;
use crate::system::{Options, System, test_programs};
use crate::workspace::Workspace;

/// Where the test programs lie in the root file system.
const PROGRAMS: &str = "/tests/bin";
/// How long the system may take to come up, on a busy machine.
const BOOT_TIMEOUT: Duration = Duration::from_secs(600);
/// How long the system may take after its last case.
const END_TIMEOUT: Duration = Duration::from_secs(300);
/// How often the registers of a machine that hangs are looked at, and after how long each time.
const LOOKS: usize = 4;
const PAUSE: Duration = Duration::from_millis(37);
/// How many lines of them tell of integers, the program counter, and the mode.
const REGISTER_LINES: usize = 13;
/// Longest script of one boot, in bytes as they are passed.
const SCRIPT_MAXIMUM: usize = bootargs::MAXIMUM - (8 << 10);

/// Runs the guest's tests on every board that is wanted, as many at a time as there are processors.
pub fn run(workspace: &Workspace, arguments: &TestArgs, report: &mut Report) -> Result<()> {
    let cases = select(workspace, arguments)?;
    let mut runners = Vec::new();
    for &platform in &arguments.platforms {
        if cases.is_empty() {
            return Ok(());
        }
        match Runner::build(workspace, platform, arguments.debug_kernel, &cases) {
            Ok(runner) => runners.push(runner),
            Err(why) => report.fail(Place::Board(platform), "the build", &format!("{why:#}")),
        }
    }
    let mut groups: Vec<(&Runner, VecDeque<Case>)> = Vec::new();
    for runner in &runners {
        let first = groups.len();
        for case in &cases {
            if let Some(why) = runner.lacks(&case.needs) {
                report.skip(Place::Board(runner.platform), &case.name, &why);
                continue;
            }
            let shared = |(_, group): &&mut (&Runner, VecDeque<Case>)| {
                !case.needs.alone && group.front().is_some_and(|first| first.needs == case.needs)
            };
            match groups[first..].iter_mut().find(shared) {
                Some((_, group)) => group.push_back(case.clone()),
                None => groups.push((runner, VecDeque::from([case.clone()]))),
            }
        }
    }
    // Those that may take longest begin.
    groups.sort_by_key(|(_, group)| Reverse(group.len()));
    let report = Mutex::new(report);
    parallel::each(groups, |(runner, group)| match group.front() {
        Some(case) if case.needs.alone => runner.alone(case, &report),
        _ => runner.together(group, &report),
    })
}

/// The cases and test programs that are wanted.
fn select(workspace: &Workspace, arguments: &TestArgs) -> Result<Vec<Case>> {
    let mut cases = transcript::read_all(&workspace.path("tests/guest"))?;
    for path in test_programs(workspace, PROGRAMS)? {
        let named = |case: &Case| match &case.body {
            Body::Program(command) => command.split_whitespace().next() == Some(path.as_str()),
            Body::Transcript(_) | Body::Console(_) => false,
        };
        if !cases.iter().any(named) {
            cases.push(Case {
                name: path.trim_start_matches("/tests/").to_owned(),
                needs: Needs::default(),
                long: false,
                timeout: DEFAULT_TIMEOUT,
                body: Body::Program(path),
            });
        }
    }
    let filter = arguments.filter.as_deref().unwrap_or_default();
    cases.retain(|case| case.name.contains(filter) && (arguments.long || !case.long));
    Ok(cases)
}

/// A board's system, and where its tests leave what they make.
struct Runner {
    platform: Platform,
    system: System,
    /// The system whose boot image holds the root file system, if a case needs it.
    ramdisk: Option<System>,
    /// The CD with that, if a case's machine starts it.
    cd: Option<PathBuf>,
    folder: PathBuf,
    /// Folder of what the consoles print, a file for each case or set of cases that share a boot.
    logs: PathBuf,
}

/// How a boot ended.
enum Ending {
    /// All cases of the boot were done.
    Complete,
    /// It ended while the case at the front was running, or before any.
    Broken { reason: String, started: bool },
}

/// What a case left behind in one boot.
struct Trace {
    output: Vec<u8>,
    status: u8,
}

impl Runner {
    /// Builds what a board's cases boot.
    fn build(
        workspace: &Workspace,
        platform: Platform,
        debug_kernel: bool,
        cases: &[Case],
    ) -> Result<Runner> {
        let options = Options {
            platform,
            debug_kernel,
            tests: true,
            ramdisk: false,
        };
        step::say(&format!("tests on {}", platform.name()));
        let system = System::build(workspace, options)?;
        let ramdisk = cases.iter().any(|case| case.needs.ramdisk).then(|| {
            let ramdisk = true;
            System::build(workspace, Options { ramdisk, ..options })
        });
        let folder = workspace.output(platform)?;
        let logs = folder.join("test-logs");
        if logs.exists() {
            fs::remove_dir_all(&logs).context("cannot remove the logs of the last tests")?;
        }
        fs::create_dir(&logs).context("cannot make a folder for logs")?;
        let mut runner = Runner {
            platform,
            system,
            ramdisk: ramdisk.transpose()?,
            cd: None,
            folder,
            logs,
        };
        let starts_cd = |case: &Case| runner.board(&case.needs).is_some_and(|board| board.starts_cd);
        if let Some(system) = &runner.ramdisk
            && cases.iter().any(starts_cd)
        {
            runner.cd = Some(system.cd()?);
        }
        Ok(runner)
    }

    /// Whether a case's root file system lies on a disk: not in the boot image, by its own wish or
    /// because the board has no disks, nor nowhere.
    fn has_root_disk(&self, needs: &Needs) -> bool {
        !(needs.ramdisk || needs.rootless || self.system.ramdisk)
    }

    /// What the machine lacks for a case, if it does.
    fn lacks(&self, needs: &Needs) -> Option<String> {
        let platform = &self.system.kernel.platform;
        if let Some(board) = needs.board.as_ref().filter(|board| **board != platform.name) {
            return Some(format!("it is for {board}"));
        }
        let Some(board) = self.board(needs) else {
            return Some(format!("there is no machine `{}`", needs.machine.as_deref()?));
        };
        let disks = needs.disks.len() + usize::from(self.has_root_disk(needs));
        let most = board.disks.as_ref().map_or(0, |disks| disks.most);
        if disks > most {
            return Some(format!("it needs {disks} disks, and the board has room for {most}"));
        }
        if needs.rootless && self.system.ramdisk {
            return Some("the boot image always holds a root file system".to_owned());
        }
        if needs.screen && board.text_screen.is_none() {
            return Some("the board has no screen that can be read".to_owned());
        }
        if needs.memory.is_some() && board.memory_fixed {
            let memory = &board.memory;
            return Some(format!("the board has {memory} of memory, no more and no less"));
        }
        None
    }

    /// The machine that a case needs, if the board has it.
    fn board(&self, needs: &Needs) -> Option<QemuDescription> {
        let board = self.system.kernel.platform.qemu.clone()?;
        match &needs.machine {
            Some(name) => board.variant(name),
            None => Some(board),
        }
    }

    /// What the cases are told of the machine.
    fn settings(&self, needs: &Needs) -> String {
        let disks = self.board(needs).and_then(|board| board.disks);
        disks.map_or(String::new(), |disks| {
            format!("export ROOT_DISK={} DISK_SERVER={}\n", disks.root, disks.server)
        })
    }

    /// Runs cases of equal needs in as few boots as possible.
    fn together(&self, mut cases: VecDeque<Case>, report: &Mutex<&mut Report>) -> Result<()> {
        while let Some(first) = cases.front() {
            let needs = first.needs.clone();
            let marks = marks();
            let mut script = self.settings(&needs);
            let mut batch: VecDeque<Case> = VecDeque::new();
            let mut length = 0;
            while let Some(case) = cases.front() {
                let part = case.script(batch.len(), 0, &marks);
                length += bootargs::encode(&part).len();
                if length > SCRIPT_MAXIMUM && !batch.is_empty() {
                    break;
                }
                script += &part;
                batch.extend(cases.pop_front());
            }
            let root = self.has_root_disk(&needs).then(|| Disk {
                file: self.system.root.clone(),
                snapshot: true,
            });
            let machine = self.machine(&needs, root.into_iter().collect(), Some(script))?;
            let ending = self.boot(&machine, &marks, &mut batch, |case, trace| {
                self.judge(case, 0, &trace, &marks, report);
            })?;
            if let Ending::Broken { reason, started } = ending {
                if !started {
                    // No other boot would do better.
                    for case in batch.drain(..).chain(cases.drain(..)) {
                        self.tell(&case.name, &Err(reason.clone()), report);
                    }
                } else if let Some(case) = batch.pop_front() {
                    self.tell(&case.name, &Err(reason.clone()), report);
                }
                for case in batch.into_iter().rev() {
                    cases.push_front(case);
                }
            }
        }
        Ok(())
    }

    /// Holds a case's conversation with the console.
    fn converse(
        &self,
        case: &Case,
        turns: &[Turn],
        disks: Vec<Disk>,
        report: &Mutex<&mut Report>,
    ) -> Result<()> {
        let machine = self.machine(&case.needs, disks, None)?;
        // The name of a socket must be short.
        let monitor = tempfile::tempdir().context("cannot make a folder for the monitor")?;
        let address = machine.board.text_screen.filter(|_| case.needs.screen);
        let mut session = self.start(&machine, &case.name, Stdio::piped(), |command| {
            if address.is_some() {
                Monitor::prepare(command, monitor.path());
            }
        })?;
        let screen = address.map(|address| Screen::open(monitor.path(), address)).transpose()?;
        let limit = Instant::now() + BOOT_TIMEOUT + Duration::from_secs_f64(case.timeout);
        let ends = machine.board.ends_itself;
        let verdict = console::converse(&mut session, screen, turns, ends, limit)?;
        session.stop()?;
        self.tell(&case.name, &verdict, report);
        Ok(())
    }

    /// Runs a case that has the machine for itself, perhaps for many boots.
    fn alone(&self, case: &Case, report: &Mutex<&mut Report>) -> Result<()> {
        let scratch =
            tempfile::tempdir_in(&self.folder).context("cannot make a folder for disks")?;
        let mut disks = Vec::new();
        if self.has_root_disk(&case.needs) {
            disks.push(self.root_disk(case, scratch.path())?);
        }
        for (index, need) in case.needs.disks.iter().enumerate() {
            disks.push(make_disk(
                need,
                &scratch.path().join(format!("disk{index}")),
            )?);
        }
        if let Body::Console(turns) = &case.body {
            return self.converse(case, turns, disks, report);
        }
        let mut verdict = Ok(());
        for boot in 0..case.boots() {
            let marks = marks();
            let script = self.settings(&case.needs) + &case.script(0, boot, &marks);
            let machine = self.machine(&case.needs, disks.clone(), Some(script))?;
            let mut batch = VecDeque::from([case.clone()]);
            let mut trace = None;
            let ending = self.boot(&machine, &marks, &mut batch, |_, t| trace = Some(t))?;
            if let Ending::Broken { reason, .. } = ending {
                verdict = Err(reason);
                break;
            }
            let Some(trace) = trace else { continue };
            match &case.body {
                Body::Program(_) | Body::Console(_) => {
                    self.judge(case, boot, &trace, &marks, report);
                    return Ok(());
                }
                Body::Transcript(boots) => {
                    verdict = judge::transcript(&boots[boot], &trace.output, trace.status, &marks);
                }
            }
            if verdict.is_err() {
                break;
            }
        }
        self.tell(&case.name, &verdict, report);
        Ok(())
    }

    /// The root disk of a case. What one boot writes, the next one finds.
    fn root_disk(&self, case: &Case, scratch: &Path) -> Result<Disk> {
        if case.boots() == 1 {
            return Ok(Disk {
                file: self.system.root.clone(),
                snapshot: true,
            });
        }
        let file = scratch.join("root");
        let mut copy = Command::new("cp");
        copy.args(["--sparse=always", "--reflink=auto"])
            .arg(&self.system.root)
            .arg(&file);
        step::run("copying the root disk", &mut copy)?;
        Ok(Disk {
            file,
            snapshot: false,
        })
    }

    fn machine(&self, needs: &Needs, disks: Vec<Disk>, exec: Option<String>) -> Result<Machine> {
        let ramdisk = self.ramdisk.as_ref().filter(|_| needs.ramdisk);
        let system = ramdisk.unwrap_or(&self.system);
        let mut board = self.board(needs).context("this platform has no emulator")?;
        if let Some(cpu) = &needs.cpu {
            board.cpu = cpu.clone();
        }
        let usual = parse_size(&board.memory).map_err(anyhow::Error::msg)?;
        let (mut image, mut modules) = if board.starts_cd {
            let cd = self.cd.clone().filter(|_| needs.ramdisk);
            let cd = cd.context("a case for a machine that starts a CD needs a `@ramdisk`")?;
            (cd, Vec::new())
        } else {
            system.start.clone()
        };
        if needs.damaged {
            let file = modules.last_mut().map_or(&mut image, |(file, _)| file);
            *file = damage(file, &self.folder)?;
        }
        Ok(Machine {
            board,
            image,
            modules,
            device_tree: system.device_tree.clone(),
            memory: needs.memory.unwrap_or(usual),
            disks,
            icount: needs.counted,
            debug_kernel: system.debug_kernel,
            arguments: BootArguments {
                nonce: Nonce::random(),
                exec,
                user: needs.user.clone(),
                debug: false,
            },
        })
    }

    /// Starts a machine, with `more` on the emulator's command line, and adds what it prints to the
    /// log that is named after the case.
    fn start(
        &self,
        machine: &Machine,
        case: &str,
        input: Stdio,
        more: impl FnOnce(&mut Command),
    ) -> Result<Session> {
        let mut command = machine.command(Console::Tool)?;
        command.stdin(input);
        more(&mut command);
        if step::verbose() {
            step::say(&step::shown(&command));
        }
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.logs.join(case.replace('/', "-") + ".log"))?;
        Session::start(command, machine.parser(), Some(log))
    }

    /// Boots a machine that runs `cases`. Each that is done is taken away from
    /// the front and given to `done`.
    fn boot(
        &self,
        machine: &Machine,
        marks: &Marks,
        cases: &mut VecDeque<Case>,
        mut done: impl FnMut(&Case, Trace),
    ) -> Result<Ending> {
        let first = cases.front().map_or("", |case| &case.name);
        // The name of a socket must be short.
        let monitor = tempfile::tempdir().context("cannot make a folder for the monitor")?;
        let mut session = self.start(machine, first, Stdio::null(), |command| {
            Monitor::prepare(command, monitor.path());
        })?;
        let mut watch = Watch::new(marks);
        let mut limit = Instant::now() + BOOT_TIMEOUT;
        // When the boot or the case began, and how long the emulator had worked until then.
        let mut begun = (Instant::now(), Duration::ZERO);
        loop {
            let next = session.next(Some(limit))?;
            let reason = match next {
                Next::Event(Event::Output(bytes)) => {
                    for seen in watch.feed(&bytes) {
                        match seen {
                            Seen::Begin => {
                                let timeout = cases.front().map_or(0.0, |case| case.timeout);
                                limit = Instant::now() + Duration::from_secs_f64(timeout);
                                begun = (Instant::now(), session.worked());
                            }
                            Seen::End(trace) => {
                                if let Some(case) = cases.pop_front() {
                                    done(&case, trace);
                                }
                                limit = Instant::now() + END_TIMEOUT;
                            }
                        }
                    }
                    continue;
                }
                Next::Event(Event::Log(_) | Event::Begin) => continue,
                // The status is that of the last case's mark: of no interest.
                Next::Event(Event::End(_)) if cases.is_empty() => {
                    session.stop()?;
                    return Ok(Ending::Complete);
                }
                Next::Event(Event::End(status)) => format!("the shell ended with status {status}"),
                Next::Event(Event::Halt | Event::Reboot) => {
                    "the system was switched off".to_owned()
                }
                Next::Event(Event::Dead) => {
                    let soon = Instant::now() + Duration::from_millis(200);
                    while let Next::Event(_) = session.next(Some(soon))? {}
                    "the system died".to_owned()
                }
                Next::Closed => "the machine stopped".to_owned(),
                Next::Timeout => format!(
                    "the time is up, {} s, in which the emulator worked for {} s",
                    begun.0.elapsed().as_secs(),
                    session.worked().saturating_sub(begun.1).as_secs()
                ),
            };
            // What the processor did then tells why.
            let state = match next {
                Next::Timeout => "\n".to_owned() + &states(monitor.path()),
                _ => String::new(),
            };
            session.stop()?;
            if cases.is_empty() {
                // The last case is done and judged.
                return Ok(Ending::Complete);
            }
            let when = if watch.started {
                ""
            } else {
                " before the first case"
            };
            let reason = format!(
                "{reason}{when}; the console's last lines:\n{}{state}",
                session.last_lines()
            );
            return Ok(Ending::Broken {
                reason,
                started: watch.started,
            });
        }
    }

    fn judge(
        &self,
        case: &Case,
        boot: usize,
        trace: &Trace,
        marks: &Marks,
        report: &Mutex<&mut Report>,
    ) {
        match &case.body {
            // It was judged while it was held.
            Body::Console(_) => {}
            Body::Program(_) => {
                for (name, verdict) in judge::program(&trace.output, trace.status) {
                    let separator = if name.is_empty() { "" } else { ": " };
                    self.tell(&format!("{}{separator}{name}", case.name), &verdict, report);
                }
            }
            Body::Transcript(boots) => {
                let verdict = judge::transcript(&boots[boot], &trace.output, trace.status, marks);
                self.tell(&case.name, &verdict, report);
            }
        }
    }

    fn tell(&self, name: &str, verdict: &Result<(), String>, report: &Mutex<&mut Report>) {
        let (place, mut report) = (Place::Board(self.platform), locked(report));
        match verdict {
            Ok(()) => report.pass(place, name),
            Err(why) => report.fail(place, name, why),
        }
    }
}

/// The registers of a machine that hangs, some times in a row.
fn states(monitor: &Path) -> String {
    let look = || {
        let mut monitor = Monitor::open(monitor)?;
        let mut states = String::new();
        for _ in 0..LOOKS {
            let registers = monitor.registers()?;
            for line in registers.lines().take(REGISTER_LINES) {
                states += &format!("{line}\n");
            }
            thread::sleep(PAUSE);
        }
        Ok(states)
    };
    look().unwrap_or_else(|error: anyhow::Error| format!("{error:#}"))
}

/// A copy of a boot image with a byte in its middle that is another one.
fn damage(image: &Path, folder: &Path) -> Result<PathBuf> {
    let mut bytes =
        fs::read(image).with_context(|| format!("cannot read {}", image.display()))?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let damaged = folder.join("damaged.img");
    fs::write(&damaged, bytes).with_context(|| format!("cannot write {}", damaged.display()))?;
    Ok(damaged)
}

/// Makes a fresh disk.
fn make_disk(need: &DiskNeed, file: &Path) -> Result<Disk> {
    File::create(file)?.set_len(need.bytes)?;
    if need.ext2 {
        let mut mke2fs = tool("mke2fs");
        mke2fs.args(["-q", "-F", "-t", "ext2", "-b", "4096", "-I", "256"]);
        mke2fs
            .args(["-O", "none,ext_attr,filetype,sparse_super,large_file"])
            .arg(file);
        step::run("making a disk", &mut mke2fs)?;
    }
    Ok(Disk {
        file: file.to_owned(),
        snapshot: false,
    })
}

fn marks() -> Marks {
    Marks(Nonce::random().to_string())
}

/// Finds the marks of cases in what the shell prints.
struct Watch<'a> {
    marks: &'a Marks,
    buffer: Vec<u8>,
    /// How far it was searched for the next mark.
    searched: usize,
    index: usize,
    /// Whether a case is running.
    inside: bool,
    /// Whether any case ever started.
    started: bool,
}

enum Seen {
    Begin,
    End(Trace),
}

impl<'a> Watch<'a> {
    fn new(marks: &'a Marks) -> Watch<'a> {
        Watch {
            marks,
            buffer: Vec::new(),
            searched: 0,
            index: 0,
            inside: false,
            started: false,
        }
    }

    fn feed(&mut self, bytes: &[u8]) -> Vec<Seen> {
        self.buffer.extend_from_slice(bytes);
        let mut seen = Vec::new();
        loop {
            if self.inside {
                let mark = self.marks.end(self.index, "");
                let mark = mark.trim_end_matches(">>");
                let Some(at) = self.find(mark) else { break };
                let Ok((status, length)) = judge::number_mark(&self.buffer[at..], mark) else {
                    break;
                };
                let output = self.buffer[..at].to_vec();
                self.take(at + length);
                self.inside = false;
                self.index += 1;
                seen.push(Seen::End(Trace { output, status }));
            } else {
                let mark = self.marks.begin(self.index) + "\n";
                let Some(at) = self.find(&mark) else { break };
                self.take(at + mark.len());
                self.inside = true;
                self.started = true;
                seen.push(Seen::Begin);
            }
        }
        seen
    }

    /// Where a mark begins, of which there is none in what was searched for it before.
    fn find(&mut self, mark: &str) -> Option<usize> {
        let from = self.searched;
        match judge::find(&self.buffer[from..], mark.as_bytes()) {
            Some(at) => {
                self.searched = from + at;
                Some(from + at)
            }
            None => {
                self.searched = from.max((self.buffer.len() + 1).saturating_sub(mark.len()));
                None
            }
        }
    }

    fn take(&mut self, count: usize) {
        self.buffer.drain(..count);
        self.searched = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_are_cut_out_of_a_stream_in_any_pieces() {
        let marks = Marks("n".into());
        let text = "x<<case:n:0>>\nout<<done:n:0:12>>\n<<case:n:1>>\n<<done:n:1:0>>\nrest";
        for size in [1, 2, 7, text.len()] {
            let mut watch = Watch::new(&marks);
            let mut traces = Vec::new();
            for piece in text.as_bytes().chunks(size) {
                traces.extend(watch.feed(piece).into_iter().filter_map(|seen| match seen {
                    Seen::End(trace) => Some((trace.output, trace.status)),
                    Seen::Begin => None,
                }));
            }
            assert_eq!(traces, [(b"out".to_vec(), 12), (Vec::new(), 0)]);
        }
    }
}

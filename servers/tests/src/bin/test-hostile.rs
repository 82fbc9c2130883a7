//! Hostile clients: a user attacks every server that she can reach, and afterwards everybody is
//! served as before. With the argument `long` ten times as many messages.
//!
//! The program runs as root and oversees; it starts itself as the user `alice` with the arguments
//! `attack TARGET SEED MESSAGES`, `mach SEED CALLS`, `hoard COUNT`, `block COUNT` or `probe`.
#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

#[cfg(not(target_os = "none"))]
fn program() -> i32 {
    0
}
#[cfg(target_os = "none")]
use guest::program;

posix::main!(program);

#[cfg(target_os = "none")]
mod guest {
    use alloc::format;
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;
    use core::time::Duration;
    use guest_tests::attack::{self, Plan};
    use guest_tests::child::resources;
    use guest_tests::probe::{self, PLACE};
    use guest_tests::random::Random;
    use guest_tests::suite::{Outcome, Suite, line};
    use guest_tests::{get, same};
    use interface::{exec, fs as file, process as proc, socket};
    use machuser::env::{self, init_port};
    use machuser::{ReceiveRight, Right, SendRight};
    use posix::fs::{self, O_CREAT, O_READ, O_WRITE};
    use posix::process::{self, Command, Status, WaitOptions, Which};
    use posix::signal::{self, Signal};
    use posix::time::monotonic;
    use posix::translator::{self, SET, Settings};

    const SELF: &[u8] = b"/tests/bin/test-hostile";
    const ALICE: u32 = 1000;
    /// Her own directory: she may set translators on it, and change its mode. Her home lies on a file
    /// system that is not written to here.
    const HERS: &str = "/tmp/attack/alice";
    /// How long an attack, and the questions after it, may take.
    const LIMIT: Duration = Duration::from_secs(120);
    /// Messages of an attack on one server.
    const MESSAGES: u64 = 4000;
    /// Attacks on one server, of which the last is killed in its middle.
    const ATTACKS: u64 = 3;
    /// Rounds of attacks on everybody: the first fills caches, the last must leave nothing.
    const ROUNDS: usize = 3;
    /// Longer than the auth server lets anybody wait at a rendezvous.
    const PATIENCE: Duration = Duration::from_secs(11);
    /// How often it is asked whether what was under way has ended.
    const SETTLES: usize = 600;

    /// What is attacked: a name, and the paths that lead there. No path: the port is an initial one,
    /// or [`paths`] knows.
    const TARGETS: &[(&str, &[&str])] = &[
        ("auth", &[]),
        ("proc", &[]),
        ("exec", &["/servers/exec"]),
        ("startup", &["/servers/startup"]),
        ("password", &["/servers/password"]),
        ("term", &["/dev/console"]),
        ("console", &[]),
        ("disk", &[]),
        ("storeio", &["/tmp/attack/store"]),
        ("ext2fs", &["/", "/etc/passwd", "/root", "/home/alice"]),
        (
            "tmpfs",
            &[
                "/tmp",
                "/tmp/attack/alice",
                "/tmp/attack/alice/file",
                "/tmp/attack/secret",
            ],
        ),
        ("null", &["/dev/null"]),
        ("zero", &["/dev/zero"]),
        ("full", &["/dev/full"]),
        ("random", &["/dev/random"]),
        ("hello", &["/tmp/attack/hello"]),
        ("pflocal", &["/servers/socket/1"]),
        ("magic", &[]),
    ];

    pub fn program() -> i32 {
        let args = posix::env::args();
        let words: Vec<&str> = args
            .iter()
            .skip(1)
            .filter_map(|word| core::str::from_utf8(word).ok())
            .collect();
        let number = |at: usize| {
            words
                .get(at)
                .and_then(|word| word.parse().ok())
                .unwrap_or(0)
        };
        match words[..] {
            ["attack", target, ..] => attack(target, number(2), number(3)),
            ["mach", ..] => attack_mach(number(1), number(2)),
            ["hoard", ..] => hoard(number(1) as usize),
            ["block", what, ..] => block(what, number(2)),
            ["probe"] => probe(),
            _ => {
                let mut suite = Suite::new();
                oversee(&mut suite);
                suite.finish()
            }
        }
    }

    // ---- the attacker

    /// A right to what `path` names, of the modes `flags`.
    fn find(path: &str, flags: i32) -> Option<SendRight> {
        fshelp::lookup::open(path.as_bytes(), flags, 0o600).ok()
    }

    fn attack(target: &str, seed: u64, messages: u64) -> i32 {
        let mut rights: Vec<SendRight> = Vec::new();
        let initial = |index: usize| env::port(index).map(|port| (*port).clone());
        let mut spared: &[u32] = &[];
        match target {
            "auth" => rights.extend(initial(init_port::AUTH)),
            "proc" => {
                rights.extend(initial(init_port::PROC));
                if seed % 2 == 0 {
                    // They end this program.
                    spared = &[proc::NUMBER_PROC_EXIT, proc::NUMBER_PROC_SIGNAL];
                }
            }
            // Nobody but its owner has a port of it: the user starts one of her own.
            "magic" => rights.extend(own_translator(&["/hurd/magic", "fd"])),
            // What is written there is seen by a person.
            "console" => {
                rights.extend(env::fd(3).map(|port| (*port).clone()));
                spared = &[interface::io::NUMBER_IO_WRITE];
            }
            _ => {}
        }
        for path in paths(target) {
            for flags in [0, O_READ, O_WRITE, O_READ | O_WRITE] {
                rights.extend(find(&path, flags as i32));
            }
        }
        if target == "pflocal" {
            for kind in [1, 2] {
                for server in rights.clone().iter().take(1) {
                    let made = socket::socket_create(server, kind, 0);
                    rights.extend(made.ok().flatten());
                }
            }
        }
        if rights.is_empty() {
            return 2;
        }
        attack::run(Plan {
            targets: rights.iter().map(SendRight::as_raw).collect(),
            seed,
            messages,
            spared,
        });
        0
    }

    /// The control port of a translator that the user sets on a node of hers.
    fn own_translator(argv: &[&str]) -> Option<SendRight> {
        let path = format!("{PLACE}/alice/translated");
        let fd = fs::open(path.as_bytes(), O_WRITE | O_CREAT | fs::O_NOTRANS, 0o600).ok()?;
        let _ = fs::close(fd);
        let settings = Settings {
            active_flags: SET,
            start: true,
            argv: argv.iter().map(|word| word.as_bytes().to_vec()).collect(),
            timeout_ms: 10_000,
            ..Settings::default()
        };
        translator::set(path.as_bytes(), &settings).ok()?;
        let node = find(&path, fs::O_NOTRANS as i32)?;
        file::file_get_translator_cntl(&node).ok()?
    }

    fn attack_mach(seed: u64, calls: u64) -> i32 {
        let wrong = attack::mach_server(seed, calls, seed % 2 == 0);
        !wrong.is_empty() as i32
    }

    /// The paths that lead to a target.
    fn paths(target: &str) -> Vec<String> {
        let known = TARGETS.iter().find(|(name, _)| *name == target);
        let known = known.map_or(&[][..], |(_, paths)| paths);
        let mut paths: Vec<String> = known.iter().map(|path| path.to_string()).collect();
        if target == "disk" {
            let disk = probe::root_disk();
            paths.extend(disk.rsplit_once('/').map(|(folder, _)| folder.to_string()));
            paths.push(disk);
        }
        paths
    }

    /// Opens what there is to open, and never closes it.
    fn hoard(count: usize) -> i32 {
        let disk = probe::root_disk();
        let all = [
            "etc/passwd",
            "servers/exec",
            "servers/password",
            "servers/socket/1",
            "tmp/attack/hello",
            "tmp/attack/secret",
            "tmp/attack/store",
            "dev/null",
            disk.trim_start_matches('/'),
        ];
        let mut least = count;
        for path in all {
            let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
            let name = path.rsplit('/').next().unwrap_or_default();
            let Some(directory) = find(&format!("/{directory}"), 0) else {
                return 2;
            };
            least = least.min(attack::hoard(&directory, name, count));
        }
        (least < count) as i32
    }

    /// Makes as many requests wait as it can, and stays.
    fn block(what: &str, count: u64) -> i32 {
        let request: fn() = match what {
            // A rendezvous to which nobody comes.
            "auth" => || {
                let (Some(own), Ok(port)) = (env::port(init_port::AUTH), ReceiveRight::allocate())
                else {
                    return;
                };
                let _ = interface::auth::auth_user_authenticate(&*own, Right::make_send(&port));
                core::mem::forget(port);
            },
            // Children that do not end.
            "proc" => || {
                if let Some(own) = env::port(init_port::PROC) {
                    let _ = proc::proc_wait(&*own, -1, 0);
                }
            },
            // A program in a file that never answers.
            "exec" => || {
                let (Some(server), Ok(port)) = (find("/servers/exec", 0), ReceiveRight::allocate())
                else {
                    return;
                };
                let Ok(task) = machuser::mach::task_create(machuser::mach::SELF) else {
                    return;
                };
                let _ = exec::exec_exec(
                    &server,
                    Right::make_send(&port),
                    &task,
                    0,
                    b"x\0",
                    b"",
                    Vec::new(),
                    Vec::new(),
                    &[],
                    &[],
                    &[],
                );
                core::mem::forget(port);
            },
            // A pipe into which nobody writes.
            "pflocal" => || {
                let Some(server) = find("/servers/socket/1", 0) else {
                    return;
                };
                let make = || socket::socket_create(&server, 1, 0).ok().flatten();
                if let (Some(reader), Some(writer)) = (make(), make()) {
                    let _ = socket::socket_connect2(&reader, &writer);
                    let _ = interface::io::io_read(&reader, -1, 1, &mut [0]);
                    core::mem::forget((reader, writer));
                }
            },
            // A translator that never answers.
            "tmpfs" => || {
                let Ok(port) = ReceiveRight::allocate() else {
                    return;
                };
                let path = format!("{PLACE}/alice/blocked.{:x}", port.as_raw());
                let flags = (O_READ | O_WRITE | O_CREAT) as i32;
                if let Some(node) = find(&path, flags) {
                    let _ = file::file_set_translator(
                        &node,
                        0,
                        file::FS_TRANS_SET,
                        0,
                        b"",
                        Right::make_send(&port),
                    );
                    let _ = find(&path, O_READ as i32);
                }
                core::mem::forget(port);
            },
            _ => return 2,
        };
        if what == "proc" {
            let program = Command::new(
                b"/bin/sleep",
                Vec::from([b"sleep".to_vec(), b"100".to_vec()]),
            );
            if program.spawn().is_err() {
                return 2;
            }
        }
        attack::block(count, request);
        // The overseer waits for this.
        let made = fs::open(
            format!("{PLACE}/alice/ready").as_bytes(),
            O_WRITE | O_CREAT,
            0o600,
        );
        if made.is_err() {
            return 2;
        }
        loop {
            machuser::thread::sleep(Duration::from_secs(100));
        }
    }

    fn probe() -> i32 {
        for probe in probe::ALL {
            if let Err(why) = (probe.ask)() {
                line(&format!("# {}: {why}", probe.server));
                return 1;
            }
        }
        0
    }

    // ---- the overseer

    /// This program with these arguments, as root or as the user.
    fn start(arguments: &str, user: bool, quiet: bool) -> Result<i32, String> {
        let mut command = if user {
            // A login forgets what the tests were told.
            let disk = probe::root_disk();
            let text = format!("export ROOT_DISK={disk}; exec /tests/bin/test-hostile {arguments}");
            let words: [&[u8]; 5] = [b"login", b"-f", b"-c", text.as_bytes(), b"alice"];
            Command::new(b"/bin/login", words.map(<[u8]>::to_vec).to_vec())
        } else {
            let words = core::iter::once("test-hostile").chain(arguments.split(' '));
            Command::new(SELF, words.map(|word| word.as_bytes().to_vec()).collect())
        };
        let nothing = fs::open(b"/dev/null", O_READ | O_WRITE, 0);
        let nothing = nothing.map_err(|error| format!("/dev/null: {error:?}"))?;
        command.fd(0, Some(nothing));
        if quiet {
            command.fd(1, Some(nothing)).fd(2, Some(nothing));
        }
        command.fd(3, Some(1));
        let started = command.spawn();
        let _ = fs::close(nothing);
        started.map_err(|error| format!("cannot start {arguments}: {error:?}"))
    }

    /// Waits for a child's end; kills it when the time is up. Whoever stops itself goes on.
    fn end_of(pid: i32, limit: Duration) -> Result<Status, String> {
        let end = monotonic() + limit;
        loop {
            let options = WaitOptions {
                no_hang: true,
                stopped: true,
            };
            match process::wait(Which::Child(pid), options) {
                Ok(Some((_, Status::Stopped(_)))) => {
                    let _ = signal::kill(pid, Signal::CONT);
                }
                Ok(Some((_, status))) => return Ok(status),
                Ok(None) if monotonic() < end => {
                    machuser::thread::sleep(Duration::from_millis(2));
                }
                Ok(None) => {
                    let _ = signal::kill(pid, Signal::KILL);
                    let _ = process::wait_for(pid);
                    return Err("it took too long".to_string());
                }
                Err(error) => return Err(format!("wait: {error:?}")),
            }
        }
    }

    /// The servers: all processes that are not the user's, nor this one.
    fn servers() -> Result<Vec<(i32, Vec<u8>)>, String> {
        let own = process::id();
        let all = process::list().map_err(|error| format!("ps: {error:?}"))?;
        Ok(all
            .into_iter()
            .filter(|one| one.owner != Some(ALICE) && one.state != b'Z')
            .filter(|one| one.pid != own && one.ppid != own)
            .map(|one| (one.pid, one.args.concat()))
            .collect())
    }

    /// No server has ended, and none has come. Whoever ends takes a moment.
    fn all_live(before: &[(i32, Vec<u8>)]) -> Outcome {
        let mut now = servers()?;
        for _ in 0..SETTLES {
            if now == before {
                return Ok(());
            }
            machuser::thread::sleep(Duration::from_millis(50));
            now = servers()?;
        }
        let names = |from: &[(i32, Vec<u8>)], without: &[(i32, Vec<u8>)]| -> Vec<String> {
            from.iter()
                .filter(|one| !without.contains(one))
                .map(|(pid, name)| format!("{pid} {}", String::from_utf8_lossy(name)))
                .collect()
        };
        let (gone, new) = (names(before, &now), names(&now, before));
        Err(format!("ended: {gone:?}, new: {new:?}"))
    }

    /// Ends whatever the user still runs, and takes away what she left.
    fn clean() -> Outcome {
        for _ in 0..SETTLES {
            let left: Vec<i32> = get!(process::list())
                .iter()
                .filter(|one| one.owner == Some(ALICE) && one.state != b'Z')
                .map(|one| one.pid)
                .collect();
            if left.is_empty() {
                untranslate(HERS.as_bytes());
                get!(fs::chmod(HERS.as_bytes(), 0o700));
                remove_below(HERS);
                remove_users(b"/tmp");
                make(&format!("{PLACE}/alice/file"), b"hers", 0o600, ALICE)?;
                return Ok(());
            }
            for pid in left {
                let _ = signal::kill(pid, Signal::KILL);
            }
            machuser::thread::sleep(Duration::from_millis(50));
        }
        Err("the user's programs do not end".to_string())
    }

    fn remove_below(path: &str) {
        let Ok(names) = fs::read_dir(path.as_bytes()) else {
            return;
        };
        let names: Vec<_> = names.collect();
        for name in names.into_iter().flatten() {
            if name.name == b"." || name.name == b".." {
                continue;
            }
            let below = [path.as_bytes(), b"/", &name.name].concat();
            remove(&below);
        }
    }

    /// Takes away a node's translators.
    fn untranslate(path: &[u8]) {
        let gone = Settings {
            active_flags: SET,
            passive_flags: SET,
            goaway_flags: translator::GOAWAY_FORCE,
            ..Settings::default()
        };
        let _ = translator::set(path, &gone);
    }

    fn remove(path: &[u8]) {
        untranslate(path);
        if fs::unlink(path).is_err() {
            if let Ok(path) = core::str::from_utf8(path) {
                remove_below(path);
            }
            let _ = fs::rmdir(path);
        }
    }

    /// Removes what the user made in a directory for everybody.
    fn remove_users(path: &[u8]) {
        let Ok(names) = fs::read_dir(path) else {
            return;
        };
        let names: Vec<_> = names.collect();
        for name in names.into_iter().flatten() {
            let below = [path, b"/", &name.name].concat();
            if fs::lstat(&below).is_ok_and(|stat| stat.uid == ALICE) {
                remove(&below);
            }
        }
    }

    fn make(path: &str, content: &[u8], mode: u32, owner: u32) -> Outcome {
        let path = path.as_bytes();
        let fd = get!(fs::open(path, O_WRITE | O_CREAT, mode));
        get!(fs::write_all(fd, content));
        get!(fs::close(fd));
        get!(fs::chmod(path, mode));
        get!(fs::chown(path, Some(owner), Some(owner)));
        Ok(())
    }

    fn set_up() -> Outcome {
        get!(fs::mkdir(PLACE.as_bytes(), 0o755));
        get!(fs::chmod(PLACE.as_bytes(), 0o755));
        let hers = format!("{PLACE}/alice");
        get!(fs::mkdir(hers.as_bytes(), 0o700));
        get!(fs::chown(hers.as_bytes(), Some(ALICE), Some(ALICE)));
        make(&format!("{PLACE}/secret"), b"secret", 0o600, 0)?;
        make(&format!("{PLACE}/store.img"), &[b's'; 8192], 0o644, 0)?;
        for (name, argv) in [
            (
                "store",
                &[&b"/hurd/storeio"[..], b"/tmp/attack/store.img"][..],
            ),
            ("hello", &[b"/hurd/hello"]),
        ] {
            let node = format!("{PLACE}/{name}");
            make(&node, b"", 0o644, 0)?;
            let settings = Settings {
                active_flags: SET,
                start: true,
                argv: argv.iter().map(|word| word.to_vec()).collect(),
                timeout_ms: 10_000,
                ..Settings::default()
            };
            get!(translator::set(node.as_bytes(), &settings));
        }
        // A node gets its identity, which it keeps, when somebody asks for it.
        for path in TARGETS.iter().flat_map(|(target, _)| paths(target)) {
            if let Some(file) = find(&path, 0) {
                get!(interface::io::io_identity(&file));
            }
        }
        Ok(())
    }

    /// Both root and the user are served properly by all.
    fn all_serve() -> Outcome {
        for user in [false, true] {
            let who = if user { "the user" } else { "root" };
            let pid = start("probe", user, false)?;
            match end_of(pid, LIMIT) {
                Ok(Status::Exited(0)) => {}
                other => return Err(format!("{who} is not served: {other:?}")),
            }
        }
        Ok(())
    }

    fn one_attack(arguments: &str, kill_after: Option<Duration>) -> Outcome {
        let pid = start(arguments, true, true)?;
        if let Some(time) = kill_after {
            machuser::thread::sleep(time);
            let _ = signal::kill(pid, Signal::KILL);
        }
        let end = end_of(pid, LIMIT).map_err(|why| format!("`{arguments}`: {why}"))?;
        match end {
            // An attacker may well end itself.
            Status::Exited(0) | Status::Signaled(_) => Ok(()),
            status => Err(format!("`{arguments}` ended with {status:?}")),
        }
    }

    /// Attacks on everybody, each round with the same messages. With a suite each is a case of it;
    /// without one the answer is what went wrong.
    fn round(mut suite: Option<&mut Suite>, messages: u64) -> Outcome {
        let mut random = Random::new(1);
        for (target, _) in TARGETS.iter().chain([&("mach", &[][..])]) {
            let mut attacks = |made: &mut Vec<String>| -> Outcome {
                let before = servers()?;
                for attack in 0..ATTACKS {
                    let seed = random.below(1 << 32);
                    let arguments = match *target {
                        "mach" => format!("mach {seed} {messages}"),
                        _ => format!("attack {target} {seed} {messages}"),
                    };
                    // An attack on the mach server may well stop itself.
                    let kill = (attack == ATTACKS - 1 || *target == "mach")
                        .then(|| Duration::from_millis(20 + random.below(200)));
                    made.push(arguments);
                    one_attack(&made[made.len() - 1], kill)?;
                }
                clean()?;
                all_serve()?;
                all_live(&before)?;
                Ok(())
            };
            let mut test = || {
                let mut made = Vec::new();
                attacks(&mut made).map_err(|why| format!("{why}; made was {made:?}"))
            };
            match &mut suite {
                Some(suite) => suite.check(&format!("{target} survives hostile clients"), test),
                None => test().map_err(|why| format!("{target}: {why}"))?,
            }
        }
        Ok(())
    }

    fn oversee(suite: &mut Suite) {
        let messages = suite.times(MESSAGES);
        suite.check("everybody is served before the attack", || {
            set_up()?;
            clean()?;
            all_serve()
        });
        suite.check("a call to a name that nobody ever gave fails alone", || {
            for name in [0x5000, 0xf_fff0, 0x123_4567, 0xfff_ffff] {
                let (label, _, mrs) = machuser::sys::call(name, 3, 0, [0; 4]);
                let error = machuser::client::failure(label, mrs[0]);
                same!((name, error.is_server_died()), (name, true));
            }
            Ok(())
        });
        let _ = round(Some(suite), messages);
        // This comes before what must leave nothing: the pools of threads are as large as they get.
        for what in ["auth", "proc", "exec", "pflocal", "tmpfs"] {
            suite.check(
                &format!("{what} serves others while a user makes it wait for her"),
                || {
                    let before = servers()?;
                    let pid = start(&format!("block {what} 300"), true, true)?;
                    let ready = format!("{PLACE}/alice/ready");
                    let end = monotonic() + LIMIT;
                    while fs::stat(ready.as_bytes()).is_err() {
                        if monotonic() > end {
                            let _ = signal::kill(pid, Signal::KILL);
                            return Err("it does not get ready".to_string());
                        }
                        machuser::thread::sleep(Duration::from_millis(5));
                    }
                    let served = start("probe", false, false).and_then(|pid| end_of(pid, LIMIT));
                    let _ = signal::kill(pid, Signal::KILL);
                    let _ = end_of(pid, LIMIT);
                    same!(served, Ok(Status::Exited(0)));
                    clean()?;
                    all_serve()?;
                    all_live(&before)?;
                    Ok(())
                },
            );
        }
        suite.check("another round of attacks leaves nothing behind", || {
            leaves_nothing(ROUNDS - 1, || round(None, messages))
        });
        suite.check("files opened and never closed go with their user", || {
            leaves_nothing(ROUNDS, || {
                one_attack("hoard 1000", None)?;
                clean()?;
                all_serve()
            })
        });
    }

    /// What is done so many times leaves nothing behind the last time: what it fills is full then.
    fn leaves_nothing(times: usize, mut done: impl FnMut() -> Outcome) -> Outcome {
        let mut before = Err("it is done at least once".to_string());
        for _ in 0..times {
            before = Holdings::settled();
            done()?;
        }
        before?.unchanged()
    }

    /// What there is in the system, when nothing is under way any more.
    struct Holdings {
        counts: [u64; 5],
        /// Servers with how many receive rights each holds.
        servers: Vec<(i32, Vec<u8>, usize)>,
    }

    impl Holdings {
        fn now() -> Result<Holdings, String> {
            let servers = servers()?.into_iter().map(|(pid, name)| {
                // A server whose rights cannot be had holds none.
                let rights = process::ports(pid).unwrap_or_default();
                let count = rights.iter().filter(|right| right.kinds.receive).count();
                (pid, name, count)
            });
            Ok(Holdings {
                servers: servers.collect(),
                counts: resources()?,
            })
        }

        /// Waits until it is the same for a while, and nobody waits at a rendezvous any more.
        fn settled() -> Result<Holdings, String> {
            machuser::thread::sleep(PATIENCE);
            let mut last = Self::now()?;
            for _ in 0..SETTLES {
                machuser::thread::sleep(Duration::from_millis(50));
                let now = Self::now()?;
                if now.counts[1..] == last.counts[1..] {
                    return Ok(now);
                }
                last = now;
            }
            Err(format!("it does not come to rest: {:?}", last.counts))
        }

        /// It is the same now, or soon: whoever ends takes a moment.
        fn unchanged(&self) -> Outcome {
            let mut now = Self::now()?;
            for _ in 0..SETTLES {
                if self.difference(&now).is_none() {
                    break;
                }
                machuser::thread::sleep(Duration::from_millis(50));
                now = Self::now()?;
            }
            self.difference(&now).map_or(Ok(()), Err)
        }

        /// Memory may go to heaps and caches that grow, but not much of it; each thread that a
        /// server has added to its pool has a port and a page.
        fn difference(&self, now: &Holdings) -> Option<String> {
            const SLACK: u64 = 1 << 20;
            let apart = |counts: &[u64; 5]| {
                let [_, tasks, threads, ports, objects] = *counts;
                [tasks, ports - threads, objects - threads]
            };
            let gone = self.counts[0].saturating_sub(now.counts[0]);
            if gone < SLACK && apart(&self.counts) == apart(&now.counts) {
                return None;
            }
            let mut text = format!(
                "{:?} became {:?} (free memory, tasks, threads, ports, objects)",
                self.counts, now.counts
            );
            for (pid, name, count) in &now.servers {
                let before = self.servers.iter().find(|(other, ..)| other == pid);
                let before = before.map_or(0, |(.., count)| *count);
                if before != *count {
                    let name = String::from_utf8_lossy(name);
                    text += &format!("; {pid} {name}: {before} became {count} receive rights");
                }
            }
            Some(text)
        }
    }
}

//! Damaged ext2 images: each is served by a fresh ext2fs, whose whole tree is read. There are
//! errors or data; no crash, and no end of it that does not come. With the argument `long` ten
//! times as many images.
#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

guest_tests::tests!(run);

#[cfg(not(target_os = "none"))]
fn run(_: &mut guest_tests::suite::Suite) {}
#[cfg(target_os = "none")]
use guest::run;

#[cfg(target_os = "none")]
mod guest {
    use alloc::format;
    use alloc::string::String;
    use alloc::vec::Vec;
    use core::sync::atomic::{AtomicU64, Ordering};
    use core::time::Duration;
    use ext2::testing::mutate;
    use guest_tests::child::resources;
    use guest_tests::suite::{Outcome, Suite, line};
    use guest_tests::{get, same};
    use posix::fs::{self, Kind, O_CREAT, O_READ, O_TRUNC, O_WRITE};
    use posix::process::{self, WaitOptions, Which};
    use posix::signal::{self, Signal};
    use posix::translator::{self, GOAWAY_FORCE, SET, Settings};
    use posix::{Errno, io};

    /// The image that is damaged: what mke2fs makes of a small tree.
    const INTACT: &[u8] = b"/tests/small.ext2";
    const IMAGE: &[u8] = b"/tmp/damaged.ext2";
    const NODE: &[u8] = b"/tmp/damaged";
    /// Things that are done with one image before it is given up: directories may be loops now.
    const BUDGET: u64 = 400;
    /// Bytes of a file that are read; sizes may be anything now.
    const MOST: usize = 1 << 20;
    /// How long one request may take.
    const PATIENCE: Duration = Duration::from_secs(10);

    /// Requests made: the watch sees from it whether one hangs.
    static DONE: AtomicU64 = AtomicU64::new(0);
    /// Servers that the watch has ended.
    static HUNG: AtomicU64 = AtomicU64::new(0);

    /// Ends an ext2fs that keeps this program waiting.
    fn watch() {
        let mut seen = 0;
        loop {
            machuser::thread::sleep(PATIENCE);
            let done = DONE.load(Ordering::SeqCst);
            if done == seen {
                HUNG.fetch_add(1, Ordering::SeqCst);
                for process in process::list().unwrap_or_default() {
                    if process.args.last().is_some_and(|word| word == IMAGE) {
                        let _ = signal::kill(process.pid, Signal::KILL);
                    }
                }
            }
            seen = done;
        }
    }

    /// What came of an image.
    #[derive(Default)]
    struct Walk {
        requests: u64,
        bytes: u64,
        errors: u64,
        died: bool,
    }

    impl Walk {
        fn request<T>(&mut self, result: posix::Result<T>) -> Option<T> {
            DONE.fetch_add(1, Ordering::SeqCst);
            self.requests += 1;
            match result {
                Ok(value) => Some(value),
                Err(error) => {
                    self.errors += 1;
                    self.died |= error == Errno::EIEIO;
                    None
                }
            }
        }

        fn directory(&mut self, path: &[u8]) {
            let Some(entries) = self.request(fs::read_dir(path)) else {
                return;
            };
            for entry in entries {
                if self.requests >= BUDGET {
                    return;
                }
                let Some(entry) = self.request(entry) else {
                    return;
                };
                if entry.name != b"." && entry.name != b".." {
                    self.node(&[path, b"/", &entry.name].concat(), entry.kind);
                }
            }
        }

        /// What the directory says that the node is, it need not be.
        fn node(&mut self, path: &[u8], kind: Kind) {
            match kind {
                Kind::Directory => self.directory(path),
                Kind::Symlink => {
                    self.request(fs::readlink(path));
                }
                Kind::Regular => self.file(path),
                _ => {
                    self.request(fs::lstat(path));
                }
            }
        }

        fn file(&mut self, path: &[u8]) {
            // What an attribute names is not to be started.
            let Some(fd) = self.request(fs::open(path, O_READ | fs::O_NOTRANS, 0)) else {
                return;
            };
            let size = self.request(fs::fstat(fd)).map_or(0, |stat| stat.size);
            let mut buffer = alloc::vec![0; (size as usize).clamp(1, 64 << 10)];
            let mut at = 0;
            while at < MOST && (at as u64) < size as u64 {
                match self.request(fs::read(fd, &mut buffer)) {
                    None | Some(0) => break,
                    Some(count) => at += count,
                }
            }
            self.bytes += at as u64;
            let _ = fs::close(fd);
        }
    }

    fn put(path: &[u8], bytes: &[u8]) -> Outcome {
        let fd = get!(fs::open(path, O_WRITE | O_CREAT | O_TRUNC, 0o600));
        let written = fs::write_all(fd, bytes);
        get!(fs::close(fd));
        get!(written);
        Ok(())
    }

    /// Serves the image as it is now, and reads everything.
    fn serve() -> Result<Option<Walk>, String> {
        let settings = Settings {
            active_flags: SET,
            start: true,
            argv: [&b"/hurd/ext2fs"[..], b"--readonly", IMAGE]
                .map(<[u8]>::to_vec)
                .to_vec(),
            timeout_ms: 5_000,
            ..Settings::default()
        };
        DONE.fetch_add(1, Ordering::SeqCst);
        match translator::set(NODE, &settings) {
            // It says why, and ends.
            Err(Errno::EDIED) => return Ok(None),
            result => get!(result),
        }
        let mut walk = Walk::default();
        // From here on no other server is asked.
        if walk.request(fs::chdir(NODE)).is_some() {
            walk.directory(b".");
            walk.request(translator::passive(b"empty"));
        }
        get!(fs::chdir(b"/"));
        let gone = translator::set(
            NODE,
            &Settings {
                active_flags: SET,
                goaway_flags: GOAWAY_FORCE,
                ..Settings::default()
            },
        );
        if walk.died {
            return Err("ext2fs died".into());
        }
        get!(gone);
        Ok(Some(walk))
    }

    pub fn run(suite: &mut Suite) {
        let images = suite.times(10_000);
        let intact = io::read_file(INTACT).unwrap_or_default();
        let mut whole = Walk::default();
        suite.check(
            "the image is read without an error before it is damaged",
            || {
                get!(fs::mkdir(NODE, 0o755));
                get!(machuser::thread::try_spawn(watch));
                put(IMAGE, &intact)?;
                whole = serve()?.ok_or("not served")?;
                same!(whole.requests > 150 && whole.requests < BUDGET, true);
                same!(whole.errors, 0);
                same!(whole.bytes > 20_000, true);
                Ok(())
            },
        );
        let mut before = resources();
        suite.check(
            "a damaged image gives errors or data, and nothing worse",
            || {
                let (mut refused, mut differ) = (0, 0);
                for seed in 0..images {
                    if seed == images / 2 {
                        before = resources();
                    }
                    let mut bytes = intact.clone();
                    // Every third image is damaged in several places.
                    let count = if seed % 3 == 0 { 1 + seed % 7 } else { 1 };
                    for step in 0..count {
                        if !bytes.is_empty() {
                            mutate(&mut bytes, seed * 16 + step);
                        }
                    }
                    put(IMAGE, &bytes)?;
                    match serve().map_err(|why| format!("image {seed}: {why}"))? {
                        None => refused += 1,
                        Some(walk) => {
                            let same = (walk.requests, walk.bytes, walk.errors)
                                == (whole.requests, whole.bytes, whole.errors);
                            differ += u64::from(!same);
                        }
                    }
                    same!((seed, HUNG.load(Ordering::SeqCst)), (seed, 0));
                    // The servers are this program's children.
                    let options = WaitOptions { no_hang: true, ..WaitOptions::default() };
                    while let Ok(Some(_)) = process::wait(Which::Any, options) {}
                }
                line(&format!(
                    "# of {images} images {refused} were refused, {differ} read differently"
                ));
                // Damage that nothing notices would be none.
                same!(refused + differ > images / 4, true);
                Ok(())
            },
        );
        suite.check("the servers of damaged images leave nothing behind", || {
            let before = before.clone()?;
            let mut after = resources()?;
            // A server that was told to go away may be about to end.
            for _ in 0..600 {
                if after[1] <= before[1] {
                    break;
                }
                machuser::thread::sleep(Duration::from_millis(50));
                after = resources()?;
            }
            // Heaps grow, but not much.
            let lost = before[0].saturating_sub(after[0]);
            if after[1] > before[1] || lost > 4 << 20 {
                return Err(format!("{before:?} before, {after:?} after"));
            }
            put(IMAGE, &intact)?;
            let walk = serve()?.ok_or("not served")?;
            same!((walk.requests, walk.bytes), (whole.requests, whole.bytes));
            get!(fs::unlink(IMAGE));
            get!(fs::rmdir(NODE));
            let passwd: Vec<u8> = get!(io::read_file(b"/etc/passwd"));
            same!(passwd.starts_with(b"root:"), true);
            Ok(())
        });
    }
}

//! `ls [-AaCdFhilnRrSt1] [file...]`: lists directories.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;

use posix::fs::{self, Kind, S_IATRANS, S_IPTRANS, Stat};
use posix::getopt::Options as Letters;
use posix::io::{Output, STDOUT, warn};
use posix::time::{DateTime, MONTHS};
use posix::{term, users};
use utils::mode;

const SYNOPSIS: &str = "[-AaCdFilnRrSt1] [file...]";
/// Half a year in seconds: how long the time of day is shown.
const RECENT: i64 = 15_778_476;

posix::main!(program);

#[derive(Clone, Copy, Default)]
struct Options {
    hidden: bool,
    dots: bool,
    columns: bool,
    directories: bool,
    marks: bool,
    inodes: bool,
    long: bool,
    numeric: bool,
    recursive: bool,
    reverse: bool,
    by_size: bool,
    by_time: bool,
}

struct File {
    name: Vec<u8>,
    path: Vec<u8>,
    stat: Stat,
}

/// The names of users and groups, looked up once.
struct Names {
    users: Vec<users::User>,
    groups: Vec<users::Group>,
}

impl Names {
    fn new(wanted: bool) -> Self {
        if wanted {
            Self {
                users: users::users(),
                groups: users::groups(),
            }
        } else {
            Self {
                users: Vec::new(),
                groups: Vec::new(),
            }
        }
    }

    fn user(&self, uid: u32) -> Vec<u8> {
        let known = self.users.iter().find(|user| user.uid == uid);
        known.map_or_else(|| number(uid.into()), |user| user.name.clone())
    }

    fn group(&self, gid: u32) -> Vec<u8> {
        let known = self.groups.iter().find(|group| group.gid == gid);
        known.map_or_else(|| number(gid.into()), |group| group.name.clone())
    }
}

fn number(value: u64) -> Vec<u8> {
    posix::io::decimal(value, &mut [0; 20]).to_vec()
}

fn program() -> i32 {
    let args = posix::env::args();
    let mut letters = Letters::new(&args, "AaCdFilnRrSt1");
    let terminal = fs::isatty(STDOUT);
    let mut options = Options {
        columns: terminal,
        ..Options::default()
    };
    for letter in &mut letters {
        match letter.map(|letter| letter.letter) {
            Ok(b'A') => options.hidden = true,
            Ok(b'a') => (options.hidden, options.dots) = (true, true),
            Ok(b'C') => (options.columns, options.long) = (true, false),
            Ok(b'd') => options.directories = true,
            Ok(b'F') => options.marks = true,
            Ok(b'i') => options.inodes = true,
            Ok(b'l') => options.long = true,
            Ok(b'n') => (options.long, options.numeric) = (true, true),
            Ok(b'R') => options.recursive = true,
            Ok(b'r') => options.reverse = true,
            Ok(b'S') => options.by_size = true,
            Ok(b't') => options.by_time = true,
            Ok(_) => (options.columns, options.long) = (false, false),
            Err(fault) => return fault.report(SYNOPSIS),
        }
    }
    let here = [b".".to_vec()];
    let operands = if letters.operands().is_empty() {
        &here
    } else {
        letters.operands()
    };
    let mut lister = Lister {
        options,
        names: Names::new(options.long && !options.numeric),
        now: posix::time::now().sec,
        width: if terminal { width() } else { 80 },
        out: Output::stdout(),
        status: 0,
        titled: false,
    };
    lister.list(operands);
    lister.out.finish(lister.status)
}

fn width() -> usize {
    term::window_size(STDOUT)
        .ok()
        .map(|size| usize::from(size.columns))
        .filter(|&w| w > 0)
        .unwrap_or(80)
}

struct Lister {
    options: Options,
    names: Names,
    now: i64,
    width: usize,
    out: Output,
    status: i32,
    /// Whether something was listed, so that the next directory gets a title.
    titled: bool,
}

impl Lister {
    fn complain(&mut self, path: &[u8], error: posix::Errno) {
        // What stands on the terminal before the message belongs before it.
        if self.out.flush().is_ok() {
            warn(path, error);
        }
        self.status = 1;
    }

    fn list(&mut self, operands: &[Vec<u8>]) {
        let (mut files, mut directories) = (Vec::new(), Vec::new());
        for path in operands {
            // A link that is named is followed unless its own entry is asked for.
            let keep_link = self.options.long || self.options.directories || self.options.marks;
            let stat = if keep_link {
                fs::lstat(path)
            } else {
                fs::stat(path).or_else(|_| fs::lstat(path))
            };
            match stat {
                Err(error) => self.complain(path, error),
                Ok(stat) => {
                    let file = File {
                        name: path.clone(),
                        path: path.clone(),
                        stat,
                    };
                    if stat.is_directory() && !self.options.directories {
                        directories.push(file);
                    } else {
                        files.push(file);
                    }
                }
            }
        }
        self.sort(&mut files);
        self.sort(&mut directories);
        if !files.is_empty() {
            self.show(&files);
            self.titled = true;
        }
        let titles = operands.len() > 1 || self.options.recursive;
        // Directories that are still to be listed, the next one last.
        let mut rest: Vec<Vec<u8>> = directories.into_iter().rev().map(|d| d.path).collect();
        while let Some(path) = rest.pop() {
            if titles {
                if self.titled {
                    self.out.byte(b'\n');
                }
                self.out.put(&path);
                self.out.put(b":\n");
            }
            self.titled = true;
            let files = self.directory(&path);
            if self.options.recursive {
                let inner = files.iter().rev().filter(|file| {
                    file.stat.is_directory() && file.name != b"." && file.name != b".."
                });
                rest.extend(inner.map(|file| file.path.clone()));
            }
        }
    }

    /// Lists a directory; the files in it.
    fn directory(&mut self, path: &[u8]) -> Vec<File> {
        let mut files = Vec::new();
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) => {
                self.complain(path, error);
                return files;
            }
        };
        let needs_stat =
            self.options.long || self.options.by_size || self.options.by_time || self.options.marks;
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.complain(path, error);
                    break;
                }
            };
            let dots = entry.name == b"." || entry.name == b"..";
            if dots && !self.options.dots || entry.name[0] == b'.' && !self.options.hidden {
                continue;
            }
            let file_path = posix::join(path, &entry.name);
            // Most of the time the directory itself says enough.
            let stat = if needs_stat || entry.kind == Kind::Unknown {
                match fs::lstat(&file_path) {
                    Ok(stat) => stat,
                    Err(error) => {
                        self.complain(&file_path, error);
                        continue;
                    }
                }
            } else {
                Stat {
                    ino: entry.ino,
                    mode: entry.kind.mode(),
                    ..Stat::default()
                }
            };
            files.push(File {
                name: entry.name,
                path: file_path,
                stat,
            });
        }
        self.sort(&mut files);
        if self.options.long {
            self.out.put(b"total ");
            let blocks: u64 = files.iter().map(|file| file.stat.blocks).sum();
            self.out.number(blocks.div_ceil(2));
            self.out.byte(b'\n');
        }
        self.show(&files);
        files
    }

    fn sort(&self, files: &mut [File]) {
        files.sort_by(|a, b| {
            let order = if self.options.by_size {
                b.stat.size.cmp(&a.stat.size)
            } else if self.options.by_time {
                b.stat.mtime.cmp(&a.stat.mtime)
            } else {
                core::cmp::Ordering::Equal
            };
            order.then_with(|| a.name.cmp(&b.name))
        });
        if self.options.reverse {
            files.reverse();
        }
    }

    fn mark(&self, file: &File) -> &'static [u8] {
        if !self.options.marks {
            return b"";
        }
        match file.stat.kind() {
            Kind::Directory => b"/",
            Kind::Symlink => b"@",
            Kind::Fifo => b"|",
            Kind::Socket => b"=",
            Kind::Regular if file.stat.mode & 0o111 != 0 => b"*",
            _ => b"",
        }
    }

    fn show(&mut self, files: &[File]) {
        if self.options.long {
            self.show_long(files);
            return;
        }
        let inodes = self.options.inodes;
        let inode_width = files
            .iter()
            .map(|file| number(file.stat.ino).len())
            .max()
            .unwrap_or(0);
        let cells: Vec<Vec<u8>> = files
            .iter()
            .map(|file| {
                let mut cell = Vec::new();
                if inodes {
                    let digits = number(file.stat.ino);
                    cell.resize(inode_width - digits.len(), b' ');
                    cell.extend_from_slice(&digits);
                    cell.push(b' ');
                }
                cell.extend_from_slice(&file.name);
                cell.extend_from_slice(self.mark(file));
                cell
            })
            .collect();
        let widest = cells.iter().map(Vec::len).max().unwrap_or(0) + 2;
        let columns = if self.options.columns {
            (self.width / widest).max(1)
        } else {
            1
        };
        let rows = cells.len().div_ceil(columns);
        for row in 0..rows {
            let mut at = row;
            while at < cells.len() {
                self.out.put(&cells[at]);
                let next = at + rows;
                if next < cells.len() {
                    self.out.spaces(widest - cells[at].len());
                }
                at = next;
            }
            self.out.byte(b'\n');
        }
    }

    fn show_long(&mut self, files: &[File]) {
        struct Line {
            inode: Vec<u8>,
            links: Vec<u8>,
            user: Vec<u8>,
            group: Vec<u8>,
            size: Vec<u8>,
        }
        let lines: Vec<Line> = files
            .iter()
            .map(|file| {
                let stat = &file.stat;
                Line {
                    inode: number(stat.ino),
                    links: number(stat.nlink),
                    user: self.names.user(stat.uid),
                    group: self.names.group(stat.gid),
                    size: match stat.kind() {
                        Kind::CharDevice | Kind::BlockDevice => {
                            let (major, minor) = (stat.major(), stat.minor());
                            [&number(major.into())[..], b", ", &number(minor.into())].concat()
                        }
                        _ => number(stat.size),
                    },
                }
            })
            .collect();
        let width = |field: fn(&Line) -> &Vec<u8>| {
            lines
                .iter()
                .map(|line| field(line).len())
                .max()
                .unwrap_or(0)
        };
        let (inode, links) = (width(|line| &line.inode), width(|line| &line.links));
        let (user, group, size) = (
            width(|line| &line.user),
            width(|line| &line.group),
            width(|line| &line.size),
        );
        for (file, line) in files.iter().zip(&lines) {
            if self.options.inodes {
                self.right(&line.inode, inode);
                self.out.byte(b' ');
            }
            self.out.put(&mode::show(file.stat.mode));
            // The Hurd's nodes may have a translator.
            self.out
                .byte(if file.stat.mode & (S_IPTRANS | S_IATRANS) != 0 {
                    b't'
                } else {
                    b' '
                });
            self.right(&line.links, links);
            self.out.byte(b' ');
            self.left(&line.user, user);
            self.out.byte(b' ');
            self.left(&line.group, group);
            self.out.byte(b' ');
            self.right(&line.size, size);
            self.out.byte(b' ');
            self.time(file.stat.mtime.sec);
            self.out.byte(b' ');
            self.out.put(&file.name);
            if file.stat.kind() == Kind::Symlink {
                match fs::readlink(&file.path) {
                    Ok(target) => {
                        self.out.put(b" -> ");
                        self.out.put(&target);
                    }
                    Err(error) => self.complain(&file.path, error),
                }
            } else {
                self.out.put(self.mark(file));
            }
            self.out.byte(b'\n');
        }
    }

    fn right(&mut self, text: &[u8], width: usize) {
        self.out.spaces(width - text.len());
        self.out.put(text);
    }

    fn left(&mut self, text: &[u8], width: usize) {
        self.out.put(text);
        self.out.spaces(width - text.len());
    }

    fn time(&mut self, seconds: i64) {
        let time = DateTime::from_seconds(seconds);
        self.out.put(MONTHS[usize::from(time.month - 1)].as_bytes());
        self.out.byte(b' ');
        self.out.padded(time.day.into(), 2);
        self.out.byte(b' ');
        if (self.now - RECENT..=self.now).contains(&seconds) {
            let two = |n: u8| [b'0' + n / 10, b'0' + n % 10];
            self.out.put(&two(time.hour));
            self.out.byte(b':');
            self.out.put(&two(time.minute));
        } else {
            self.out.padded(time.year.unsigned_abs(), 5);
        }
    }
}

//! Jobs: pipelines that run in the background or are stopped.

use alloc::vec::Vec;

use posix::process::{self, Status, WaitOptions, Which};
use posix::{Errno, Pid};

/// A pipeline that the shell does not wait for.
#[derive(Clone, Debug)]
pub struct Job {
    /// The number by which the user names it.
    pub number: usize,
    /// Its process group, if it has one of its own.
    pub group: Option<Pid>,
    /// Its processes in order, each with what became of it.
    pub processes: Vec<(Pid, Option<Status>)>,
    /// Its text.
    pub text: Vec<u8>,
    /// Whether the user has been told what became of it.
    pub reported: bool,
}

/// What became of a job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JobState {
    /// A process of it runs.
    Running,
    /// It is stopped.
    Stopped,
    /// All its processes ended; the last with this status.
    Done(Status),
}

impl Job {
    /// What became of it.
    pub fn state(&self) -> JobState {
        let mut stopped = false;
        for (_, status) in &self.processes {
            match status {
                None | Some(Status::Continued) => return JobState::Running,
                Some(Status::Stopped(_)) => stopped = true,
                Some(_) => {}
            }
        }
        match self.processes.last() {
            _ if stopped => JobState::Stopped,
            Some((_, Some(status))) => JobState::Done(*status),
            _ => JobState::Done(Status::Exited(0)),
        }
    }

    /// The exit status: the last process's.
    pub fn code(&self) -> u8 {
        match self.processes.last() {
            Some((_, Some(status))) => status.code(),
            _ => 0,
        }
    }
}

/// All jobs.
#[derive(Debug, Default)]
pub struct Jobs {
    list: Vec<Job>,
}

impl Jobs {
    /// Adds a job; its number.
    pub fn add(
        &mut self,
        group: Option<Pid>,
        processes: Vec<(Pid, Option<Status>)>,
        text: Vec<u8>,
    ) -> usize {
        let number = self.list.iter().map(|job| job.number).max().unwrap_or(0) + 1;
        self.list.push(Job {
            number,
            group,
            processes,
            text,
            reported: false,
        });
        number
    }

    /// All jobs, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Job> {
        self.list.iter()
    }

    /// The same, to change them.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Job> {
        self.list.iter_mut()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Takes a job out by its number.
    pub fn remove(&mut self, number: usize) -> Option<Job> {
        let at = self.list.iter().position(|job| job.number == number)?;
        Some(self.list.remove(at))
    }

    /// Forgets jobs that are done and were reported.
    pub fn forget_reported(&mut self) {
        self.list
            .retain(|job| !(job.reported && matches!(job.state(), JobState::Done(_))));
    }

    /// Forgets all jobs: a subshell has none of its parent's.
    pub fn take(&mut self) -> Self {
        core::mem::take(self)
    }

    /// The jobs that are stopped; the others are forgotten.
    pub fn into_stopped(self) -> impl Iterator<Item = Job> {
        self.list
            .into_iter()
            .filter(|job| job.state() == JobState::Stopped)
    }

    /// Adds a job of another shell, under a new number.
    pub fn adopt(&mut self, job: Job) {
        let number = self.add(job.group, job.processes, job.text);
        if let Some(last) = self.list.last_mut() {
            last.number = number;
            last.reported = job.reported;
        }
    }

    /// The job that the user names: `%3`, `%%`, `%+`, `%-`, `%text`, or a process's id.
    pub fn find(&self, name: &[u8]) -> Option<&Job> {
        let Some(spec) = name.strip_prefix(b"%") else {
            let pid = posix::parse_number(name).and_then(|n| Pid::try_from(n).ok())?;
            return self
                .list
                .iter()
                .find(|job| job.processes.iter().any(|&(p, _)| p == pid));
        };
        match spec {
            b"" | b"%" | b"+" => self.list.last(),
            b"-" => self.list.iter().rev().nth(1).or(self.list.last()),
            spec => match posix::parse_number(spec) {
                Some(number) => self.list.iter().find(|job| job.number as u64 == number),
                None => self
                    .list
                    .iter()
                    .rev()
                    .find(|job| job.text.starts_with(spec)),
            },
        }
    }

    /// Records what became of a process; whether it is one of a job.
    pub fn record(&mut self, pid: Pid, status: Status) -> bool {
        for job in &mut self.list {
            for (process, slot) in &mut job.processes {
                if *process == pid {
                    *slot = Some(status);
                    job.reported = false;
                    return true;
                }
            }
        }
        false
    }

    /// Records what has become of processes so far, without waiting.
    pub fn poll(&mut self, stopped: bool) {
        if self
            .list
            .iter()
            .all(|job| matches!(job.state(), JobState::Done(_)))
        {
            return;
        }
        let options = WaitOptions {
            no_hang: true,
            stopped,
        };
        loop {
            match process::wait(Which::Any, options) {
                Ok(Some((pid, status))) => {
                    self.record(pid, status);
                }
                Err(Errno::EINTR) => {}
                _ => return,
            }
        }
    }
}

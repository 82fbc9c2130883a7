//! A system of simulated tasks whose threads call the mach server.
#![allow(dead_code)]

use mach::abi::{REPLY, REPLY_ERROR, routine};
use mach::rpc::Output;
use mach::sim::{Answer, SYSTEM_CALL, SimKernel, SimTask, SimThread, Slot};
use mach::{AccountId, Error, Installed, Mach, Outcome};
use std::collections::BTreeMap;

/// Where each task has a page with one system call instruction.
pub const TEXT: u64 = 0x1_0000;
/// Bytes of the simulated machine.
pub const MEMORY: u64 = 256 << 20;

/// What became of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    /// Answered at once.
    Done(Result<Vec<u64>, Error>),
    /// The caller waits.
    Waits,
    /// The caller is gone, or was stopped.
    Gone,
}

impl Reply {
    pub fn done(self) -> Result<Vec<u64>, Error> {
        match self {
            Reply::Done(result) => result,
            other => panic!("not answered: {other:?}"),
        }
    }
}

/// Bytes that decide what is done; zeroes when they are used up.
pub struct Bytes<'a>(std::slice::Iter<'a, u8>);

impl Bytes<'_> {
    pub fn new(bytes: &[u8]) -> Bytes<'_> {
        Bytes(bytes.iter())
    }

    pub fn next(&mut self) -> u8 {
        self.0.next().copied().unwrap_or(0)
    }

    pub fn below(&mut self, bound: u8) -> u8 {
        self.next() % bound
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.next() as usize % from.len()]
    }

    /// One of several, each as often as its weight among all.
    pub fn weighed<T: Copy>(&mut self, from: &[(u8, T)]) -> T {
        let all: u8 = from.iter().map(|(weight, _)| weight).sum();
        let mut place = self.below(all);
        for (weight, one) in from {
            match place.checked_sub(*weight) {
                None => return *one,
                Some(rest) => place = rest,
            }
        }
        unreachable!("the weights' sum bounds it")
    }

    /// A number below `bound`, seldom.
    pub fn seldom(&mut self, bound: u8) -> Option<u8> {
        Some(self.next()).filter(|byte| *byte >= 218).map(|byte| byte % bound)
    }
}

/// A thread of a task.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Caller {
    pub task: SimTask,
    pub thread: SimThread,
    pub number: u32,
}

/// The mach server with its simulated machine.
pub struct World {
    pub mach: Mach<SimKernel>,
    output: Output,
    /// Requests follow so fast that nothing is done between them.
    pub busy: bool,
}

pub fn result_of(label: u32, words: &[u64]) -> Result<Vec<u64>, Error> {
    match label {
        REPLY => Ok(words.to_vec()),
        REPLY_ERROR => Err(Error(words[0] as u32)),
        other => panic!("answered with label {other:#x}"),
    }
}

impl World {
    pub fn new() -> World {
        World {
            mach: Mach::new(SimKernel::new(MEMORY)),
            output: Output::default(),
            busy: false,
        }
    }

    /// A first task in an account, with a thread, made as the root task makes `startup`.
    pub fn boot(&mut self, account: AccountId) -> Caller {
        let task = self.mach.task_create(account).unwrap();
        self.mach.memory_map(task, TEXT, 4096).unwrap();
        self.mach
            .memory_write(task, TEXT, &SYSTEM_CALL.to_le_bytes())
            .unwrap();
        let thread = self.mach.thread_create(task, 0x2_0000).unwrap();
        self.mach.thread_start(thread, TEXT, 0, 0).unwrap();
        let number = (thread.generation & 0x7ff) << 20 | thread.index;
        let kernel = self.mach.kernel();
        Caller {
            task: kernel.task_newest().unwrap(),
            thread: kernel.thread_newest().unwrap(),
            number,
        }
    }

    pub fn boot_root(&mut self) -> Caller {
        let account = self.mach.root_account();
        self.boot(account)
    }

    /// A thread asks for a routine.
    pub fn request(&mut self, caller: Caller, label: u32, words: &[u64]) -> Reply {
        let kernel = self.mach.kernel();
        kernel.call_begin(caller.thread, mach::abi::TASK_SELF, label);
        let badge = kernel.task_badge(caller.task);
        let outcome = self.mach.request(badge, label, words, &mut self.output);
        let answered = self.mach.kernel().call_end(outcome);
        if !self.busy {
            self.rest();
        }
        match outcome {
            Outcome::Reply(label) if answered => {
                assert!(self.output.words().len() <= mach::abi::MESSAGE_WORDS);
                Reply::Done(result_of(label, self.output.words()))
            }
            _ if self.mach.kernel().thread_call(caller.thread).is_some() => Reply::Waits,
            _ => Reply::Gone,
        }
    }

    /// Nobody asks for anything until all work is done.
    pub fn rest(&mut self) {
        while self.mach.has_work() {
            self.mach.work();
        }
    }

    /// A request that is answered at once.
    pub fn ask(&mut self, caller: Caller, label: u32, words: &[u64]) -> Result<Vec<u64>, Error> {
        self.request(caller, label, words).done()
    }

    /// One word of the answer to a request that succeeds.
    pub fn get(&mut self, caller: Caller, label: u32, words: &[u64]) -> u64 {
        match self.ask(caller, label, words) {
            Ok(words) => words[0],
            Err(error) => panic!("{}: {error}", routine::name(label).unwrap_or("?")),
        }
    }

    /// A request that must fail with this error.
    pub fn refused(&mut self, caller: Caller, label: u32, words: &[u64], error: Error) {
        assert_eq!(
            self.ask(caller, label, words),
            Err(error),
            "{:?}",
            routine::name(label)
        );
    }

    /// A task made by `parent`, with a started thread; answers its name in the parent too.
    pub fn task(&mut self, parent: Caller, account: u64) -> (Caller, u64) {
        let name = self.get(parent, routine::TASK_CREATE, &[account]);
        let task = self.mach.kernel().task_newest().unwrap();
        self.get(parent, routine::VM_ALLOCATE, &[name, TEXT, 4096, 0]);
        let code = SYSTEM_CALL as u64;
        self.ask(parent, routine::VM_WRITE, &[name, TEXT, 4, code])
            .unwrap();
        let (caller, thread) = self.thread(parent, name, task);
        self.ask(parent, routine::MACH_PORT_DEALLOCATE, &[0, thread])
            .unwrap();
        (caller, name)
    }

    /// A started thread in a task that `parent` names; answers the thread's name too.
    pub fn thread(&mut self, parent: Caller, name: u64, task: SimTask) -> (Caller, u64) {
        self.thread_at(parent, name, task, 0)
    }

    /// The same, with its page at an address (0: anywhere).
    pub fn thread_at(
        &mut self,
        parent: Caller,
        name: u64,
        task: SimTask,
        page: u64,
    ) -> (Caller, u64) {
        let words = self
            .ask(parent, routine::THREAD_CREATE, &[name, page])
            .unwrap();
        let thread = self.mach.kernel().thread_newest().unwrap();
        self.ask(parent, routine::THREAD_START, &[words[0], TEXT, 0, 0])
            .unwrap();
        (
            Caller {
                task,
                thread,
                number: words[1] as u32,
            },
            words[0],
        )
    }

    /// The badge of a thread's faults.
    pub fn fault_badge(&mut self, caller: Caller) -> u32 {
        1 << 27 | (caller.number & 0xf_ffff) | (caller.number >> 20 & 0x3f) << 20
    }

    /// A new port of the caller.
    pub fn port(&mut self, caller: Caller) -> u64 {
        self.get(caller, routine::MACH_PORT_ALLOCATE, &[0, 1])
    }

    /// Gives a right to a task that `caller` names; answers its name there.
    pub fn give(&mut self, caller: Caller, task: u64, name: u64, how: u32) -> u64 {
        self.get(
            caller,
            routine::MACH_PORT_INSERT_RIGHT,
            &[task, 0, name, how as u64],
        )
    }

    /// Answers to callers that were kept.
    pub fn answers(&mut self) -> Vec<Answer> {
        self.mach.kernel().answers_take()
    }

    /// The one answer that there is, which is to `caller`.
    pub fn answer(&mut self, caller: Caller) -> Result<Vec<u64>, Error> {
        let answers = self.answers();
        assert_eq!(answers.len(), 1, "{answers:?}");
        assert_eq!(answers[0].thread, caller.thread);
        result_of(answers[0].label, &answers[0].words)
    }

    /// Checks the books, and that the slots hold what they should.
    pub fn check(&mut self) {
        let expected = match self.mach.audit() {
            Ok(installed) => installed,
            Err(wrong) => panic!("{wrong}"),
        };
        let expected: BTreeMap<(SimTask, u32), (SimTask, u32)> = expected
            .into_iter()
            .map(|i| ((i.holder, i.slot), (i.receiver, i.badge)))
            .collect();
        let kernel = self.mach.kernel();
        let mut found = BTreeMap::new();
        let tasks: Vec<SimTask> = kernel.tasks().collect();
        for task in tasks {
            for (slot, held) in kernel.slots(task) {
                if let Slot::Right { receiver, badge } = held {
                    found.insert((task, slot), (receiver, badge));
                }
            }
        }
        assert_eq!(found, expected, "slots");
    }

    /// Ends all tasks, and checks that nothing is left.
    pub fn finish(&mut self) {
        for task in self.mach.audit_tasks_all() {
            // Some end with others.
            let _ = self.mach.task_terminate(task);
            self.mach.timer();
            self.rest();
            self.check();
        }
        // It may have been set for a wait that ended with the last task.
        self.mach.timer();
        self.nothing_left();
    }

    pub fn nothing_left(&mut self) {
        assert_eq!(self.mach.audit_totals(), [0, 0, 1, 0, 1, 0, 0]);
        let kernel = self.mach.kernel();
        assert_eq!(kernel.counts(), [0; 5]);
        assert_eq!(kernel.memory_used(), 0);
        assert_eq!(kernel.timer(), None);
    }
}

pub fn installed_of(world: &World) -> Vec<Installed<SimTask>> {
    world.mach.audit().unwrap()
}

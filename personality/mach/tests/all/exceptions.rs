//! Exceptions, and what can be told and asked of threads.

use crate::common::{Caller, Reply, TEXT, World};
use mach::abi::disposition::*;
use mach::abi::{WITH_REPLY, flavor, notify, priority, routine, special};
use mach::{Error, Protection};

const POLL: u64 = u64::MAX;

/// A child with a thread that the root task names, and the root task's port for its exceptions.
struct Scene {
    w: World,
    root: Caller,
    child: Caller,
    task: u64,
    thread: u64,
    port: u64,
}

impl Scene {
    fn new() -> Scene {
        let mut w = World::new();
        let root = w.boot_root();
        let (first, task) = w.task(root, 0);
        let (child, thread) = w.thread(root, task, first.task);
        let port = w.port(root);
        Scene {
            w,
            root,
            child,
            task,
            thread,
            port,
        }
    }

    fn handler(&mut self, label: u32, of: u64, which: u64) {
        let how = MAKE_SEND as u64;
        let send = self.w.get(
            self.root,
            routine::MACH_PORT_INSERT_RIGHT,
            &[0, 0, self.port, how],
        );
        self.w.ask(self.root, label, &[of, which, send]).unwrap();
        self.w
            .ask(self.root, routine::MACH_PORT_DEALLOCATE, &[0, send])
            .unwrap();
    }

    /// The child's thread touches nothing.
    fn fault(&mut self) {
        let badge = self.w.fault_badge(self.child);
        let thread = self.w.mach.thread_of_badge(badge).unwrap();
        assert!(!self.w.mach.fault(thread, 0x10, Protection::WRITE));
        self.w.check();
    }

    /// The message about it: label, reply right, words behind the rights.
    fn told(&mut self) -> (u64, u64, Vec<u64>) {
        let got = self
            .w
            .ask(self.root, routine::MSG_RECEIVE, &[self.port, POLL])
            .unwrap();
        assert_eq!(got[3], 3);
        assert_eq!(got[5] >> 28, 3);
        for right in &got[6..8] {
            self.w
                .ask(
                    self.root,
                    routine::MACH_PORT_DEALLOCATE,
                    &[0, right & 0xfff_ffff],
                )
                .unwrap();
        }
        (got[1], got[5] & 0xfff_ffff, got[8..].to_vec())
    }

    fn answer(&mut self, reply: u64, label: u32, words: &[u64]) {
        let mut all = vec![
            reply,
            MOVE_SEND_ONCE as u64,
            label as u64,
            POLL,
            0,
            words.len() as u64,
        ];
        all.extend(words);
        self.w.ask(self.root, routine::MSG_SEND, &all).unwrap();
        self.w.check();
    }

    fn suspended(&mut self) -> bool {
        let words = self.w.ask(
            self.root,
            routine::THREAD_INFO,
            &[self.thread, flavor::THREAD_BASIC],
        );
        words.unwrap()[7] == 2
    }
}

const RAISE: u64 = (notify::EXCEPTION_RAISE | WITH_REPLY) as u64;

#[test]
fn a_thread_goes_on_when_its_exception_is_answered_with_success() {
    let mut s = Scene::new();
    s.handler(routine::TASK_SET_SPECIAL_PORT, s.task, special::EXCEPTION);
    for _ in 0..3 {
        s.fault();
        let (label, reply, words) = s.told();
        assert_eq!(label, RAISE);
        assert_eq!(words, [1, Error::KERN_INVALID_ADDRESS.0 as u64, 0x10]);
        assert!(s.suspended());
        s.answer(reply, notify::EXCEPTION_RAISE + 100, &[0]);
        assert!(!s.suspended());
    }
    s.w.finish();
}

#[test]
fn the_thread_is_asked_before_its_task_and_then_nobody() {
    let mut s = Scene::new();
    let own = s.w.port(s.root);
    s.handler(routine::TASK_SET_SPECIAL_PORT, s.task, special::EXCEPTION);
    let tasks = s.port;
    s.port = own;
    s.handler(
        routine::THREAD_SET_SPECIAL_PORT,
        s.thread,
        special::EXCEPTION,
    );
    s.fault();
    let (_, reply, _) = s.told();
    s.answer(
        reply,
        notify::EXCEPTION_RAISE + 100,
        &[Error::KERN_FAILURE.0 as u64],
    );
    s.port = tasks;
    let (_, reply, words) = s.told();
    assert_eq!(words[2], 0x10);
    // An answer of another kind is none.
    s.answer(reply, 12, &[0]);
    s.w.refused(
        s.root,
        routine::TASK_INFO,
        &[s.task],
        Error::KERN_INVALID_TASK,
    );
    s.w.finish();
}

#[test]
fn a_right_to_answer_that_dies_is_a_failure() {
    let mut s = Scene::new();
    s.handler(routine::TASK_SET_SPECIAL_PORT, s.task, special::EXCEPTION);
    s.fault();
    let (_, reply, _) = s.told();
    s.w.ask(s.root, routine::MACH_PORT_DEALLOCATE, &[0, reply])
        .unwrap();
    s.w.refused(
        s.root,
        routine::TASK_INFO,
        &[s.task],
        Error::KERN_INVALID_TASK,
    );
    s.w.finish();
}

#[test]
fn a_handler_that_dies_with_the_message_is_asked_no_more() {
    let mut s = Scene::new();
    s.handler(routine::TASK_SET_SPECIAL_PORT, s.task, special::EXCEPTION);
    s.fault();
    s.w.ask(s.root, routine::MACH_PORT_DESTROY, &[0, s.port])
        .unwrap();
    s.w.refused(
        s.root,
        routine::TASK_INFO,
        &[s.task],
        Error::KERN_INVALID_TASK,
    );
    s.w.check();
    s.w.finish();
}

#[test]
fn a_right_to_answer_outlives_the_thread_as_a_dead_name() {
    let mut s = Scene::new();
    s.handler(routine::TASK_SET_SPECIAL_PORT, s.task, special::EXCEPTION);
    s.fault();
    let (_, reply, _) = s.told();
    s.w.ask(s.root, routine::THREAD_TERMINATE, &[s.thread])
        .unwrap();
    s.w.check();
    let dead = s.w.get(s.root, routine::MACH_PORT_TYPE, &[0, reply]);
    assert_eq!(dead, 1 << 20);
    s.w.finish();
}

#[test]
fn a_handler_is_told_the_state_and_changes_it() {
    let mut s = Scene::new();
    s.handler(
        routine::TASK_SET_SPECIAL_PORT,
        s.task,
        special::EXCEPTION_STATE,
    );
    s.fault();
    let (label, reply, words) = s.told();
    assert_eq!(label, (notify::EXCEPTION_RAISE_STATE | WITH_REPLY) as u64);
    let mut state = words[3..].to_vec();
    assert_eq!(state[0], TEXT);
    state[1] = 0x77;
    let mut answer = vec![0];
    answer.extend(&state);
    s.answer(reply, notify::EXCEPTION_RAISE_STATE + 100, &answer);
    let now =
        s.w.ask(s.root, routine::THREAD_GET_STATE, &[s.thread, 1])
            .unwrap();
    assert_eq!(now, state);
    // A state of the wrong size is no answer.
    s.fault();
    let (_, reply, _) = s.told();
    s.answer(reply, notify::EXCEPTION_RAISE_STATE + 100, &[0, 1, 2]);
    s.w.refused(
        s.root,
        routine::TASK_INFO,
        &[s.task],
        Error::KERN_INVALID_TASK,
    );
    s.w.finish();
}

#[test]
fn a_suspended_thread_stays_so_when_its_exception_is_answered() {
    let mut s = Scene::new();
    s.handler(routine::TASK_SET_SPECIAL_PORT, s.task, special::EXCEPTION);
    s.fault();
    let (_, reply, _) = s.told();
    s.w.ask(s.root, routine::THREAD_SUSPEND, &[s.thread])
        .unwrap();
    s.answer(reply, notify::EXCEPTION_RAISE + 100, &[0]);
    assert!(s.suspended());
    s.w.ask(s.root, routine::THREAD_RESUME, &[s.thread])
        .unwrap();
    assert!(!s.suspended());
    s.w.finish();
}

#[test]
fn a_state_starts_a_thread_and_is_refused_in_a_call() {
    let mut s = Scene::new();
    let fresh =
        s.w.ask(s.root, routine::THREAD_CREATE, &[s.task, 0])
            .unwrap()[0];
    let state = [fresh, 1, TEXT, 0x99, 1, 2, 3, 4];
    s.w.refused(
        s.root,
        routine::THREAD_SET_STATE,
        &state[..7],
        Error::KERN_INVALID_ARGUMENT,
    );
    s.w.refused(
        s.root,
        routine::THREAD_SET_STATE,
        &[fresh, 2],
        Error::KERN_INVALID_ARGUMENT,
    );
    s.w.ask(s.root, routine::THREAD_SET_STATE, &state).unwrap();
    s.w.ask(s.root, routine::THREAD_RESUME, &[fresh]).unwrap();
    let now =
        s.w.ask(s.root, routine::THREAD_GET_STATE, &[fresh, 1])
            .unwrap();
    assert_eq!(now, state[2..]);
    // The other thread waits in a call.
    assert_eq!(
        s.w.request(s.child, routine::MSG_RECEIVE, &[0, 0]),
        Reply::Waits
    );
    let state = [s.thread, 1, TEXT, 0x99, 1, 2, 3, 4];
    s.w.refused(
        s.root,
        routine::THREAD_SET_STATE,
        &state,
        Error::KERN_FAILURE,
    );
    s.w.check();
    s.w.finish();
}

#[test]
fn nobody_gets_a_priority_above_the_common_one() {
    let mut s = Scene::new();
    let task = s.w.mach.audit_tasks_all()[0];
    let host = s.w.mach.host_give(task).unwrap() as u64;
    let sched = |s: &mut Scene| {
        let words = s.w.ask(
            s.root,
            routine::THREAD_INFO,
            &[s.thread, flavor::THREAD_SCHED],
        );
        words.unwrap()[2..5].to_vec()
    };
    assert_eq!(sched(&mut s), [25, 25, 25]);
    let (root, thread) = (s.root, s.thread);
    s.w.refused(
        root,
        routine::THREAD_PRIORITY,
        &[thread, 24, 0],
        Error::KERN_FAILURE,
    );
    s.w.refused(
        root,
        routine::THREAD_PRIORITY,
        &[thread, 64, 0],
        Error::KERN_INVALID_ARGUMENT,
    );
    s.w.ask(root, routine::THREAD_PRIORITY, &[thread, 40, 1])
        .unwrap();
    assert_eq!(sched(&mut s), [40, 40, 40]);
    s.w.refused(
        root,
        routine::THREAD_PRIORITY,
        &[thread, 30, 0],
        Error::KERN_FAILURE,
    );
    s.w.refused(
        root,
        routine::THREAD_MAX_PRIORITY,
        &[thread, thread, 30],
        Error::KERN_NO_ACCESS,
    );
    s.w.refused(
        root,
        routine::THREAD_MAX_PRIORITY,
        &[thread, host, 24],
        Error::KERN_FAILURE,
    );
    s.w.ask(root, routine::THREAD_MAX_PRIORITY, &[thread, host, 30])
        .unwrap();
    s.w.ask(root, routine::TASK_PRIORITY, &[s.task, 30, 1])
        .unwrap();
    assert_eq!(sched(&mut s), [30, 30, 30]);
    let fresh = s.w.ask(root, routine::THREAD_CREATE, &[s.task, 0]).unwrap()[0];
    let words =
        s.w.ask(root, routine::THREAD_INFO, &[fresh, flavor::THREAD_SCHED])
            .unwrap();
    assert_eq!(words[2], 30);
    s.w.refused(
        root,
        routine::THREAD_POLICY,
        &[fresh, 2, 0],
        Error::KERN_FAILURE,
    );
    s.w.ask(
        root,
        routine::THREAD_POLICY,
        &[fresh, priority::TIMESHARE, 0],
    )
    .unwrap();
    s.w.finish();
}

#[test]
fn a_task_keeps_ports_and_lists_its_threads() {
    let mut s = Scene::new();
    let (root, task, port) = (s.root, s.task, s.port);
    let how = MAKE_SEND as u64;
    let send =
        s.w.get(root, routine::MACH_PORT_INSERT_RIGHT, &[0, 0, port, how]);
    s.w.ask(
        root,
        routine::MACH_PORTS_REGISTER,
        &[task, 3, send, 0, send],
    )
    .unwrap();
    let kept = s.w.ask(root, routine::MACH_PORTS_LOOKUP, &[task]).unwrap();
    assert_eq!(kept, [3, send, 0, send]);
    s.w.check();
    let five = [task, 5, 0, 0, 0, 0, 0];
    s.w.refused(
        root,
        routine::MACH_PORTS_REGISTER,
        &five,
        Error::KERN_INVALID_ARGUMENT,
    );
    let invalid = Error::MACH_SEND_INVALID_RIGHT;
    s.w.refused(root, routine::MACH_PORTS_REGISTER, &[task, 1, 999], invalid);
    let threads = s.w.ask(root, routine::TASK_THREADS, &[task]).unwrap();
    assert_eq!((threads[0], threads.len()), (2, 3));
    assert_eq!(threads[2], s.thread);
    assert_eq!(
        s.w.ask(root, routine::TASK_THREADS, &[task, 1]).unwrap(),
        [1, s.thread]
    );
    s.w.check();
    s.w.finish();
}

//! Processes (`process.defs`).

use crate::interface;
use crate::types::Rusage;

/// `proc_getprocinfo`: about the task.
pub const PI_FETCH_TASKINFO: i32 = 1;
/// About the threads.
pub const PI_FETCH_THREADS: i32 = 2;
/// The threads' basic information.
pub const PI_FETCH_THREAD_BASIC: i32 = 4;
/// The threads' scheduling.
pub const PI_FETCH_THREAD_SCHED: i32 = 8;
/// What the threads wait for.
pub const PI_FETCH_THREAD_WAITS: i32 = 0x10;
/// Events of the task.
pub const PI_FETCH_TASKEVENTS: i32 = 0x20;

/// `proc_wait`: do not wait.
pub const WNOHANG: i32 = 1;
/// `proc_wait`: tell of stopped children, too.
pub const WUNTRACED: i32 = 2;

/// Operations on a process port.
#[interface(base = 24000, name = "process")]
pub trait Process {
    /// The privileged ports, for root.
    #[routine(4)]
    fn proc_getprivports(host_priv: Out<SendRight>, device_master: Out<SendRight>);
    /// All process ids.
    #[routine(5)]
    fn proc_getallpids(pidarray: Out<[i32]>);
    /// Sets what exec gives to programs by default.
    #[routine(6)]
    fn proc_setexecdata(ports: [SendRight], ints: [i32]);
    /// What exec gives to programs by default.
    #[routine(7)]
    fn proc_getexecdata(ports: Out<[SendRight]>, ints: Out<[i32]>);
    /// Asks for `exec_setexecdata` messages.
    #[routine(8)]
    fn proc_execdata_notify(notify: SendRight);
    /// The five strings of `struct utsname`, each ended by a zero byte.
    #[routine(9)]
    fn proc_uname(uname: Out<Bytes>);
    /// Registers the version of a server, for `proc_uname`.
    #[routine(10)]
    fn proc_register_version(credential: SendRight, name: Str, release: Str, version: Str);
    /// Begins the exchange that gives the process new identities.
    #[simpleroutine(11)]
    fn proc_reauthenticate(rendezvous: SendRight);
    /// Makes a task's process a child of this one.
    #[routine(12)]
    fn proc_child(child: SendRight);
    /// Sets the message port; answers the old one.
    #[routine(13, split)]
    fn proc_setmsgport(newmsgport: SendRight, oldmsgport: Out<SendRight>);
    /// Moves the process to another task.
    #[routine(14)]
    fn proc_reassign(newtask: SendRight);
    /// Sets or clears the owner.
    #[routine(15)]
    fn proc_setowner(owner: u32, clear: i32);
    /// The process's id, its parent's, and whether its group is orphaned.
    #[routine(16)]
    fn proc_getpids(pid: Out<i32>, ppid: Out<i32>, orphaned: Out<i32>);
    /// Says where arguments and environment lie in the task.
    #[routine(17)]
    fn proc_set_arg_locations(argv: u64, envp: u64);
    /// Where arguments and environment lie.
    #[routine(18)]
    fn proc_get_arg_locations(argv: Out<u64>, envp: Out<u64>);
    /// The message port of a process; waits while it is executing another program.
    #[routine(19, split)]
    fn proc_getmsgport(pid: i32, msgport: Out<SendRight>);
    /// Waits for a child (-1 any, 0 of the own group, below -1 of that group).
    #[routine(20, split)]
    fn proc_wait(
        pid: i32,
        options: i32,
        status: Out<i32>,
        sigcode: Out<i32>,
        rusage: Out<Rusage>,
        pid_status: Out<i32>,
    );
    /// Stops all threads but one.
    #[routine(21)]
    fn proc_dostop(contthread: SendRight);
    /// Has exceptions of the signal thread forwarded and its state replaced.
    #[routine(22)]
    fn proc_handle_exceptions(
        msgport: ReceiveRight,
        forwardport: SendRight,
        flavor: i32,
        new_state: [u32],
    );
    /// The process has stopped by a signal.
    #[routine(23)]
    fn proc_mark_stop(signo: i32, sigcode: i32);
    /// The process continues.
    #[routine(24)]
    fn proc_mark_cont();
    /// The process is about to exit with this wait status.
    #[routine(25)]
    fn proc_mark_exit(status: i32, sigcode: i32);
    /// The process has executed a program.
    #[routine(26)]
    fn proc_mark_exec();
    /// The process is traced.
    #[routine(27)]
    fn proc_mark_traced();
    /// Whether the parent wants SIGCHLD for stopped children.
    #[routine(28)]
    fn proc_mod_stopchild(doit: i32);
    /// The task of a process.
    #[routine(29)]
    fn proc_pid2task(pid: i32, task: Out<SendRight>);
    /// The process id of a task.
    #[routine(30)]
    fn proc_task2pid(task: SendRight, pid: Out<i32>);
    /// The process port of a task.
    #[routine(31)]
    fn proc_task2proc(task: SendRight, process: Out<SendRight>);
    /// The task of this process.
    #[routine(32)]
    fn proc_proc2task(task: Out<SendRight>);
    /// The process port of a process id.
    #[routine(33)]
    fn proc_pid2proc(pid: i32, process: Out<SendRight>);
    /// What is known of a process.
    #[routine(34)]
    fn proc_getprocinfo(
        which: i32,
        flags: InOut<i32>,
        procinfo: Out<[i32]>,
        threadwaits: Out<Bytes>,
    );
    /// The arguments of a process, each ended by a zero byte.
    #[routine(35)]
    fn proc_getprocargs(which: i32, procargs: Out<Bytes>);
    /// The environment of a process.
    #[routine(36)]
    fn proc_getprocenv(which: i32, procenv: Out<Bytes>);
    /// Begins a new login collection.
    #[routine(37)]
    fn proc_make_login_coll();
    /// The login collection of a process.
    #[routine(38)]
    fn proc_getloginid(pid: i32, login_id: Out<i32>);
    /// The processes of a login collection.
    #[routine(39)]
    fn proc_getloginpids(id: i32, pids: Out<[i32]>);
    /// Sets the login name.
    #[routine(40)]
    fn proc_setlogin(logname: Str);
    /// The login name.
    #[routine(41)]
    fn proc_getlogin(logname: Out<Str>);
    /// Begins a new session.
    #[routine(42)]
    fn proc_setsid();
    /// The session of a process.
    #[routine(43)]
    fn proc_getsid(pid: i32, sid: Out<i32>);
    /// The process groups of a session.
    #[routine(44)]
    fn proc_getsessionpgids(sid: i32, pgidset: Out<[i32]>);
    /// The processes of a session.
    #[routine(45)]
    fn proc_getsessionpids(sid: i32, pidset: Out<[i32]>);
    /// The port that stands for the session.
    #[routine(46)]
    fn proc_getsidport(sessport: Out<SendRight>);
    /// Moves a process to a group.
    #[routine(47)]
    fn proc_setpgrp(pid: i32, pgrp: i32);
    /// The group of a process.
    #[routine(48)]
    fn proc_getpgrp(pid: i32, pgrp: Out<i32>);
    /// The processes of a group.
    #[routine(49)]
    fn proc_getpgrppids(pgrp: i32, pidset: Out<[i32]>);
    /// The controlling terminal of a process.
    #[routine(50)]
    fn proc_get_tty(target_process: i32, tty: Out<SendRight>);
    /// How many port names a process has.
    #[routine(51)]
    fn proc_getnports(which: i32, nports: Out<u32>);
    /// Says which task is init.
    #[routine(52)]
    fn proc_set_init_task(task: SendRight);
    /// The process is not killed when the system goes down.
    #[routine(53)]
    fn proc_mark_important();
    /// Whether it is.
    #[routine(54)]
    fn proc_is_important(essential: Out<bool>);
    /// Says where the code lies.
    #[routine(55)]
    fn proc_set_code(start_code: u64, end_code: u64);
    /// Where the code lies.
    #[routine(56)]
    fn proc_get_code(start_code: Out<u64>, end_code: Out<u64>);
    /// Makes this process the head of a namespace of tasks of its own.
    #[routine(57)]
    fn proc_make_task_namespace(notify: SendRight);
    /// Says which file the program is.
    #[routine(58)]
    fn proc_set_exe(path: Str);
    /// Which file the program is.
    #[routine(59)]
    fn proc_get_exe(which: i32, path: Out<Str>);
    /// Says where the program starts.
    #[routine(60)]
    fn proc_set_entry(entry: u64);
    /// Where the program starts.
    #[routine(61)]
    fn proc_get_entry(entry: Out<u64>);
    /// As `proc_wait`, with the options of `waitid`.
    #[routine(62, split)]
    fn proc_waitid(
        pid: i32,
        options: i32,
        status: Out<i32>,
        sigcode: Out<i32>,
        rusage: Out<Rusage>,
        pid_status: Out<i32>,
    );
    /// As `proc_reauthenticate`, and moves the process to another task at once.
    #[simpleroutine(63)]
    fn proc_reauthenticate_reassign(rendezvous: SendRight, new_task: SendRight);
    /// To the new process port: the exchange is complete.
    #[simpleroutine(64)]
    fn proc_reauthenticate_complete();
    /// What the children that were waited for have used.
    #[routine(65)]
    fn proc_getchildren_rusage(children_rusage: Out<Rusage>);
    /// Hird's own. `kill`: sends `signal` to process `pid`, or to the caller's group (0), to all
    /// that it may signal (-1), to group `-pid`. A target without a message port has the
    /// signal's default action, unless it ignores it. `ESRCH`, `EPERM`, `EINVAL`.
    #[routine(66)]
    fn proc_signal(pid: i32, signal: i32);
    /// Hird's own, for exec: the process runs another program now, of the file `path`, with its
    /// start-up block at `block`, and ignores the signals `ignored` (bit `n - 1` for signal `n`).
    #[routine(67)]
    fn proc_mark_image(path: Str, block: u64, ignored: u64);
    /// Hird's own: the signals that the process ignores while it has no message port.
    #[routine(68)]
    fn proc_set_ignored(ignored: u64);
    /// Hird's own: `proc_mark_exit`, and the end of the task.
    #[routine(69)]
    fn proc_exit(status: i32, sigcode: i32);
    /// Hird's own: `proc_child`, `proc_task2proc` and `proc_getpids` in one.
    #[routine(70)]
    fn proc_new_child(child: SendRight, process: Out<SendRight>, pid: Out<i32>);
}

/// Indices into the `procinfo` of `proc_getprocinfo`, Hird's own order.
pub mod info {
    /// Bits of [`state`](super::state).
    pub const STATE: usize = 0;
    /// The user that it belongs to; -1 if none.
    pub const OWNER: usize = 1;
    /// Its parent.
    pub const PARENT: usize = 2;
    /// Its process group.
    pub const GROUP: usize = 3;
    /// Its session.
    pub const SESSION: usize = 4;
    /// Its login collection.
    pub const LOGIN: usize = 5;
    /// Its wait status, once it has announced its end.
    pub const EXIT_STATUS: usize = 6;
    /// Number of its threads; 0 unless asked for by [`PI_FETCH_TASKINFO`](super::PI_FETCH_TASKINFO).
    pub const THREADS: usize = 7;
    /// Memory that it has mapped, in KiB; likewise.
    pub const MEMORY: usize = 8;
    /// Names in its port space; likewise.
    pub const NAMES: usize = 9;
    /// Time that it ran, in milliseconds; likewise.
    pub const TIME: usize = 10;
    /// How many there are.
    pub const COUNT: usize = 11;
}

/// Bits of a process's state in `procinfo` (`PI_*`).
pub mod state {
    /// Stopped by a signal.
    pub const STOPPED: u32 = 0x1;
    /// It has executed a program of its own.
    pub const EXECED: u32 = 0x2;
    /// Its group is orphaned.
    pub const ORPHAN: u32 = 0x8;
    /// Nobody said whose child it is.
    pub const NO_PARENT: u32 = 0x10;
    /// It ended and was not waited for.
    pub const ZOMBIE: u32 = 0x20;
    /// It is being traced.
    pub const TRACED: u32 = 0x40;
    /// A message port is awaited.
    pub const GET_MESSAGE_PORT: u32 = 0x80;
    /// It leads its login collection.
    pub const LOGIN_LEADER: u32 = 0x100;
    /// It belongs to nobody.
    pub const NOT_OWNED: u32 = 0x200;
}

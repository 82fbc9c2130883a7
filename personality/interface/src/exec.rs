//! Running programs (`exec.defs`).

use crate::interface;

/// Operations on the exec server. The flags are those of `file_exec`.
#[interface(base = 30000, name = "exec")]
pub trait Exec {
    /// Runs a program.
    #[routine(0)]
    fn exec_exec(
        file: SendRight,
        oldtask: SendRight,
        flags: i32,
        argv: Bytes,
        envp: Bytes,
        dtable: [SendRight],
        portarray: [SendRight],
        intarray: [i32],
        deallocnames: [u32],
        destroynames: [u32],
    );
    /// Tells the exec server, which is started before them, of auth and proc.
    #[routine(2)]
    fn exec_init(auth_handle: SendRight, proc_server: SendRight);
    /// What programs get by default.
    #[simpleroutine(3)]
    fn exec_setexecdata(ports: [SendRight], ints: [i32]);
    /// Runs a program, and says by which names it was found.
    #[routine(4)]
    fn exec_exec_paths(
        file: SendRight,
        oldtask: SendRight,
        flags: i32,
        path: Str,
        abspath: Str,
        argv: Bytes,
        envp: Bytes,
        dtable: [SendRight],
        portarray: [SendRight],
        intarray: [i32],
        deallocnames: [u32],
        destroynames: [u32],
    );
}

//! What a program asks for when it starts (`exec_startup.defs`).

use crate::interface;

/// Operations on the bootstrap port of a program that exec has just made.
#[interface(base = 30500, name = "exec_startup")]
pub trait ExecStartup {
    /// Everything that the program was started with; once.
    #[routine(0)]
    fn exec_startup_get_info(
        user_entry: Out<u64>,
        phdr_data: Out<u64>,
        phdr_size: Out<u64>,
        stack_base: Out<u64>,
        stack_size: Out<u64>,
        flags: Out<i32>,
        argv: Out<Bytes>,
        envp: Out<Bytes>,
        dtable: Out<[SendRight]>,
        portarray: Out<[SendRight]>,
        intarray: Out<[i32]>,
    );
}

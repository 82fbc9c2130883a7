//! What a process answers about itself, and signals (`msg.defs`).

use crate::interface;

/// Operations on a process's message port. `refport` shows the caller's authority: the process's
/// task port, mostly.
#[interface(base = 23000, name = "msg")]
pub trait Msg {
    /// A signal; answered when it has been delivered.
    #[routine(0, split)]
    fn msg_sig_post(signal: i32, sigcode: u32, refport: SendRight);
    /// The process has other ids.
    #[routine(1, split)]
    fn msg_proc_newids(task: SendRight, ppid: i32, pgrp: i32, orphaned: i32);
    /// Adds the identities of a handle.
    #[routine(2)]
    fn msg_add_auth(auth: SendRight);
    /// Removes identities.
    #[routine(3)]
    fn msg_del_auth(task: SendRight, uids: [i32], gids: [i32]);
    /// One of the initial ports, by `machuser::env::init_port`'s index.
    #[routine(4)]
    fn msg_get_init_port(refport: SendRight, which: i32, init_port: Out<SendRight>);
    /// Replaces one.
    #[routine(5)]
    fn msg_set_init_port(refport: SendRight, which: i32, init_port: SendRight);
    /// All of them.
    #[routine(6)]
    fn msg_get_init_ports(refport: SendRight, ports: Out<[SendRight]>);
    /// Replaces all.
    #[routine(7)]
    fn msg_set_init_ports(refport: SendRight, ports: [SendRight]);
    /// One of the initial integers.
    #[routine(8)]
    fn msg_get_init_int(refport: SendRight, which: i32, value: Out<i32>);
    /// Replaces one.
    #[routine(9)]
    fn msg_set_init_int(refport: SendRight, which: i32, value: i32);
    /// All of them.
    #[routine(10)]
    fn msg_get_init_ints(refport: SendRight, values: Out<[i32]>);
    /// Replaces all.
    #[routine(11)]
    fn msg_set_init_ints(refport: SendRight, values: [i32]);
    /// The descriptors.
    #[routine(12)]
    fn msg_get_dtable(refport: SendRight, dtable: Out<[SendRight]>);
    /// Replaces the descriptors.
    #[routine(13)]
    fn msg_set_dtable(refport: SendRight, dtable: [SendRight]);
    /// One descriptor.
    #[routine(14)]
    fn msg_get_fd(refport: SendRight, fd: i32, descriptor: Out<SendRight>);
    /// Replaces one descriptor.
    #[routine(15)]
    fn msg_set_fd(refport: SendRight, fd: i32, descriptor: SendRight);
    /// The environment.
    #[routine(16)]
    fn msg_get_environment(value: Out<Bytes>);
    /// Replaces the environment.
    #[routine(17)]
    fn msg_set_environment(refport: SendRight, value: Bytes);
    /// One variable of the environment.
    #[routine(18)]
    fn msg_get_env_variable(variable: Str, value: Out<Bytes>);
    /// Sets a variable.
    #[routine(19)]
    fn msg_set_env_variable(refport: SendRight, variable: Str, value: Str, replace: bool);
    /// A signal that a tracer does not see.
    #[routine(22, split)]
    fn msg_sig_post_untraced(signal: i32, sigcode: u32, refport: SendRight);
    /// What a thread waits for, and the number of the routine that it calls.
    #[routine(23)]
    fn msg_report_wait(thread: SendRight, wait_desc: Out<Str>, wait_rpc: Out<i32>);
    /// What ports are, in words.
    #[routine(24)]
    fn msg_describe_ports(refport: SendRight, names: [u32], descriptions: Out<Bytes>);
}

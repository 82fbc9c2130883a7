//! The server that starts and ends the system (`startup.defs`).

use crate::interface;

/// Operations on the startup server.
#[interface(base = 29000, name = "startup")]
pub trait Startup {
    /// The system must not go on without this task.
    #[routine(0, split)]
    fn startup_essential_task(
        task: SendRight,
        excpt: ReceiveRight,
        name: Str,
        credential: SendRight,
    );
    /// Asks for `startup_dosync` before the system goes down.
    #[routine(1)]
    fn startup_request_notification(notify_port: SendRight, name: Str);
    /// Takes the system down; `refport` is the privileged host port.
    #[routine(2)]
    fn startup_reboot(refport: SendRight, reboot_code: i32);
    /// proc is there; answers with what it needs.
    #[routine(3, split)]
    fn startup_procinit(
        startup_proc: SendRight,
        startup_task: Out<SendRight>,
        auth: Out<SendRight>,
        host_priv: Out<SendRight>,
        device_master: Out<SendRight>,
    );
    /// auth is there; answers with its process port.
    #[routine(4, split)]
    fn startup_authinit(auth: SendRight, process: Out<SendRight>);
}

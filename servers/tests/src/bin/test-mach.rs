//! The mach server's operations, seen from a program.
#![cfg_attr(target_os = "none", no_std, no_main)]
extern crate alloc;

machuser::program!(main);

fn main() {
    machuser::mach::log("hello from a task");
    let s = machuser::mach::vm_statistics().unwrap();
    machuser::mach::log(&alloc::format!("{s:?}"));
    let r = machuser::ReceiveRight::allocate().unwrap();
    machuser::mach::log(&alloc::format!("receive right {:#x}", r.as_raw()));
    let h = machuser::thread::spawn(|| { machuser::mach::log("a thread"); 7 });
    machuser::mach::log(&alloc::format!("joined {:?}", h.join()));
}

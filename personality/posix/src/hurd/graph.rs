//! The graph of rights, from the mach server and proc.

use alloc::vec::Vec;

use interface::process;
use machuser::env::init_port;
use machuser::{PortRight, SendRight, mach};

use super::{errno, initial, process_list, sent};
use crate::graph::{Account, Graph, Kinds, Port, Right, Task, Thread};
use crate::process::ProcessInfo;
use crate::{Errno, Result};

pub(crate) fn graph() -> Result<Graph> {
    let proc = initial(init_port::PROC)?;
    let host = process::proc_getprivports(&*proc).ok().and_then(|(host, _)| host);
    let mut graph = Graph::default();
    for info in process_list()? {
        // Those of others, and those that have ended meanwhile, are left out.
        if let Ok(Some(task)) = process::proc_pid2task(&*proc, info.pid) {
            graph.tasks.extend(describe(&task, Some(info)));
        }
    }
    let Some(host) = host else { return Ok(graph) };
    for task in mach::host_tasks(&host).map_err(errno)? {
        let known = |number| graph.tasks.iter().any(|task| task.task == number);
        if mach::task_info(&task).is_ok_and(|info| !known(info.number)) {
            graph.tasks.extend(describe(&task, None));
        }
    }
    for info in mach::host_ports(&host).map_err(errno)? {
        let rights = match info.queued.0 {
            0 => Vec::new(),
            _ => match mach::host_port_rights(&host, info.port) {
                Ok(rights) => {
                    rights.into_iter().map(|(kind, port)| (kinds(|is| is == kind), port)).collect()
                }
                Err(machuser::Error::KERN_INVALID_ARGUMENT) => continue,
                Err(error) => return Err(errno(error)),
            },
        };
        graph.ports.push(Port {
            port: info.port,
            receiver: (receiver(info.receiver.0), info.receiver.1),
            name: info.name,
            set: info.set,
            queued: info.queued,
            send: info.send,
            send_once: info.send_once,
            rights,
        });
    }
    graph.accounts = accounts_of(&host)?;
    Ok(graph)
}

pub(crate) fn accounts() -> Result<Vec<Account>> {
    let proc = initial(init_port::PROC)?;
    let (host, _) = process::proc_getprivports(&*proc).map_err(errno)?;
    accounts_of(&sent(host)?)
}

fn accounts_of(host: &SendRight) -> Result<Vec<Account>> {
    let all = mach::host_accounts(host).map_err(errno)?;
    let describe = |info: mach::AccountInfo| {
        let amount = |index: usize| (info.limits[index], info.used[index]);
        let amounts = [amount(0), amount(1), amount(2)];
        Account { account: info.account, parent: info.parent, amounts }
    };
    Ok(all.into_iter().map(describe).collect())
}

/// A task, unless it ends meanwhile.
fn describe(task: &SendRight, process: Option<ProcessInfo>) -> Option<Task> {
    let info = mach::task_info(task).ok()?;
    let rights = rights(task).ok()?;
    let threads = mach::task_threads(task).ok()?;
    let threads = threads.iter().filter_map(|thread| {
        let name = mach::thread_get_name(thread).ok()?;
        let (thread, called) = mach::thread_call(thread).ok()?;
        let called = rights.iter().find(|right| called == Some(right.name));
        Some(Thread { thread, name, calls: called.and_then(|right| right.port) })
    });
    let threads = threads.collect();
    let (pid, args) = process.map_or((None, Vec::new()), |info| (Some(info.pid), info.args));
    let name = mach::task_name(task).ok()?;
    Some(Task { task: info.number, pid, args, name, account: info.account, threads, rights })
}

/// What the names of a task denote.
pub(super) fn rights(task: &SendRight) -> Result<Vec<Right>> {
    let rights = mach::task_rights(task).map_err(errno)?;
    Ok(rights
        .into_iter()
        .map(|right| Right {
            name: right.name.name,
            port: right.port,
            kinds: kinds(|kind| right.name.is(kind)),
            references: right.references,
        })
        .collect())
}

fn kinds(is: impl Fn(u32) -> bool) -> Kinds {
    Kinds {
        receive: is(PortRight::Receive as u32),
        send: is(PortRight::Send as u32),
        send_once: is(PortRight::SendOnce as u32),
        port_set: is(PortRight::PortSet as u32),
        dead: is(PortRight::DeadName as u32),
    }
}

fn receiver(kind: u32) -> &'static str {
    use mach::receiver::*;
    match kind {
        TASK => "task",
        TRANSIT => "message",
        OF_TASK => "of-task",
        OF_THREAD => "of-thread",
        OF_MEMORY => "of-memory",
        OF_HOST => "of-host",
        OF_DMA => "of-dma",
        OF_INTERRUPT => "of-interrupt",
        OF_PORTS => "of-ports",
        OF_ACCOUNT => "of-account",
        OF_EXCEPTION => "of-exception",
        OF_CONTROL => "of-control",
        OF_PROCESSOR => "of-processor",
        OF_PROCESSOR_SET => "of-processor-set",
        OF_PROXY => "of-proxy",
        _ => "of-name",
    }
}

pub(crate) fn process_rights(pid: crate::Pid) -> Result<Vec<Right>> {
    let proc = initial(init_port::PROC)?;
    let task = process::proc_pid2task(&*proc, pid).map_err(errno)?.ok_or(Errno::ESRCH)?;
    rights(&task)
}

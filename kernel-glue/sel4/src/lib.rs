//! Typed capabilities, invocations, IPC buffer, faults and boot info of seL4.
#![no_std]

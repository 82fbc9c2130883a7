//! Ports, rights, messages, notifications and VM maps as pure logic.
#![no_std]

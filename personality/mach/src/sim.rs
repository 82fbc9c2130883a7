//! A kernel on the host: the mach server's logic without a machine.

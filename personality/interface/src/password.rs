//! Identities for passwords (`password.defs`).

use crate::interface;

/// Operations on the password server.
#[interface(base = 38000, name = "password")]
pub trait Password {
    /// A handle of the user, if the password is right.
    #[routine(0)]
    fn password_check_user(user: u32, pw: Str, auth: Out<SendRight>);
    /// A handle of the group, if the password is right.
    #[routine(1)]
    fn password_check_group(group: u32, pw: Str, auth: Out<SendRight>);
}
